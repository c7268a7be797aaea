"""Payments: recording money, letting it settle what is owed, giving it back, and cancelling what was a mistake."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.allocation import Allocation
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment import FREE_PAYMENT, PAYMENT_MOVES, Payment, PaymentKind, PaymentMethod, PaymentState
from app.search import search_text
from app.services import allocation as allocations
from app.services import document as documents
from app.services import period as periods
from app.services.allocation import When, exact_amount
from app.services.collected import Collected
from app.services.party_rules import refuse_erased
from app.services.text import is_blank, line, lines

_FREE = FREE_PAYMENT - {"party_id", "state", "cancelled_on", "cancelled_reason", "allocated"}
_BOOKED = frozenset({"method", "bank_account_id"})  # they decide in which book it stands


@dataclass(frozen=True, kw_only=True)
class Share:
    """What of a payment goes to one invoice, or to a refund: as much as possible unless an amount is given.

    Units: `amount` in the debt's currency; `exchange_rate` as services.allocation.allocate takes it.
    """

    invoice: Invoice | None = None
    refund: Payment | None = None
    amount: Decimal | None = None
    exchange_rate: Decimal | None = None

    @property
    def debt(self) -> Invoice | Payment:
        """Return what is to be settled. Raises DomainError unless exactly one is named."""
        if (self.invoice is None) == (self.refund is None):
            raise DomainError(_("Name an invoice or a refund"), field="invoice")
        return self.invoice or self.refund  # type: ignore[return-value]


def save(session: Session, payment: Payment, *, at: datetime) -> None:
    """Judge a payment and add it to the session; a recorded one only changes its words, its owner and its account.

    Raises Refusals with everything that is wrong, by field.
    """
    with session.no_autoflush:
        found = Collected()
        payment.reference = found.take("reference", lambda: line(payment.reference or "", limit=140) or None)
        payment.note = found.take("note", lambda: lines(payment.note or "", limit=20_000) or None)
        if documents.state_of(payment).persistent:
            found.settle()
            _refuse_changes(payment)
            _refuse_account(payment, payment.organisation, found)
            found.settle()
        else:
            _judge(session, payment, found, at=at)
            found.settle()
        payment.search_text = search_text(
            [payment.reference, payment.party.name, payment.party.tax_number, payment.note]
        )
        session.add(payment)


def _judge(session: Session, payment: Payment, found: Collected, *, at: datetime) -> None:
    payment.kind = payment.kind or PaymentKind.receipt
    payment.state = payment.state or PaymentState.recorded
    payment.method = payment.method or PaymentMethod.bank_transfer
    payment.allocated = Decimal(0)
    organisation = documents.linked(session, payment, "organisation", Organisation) or _only(session)
    party = documents.linked(session, payment, "party", Party)
    if organisation is None:
        found.refuse("organisation", _("Say which of your organisations this is for"))
    if party is None:
        found.refuse("party", _("Say whose payment this is"))
    if organisation is None or party is None:
        return
    found.take("party", lambda: refuse_erased(party))
    payment.organisation, payment.party = organisation, party
    payment.currency = (payment.currency or party.currency or organisation.currency).strip().upper()
    if found.take("currency", lambda: money.digits(payment.currency)) is not None:
        found.take("amount", lambda: _amount(payment))
        _judge_rate(payment, organisation, found)
    periods.hold(session, organisation)
    _judge_day(payment, organisation, found, at=at)
    _refuse_account(payment, organisation, found)


def _refuse_account(payment: Payment, organisation: Organisation, found: Collected) -> None:
    account = payment.bank_account
    if account is not None and account.organisation_id != organisation.id:
        found.refuse("bank_account", _("This account belongs to another organisation"))


def _amount(payment: Payment) -> None:
    if payment.amount is None:
        raise DomainError(_("Give the amount"))
    payment.amount = exact_amount(documents.number(payment.amount), payment.currency)
    if payment.amount <= 0:
        raise DomainError(_("An amount above zero is expected; money that goes back is a refund"))


def _judge_rate(payment: Payment, organisation: Organisation, found: Collected) -> None:
    rate = payment.exchange_rate
    if payment.currency == organisation.currency:
        payment.exchange_rate = None
    elif rate is None:
        found.refuse("exchange_rate", _("A payment in a foreign currency needs its exchange rate"))
    else:
        payment.exchange_rate = documents.number(rate)
        found.take("exchange_rate", lambda: money.in_currency(0, rate, organisation.currency))


def _judge_day(payment: Payment, organisation: Organisation, found: Collected, *, at: datetime) -> None:
    today = periods.today(organisation, at)
    payment.paid_on = payment.paid_on or today
    if payment.paid_on > today:
        found.refuse("paid_on", _("This day is still to come"))
    found.take("paid_on", lambda: periods.refuse_locked(organisation, payment.paid_on))


def _only(session: Session) -> Organisation | None:
    found = session.execute(select(Organisation).limit(2)).scalars().all()
    return found[0] if len(found) == 1 else None


def _refuse_changes(payment: Payment) -> None:
    """Raise DomainError for what a recorded payment keeps; in a closed period it keeps how it was paid as well."""
    text = _("A recorded payment is not changed; cancel it and record it anew")
    free = _FREE
    if periods.is_locked(payment.organisation, payment.paid_on):
        free, text = _FREE - _BOOKED, _("The period up to %(day)s is closed", day=str(payment.organisation.lock_date))
    state = documents.state_of(payment)
    for attribute in state.mapper.column_attrs:
        if attribute.key not in free and state.attrs[attribute.key].history.has_changes():
            raise DomainError(text, field=attribute.key.removesuffix("_id"))
    for relation in state.mapper.relationships:
        ours = {column.name for column in relation.local_columns}
        if not ours <= free and state.attrs[relation.key].history.has_changes():
            raise DomainError(text, field=relation.key)


def remove(session: Session, payment: Payment) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Refuse: books are not erased."""
    raise DomainError(_("A payment is not deleted; cancel it instead"), field="state")


