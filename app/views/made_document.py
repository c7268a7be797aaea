"""Screens and REST of made documents: the register, approval, issue, sending; and the page on which one is made."""

from typing import Any, ClassVar

from flask import Response, abort, flash, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.api import protect, safe
from flask_appbuilder.security.decorators import has_access, permission_name
from marshmallow import fields, validate
from sqlalchemy.orm import joinedload, selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.base import entity_of
from app.models.document_template import DocumentTemplate, DocumentTemplateVersion
from app.models.made_document import MadeDocument, MadeState
from app.models.party import Party
from app.roles import ACT
from app.services import access, document_field, document_make, field_right
from app.services import document_template as templates
from app.services import letter as letters
from app.services import made_document as documents
from app.services import organisation as organisations
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import REASON
from app.web.bundling import Bundling
from app.web.card_tabs import Related
from app.web.crud import CrudView
from app.web.records import Records
from app.web.schema import LinkedField, strict
from app.web.stored_file import WithFile, sent
from app.web.verbs import Verb, reason

ORDER = 47
LISTED = ["number", "title", "kind", "state", "party", "organisation", "language", "issued_at", "owner"]
ABOUT = ["kind", "title", "number", "party", "organisation", "language", "is_archival", "template_version"]
COURSE = ["state", "approved_by", "approved_at", "rejected_reason", "issued_at", "sha256", "owner", "team"]
SEARCHED = ["kind", "state", "party", "organisation", "language", "issued_at", "created_at", "owner", "team"]
LABELS = {
    "approved_at": _l("Approved"),
    "approved_by": _l("Approved by"),
    "is_archival": _l("For archives (PDF/A-3)"),
    "issued_at": _l("Issued"),
    "rejected_reason": _l("Given back because"),
    "sha256": _l("SHA-256 of the file"),
    "template_version": _l("Version of the template"),
}
LOADED = [selectinload(MadeDocument.party), selectinload(MadeDocument.owner), selectinload(MadeDocument.organisation)]


def known_address(made: MadeDocument) -> str | None:
    """Return where a document's letter goes, to whom may see such data of people."""
    if made.party is None or {"email", "contacts", "channels"} & field_right.hidden(db.session(), Party):
        return None
    return letters.addressee(made.party)[1]


def why_not_send(made: MadeDocument) -> str | None:
    """Return why no letter can bring a document now."""
    return None if made.state in {MadeState.issued, MadeState.sent} else reason(documents.refuse_issue, made)


VERBS = [
    Verb(
        "send",
        documents.send,
        label=_l("Send by e-mail"),
        icon="mail",
        when=lambda made: made.state not in {MadeState.approval, MadeState.cancelled},
        why=why_not_send,
        arguments={
            "to": fields.String(validate=validate.Length(max=250)),
            "subject": fields.String(validate=validate.Length(max=250)),
            "text": fields.String(validate=validate.Length(max=20_000)),
        },
        offered=lambda made: {
            "to": known_address(made),
            "subject": documents.subject_of(made),
            "text": documents.text_of(made),
        },
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "ask_approval",
        documents.ask_approval,
        label=_l("Ask for approval"),
        icon="send",
        when=lambda made: made.state == MadeState.draft,
        why=lambda made: reason(documents.refuse_without_file, made),
        to=MadeState.approval,
    ),
    Verb(
        "approve",
        documents.approve,
        label=_l("Approve"),
        icon="circle-check",
        when=lambda made: made.state == MadeState.approval,
        to=MadeState.approved,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "reject",
        documents.reject,
        label=_l("Give back"),
        icon="undo-2",
        when=lambda made: made.state == MadeState.approval,
        to=MadeState.draft,
        arguments={"reason": REASON},
    ),
    Verb(
        "issue",
        documents.issue,
        label=_l("Issue"),
        icon="file-check",
        when=lambda made: made.state in {MadeState.draft, MadeState.approved},
        why=lambda made: reason(documents.refuse_issue, made),
        to=MadeState.issued,
        needs_time=True,
    ),
    Verb(
        "cancel",
        documents.cancel,
        label=_l("Cancel"),
        icon="x",
        when=lambda made: made.state != MadeState.cancelled,
        to=MadeState.cancelled,
        confirm=_l("This document will not be used any more. Cancel it?"),
        danger=True,
    ),
]


