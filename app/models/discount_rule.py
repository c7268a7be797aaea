"""Discount rules: what comes off a price, for whom, on what, from when, and for which past purchases."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity

if TYPE_CHECKING:
    from app.models.party import Party
    from app.models.product import Product
    from app.models.product_category import ProductCategory
    from app.models.tag import Tag


class Past(StrEnum):
    """What of a counterparty's past purchases a personal discount looks at."""

    turnover = "turnover"
    orders = "orders"


label(Past, turnover=_l("What was invoiced, without tax"), orders=_l("Number of invoices"))


class DiscountRule(Entity):
    """One rule: a percentage of the price, or an amount off every unit.

    Every condition that is set must hold. A rule with a currency is for documents in it. A rule that does not
    `stacks` stands alone: it is taken instead of all others where it is better for the buyer. Units: `from_amount` is
    what the document's lines come to before any discount; `past_least` is money in the currency, or a count, within
    the last `past_months` months.
    """

    __tablename__ = "discount_rule"
    __stem__ = "discount_rule"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("(percent IS NULL) <> (amount IS NULL)", name="percent_or_amount"),
        CheckConstraint("percent > 0", name="percent_positive"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("product_id IS NULL OR category_id IS NULL", name="product_or_category"),
        CheckConstraint("party_id IS NULL OR tag_id IS NULL", name="party_or_tag"),
        CheckConstraint("from_quantity > 0", name="from_quantity_positive"),
        CheckConstraint("from_amount > 0", name="from_amount_positive"),
        CheckConstraint(
            "(past IS NULL) = (past_months IS NULL) AND (past IS NULL) = (past_least IS NULL)", name="past_complete"
        ),
        CheckConstraint("past_months > 0 AND past_least > 0", name="past_positive"),
        CheckConstraint(
            "currency IS NOT NULL OR (amount IS NULL AND from_amount IS NULL AND (past IS NULL OR past = 'orders'))",
            name="money_has_currency",
        ),
        CheckConstraint("valid_until >= valid_from", name="days_in_order"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    percent: Mapped[Decimal | None] = mapped_column(Quantity())
    amount: Mapped[Decimal | None] = mapped_column(Quantity())
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    product: Mapped["Product | None"] = relationship("Product")
    category_id: Mapped[int | None] = mapped_column(ForeignKey("product_category.id"), index=True)
    category: Mapped["ProductCategory | None"] = relationship("ProductCategory")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    tag_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), index=True)
    tag: Mapped["Tag | None"] = relationship("Tag")
    from_quantity: Mapped[Decimal | None] = mapped_column(Quantity())
    from_amount: Mapped[Decimal | None] = mapped_column(Amount())
    past: Mapped[Past | None] = mapped_column(Choice(Past))
    past_months: Mapped[int | None] = mapped_column(Integer)
    past_least: Mapped[Decimal | None] = mapped_column(Quantity())
    valid_from: Mapped[date | None] = mapped_column(Date())
    valid_until: Mapped[date | None] = mapped_column(Date())
    stacks: Mapped[bool] = mapped_column(default=True)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    is_active: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.name