def allocate(
    session: Session, payment: Payment, shares: Sequence[Share] | None = None, *, when: When
) -> list[Allocation]:
    """Let a receipt settle the given invoices, or the counterparty's open ones, the oldest due first.

    What is more than owed stays unallocated. Raises Refusals by share ("allocations-0-amount").
    """
    if shares is None:
        return _oldest_first(session, payment, when)
    allocations.lock(session, payment, *(share.debt for share in shares))
    errors: dict[str, list[str]] = {}
    made = []
    for at, share in enumerate(shares):
        try:
            made.append(
                allocations.allocate(
                    session,
                    payment,
                    share.debt,
                    amount=share.amount,
                    exchange_rate=share.exchange_rate,
                    when=_since(payment, share.debt, when),
                )
            )
        except DomainError as refusal:
            field = refusal.field if refusal.field in {"amount", "exchange_rate"} else "invoice"
            errors.setdefault(f"allocations-{at}-{field}", []).append(refusal.text)
    if errors:
        raise Refusals(errors)
    return made


def _since(payment: Payment, debt: Invoice | Payment, when: When) -> When:
    """Return when a payment settles a debt unless a day is given: once both were there, or today.

    The earlier day would be wrong when its period is closed, or when one of the two settled something between it and
    today that was undone: on that day there was less to allocate than there is now.
    """
    if when.on is not None:
        return when
    session, on = session_of(payment), max(payment.paid_on, allocations.begun_on(debt) or payment.paid_on)
    rest = debt.unallocated if isinstance(debt, Payment) else debt.rest
    is_free = (
        allocations.left(session, payment, on=on) == payment.unallocated
        and allocations.left(session, debt, on=on) == rest
    )
    return When(at=when.at, by=when.by, on=on) if is_free and not periods.is_locked(payment.organisation, on) else when


def session_of(record: Payment) -> Session:
    """Return the session that a payment lives in."""
    session = documents.state_of(record).session
    assert isinstance(session, Session)  # noqa: S101 -- it is stored before it settles something
    return session


def _oldest_first(session: Session, payment: Payment, when: When) -> list[Allocation]:
    allocations.refuse_spent(payment)
    made = []
    found = session.execute(open_invoices(payment)).scalars().all()
    allocations.lock(session, payment, *found)
    for invoice in found:
        if payment.unallocated <= 0:
            break
        made.append(allocations.allocate(session, payment, invoice, when=_since(payment, invoice, when)))
    if not made:
        raise DomainError(_("No open invoice of this counterparty fits"), field="invoice")
    return made


def open_refunds(payment: Payment) -> Select[Payment]:
    """Return the refunds of the same counterparty that nothing settles yet, the oldest first."""
    return (
        select(Payment)
        .where(
            Payment.party_id == payment.party_id,
            Payment.organisation_id == payment.organisation_id,
            Payment.currency == payment.currency,
            Payment.kind == PaymentKind.refund,
            Payment.state == PaymentState.recorded,
            Payment.allocated < Payment.amount,
        )
        .order_by(Payment.paid_on, Payment.id)
    )


