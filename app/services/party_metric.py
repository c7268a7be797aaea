"""What a counterparty is worth in figures: exact on demand, kept beside it for lists.

Orders count once they are confirmed. Turnover is the net of issued invoices less that of credit notes, in the currency
of the organisation that issued them; the average check is turnover per invoice; the frequency is orders per year since
the first one, of a customer of less than a year those of that year. What is open is what it owes us now, less what we
owe. The payment lag is the mean number of days from due to settled. The last touch is the latest day on which a
document, payment, letter or note was made. Figures count every row, whoever sees it: screens decide who is shown them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import (
    Date,
    Integer,
    Select,
    String,
    Table,
    cast,
    delete,
    event,
    func,
    insert,
    inspect,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, UOWTransaction

from app.columns import Amount, Instant, Rate
from app.models.activity import Activity
from app.models.allocation import Allocation
from app.models.invoice import Invoice, InvoiceKind, InvoiceState, Settlement
from app.models.letter import Letter
from app.models.party import Party
from app.models.party_metric import PartyMark, PartyMetric
from app.models.payment import Payment, PaymentKind, PaymentState
from app.models.sale_order import OrderState, SaleOrder

PORTION = 500
ZERO, ONE = Decimal(0), Decimal(1)
_CENT = Decimal("0.01")
_YEAR = Decimal("365.25")
_COUNTED = (SaleOrder, Invoice, Payment, Letter)  # what changes the figures of its party
_METRIC: Table = PartyMetric.__table__  # type: ignore[assignment]
_MARK: Table = PartyMark.__table__  # type: ignore[assignment]


@dataclass
class _Sums:
    """What is gathered of one counterparty."""

    orders: int = 0
    first: date | None = None
    last: date | None = None
    since: date | None = None
    invoices: int = 0
    turnover: Decimal = ZERO
    balance: Decimal = ZERO
    lags: list[int] = field(default_factory=list)
    touched: date | None = None

    def begin(self, on: date | None) -> None:
        """Note a day on which it ordered or was billed; the first one counts."""
        if on is not None and (self.since is None or on < self.since):
            self.since = on

    def touch(self, on: date | None) -> None:
        if on is not None and (self.touched is None or on > self.touched):
            self.touched = on


def figures(session: Session, keys: Sequence[int], *, at: datetime) -> list[dict[str, Any]]:
    """Return the figures of some counterparties, as the table keeps them; one statement for all of them."""
    found = {key: _Sums() for key in keys}
    for row in session.connection().execute(_asked(keys)):
        _take(found[row.party_id], row)
    return [_figures(key, sums, at) for key, sums in found.items()]


def count(session: Session, keys: Sequence[int], *, at: datetime) -> None:
    """Work out the figures of some counterparties anew and keep them."""
    rows = figures(session, sorted(set(keys)), at=at)
    for start in range(0, len(rows), PORTION):
        some = rows[start : start + PORTION]
        session.connection().execute(delete(_METRIC).where(_METRIC.c.party_id.in_([row["party_id"] for row in some])))
        session.connection().execute(insert(_METRIC), some)


def count_marked(session: Session, *, at: datetime, most: int = PORTION) -> int:
    """Count those anew whose documents have changed since; return how many were looked at."""
    marks = session.connection().execute(select(_MARK.c.id, _MARK.c.party_id).order_by(_MARK.c.id).limit(most)).all()
    if not marks:
        return 0
    known = select(Party.__table__.c.id).where(Party.__table__.c.id.in_({mark.party_id for mark in marks}))
    count(session, list(session.connection().execute(known).scalars()), at=at)
    session.connection().execute(delete(_MARK).where(_MARK.c.id.in_([mark.id for mark in marks])))
    return len(marks)


def portion(session: Session, *, after: int, at: datetime) -> int | None:
    """Count the next counterparties by their keys; return the last one, None when there are no more."""
    table = Party.__table__
    some = select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(PORTION)
    keys = list(session.connection().execute(some).scalars())
    if not keys:
        return None
    count(session, keys, at=at)
    return int(keys[-1])


# --- gathering --------------------------------------------------------------------------------------------------------

_KINDS: dict[str, Any] = {
    "number": Integer(),
    "amount": Amount(),
    "rate": Rate(),
    "first": Date(),
    "last": Date(),
    "moment": Instant(),
}


def _part(what: str, party_id: Any, **columns: Any) -> Select[Any]:  # noqa: ANN401 -- columns of some table
    """Return one part of the statement: all parts have the same columns."""
    told = [
        type_coerce(columns[name], kind) if name in columns else cast(null(), kind) for name, kind in _KINDS.items()
    ]
    named = (each.label(name) for each, name in zip(told, _KINDS, strict=True))
    return select(literal(what, String).label("what"), party_id.label("party_id"), *named)


def _asked(keys: Sequence[int]) -> Any:  # noqa: ANN401 -- a union
    orders, letters, notes = SaleOrder.__table__.c, Letter.__table__.c, Activity.__table__.c
    parts = [
        _part("order", orders.party_id, number=func.count(), first=func.min(orders.ordered_on),
              last=func.max(orders.ordered_on))
        .where(orders.party_id.in_(keys), orders.state.not_in([OrderState.draft, OrderState.cancelled]))
        .group_by(orders.party_id),
        *_documents(keys),
        *_payments(keys),
        _part("letter", letters.party_id, moment=func.max(letters.created_at))
        .where(letters.party_id.in_(keys))
        .group_by(letters.party_id),
        _part("note", notes.record_id, moment=func.max(notes.created_at))
        .where(notes.entity == Party.__stem__, notes.record_id.in_(keys), notes.deleted_at.is_(None))
        .group_by(notes.record_id),
    ]  # fmt: skip
    return union_all(*parts)


def _documents(keys: Sequence[int]) -> list[Select[Any]]:
    """Return what is asked of documents: sums by rate, what is open of them, and when each was settled."""
    each, found = Invoice.__table__.c, []
    for kind in InvoiceKind:
        mine = (each.party_id.in_(keys), each.kind == kind, each.state != InvoiceState.draft)
        sums = _part(kind.value, each.party_id, number=func.count(), amount=func.sum(each.net), rate=each.exchange_rate,
                     first=func.min(each.issued_on), last=func.max(each.issued_on))  # fmt: skip
        rests = _part(f"open_{kind.value}", each.party_id, amount=func.sum(each.gross - each.allocated),
                      rate=each.exchange_rate)  # fmt: skip
        by = (each.party_id, each.exchange_rate)
        found += [sums.where(*mine).group_by(*by), rests.where(*mine, each.allocated < each.gross).group_by(*by)]
    rows = Allocation.__table__.c
    settled = select(func.max(rows.allocated_on)).where(rows.invoice_id == each.id).correlate(Invoice.__table__)
    paid = _part("settled", each.party_id, first=each.due_on, last=settled.scalar_subquery())
    is_paid = (each.kind == InvoiceKind.invoice, each.settlement == Settlement.paid, each.gross > 0)
    return [*found, paid.where(each.party_id.in_(keys), *is_paid)]


def _payments(keys: Sequence[int]) -> list[Select[Any]]:
    each, found = Payment.__table__.c, []
    for kind in PaymentKind:
        mine = (each.party_id.in_(keys), each.kind == kind, each.state == PaymentState.recorded)
        rests = _part(f"open_{kind.value}", each.party_id, amount=func.sum(each.amount - each.allocated),
                      rate=each.exchange_rate, last=func.max(each.paid_on))  # fmt: skip
        found.append(rests.where(*mine).group_by(each.party_id, each.exchange_rate))
    return found


_SIGNS = {"open_invoice": 1, "open_credit_note": -1, "open_receipt": -1, "open_refund": 1}


def _take(sums: _Sums, row: Any) -> None:  # noqa: ANN401 -- a row of the statement
    """Add one row of the statement to what is known of its counterparty."""
    amount = (row.amount or ZERO) * (row.rate or ONE)
    if row.what == "order":
        sums.orders, sums.first, sums.last = row.number, row.first, row.last
        sums.begin(row.first)
    elif row.what == InvoiceKind.invoice:
        sums.invoices += row.number
        sums.turnover += amount
        sums.begin(row.first)
    elif row.what == InvoiceKind.credit_note:
        sums.turnover -= amount
    elif row.what in _SIGNS:
        sums.balance += _SIGNS[row.what] * amount
    elif row.what == "settled" and row.first is not None and row.last is not None:
        sums.lags.append((row.last - row.first).days)
    sums.touch(row.last)
    sums.touch(row.moment.date() if row.moment is not None else None)


def _figures(key: int, sums: _Sums, at: datetime) -> dict[str, Any]:
    lag = Decimal(sum(sums.lags)) / len(sums.lags) if sums.lags else None
    years = max(ONE, (at.date() - sums.first).days / _YEAR) if sums.first is not None else ONE
    return {
        "party_id": key,
        "orders_count": sums.orders,
        "first_order_on": sums.first,
        "last_order_on": sums.last,
        "orders_per_year": _rounded(sums.orders / years),
        "client_since": sums.since,
        "turnover": _rounded(sums.turnover),
        "average_check": _rounded(sums.turnover / sums.invoices) if sums.invoices else None,
        "open_balance": _rounded(sums.balance),
        "payment_lag_days": int(lag.quantize(ONE, rounding=ROUND_HALF_UP)) if lag is not None else None,
        "last_touch_on": sums.touched,
        "counted_at": at,
    }


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


# --- while documents change -------------------------------------------------------------------------------------------


def mark(session: Session, keys: Iterable[int]) -> None:
    """Have the figures of some counterparties counted anew soon."""
    rows = [{"party_id": key} for key in sorted(set(keys))]
    if rows:
        session.connection().execute(insert(_MARK), rows)


def _note(session: Session, _context: UOWTransaction) -> None:
    """Mark the counterparties whose documents, payments, letters or notes a flush has changed."""
    found: set[int] = set()
    for record in (*session.new, *session.dirty, *session.deleted):
        if isinstance(record, _COUNTED):
            state: Any = inspect(record)
            history = state.attrs["party_id"].history
            found.update(key for key in (record.party_id, *(history.deleted or ())) if key is not None)
        elif isinstance(record, Activity) and record.entity == Party.__stem__ and record.record_id is not None:
            found.add(record.record_id)
        elif isinstance(record, Allocation):
            found.update(
                side.party_id
                for side in (record.payment, record.credit_note, record.invoice, record.refund)
                if side is not None
            )
    mark(session, found)


def install() -> None:
    """Note what changes figures in every session of the process; calling it again changes nothing."""
    if not event.contains(Session, "after_flush", _note):
        event.listen(Session, "after_flush", _note)
