"""Screens and REST of orders."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.services import sale_order as orders
from app.web import menu
from app.web.api import CrudApi
from app.web.document import DocumentView, document_lines
from app.web.records import Records
from app.web.schema import Lines
from app.web.verbs import Verb

ORDER = 30
LOADED = [selectinload(SaleOrder.party), selectinload(SaleOrder.owner), selectinload(SaleOrder.organisation)]
HEAD = ["party", "organisation", "ordered_on", "delivery_on", "payment_term", "buyer_reference"]
PRICING = ["currency", "prices_include_tax", "returns", "discount", "charge"]
MORE = ["note", "owner", "team"]
FORM = [*HEAD, *PRICING, *MORE, "lines"]
LINES = Lines(
    SaleOrderLine,
    "OrderLine",
    given=("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax"),
    optional=("text", "unit_price", "tax"),
    computed=("position", "net", "tax_amount", "gross"),
)
FIELDSETS = [
    (None, {"fields": HEAD}),
    (None, {"fields": ["lines"]}),
    (_l("Prices"), {"fields": PRICING}),
    (_l("More"), {"fields": MORE}),
]
SHOWN = [(None, {"fields": ["state", *HEAD]}), (_l("More"), {"fields": [*PRICING, *MORE]})]

VERBS = [
    Verb(
        "confirm",
        orders.confirm,
        label=_l("Confirm"),
        icon="check",
        when=lambda order: order.state == OrderState.draft,
        needs_time=True,
        primary=True,
    ),
    Verb(
        "invoice",
        orders.invoice,
        label=_l("Make an invoice"),
        icon="receipt",
        when=lambda order: order.state in {OrderState.confirmed, OrderState.done},
        primary=True,
    ),
    Verb(
        "finish", orders.finish, label=_l("Done"), icon="circle-check", when=lambda o: o.state == OrderState.confirmed
    ),
    Verb(
        "reopen",
        orders.reopen,
        label=_l("Reopen"),
        icon="undo-2",
        when=lambda order: order.state in {OrderState.confirmed, OrderState.cancelled},
    ),
    Verb(
        "cancel",
        orders.cancel,
        label=_l("Cancel the order"),
        icon="x",
        when=lambda order: order.state in {OrderState.draft, OrderState.confirmed},
        confirm=_l("Cancel this order?"),
        danger=True,
    ),
]


class OrderView(DocumentView):
    """List, form and card of orders."""

    datamodel = Records(SaleOrder, save=orders.save, remove=orders.remove, options=LOADED)
    one_name = _l("Order")
    many_name = _l("Orders")
    hint = _l("An order says what a customer wants; it becomes an invoice with one click.")
    list_columns: ClassVar = ["number", "party", "state", "ordered_on", "delivery_on", "gross", "currency", "owner"]
    show_columns: ClassVar = ["state", *HEAD, *PRICING, *MORE]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    add_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    edit_form_extra_fields: ClassVar = {"lines": document_lines(SaleOrderLine)}
    search_columns: ClassVar = ["state", "party", "ordered_on", "delivery_on", "owner", "team"]
    order_columns: ClassVar = ["number", "ordered_on", "delivery_on", "gross", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "party", "owner"]
    total_columns: ClassVar = ["net", "gross"]
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
    show_columns: ClassVar = ["number", "state", *HEAD, *PRICING, *MORE, "net", "tax", "gross"]
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
