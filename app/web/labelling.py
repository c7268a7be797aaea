"""`Labelling`: address labels of the chosen records of a list, on sheets that are sold for it, made by the worker.

The file leaves through the door of all exports (`views.document_bundle`).
"""

from typing import Any

from flask import request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.documents.labels import SHAPES, Sheet
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.document_bundle import BundleForm
from app.roles import EXPORT
from app.services import access, document_bundle
from app.services import mailing as mailings
from app.services import organisation as organisations
from app.web import bulk_preview, parcel
from app.web.verbs import ForMany

VERB = ForMany("labels", _l("Address labels"), "tag")


class Labelling:
    """The act on many records; see the module's text."""

    datamodel: Any
    stem: Any
    may: Any
    asked: Any
    _picked: Any
    _bulk_page: Any

    def acts_on_many(self) -> list[ForMany]:
        """Return what is done to ticked records, and making their labels for those who may take lists."""
        acts: list[ForMany] = super().acts_on_many()  # type: ignore[misc]
        return [*acts, VERB] if self.may(EXPORT) else acts

    @expose("/many/labels", methods=["POST"])
    @has_access
    @permission_name("export")
    def make_labels(self) -> Any:
        """Ask on which sheets the labels go and where the first stands, and let the worker make them."""
        picked = self._picked()
        given = request.form.get("sheet", "")
        if given not in set(Sheet):
            return self._labels_page(picked)
        keys = self._keys_of_labels(picked)
        try:
            settings = {"sheet": given, "start": _start(Sheet(given)), "sender": _sender()}
            return parcel.ask_for(self.stem, keys, BundleForm.labels, settings)
        except DomainError as refusal:
            return self._labels_page(picked, {refusal.field or "": str(refusal)}), 422

    def _labels_page(self, picked: Any, errors: dict[str, str] | None = None) -> Any:
        total = bulk_preview.count(self, picked.selection)
        typed, errors = request.form, errors or {}
        given = {"sheet": typed.get("sheet", Sheet.three_by_seven), "start": typed.get("start", "1")}
        given["sender"] = typed.get("sender", "") if "sheet" in typed else "1"
        about: dict[str, Any] = {"sheets": list(Sheet), "given": given, "most": document_bundle.MOST}
        about |= {"errors": errors, "error": errors.get("", "")}
        return self._bulk_page("web/labels_ask.html", picked, total=total, verb=VERB, **about)

    def _keys_of_labels(self, picked: Any) -> list[int]:
        """Return the keys of those that the reader may take away, as the list orders them, and one more than may be."""
        cut = access.cut(db.session(), self.datamodel.obj, EXPORT)
        selection = picked.selection if cut is None else picked.selection.filter(cut)
        terms = self.datamodel.terms(selection, self.asked().sorts)
        wanted = selection.with_entities(picked.key).order_by(*(term.clause() for term in terms))
        return [row[0] for row in wanted.limit(document_bundle.MOST + 1)]


def _start(sheet: Sheet) -> int:
    text, most = request.form.get("start", "").strip() or "1", SHAPES[sheet].count
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or not 1 <= int(text) <= most:  # noqa: PLR2004
        raise DomainError(_("A number from %(least)s to %(most)s", least=1, most=most), field="start")
    return int(text)


def _sender() -> str:
    """Return who stands above the address in small letters, where that is wished."""
    us = organisations.first(db.session()) if request.form.get("sender") else None
    return ", ".join(filter(None, (us.legal_name or us.name, mailings.address_of(us)))) if us is not None else ""
