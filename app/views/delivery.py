"""Screens and REST of deliveries: made from an order, seen through by the warehouse."""

from typing import Any, ClassVar

from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup
from marshmallow import fields, validate
from sqlalchemy.orm import joinedload, selectinload

from app import clock, lifecycle
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.delivery import DELIVERY_MOVES, Delivery, DeliveryLine, DeliveryState
from app.models.sale_order import SaleOrderLine
from app.services import delivery as deliveries
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import REASON
from app.web.board import Board
from app.web.bundling import Bundling
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.crud import CrudView
from app.web.locale import choose_time_zone
from app.web.overdue import overdue
from app.web.portions import Portion, Portions
from app.web.records import Records
from app.web.stored_file import WithFile
from app.web.verbs import Verb, reason

ORDER = 19
LOADED = [
    selectinload(Delivery.party),
    selectinload(Delivery.order),
    selectinload(Delivery.owner),
]
HEAD = ["planned_on", "carrier", "tracking_number"]
PLACE = ["street", "postal_code", "city", "region", "country"]
MORE = ["note", "owner", "team"]
FORM = [*HEAD, *PLACE, *MORE]
SAID = ["kind", "state", "order", "party", "organisation", "returns", "shipped_at", "delivered_at", "reason"]
FIELDSETS = [(None, {"fields": HEAD}), (_l("Address"), {"fields": PLACE}), (_l("More"), {"fields": MORE})]
SHOWN = [
    (None, {"fields": [*SAID, *HEAD]}),
    (_l("Address"), {"fields": PLACE}),
    (_l("More"), {"fields": MORE}),
]
LINES_OF_CARD = [
    selectinload(Delivery.lines).joinedload(DeliveryLine.order_line).joinedload(SaleOrderLine.unit),
    joinedload(Delivery.file),
]
LINES = fields.Dict(keys=fields.Integer(), values=fields.Decimal(as_string=True))
OPEN = {DeliveryState.planned, DeliveryState.shipped}


def why_not(to: DeliveryState) -> Any:
    """Return a reason that asks whether a delivery may come to a state."""
    return lambda delivery: reason(lifecycle.refuse, DELIVERY_MOVES, delivery, to)


VERBS = [
    Verb(
        "ship",
        deliveries.ship,
        label=_l("Send the goods off"),
        icon="truck",
        when=lambda delivery: delivery.state == DeliveryState.planned,
        why=why_not(DeliveryState.shipped),
        to=DeliveryState.shipped,
        arguments={
            "carrier": fields.String(validate=validate.Length(max=120)),
            "tracking_number": fields.String(validate=validate.Length(max=80)),
        },
        offered=lambda delivery: {"carrier": delivery.carrier, "tracking_number": delivery.tracking_number},
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "deliver",
        deliveries.deliver,
        label=_l("The goods have arrived"),
        icon="circle-check",
        when=lambda delivery: delivery.state in OPEN,
        why=why_not(DeliveryState.delivered),
        to=DeliveryState.delivered,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "take_back",
        deliveries.take_back,
        label=_l("Take back"),
        icon="undo-2",
        when=lambda delivery: delivery.state == DeliveryState.delivered and not delivery.is_return,
        fits=lambda delivery: not delivery.is_return,
        why=lambda delivery: reason(deliveries.refuse_take_back, delivery),
        arguments={"reason": REASON, "lines": LINES},
        needs_time=True,
    ),
    Verb(
        "cancel",
        deliveries.cancel,
        label=_l("Cancel the delivery"),
        icon="x",
        when=lambda delivery: delivery.state in OPEN,
        why=why_not(DeliveryState.cancelled),
        to=DeliveryState.cancelled,
        arguments={"reason": REASON},
        danger=True,
    ),
]


