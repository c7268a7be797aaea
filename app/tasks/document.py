"""Background work of documents: making the file of one."""

from datetime import timedelta
from io import BytesIO

from app import clock
from app.documents import docx, studio
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.base import entity_of
from app.models.made_document import MadeDocument
from app.services import access, document_docx, document_make, organisation_picture
from app.services import attachment as attachments
from app.services import document_field as fields
from app.services import made_document as documents
from app.tasks.registry import Work, handles


@handles(document_make.RENDER, lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def render(work: Work) -> None:
    """Make the file of a document from its version and its data, and store it; once made it stays."""
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
        word = made.template_version.docx_sha256
        files = work.settings["CRM_VAR"] / "files"
        made_on, is_archival = made.created_at.date().isoformat(), made.is_archival
    try:
        if word is not None:
            file = docx.made(document_docx.bytes_of(word, files=files), paper, data, language=language)
        else:
            file = studio.pdf(
                studio.Layout(**layout),
                paper.fields,
                data,
                language=language,
                title=title,
                made_on=made_on,
                is_archival=is_archival,
                pictures=organisation_picture.bytes_of(pinned, files=files),
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
            files=files,
            name=f"{made.title}.{'pdf' if word is None else 'docx'}".replace("/", "-"),
            media_type="application/pdf" if word is None else docx.MEDIA_TYPE,
            entity=MadeDocument.__stem__,
            record_id=made.id,
            purpose=documents.PURPOSE,
            at=clock.now(),
            by_id=work.actor_id,
        )
        documents.keep_file(session, made, stored)
