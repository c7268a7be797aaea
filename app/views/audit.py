"""Screen and REST of the audit: who did or saw what, when, from where, with what stood before and after."""

from typing import Any, ClassVar

from flask import current_app
from markupsafe import Markup, escape
from sqlalchemy import inspect

from app.db import db
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.base import entity_of
from app.models.history import Act, FieldChange
from app.services import history, user_erase
from app.services.audit import NOBODY
from app.web import menu, standard, timeline
from app.web.api import CrudApi
from app.web.cells import NOTHING
from app.web.crud import CrudView
from app.web.labels import LABELS
from app.web.records import Records
from app.web.request_cache import request_cache

ORDER = 93
WRITING = {"add", "edit", "delete"}
COLUMNS = ["at", "actor_name", "act", "entity", "name", "channel", "address"]
MORE = [*COLUMNS, "record_id", "sign_in", "seen_as", "request_id", "seal_no"]
SEARCHED = ["at", "actor_name", "act", "entity", "name", "record_id", "channel", "address", "sign_in", "request_id"]
LABELS_HERE = {
    "actor_name": _l("Who"),
    "act": _l("What"),
    "entity": _l("Kind"),
    "name": _l("Record"),
    "record_id": _l("Record number"),
    "channel": _l("By which way"),
    "address": _l("From where"),
    "sign_in": _l("Sign-in"),
    "seen_as": _l("Looking as"),
    "request_id": _l("Request"),
    "seal_no": _l("Seal"),
}
WORDS = {
    "agent": _l("Browser"),
    "came_by": _l("Vouched for by"),
    "sign_ins": _l("Open sign-ins"),
    "identity": _l("Signs in with"),
    "directory": _l("In the company's directory"),
    "made": _l("Key made"),
    "ended": _l("Key ended"),
    "used": _l("Key used"),
    "entries": _l("Entries"),
    "format": _l("Format"),
    "filter": _l("Filter"),
    "reason": _l("Reason"),
    "seals": _l("Seals"),
    "rows": _l("Rows"),
    "username": _l("User name"),
}
FACTS = [(None, {"fields": COLUMNS})]


def screens() -> dict[str, Any]:
    """Return the screens by the stem of what they show."""
    return {
        view.stem: view
        for view in current_app.extensions["appbuilder"].baseviews
        if isinstance(view, CrudView) and hasattr(view.datamodel.obj, "__stem__")
    }


def kinds() -> list[tuple[str, str]]:
    """Return what entries may be about, by its name."""
    found = {stem: str(view.one_name) for stem, view in screens().items()}
    found |= {"role": _("Role"), "user_profile": _("My settings"), "audit": _("Audit")}
    return sorted(found.items(), key=lambda pair: pair[1])


def _erased() -> frozenset[int]:
    """Return the accounts whose people were erased; asked once per request."""
    kept = request_cache("erased people")
    if "keys" not in kept:
        kept["keys"] = user_erase.erased(db.session())
    found: frozenset[int] = kept["keys"]
    return found