class DeliveryView(Bundling, Chained, WithFile, Portions, CrudView):
    """List, form and card of deliveries."""

    file_topic = deliveries.FILE
    datamodel = Records(Delivery, save=deliveries.save, remove=deliveries.remove, options=LOADED)
    one_name = _l("Delivery")
    many_name = _l("Deliveries")
    hint = _l("Plan a delivery on the card of an order; here it is shipped, delivered and taken back.")
    card_template = "web/delivery_card.html"
    exclude_route_methods: ClassVar = {"add"}
    list_columns: ClassVar = ["number", "kind", "party", "order", "state", "planned_on", "carrier", "city", "owner"]
    show_columns: ClassVar = [*SAID, *HEAD, *PLACE, *MORE]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = [
        "kind", "state", "party", "order", "planned_on", "shipped_at", "delivered_at", "carrier", "city", "country",
        "owner", "team",
    ]  # fmt: skip
    order_columns: ClassVar = ["number", "planned_on", "shipped_at", "delivered_at", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "party", "order", "planned_on"]
    stages: ClassVar = (DeliveryState.planned, DeliveryState.shipped, DeliveryState.delivered)
    card_options: ClassVar = LINES_OF_CARD
    own_tabs: ClassVar = [CHAIN]
    boards: ClassVar = [
        Board(
            "state",
            moves={"shipped": "ship", "delivered": "deliver"},
            title=("number",),
            facts=("party", "planned_on"),
            ends=frozenset({"delivered", "cancelled"}),
            reason=_l("A delivery goes on only; cancelling needs a reason: see its card."),
        )
    ]
    calendars: ClassVar = [Calendar("planned_on", title=("party", "number"), kind="state")]
    verbs: ClassVar = VERBS
    label_columns: Any = {"returns": _l("Returns the delivery")}

    def title_of(self, record: Any) -> str:
        """Name the kind of document: a number alone says little."""
        return f"{self.value(record, 'kind')} {record}" if record.is_return else f"{self.one_name} {record}"

    def value(self, record: Delivery, name: str) -> Any:
        """Say how late it is what has not arrived in time."""
        shown = super().value(record, name)
        if name == "planned_on" and record.state in OPEN and record.planned_on is not None:
            late = clock.today(choose_time_zone()) - record.planned_on
            if late.days > 0:
                shown = Markup('{} <span class="late">{}</span>').format(shown, overdue(late))
        return shown

    def can_edit(self, record: Any) -> bool:
        """Keep what has arrived or was given up as it is."""
        return record.state in OPEN

    @expose("/take_some/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("take_back")
    def take_some(self, pk: int) -> Any:
        """Let one choose how much of each line comes back."""
        return self.portion_page(pk, "take_back", self._to_take_back)

    @staticmethod
    def _to_take_back(delivery: Delivery) -> list[Portion]:
        left = deliveries.left_to_return(db.session(), delivery)
        there = {each.order_line_id: each.quantity for each in delivery.lines}
        found = []
        for each in delivery.order.lines:  # all of them: refusals count by the order's lines
            facts = [(_l("Delivered"), there.get(each.id, deliveries.ZERO))]
            unit = each.unit.short if each.unit is not None else ""
            found.append(Portion(each.id, each.text, unit, facts, left.get(each.id, deliveries.ZERO)))
        return found


class DeliveryApi(CrudApi):
    """REST of deliveries: planned by an order's verb, seen through here."""

    datamodel = Records(Delivery, save=deliveries.save, remove=deliveries.remove, options=LOADED)
    exclude_route_methods: ClassVar = {"post"}
    list_columns: ClassVar = ["number", "kind", "party", "order", "state", "planned_on", "delivered_at"]
    show_columns: ClassVar = ["number", *SAID, *HEAD, *PLACE, *MORE]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar = FORM
    search_columns: ClassVar = ["number", "kind", "state", "party", "order", "planned_on", "owner", "team"]
    order_columns: ClassVar = ["number", "planned_on", "delivered_at"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, DeliveryView, "delivery", label=_l("Deliveries"), group="sales", icon="truck")
    appbuilder.add_api(DeliveryApi)
