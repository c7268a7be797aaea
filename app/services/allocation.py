"""Allocations: letting a credit settle a debt, undoing that, and giving up a rest, each as a dated row.

A credit is a receipt, a credit note or a write-off; a debt is an invoice or a refund. What is allocated is looked at
on every day from the row's date on, so that a report of a past day, too, never shows more than there was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import language
from app.models.allocation import Allocation, WriteOff
from app.models.invoice import Invoice, InvoiceKind
from app.models.payment import Payment
from app.services import access
from app.services import period as periods
from app.services.access import Actor
from app.services.text import line

Side = Invoice | Payment
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class When:
    """The day of an allocation, the moment and the person that make it.

    `on` is the organisation's today unless it is given.
    """

    at: datetime
    on: date | None = None
    by: Actor | None = None

    def day(self, side: Side) -> date:
        """Return the day that counts for one side's organisation."""
        return self.on or periods.today(side.organisation, self.at)

    @property
    def by_id(self) -> int | None:
        """Return the id of the person, None for the system."""
        return self.by.user_id if self.by is not None else None


def allocate(
    session: Session,
    credit: Side,
    debt: Side,
    *,
    when: When,
    amount: Decimal | None = None,
    exchange_rate: Decimal | None = None,
    note: str | None = None,
) -> Allocation:
    """Let a receipt or credit note settle an invoice or refund; as much as possible unless an amount is given.

    Units: `amount` in the currency of the debt; `exchange_rate` is how much of the credit's currency one unit of the
    debt's currency is worth, needed where they differ. Raises DomainError at "invoice", "amount", "on",
    "exchange_rate", "party" or "state".
    """
    lock(session, credit, debt)
    _refuse_sides(credit, debt)
    on = when.day(credit)
    refuse_day(on, when, credit, debt)
    rate = _rate(credit, debt, exchange_rate)
    there, owed = left(session, credit, on=on), left(session, debt, on=on)
    if amount is None:
        amount, taken = _most(there, owed, rate, credit, debt)
    else:
        amount = exact_amount(amount, debt.currency)
        taken = amount if rate is None else money.in_currency(amount, rate, credit.currency)
    if there <= 0 or owed <= 0:
        raise DomainError(_("Nothing is left to allocate"), field="amount")
    if amount <= 0 or taken <= 0:
        raise DomainError(_("An amount above zero is expected"), field="amount")
    if amount > owed:
        raise DomainError(_("At most %(left)s is open", left=written(owed, debt.currency)), field="amount")
    if taken > there:
        raise DomainError(_("At most %(left)s is left of it", left=written(there, credit.currency)), field="amount")
    row = _row(when, on, note, amount=amount, credit_amount=taken, exchange_rate=rate)
    row.payment, row.credit_note = (credit, None) if isinstance(credit, Payment) else (None, credit)
    row.refund, row.invoice = (debt, None) if isinstance(debt, Payment) else (None, debt)
    return _stored(session, row, credit, debt)


def write_off(
    session: Session,
    invoice: Invoice,
    *,
    reason: WriteOff,
    when: When,
    amount: Decimal | None = None,
    note: str | None = None,
) -> Allocation:
    """Give up what is open of an invoice, or a part of it, for a reason that reports name."""
    lock(session, invoice)
    refuse_debt(invoice)
    on = when.day(invoice)
    refuse_day(on, when, invoice)
    owed = left(session, invoice, on=on)
    amount = owed if amount is None else exact_amount(amount, invoice.currency)
    if owed <= 0:
        raise DomainError(_("Nothing of this invoice is open"), field="amount")
    if amount <= 0:
        raise DomainError(_("An amount above zero is expected"), field="amount")
    if amount > owed:
        raise DomainError(_("At most %(left)s is open", left=written(owed, invoice.currency)), field="amount")
    row = _row(when, on, note, amount=amount, credit_amount=amount, write_off=reason)
    row.invoice = invoice
    return _stored(session, row, invoice)


