"""Screens and REST of orders."""

from datetime import timedelta
from typing import Any, ClassVar

from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from marshmallow import fields
from sqlalchemy.orm import joinedload, selectinload

from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.sale_order import UNDER_WAY, OrderState, SaleOrder, SaleOrderLine
from app.services import delivery as deliveries
from app.services import invoicing
from app.services import sale_order as orders
from app.views.order_acts import VERBS, done_of, moved_of
from app.views.order_shop import CustomerIn, ShopOrders
from app.web import menu
from app.web.board import Board
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_tabs import Related
from app.web.charts import Chart, Sum
from app.web.document import DocumentView, document_lines
from app.web.portions import Portion, Portions
from app.web.records import Records
from app.web.schema import Lines

ORDER = 18
LOADED = [selectinload(SaleOrder.party), selectinload(SaleOrder.owner), selectinload(SaleOrder.organisation)]
HEAD = ["party", "organisation", "ordered_on", "delivery_on", "payment_term", "contract", "buyer_reference"]
PRICING = ["currency", "prices_include_tax", "returns", "discount", "charge"]
MORE = ["note", "owner", "team"]
TOLD = ["deal", "quote", "external_source", "external_id", "cancelled_reason", "closed_reason", "margin"]
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
SHOWN = [(None, {"fields": ["state", *HEAD]}), (_l("More"), {"fields": [*PRICING, *MORE, *TOLD]})]


class OrderView(Chained, Portions, DocumentView):
    """List, form and card of orders."""

    card_template = "web/order_card.html"
    datamodel = Records(SaleOrder, save=orders.save, remove=orders.remove, options=LOADED)
    one_name = _l("Order")
    many_name = _l("Orders")
    hint = _l("An order says what a customer wants; it becomes an invoice with one click.")
    list_columns: ClassVar = ["number", "party", "state", "ordered_on", "delivery_on", "gross", "currency", "owner"]
    show_columns: ClassVar = ["state", *HEAD, *PRICING, *MORE, *TOLD]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    add_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    edit_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    search_columns: ClassVar = [
        "state",
        "party",
        "ordered_on",
        "delivery_on",
        "currency",
        "deal",
        "contract",
        "owner",
        "team",
    ]
    order_columns: ClassVar = ["number", "ordered_on", "delivery_on", "gross", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "party", "owner"]
    total_columns: ClassVar = ["net", "gross", "margin"]
    stages: ClassVar = tuple(each for each in OrderState if each is not OrderState.cancelled)
    card_options: ClassVar = LINES_OF_CARD
    own_tabs: ClassVar = [CHAIN]
    related: ClassVar = [Related("delivery", "order"), Related("invoice", "order")]
    charts: ClassVar = [
        Chart("total_by_month", label=_l("Ordered by month"), by="ordered_on", measure=Sum("net")),
        Chart("count_by_month", label=_l("Number of orders by month"), by="ordered_on", kind="line"),
        Chart("by_state", label=_l("Orders by state"), by="state", kind="pie"),
    ]
    boards: ClassVar = [
        Board(
            "state",
            moves={"draft": "reopen", "confirmed": "confirm", "fulfilled": "finish"},
            title=("number",),
            facts=("party", "delivery_on"),
            amount="gross",
            rot_after=timedelta(days=30),
            ends=frozenset({"fulfilled", "closed", "cancelled"}),
            reason=_l("Deliveries and invoices bring an order on; closing and cancelling need a reason: see its card."),
        )
    ]
    calendars: ClassVar = [
        Calendar("delivery_on", title=("party", "number"), kind="state", amount="gross"),
        Calendar("ordered_on", title=("party", "number"), kind="state", amount="gross"),
    ]
    verbs: ClassVar = VERBS

    def progress(self, order: SaleOrder) -> list[dict[str, Any]]:
        """Return how far each line is (planned, delivered, returned, open, invoiced); none before it is binding."""
        if order.state in {OrderState.draft, OrderState.cancelled}:
            return []
        gone, billed = moved_of(order), done_of(order)
        left = deliveries.open_quantities(order, gone)
        return [
            {"line": each, "moved": gone[each.id], "open": left[each.id], "invoiced": billed[each.id]}
            for each in order.lines
        ]

    def is_under_way(self, order: SaleOrder) -> bool:
        """Say whether something of an order may still be delivered or invoiced."""
        return order.state in UNDER_WAY

    @expose("/deliver_some/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("deliver")
    def deliver_some(self, pk: int) -> Any:
        """Let one choose how much of each line a delivery takes."""
        return self.portion_page(pk, "deliver", self._to_deliver)

    @expose("/invoice_some/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("invoice_part")
    def invoice_some(self, pk: int) -> Any:
        """Let one choose how much of each line an invoice takes: first what is delivered and not invoiced."""
        return self.portion_page(pk, "invoice_part", self._to_invoice)

    @staticmethod
    def _to_deliver(order: SaleOrder) -> list[Portion]:
        left = deliveries.open_quantities(order, moved_of(order))
        facts = {
            each.id: [(_l("Ordered"), each.quantity), (_l("Still to deliver"), left[each.id])] for each in order.lines
        }
        return [Portion(each.id, each.text, _unit(each), facts[each.id], left[each.id]) for each in order.lines]

    @staticmethod
    def _to_invoice(order: SaleOrder) -> list[Portion]:
        gone, billed, offered = moved_of(order), done_of(order), invoicing.offered(db.session(), order)
        found = []
        for each in order.lines:
            facts = [(_l("Ordered"), each.quantity), (_l("Delivered"), gone[each.id].kept)]
            facts.append((_l("Invoiced"), billed[each.id]))
            found.append(Portion(each.id, each.text, _unit(each), facts, offered[each.id]))
        return found


def _unit(line: SaleOrderLine) -> str:
    return line.unit.short if line.unit is not None else ""


class OrderApi(ShopOrders):
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
    show_columns: ClassVar = ["number", "state", *HEAD, *PRICING, *MORE, *TOLD, "net", "tax", "gross"]
    add_columns: ClassVar = [*HEAD, *PRICING, *MORE, "external_source", "external_id"]
    edit_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    defaulted: ClassVar = ["organisation", "currency", "party"]
    more_in: ClassVar = {"customer": fields.Nested(CustomerIn)}
    lines: ClassVar = {"lines": LINES}
    search_columns: ClassVar = [
        "number", "state", "party", "ordered_on", "delivery_on", "quote", "external_source", "external_id",
        "owner", "team",
    ]  # fmt: skip
    order_columns: ClassVar = ["number", "ordered_on", "delivery_on", "gross"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "external_source": "webshop",
            "external_id": "100024",
            "customer": {"external_id": "C-17", "name": "Tulpen & Zonen B.V.", "country": "NL"},
            "currency": "EUR",
            "lines": [{"text": "Tulip bulbs, 25 pieces", "quantity": "4", "unit_price": "12.50", "tax": 1}],
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, OrderView, "order", label=_l("Orders"), group="sales", icon="shopping-cart")
    appbuilder.add_api(OrderApi)
