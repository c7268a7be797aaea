"""Documents that follow from each other: deal → order → invoice → credit note, and the payments that settle them.

The chain is whole, whatever the reader sees of it; what he does not see is there without its content.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models.allocation import Allocation
from app.models.deal import Deal
from app.models.invoice import Invoice
from app.models.payment import Payment
from app.models.sale_order import SaleOrder
from app.services import access

MOST = 60  # documents of one kind; a longer chain is cut
Document = Deal | SaleOrder | Invoice | Payment
Settled = tuple[int | None, int | None, int | None, int | None]


@dataclass
class Node:
    """One document with what followed from it; `is_seen` says whether its content is the reader's to know."""

    record: Document
    is_here: bool
    is_seen: bool
    after: list["Node"] = field(default_factory=list)

    @property
    def on(self) -> date | None:
        """Return the day of the document."""
        match self.record:
            case Deal():
                return self.record.created_at.date()
            case SaleOrder():
                return self.record.ordered_on
            case Invoice():
                return self.record.issued_on
            case _:
                return self.record.paid_on

    @property
    def amount(self) -> Decimal | None:
        """Return what the document comes to, None of a deal that nobody has put a figure on."""
        return self.record.amount if isinstance(self.record, Payment | Deal) else self.record.gross

    @property
    def kind(self) -> Any:  # noqa: ANN401 -- a member of an enumeration, or None for an order
        """Return what the document is, where its table holds several kinds."""
        return None if isinstance(self.record, SaleOrder | Deal) else self.record.kind


def chain(session: Session, record: Document) -> list[Node]:
    """Return the documents around one as trees, the earliest at the root; the document itself is in there."""
    with access.everything(session, why="a chain of documents has no holes, whoever owns them"):
        invoices = _invoices(session, record)
        orders = _orders(session, record, invoices)
        deals = _deals(session, record, orders)
        settled = _settled(session, invoices)
        payments = _payments(session, record, settled)
    return _Trees(session, record, invoices, payments, settled).grown(orders, deals)


def _invoices(session: Session, record: Document) -> list[Invoice]:
    """Return the invoices and credit notes of the same business."""
    where: Any
    if isinstance(record, SaleOrder):
        where = Invoice.order_id == record.id
    elif isinstance(record, Deal):
        where = Invoice.order_id.in_(select(SaleOrder.id).where(SaleOrder.deal_id == record.id))
    elif isinstance(record, Invoice):
        first = record.credits_id or record.id
        where = or_(Invoice.id == first, Invoice.credits_id == first)
        if record.order_id is not None:
            where = or_(where, Invoice.order_id == record.order_id)
    else:
        sides = select(Allocation.invoice_id, Allocation.credit_note_id).where(
            or_(Allocation.payment_id == record.id, Allocation.refund_id == record.id)
        )
        keys = {key for row in session.execute(sides.distinct().limit(MOST)) for key in row if key is not None}
        where = Invoice.id.in_(keys)
    found = session.execute(select(Invoice).where(where).order_by(Invoice.id).limit(MOST)).scalars().all()
    missing = {one.credits_id for one in found if one.credits_id is not None} - {one.id for one in found}
    if not missing:
        return list(found)
    first_ones = session.execute(select(Invoice).where(Invoice.id.in_(missing)).order_by(Invoice.id)).scalars().all()
    return [*first_ones, *found]


def _orders(session: Session, record: Document, invoices: Iterable[Invoice]) -> list[SaleOrder]:
    if isinstance(record, SaleOrder):
        return [record]
    if isinstance(record, Deal):
        theirs = select(SaleOrder).where(SaleOrder.deal_id == record.id).order_by(SaleOrder.id).limit(MOST)
        return list(session.execute(theirs).scalars())
    keys = {one.order_id for one in invoices if one.order_id is not None}
    if not keys:
        return []
    return list(session.execute(select(SaleOrder).where(SaleOrder.id.in_(keys)).order_by(SaleOrder.id)).scalars())


def _deals(session: Session, record: Document, orders: Iterable[SaleOrder]) -> list[Deal]:
    if isinstance(record, Deal):
        return [record]
    keys = {one.deal_id for one in orders if one.deal_id is not None}
    if not keys:
        return []
    return list(session.execute(select(Deal).where(Deal.id.in_(keys)).order_by(Deal.id)).scalars())


def _settled(session: Session, invoices: Sequence[Invoice]) -> list[Settled]:
    """Return what stands of the allocations of documents: (payment, credit note, invoice, refund) by their keys."""
    keys = [one.id for one in invoices]
    if not keys:
        return []
    sides = (Allocation.payment_id, Allocation.credit_note_id, Allocation.invoice_id, Allocation.refund_id)
    found = (
        select(*sides)
        .where(or_(Allocation.invoice_id.in_(keys), Allocation.credit_note_id.in_(keys)))
        .group_by(*sides)
        .having(func.sum(Allocation.amount) != 0)
        .limit(MOST)
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(found)]


def _payments(session: Session, record: Document, settled: Iterable[tuple[int | None, ...]]) -> dict[int, Payment]:
    keys = {key for row in settled for key in (row[0], row[3]) if key is not None}
    if isinstance(record, Payment):
        keys.add(record.id)
    if not keys:
        return {}
    return {one.id: one for one in session.execute(select(Payment).where(Payment.id.in_(keys))).scalars()}


@dataclass
class _Trees:
    """Puts the documents of a chain under each other."""

    session: Session
    record: Document
    invoices: list[Invoice]
    payments: dict[int, Payment]
    settled: list[Settled]

    def grown(self, orders: Sequence[SaleOrder], deals: Sequence[Deal]) -> list[Node]:
        under: dict[int | None, list[Invoice]] = defaultdict(list)
        known = {order.id for order in orders}
        for one in self.invoices:
            if one.credits_id is None:
                under[one.order_id if one.order_id in known else None].append(one)
        of_orders = {order.id: self._node(order, [self._invoice(one) for one in under[order.id]]) for order in orders}
        trees = [self._node(deal, [of_orders[one.id] for one in orders if one.deal_id == deal.id]) for deal in deals]
        known_deals = {deal.id for deal in deals}
        trees += [of_orders[order.id] for order in orders if order.deal_id not in known_deals]
        trees += [self._invoice(one) for one in under[None]]
        if not trees or (isinstance(self.record, Payment) and not self.settled):
            trees.append(self._node(self.record))
        return trees

    def _invoice(self, invoice: Invoice) -> Node:
        paid = [row[0] for row in self.settled if row[2] == invoice.id and row[0] is not None]
        back = [one for one in self.invoices if one.credits_id == invoice.id]
        after = [self._credit_note(one) for one in back]
        return self._node(invoice, [*after, *(self._node(self.payments[key]) for key in paid if key in self.payments)])

    def _credit_note(self, note: Invoice) -> Node:
        refunds = [row[3] for row in self.settled if row[1] == note.id and row[3] is not None]
        return self._node(note, [self._node(self.payments[key]) for key in refunds if key in self.payments])

    def _node(self, record: Document, after: Sequence[Node] = ()) -> Node:
        return Node(record, record is self.record, access.visible(self.session, record), list(after))
