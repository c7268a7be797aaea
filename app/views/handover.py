"""Screens of hand-overs: whose records go to whom, a look at it before, the report, and the way back."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.export_run import ExportKind
from app.models.handover import Handover, HandoverLine, HandoverState, LineOutcome
from app.models.team import Team
from app.roles import EXPORT
from app.services import access, handover_beside, handover_kinds, handover_people, idempotency
from app.services import handover as handovers
from app.services.handover_plan import Plan, plan
from app.web import handover_form, jobs, menu
from app.web.cells import card_url
from app.web.cells import whole as number
from app.web.crud import CrudView
from app.web.hand_out import Parcel, Table, hand_out
from app.web.handover_form import Typed
from app.web.locale import choose_time_zone
from app.web.progress import Progress
from app.web.records import Records
from app.web.standard import countries
from app.web.verbs import Verb

ORDER = 82
SHOWN = 100  # records of the report on one page
EXAMPLES = 10  # of each kind that a receiver would get
VERBS = [
    Verb(
        "undo",
        handovers.undo,
        label=_l("Undo"),
        icon="undo-2",
        when=lambda made: made.state == HandoverState.done,
        why=handovers.why_not_undone,
        needs_time=True,
    )
]


class HandoverView(Progress, CrudView):
    """Hand-overs; see the module's text."""

    datamodel = Records(Handover, search=None, options=[selectinload(Handover.owner), selectinload(Handover.leaver)])
    one_name = _l("Hand-over")
    many_name = _l("Hand-overs")
    hint = _l("When somebody leaves or falls ill, everything of theirs goes to others here, and nothing is forgotten.")
    exclude_route_methods: ClassVar = {"edit", "delete", "act_on_many"}
    has_activities: ClassVar = False  # its card is a report of its own, without notes
    list_columns: ClassVar = ["leaver", "strategy", "state", "total_rows", "left_rows", "created_at", "owner"]
    show_columns: ClassVar = ["leaver", "strategy", "state", "reason", "total_rows", "left_rows", "created_at", "owner"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["leaver", "state", "strategy", "owner", "created_at"]
    order_columns: ClassVar = ["created_at"]
    base_order = ("created_at", "desc")
    verbs: ClassVar = VERBS
    quick: ClassVar = None
    label_columns: Any = {
        "leaver": _l("Handed over from"),
        "strategy": _l("Who gets what"),
        "total_rows": _l("Records"),
        "left_rows": _l("Left as they are"),
        "owner": _l("Done by"),
    }

    def acts_on_many(self) -> list[Any]:
        """Return nothing: a hand-over is taken back on its own page."""
        return []

    def title_of(self, record: Any) -> str:
        """Return what a hand-over is called."""
        return _("Hand-over: %(name)s", name=str(record.leaver))

    def kind(self, stem: str) -> str:
        """Return what a kind of records is called."""
        view = self._screen(stem)
        return str(view.many_name) if view is not None else stem

    def _screen(self, stem: str) -> Any:
        return next((v for v in self.appbuilder.baseviews if isinstance(v, CrudView) and v.stem == stem), None)

    # --- a new one ------------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Ask whose records go to whom, show what that would do, and do it."""
        people = handover_people.reached(db.session())
        asked = request.values.get("user", "")
        if not asked:
            return self.page("web/handover_whom.html", title=_("Hand over"), people=list(people.values()))
        leaver = people.get(int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) <= 10 else None  # noqa: PLR2004
        if leaver is None:
            abort(404)
        if request.method == "GET":
            owned = handover_kinds.owned(db.session(), leaver.id)
            return self._form(people, leaver, Typed(areas=set(owned)))
        typed = handover_form.read(request.form)
        step = request.form.get("step", "")
        if step == "do":
            return self._do(people, leaver, typed)
        if step != "preview":
            typed.places += [("", "", "")] * handover_form.MORE_PLACES
            return self._form(people, leaver, typed)
        try:
            found = plan(db.session(), typed.wish(leaver.id), named=self.kind)
        except DomainError as refusal:
            return self._wrong(people, leaver, typed, refusal)
        return self._form(people, leaver, typed, found)

    def _do(self, people: Any, leaver: Any, typed: Typed) -> Any:
        """Carry out what was looked at; what has changed since is shown again."""
        wish, at = typed.wish(leaver.id), clock.now()
        try:
            with unit_of_work(db.session()) as session:
                kept, done = self._once(session, request.form.get("form_key", ""))
                if done:  # the same form sent twice
                    return redirect(f"{self.route_base}/show/{kept.answer['id']}")
                fingerprint = request.form.get("fingerprint", "")
                made = handovers.start(
                    session, wish, fingerprint=fingerprint, reason=typed.reason, at=at, named=self.kind
                )
                key, is_waiting, total = made.id, made.is_under_way, made.total_rows
                if kept is not None:
                    idempotency.end(kept, status=303, answer={"id": key})
        except NotFound:
            abort(404)
        except handovers.PlanChanged as refusal:
            return self._form(people, leaver, typed, refusal.plan, error=str(refusal)), 409
        except Conflict:
            text = _("Somebody else has just changed one of these records. Nothing was handed over: try again.")
            return self._form(people, leaver, typed, error=text), 409
        except DomainError as refusal:
            return self._wrong(people, leaver, typed, refusal)
        if is_waiting:
            jobs.begin(Handover.__stem__, key)
            flash(_("%(count)s records are under way. You may go on working.", count=number(total)), "info")
        else:
            flash(_("Handed over: %(count)s records", count=number(total)), "success")
        return redirect(f"{self.route_base}/show/{key}")

    def _wrong(self, people: Any, leaver: Any, typed: Typed, refusal: DomainError) -> Any:
        """Show the page again with what is wrong at its fields, and the plan where there is one."""
        typed.errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
        found = None
        if set(typed.errors) <= {"reason", "locks"}:
            found = plan(db.session(), typed.wish(leaver.id), named=self.kind)
        return self._form(people, leaver, typed, found), 422

    def _form(self, people: Any, leaver: Any, typed: Typed, found: Plan | None = None, error: str = "") -> str:
        session = db.session()
        may = {
            "head": handover_beside.HEADS,
            "ends": handover_beside.ENDS,
            "locks": handover_beside.LOCKS,
            "cover": ("substitution", "add"),
        }
        teams = session.scalars(select(Team).where(Team.head_id == leaver.id).order_by(Team.name)).all()
        return self.page(
            "web/handover_add.html",
            title=_("Hand over: %(name)s", name=leaver.name),
            leaver=leaver,
            people=people,
            offered=handover_people.receivers(people, leaver.id),
            owned=handover_kinds.owned(session, leaver.id),
            teams=teams,
            covers=handover_beside.substitutions_of(session, leaver.id, on=clock.today(choose_time_zone())),
            is_own=leaver.id == access.required(session).user_id,
            typed=typed,
            error=error,
            plan=found,
            table=_table(found.counts if found else {}),
            examples=self._examples(found) if found else {},
            may={name: self.appbuilder.sm.may(*right) for name, right in may.items()},
            countries=countries(),
            at_once=handovers.AT_ONCE,
            today=clock.today(choose_time_zone()),
        )

    def _examples(self, found: Plan) -> dict[tuple[int, str], list[Any]]:
        """Return the first records that each receiver would get, as far as the reader sees them; one read per kind."""
        keys = {pair: found.some(*pair, EXAMPLES) for pair in found.counts}
        named = self._named({stem: [k for (_to, s), some in keys.items() if s == stem for k in some]
                             for stem in {stem for _to, stem in keys}})  # fmt: skip
        return {pair: [named[pair[1], key] for key in some if (pair[1], key) in named] for pair, some in keys.items()}

    def _named(self, keys: dict[str, list[int]]) -> dict[tuple[str, int], Any]:
        """Return records by kind and key, those that the reader sees."""
        named: dict[tuple[str, int], Any] = {}
        for stem, some in sorted(keys.items()):
            entity = handover_kinds.kinds().get(stem)
            if entity is not None and some and self.appbuilder.sm.may(stem, "see"):
                seen = db.session().scalars(select(entity).where(entity.id.in_(some))).unique()
                named |= {(stem, record.id): record for record in seen}
        return named

    # --- one hand-over --------------------------------------------------------------------------------------------

    def _card(self, record: Any, *_tried: Any, **_about: Any) -> str:
        """Show what went to whom, what has become of it, and the way back."""
        session, asked = db.session(), request.args
        outcome = LineOutcome(asked["outcome"]) if asked.get("outcome") in {*LineOutcome} else None
        after = asked.get("after", "")
        start = int(after) if after.isascii() and after.isdecimal() and len(after) <= 18 else 0  # noqa: PLR2004
        found = handovers.lines(session, record.id, outcome=outcome, after=start, most=SHOWN + 1)
        counts = handovers.counts(session, record.id)
        outcomes: dict[str, int] = {}
        for each in counts.values():
            for name, count in each.items():
                outcomes[name] = outcomes.get(name, 0) + count
        return self.page(
            "web/handover_show.html",
            title=self.title_of(record),
            record=record,
            people=self._people([to_id for to_id, _stem in counts]),
            table=_table({pair: sum(each.values()) for pair, each in counts.items()}),
            rows=self._told(found[:SHOWN]),
            more=found[SHOWN - 1].id if len(found) > SHOWN else None,
            outcome=outcome,
            outcomes=[(LineOutcome(name), count) for name, count in sorted(outcomes.items())],
            may_undo=handovers.why_not_undone(record) is None and self.may("undo"),
            may_export=self.may("export"),
            card_of=card_url,
        )

    def _told(self, found: Sequence[HandoverLine]) -> list[tuple[HandoverLine, Any]]:
        """Return lines with their records, None for one that the reader does not see."""
        keys: dict[str, list[int]] = {}
        for line in found:
            keys.setdefault(line.entity, []).append(line.record_id)
        named = self._named(keys)
        return [(line, named.get((line.entity, line.record_id))) for line in found]

    @staticmethod
    def _people(keys: Sequence[int | None]) -> dict[int, str]:
        wanted = {key for key in keys if key}
        found = db.session().scalars(select(User).where(User.id.in_(wanted))).unique() if wanted else ()
        return {user.id: str(user) for user in found}

    @expose("/report/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def report(self, pk: int) -> Any:
        """Ask what the report is wanted for, and send what went to whom as a file."""
        record, actor = self._found(str(pk)), access.required(db.session())
        heads = [_("Kind"), _("Number"), _("Record"), _("Handed over to"), _("Outcome")]
        parcel = Parcel(
            kind=ExportKind.report,
            right=(str(self.class_permission_name), EXPORT),
            entity=self.stem,
            title=self.title_of(record),
            file=f"handover-{record.id}",
            back=f"{self.route_base}/show/{record.id}",
            rows=record.total_rows,
            heads=heads,
            read=lambda _pause: Table(heads, self._lines(record.id, actor)),
        )
        return hand_out(self, parcel)

    def _lines(self, handover_id: int, actor: access.Actor) -> Iterator[list[Any]]:
        last = 0
        while True:
            session = db.session()
            access.act_as(session, actor)  # the request itself, and its session, may have ended
            found = handovers.lines(session, handover_id, after=last, most=1_000)
            people = self._people([line.to_owner_id for line in found])
            for line, record in self._told(found):
                whom = people.get(line.to_owner_id or 0)
                name = str(record) if record is not None else None
                yield [self.kind(line.entity), line.record_id, name, whom, label_of(line.outcome)]
            if len(found) < 1_000:  # noqa: PLR2004
                return
            last = found[-1].id
            session.expunge_all()


def _table(counts: dict[tuple[int, str], int]) -> dict[str, Any]:
    """Return counts as a table: the kinds that occur, and for each receiver what he gets of each."""
    known = [*handover_kinds.kinds(), *sorted({stem for _to, stem in counts} - set(handover_kinds.kinds()))]
    stems = [stem for stem in known if any(stem == each for _to, each in counts)]
    people = dict.fromkeys(to_id for to_id, _stem in counts)
    rows = {to_id: [counts.get((to_id, stem), 0) for stem in stems] for to_id in people}
    return {"stems": stems, "rows": rows, "totals": [sum(each) for each in zip(*rows.values(), strict=True)]}


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, HandoverView, "handover", label=_l("Hand-overs"), group="people", icon="arrow-right")
