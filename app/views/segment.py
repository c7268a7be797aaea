"""Screens and REST of segments."""

from datetime import datetime
from typing import Any, ClassVar

from flask import Response, abort, g, render_template, request
from flask_appbuilder import expose
from flask_appbuilder.api import permission_name as permission_of
from flask_appbuilder.api import protect, safe
from flask_appbuilder.security.decorators import has_access, permission_name
from marshmallow import fields
from sqlalchemy.orm import Session

from app import clock
from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.segment import Segment, SegmentKind
from app.services import access, condition, segment_members
from app.services import segment as segments
from app.services.segment import Reason
from app.services.segment_members import Combining
from app.web import condition_form, menu, openapi, rows_read
from app.web import condition_words as words
from app.web.api import CrudApi
from app.web.cells import cell
from app.web.crud import CrudView
from app.web.records import Records
from app.web.schema import LinkedField, MemberField
from app.web.verbs import Verb

ORDER = 20
COLUMNS = ["name", "kind", "owner", "team", "changed_at"]
TYPED = ["name", "kind", "definition", "note", "owner", "team"]
PAGE = 100
KEY_DIGITS = 18


def _refresh(session: Session, segment: Segment, *, at: datetime) -> None:
    segment_members.refresh(session, segment, at=at)
    segments.recount(session, segment, at=at)


def _recount(session: Session, segment: Segment, *, at: datetime) -> None:
    segments.recount(session, segment, at=at)


def _combine(session: Session, segment: Segment, *, other: Segment, how: Combining, at: datetime) -> None:
    segment_members.combine(session, segment, other=other, how=how, at=at)
    segments.recount(session, segment, at=at)


def _is_static(segment: Segment) -> bool:
    return segment.kind == SegmentKind.static


VERBS = [
    Verb("recount", _recount, label=_l("Count again"), icon="hash", needs_time=True),
    Verb(
        "refresh",
        _refresh,
        label=_l("Find the members anew"),
        icon="refresh-cw",
        fits=_is_static,
        when=lambda one: bool(one.definition and one.definition.get("all") != []),
        needs_time=True,
    ),
    Verb(
        "combine",
        _combine,
        label=_l("Combine with another segment"),
        icon="layers",
        fits=_is_static,
        arguments={"other": LinkedField(Segment, required=True), "how": MemberField(Combining, required=True)},
        needs_time=True,
    ),
]


class SegmentView(CrudView):
    """List, form and card of segments."""

    datamodel = Records(Segment, save=segments.save)
    one_name = _l("Segment")
    many_name = _l("Segments")
    hint = _l("A segment is a set of parties, found by conditions: whom one writes to, calls or looks at.")
    card_template = "web/segment_card.html"
    form_template = "web/segment_form.html"
    label_columns: Any = {
        "definition": _l("Conditions"),
        "members": _l("Members"),
        "other": _l("Other segment"),
        "how": _l("What becomes of the members"),
        "frozen_at": _l("Members found"),
    }
    list_columns: ClassVar = ["name", "kind", "members", "owner", "changed_at"]
    worked_out: ClassVar[frozenset[str]] = frozenset({"members"})
    show_columns: ClassVar = [*COLUMNS, "frozen_at", "note"]
    add_columns: ClassVar = TYPED
    edit_columns: ClassVar = TYPED
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name", "changed_at"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["kind", "owner"]
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    add_form_extra_fields: ClassVar = {"definition": condition_form.ConditionField(_l("Conditions"))}
    edit_form_extra_fields: ClassVar = {"definition": condition_form.ConditionField(_l("Conditions"))}
    description_columns: ClassVar = {
        "kind": _l("Live: found anew each time. Static: kept as they were found, until somebody finds them anew.")
    }

    def _list_page(self, wish: Any, found: Any, count: int, **about: Any) -> str:
        g.segment_counts = segments.counted(db.session(), [row.id for row in found.rows])
        return super()._list_page(wish, found, count, **about)

    def value(self, record: Any, name: str) -> Any:
        """Show how many members the reader has last counted."""
        if name != "members":
            return super().value(record, name)
        kept = g.get("segment_counts", {}).get(record.id)
        return cell(kept.members if kept is not None else None)

    # --- card -----------------------------------------------------------------------------------------------------

    def found(self, record: Segment) -> dict[str, Any]:
        """Return who is in a segment now: how many, the first ones, or why the reader may not know."""
        if not self.sees_parties():
            return {"refusal": _("This needs the right to see parties.")}
        session, at = db.session(), clock.now()
        try:
            members = segments.members(session, record, at=at)
        except DomainError as refusal:
            return {"refusal": str(refusal)}
        return {"found": segments.size(session, members), "sample": segments.sample(session, members), "refusal": ""}

    def sees_parties(self) -> bool:
        """Say whether the reader sees parties at all."""
        return bool(self.appbuilder.sm.may(Party.__stem__, "see"))

    @staticmethod
    def parts(record: Segment) -> list[tuple[int, str]]:
        """Return the conditions in words, each with its depth."""
        return [(depth, words.told(part)) for part, depth in segments.walk(segments.tree_of(record), 0)]

    def asked_party(self) -> Party | None:
        """Return the party of whom one asks why it is in, if one does and sees it."""
        key = request.args.get("party", "")
        known = key.isascii() and key.isdecimal() and len(key) <= KEY_DIGITS and self.sees_parties()
        return access.get(db.session(), Party, int(key)) if known else None

    @staticmethod
    def why(record: Segment, party: Party) -> list[tuple[Reason, str, str]]:
        """Return each condition with its words and what the party has there."""
        found = segments.why(db.session(), record, party, at=clock.now())
        return [(one, words.told(one.part), words.shown(one.part, one.value)) for one in found]

    # --- building -------------------------------------------------------------------------------------------------

    @expose("/conditions", methods=["POST"])
    @has_access
    @permission_name("see")
    def build(self) -> Any:
        """Return the builder as it stands after a button or a choice, and how many meet the conditions now."""
        if not self.sees_parties():
            abort(403)
        field = condition_form.standing(condition_form.posted())
        session, at = db.session(), clock.now()
        about: dict[str, Any] = {"refusal": "", "found": 0, "sample": []}
        try:
            tree = condition.parsed(condition.dumped(field.tree))
            members = segments.matching(session, tree, at=at)
            about |= {"found": segments.size(session, members)}
            about |= {"sample": segments.sample(session, members)}
        except DomainError as refusal:
            about["refusal"] = str(refusal)
        if request.form.get("only") == "found":
            return render_template("web/conditions_found.html", **about)
        return field.drawn(**about)


