"""How far an order has come: what of each line is planned, delivered, returned and invoiced, all derived by query.

The state between "confirmed" and "closed" follows from it; deliveries and invoices call `follow` when something of them
counts from now on, or no longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.delivery import Delivery, DeliveryKind, DeliveryLine, DeliveryState
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.sale_order import ORDER_MOVES, UNDER_WAY, OrderState, SaleOrder, SaleOrderLine
from app.services import access

ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Moved:
    """What of one line of an order goes out and came back.

    `planned` is planned or on its way, `delivered` has arrived, `returned` of it has come back; `returning` is on its
    way back.
    """

    planned: Decimal = ZERO
    delivered: Decimal = ZERO
    returned: Decimal = ZERO
    returning: Decimal = ZERO

    @property
    def kept(self) -> Decimal:
        """Return what the customer has."""
        return self.delivered - self.returned

    @property
    def taken(self) -> Decimal:
        """Return what cannot be planned any more."""
        return self.planned + self.kept


def moved(session: Session, order: SaleOrder) -> dict[int, Moved]:
    """Return what of each line is planned, delivered and returned. Shape: keyed by the id of the order's line."""

    def total(kind: DeliveryKind, *, arrived: bool) -> ColumnElement[Decimal]:
        is_there = Delivery.state == DeliveryState.delivered
        counts = and_(Delivery.kind == kind, is_there if arrived else ~is_there)
        return func.sum(case((counts, DeliveryLine.quantity), else_=ZERO))

    found = (
        select(
            DeliveryLine.order_line_id,
            total(DeliveryKind.out, arrived=False),
            total(DeliveryKind.out, arrived=True),
            total(DeliveryKind.back, arrived=True),
            total(DeliveryKind.back, arrived=False),
        )
        .join(Delivery, Delivery.id == DeliveryLine.delivery_id)
        .where(Delivery.order_id == order.id, Delivery.state != DeliveryState.cancelled)
        .group_by(DeliveryLine.order_line_id)
    )
    with access.everything(session, why="what is delivered does not depend on who asks"):
        rows = session.execute(found).all()
    known = {row[0]: Moved(*(Decimal(each or ZERO) for each in row[1:])) for row in rows}
    return {line.id: known.get(line.id, Moved()) for line in order.lines}


def issued(session: Session, order: SaleOrder) -> dict[int, Decimal]:
    """Return how much of each line stands on issued invoices, less what issued credit notes take back."""
    counted = case((Invoice.kind == InvoiceKind.invoice, InvoiceLine.quantity), else_=-InvoiceLine.quantity)
    found = (
        select(InvoiceLine.order_line_id, func.sum(counted))
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.order_line_id.in_([line.id for line in order.lines]), Invoice.state != InvoiceState.draft)
        .group_by(InvoiceLine.order_line_id)
    )
    with access.everything(session, why="what is invoiced does not depend on who asks"):
        known = {row[0]: row[1] for row in session.execute(found)}
    return {line.id: Decimal(known.get(line.id) or ZERO) for line in order.lines}


def most(line: SaleOrderLine) -> Decimal:
    """Return how much of a line may be delivered and invoiced: what is ordered, and the tolerance of our company."""
    over = line.order.organisation.over_percent or ZERO
    with money.exact():
        allowed: Decimal = (line.quantity * (_HUNDRED + over) / _HUNDRED).quantize(Decimal("0.000001"))
    return allowed


def stands_on_delivery(session: Session, lines: Iterable[SaleOrderLine]) -> bool:
    """Say whether one of these lines is in any delivery, be it a cancelled one."""
    keys = [line.id for line in lines if line.id is not None]
    with access.everything(session, why="a line that a delivery names stays, whoever sees it"):
        return bool(session.scalar(select(exists().where(DeliveryLine.order_line_id.in_(keys)))))


def refuse_delivered(session: Session, order: SaleOrder) -> None:
    """Raise DomainError when something of an order is delivered, planned or on its way."""
    if any(each.taken or each.returning for each in moved(session, order).values()):
        text = _("Something of this order is delivered or planned; take it back or cancel its deliveries first")
        raise DomainError(text, field="state")


def follow(session: Session, order: SaleOrder) -> None:
    """Bring an order that is under way to the state that its deliveries and invoices come to; it must be locked."""
    if order.state not in UNDER_WAY:
        return
    to = standing(session, order)
    if to != order.state:
        move(ORDER_MOVES, order, to)
        session.flush()


def standing(session: Session, order: SaleOrder, *, may_close: bool = True) -> OrderState:
    """Return the state that an order's deliveries and issued invoices come to; lines that come back need neither.

    An order that was fulfilled before there were deliveries stays so.
    """
    goods = [line for line in order.lines if line.quantity > 0]
    gone, billed = moved(session, order), issued(session, order)
    is_delivered = _covers(goods, {key: each.kept for key, each in gone.items()})
    if order.state == OrderState.fulfilled and not any(each.taken or each.returned for each in gone.values()):
        is_delivered = True
    if is_delivered and may_close and _covers(goods, billed):
        return OrderState.closed
    if is_delivered:
        return OrderState.fulfilled
    is_begun = any(each.delivered for each in gone.values()) or any(billed.values())
    return OrderState.in_progress if is_begun else OrderState.confirmed


def _covers(lines: Iterable[SaleOrderLine], done: Mapping[int, Decimal]) -> bool:
    wanted = list(lines)
    return bool(wanted) and all(done[line.id] >= line.quantity for line in wanted)
