"""`Bundling`: the files of the chosen records of a list as one, a ZIP or one PDF, made by the worker.

What is chosen may be everything that a list shows; it keeps the order of the list. The file itself leaves through the
door of all exports (`views.document_bundle`).
"""

from typing import Any

from flask import request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.errors import DomainError
from app.i18n import lazy_gettext as _l
from app.models.document_bundle import BundleForm
from app.roles import EXPORT
from app.services import access, document_bundle
from app.web import bulk_preview, parcel
from app.web.verbs import ForMany

VERB = ForMany("files", _l("Take the files"), "file-down")


class Bundling:
    """The act on many records; see the module's text."""

    datamodel: Any
    stem: Any
    may: Any
    asked: Any
    _picked: Any
    _bulk_page: Any

    def acts_on_many(self) -> list[ForMany]:
        """Return what is done to ticked records, and taking their files for those who may take lists."""
        acts: list[ForMany] = super().acts_on_many()  # type: ignore[misc]
        return [*acts, VERB] if self.may(EXPORT) else acts

    @expose("/many/files", methods=["POST"])
    @has_access
    @permission_name("export")
    def take_files(self) -> Any:
        """Ask as what the files of the chosen records shall leave, and let the worker put them together."""
        picked = self._picked()
        given = request.form.get("form", "")
        if given not in document_bundle.AS_THEY_ARE:
            return self._files_page(picked)
        try:
            return parcel.ask_for(self.stem, self._keys_in_order(picked), BundleForm(given))
        except DomainError as refusal:
            return self._files_page(picked, str(refusal)), 422

    def _files_page(self, picked: Any, error: str = "") -> Any:
        total = bulk_preview.count(self, picked.selection)
        given = request.form.get("form", BundleForm.zip)
        about = {"forms": document_bundle.AS_THEY_ARE, "given": given, "most": document_bundle.MOST, "error": error}
        return self._bulk_page("web/bundle_ask.html", picked, total=total, verb=VERB, **about)

    def _keys_in_order(self, picked: Any) -> list[int]:
        """Return the keys of those that the reader may take away, as the list orders them, and one more than may be."""
        cut = access.cut(db.session(), self.datamodel.obj, EXPORT)
        selection = picked.selection if cut is None else picked.selection.filter(cut)
        terms = self.datamodel.terms(selection, self.asked().sorts)
        wanted = selection.with_entities(picked.key).order_by(*(term.clause() for term in terms))
        return [row[0] for row in wanted.limit(document_bundle.MOST + 1)]
