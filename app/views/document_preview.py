"""The live preview of a template: what stands in its form, filled with a real record, as pictures of its pages.

With scripts it stands beside the form and follows what is typed; without them a button opens it as a page of its own,
which asks by itself until it is made.
"""

from typing import Any, ClassVar

from flask import Response, abort, current_app, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.base import entity_of
from app.services import access, document_field
from app.services import document_preview as previews
from app.services.document_preview import Made, Standing
from app.views.document_template import LABELS
from app.web import audited, labels
from app.web.lookup import offered

ORDER = 50
SUBJECT = "preview_of"  # the field that says with which record
PATIENCE = 2  # seconds until a page without scripts asks again
LONGEST = 100


class DocumentPreviewView(BaseView):
    """Shows whoever may change templates how what he writes will look."""

    route_base = "/document_preview"
    class_permission_name = "document_template"
    base_permissions: ClassVar = ["can_change"]
    default_view = "shown_preview"
    many_name = _l("Document templates")
    holds_personal_data: ClassVar[bool | None] = None  # as the tables of what is shown say

    @expose("/", methods=["POST"])
    @has_access
    @permission_name("change")
    def ask_preview(self) -> Any:
        """Let the worker show what the form says with a record that the reader sees."""
        try:
            record = self._record()
            with unit_of_work(db.session()) as session:
                by = access.required(session)
                key = previews.ask(session, record, request.form.to_dict(), by=by, at=clock.now()).id
        except DomainError as refusal:
            wrong = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
            return self._page(None, wrong=wrong), 200 if _is_part() else 422  # while one types, it is an answer
        if _is_part():
            return self._page(Standing(key, None, is_waiting=True))
        return redirect(f"{self.route_base}/{key}", code=303)

    @expose("/<int:pk>", methods=["GET"])
    @has_access
    @permission_name("change")
    def shown_preview(self, pk: int) -> Any:
        """Show how far one's own preview is, and its pages once they are made."""
        standing = self._standing(pk)
        answer = Response(self._page(standing, made=self._made(standing)), mimetype="text/html")
        if standing.is_waiting and not _is_part():
            answer.headers["Refresh"] = str(PATIENCE)
        return answer

    @expose("/<int:pk>/<int:page>", methods=["GET"])
    @has_access
    @permission_name("change")
    def preview_page(self, pk: int, page: int) -> Response:
        """Send one page of one's own preview as a picture; the first one is 1."""
        made = self._made(self._standing(pk), page - 1)
        if made is None or not 1 <= page <= len(made.pictures):
            abort(404)
        return Response(made.pictures[page - 1], mimetype="image/png")

    # --- which record ---------------------------------------------------------------------------------------------

    def _record(self) -> Any:
        """Return the record that the form names, else the newest of the kind that the reader sees."""
        kind, said = request.form.get("kind", ""), request.form.get(SUBJECT, "").strip()[:LONGEST]
        for entity in document_field.entities_of(kind):
            if self.appbuilder.sm.may(entity.__stem__, "see"):
                found = self._first(entity, said)
                if found is not None:
                    return found
        if not document_field.entities_of(kind):
            raise DomainError(_("This is needed"), field="kind")
        raise DomainError(_("There is no such record that you see"), field=SUBJECT)

    @staticmethod
    def _first(entity: Any, said: str) -> Any:
        """Return what is called so, just so before what only begins so; without a name the newest."""
        if not said:
            return previews.newest(db.session(), entity)
        found = list(offered(entity, {"q": said}))
        names = (each for each in found if said.casefold() in {str(each).casefold(), str(getattr(each, "number", ""))})
        return next(names, next(iter(found), None))

    # --- what is shown --------------------------------------------------------------------------------------------

    @staticmethod
    def _standing(pk: int) -> Standing:
        found = previews.standing(db.session(), pk, by=access.required(db.session()))
        if found is None or (found.file is None and not found.is_waiting):
            abort(404)
        return found

    def _made(self, standing: Standing, *pages: int) -> Made | None:
        """Return what was made, as long as the reader sees the record; that he looks at it is noted as on its card."""
        if standing.file is None:
            return None
        try:
            made = previews.read(standing.file, files=current_app.config["CRM_VAR"] / "files", pages=pages)
        except NotFound:
            abort(404)
        if not made.problem:
            entity = entity_of(made.stem) if self.appbuilder.sm.may(made.stem, "see") else None
            record = access.get(db.session(), entity, made.record_id) if entity is not None else None
            if record is None:
                abort(404)
            for shown in {record, getattr(record, "party", None) or record}:
                audited.opened(self, shown)
        return made

    def _page(self, standing: Standing | None, *, made: Made | None = None, wrong: Any = None) -> str:
        about: dict[str, Any] = {"standing": standing, "made": made, "base": self.route_base}
        about["wrong"] = [(_label(name), text) for name, texts in (wrong or {}).items() for text in texts]
        about["missing"] = _missing(made) if made is not None else []
        if _is_part():
            return render_template("web/document_preview_part.html", **about)
        title = _("Preview")
        return render_template("web/document_preview.html", title=title, appbuilder=self.appbuilder, view=self, **about)


def _is_part() -> bool:
    """Say whether the page asks for the part beside its form."""
    return request.headers.get("X-Part") == "preview"


def _label(name: str) -> str:
    own = {SUBJECT: _("Show it with"), "": ""}
    return str(own.get(name, LABELS.get(name, labels.LABELS.get(name, name))))


def _missing(made: Made) -> list[dict[str, Any]]:
    """Return the needed values that the record does not have: how each is called, and where it is filled in."""
    entity = entity_of(made.stem)
    record = access.get(db.session(), entity, made.record_id) if entity is not None and made.missing else None
    if record is None:
        return []
    paper = document_field.of(made.kind, type(record))
    known = {each.name: each for each in paper.fields} if paper is not None else {}
    place = paper.place if paper is not None else lambda _record, _name: None
    return [{"label": str(known[name].label), "place": place(record, name)} for name in made.missing if name in known]


def register(appbuilder: Any) -> None:
    """Register the preview."""
    appbuilder.add_view_no_menu(DocumentPreviewView)