def open_invoices(payment: Payment) -> Select[Invoice]:
    """Return the open invoices that a payment can settle without a rate, the oldest due first."""
    return (
        select(Invoice)
        .where(
            Invoice.party_id == payment.party_id,
            Invoice.organisation_id == payment.organisation_id,
            Invoice.currency == payment.currency,
            Invoice.kind == InvoiceKind.invoice,
            Invoice.state != InvoiceState.draft,
            Invoice.allocated < Invoice.gross,
        )
        .order_by(Invoice.due_on, Invoice.id)
    )


def pay(
    session: Session,
    invoice: Invoice,
    *,
    when: When,
    amount: Decimal | None = None,
    method: PaymentMethod = PaymentMethod.bank_transfer,
    reference: str | None = None,
    exchange_rate: Decimal | None = None,
) -> Payment:
    """Record a receipt for an invoice and let it settle it; what is paid too much stays unallocated.

    An advance, paid before the invoice was issued, settles it since the issue. Units: `exchange_rate` as the payment
    keeps it; the invoice's own unless it is given.
    """
    refuse_unpayable(invoice)
    allocations.lock(session, invoice)
    since = max(when.day(invoice), invoice.issued_on or when.day(invoice))
    owed = allocations.left(session, invoice, on=since)
    if amount is None and owed <= 0:
        raise DomainError(_("Nothing of this invoice is open"), field="amount")
    payment = _like(invoice, PaymentKind.receipt, owed if amount is None else amount, when)
    payment.method, payment.reference = method, reference
    payment.exchange_rate = exchange_rate or payment.exchange_rate
    save(session, payment, at=when.at)
    session.flush()
    if owed > 0:
        allocations.allocate(session, payment, invoice, when=When(at=when.at, on=since, by=when.by))
    return payment


def refuse_unpayable(invoice: Invoice) -> None:
    """Raise DomainError for what is no claim: a draft, or a credit note."""
    if invoice.is_draft or invoice.kind != InvoiceKind.invoice:
        raise DomainError(_("Only an issued invoice is paid"), field="state")


def refund(
    session: Session,
    credit: Payment | Invoice,
    *,
    when: When,
    amount: Decimal | None = None,
    method: PaymentMethod = PaymentMethod.bank_transfer,
    reference: str | None = None,
    exchange_rate: Decimal | None = None,
) -> Payment:
    """Give back what is left of a receipt or credit note, or a part of it: a refund that it settles at once."""
    allocations.refuse_spent(credit)
    allocations.lock(session, credit)
    on = when.day(credit)
    there = allocations.left(session, credit, on=on)
    amount = there if amount is None else amount
    if amount > there or there <= 0:
        left = allocations.written(there, credit.currency)
        raise DomainError(_("At most %(left)s is left of it", left=left), field="amount")
    payment = _like(credit, PaymentKind.refund, amount, When(at=when.at, on=on, by=when.by))
    payment.method, payment.reference = method, reference
    payment.exchange_rate = exchange_rate or payment.exchange_rate
    save(session, payment, at=when.at)
    session.flush()
    allocations.allocate(session, credit, payment, amount=amount, when=When(at=when.at, on=on, by=when.by))
    return payment


def _like(source: Invoice | Payment, kind: PaymentKind, amount: Decimal, when: When) -> Payment:
    """Return a payment of the same business as a document or another payment."""
    payment = Payment(
        kind=kind,
        organisation=source.organisation,
        party=source.party,
        owner_id=source.owner_id,
        team_id=source.team_id,
        currency=source.currency,
        exchange_rate=source.exchange_rate,
        amount=amount,
        paid_on=when.day(source),
        created_at=when.at,
    )
    give_to_owner_of_party(payment)
    return payment


def give_to_owner_of_party(payment: Payment) -> None:
    """Give a new payment that is nobody's to those who look after the counterparty."""
    party = payment.party
    if party is None or any((payment.owner_id, payment.team_id, payment.owner, payment.team)):
        return
    payment.owner, payment.team = party.owner, party.team


def cancel(session: Session, payment: Payment, *, reason: str, when: When) -> None:
    """Take a payment back that was a mistake or bounced: its allocations are undone on the same day.

    Raises DomainError for a closed period and for a day before the payment.
    """
    words = line(reason, limit=500, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    on = when.day(payment)
    allocations.refuse_day(on, when, payment)
    rows = allocations.standing(session.execute(allocations.of(payment)).scalars().all())
    allocations.lock(session, payment, *(side for row in rows for side in allocations.sides_of(session, row)))
    for row in rows:
        allocations.reverse(session, row, when=When(at=when.at, on=on, by=when.by), note=words)
    if allocations.left(session, payment, on=on) != payment.amount:
        raise DomainError(_("On this day it still settled something"), field="on")
    move(PAYMENT_MOVES, payment, PaymentState.cancelled)
    payment.cancelled_on, payment.cancelled_reason = on, words
    session.flush()