class AuditView(CrudView):
    """The audit, to be searched and read."""

    datamodel = Records(FieldChange, search=None)
    one_name = _l("Entry of the audit")
    many_name = _l("Audit")
    hint = _l("Every addition, change, deletion, sign-in and export is kept here, and who opened data of people.")
    card_template = "web/audit_card.html"
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = MORE
    show_fieldsets: ClassVar = FACTS
    about_it: ClassVar = MORE[len(COLUMNS) :]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["at"]
    base_order = ("at", "desc")
    label_columns: Any = LABELS_HERE
    has_activities: ClassVar = False  # an entry has no history of its own
    holds_personal_data: ClassVar = False  # who reads the audit is no entry of it: it would fill itself
    own_values: ClassVar = frozenset({"name", "actor_name", "seal_no"})

    def title_of(self, record: Any) -> str:
        """Say what was done to what."""
        return f"{label_of(record.act)}: {self._record_name(record) or dict(kinds()).get(record.entity, record.entity)}"

    def value(self, record: Any, name: str) -> Any:
        """Link the record where it still stands, and say who the system is."""
        if name == "name":
            return self._record_link(record)
        if name == "actor_name" and record.actor_id is None:
            return NOTHING if record.act is Act.sign_in_failed else escape(self._nobody(record))
        if name == "actor_name" and record.actor_id in _erased():
            return escape(_("Former colleague #%(number)s", number=record.actor_id))
        if name == "seal_no" and record.seal_no is None:
            return escape(_("not sealed yet"))
        return super().value(record, name)

    @staticmethod
    def _nobody(record: Any) -> str:
        return str(record.actor_name) if record.actor_name not in {None, NOBODY} else _("System")

    def _record_name(self, record: Any) -> str:
        if record.name and record.part is not None:
            return f"{record.name} · {self._part_label(record)}"
        if record.name:
            return str(record.name)
        if record.erasure is not None and record.salt is None:
            return _("No. %(id)s (name erased)", id=record.record_id)
        return _("No. %(id)s", id=record.record_id) if record.record_id is not None else ""

    def _record_link(self, record: Any) -> Markup:
        text = self._record_name(record)
        view = screens().get(record.entity)
        if not text:
            return NOTHING
        if view is None or record.record_id is None or record.act is Act.delete or not view.may("see"):
            return escape(text)
        return Markup('<a href="{}/show/{}">{}</a>').format(view.route_base, record.record_id, text)

    def part_of(self, record: Any) -> str:
        """Return which row within the record was changed, "" for the record itself."""
        if record.part is None:
            return ""
        return _("%(what)s, row %(id)s", what=self._part_label(record), id=record.part_id)

    @staticmethod
    def _part_label(record: Any) -> str:
        names = {relation.mapper.class_.__tablename__: name for name, relation in _relations(record.entity)}
        return str(LABELS.get(names.get(record.part, ""), record.part))

    def before_and_after(self, record: Any) -> list[timeline.Change]:
        """Return what changed in words: label, before, after."""
        gone = (record.erasure or {}).get("gone", {})
        kept = {name: pair for name, pair in record.changes.items() if name not in gone}
        entity = _entity(record)
        view = screens().get(record.entity)
        labels = LABELS | WORDS | dict((view.label_columns if view is not None and record.part is None else None) or {})
        found = timeline.in_words(db.session(), entity, labels, kept) if entity is not None else _plain(labels, kept)
        erased = _("erased")
        return [
            *found,
            *((str(labels.get(name.removesuffix("_id"), name)), erased, erased) for name in gone if name),
        ]

    def audit_of(self, record: Any) -> str:
        """Return the address of all entries about the same record."""
        if record.record_id is None:
            return ""
        return f"{self.route_base}/list/?flt.entity.eq={record.entity}&flt.record_id.eq={record.record_id}"

    def erasures(self, record: Any) -> list[Any]:
        """Return the entries that say when and by whom values were taken out of this one."""
        keys = (record.erasure or {}).get("note", [])
        found = db.session.query(FieldChange).filter(FieldChange.id.in_(keys)).order_by(FieldChange.id)
        return list(found) if keys else []


def _relations(stem: str) -> Any:
    entity = entity_of(stem)
    return inspect(entity).relationships.items() if entity is not None else ()


def _entity(record: Any) -> type[Any] | None:
    """Return the class of what an entry is about: the record's, or that of its row."""
    entity = entity_of(record.entity)
    if record.part is None or entity is None:
        return entity
    return next((each for each in history.parts_of(entity) if each.__tablename__ == record.part), None)


def _plain(labels: dict[str, Any], changes: dict[str, Any]) -> list[timeline.Change]:
    return [
        (str(labels.get(name, name)), *("—" if each in {None, ""} else str(each)[:200] for each in pair))  # type: ignore[misc]
        for name, pair in changes.items()
    ]


class AuditApi(CrudApi):
    """REST of the audit."""

    datamodel = Records(FieldChange, search=None)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = [*COLUMNS, "record_id"]
    show_columns: ClassVar = [*MORE, "part", "part_id"]  # values only on the screen, which asks the rights of fields
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["at"]
    base_order = ("at", "desc")
    label_columns: Any = LABELS_HERE
    holds_personal_data: ClassVar = False


def register(appbuilder: Any) -> None:
    """Register the screen and the resource, and name the kinds for filters."""
    standard.LISTS["audited"] = kinds
    menu.place(appbuilder, AuditView, "audit", label=_l("Audit"), group="security", icon="history")
    appbuilder.add_api(AuditApi)
