"""`DocxUpload`: the page on which a template becomes a file of a word processor, or what is written in it again."""

from typing import Any

from flask import Response, abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.documents import docx
from app.errors import DomainError
from app.i18n import gettext as _
from app.services import access, document_docx
from app.web.stored_file import sent


class DocxUpload:
    """Two more addresses of the templates' screen; see the module's text."""

    route_base: Any
    page: Any
    _found: Any

    def can_be_docx(self, record: Any) -> bool:
        """Say whether documents of a template's kind can be DOCX."""
        return record.kind not in document_docx.NOT_OF

    @expose("/<int:pk>/docx", methods=["GET"])
    @has_access
    @permission_name("see")
    def docx_file(self, pk: int) -> Response:
        """Send the file that a template is."""
        found = document_docx.file_of(db.session(), self._found(str(pk)))
        if found is None:
            abort(404)
        return sent(found)

    @expose("/docx/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("change")
    def docx_page(self, pk: int) -> Any:
        """Ask for a file, and let the template be it once every name in it is known."""
        record = self._found(str(pk))
        if request.method == "GET":
            return self._docx_page(record)
        try:
            if request.form.get("remove"):
                with unit_of_work(db.session()) as session:
                    document_docx.remove(session, self._found(str(pk)))
            else:
                self._put(pk, record)
        except DomainError as refusal:
            return self._docx_page(self._found(str(pk)), str(refusal)), 422
        flash(_("Saved. Documents are made so once the template is published."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    def _put(self, pk: int, record: Any) -> None:
        given = request.files.get(document_docx.FIELD)
        if given is None or not given.filename:
            raise DomainError(_("Choose a file"), field=document_docx.FIELD)
        content = given.stream.read(docx.MOST_BYTES + 1)
        paper = document_docx.paper_of(record)
        by = access.required(db.session())
        db.session.remove()  # the file is looked through with no transaction open
        unknown = docx.check(content, paper)
        access.act_as(db.session(), by)
        with unit_of_work(db.session()) as session:
            document_docx.put(
                session,
                self._found(str(pk)),
                content,
                unknown=unknown,
                files=current_app.config["CRM_VAR"] / "files",
                name=given.filename,
                media_type=docx.MEDIA_TYPE,
                by=by,
                at=clock.now(),
            )

    def _docx_page(self, record: Any, error: str = "") -> str:
        about = {"record": record, "error": error, "most": docx.MOST_BYTES >> 20, "names": _names(record)}
        return str(self.page("web/docx_upload.html", title=_("Template as DOCX"), **about))


def _names(record: Any) -> list[str]:
    """Return what may stand in a file of this kind, as it is written there."""
    try:
        paper = document_docx.paper_of(record)
    except DomainError:
        return []
    plain = [f"{{{{ {docx.plain(name)} }}}}" for name, each in paper.all_names().items() if each.kind != "rows"]
    rows = [
        f"{{%tr for row in {docx.plain(name)} %}} {{{{ row.{docx.plain(column)} }}}} {{%tr endfor %}}"
        for name, columns in paper.rows().items()
        for column in list(columns)[:1]
    ]
    columns = [f"{{{{ row.{docx.plain(each)} }}}}" for found in paper.rows().values() for each in found]
    return [*plain, *rows, *dict.fromkeys(columns)]