class MadeDocumentView(Bundling, WithFile, CrudView):
    """The register of documents that were made from templates."""

    file_topic = document_make.RENDER
    datamodel = Records(MadeDocument, remove=documents.remove, options=LOADED)
    one_name = _l("Document")
    many_name = _l("Documents")
    hint = _l("A document is made where its subject is: open an order, a client or an invoice and make one.")
    card_template = "web/made_document_card.html"
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit"}
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = [*ABOUT, *COURSE]
    show_fieldsets: ClassVar = [(None, {"fields": ABOUT}), (_l("Course"), {"fields": COURSE})]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["issued_at", "state", "title", "created_at"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "kind", "party", "issued_at"]
    label_columns: Any = LABELS
    card_options: ClassVar = [
        joinedload(MadeDocument.template_version).joinedload(DocumentTemplateVersion.template),
        joinedload(MadeDocument.file),
    ]
    stages: ClassVar = (MadeState.draft, MadeState.issued, MadeState.sent)
    related: ClassVar = [Related("letter", where=letters.is_about)]
    verbs: ClassVar = VERBS

    def why_failed(self, record: MadeDocument) -> str | None:
        """Return why the file of a document could not be made."""
        return documents.failure(db.session(), record)

    def can_edit(self, record: Any) -> bool:
        """Say whether a document may still be deleted: what was issued stays."""
        return record.issued_at is None


ASKED = strict(
    "MadeDocumentIn",
    entity=fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "the kind of the record: order, invoice, quote, party, …"},
    ),
    record_id=fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**63 - 1)),
    template=LinkedField(DocumentTemplate, required=True),
    language=fields.String(
        validate=validate.OneOf([*LANGUAGES]),
        metadata={"description": "of amounts and dates; that of the template when it is left out"},
    ),
    is_archival=fields.Boolean(truthy={True}, falsy={False}),
)


def reached(manager: Any, stem: str, record_id: int) -> Any:
    """Return a record that documents are made of and the reader sees; None for any other, as for an unknown one."""
    if stem not in document_field.stems() or not manager.may(stem, "see"):
        return None
    entity = entity_of(stem)
    return access.get(db.session(), entity, record_id) if entity is not None else None


