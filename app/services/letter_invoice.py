"""Letters that bring an issued document: to whom, in which words, and with which file."""

from datetime import datetime

from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import in_language, written_day
from app.models.attachment import Attachment
from app.models.invoice import Invoice
from app.models.letter import INVOICE, Letter
from app.models.party import ChannelKind, Party
from app.models.suppression import ContactKind
from app.services import access
from app.services import document as documents
from app.services import mail_server as mail_servers
from app.services.access import Actor
from app.services.letter_writing import write

_FIELDS = {"to_address": "to", "body": "text"}


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
    name, address = addressee(invoice.party)
    if not to and address is None:
        raise DomainError(
            _("“%(name)s” has no e-mail address; say where the letter goes", name=invoice.party.name), field="to"
        )
    try:
        return write(
            session,
            organisation=invoice.organisation,
            party=invoice.party,
            to_address=to or address or "",
            to_name=name if not to or to.strip().lower() == address else None,
            subject=subject or subject_of(invoice),
            body=text or text_of(invoice),
            language=invoice.language,
            entity=Invoice.__stem__,
            record_id=invoice.id,
            attachment=invoice.file,
            purpose=INVOICE,
            kind=ContactKind.transactional,
            belongs_with=invoice,
            at=at,
            by=by,
        )
    except Refusals as refusal:
        raise Refusals({_FIELDS.get(field, field): texts for field, texts in refusal.errors.items()}) from None
    except DomainError as refusal:
        refusal.field = _FIELDS.get(refusal.field or "", refusal.field)
        raise


def refuse_draft(invoice: Invoice) -> None:
    """Raise DomainError for a draft."""
    if invoice.is_draft:
        raise DomainError(_("Issue this document first: a draft is not sent"), field="state")


def addressee(party: Party) -> tuple[str | None, str | None]:
    """Return the name and the address to which documents of a party go; (None, None) when it has no address.

    The party's own address comes first, then its further ones that have not bounced, then that of a contact person.
    """
    name = party.legal_name or party.name
    bounced = {each.value for each in party.channels if each.kind == ChannelKind.email and each.bounced_at is not None}
    if party.email and party.email not in bounced:
        return name, party.email
    for channel in party.channels:
        if channel.kind == ChannelKind.email and channel.value not in bounced:
            return name, channel.value
    for contact in party.contacts:
        if contact.email and contact.email not in bounced:
            return contact.name, contact.email
    return None, None


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
