"""Deliveries: what of an order goes out when, where to, and what came back. Stock will hang on them."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.number_series import NumberSeries
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.sale_order import SaleOrder, SaleOrderLine


class DeliveryState(StrEnum):
    """How far a delivery is; one that comes back goes the same way."""

    planned = "planned"
    shipped = "shipped"
    delivered = "delivered"
    cancelled = "cancelled"


class DeliveryKind(StrEnum):
    """Which way goods go."""

    out = "out"
    back = "back"


label(
    DeliveryState,
    planned=_l("Planned"),
    shipped=_l("Shipped"),
    delivered=_l("Delivered"),
    cancelled=_l("Cancelled"),
)
label(DeliveryKind, out=_l("Delivery"), back=_l("Return"))

DELIVERY_MOVES: Moves[DeliveryState] = {
    DeliveryState.planned: frozenset({DeliveryState.shipped, DeliveryState.delivered, DeliveryState.cancelled}),
    DeliveryState.shipped: frozenset({DeliveryState.delivered, DeliveryState.cancelled}),
}


class Delivery(Entity, Owned):
    """Goods or work of one order that reach the customer at once, or (`returns`) come back from a delivery.

    The address is the customer's of the day when it was planned. The number comes with the shipment.
    """

    __tablename__ = "delivery"
    __stem__ = "delivery"
    __table_args__ = (
        UniqueConstraint("series_id", "number"),
        CheckConstraint("(kind = 'back') = (returns_id IS NOT NULL)", name="return_returns"),
        CheckConstraint("state NOT IN ('shipped', 'delivered') OR number IS NOT NULL", name="numbered"),
        CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_complete"),
        CheckConstraint("state <> 'shipped' OR shipped_at IS NOT NULL", name="shipped_complete"),
        CheckConstraint("country IS NULL OR length(country) = 2", name="country_code"),
        Index("ix_delivery_state_planned_on", "state", "planned_on"),
        Index("ix_delivery_order_id_state", "order_id", "state"),
        index_where("ix_delivery_delivered_at", "delivered_at", where="delivered_at IS NOT NULL"),
    )

    kind: Mapped[DeliveryKind] = mapped_column(Choice(DeliveryKind), default=DeliveryKind.out)
    state: Mapped[DeliveryState] = mapped_column(Choice(DeliveryState), default=DeliveryState.planned)
    number: Mapped[str | None] = mapped_column(String(60))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("number_series.id"), info={"internal": True})
    series: Mapped["NumberSeries | None"] = relationship("NumberSeries")
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    order_id: Mapped[int] = mapped_column(ForeignKey("sale_order.id"))
    order: Mapped["SaleOrder"] = relationship("SaleOrder")
    returns_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    returns: Mapped["Delivery | None"] = relationship("Delivery", remote_side="Delivery.id")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    planned_on: Mapped[date | None] = mapped_column(Date(), index=True)
    shipped_at: Mapped[datetime | None] = mapped_column(Instant())
    delivered_at: Mapped[datetime | None] = mapped_column(Instant())
    carrier: Mapped[str | None] = mapped_column(String(120))
    tracking_number: Mapped[str | None] = mapped_column(String(80))
    street: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    postal_code: Mapped[str | None] = mapped_column(String(20), info=PERSONAL)
    city: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    region: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    note: Mapped[str | None] = mapped_column(Text())
    reason: Mapped[str | None] = mapped_column(String(500))
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True, info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")
    search_text: Mapped[str] = mapped_column(Text(), default="")
    lines: Mapped[list["DeliveryLine"]] = relationship(
        back_populates="delivery",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="DeliveryLine.position",
    )

    def __str__(self) -> str:
        return self.number or f"#{self.id}"

    @property
    def is_return(self) -> bool:
        """Say whether goods come back."""
        return self.kind == DeliveryKind.back


class DeliveryLine(Line):
    """How much of one line of the order is in a delivery. Shape: `quantity` is above zero, on returns too."""

    __tablename__ = "delivery_line"
    __table_args__ = (
        UniqueConstraint("delivery_id", "order_line_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )

    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id", ondelete="CASCADE"))
    delivery: Mapped[Delivery] = relationship(back_populates="lines")
    order_line_id: Mapped[int] = mapped_column(ForeignKey("sale_order_line.id"), index=True)
    order_line: Mapped["SaleOrderLine"] = relationship("SaleOrderLine")
    position: Mapped[int] = mapped_column(Integer, default=0)
    quantity: Mapped[Decimal] = mapped_column(Quantity())

    def __str__(self) -> str:
        return self.order_line.text
