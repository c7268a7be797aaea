"""What conditions may ask: fields of a counterparty, and what belongs to it with the fields of that.

Only what stands here can be asked about. A field names the area whose right to see it needs; whoever lacks it is told
so, since a condition on a figure that one may not see would tell it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.db import metadata
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity
from app.models.deal import Deal
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.lead import Lead
from app.models.party import Party, PartyAddress, PartyContact
from app.models.party_metric import SHOWN
from app.models.payment import Payment, PaymentKind, PaymentState
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.models.tag import Tagging
from app.services import comparison, field_right

BESIDE, TAGS, CONSENT, CATEGORY = "beside", "tags", "consent", "category"
COMES = "comes"  # a day of the year that comes round within so many days
NONE_IS_ZERO = frozenset({"orders_count", "orders_per_year", "turnover", "open_balance"})
_NEVER_COUNTED = frozenset(SHOWN)


@dataclass(frozen=True)
class Field:
    """One thing to ask: a column, what it is called, and the area whose right to see it needs.

    `way` says how the column is reached: of the record itself (""), beside it, or in a way of its own. `of` is the stem
    of the records that a value names, or the kind of standard codes ("country").
    """

    name: str
    label: Any
    column: Any
    area: str = ""
    way: str = ""
    of: str = ""
    more: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        """Return the operators that it knows."""
        if self.way == CONSENT:
            return ("eq", "neq")
        if self.way == CATEGORY:
            return ("eq", "neq", "in")
        return (*comparison.operators_of(self.column), *self.more)


@dataclass(frozen=True)
class Thing:
    """A kind of records or rows that belong to a counterparty.

    `party` is the column that names it, `on` the day by which "within the last days" is meant, `base` the conditions
    that always hold. `sums` are fields that are added up, `distinct` the column whose different values are counted.
    `owned` is the entity whose rows are cut to those of the reader.
    """

    name: str
    label: Any
    party: Any
    area: str
    fields: Mapping[str, Field]
    on: Any = None
    base: Callable[[], list[ColumnElement[bool]]] = field(default=list)
    sums: tuple[str, ...] = ()
    distinct: Any = None
    owned: Any = None
    via: Any = None  # a further table that is joined: the document of a line


def _fields(*found: Field) -> dict[str, Field]:
    return {one.name: one for one in found}


def _beside(name: str) -> Any:  # noqa: ANN401 -- a column of another table
    table, _dot, column = Party.__beside__[name].partition(".")
    return metadata.tables[table].c[column]


_GUARDS = field_right.guards(Party)
_TEXTS: dict[str, Any] = {
    "orders_count": _l("Orders"),
    "first_order_on": _l("First order"),
    "last_order_on": _l("Last order"),
    "orders_per_year": _l("Orders per year"),
    "client_since": _l("Client since"),
    "turnover": _l("Turnover"),
    "average_check": _l("Average check"),
    "open_balance": _l("Open balance"),
    "payment_lag_days": _l("Payment lag in days"),
    "last_touch_on": _l("Last touch"),
}


def _own(name: str, label: Any, column: Any, of: str = "", **more: Any) -> Field:  # noqa: ANN401
    standard = str(getattr(column, "info", {}).get("of", ""))
    return Field(name, label, column, _GUARDS.get(name, ""), of=of or standard, **more)


PARTY: Mapping[str, Field] = _fields(
    _own("name", _l("Name"), Party.name),
    _own("kind", _l("Kind"), Party.kind),
    _own("is_customer", _l("Customer"), Party.is_customer),
    _own("is_supplier", _l("Supplier"), Party.is_supplier),
    _own("is_partner", _l("Partner"), Party.is_partner),
    _own("country", _l("Country"), Party.country),
    _own("language", _l("Language"), Party.language),
    _own("currency", _l("Currency"), Party.currency),
    _own("source", _l("Source"), Party.source),
    Field("tags", _l("Tags"), Tagging.tag_id, way=TAGS, of="tag"),
    _own("parent", _l("Belongs to the group of"), Party.parent_id, of="party"),
    Field("interest", _l("Interest"), _beside("interest"), way=BESIDE),
    _own("owner", _l("Owner"), Party.owner_id, of="user"),
    _own("team", _l("Team"), Party.team_id, of="team"),
    _own("email", _l("E-mail"), Party.email),
    _own("phone", _l("Phone"), Party.phone),
    _own("birthday", _l("Birthday"), Party.birthday, more=(COMES,)),
    Field("consent", _l("Has agreed to"), None, "party.personal", way=CONSENT),
    _own("preferred_channel", _l("Preferred channel"), Party.preferred_channel),
    _own("completeness", _l("Completeness"), Party.completeness),
    _own("archived_at", _l("Archived"), Party.archived_at),
    _own("created_at", _l("Created"), Party.created_at),
    _own("changed_at", _l("Changed"), Party.changed_at),
    *(Field(name, _TEXTS[name], _beside(name), _GUARDS[name], way=BESIDE) for name in SHOWN),
)

_DIFFERENT = (
    select(func.count(SaleOrderLine.product_id.distinct()))
    .where(SaleOrderLine.order_id == SaleOrder.id)
    .correlate(SaleOrder)
    .scalar_subquery()
)

THINGS: Mapping[str, Thing] = {
    one.name: one
    for one in (
        Thing(
            "order",
            _l("Orders"),
            SaleOrder.party_id,
            "order",
            _fields(
                Field("state", _l("State"), SaleOrder.state),
                Field("net", _l("Net amount"), SaleOrder.net),
                Field("gross", _l("Total"), SaleOrder.gross),
                Field("currency", _l("Currency"), SaleOrder.currency, of="currency"),
                Field("ordered_on", _l("Order date"), SaleOrder.ordered_on),
                Field("delivery_on", _l("Delivery date"), SaleOrder.delivery_on),
                Field("products", _l("Different products"), _DIFFERENT),
            ),
            on=SaleOrder.ordered_on,
            base=lambda: [SaleOrder.state.not_in([OrderState.draft, OrderState.cancelled])],
            sums=("net", "gross"),
            owned=SaleOrder,
        ),
        Thing(
            "bought",
            _l("Bought products"),
            SaleOrder.party_id,
            "order",
            _fields(
                Field("product", _l("Product"), SaleOrderLine.product_id, of="product"),
                Field("category", _l("Category"), SaleOrderLine.product_id, way=CATEGORY, of="product_category"),
                Field("quantity", _l("Quantity"), SaleOrderLine.quantity),
                Field("net", _l("Net amount"), SaleOrderLine.net),
                Field("currency", _l("Currency"), SaleOrder.currency, of="currency"),
                Field("ordered_on", _l("Order date"), SaleOrder.ordered_on),
            ),
            on=SaleOrder.ordered_on,
            base=lambda: [SaleOrder.state.not_in([OrderState.draft, OrderState.cancelled])],
            sums=("quantity", "net"),
            distinct=SaleOrderLine.product_id,
            owned=SaleOrder,
            via=SaleOrderLine,
        ),
        Thing(
            "invoice",
            _l("Invoices"),
            Invoice.party_id,
            "invoice",
            _fields(
                Field("settlement", _l("Settlement"), Invoice.settlement),
                Field("net", _l("Net amount"), Invoice.net),
                Field("gross", _l("Total"), Invoice.gross),
                Field("currency", _l("Currency"), Invoice.currency, of="currency"),
                Field("issued_on", _l("Invoice date"), Invoice.issued_on),
                Field("due_on", _l("Due date"), Invoice.due_on),
            ),
            on=Invoice.issued_on,
            base=lambda: [Invoice.kind == InvoiceKind.invoice, Invoice.state != InvoiceState.draft],
            sums=("net", "gross"),
            owned=Invoice,
        ),
        Thing(
            "payment",
            _l("Payments"),
            Payment.party_id,
            "payment",
            _fields(
                Field("amount", _l("Amount"), Payment.amount),
                Field("currency", _l("Currency"), Payment.currency, of="currency"),
                Field("method", _l("Method"), Payment.method),
                Field("paid_on", _l("Payment date"), Payment.paid_on),
            ),
            on=Payment.paid_on,
            base=lambda: [Payment.kind == PaymentKind.receipt, Payment.state == PaymentState.recorded],
            sums=("amount",),
            owned=Payment,
        ),
        Thing(
            "deal",
            _l("Deals"),
            Deal.party_id,
            "deal",
            _fields(
                Field("state", _l("State"), Deal.state),
                Field("pipeline", _l("Pipeline"), Deal.pipeline_id, of="pipeline"),
                Field("amount", _l("Amount"), Deal.amount),
                Field("currency", _l("Currency"), Deal.currency, of="currency"),
                Field("expected_on", _l("Expected on"), Deal.expected_on),
                Field("closed_at", _l("Closed"), Deal.closed_at),
                Field("created_at", _l("Created"), Deal.created_at),
            ),
            on=Deal.created_at,
            sums=("amount",),
            owned=Deal,
        ),
        Thing(
            "lead",
            _l("Leads"),
            Lead.party_id,
            "lead",
            _fields(
                Field("state", _l("State"), Lead.state),
                Field("channel", _l("Channel"), Lead.channel),
                Field("source", _l("Source"), Lead.source_id, of="lead_source"),
                Field("rejected_reason", _l("Reason of rejecting"), Lead.rejected_reason),
                Field("received_at", _l("Received"), Lead.received_at),
            ),
            on=Lead.received_at,
            owned=Lead,
        ),
        Thing(
            "activity",
            _l("Activities"),
            Activity.record_id,
            "activity",
            _fields(
                Field("kind", _l("Kind"), Activity.kind),
                Field("state", _l("State"), Activity.state),
                Field("direction", _l("Direction"), Activity.direction),
                Field("due_at", _l("Due"), Activity.due_at),
                Field("done_at", _l("Done"), Activity.done_at),
            ),
            on=Activity.created_at,
            base=lambda: [Activity.entity == Party.__stem__, Activity.deleted_at.is_(None)],
            owned=Activity,
        ),
        Thing(
            "contact",
            _l("Contact persons"),
            PartyContact.party_id,
            "party.personal",
            _fields(
                Field("role", _l("Role"), PartyContact.role),
                Field("language", _l("Language"), PartyContact.language, of="language"),
                Field("email", _l("E-mail"), PartyContact.email),
                Field("phone", _l("Phone"), PartyContact.phone),
            ),
        ),
        Thing(
            "address",
            _l("Addresses"),
            PartyAddress.party_id,
            "party",
            _fields(
                Field("usage", _l("Usage"), PartyAddress.usage),
                Field("country", _l("Country"), PartyAddress.country, of="country"),
                Field("region", _l("Region"), PartyAddress.region),
                Field("city", _l("City"), PartyAddress.city),
                Field("postal_code", _l("Postal code"), PartyAddress.postal_code),
            ),
        ),
    )
}