def reverse(session: Session, allocation: Allocation, *, when: When, note: str | None = None) -> Allocation:
    """Undo an allocation by a row of the opposite amount; the rows of the past stay.

    Raises DomainError when it is undone already or undoes another, and for a day before its own.
    """
    sides = sides_of(session, allocation)
    lock(session, *sides)
    if allocation.is_reversal or reversal_of(session, allocation) is not None:
        raise DomainError(_("This allocation is undone already"), field="state")
    on = when.day(sides[0])
    if on < allocation.allocated_on:
        raise DomainError(_("It cannot be undone before it was made"), field="on")
    refuse_day(on, when, *sides)
    row = _row(
        when,
        on,
        note,
        amount=-allocation.amount,
        credit_amount=-allocation.credit_amount,
        exchange_rate=allocation.exchange_rate,
        payment_id=allocation.payment_id,
        credit_note_id=allocation.credit_note_id,
        write_off=allocation.write_off,
        invoice_id=allocation.invoice_id,
        refund_id=allocation.refund_id,
        reverses_id=allocation.id,
    )
    return _stored(session, row, *sides)


def of(side: Side) -> Select[Allocation]:
    """Return the allocations of a document or payment, reversed ones and reversals too, oldest first."""
    return select(Allocation).where(_touches(side)).order_by(Allocation.allocated_on, Allocation.id)


def standing(rows: Sequence[Allocation]) -> list[Allocation]:
    """Return those of the rows that are neither undone nor undo another."""
    undone = {row.reverses_id for row in rows}
    return [row for row in rows if not row.is_reversal and row.id not in undone]


def reversal_of(session: Session, allocation: Allocation) -> Allocation | None:
    """Return the row that undoes an allocation, None while it stands."""
    return session.execute(select(Allocation).where(Allocation.reverses_id == allocation.id)).scalar_one_or_none()


def sides_of(session: Session, allocation: Allocation) -> list[Side]:
    """Return the documents and payments that an allocation touches: its credit, if it is no write-off, and its debt."""
    keys: list[tuple[type[Side], int | None]] = [
        (Payment, allocation.payment_id),
        (Invoice, allocation.credit_note_id),
        (Invoice, allocation.invoice_id),
        (Payment, allocation.refund_id),
    ]
    with access.everything(session, why="an allocation is undone on both sides, whoever owns them"):
        found = [cast("Side | None", session.get(entity, key)) for entity, key in keys if key is not None]
    return [side for side in found if side is not None]


def left(session: Session, side: Side, *, on: date) -> Decimal:
    """Return how much of a document or payment is free from a day on: on none of the later days it is more than used.

    Units: the side's own currency.
    """
    rows = session.execute(of(side)).scalars().all()
    whole = side.amount if isinstance(side, Payment) else side.gross
    used = sum((_part(row, side) for row in rows if row.allocated_on <= on), ZERO)
    most = used
    by_day: dict[date, Decimal] = {}
    for row in rows:
        if row.allocated_on > on:
            by_day[row.allocated_on] = by_day.get(row.allocated_on, ZERO) + _part(row, side)
    for day in sorted(by_day):
        used += by_day[day]
        most = max(most, used)
    return whole - most


def refuse_day(on: date, when: When, *sides: Side) -> None:
    """Raise DomainError for a day that is to come, before one of the sides, or in a closed period."""
    for side in sides:
        if on > periods.today(side.organisation, when.at):
            raise DomainError(_("This day is still to come"), field="on")
        periods.refuse_locked(side.organisation, on, "on")
        begun = begun_on(side)
        if begun is not None and on < begun:
            raise DomainError(_("It cannot be older than %(what)s", what=str(side)), field="on")


def begun_on(side: Side) -> date | None:
    """Return the day since which a document or payment counts."""
    return side.paid_on if isinstance(side, Payment) else side.issued_on


def written(amount: Decimal, currency: str) -> str:
    """Return an amount of money in the reader's language."""
    return money.format_money(amount, currency, language())


def exact_amount(amount: Decimal, currency: str) -> Decimal:
    """Return an amount that its currency can express; DomainError at "amount" otherwise."""
    if amount != money.quantize(amount, currency):
        text = _("%(currency)s has %(digits)s decimals", currency=currency, digits=money.digits(currency))
        raise DomainError(text, field="amount")
    return amount


def _part(row: Allocation, side: Side) -> Decimal:
    """Return what a row takes of one of its sides, in the side's currency."""
    is_credit = row.payment_id == side.id if isinstance(side, Payment) else row.credit_note_id == side.id
    return row.credit_amount if is_credit else row.amount


def _touches(side: Side) -> ColumnElement[bool]:
    if isinstance(side, Payment):
        return or_(Allocation.payment_id == side.id, Allocation.refund_id == side.id)
    return or_(Allocation.invoice_id == side.id, Allocation.credit_note_id == side.id)


