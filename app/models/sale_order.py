"""Orders of customers: what was agreed, before it is invoiced."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.document_line import DocumentLine, line_checks
from app.models.line_price import LinePrice

if TYPE_CHECKING:
    from app.models.contract import Contract
    from app.models.deal import Deal
    from app.models.number_series import NumberSeries
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.payment_term import PaymentTerm
    from app.models.quote import Quote


ZERO = Decimal(0)


class OrderState(StrEnum):
    """The life of an order."""

    draft = "draft"
    confirmed = "confirmed"
    in_progress = "in_progress"
    fulfilled = "fulfilled"
    closed = "closed"
    cancelled = "cancelled"


label(
    OrderState,
    draft=_l("Draft"),
    confirmed=_l("Confirmed"),
    in_progress=_l("In progress"),
    fulfilled=_l("Fulfilled"),
    closed=_l("Closed"),
    cancelled=_l("Cancelled"),
)

# Binding, and something is still to be done: it may be delivered and invoiced.
UNDER_WAY = frozenset({OrderState.confirmed, OrderState.in_progress, OrderState.fulfilled})
# What lies between the confirmation and the end follows from deliveries and invoices (services.order_progress).
ORDER_MOVES: Moves[OrderState] = {
    OrderState.draft: frozenset({OrderState.confirmed, OrderState.cancelled}),
    OrderState.confirmed: frozenset(
        {OrderState.draft, OrderState.in_progress, OrderState.fulfilled, OrderState.closed, OrderState.cancelled}
    ),
    OrderState.in_progress: frozenset(
        {OrderState.draft, OrderState.confirmed, OrderState.fulfilled, OrderState.closed, OrderState.cancelled}
    ),
    OrderState.fulfilled: frozenset({OrderState.confirmed, OrderState.in_progress, OrderState.closed}),
    OrderState.closed: UNDER_WAY,
    OrderState.cancelled: frozenset({OrderState.draft}),
}


class SaleOrder(Entity, Owned):
    """An order; its number comes with the confirmation.

    `returns` allows lines with negative quantities (goods that come back). The totals are computed by
    services.sale_order.save; what is delivered and invoiced is derived by services.order_progress. `external_id` is the
    number that a shop (`external_source`) gave it. `margin` is what is left of the net amount beyond the cost, since
    the confirmation; None where the cost of a line is unknown.
    """

    __tablename__ = "sale_order"
    __stem__ = "order"
    __guards__: ClassVar = {"margin": ("margin",)}
    __table_args__ = (
        UniqueConstraint("series_id", "number"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("gross >= 0", name="gross_positive"),
        CheckConstraint("net + tax = gross", name="totals_add_up"),
        CheckConstraint("(external_id IS NULL) = (external_source IS NULL)", name="external_complete"),
        Index("ix_sale_order_state_id", "state", "id"),
        index_where(
            "uq_sale_order_external", "external_source", "external_id", unique=True, where="external_id IS NOT NULL"
        ),
    )

    state: Mapped[OrderState] = mapped_column(Choice(OrderState), default=OrderState.draft)
    number: Mapped[str | None] = mapped_column(String(60))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("number_series.id"), info={"internal": True})
    series: Mapped["NumberSeries | None"] = relationship("NumberSeries")
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deal.id"), index=True)
    deal: Mapped["Deal | None"] = relationship("Deal")
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"), index=True)
    quote: Mapped["Quote | None"] = relationship("Quote")
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"), index=True)
    contract: Mapped["Contract | None"] = relationship("Contract")
    external_source: Mapped[str | None] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(64))
    external_sha256: Mapped[str | None] = mapped_column(String(64), info={"internal": True})  # of what the shop sent
    ordered_on: Mapped[date | None] = mapped_column(Date(), index=True)
    delivery_on: Mapped[date | None] = mapped_column(Date())
    payment_term_id: Mapped[int | None] = mapped_column(ForeignKey("payment_term.id"))
    payment_term: Mapped["PaymentTerm | None"] = relationship("PaymentTerm")
    buyer_reference: Mapped[str | None] = mapped_column(String(120))
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    returns: Mapped[bool] = mapped_column(default=False)
    discount: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    charge: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    note: Mapped[str | None] = mapped_column(Text())
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))
    closed_reason: Mapped[str | None] = mapped_column(String(500))
    net: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    tax: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    gross: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    margin: Mapped[Decimal | None] = mapped_column(Amount())
    search_text: Mapped[str] = mapped_column(Text(), default="")
    lines: Mapped[list["SaleOrderLine"]] = relationship(
        back_populates="order",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="SaleOrderLine.position",
    )

    def __str__(self) -> str:
        return self.number or f"#{self.id}"


class SaleOrderLine(DocumentLine, LinePrice, Line):
    """One line of an order."""

    __tablename__ = "sale_order_line"
    __table_args__ = (
        *line_checks(),
        Index("ix_sale_order_line_order_id_position", "order_id", "position"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("sale_order.id", ondelete="CASCADE"))
    order: Mapped[SaleOrder] = relationship(back_populates="lines")
