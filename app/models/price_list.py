"""Price lists: what products cost whom, from which quantity, in which days and currency."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line
from app.models.party import PartyKind

if TYPE_CHECKING:
    from app.models.product import Product
    from app.models.tag import Tag

ZERO = Decimal(0)


class Audience(StrEnum):
    """Whom a price list is for. A counterparty that names a list has it, whomever it is for otherwise."""

    everybody = "everybody"
    kind = "kind"
    tag = "tag"
    chosen = "chosen"


label(
    Audience,
    everybody=_l("Everybody"),
    kind=_l("Companies or persons"),
    tag=_l("Parties with a tag"),
    chosen=_l("Parties that are given it"),
)


class PriceList(Entity):
    """Prices of many products for some or all counterparties.

    Of several lists the one of the counterparty itself goes first, then those for its tag or kind, then those for
    everybody; among equals the higher `priority`, then the name. Days are both within.
    """

    __tablename__ = "price_list"
    __stem__ = "price_list"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("(audience = 'kind') = (party_kind IS NOT NULL)", name="kind_where_asked"),
        CheckConstraint("(audience = 'tag') = (tag_id IS NOT NULL)", name="tag_where_asked"),
        CheckConstraint("valid_until >= valid_from", name="days_in_order"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    audience: Mapped[Audience] = mapped_column(Choice(Audience), default=Audience.everybody)
    party_kind: Mapped[PartyKind | None] = mapped_column(Choice(PartyKind))
    tag_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), index=True)
    tag: Mapped["Tag | None"] = relationship("Tag")
    valid_from: Mapped[date | None] = mapped_column(Date())
    valid_until: Mapped[date | None] = mapped_column(Date())
    priority: Mapped[int] = mapped_column(Integer, default=0)
    is_active: Mapped[bool] = mapped_column(default=True)
    items: Mapped[list["PriceItem"]] = relationship(
        back_populates="price_list",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="PriceItem.position",
    )

    def __str__(self) -> str:
        return f"{self.name} · {self.currency}"


class PriceItem(Line):
    """The price of a product within a list, from a quantity on; of several the largest quantity that is reached."""

    __tablename__ = "price_item"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_positive"),
        CheckConstraint("from_quantity >= 0", name="from_quantity_positive"),
        CheckConstraint("valid_until >= valid_from", name="days_in_order"),
        Index("ix_price_item_product_id_price_list_id", "product_id", "price_list_id"),
        Index("ix_price_item_price_list_id_position", "price_list_id", "position"),
    )

    price_list_id: Mapped[int] = mapped_column(ForeignKey("price_list.id", ondelete="CASCADE"))
    price_list: Mapped[PriceList] = relationship(back_populates="items")
    position: Mapped[int] = mapped_column(Integer, default=0)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    product: Mapped["Product"] = relationship("Product")
    from_quantity: Mapped[Decimal] = mapped_column(Quantity(), default=ZERO)
    price: Mapped[Decimal] = mapped_column(Quantity())
    valid_from: Mapped[date | None] = mapped_column(Date())
    valid_until: Mapped[date | None] = mapped_column(Date())

    def __str__(self) -> str:
        return str(self.product)
