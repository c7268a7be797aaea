"""Screens of bulk runs: those so far, how far one is, what came of each record, and the way back."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from flask import Response, abort, flash, jsonify, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, has_access_api, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.bulk_run import DELETE, EDIT, UNDELETE, UNDO, BulkOutcome, BulkRow, BulkRun, BulkState
from app.models.deleted_record import DeletedRecord
from app.models.document_bundle import BundleState, DocumentBundle
from app.models.export_run import ExportKind
from app.models.handover import Handover, HandoverState
from app.models.import_run import ImportRun, ImportState
from app.roles import SEE
from app.services import access, bulk, bulk_door
from app.services import bin as bins
from app.services.bulk_row import batch_of
from app.services.bulk_value import Targets, typed
from app.web import jobs, menu
from app.web.bulk import AT_ONCE, Bulk, begin, summary
from app.web.cells import card_url
from app.web.cells import whole as number
from app.web.crud import CrudView
from app.web.fields import shown
from app.web.hand_out import Parcel, Table, hand_out
from app.web.progress import Progress, done_of
from app.web.records import Records
from app.web.ways import onward

ORDER = 61
SHOWN = 100  # records of the report on one page
_COUNTS = ["total_rows", "changed_rows", "same_rows", "refused_rows"]
_UNDO = _l("Undo")


class BulkRunView(Progress, CrudView):
    """The bulk runs so far; one sees one's own, and those of the people whose records one sees."""

    datamodel = Records(BulkRun, search=None, options=[selectinload(BulkRun.owner)])
    one_name = _l("Bulk change")
    many_name = _l("Bulk changes")
    hint = _l("Tick records in a list and choose what to do with them; what came of it is kept here.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    has_activities: ClassVar = False  # its card is a report of its own, without notes
    list_columns: ClassVar = ["act", "entity", "state", *_COUNTS, "created_at", "owner"]
    show_columns: ClassVar = ["act", "entity", "state", "owner", "created_at", "started_at", "ended_at"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["state", "owner", "created_at"]
    order_columns: ClassVar = ["created_at"]
    base_order = ("created_at", "desc")
    label_columns: Any = {
        "act": _l("What"),
        "entity": _l("Records of"),
        "total_rows": _l("Records"),
        "changed_rows": _l("Changed"),
        "same_rows": _l("Already so"),
        "refused_rows": _l("Refused"),
        "started_at": _l("Started"),
        "ended_at": _l("Ended"),
    }

    def value(self, record: Any, name: str) -> Any:
        """Say in words what is done, and to which records."""
        if name == "act":
            return self.title_of(record)
        if name == "entity":
            screen = self._screen(record)
            return str(screen.many_name) if screen is not None else record.entity
        return super().value(record, name)

    def title_of(self, record: Any) -> str:
        """Return what a run does: "Edit: Country, Owner", "Archive", "Undo: Archive"."""
        said = self._said(record)
        return f"{_UNDO}: {said}" if record.undoes_id is not None else said

    def _said(self, record: BulkRun) -> str:
        screen = self._screen(record)
        if record.act in {EDIT, UNDO}:
            door = bulk_door.of(record.entity)
            names = ", ".join(door.label(name) for name in record.given) if door is not None else ""
            return f"{_('Edit')}: {names}"
        if record.act in {DELETE, UNDELETE}:
            return str(_("Delete"))
        verb = next((each for each in screen.verbs if each.name == record.act), None) if screen is not None else None
        return str(verb.label) if verb is not None else str(record.act)

    def _screen(self, record: BulkRun) -> Any:
        views = (each for each in self.appbuilder.baseviews if isinstance(each, Bulk))
        return next((each for each in views if each.stem == record.entity), None)

    def _allows(self, record: BulkRun, act: str | None) -> bool:
        door = bulk_door.of(record.entity)
        return act is not None and door is not None and self.appbuilder.sm.may(*door.right(act))

    # --- one run --------------------------------------------------------------------------------------------------

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> Any:
        """Show how far a run is and what came of its records: first those that were refused."""
        run = self._found(pk)
        outcome = self._outcome(run)
        after = request.args.get("after", "")
        found = bulk.rows(db.session(), run.id, outcome, after=int(after) if after.isdecimal() else 0, most=SHOWN + 1)
        about: dict[str, Any] = {
            "rows": self._named(run, found[:SHOWN]),
            "told": self._teller(run, found),
            "more": found[SHOWN - 1].id if len(found) > SHOWN else None,
            "outcome": outcome,
            "counts": _counts(run),
            "screen": self._screen(run),
            "card_of": self._way_to,
            "may_cancel": run.is_under_way and self._allows(run, run.act),
            "undone": bulk.undone_by(db.session(), run),
            "undoes": access.get(db.session(), BulkRun, run.undoes_id) if run.undoes_id else None,
        }
        about["may_undo"] = about["undone"] is None and self._allows(run, bulk.way_back(run))
        return self.page("web/bulk_run.html", title=self.title_of(run), record=run, **about)

    def _outcome(self, run: BulkRun) -> BulkOutcome:
        asked = request.args.get("outcome", "")
        if asked in set(BulkOutcome):
            return BulkOutcome(asked)
        return BulkOutcome.refused if run.refused_rows else BulkOutcome.changed

    def _named(self, run: BulkRun, rows: Sequence[BulkRow]) -> list[tuple[BulkRow, Any]]:
        """Return rows with their records, None for one that the reader does not see any more."""
        door = bulk_door.of(run.entity)
        keys = [row.record_id for row in rows]
        found: dict[int, Any] = door.records(db.session(), keys) if door is not None and rows else {}
        if run.act == DELETE and rows:
            found |= {each.record_id: each for each in bins.of_batch(db.session(), batch_of(run.id), keys)}
        return [(row, found.get(row.record_id)) for row in rows]

    def _way_to(self, record: Any) -> str:
        """Return the address of a record of a run, empty for one in a bin that the reader may not look into."""
        hidden = isinstance(record, DeletedRecord) and not self.appbuilder.sm.may(DeletedRecord.__stem__, "see")
        return "" if hidden else card_url(record)

    def _teller(self, run: BulkRun, rows: Sequence[BulkRow]) -> Callable[[BulkRow], list[tuple[str, str]]]:
        """Return what says of a row which values it had and has, links by name."""
        door = bulk_door.of(run.entity)
        if door is None:
            return lambda _row: []
        entity = door.entity
        values = [each for row in rows for each in (row.before, row.after) if each]
        targets = Targets(db.session(), entity, values)

        def text(name: str, value: Any) -> str:
            if name in targets.links and value is not None:
                return str(targets.found[name].get(value, value))
            return shown(typed(entity.__table__.c[name], value)) or "—"

        def told(row: BulkRow) -> list[tuple[str, str]]:
            before, after = row.before or {}, row.after or {}
            return [(door.label(name), f"{text(name, before[name])} → {text(name, after[name])}") for name in after]

        return told

    @expose("/report/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def report(self, pk: int) -> Any:
        """Ask why what came of every record is wanted as a file, and send it: it names them."""
        run, actor = self._found(str(pk)), access.required(db.session())
        heads = [_("Number"), _("Record"), _("Outcome"), _("Reason")]
        parcel = Parcel(
            kind=ExportKind.report,
            right=(str(self.class_permission_name), SEE),
            entity=run.entity,
            title=self.title_of(run),
            file=f"bulk-{run.id}",
            back=f"{self.route_base}/show/{run.id}",
            rows=run.total_rows,
            heads=heads,
            read=lambda _pause: Table(heads, self._told(run, actor)),
            formats=("csv",),
        )
        return hand_out(self, parcel)

    def _told(self, run: BulkRun, actor: access.Actor) -> Iterator[list[Any]]:
        for rows in bulk.all_rows(db.session(), run.id):
            access.act_as(db.session(), actor)  # the request itself, and its session's actor, have ended
            for row, record in self._named(run, rows):
                yield [row.record_id, str(record) if record else None, label_of(row.outcome), row.reason]
            db.session().expunge_all()

    @expose("/cancel/<int:pk>", methods=["POST"])
    @has_access
    @permission_name("see")
    def cancel(self, pk: int) -> Any:
        """Stop a run; what it has changed stays."""
        try:
            with unit_of_work(db.session()) as session:
                run = self._found(str(pk))
                if not self._allows(run, run.act):
                    abort(403)
                bulk.cancel(session, run, at=clock.now())
            flash(_("Stopped. What was changed until then stays."), "success")
        except DomainError as refusal:
            flash(str(refusal), "danger")
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{pk}"))

    @expose("/undo/<int:pk>", methods=["POST"])
    @has_access
    @permission_name("see")
    def undo(self, pk: int) -> Any:
        """Take back what a run has done, by a run of its own."""
        try:
            with unit_of_work(db.session()) as session:
                run = self._found(str(pk))
                act = bulk.way_back(run)
                if act is not None and not self._allows(run, act):
                    abort(403)
                made = bulk.undo(session, run)
                key, total = made.id, made.total_rows
                bulk.queue(session, made, at=clock.now(), later=total <= AT_ONCE)
        except DomainError as refusal:
            flash(str(refusal), "danger")
        else:
            begin(key, total)
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{pk}"))

    # --- the top bar ----------------------------------------------------------------------------------------------

    @expose("/running", methods=["GET"])
    @has_access_api
    @permission_name("see")
    def running(self) -> Response:
        """Say how far the jobs are that this browser has started, and forget those that are over."""
        known = jobs.own()
        session = db.session()
        kinds: dict[str, Any] = {BulkRun.__stem__: (BulkRun, self._job), ImportRun.__stem__: (ImportRun, _import_job)}
        kinds[Handover.__stem__] = (Handover, _handover_job)
        kinds[DocumentBundle.__stem__] = (DocumentBundle, _bundle_job)
        told = []
        for stem, key in known:
            kind, tell = kinds.get(stem, (None, None))
            run = access.get(session, kind, key) if kind is not None else None
            if run is not None and tell is not None:
                told.append(tell(run) | {"stem": stem, "key": key, "percent": run.percent})
        left = [(job["stem"], job["key"]) for job in told if "over" not in job]
        if left != known:
            jobs.keep(left)
        return jsonify(jobs=told)

    def _job(self, run: BulkRun) -> dict[str, Any]:
        url, title = f"{self.route_base}/show/{run.id}", self.title_of(run)
        if run.is_under_way:
            return {"title": title, "url": url, "text": done_of(run.done_rows, run.total_rows)}
        is_well = run.state is BulkState.done and not run.refused_rows
        undo = {"label": str(_UNDO), "url": f"{self.route_base}/undo/{run.id}"} if self._may_undo(run) else None
        told = {"text": f"{title}. {summary(run)}", "category": "success" if is_well else "warning", "undo": undo}
        return {"title": title, "url": url, "over": told}

    def _may_undo(self, run: BulkRun) -> bool:
        return self._allows(run, bulk.way_back(run)) and bulk.undone_by(db.session(), run) is None


def _import_job(run: ImportRun) -> dict[str, Any]:
    about = {"title": _("Import: %(name)s", name=run.file_name), "url": f"/import_run/show/{run.id}"}
    if run.is_under_way:
        return about | {"text": done_of(run.read_rows, run.total_rows or 0)}
    is_well = run.state is ImportState.done and not run.rejected_rows
    counts = _(
        "Added: %(added)s · Changed: %(changed)s · Rejected: %(rejected)s",
        added=number(run.created_rows),
        changed=number(run.updated_rows),
        rejected=number(run.rejected_rows),
    )
    text = f"{about['title']}. {run.message or counts}"
    return about | {"over": {"text": text, "category": "success" if is_well else "warning", "undo": None}}


def _handover_job(run: Handover) -> dict[str, Any]:
    about = {"title": _("Hand-over: %(name)s", name=str(run.leaver)), "url": f"/handover/show/{run.id}"}
    if run.is_under_way:
        return about | {"text": done_of(run.done_rows, run.total_rows)}
    is_well = run.state is not HandoverState.failed
    text = f"{about['title']}. {run.message or label_of(run.state)}"
    return about | {"over": {"text": text, "category": "success" if is_well else "warning", "undo": None}}


def _bundle_job(run: DocumentBundle) -> dict[str, Any]:
    about = {"title": _("Files of documents"), "url": f"/document_bundle/show/{run.id}"}
    if run.is_under_way:
        return about | {"text": done_of(run.done_rows, run.total_rows)}
    is_well = run.state is BundleState.done and not run.missing
    text = f"{about['title']}. {run.message or label_of(run.state)}"
    return about | {"over": {"text": text, "category": "success" if is_well else "warning", "undo": None}}


def _counts(run: BulkRun) -> list[tuple[BulkOutcome, int]]:
    waiting = max(run.total_rows - run.done_rows, 0)
    counted = [(BulkOutcome.changed, run.changed_rows), (BulkOutcome.same, run.same_rows)]
    counted += [(BulkOutcome.refused, run.refused_rows), (BulkOutcome.waiting, waiting)]
    return [each for each in counted if each[1]]


def register(appbuilder: Any) -> None:
    """Register the screen."""
    menu.place(appbuilder, BulkRunView, "bulk_run", label=_l("Bulk changes"), group="exchange", icon="layers")
