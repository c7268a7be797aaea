"""What we sell: goods and services with their unit, price and tax."""

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line
from app.models.search_entry import Facts

if TYPE_CHECKING:
    from app.models.product_category import ProductCategory
    from app.models.tax import Tax
    from app.models.unit import Unit


class ProductKind(StrEnum):
    """Goods are delivered, services are done."""

    goods = "goods"
    service = "service"


label(ProductKind, goods=_l("Goods"), service=_l("Service"))


class Product(Entity):
    """Something that stands on a line of an order or invoice.

    `cost_price` is what it costs us, in the same currency, without tax that we get back.
    The price is what a document of the organisation states: with tax where its documents include tax. `tax` is one
    of the successive rates of a tax; a line takes the one of its day. `formula` works out the price of one unit from
    `parameters` (money.formula), instead of `price`. `search_text` and `name_key` are derived.
    """

    __tablename__ = "product"
    __stem__ = "product"
    __guards__: ClassVar = {"cost_price": ("cost_price",)}
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("price >= 0", name="price_positive"),
        CheckConstraint("cost_price >= 0", name="cost_price_positive"),
        Index("ix_product_name_id", "name", "id"),
    )

    kind: Mapped[ProductKind] = mapped_column(Choice(ProductKind), default=ProductKind.goods)
    sku: Mapped[str | None] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(250))
    description: Mapped[str | None] = mapped_column(Text())
    category_id: Mapped[int | None] = mapped_column(ForeignKey("product_category.id"), index=True)
    category: Mapped["ProductCategory | None"] = relationship("ProductCategory")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    unit: Mapped["Unit | None"] = relationship("Unit")
    price: Mapped[Decimal | None] = mapped_column(Quantity())
    cost_price: Mapped[Decimal | None] = mapped_column(Quantity())
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})
    tax_id: Mapped[int | None] = mapped_column(ForeignKey("tax.id"), index=True)
    tax: Mapped["Tax | None"] = relationship("Tax")
    is_active: Mapped[bool] = mapped_column(default=True)
    formula: Mapped[str | None] = mapped_column(Text())
    parameters: Mapped[list["ProductParameter"]] = relationship(
        back_populates="product",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="ProductParameter.position",
    )

    name_key: Mapped[str] = mapped_column(String(250), default="", index=True)
    search_text: Mapped[str] = mapped_column(Text(), default="")

    def __str__(self) -> str:
        return f"{self.sku} · {self.name}" if self.sku else self.name

    def search_entry(self) -> Facts:
        """Return what it is found by."""
        about = (self.sku, str(self.category) if self.category is not None else None)
        return Facts(self.name, " · ".join(filter(None, about)), self.search_text)


class ProductParameter(Line):
    """A number that a product's formula asks for: its name there, its bounds, and what stands there at first."""

    __tablename__ = "product_parameter"
    __table_args__ = (
        UniqueConstraint("product_id", "name"),
        CheckConstraint("most >= least", name="bounds_in_order"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"))
    product: Mapped[Product] = relationship(back_populates="parameters")
    position: Mapped[int] = mapped_column(Integer, default=0)
    name: Mapped[str] = mapped_column(String(30))
    title: Mapped[str | None] = mapped_column(String(60))
    sign: Mapped[str | None] = mapped_column(String(20))
    least: Mapped[Decimal | None] = mapped_column(Quantity())
    most: Mapped[Decimal | None] = mapped_column(Quantity())
    usual: Mapped[Decimal | None] = mapped_column(Quantity())

    def __str__(self) -> str:
        return self.title or self.name
