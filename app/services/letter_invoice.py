"""Letters that bring an issued document: to whom, in which words, and with which file."""

from datetime import datetime

from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language, written_day
from app.models.attachment import Attachment
from app.models.invoice import Invoice
from app.models.letter import INVOICE, Letter
from app.models.suppression import ContactKind
from app.services import access
from app.services import document as documents
from app.services import mail_server as mail_servers
from app.services.access import Actor
from app.services.letter_bring import bring


def send_invoice(
    session: Session,
    invoice: Invoice,
    *,
    at: datetime,
    by: Actor | None,
    to: str | None = None,
    subject: str | None = None,
    text: str | None = None,
) -> Letter:
    """Write the letter that brings an issued document to its addressee, in the document's language.

    A file that is still being made is waited for. Raises DomainError or Refusals at "state", "to", "subject", "text".
    """
    refuse_draft(invoice)
    mail_servers.ready(session, invoice.organisation)
    documents.lock(session, invoice)  # two at once would send it twice
    return bring(
        session,
        invoice,
        to=to,
        subject=subject or subject_of(invoice),
        text=text or text_of(invoice),
        purpose=INVOICE,
        kind=ContactKind.transactional,
        at=at,
        by=by,
    )


def refuse_draft(invoice: Invoice) -> None:
    """Raise DomainError for a draft."""
    if invoice.is_draft:
        raise DomainError(_("Issue this document first: a draft is not sent"), field="state")


def subject_of(invoice: Invoice) -> str:
    """Return the subject of the letter that brings a document, in the document's language."""
    with in_language(invoice.language):
        said = {"number": invoice.number, "name": _us(invoice)}
        if invoice.is_credit_note:
            return _("Credit note %(number)s from %(name)s", **said)
        return _("Invoice %(number)s from %(name)s", **said)


def text_of(invoice: Invoice) -> str:
    """Return the text of the letter that brings a document, in the document's language."""
    with in_language(invoice.language):
        said = {
            "number": invoice.number,
            "amount": money.format_money(invoice.gross, invoice.currency, invoice.language),
            "issued": _day(invoice, "issued_on"),
            "due": _day(invoice, "due_on"),
        }
        if invoice.is_credit_note:
            about = [_("Attached is our credit note %(number)s of %(issued)s for %(amount)s.", **said)]
        else:
            about = [
                _("Attached is our invoice %(number)s of %(issued)s for %(amount)s.", **said),
                _("It is due on %(due)s.", **said),
            ]
        return "\n\n".join([_("Dear Sir or Madam,"), " ".join(about), _("Yours sincerely,") + "\n" + _us(invoice)])


def _us(invoice: Invoice) -> str:
    return invoice.organisation.legal_name or invoice.organisation.name


def _day(invoice: Invoice, name: str) -> str:
    day = getattr(invoice, name)
    return written_day(day, invoice.language) if day is not None else ""


def file_for(session: Session, letter: Letter) -> Attachment | None:
    """Return the file of the document that a letter brings, None while it is not made."""
    invoice = access.get(session, Invoice, letter.record_id)
    return invoice.file if invoice is not None else None
