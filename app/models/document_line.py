"""`DocumentLine`: what the lines of quotes, orders and invoices have in common."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from app.columns import Amount, Quantity

if TYPE_CHECKING:
    from app.models.product import Product
    from app.models.tax import Tax
    from app.models.unit import Unit

ZERO = Decimal(0)


class DocumentLine:
    """What is sold, how much of it, and at which price and tax.

    Units: the discount in percent; `tax_amount` is the tax that the line prints.
    """

    position: Mapped[int] = mapped_column(Integer, default=0)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    text: Mapped[str] = mapped_column(Text())
    quantity: Mapped[Decimal] = mapped_column(Quantity())
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    unit_price: Mapped[Decimal] = mapped_column(Quantity())
    discount_percent: Mapped[Decimal] = mapped_column(Quantity(), default=ZERO)
    tax_id: Mapped[int] = mapped_column(ForeignKey("tax.id"), index=True)
    net: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    tax_amount: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    gross: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)

    @declared_attr
    def product(cls) -> Mapped["Product | None"]:  # noqa: N805
        return relationship("Product")

    @declared_attr
    def unit(cls) -> Mapped["Unit | None"]:  # noqa: N805
        return relationship("Unit")

    @declared_attr
    def tax(cls) -> Mapped["Tax"]:  # noqa: N805
        return relationship("Tax")

    def __str__(self) -> str:
        return self.text


def line_checks() -> tuple[CheckConstraint, ...]:
    """Return the constraints of a table of lines, made anew for each."""
    return (
        CheckConstraint("quantity <> 0", name="quantity_not_zero"),
        CheckConstraint("unit_price >= 0", name="price_positive"),
        CheckConstraint("discount_percent >= 0", name="discount_positive"),
    )
