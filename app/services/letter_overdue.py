"""Letters that remind of an overdue invoice: what they say, and whether there is still a reason to send one."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import written_day
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.letter import Letter
from app.models.reminder_level import ReminderLevel
from app.models.suppression import ContactKind
from app.services import period as periods
from app.services import reminder_level as levels
from app.services.access import Actor
from app.services.letter_bring import addressee
from app.services.letter_template import filled
from app.services.letter_writing import write

PURPOSE = "overdue"
_YEAR = 365
_HUNDRED = Decimal(100)
ZERO = Decimal(0)


def send(session: Session, invoice: Invoice, *, level: ReminderLevel, at: datetime, by: Actor | None) -> Letter:
    """Write the letter of a level, with the invoice's file where it is made. Raises DomainError, Refusals.

    NotContactedError when the gate says no.
    """
    name, address = addressee(invoice.party)
    if address is None:
        raise DomainError(_("“%(name)s” has no e-mail address", name=invoice.party.name), field="to")
    said = levels.text_in(level, (invoice.language, invoice.organisation.language, "en"))
    known = values(invoice, level, on=periods.today(invoice.organisation, at), language=said.language)
    return write(
        session,
        organisation=invoice.organisation,
        party=invoice.party,
        to_address=address,
        to_name=name,
        subject=filled(said.subject, known, places=levels.PLACES)[0],
        body=filled(said.text, known, places=levels.PLACES)[0],
        language=said.language,
        entity=Invoice.__stem__,
        record_id=invoice.id,
        attachment=invoice.file,
        purpose=f"{PURPOSE} {level.position}",
        kind=ContactKind.service,
        belongs_with=invoice,
        at=at,
        by=by,
    )


def values(invoice: Invoice, level: ReminderLevel, *, on: date, language: str) -> dict[str, str]:
    """Return what the places of a level's text stand for on a day, as a language writes it."""
    late = max((on - invoice.due_on).days, 0) if invoice.due_on is not None else 0
    fee, interest = costs(invoice, level, days=late)

    def amount(value: Decimal) -> str:
        return money.format_money(value, invoice.currency, language)

    def day(value: date | None) -> str:
        return written_day(value, language) if value is not None else "—"

    us = invoice.organisation
    return {
        "party": invoice.party.legal_name or invoice.party.name,
        "organisation": us.legal_name or us.name,
        "number": str(invoice),
        "issued": day(invoice.issued_on),
        "due": day(invoice.due_on),
        "days": str(late),
        "rest": amount(invoice.rest),
        "fee": amount(fee),
        "interest": amount(interest),
        "total": amount(invoice.rest + fee + interest),
    }


def costs(invoice: Invoice, level: ReminderLevel, *, days: int) -> tuple[Decimal, Decimal]:
    """Return fee and interest of so many days in the invoice's currency; a fee in another currency is not asked for."""
    at_home = invoice.currency == invoice.organisation.currency
    fee = level.fee if level.fee is not None and at_home else ZERO
    with money.exact():
        interest = invoice.rest * (level.interest_percent or ZERO) / _HUNDRED * days / _YEAR
        return money.quantize(fee, invoice.currency), money.quantize(interest, invoice.currency)


def owed(on: date) -> ColumnElement[bool]:
    """Return the condition for invoices of which somebody may be reminded on a day: open, and not left alone."""
    return and_(
        Invoice.kind == InvoiceKind.invoice,
        Invoice.state == InvoiceState.issued,
        Invoice.allocated < Invoice.gross,
        or_(Invoice.reminder_block_why.is_(None), Invoice.reminder_block_until < on),
    )


def is_reminder(letter: Letter) -> bool:
    """Say whether a letter reminds of an invoice."""
    return letter.purpose.partition(" ")[0] == PURPOSE and letter.entity == Invoice.__stem__


def is_still_owed(session: Session, letter: Letter, *, at: datetime) -> bool:
    """Say whether a reminder still has its reason: since it was written somebody may have paid, or stopped it."""
    on = periods.today(letter.organisation, at)
    return session.scalar(select(Invoice.id).where(Invoice.id == letter.record_id, owed(on))) is not None