class MadeDocumentApi(CrudApi):
    """REST of made documents; a new one is made of a record as on the page, and its file by the worker."""

    datamodel = Records(MadeDocument, remove=documents.remove, options=LOADED)
    exclude_route_methods: ClassVar = {"put", "info"}
    add_schema: ClassVar = ASKED
    list_columns: ClassVar = [*LISTED, "entity", "record_id"]
    show_columns: ClassVar = ["entity", "record_id", *ABOUT, *COURSE]
    add_columns: ClassVar = ["entity", "record_id", "language", "is_archival"]
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = [*SEARCHED, "entity", "record_id"]
    order_columns: ClassVar = ["issued_at", "state", "title"]
    base_order = ("id", "desc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    examples: ClassVar = {"post": {"entity": "order", "record_id": 1, "template": 1, "language": "nl"}}

    def _store(self, given: dict[str, Any], pk: Any, version: int | None) -> Any:  # noqa: ARG002 -- none is changed
        with unit_of_work(db.session()) as session:
            if given["entity"] not in document_field.stems():
                raise DomainError(_("No document is made of this"), field="entity")
            record = reached(self.appbuilder.sm, given["entity"], given["record_id"])
            if record is None:
                raise DomainError(_("There is no such record that you see"), field="record_id")
            access.require(session, record, ACT)
            return document_make.make(
                session,
                record,
                given["template"],
                language=given.get("language") or given["template"].language,
                by=access.required(session),
                at=clock.now(),
                is_archival=given.get("is_archival", False),
            )

    @expose("/<int:pk>/pdf", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def pdf(self, pk: int) -> Response:
        """Get the stored file of a document
        ---
        get:
          summary: Get the stored PDF of a made document
          operationId: made_document_pdf
          parameters:
          - {in: path, name: pk, required: true, schema: {type: integer}}
          responses:
            200:
              description: The file
              content:
                application/pdf:
                  schema: {type: string, format: binary}
            400: {$ref: '#/components/responses/400'}
            401: {$ref: '#/components/responses/401'}
            403:
              description: The right is missing, or the key has no scope for it
            404: {$ref: '#/components/responses/404'}
            409:
              description: The file is not made yet
        """  # noqa: D205, D400 -- the rest is the OpenAPI description
        made = self.datamodel.one(pk, self._base_filters)
        if made is None:
            return self.response_404()
        if made.file is None:
            return self.response(409, message=_("The file of this document is being made. Try again in a moment."))
        return sent(made.file)


class DocumentMakingView(BaseView):
    """Makes documents of records."""

    route_base = "/document_making"
    class_permission_name = "made_document"
    base_permissions: ClassVar = ["can_add"]
    default_view = "make_document"
    many_name = _l("Documents")

    @expose("/<stem>/<int:record_id>", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def make_document(self, stem: str, record_id: int) -> Any:
        """Ask which template shall be filled with a record, and make the document."""
        record = self._record(stem, record_id)
        if request.method == "GET":
            return self._page(record)
        try:
            with unit_of_work(db.session()) as session:
                record = self._record(stem, record_id)
                made = document_make.make(
                    session,
                    record,
                    self._chosen(session),
                    language=request.form.get("language", ""),
                    by=access.required(session),
                    at=clock.now(),
                    is_archival=request.form.get("archival") == "1",
                )
                key = made.id
        except document_make.MissingData as refusal:
            return self._page(self._record(stem, record_id), missing=refusal.missing), 422
        except DomainError as refusal:
            return self._page(self._record(stem, record_id), error=str(refusal)), 422
        flash(_("The document is being made."), "success")
        return redirect(f"/made_document/show/{key}")

    def _record(self, stem: str, record_id: int) -> Any:
        """Return a record that the reader reaches; whoever does not see it gets what an unknown one gets."""
        record = reached(self.appbuilder.sm, stem, record_id)
        if record is None:
            abort(404)
        access.require(db.session(), record, ACT)
        return record

    @staticmethod
    def _chosen(session: Any) -> DocumentTemplate:
        given = request.form.get("template", "")
        found = access.get(session, DocumentTemplate, int(given)) if given.isdecimal() and len(given) < 19 else None  # noqa: PLR2004 -- digits of a key
        if found is None:
            raise DomainError(_("Choose a template"), field="template")
        return found

    def _page(self, record: Any, *, error: str = "", missing: Any = ()) -> str:
        session = db.session()
        ours = getattr(record, "organisation", None) or organisations.first(session)
        party = record if isinstance(record, Party) else getattr(record, "party", None)
        language = str(
            request.form.get("language") or getattr(record, "language", None) or getattr(party, "language", "en")
        )
        screens: Any = self.appbuilder.baseviews
        return str(
            render_template(
                "web/document_making.html",
                title=_("Make a document"),
                appbuilder=self.appbuilder,
                view=self,
                screen=next(each for each in screens if each.route_base == f"/{record.__stem__}"),
                record=record,
                templates=templates.fitting(
                    session, document_field.kinds_of(type(record)), language=language, organisation=ours
                ),
                chosen=request.form.get("template", ""),
                speaks=language,
                error=error,
                missing=missing,
            )
        )


def register(appbuilder: Any) -> None:
    """Register the page, the screens and the resource."""
    appbuilder.add_view_no_menu(DocumentMakingView)
    menu.place(appbuilder, MadeDocumentView, "made_document", label=_l("Documents"), group="sales", icon="file-check")
    appbuilder.add_api(MadeDocumentApi)
