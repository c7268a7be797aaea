"""What becomes of a booking: a payment that settles invoices, one that was recorded already, an advance, or nothing.

Payment and allocations are made in the transaction that says so of the line. Undoing takes them back; a line of a
closed period stays as it is.
"""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.allocation import WriteOff
from app.models.bank_statement import LINE_MOVES, BankLine, BankStatement, LineState
from app.models.invoice import Invoice
from app.models.party import Party
from app.models.payment import Payment, PaymentKind, PaymentMethod
from app.roles import ACT
from app.services import access
from app.services import allocation as allocations
from app.services import bank_statement as statements
from app.services import payment as payments
from app.services.allocation import When
from app.services.payment import Share
from app.services.text import is_blank
from app.services.text import line as one_line

LONGEST_REFERENCE = 140


def settle(
    session: Session,
    line: BankLine,
    shares: Sequence[Share],
    *,
    when: When,
    exchange_rate: Decimal | None = None,
    with_charge: bool = False,
) -> Payment:
    """Record what came in as a payment that settles invoices, or what went out as one that gives credit notes back.

    What is more than owed stays unallocated. `with_charge` gives up what is then open of the last invoice as the
    bank's charge, as far as the account's tolerance allows. Raises DomainError or Refusals; nothing is kept then.
    """
    _take(session, line)
    documents = [share.invoice for share in shares if share.invoice is not None]
    if not documents or len(documents) != len(shares):
        raise DomainError(_("Choose what it pays"), field="invoice")
    for each in documents:
        access.require(session, each, ACT)
    _refuse_mixed(line, documents)
    first = documents[0]
    rate = exchange_rate or first.exchange_rate
    payment = _recorded(session, line, first.party, when, rate)
    here = When(at=when.at, by=when.by)
    if line.came_in:
        payments.allocate(session, payment, shares, when=here)
        if with_charge:
            _give_up(session, line, documents[-1], here)
    else:
        for share in shares:
            assert share.invoice is not None  # noqa: S101 -- looked at above
            allocations.allocate(session, share.invoice, payment, amount=share.amount, when=here)
    return _matched(session, line, payment, when, made=True)


def advance(
    session: Session, line: BankLine, party: Party, *, when: When, exchange_rate: Decimal | None = None
) -> Payment:
    """Record a booking as a payment of a counterparty that settles nothing yet."""
    _take(session, line)
    payment = _recorded(session, line, party, when, exchange_rate)
    return _matched(session, line, payment, when, made=True)


def link(session: Session, line: BankLine, payment: Payment, *, when: When) -> Payment:
    """Say that a booking is a payment that somebody has recorded already. Raises DomainError when the two differ."""
    _take(session, line)
    wanted = PaymentKind.receipt if line.came_in else PaymentKind.refund
    same = (payment.kind, payment.amount, payment.currency) == (wanted, abs(line.amount), line.currency)
    if not same or not payment.is_recorded or payment.organisation_id != line.statement.organisation_id:
        raise DomainError(
            _("This payment is another one: it differs in amount, currency or direction"), field="payment"
        )
    if session.scalar(select(BankLine.id).where(BankLine.payment_id == payment.id)) is not None:
        raise DomainError(_("This payment belongs to another booking already"), field="payment")
    access.require(session, payment, ACT)
    return _matched(session, line, payment, when, made=False)


