"""`InlineEdit`: one value of one row changed in the list, by the same door as the form: rules, rights, conflicts.

A cell asks for its field, sends it with the version of the row that it was read with, and gets its row back; what is
refused comes back as it was typed, with the reason, and somebody else's change is shown beside it.
"""

from builtins import list as many
from collections.abc import Sequence
from typing import Any, ClassVar

from flask import abort, render_template, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import inspect

from app.db import db
from app.errors import Conflict, DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.roles import CHANGE
from app.web import guarded, timeline
from app.web.crm_form import CrmForm, fill
from app.web.fields import shown
from app.web.form_converter import FormConverter
from app.web.records import version_of
from app.web.totals import Totals


class InlineEdit(Totals):
    """Cells that are edited in the list; see the module's text."""

    inline_columns: ClassVar[many[str] | None] = None  # default: what the form changes and one field holds

    def cells_to_edit(self) -> frozenset[str]:
        """Return the columns whose cells this reader may edit in the list."""
        return self.inline_names() if self.may("change") else frozenset()

    def inline_names(self) -> frozenset[str]:
        """Return the columns whose cells may be edited in the list."""
        kept: frozenset[str] | None = getattr(self, "_inline_kept", None)
        if kept is None:
            every = type(self)  # whole; what is kept is cut to each reader below
            offered = every.edit_columns if every.inline_columns is None else every.inline_columns
            mapper = inspect(self.datamodel.obj)
            simple = {*mapper.columns.keys(), *(each.key for each in mapper.relationships if not each.uselist)}
            kept = frozenset(name for name in offered if name in simple and self._has_plain_form())
            self._inline_kept = kept
        return frozenset(guarded.open_to(self.datamodel.obj, kept, action=CHANGE))

    def _has_plain_form(self) -> bool:
        """Say whether the form stores columns only: one of a view's own may do more than its fields say."""
        return type(self).fill is InlineEdit.fill and "edit_form" not in vars(type(self))

    def fill(self, form: CrmForm, record: Any, columns: Sequence[str]) -> None:
        """Put the form's values into the record."""
        fill(form, record, columns)

    def _cell_form(self, name: str) -> type[CrmForm]:
        forms: dict[str, type[CrmForm]] = self.__dict__.setdefault("_cell_forms", {})
        if name not in forms:
            convert = FormConverter(self.datamodel)
            forms[name] = convert.create_form(self.label_columns, [name], {}, self.validators_columns, {})
        return forms[name]

    def _editable(self, pk: int, name: str) -> Any:
        if name not in self.inline_names():
            abort(404)
        record = self._found(str(pk))
        if not self.lets(CHANGE, record):
            abort(404)
        return record

    @expose("/cell/<int:pk>/<string:name>", methods=["GET"])
    @has_access
    @permission_name("change")
    def cell(self, pk: int, name: str) -> str:
        """Return the field of a cell."""
        record = self._editable(pk, name)
        form = self._cell_form(name)(formdata=None, obj=record)
        return self._cell(record, name, form)

    def _cell(self, record: Any, name: str, form: CrmForm, **about: Any) -> str:
        about = {"version": version_of(record), "theirs": None} | about
        return render_template("web/cell.html", view=self, record=record, name=name, form=form, **about)

    @expose("/row/<int:pk>", methods=["GET"])
    @has_access
    @permission_name("see")
    def row(self, pk: int) -> str:
        """Return a row of the list as it stands."""
        return self._row_html(self._found(str(pk)))

    def _row_html(self, record: Any, changed: str = "") -> str:
        columns = self.asked().columns
        bulk = bool(self.acts_on_many())
        return render_template(
            "web/row.html",
            view=self,
            record=record,
            columns=columns,
            bulk=bulk,
            changed=changed,
            kinds={name: self.kind_of(name) for name in columns},
            names={name: self.label(name) for name in columns},
            editable=self.cells_to_edit(),
        )

    @expose("/cell/<int:pk>/<string:name>", methods=["POST"])
    @has_access
    @permission_name("change")
    def change_cell(self, pk: int, name: str) -> Any:
        """Store a cell and return its row; a refused one comes back as it was typed."""
        record = self._editable(pk, name)
        form = self._cell_form(name)(obj=record)
        if not form.validate():
            return self._cell(record, name, form), _status(422)
        asked = request.form.get("record_version", "")
        try:
            record = self.datamodel.store(
                lambda kept: fill(form, kept, [name]),
                pk,
                filters=self._base_filters,
                version=int(asked) if asked.isdecimal() else -1,
            )
        except Conflict:
            return self._overtaken(pk, name, form)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
            form.refuse(errors)
            return self._cell(self._found(str(pk)), name, form), _status(422)
        return self._row_html(record, changed=name)

    def _overtaken(self, pk: int, name: str, form: CrmForm) -> tuple[str, int]:
        """Show the field again with what stands there now and who has changed it."""
        db.session.expire_all()
        record = self._found(str(pk))
        last = timeline.last_change(db.session(), record)
        who = _("%(who)s has just changed this record.", who=last.who) if last is not None else ""
        return self._cell(record, name, form, theirs=shown(getattr(record, name)), who=who), _status(409)


def _status(code: int) -> int:
    """Return the status of a refusal: our script reads the answer itself, and browsers report others as errors."""
    return 200 if request.headers.get("X-Part") else code
