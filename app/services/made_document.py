"""What becomes of a made document: approval, issue, sending, cancelling. What is issued stays as it is."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import lifecycle
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.attachment import Attachment
from app.models.letter import Letter
from app.models.made_document import MADE_MOVES, MadeDocument, MadeState
from app.models.suppression import ContactKind
from app.services import job as jobs
from app.services import mail_server as mail_servers
from app.services.access import Actor
from app.services.document_make import RENDER
from app.services.letter_bring import bring
from app.services.text import is_blank, line

PURPOSE = "document"
REASON_LENGTH = 500


def remove(session: Session, made: MadeDocument) -> None:
    """Delete a document that was never issued; what was issued stays for ever."""
    if made.issued_at is not None:
        raise DomainError(_("An issued document stays; cancel it instead"))
    session.delete(made)


def ask_approval(session: Session, made: MadeDocument) -> None:  # noqa: ARG001 -- every service takes its session
    """Ask for a document to be approved."""
    lifecycle.refuse(MADE_MOVES, made, MadeState.approval)
    refuse_without_file(made)
    made.state, made.rejected_reason = MadeState.approval, None


def approve(session: Session, made: MadeDocument, *, by: Actor | None, at: datetime) -> None:  # noqa: ARG001
    """Approve a document that waits for it."""
    lifecycle.refuse(MADE_MOVES, made, MadeState.approved)
    made.state, made.approved_at = MadeState.approved, at
    made.approved_by_id = by.user_id if by is not None else None


def reject(session: Session, made: MadeDocument, *, reason: str) -> None:  # noqa: ARG001
    """Give a document back as a draft, with the reason. Raises DomainError at "reason"."""
    if made.state != MadeState.approval:
        lifecycle.refuse(MADE_MOVES, made, MadeState.approved)
    said = line(reason or "", limit=REASON_LENGTH, field="reason")
    if is_blank(said):
        raise DomainError(_("Say why"), field="reason")
    made.state, made.rejected_reason = MadeState.draft, said


def issue(session: Session, made: MadeDocument, *, at: datetime) -> None:  # noqa: ARG001
    """Issue a document: from now on nothing of it changes. Raises DomainError while its file is not made."""
    refuse_issue(made)
    made.state, made.issued_at = MadeState.issued, at


def refuse_issue(made: MadeDocument) -> None:
    """Raise DomainError when a document cannot be issued now."""
    lifecycle.refuse(MADE_MOVES, made, MadeState.issued)
    if made.state == MadeState.draft and made.template_version.template.needs_approval:
        raise DomainError(_("This document needs to be approved first"), field="state")
    refuse_without_file(made)


def refuse_without_file(made: MadeDocument) -> None:
    """Raise DomainError while a document has no file."""
    if made.file_id is None and made.file is None:
        raise DomainError(_("The file of this document is not made yet"), field="state")


def cancel(session: Session, made: MadeDocument) -> None:  # noqa: ARG001
    """Cancel a document; its file stays readable."""
    lifecycle.move(MADE_MOVES, made, MadeState.cancelled)


def keep_file(session: Session, made: MadeDocument, file: Attachment) -> None:  # noqa: ARG001
    """Give a document the file that the worker made, once. Raises DomainError for a second one."""
    if made.file_id is not None:
        raise DomainError(_("This document has its file already"))
    made.file, made.sha256 = file, file.sha256


def send(
    session: Session,
    made: MadeDocument,
    *,
    at: datetime,
    by: Actor | None,
    to: str | None = None,
    subject: str | None = None,
    text: str | None = None,
) -> Letter:
    """Write the letter that brings an issued document; a document that only waits for its issue is issued by it.

    Raises DomainError or Refusals at "state", "to", "subject", "text".
    """
    mail_servers.ready(session, made.organisation)
    if made.state not in {MadeState.issued, MadeState.sent}:
        issue(session, made, at=at)
    letter = bring(
        session,
        made,
        to=to,
        subject=subject or subject_of(made),
        text=text or text_of(made),
        purpose=PURPOSE,
        kind=ContactKind.transactional,
        at=at,
        by=by,
    )
    made.state = MadeState.sent
    return letter


def subject_of(made: MadeDocument) -> str:
    """Return the subject of the letter that brings a document, in its language."""
    with in_language(made.language):
        return _("%(title)s from %(name)s", title=made.title, name=_us(made))[:250]


def text_of(made: MadeDocument) -> str:
    """Return the text of the letter that brings a document, in its language."""
    with in_language(made.language):
        said = _("Attached is our document “%(title)s”.", title=made.title)
        return "\n\n".join([_("Dear Sir or Madam,"), said, _("Yours sincerely,") + "\n" + _us(made)])


def _us(made: MadeDocument) -> str:
    return made.organisation.legal_name or made.organisation.name


def of_record(session: Session, record: Any) -> Select[MadeDocument]:  # noqa: ANN401, ARG001
    """Return the documents made from a record, the newest first."""
    ours = (MadeDocument.entity == record.__stem__, MadeDocument.record_id == record.id)
    return select(MadeDocument).where(*ours).order_by(MadeDocument.id.desc())


def failure(session: Session, made: MadeDocument) -> str | None:
    """Return why the file of a document could not be made, None when nothing failed."""
    if made.file_id is not None:
        return None
    failed = jobs.failed_of(session, RENDER, made.id)
    return failed.error if failed is not None else None
