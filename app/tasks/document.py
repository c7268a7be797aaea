"""Background work of documents: making the file of one."""

from datetime import timedelta
from io import BytesIO

from app import clock
from app.documents import studio
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.base import entity_of
from app.models.made_document import MadeDocument
from app.services import access, document_make, organisation_picture
from app.services import attachment as attachments
from app.services import document_field as fields
from app.services import made_document as documents
from app.tasks.registry import Work, handles


@handles(document_make.RENDER, lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def render(work: Work) -> None:
    """Make the PDF of a document from its version and its data, and store it; once made it stays."""
    with work.reading() as session:
        made = access.get(session, MadeDocument, work.record_id)
        if made is None:
            raise DomainError(_("This document was deleted"))
        if made.file_id is not None:
            return
        paper = fields.of(made.kind, entity_of(made.entity))
        if paper is None:
            raise DomainError(_("Nothing is known of documents of this kind"))
        layout = document_make.layout_of(made.template_version, paper)
        data, language, title = dict(made.data["fields"]), made.language, made.title
        pinned = dict(made.data.get("pictures", {}))
        made_on, is_archival = made.created_at.date().isoformat(), made.is_archival
    try:
        file = studio.pdf(
            studio.Layout(**layout),
            paper.fields,
            data,
            language=language,
            title=title,
            made_on=made_on,
            is_archival=is_archival,
            pictures=organisation_picture.bytes_of(pinned, files=work.settings["CRM_VAR"] / "files"),
        )
    except DocumentError as problem:
        if problem.may_pass and work.tries == 1:
            raise TimeoutError(problem.reason) from problem  # once more; what is wrong in itself is final
        raise
    with work.storing() as session:
        made = access.get(session, MadeDocument, work.record_id)
        if made is None:
            raise DomainError(_("This document was deleted"))
        stored = attachments.store(
            session,
            BytesIO(file),
            files=work.settings["CRM_VAR"] / "files",
            name=f"{made.title}.pdf".replace("/", "-"),
            media_type="application/pdf",
            entity=MadeDocument.__stem__,
            record_id=made.id,
            purpose=documents.PURPOSE,
            at=clock.now(),
            by_id=work.actor_id,
        )
        documents.keep_file(session, made, stored)
