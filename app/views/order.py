"""Screens and REST of orders."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy.orm import joinedload, object_session, selectinload

from app import lifecycle
from app.i18n import lazy_gettext as _l
from app.models.sale_order import ORDER_MOVES, OrderState, SaleOrder, SaleOrderLine
from app.services import sale_order as orders
from app.web import menu
from app.web.api import CrudApi
from app.web.board import Board
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_tabs import Related
from app.web.charts import Chart, Sum
from app.web.document import DocumentView, document_lines
from app.web.records import Records
from app.web.request_cache import request_cache
from app.web.schema import Lines
from app.web.verbs import Verb, reason

ORDER = 30
LOADED = [selectinload(SaleOrder.party), selectinload(SaleOrder.owner), selectinload(SaleOrder.organisation)]
HEAD = ["party", "organisation", "ordered_on", "delivery_on", "payment_term", "buyer_reference"]
PRICING = ["currency", "prices_include_tax", "returns", "discount", "charge"]
MORE = ["note", "owner", "team"]
ORIGIN = "deal"
FORM = [*HEAD, *PRICING, *MORE, "lines"]
LINES_OF_CARD = [selectinload(SaleOrder.lines).options(joinedload(SaleOrderLine.unit), joinedload(SaleOrderLine.tax))]
LINES = Lines(
    SaleOrderLine,
    "OrderLine",
    given=("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax", "parameters"),
    optional=("text", "unit_price", "tax", "parameters"),
    computed=("position", "net", "tax_amount", "gross", "price_steps"),
)
FIELDSETS = [
    (None, {"fields": HEAD}),
    (None, {"fields": ["lines"]}),
    (_l("Prices"), {"fields": PRICING}),
    (_l("More"), {"fields": MORE}),
]
SHOWN = [(None, {"fields": ["state", *HEAD]}), (_l("More"), {"fields": [*PRICING, ORIGIN, *MORE, "margin"]})]


def done_of(order: SaleOrder) -> Mapping[int, Decimal]:
    """Return how much of each line is invoiced; asked once in a request, whatever needs it."""
    kept = request_cache("done_of_orders")
    session, key = object_session(order), (order.id, order.version)
    assert session is not None  # noqa: S101 -- a stored record has one
    if key not in kept:
        kept[key] = orders.invoiced_quantities(session, order)
    found: Mapping[int, Decimal] = kept[key]
    return found


def why_not(check: Callable[[SaleOrder, Mapping[int, Decimal]], None], to: OrderState | None = None) -> Any:
    """Return a reason that asks what is invoiced only where the state alone says nothing against the act."""

    def why(order: SaleOrder) -> str | None:
        if to is None:
            by_state = reason(orders.refuse_unconfirmed, order)
        else:
            by_state = reason(lifecycle.refuse, ORDER_MOVES, order, to)
        return by_state or reason(check, order, done_of(order))

    return why


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
        "invoice",
        orders.invoice,
        label=_l("Make an invoice"),
        icon="receipt",
        when=lambda order: order.state in {OrderState.confirmed, OrderState.done},
        why=why_not(orders.refuse_all_invoiced),
        primary=True,
    ),
    Verb(
        "finish",
        orders.finish,
        label=_l("Done"),
        icon="circle-check",
        when=lambda order: order.state == OrderState.confirmed,
        why=lambda order: reason(lifecycle.refuse, ORDER_MOVES, order, OrderState.done),
        to=OrderState.done,
    ),
    Verb(
        "reopen",
        orders.reopen,
        label=_l("Reopen"),
        icon="undo-2",
        when=lambda order: order.state in {OrderState.confirmed, OrderState.cancelled},
        why=why_not(orders.refuse_reopen, OrderState.draft),
        to=OrderState.draft,
    ),
    Verb(
        "cancel",
        orders.cancel,
        label=_l("Cancel the order"),
        icon="x",
        when=lambda order: order.state in {OrderState.draft, OrderState.confirmed},
        why=why_not(orders.refuse_cancel, OrderState.cancelled),
        to=OrderState.cancelled,
        confirm=_l("Cancel this order?"),
        danger=True,
    ),
]


class OrderView(Chained, DocumentView):
    """List, form and card of orders."""

    datamodel = Records(SaleOrder, save=orders.save, remove=orders.remove, options=LOADED)
    one_name = _l("Order")
    many_name = _l("Orders")
    hint = _l("An order says what a customer wants; it becomes an invoice with one click.")
    list_columns: ClassVar = ["number", "party", "state", "ordered_on", "delivery_on", "gross", "currency", "owner"]
    show_columns: ClassVar = ["state", *HEAD, *PRICING, ORIGIN, *MORE, "margin"]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    add_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    edit_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    search_columns: ClassVar = ["state", "party", "ordered_on", "delivery_on", "currency", "deal", "owner", "team"]
    order_columns: ClassVar = ["number", "ordered_on", "delivery_on", "gross", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "party", "owner"]
    total_columns: ClassVar = ["net", "gross", "margin"]
    stages: ClassVar = (OrderState.draft, OrderState.confirmed, OrderState.done)
    card_options: ClassVar = LINES_OF_CARD
    own_tabs: ClassVar = [CHAIN]
    related: ClassVar = [Related("invoice", "order")]
    charts: ClassVar = [
        Chart("total_by_month", label=_l("Ordered by month"), by="ordered_on", measure=Sum("net")),
        Chart("count_by_month", label=_l("Number of orders by month"), by="ordered_on", kind="line"),
        Chart("by_state", label=_l("Orders by state"), by="state", kind="pie"),
    ]
    boards: ClassVar = [
        Board(
            "state",
            moves={"draft": "reopen", "confirmed": "confirm", "done": "finish", "cancelled": "cancel"},
            title=("number",),
            facts=("party", "delivery_on"),
            amount="gross",
            rot_after=timedelta(days=30),
            ends=frozenset({"done", "cancelled"}),
        )
    ]
    calendars: ClassVar = [
        Calendar("delivery_on", title=("party", "number"), kind="state", amount="gross"),
        Calendar("ordered_on", title=("party", "number"), kind="state", amount="gross"),
    ]
    verbs: ClassVar = VERBS


class OrderApi(CrudApi):
    """REST of orders."""

    datamodel = Records(SaleOrder, save=orders.save, remove=orders.remove, options=LOADED)
    list_columns: ClassVar = [
        "number",
        "party",
        "state",
        "ordered_on",
        "delivery_on",
        "currency",
        "net",
        "tax",
        "gross",
    ]
    show_columns: ClassVar = ["number", "state", *HEAD, *PRICING, ORIGIN, *MORE, "net", "tax", "gross", "margin"]
    add_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    edit_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    defaulted: ClassVar = ["organisation", "currency"]
    lines: ClassVar = {"lines": LINES}
    search_columns: ClassVar = ["number", "state", "party", "ordered_on", "delivery_on", "owner", "team"]
    order_columns: ClassVar = ["number", "ordered_on", "delivery_on", "gross"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "party": 1,
            "currency": "EUR",
            "lines": [{"text": "Tulip bulbs, 25 pieces", "quantity": "4", "unit_price": "12.50", "tax": 1}],
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, OrderView, "order", label=_l("Orders"), group="sales", icon="shopping-cart")
    appbuilder.add_api(OrderApi)
