"""Documents that follow from each other: deal, contract, quote, order, delivery and invoice, credit note, payments.

The chain is whole, whatever the reader sees of it; what he does not see is there without its content.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.models.allocation import Allocation
from app.models.contract import Contract
from app.models.deal import Deal
from app.models.delivery import Delivery
from app.models.invoice import Invoice
from app.models.payment import Payment
from app.models.quote import Quote
from app.models.sale_order import SaleOrder
from app.services import access

MOST = 60  # documents of one kind; a longer chain is cut
Document = Deal | Contract | Quote | SaleOrder | Delivery | Invoice | Payment
_DAYS: dict[type[Any], str] = {
    Contract: "valid_from",
    Quote: "sent_on",
    SaleOrder: "ordered_on",
    Delivery: "planned_on",
    Invoice: "issued_on",
    Payment: "paid_on",
}
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
        if isinstance(self.record, Deal):
            return self.record.created_at.date()
        day: date | None = getattr(self.record, _DAYS[type(self.record)])
        return day

    @property
    def amount(self) -> Decimal | None:
        """Return what the document comes to; None of a delivery, and where nobody has put a figure on it."""
        if isinstance(self.record, Delivery):
            return None
        return self.record.amount if isinstance(self.record, Payment | Deal | Contract) else self.record.gross

    @property
    def kind(self) -> Any:  # noqa: ANN401 -- a member of an enumeration, or None
        """Return what the document is, where its table holds several kinds."""
        return getattr(self.record, "kind", None) if not isinstance(self.record, Contract) else None


def chain(session: Session, record: Document) -> list[Node]:
    """Return the documents around one as trees, the earliest at the root; the document itself is in there."""
    with access.everything(session, why="a chain of documents has no holes, whoever owns them"):
        first = _first_orders(session, record)
        invoices = _invoices(session, record, first)
        orders = first or _orders(session, invoices)
        quotes, deliveries = _quotes(session, record, orders), _deliveries(session, orders)
        contracts = _contracts(session, record, [*orders, *quotes.values(), *invoices])
        deals = _deals(session, record, [*orders, *quotes.values(), *contracts.values()])
        settled = _settled(session, invoices)
        payments = _payments(session, record, settled)
    return _Trees(session, record, invoices, payments, settled, deliveries, quotes, contracts, deals).grown(orders)


def _first_orders(session: Session, record: Document) -> list[SaleOrder]:
    """Return the orders that a deal, quote, order or delivery belongs to by itself; none for money."""
    match record:
        case SaleOrder():
            return [record]
        case Delivery():
            return [record.order]
        case Quote():
            where: ColumnElement[bool] = SaleOrder.quote_id == record.id
        case Deal():
            where = SaleOrder.deal_id == record.id
        case _:
            return []
    return list(session.scalars(select(SaleOrder).where(where).order_by(SaleOrder.id).limit(MOST)))


def _quotes(session: Session, record: Document, orders: Sequence[SaleOrder]) -> dict[int, Quote]:
    """Return the quotes that orders were made of, that of a deal, and the one that is looked at."""
    keys = {one.quote_id for one in orders if one.quote_id is not None}
    found = {record.id: record} if isinstance(record, Quote) else {}
    if isinstance(record, Deal):
        of_deal = select(Quote).where(Quote.deal_id == record.id).order_by(Quote.id).limit(MOST)
        found = {one.id: one for one in session.scalars(of_deal)}
    if keys - found.keys():
        found |= {one.id: one for one in session.scalars(select(Quote).where(Quote.id.in_(keys)))}
    return found


def _deliveries(session: Session, orders: Sequence[SaleOrder]) -> list[Delivery]:
    keys = [one.id for one in orders]
    if not keys:
        return []
    wanted = select(Delivery).where(Delivery.order_id.in_(keys)).order_by(Delivery.id).limit(MOST)
    return list(session.execute(wanted).scalars())


def _invoices(session: Session, record: Document, orders: Sequence[SaleOrder]) -> list[Invoice]:
    """Return the invoices and credit notes of the same business."""
    if isinstance(record, Deal | Quote | SaleOrder | Delivery):
        if not orders:
            return []
        where: ColumnElement[bool] = Invoice.order_id.in_([one.id for one in orders])
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


def _orders(session: Session, invoices: Iterable[Invoice]) -> list[SaleOrder]:
    keys = {one.order_id for one in invoices if one.order_id is not None}
    if not keys:
        return []
    return list(session.execute(select(SaleOrder).where(SaleOrder.id.in_(keys)).order_by(SaleOrder.id)).scalars())


def _contracts(session: Session, record: Document, made: Iterable[SaleOrder | Quote | Invoice]) -> dict[int, Contract]:
    """Return the contracts that documents name, and those of a deal; what else was done under them is not in here."""
    keys = {one.contract_id for one in made if one.contract_id is not None}
    where: list[ColumnElement[bool]] = [Contract.id.in_(keys)] if keys else []
    if isinstance(record, Deal):
        where.append(Contract.deal_id == record.id)
    if not where:
        return {}
    wanted = select(Contract).where(or_(*where)).order_by(Contract.id).limit(MOST)
    return {one.id: one for one in session.scalars(wanted)}


def _deals(session: Session, record: Document, made: Iterable[SaleOrder | Quote | Contract]) -> list[Deal]:
    if isinstance(record, Deal):
        return [record]
    keys = {one.deal_id for one in made if one.deal_id is not None}
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
    deliveries: list[Delivery]
    quotes: dict[int, Quote]
    contracts: dict[int, Contract]
    deals: list[Deal]

    def grown(self, orders: Sequence[SaleOrder]) -> list[Node]:
        under: dict[int | None, list[Invoice]] = defaultdict(list)
        known = {order.id for order in orders}
        for one in self.invoices:
            if one.credits_id is None:
                under[one.order_id if one.order_id in known else None].append(one)
        of_quote: dict[int | None, list[Node]] = defaultdict(list)
        of_contract: dict[int | None, list[Node]] = defaultdict(list)
        of_deal: dict[int | None, list[Node]] = defaultdict(list)
        for order in orders:
            node = self._node(order, [*self._deliveries(order), *(self._invoice(one) for one in under[order.id])])
            if order.quote_id in self.quotes:
                of_quote[order.quote_id].append(node)
            else:
                self._above(order, of_contract, of_deal).append(node)
        for quote in reversed(self.quotes.values()):
            self._above(quote, of_contract, of_deal).insert(0, self._node(quote, of_quote[quote.id]))
        for one in under.pop(None, []):
            of_contract[one.contract_id if one.contract_id in self.contracts else None].append(self._invoice(one))
        for contract in reversed(self.contracts.values()):
            of_deal[contract.deal_id].insert(0, self._node(contract, of_contract[contract.id]))
        trees = [self._node(deal, of_deal.pop(deal.id, [])) for deal in self.deals]
        trees += [node for left in of_deal.values() for node in left]
        trees += of_contract[None]
        if not trees or (isinstance(self.record, Payment) and not self.settled):
            trees.append(self._node(self.record))
        return trees

    def _above(
        self, one: SaleOrder | Quote, of_contract: dict[int | None, list[Node]], of_deal: dict[int | None, list[Node]]
    ) -> list[Node]:
        """Return where a document stands: below its contract, else below its deal."""
        return of_contract[one.contract_id] if one.contract_id in self.contracts else of_deal[one.deal_id]

    def _deliveries(self, order: SaleOrder) -> list[Node]:
        """Return an order's deliveries, each with what came back of it."""
        of_order = [one for one in self.deliveries if one.order_id == order.id]
        back = {one.id: [each for each in of_order if each.returns_id == one.id] for one in of_order}
        return [
            self._node(one, [self._node(each) for each in back[one.id]]) for one in of_order if one.returns_id is None
        ]

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
