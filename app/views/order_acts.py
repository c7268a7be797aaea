"""What may be done to an order: its buttons and REST verbs, and for what is not possible now the reason."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from marshmallow import fields, validate
from sqlalchemy.orm import Session, object_session

from app import lifecycle
from app.columns import Quantity
from app.i18n import lazy_gettext as _l
from app.models.sale_order import ORDER_MOVES, UNDER_WAY, OrderState, SaleOrder
from app.services import delivery as deliveries
from app.services import invoice_advance as advances
from app.services import order_progress as progress
from app.services import sale_order as orders
from app.web.arguments import AMOUNT, ON, REASON
from app.web.request_cache import request_cache
from app.web.schema import ExactField
from app.web.verbs import Verb, reason

LINES = fields.Dict(keys=fields.Integer(), values=fields.Decimal(as_string=True))


def done_of(order: SaleOrder) -> Mapping[int, Decimal]:
    """Return how much of each line is invoiced; asked once in a request, whatever needs it."""
    found: Mapping[int, Decimal] = _once("done_of_orders", order, orders.invoiced_quantities)
    return found


def moved_of(order: SaleOrder) -> Mapping[int, progress.Moved]:
    """Return what of each line is planned, delivered and returned; asked once in a request."""
    found: Mapping[int, progress.Moved] = _once("moved_of_orders", order, progress.moved)
    return found


def _once(name: str, order: SaleOrder, ask: Callable[[Session, SaleOrder], Any]) -> Any:
    kept = request_cache(name)
    session, key = object_session(order), (order.id, order.version)
    assert session is not None  # noqa: S101 -- a stored record has one
    if key not in kept:
        kept[key] = ask(session, order)
    return kept[key]


def why_not(check: Callable[..., None], to: OrderState | None = None) -> Any:
    """Return a reason that asks what is invoiced only where the state alone says nothing against the act."""

    def why(order: SaleOrder) -> str | None:
        is_closed = order.state == OrderState.closed and to == OrderState.draft
        if to is None:
            by_state = reason(orders.refuse_unconfirmed, order)
        else:
            by_state = None if is_closed else reason(lifecycle.refuse, ORDER_MOVES, order, to)
        return by_state or reason(check, order, done_of(order))

    return why


def why_not_deliver(order: SaleOrder) -> str | None:
    """Return why nothing of an order can be delivered now."""
    return reason(deliveries.refuse_plan, order) or reason(deliveries.refuse_nothing_open, order, moved_of(order))


def why_not_advance(order: SaleOrder) -> str | None:
    """Return why no down payment is asked for now."""
    return reason(advances.refuse_advance, order)


VERBS = [
    Verb(
        "confirm",
        orders.confirm,
        label=_l("Confirm"),
        icon="check",
        when=lambda order: order.state == OrderState.draft,
        why=lambda order: reason(orders.refuse_confirm, order),
        to=OrderState.confirmed,
        needs_time=True,
        primary=True,
    ),
    Verb(
        "deliver",
        deliveries.plan,
        label=_l("Plan a delivery"),
        icon="truck",
        when=lambda order: order.state in UNDER_WAY,
        why=why_not_deliver,
        arguments={"on": ON, "carrier": fields.String(validate=validate.Length(max=120)), "lines": LINES},
        offered=lambda order: {"on": order.delivery_on} if order.delivery_on else {},
        needs_time=True,
        primary=True,
    ),
    Verb(
        "invoice",
        orders.invoice,
        label=_l("Make an invoice"),
        icon="receipt",
        when=lambda order: order.state in UNDER_WAY,
        why=why_not(orders.refuse_all_invoiced),
        primary=True,
    ),
    Verb(
        "invoice_part",
        orders.invoice,
        label=_l("Invoice a part"),
        icon="receipt",
        when=lambda order: order.state in UNDER_WAY,
        fits=lambda _order: False,  # its own page asks for the lines
        arguments={"lines": fields.Dict(keys=fields.Integer(), values=fields.Decimal(as_string=True), required=True)},
    ),
    Verb(
        "advance",
        advances.advance,
        label=_l("Ask for a down payment"),
        icon="coins",
        when=lambda order: order.state in UNDER_WAY,
        why=why_not_advance,
        arguments={"percent": ExactField(Quantity()), "amount": AMOUNT},
    ),
    Verb(
        "finish",
        deliveries.finish,
        label=_l("Everything is delivered"),
        icon="circle-check",
        when=lambda order: order.state in UNDER_WAY,
        why=why_not_deliver,
        to=OrderState.fulfilled,
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "close",
        orders.close,
        label=_l("Close"),
        icon="archive",
        when=lambda order: order.state in UNDER_WAY,
        why=lambda order: reason(orders.refuse_close, order),
        to=OrderState.closed,
        arguments={"reason": REASON},
    ),
    Verb(
        "reopen",
        orders.reopen,
        label=_l("Reopen"),
        icon="undo-2",
        when=lambda order: order.state not in {OrderState.draft, OrderState.fulfilled},
        why=why_not(orders.refuse_reopen, OrderState.draft),
    ),
    Verb(
        "cancel",
        orders.cancel,
        label=_l("Cancel the order"),
        icon="x",
        when=lambda order: order.state in {OrderState.draft, OrderState.confirmed, OrderState.in_progress},
        why=why_not(orders.refuse_cancel, OrderState.cancelled),
        to=OrderState.cancelled,
        arguments={"reason": REASON},
        danger=True,
    ),
]
