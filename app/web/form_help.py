"""What a form does while one types: makes a related record beside it, tells what may be the same, fills in the known.

A view declares `quick = ("country",)` (what the short form asks besides what is needed), `duplicates = find` and
`known = fill`; every view that has a form for adding has the short one.

    GET  /<stem>/quick    the short form, with the name that was typed (`?name=Foo`)
    POST /<stem>/quick    makes the record by the same rules: {"id", "text"}, or {"form"} with what was refused
    POST /<stem>/notice   {"alike": [...], "known": [...]} for what stands in the form
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from flask import Response, abort, g, jsonify, render_template, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access_api, permission_name
from sqlalchemy.orm import Session
from wtforms import FieldList

from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, Refusals
from app.i18n import gettext as _
from app.services import idempotency
from app.services.duplicate import Alike
from app.web.crm_form import CrmForm
from app.web.faces import Faces
from app.web.lookup import KEY_DIGITS

Typed = Mapping[str, str]
Find = Callable[[Session, Typed, int | None], Sequence[Alike]]

SHOWN = 3
NAMED = ("name", "label", "username")  # what a record is called by: the text typed into a select goes there
LONGEST = 500  # characters of one field that are looked at
MOST_FIELDS = 300


class FormHelp(Faces):
    """The routes of a form that answer while one types."""

    quick: ClassVar[tuple[str, ...] | None] = ()  # None: records of this kind are not made in passing
    duplicates: ClassVar[Find | None] = None
    known: ClassVar[Any] = None  # (session, typed) -> what can be filled in

    def offers_quick(self) -> bool:
        """Say whether the reader may add a record of this kind, and by a short form."""
        return "quick_form" not in self.exclude_route_methods and self.may("add")

    def quick_columns(self) -> list[str]:
        """Return what the short form asks: what is needed, what the view declares, and the name."""
        form = self.add_form(formdata=None)
        asked = {*(self.quick or ()), *NAMED}
        rows = set(getattr(self, "lines", {}))
        needed = {
            name
            for name, field in form._fields.items()
            if getattr(field.flags, "required", False) and field.data is None
        }
        return [name for name in self.add_columns if name not in rows and name in asked | needed]

    @expose("/quick", methods=["GET"])
    @has_access_api
    @permission_name("add")
    def quick_form(self) -> str:
        """Show the short form, begun with what was typed into the select."""
        g.no_adders = True
        form = self.add_form.refresh()
        self.prefill(form)
        return self._quick_page(form)

    @expose("/quick", methods=["POST"])
    @has_access_api
    @permission_name("add")
    def quick_add(self) -> Response:
        """Make a record from the short form, once, by the same rules as from the long one."""
        g.no_adders = True
        form, asked = self.add_form.refresh(), self.quick_columns()
        self._begin_rest(form, asked)
        if not form.validate():
            return jsonify(form=self._quick_page(form))
        try:
            with unit_of_work(db.session()) as session:
                row, done = self._once(session, request.form.get("form_key", ""))
                if done:
                    return jsonify(row.answer)
                record = self.datamodel.store(lambda made: self.fill(form, made, self.add_columns))
                answer = {"id": record.id, "text": str(record)}
                if row is not None:
                    idempotency.end(row, status=201, answer=answer)
        except DomainError as refusal:
            form.refuse(refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]})
            return jsonify(form=self._quick_page(form))
        except Conflict:
            form.refuse({"": [_("This form is being saved already.")]})
            return jsonify(form=self._quick_page(form))
        return jsonify(answer)

    def _begin_rest(self, form: CrmForm, asked: Sequence[str]) -> None:
        """Give the fields that the short form does not ask what an empty long form begins with."""
        empty = self.add_form(formdata=None)
        self.prefill(empty)
        for name in self.add_columns:
            field = form._fields.get(name)
            if field is not None and name not in asked and not isinstance(field, FieldList):  # rows begin empty
                field.data = empty._fields[name].data

    def _quick_page(self, form: CrmForm) -> str:
        names = self.quick_columns()
        for name, field in form._fields.items():  # ids of its own: the page has another form
            field.id = field.label.field_id = f"quick-{name}"
        form.look()
        wrong = [text for name, field in form._fields.items() if name not in names for text in field.errors]
        return render_template(
            "web/form_quick.html",
            view=self,
            form=form,
            names=names,
            wrong=[*form.form_errors, *filter(lambda text: isinstance(text, str), wrong)],
            title=_("New: %(what)s", what=str(self.one_name)),
        )

    @expose("/notice", methods=["POST"])
    @has_access_api
    @permission_name("see")
    def notice(self) -> Response:
        """Say what may be the same record as the one that is typed, and what can be filled in."""
        typed = {
            name: text[:LONGEST]
            for name, text in list(request.form.items())[:MOST_FIELDS]
            if name not in {"csrf_token", "form_owner"}
        }
        find, known = type(self).duplicates, type(self).known
        if find is None and known is None:
            abort(404)
        text = typed.pop("record_id", "")
        key = int(text) if text.isdecimal() and len(text) <= KEY_DIGITS else None
        session = db.session()
        alike = list(find(session, typed, key))[:SHOWN] if find is not None else []
        return jsonify(
            alike=[self._alike(one) for one in alike],
            known=[vars(one) for one in known(session, typed)] if known is not None else [],
        )

    def _alike(self, one: Alike) -> dict[str, str]:
        reasons = ", ".join(str(reason) for reason in one.reasons)
        return {
            "field": one.field,
            "name": one.name,
            "why": ", ".join(filter(None, (one.detail, reasons))),
            "url": f"{self.route_base}/show/{one.id}",
        }


__all__ = ["FormHelp"]
