"""Screen and REST of the bin: what was deleted, by whom and when, and the way back."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from flask import current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup
from sqlalchemy import String, cast
from sqlalchemy.orm import joinedload

from app.db import db
from app.errors import Conflict, DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.deleted_record import DeletedRecord
from app.search import escape_like
from app.services import bin as bins
from app.web import cells, menu, standard, toast
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb, run
from app.web.ways import onward

ORDER = 96
WRITING = {"add", "edit", "delete", "export"}
SEARCHED = ["entity", "name", "deleted_by", "deleted_at"]
ORDERED = ["name", "entity", "deleted_at"]
RESTORE = Verb("restore", bins.restore, label=_l("Restore"), icon="rotate-ccw", needs_time=True, primary=True)
VERBS = [
    RESTORE,
    Verb(
        "delete_for_good",
        bins.erase,
        label=_l("Delete for good"),
        icon="trash-2",
        danger=True,
        ends=True,
        confirm=_l("Delete for good? Nobody can bring it back."),
    ),
]


def kinds() -> dict[str, Any]:
    """Return the screens of the kinds that can be deleted: stem → view."""
    screens: Any = current_app.extensions["appbuilder"].baseviews
    return {
        view.stem: view
        for view in screens
        if isinstance(view, CrudView) and bins.is_kept(view.datamodel.obj) and "can_delete" in view.base_permissions
    }


def open_kinds() -> list[str]:
    """Return the kinds whose deleted records the reader may see and restore: those that he may delete."""
    return [stem for stem, view in kinds().items() if view.may("see") and view.may("delete")]


def kind_names() -> list[tuple[str, str]]:
    """Return the kinds with their names, by name."""
    return sorted(((stem, str(view.one_name)) for stem, view in kinds().items()), key=lambda pair: pair[1])


class BinRecords(Records):
    """The bin as far as the reader may see it: his rows, of the kinds that he may delete."""

    def selection(self, *, where: Any = (), text: str = "", filters: Any = None) -> Any:
        """Return the query of what passes the conditions; the search text is a part of the name."""
        like = [cast(DeletedRecord.name, String).ilike(f"%{escape_like(text)}%", escape="\\")] if text else []
        return super().selection(where=[*where, *like, self._open()], filters=filters)

    def one(self, key: Any, filters: Any = None, options: Sequence[Any] | None = None) -> Any:
        """Return a record of the bin, None when it is of a kind that the reader may not delete."""
        found = super().one(key, filters, options)
        return found if found is not None and found.entity in open_kinds() else None

    @staticmethod
    def _open() -> Any:
        return DeletedRecord.entity.in_(open_kinds())


class DeletedRecordView(CrudView):
    """What was deleted, to be looked at and brought back."""

    datamodel = BinRecords(DeletedRecord, options=[joinedload(DeletedRecord.deleted_by)], search="name")
    one_name = _l("Deleted record")
    many_name = _l("Bin")
    hint = _l("What was deleted can be restored, with all that belonged to it, until the day that stands here.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = ["name", "entity", "deleted_by", "deleted_at", "kept_until"]
    show_columns: ClassVar = ["name", "entity", "record_id", "deleted_by", "deleted_at", "kept_until"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ORDERED
    base_order = ("deleted_at", "desc")
    key_facts: ClassVar = ["entity", "deleted_by", "deleted_at", "kept_until"]
    worked_out: ClassVar = frozenset({"kept_until"})
    verbs: ClassVar = VERBS
    has_activities: ClassVar = False  # it has its history, notes and files with it

    def value(self, record: Any, name: str) -> Markup:
        """Say until when a record can be restored."""
        if name == "kept_until":
            days = timedelta(days=current_app.config["CRM_BIN_DAYS"])
            return cells.cell((record.deleted_at + days).date())
        return Markup("{}").format(super().value(record, name))

    @expose("/<int:pk>/<string:verb>", methods=["POST"])
    @has_access
    @permission_name("see")
    def act(self, pk: int, verb: str) -> Any:
        """Do a verb; a record that is gone afterwards has no card to go back to."""
        answer = super().act(pk, verb)
        is_gone = getattr(answer, "location", "") == f"{self.route_base}/show/{pk}" and not self.datamodel.one(pk)
        return redirect(f"{self.route_base}/list/") if is_gone else answer

    @expose("/undo", methods=["POST"])
    @has_access
    @permission_name("restore")
    def undo(self) -> Any:
        """Restore what one act has deleted, each record for itself, and say what was refused and why."""
        names, refused = [], []
        found = [(row.id, row.name) for row in bins.of_batch(db.session(), request.form.get("batch", ""))]
        for key, name in found:
            find = partial(self.datamodel.one, key, self._base_filters)
            try:
                run(db.session(), RESTORE, find, {})
                names.append(name)
            except DomainError as refusal:
                refused.append(f"{name}: {refusal}")
            except (NotFound, Conflict):  # somebody was quicker
                continue
        _tell(names, refused)
        return redirect(onward(request.form.get("back"), f"{self.route_base}/list/"))


def _tell(names: list[str], refused: list[str]) -> None:
    """Say what was restored."""
    if len(names) == 1:
        toast.say(_("Restored: %(name)s", name=names[0]))
    elif names:
        toast.say(_("Restored: %(count)s records", count=len(names)))
    for text in refused:
        flash(text, "danger")
    if not names and not refused:
        toast.say(_("This was undone already, or it can no longer be."), "warning")


class DeletedRecordApi(CrudApi):
    """REST of the bin."""

    datamodel = BinRecords(DeletedRecord, options=[joinedload(DeletedRecord.deleted_by)], search="name")
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = ["entity", "record_id", "name", "deleted_by", "deleted_at"]
    show_columns: ClassVar = ["entity", "record_id", "name", "deleted_by", "deleted_at"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ORDERED
    base_order = ("deleted_at", "desc")
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screen and the resource, and name the kinds for filters."""
    standard.LISTS["entity"] = kind_names
    menu.place(appbuilder, DeletedRecordView, "deleted_record", label=_l("Bin"), group="exchange", icon="trash-2")
    appbuilder.add_api(DeletedRecordApi)
