"""`CrudView`: list, card and forms of an entity by declaration, on Flask-AppBuilder's ModelView, with its holes closed.

What a view declares: `datamodel = Records(…)`, its columns, its verbs. What it gets: list with search, filters, order
and paging, card with timeline, forms that keep what was typed, optimistic locking, bulk acts, rights per verb.
Every record is reached through the row rule; a foreign one answers like an unknown one.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

from flask import Response, abort, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access

from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.models.base import Entity, Owned
from app.models.deleted_record import DeletedRecord
from app.roles import CHANGE, DELETE
from app.services import access, idempotency
from app.services import bin as bins
from app.services import organisation as organisations
from app.web import audited, drafts, guarded, timeline, toast, ways
from app.web.bulk import Bulk
from app.web.card import Child
from app.web.crm_form import CrmForm
from app.web.fields import shown
from app.web.form_converter import FormConverter
from app.web.form_help import FormHelp
from app.web.form_page import for_browser, has_secret, wrongs
from app.web.form_rules import Rule
from app.web.labels import LABELS
from app.web.lines import asks_for_row, lines_fields
from app.web.records import keep_empty, version_of
from app.web.sharing import with_share

CLOSED = {"download", "action", "action_post"}  # the framework's routes that reach records past our door
RIGHTS = {"list": "see", "show": "see", "export": "export", "add": "add", "edit": "change", "delete": "delete"}
CELLS = ("cell", "change_cell", "edit_many", "edit_many_again")  # ways to change a value without the form
ASKED_WITH = {
    "act": "see",
    "acted": "see",
    "act_on_many": "see",
    "quick_form": "add",
    "quick_add": "add",
    "notice": "see",
}
DECLARED = (
    "list_columns",
    "show_columns",
    "add_columns",
    "edit_columns",
    "search_columns",
    "order_columns",
    "base_order",
)


class CrudView(FormHelp, Bulk):
    """The base of all screens of entities; see the module's text."""

    form_template = "web/form.html"
    lines: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # rows edited in the record's form: name → columns
    rules: ClassVar[Sequence[Rule]] = ()  # what of the form is shown, needed and offered; see app/web/form_rules.py
    begins_with_ours: ClassVar[bool] = False  # a new record is of the organisation that was there first
    one_name: Any = ""  # "Party", lazy
    many_name: Any = ""  # "Parties", lazy

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        records = cls.__dict__.get("datamodel")
        if records is None:
            return
        missing = [name for name in DECLARED if getattr(cls, name, None) is None]
        if missing:
            raise TypeError(f"{cls.__name__} does not declare {', '.join(missing)}")
        stem = records.obj.__stem__
        cls.verbs = with_share(records.obj, cls.verbs)
        guarded.install(cls, records.obj)
        cls.route_base = cls.__dict__.get("route_base", f"/{stem}")
        cls.class_permission_name = cls.__dict__.get("class_permission_name", stem)
        cells = set(CELLS) if "edit" in cls.exclude_route_methods else set()
        if "delete" in cls.exclude_route_methods or not bins.is_kept(records.obj):
            cells.add("delete_many")  # many are deleted only where there is a way back
        cls.exclude_route_methods = CLOSED | cls.exclude_route_methods | cells | cls._unhelped()
        cls.method_permission_name = RIGHTS | ASKED_WITH
        cls.base_permissions = [
            f"can_{verb}" for verb in dict.fromkeys([*cls.allowed_rights(), *(v.name for v in cls.verbs)])
        ]

    @classmethod
    def allowed_rights(cls) -> list[str]:
        """Return the basic rights that the view offers: those whose routes it has."""
        return [right for method, right in RIGHTS.items() if method not in cls.exclude_route_methods]

    @classmethod
    def _unhelped(cls) -> set[str]:
        """Return the routes that help a form which the view does not have, or in ways that it does not declare."""
        quick = (
            set() if cls.quick is not None and "add" not in cls.exclude_route_methods else {"quick_form", "quick_add"}
        )
        return quick | ({"notice"} if cls.duplicates is None and cls.known is None else set())

    exclude_route_methods: ClassVar[set[str]] = set()  # routes that the view does not have

    # --- set-up ---------------------------------------------------------------------------------------------------

    def _init_properties(self) -> None:
        self.label_columns = LABELS | dict(self.label_columns or {})
        super()._init_properties()
        keep_empty(self)

    def _init_forms(self) -> None:
        convert = FormConverter(self.datamodel)
        rows = lines_fields(self.datamodel.obj, self.lines, self.label_columns)
        self.search_form = CrmForm
        for name, columns in (("add", self.add_columns), ("edit", self.edit_columns)):
            if getattr(self, f"{name}_form") is None:
                form = convert.create_form(
                    self.label_columns,
                    columns,
                    self.description_columns,
                    self.validators_columns,
                    rows | getattr(self, f"{name}_form_extra_fields"),
                )
                setattr(self, f"{name}_form", form)
            if self.rules:
                getattr(self, f"{name}_form").rules = self.rules

    def _init_titles(self) -> None:
        self.list_title = self.list_title or self.many_name
        self.show_title = self.add_title = self.edit_title = self.one_name
        self.title = self.list_title

    # --- forms ----------------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Show an empty form, or make a record from it."""
        if request.method == "GET":
            typed = drafts.kept()
            if typed is not None:
                return self._form_page(self.add_form(formdata=typed), None, rescued=drafts.how_it_came())
            form = self.add_form.refresh()
            self.prefill(form)
            return self._form_page(form, None)
        form = self.add_form.refresh()
        if asks_for_row(request.form):
            return self._form_page(form, None)
        return self._make(form) if form.validate() else (self._form_page(form, None), 422)

    def _make(self, form: CrmForm) -> Any:
        """Make a record from a valid form, once."""
        try:
            with unit_of_work(db.session()) as session:
                key = request.form.get("form_key", "")
                row, done = self._once(session, key)
                if done:  # a double click: the record stands, show it
                    return redirect(f"{self.route_base}/show/{row.answer['id']}")
                record = self.datamodel.store(lambda made: self.fill(form, made, self.add_columns))
                if row is not None:
                    idempotency.end(row, status=201, answer={"id": record.id})
        except DomainError as refusal:
            return self._refused(form, refusal, None)
        except Conflict:
            flash(_("This form is being saved already."), "warning")
            return redirect(f"{self.route_base}/list/")
        return self._stored(record, _("Saved: %(name)s", name=str(record)))

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> Any:
        """Show a record's form, or store it; somebody else's change in between is shown, not overwritten."""
        record = self._found(pk)
        access.require(db.session(), record, CHANGE)
        if not self.can_edit(record):
            flash(_("This record can no longer be changed."), "warning")
            return redirect(f"{self.route_base}/show/{pk}")
        if request.method == "GET":
            typed = drafts.kept()
            if typed is not None:
                form = self.edit_form(formdata=typed, obj=record)
                return self._form_page(form, record, rescued=drafts.how_it_came())
            form = self.open_form(record)
            form.record_version.data = str(version_of(record))
            return self._form_page(form, record)
        form = self.open_form(record)
        if asks_for_row(request.form):
            return self._form_page(form, record)
        if not form.validate():
            return self._form_page(form, record), 422
        opened = int(form.record_version.data) if (form.record_version.data or "").isdecimal() else None
        try:
            record = self.datamodel.store(
                lambda kept: self.fill(form, kept, self.edit_columns),
                pk,
                filters=self._base_filters,
                version=opened if opened is not None else -1,
            )
        except Conflict:
            return self._conflict(form, pk)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            return self._refused(form, refusal, self._found(pk))
        return self._stored(record, _("Saved: %(name)s", name=str(record)))

    def open_form(self, record: Any) -> CrmForm:
        """Return the form of a record that stands."""
        return cast("CrmForm", self.edit_form.refresh(record))

    def prefill(self, form: CrmForm) -> None:
        """Take defaults for a new record from the address: `?party=7` a link, `?name=…` a text, `?copy=7` all."""
        self.take_over(form)
        for name in self.add_columns:
            given = request.args.get(name)
            if given:
                with suppress(ValueError):  # a default that makes no sense is none
                    form._fields[name].process_formdata([given])
        if self.begins_with_ours and not form["organisation"].data:
            form["organisation"].data = organisations.first(db.session())

    def _form_page(self, form: CrmForm, record: Any, **about: Any) -> str:
        if record is not None:
            audited.opened(self, record)
        columns = self.add_columns if record is None else self.edit_columns
        fieldsets = (self.add_fieldsets if record is None else self.edit_fieldsets) or [(None, {"fields": columns})]
        title = _("New: %(what)s", what=str(self.one_name)) if record is None else str(record)
        form.look()
        order = [name for _legend, fields in fieldsets for name in fields["fields"]]
        return self.page(
            self.form_template,
            title=title,
            form=form,
            record=record,
            fieldsets=fieldsets,
            wrongs=wrongs(form, order),
            for_browser=for_browser(form),
            draft=None if has_secret(form) else {"key": drafts.key(), "turn": drafts.turn()},
            helps=type(self).duplicates is not None or type(self).known is not None,
            back=ways.back_to_list(self),
            leave=ways.back_to_list(self) if record is None else ways.with_list(f"{self.route_base}/show/{record.id}"),
            **about,
        )

    def _refused(self, form: CrmForm, refusal: DomainError, record: Any) -> tuple[str, int]:
        errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
        form.refuse(errors)
        return self._form_page(form, record), 422

    def _conflict(self, form: CrmForm, pk: str) -> tuple[str, int]:
        """Show the form again with what was typed and, at each field that differs, what stands there now."""
        record = self._found(pk)
        theirs = {}
        for name in self.edit_columns:
            standing = getattr(record, name, None)
            if not isinstance(standing, list) and form._fields[name].data != standing:
                theirs[name] = shown(standing)
        form.record_version.data = str(version_of(record))
        form.record_version.raw_data = None
        last = timeline.last_change(db.session(), record)
        return self._form_page(form, record, theirs=theirs, last=last), 409

    def _stored(self, record: Entity, text: str) -> Any:
        with unit_of_work(db.session()) as session:
            drafts.forget(session)
        flash(text, "success")
        if request.form.get("then") == "another":
            return redirect(ways.with_list(f"{self.route_base}/add"))
        if request.form.get("then") == "close":
            return redirect(ways.back_to_list(self))
        if isinstance(record, Owned) and not access.visible(db.session(), record):
            return redirect(f"{self.route_base}/list/")  # it was given to somebody whose rows the reader does not see
        return redirect(ways.with_list(f"{self.route_base}/show/{record.id}"))

    @expose("/delete/<pk>", methods=["POST"])
    @has_access
    def delete(self, pk: str) -> Any:
        """Move a record into the bin, with a way back, or say what hangs on it."""
        record = self._found(pk)
        name = str(record)
        access.require(db.session(), record, DELETE)
        if not self.can_edit(record):
            flash(_("This record can no longer be changed."), "warning")
            return redirect(f"{self.route_base}/show/{pk}")
        try:
            deleted = self.datamodel.erase(pk, filters=self._base_filters)
        except NotFound:
            abort(404)
        except Conflict:
            flash(_("Somebody else has just changed this record. Look at it and try again."), "warning")
            return redirect(f"{self.route_base}/show/{pk}")
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(f"{self.route_base}/show/{pk}")
        toast.say(_("Deleted: %(name)s", name=name), undo=self._way_back(deleted))
        return redirect(f"{self.route_base}/list/")

    def _way_back(self, deleted: DeletedRecord | None) -> toast.Undo | None:
        """Return the button that takes a deletion back, None for those who may not."""
        if deleted is None or not self.appbuilder.sm.may(DeletedRecord.__stem__, "restore"):
            return None
        return _("Undo"), "/deleted_record/undo", {"batch": deleted.batch}


__all__ = ["Child", "CrudView", "Response"]
