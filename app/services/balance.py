"""Balances: what a counterparty owes us on a day, by currency, and which documents make it up.

They count every row, whatever the reader sees of it; who may ask is decided by those who call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select, union_all
from sqlalchemy.orm import Session, joinedload, selectinload

from app.models.allocation import Allocation
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.party import Party
from app.models.payment import Payment, PaymentKind, PaymentState
from app.services import access

ZERO = Decimal(0)
_SIDES = [
    selectinload(side) for side in (Allocation.payment, Allocation.credit_note, Allocation.invoice, Allocation.refund)
]
_ISSUED = Invoice.state != InvoiceState.draft


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """A document or payment of which something is open on a day.

    Units: `rest` in `currency`, above zero for what the counterparty owes, below for what we owe him.
    """

    record: Invoice | Payment
    currency: str
    rest: Decimal


def of_party(session: Session, party: Party, *, on: date, organisation_id: int | None = None) -> dict[str, Decimal]:
    """Return what a counterparty owes on a day: currency → amount; zero where it once was something else.

    It is invoices − credit notes − receipts + refunds − write-offs; an allocation between currencies moves its amounts
    from one to the other.
    """
    with access.everything(session, why="a balance counts every document and payment"):
        parts = union_all(
            _documents(party.id, on, organisation_id),
            _payments(party.id, on, organisation_id),
            _write_offs(party.id, on, organisation_id),
        )
        found = [*session.execute(parts)]
        if found:  # without a document nothing was moved between currencies
            found += _conversions(session, party.id, on, organisation_id)
    return _summed((row[0], row[1]) for row in found)


def open_items(session: Session, party: Party, *, on: date, organisation_id: int | None = None) -> list[OpenItem]:
    """Return what is open of a counterparty on a day, the oldest first; their rests sum up to the balance."""
    with access.everything(session, why="a balance counts every document and payment"):
        used = _used(session, party.id, on, organisation_id)
        documents = session.execute(
            select(Invoice)
            .where(Invoice.party_id == party.id, _ISSUED, Invoice.issued_on <= on, _of(Invoice, organisation_id))
            .order_by(Invoice.issued_on, Invoice.id)
        ).scalars()
        items = [
            OpenItem(
                record=each,
                currency=each.currency,
                rest=(each.gross - used.get((Invoice, each.id), ZERO)) * (-1 if each.is_credit_note else 1),
            )
            for each in documents
        ]
        payments = session.execute(
            select(Payment)
            .where(Payment.party_id == party.id, _counts(on), _of(Payment, organisation_id))
            .order_by(Payment.paid_on, Payment.id)
        ).scalars()
        items += [
            OpenItem(
                record=each,
                currency=each.currency,
                rest=(each.amount - used.get((Payment, each.id), ZERO)) * (-1 if each.is_receipt else 1),
            )
            for each in payments
        ]
    return [item for item in items if item.rest]


def open_now(session: Session, party: Party) -> list[OpenItem]:
    """Return what is open of a counterparty at present, as far as the reader sees it, the oldest first."""
    documents = session.execute(
        select(Invoice)
        .where(Invoice.party_id == party.id, _ISSUED, Invoice.allocated < Invoice.gross)
        .order_by(Invoice.issued_on, Invoice.id)
    ).scalars()
    payments = session.execute(
        select(Payment)
        .where(
            Payment.party_id == party.id,
            Payment.state == PaymentState.recorded,
            Payment.allocated < Payment.amount,
        )
        .order_by(Payment.paid_on, Payment.id)
    ).scalars()
    items = [
        OpenItem(record=one, currency=one.currency, rest=-one.rest if one.is_credit_note else one.rest)
        for one in documents
    ]
    items += [
        OpenItem(record=one, currency=one.currency, rest=-one.unallocated if one.is_receipt else one.unallocated)
        for one in payments
    ]
    return items


def open_invoices(party: Party) -> Select[Invoice]:
    """Return the invoices of a counterparty of which something is open, as far as the reader sees them."""
    return (
        select(Invoice)
        .where(
            Invoice.party_id == party.id,
            Invoice.kind == InvoiceKind.invoice,
            _ISSUED,
            Invoice.allocated < Invoice.gross,
        )
        .options(joinedload(Invoice.organisation))
    )


def overdue(on: date) -> Select[Invoice]:
    """Return the invoices of which something is open although it was due before a day, the oldest due first."""
    return (
        select(Invoice)
        .where(Invoice.kind == InvoiceKind.invoice, _ISSUED, Invoice.due_on < on, Invoice.allocated < Invoice.gross)
        .order_by(Invoice.due_on, Invoice.id)
    )


def is_overdue(invoice: Invoice, on: date) -> bool:
    """Say whether something of an invoice is open although it was due before a day."""
    is_late = invoice.due_on is not None and invoice.due_on < on
    return is_late and not invoice.is_draft and not invoice.is_credit_note and invoice.rest > 0


def _of(entity: type[Invoice | Payment], organisation_id: int | None) -> Any:  # noqa: ANN401
    return entity.organisation_id == organisation_id if organisation_id is not None else entity.id.is_not(None)


def _counts(on: date) -> Any:  # noqa: ANN401
    """Return the condition that a payment counts on a day: made by then, and not cancelled by then."""
    return and_(Payment.paid_on <= on, or_(Payment.cancelled_on.is_(None), Payment.cancelled_on > on))


def _documents(party_id: int, on: date, organisation_id: int | None) -> Any:  # noqa: ANN401
    signed = case((Invoice.kind == InvoiceKind.credit_note, -Invoice.gross), else_=Invoice.gross)
    return (
        select(Invoice.currency, func.sum(signed, type_=Invoice.gross.type))
        .where(Invoice.party_id == party_id, _ISSUED, Invoice.issued_on <= on, _of(Invoice, organisation_id))
        .group_by(Invoice.currency)
    )


def _payments(party_id: int, on: date, organisation_id: int | None) -> Any:  # noqa: ANN401
    signed = case((Payment.kind == PaymentKind.receipt, -Payment.amount), else_=Payment.amount)
    return (
        select(Payment.currency, func.sum(signed, type_=Payment.amount.type))
        .where(Payment.party_id == party_id, _counts(on), _of(Payment, organisation_id))
        .group_by(Payment.currency)
    )


def _write_offs(party_id: int, on: date, organisation_id: int | None) -> Any:  # noqa: ANN401
    return (
        select(Invoice.currency, func.sum(-Allocation.amount, type_=Allocation.amount.type))
        .join(Invoice, Allocation.invoice_id == Invoice.id)
        .where(
            Invoice.party_id == party_id,
            Allocation.write_off.is_not(None),
            Allocation.allocated_on <= on,
            _of(Invoice, organisation_id),
        )
        .group_by(Invoice.currency)
    )


def _rows(party_id: int, on: date, organisation_id: int | None) -> Any:  # noqa: ANN401
    """Return the allocations of a counterparty up to a day; both sides of each are his."""
    mine = select(Invoice.id).where(Invoice.party_id == party_id, _of(Invoice, organisation_id))
    paid = select(Payment.id).where(Payment.party_id == party_id, _of(Payment, organisation_id))
    return select(Allocation).where(
        Allocation.allocated_on <= on, or_(Allocation.invoice_id.in_(mine), Allocation.refund_id.in_(paid))
    )


def _conversions(
    session: Session, party_id: int, on: date, organisation_id: int | None
) -> Iterable[tuple[str, Decimal]]:
    rows = session.execute(_rows(party_id, on, organisation_id).where(Allocation.exchange_rate.is_not(None))).scalars()
    for row in rows:
        credit, debt = row.payment or row.credit_note, row.invoice or row.refund
        yield debt.currency, -row.amount
        yield credit.currency, row.credit_amount


def _used(session: Session, party_id: int, on: date, organisation_id: int | None) -> dict[tuple[type, int], Decimal]:
    found: dict[tuple[type, int], Decimal] = {}
    for row in session.execute(_rows(party_id, on, organisation_id)).scalars():
        for entity, key, amount in (
            (Payment, row.payment_id, row.credit_amount),
            (Invoice, row.credit_note_id, row.credit_amount),
            (Invoice, row.invoice_id, row.amount),
            (Payment, row.refund_id, row.amount),
        ):
            if key is not None:
                found[entity, key] = found.get((entity, key), ZERO) + amount
    return found


def _summed(parts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for currency, amount in parts:
        totals[currency] = totals.get(currency, ZERO) + amount
    return dict(sorted(totals.items()))
