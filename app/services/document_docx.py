"""DOCX as the body of a template: put there when every name in it is a field, and published with the template.

Versions name the file by its SHA-256; therefore files that were put once stay in the store.
"""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate, PaperKind
from app.services import attachment as attachments
from app.services import document_field
from app.services.access import Actor
from app.services.document_field import Paper

HOLDER = "document_template_docx"  # to what the files belong; the record is the template
FIELD = "file"
SHOWN = 20  # unknown names that are listed
NOT_OF = frozenset({PaperKind.contract, PaperKind.mail})  # what is signed is a PDF, what is mailed a text


def paper_of(template: DocumentTemplate) -> Paper:
    """Return the fields of a template's kind. Raises DomainError at "file" for a kind that cannot be DOCX."""
    paper = document_field.of(template.kind)
    if paper is None or template.kind in NOT_OF:
        raise DomainError(_("Documents of this kind cannot be DOCX"), field=FIELD)
    return paper


def put(
    session: Session,
    template: DocumentTemplate,
    content: bytes,
    *,
    unknown: Sequence[str],
    files: Path,
    name: str,
    media_type: str,
    by: Actor,
    at: datetime,
) -> None:
    """Let a template be a file that was checked: `unknown` are names in it that are no fields.

    Raises DomainError at "file" while there are some, or for a kind that cannot be DOCX.
    """
    paper_of(template)
    if unknown:
        told = ", ".join(f"{{{{ {each} }}}}" for each in unknown[:SHOWN])
        raise DomainError(_("These are no fields of this kind of document: %(names)s", names=told), field=FIELD)
    kept = attachments.store(
        session,
        BytesIO(content),
        files=files,
        name=name,
        media_type=media_type,
        entity=HOLDER,
        record_id=template.id,
        at=at,
        by_id=by.user_id,
    )
    template.docx_sha256 = kept.sha256


def remove(session: Session, template: DocumentTemplate) -> None:  # noqa: ARG001 -- every service takes its session
    """Let a template be what is written in it again."""
    template.docx_sha256 = None


def file_of(session: Session, template: DocumentTemplate) -> Attachment | None:
    """Return the file that a template is now."""
    same = select(Attachment).where(Attachment.entity == HOLDER, Attachment.record_id == template.id)
    return session.scalars(
        same.where(Attachment.sha256 == template.docx_sha256).order_by(Attachment.id.desc()).limit(1)
    ).first()


def bytes_of(digest: str, *, files: Path) -> bytes:
    """Return the file of a version. Raises DomainError when it is not in the store any more."""
    try:
        return attachments.place_of(digest, files=files).read_bytes()
    except OSError:
        raise DomainError(_("The DOCX of this template is not in the store any more")) from None
