"""Background work of invoices: making the file of an issued document."""

from datetime import time, timedelta
from io import BytesIO

from sqlalchemy import select

from app import clock
from app.documents import invoice as documents
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.invoice import Invoice, InvoiceSnapshot
from app.services import access, organisation_picture, overdue
from app.services import attachment as attachments
from app.services import invoice as invoices
from app.tasks.registry import Work, handles


@handles("invoice.render", lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def render(work: Work) -> None:
    """Make the PDF of an issued document from what was frozen, store it and chain it; once made it stays."""
    with work.reading() as session:
        invoice = access.get(session, Invoice, work.record_id)
        if invoice is None or invoice.number is None:
            raise DomainError(_("Only an issued document has a file"))
        if invoice.file_id is not None:
            return
        number = invoice.number
        frozen = select(InvoiceSnapshot.content).where(InvoiceSnapshot.invoice_id == invoice.id)
        content = session.execute(frozen).scalar_one()
    try:
        pictures = organisation_picture.bytes_of(content.get("pictures", {}), files=work.settings["CRM_VAR"] / "files")
        made = documents.pdf(content, pictures=pictures)
    except DocumentError as problem:
        if problem.may_pass:
            raise TimeoutError(problem.reason) from problem  # tried again later; what is wrong in itself is final
        raise
    with work.storing() as session:
        at = clock.now()
        invoice = access.get(session, Invoice, work.record_id)
        if invoice is None:
            raise DomainError(_("Only an issued document has a file"))
        attachment = attachments.store(
            session,
            BytesIO(made),
            files=work.settings["CRM_VAR"] / "files",
            name=f"{number.replace('/', '-')}.pdf",
            media_type="application/pdf",
            entity=Invoice.__stem__,
            record_id=invoice.id,
            purpose="document",
            at=at,
            by_id=work.actor_id,
        )
        invoices.store_file(session, invoice, attachment, at=at)


@handles(overdue.TOPIC, daily=time(7, 5), lease=timedelta(minutes=5), limit=timedelta(hours=2))
def remind(work: Work) -> None:
    """Remind of what is overdue, each invoice in a transaction of its own; what one of them refuses stops no other."""
    at = clock.now()
    with work.reading() as session:
        keys = overdue.candidates(session, at=at)
    problem: DomainError | None = None
    for key in keys:
        try:
            with work.step() as session:
                overdue.remind_due(session, key, at=at)
        except DomainError as refusal:
            problem = problem or refusal
    if problem is not None:
        raise problem