_MEMBERS = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "next": {"type": "string"},
        "result": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}},
        },
    },
}


class SegmentApi(CrudApi):
    """REST of segments and their members."""

    datamodel = Records(Segment, save=segments.save)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = [*TYPED, "frozen_at"]
    add_columns: ClassVar = TYPED
    edit_columns: ClassVar = TYPED
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name", "changed_at"]
    base_order = ("name", "asc")
    verbs: ClassVar = VERBS
    shapes: ClassVar = {"definition": fields.Dict(metadata={"example": {"version": 1, "all": []}})}
    examples: ClassVar = {
        "post": {
            "name": "Dutch clients",
            "definition": {"version": 1, "all": [{"field": "country", "is": "eq", "value": "NL"}]},
        },
        "combine": {"other": 1, "how": "union"},
    }
    described: ClassVar = {
        "get_members": (
            "get",
            {
                "summary": "Get the members of a segment, by pages",
                "parameters": [
                    openapi.KEY,
                    {
                        "in": "query",
                        "name": "after",
                        "required": False,
                        "description": "What the last page said as “next”.",
                        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
                    },
                ],
                "responses": {"200": {"description": "Members", "content": {"application/json": {"schema": _MEMBERS}}}},
            },
        )
    }

    @expose("/<int:pk>/members", methods=["GET"])
    @protect()
    @safe
    @permission_of("see")
    def get_members(self, pk: int) -> Response:
        """Return a page of members within the reader's rows, and how many there are."""
        session, record = db.session(), self.datamodel.one(pk, self._base_filters)
        if record is None:
            return self.response_404()
        if not self.appbuilder.sm.may(Party.__stem__, "see"):
            return self.response(403, message=_("You lack the right “%(right)s”", right="party.see"))
        after = request.args.get("after", "0")
        if not after.isascii() or not after.isdecimal() or len(after) > KEY_DIGITS:
            return self.response(422, message={"after": [_("This is not a page of this list")]})
        try:
            members = segments.members(session, record, at=clock.now())
        except DomainError as refusal:
            return self.refuse(refusal)
        rows = segments.page(session, members, after=int(after), most=PAGE)
        rows_read.note(Party.__stem__, len(rows))
        return self.response(
            200,
            count=segments.size(session, members),
            next=str(rows[-1].id) if len(rows) == PAGE else "",
            result=[{"id": party.id, "name": str(party)} for party in rows],
        )


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, SegmentView, "segment", label=_l("Segments"), group="sales", icon="filter")
    appbuilder.add_api(SegmentApi)