def ignore(session: Session, line: BankLine, *, reason: str, when: When) -> None:
    """Say that a booking is no business of a counterparty, and why."""
    words = one_line(reason, limit=250, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    _take(session, line, to_pay=False)
    with session.no_autoflush:
        move(LINE_MOVES, line, LineState.ignored)
        line.reason = words
    _noted(session, line, when)


def undo(session: Session, line: BankLine, *, when: When) -> None:
    """Open a line again: the payment that was made from it is cancelled, and what it has settled is owed again."""
    _held(session, line)
    if line.is_open:
        raise DomainError(_("This line waits to be matched already"), field="state")
    statements.refuse_closed(line.statement, line)
    payment, made = line.payment, line.made_payment
    with session.no_autoflush:
        move(LINE_MOVES, line, LineState.open)
        line.payment, line.party, line.reason, line.made_payment = None, None, None, False
        line.settled_at = line.settled_by_id = None
    session.flush()
    if payment is not None and made and payment.is_recorded:
        _require(session)
        payments.cancel(session, payment, reason=_("Taken back in the bank statement"), when=_of_day(when))
    statements.recount(session, line.statement)
    session.flush()


def withdraw(session: Session, statement: BankStatement, *, when: When) -> None:
    """Take a whole statement back: every line is undone and goes, so that the file can be loaded anew.

    Raises DomainError when a line lies in a closed period.
    """
    found = session.scalars(
        select(BankLine).where(BankLine.statement_id == statement.id).order_by(BankLine.position)
    ).all()
    for line in found:
        statements.refuse_closed(statement, line)
    for line in found:
        if not line.is_open:
            undo(session, line, when=when)
    statements.erase(session, statement)


def _take(session: Session, line: BankLine, *, to_pay: bool = True) -> None:
    """Hold a line that waits, to be paid by who may record payments."""
    if to_pay:
        _require(session)
    _held(session, line)
    if not line.is_open:
        raise DomainError(_("Somebody else has just settled this line"), field="state")


def _held(session: Session, line: BankLine) -> None:
    session.flush()
    held = session.execute(
        select(BankLine)
        .where(BankLine.id == line.id)
        .with_for_update(of=BankLine)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if held is None:
        raise NotFound


def _require(session: Session) -> None:
    """Raise NotAllowed for who records no payments."""
    if not access.required(session).has(Payment.__stem__, ACT):
        raise NotAllowed(f"{Payment.__stem__}.{ACT}")


def _refuse_mixed(line: BankLine, documents: Sequence[Invoice]) -> None:
    """Raise DomainError for documents of several counterparties, or of the wrong kind."""
    if len({each.party_id for each in documents}) > 1:
        raise DomainError(_("One booking is of one counterparty"), field="invoice")
    if any(each.is_credit_note == line.came_in for each in documents):
        text = _("What comes in pays invoices") if line.came_in else _("What goes out gives back credit notes")
        raise DomainError(text, field="invoice")
    if any(each.organisation_id != line.statement.organisation_id for each in documents):
        raise DomainError(_("They belong to different organisations of yours"), field="invoice")


def _recorded(session: Session, line: BankLine, party: Party, when: When, exchange_rate: Decimal | None) -> Payment:
    statement = line.statement
    payment = Payment(
        kind=PaymentKind.receipt if line.came_in else PaymentKind.refund,
        organisation=statement.organisation,
        party=party,
        currency=line.currency,
        exchange_rate=exchange_rate if line.currency != statement.organisation.currency else None,
        amount=abs(line.amount),
        paid_on=line.booked_on,
        method=PaymentMethod.bank_transfer,
        bank_account=statement.account,
        reference=(line.text or line.structured or line.end_to_end or "")[:LONGEST_REFERENCE].rstrip() or None,
        created_at=when.at,
    )
    payments.give_to_owner_of_party(payment)
    payments.save(session, payment, at=when.at)
    session.flush()
    return payment


def _give_up(session: Session, line: BankLine, invoice: Invoice, when: When) -> None:
    """Write off what the bank has kept of the last invoice, when it is within the account's tolerance."""
    if 0 < invoice.rest <= line.statement.account.fee_tolerance:
        allocations.write_off(session, invoice, reason=WriteOff.bank_charge, when=when, note=str(line.statement))


def _matched(session: Session, line: BankLine, payment: Payment, when: When, *, made: bool) -> Payment:
    with session.no_autoflush:  # state and payment change together
        move(LINE_MOVES, line, LineState.matched)
        line.payment, line.party, line.made_payment = payment, payment.party, made
    _noted(session, line, when)
    return payment


def _noted(session: Session, line: BankLine, when: When) -> None:
    line.settled_at, line.settled_by_id = when.at, when.by_id
    statements.recount(session, line.statement)
    session.flush()


def _of_day(when: When) -> When:
    return When(at=when.at, by=when.by)