def _most(there: Decimal, owed: Decimal, rate: Decimal | None, credit: Side, debt: Side) -> tuple[Decimal, Decimal]:
    """Return the largest amount that both sides bear: of the debt, and what it takes of the credit."""
    if rate is None:
        amount = min(there, owed)
        return amount, amount
    taken = money.in_currency(owed, rate, credit.currency)
    if taken <= there:
        return owed, taken
    with money.exact():
        reached = (there / rate).quantize(money.step(debt.currency))
    return min(reached, owed), there


def _rate(credit: Side, debt: Side, exchange_rate: Decimal | None) -> Decimal | None:
    if credit.currency == debt.currency:
        if exchange_rate is not None and exchange_rate != 1:
            raise DomainError(_("Both are in the same currency; leave the rate out"), field="exchange_rate")
        return None
    if exchange_rate is None:
        raise DomainError(
            _("Say how many %(theirs)s one %(ours)s is worth", theirs=credit.currency, ours=debt.currency),
            field="exchange_rate",
        )
    return exchange_rate


def refuse_credit(credit: Side) -> None:
    """Raise DomainError for what settles nothing: a draft, a refund, a cancelled payment."""
    if isinstance(credit, Payment):
        if not credit.is_receipt or not credit.is_recorded:
            raise DomainError(_("Only a recorded receipt settles something"), field="payment")
    elif credit.is_draft or credit.kind != InvoiceKind.credit_note:
        raise DomainError(_("Only an issued credit note settles something"), field="credit_note")


def refuse_spent(credit: Side) -> None:
    """Raise DomainError when a receipt or credit note settles nothing, or nothing more."""
    refuse_credit(credit)
    if (credit.unallocated if isinstance(credit, Payment) else credit.rest) <= 0:
        raise DomainError(_("Nothing is left to allocate"), field="amount")


def refuse_settled(debt: Side) -> None:
    """Raise DomainError when nothing of an invoice or refund is to be settled, or nothing more."""
    refuse_debt(debt)
    if (debt.unallocated if isinstance(debt, Payment) else debt.rest) <= 0:
        raise DomainError(_("Nothing of this invoice is open"), field="amount")


def _refuse_sides(credit: Side, debt: Side) -> None:
    refuse_credit(credit)
    refuse_debt(debt)
    if credit.organisation_id != debt.organisation_id:
        raise DomainError(_("They belong to different organisations of yours"), field="organisation")
    if credit.party_id != debt.party_id:
        raise DomainError(_("They belong to different counterparties"), field="party")


def refuse_debt(debt: Side) -> None:
    """Raise DomainError for what is not settled: a draft, a credit note, a receipt, a cancelled payment."""
    if isinstance(debt, Payment):
        if debt.is_receipt or not debt.is_recorded:
            raise DomainError(_("Only a recorded refund is settled"), field="refund")
    elif debt.is_draft or debt.kind != InvoiceKind.invoice:
        raise DomainError(_("Only an issued invoice is settled"), field="invoice")


def lock(session: Session, *sides: Side) -> None:
    """Keep others from settling the same until the transaction ends: periods, then documents, then payments, by id."""
    session.flush()
    periods.hold(session, *(side.organisation for side in sides))
    for entity in (Invoice, Payment):
        keys = sorted({side.id for side in sides if isinstance(side, entity)})
        if keys:
            with access.everything(session, why="both sides of an allocation are locked, whoever owns them"):
                found = session.execute(
                    select(entity)
                    .where(entity.id.in_(keys))
                    .order_by(entity.id)
                    .with_for_update(key_share=True, of=entity)
                    .execution_options(populate_existing=True)
                ).scalars()
                if len(found.all()) != len(keys):
                    raise NotFound


def _stored(session: Session, row: Allocation, *sides: Side) -> Allocation:
    session.add(row)
    session.flush()
    for side in sides:
        session.refresh(side, ["allocated", "credited", "settlement"] if isinstance(side, Invoice) else ["allocated"])
    return row


def _row(when: When, on: date, note: str | None, **values: Any) -> Allocation:  # noqa: ANN401
    said = line(note or "", limit=500, field="note") or None
    return Allocation(allocated_on=on, note=said, created_at=when.at, by_id=when.by_id, **values)
