"""Payment terms: when a document is due, and what paying early takes off."""

from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line
from app.money import CashDiscountTax

label(
    CashDiscountTax,
    always=_l("Lowers the tax in any case"),
    early=_l("Lowers the tax when it is taken"),
    never=_l("Never lowers the tax"),
)


class PaymentTerm(Entity):
    """When a document is due.

    Shape: `steps` as `money.read_steps` reads them: `[["days", 30]]`, `[["days", 5], ["month_end"]]`.
    Units: the cash discount in percent, for payment within so many days of the date of issue.
    """

    __tablename__ = "payment_term"
    __stem__ = "payment_term"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("discount_days >= 0", name="discount_days_positive"),
        CheckConstraint("discount_percent >= 0", name="discount_positive"),
        CheckConstraint("(discount_percent IS NULL) = (discount_days IS NULL)", name="discount_complete"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    steps: Mapped[list[list[Any]]] = mapped_column(JSON, default=list)
    discount_percent: Mapped[Decimal | None] = mapped_column(Quantity())
    discount_days: Mapped[int | None] = mapped_column(Integer)
    discount_tax: Mapped[CashDiscountTax] = mapped_column(Choice(CashDiscountTax), default=CashDiscountTax.early)
    texts: Mapped[list["PaymentTermText"]] = relationship(
        back_populates="payment_term",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="PaymentTermText.id",
    )

    def __str__(self) -> str:
        return self.name


class PaymentTermText(Line):
    """What documents in a language say about the terms."""

    __tablename__ = "payment_term_text"
    __table_args__ = (UniqueConstraint("payment_term_id", "language"),)

    payment_term_id: Mapped[int] = mapped_column(ForeignKey("payment_term.id", ondelete="CASCADE"))
    payment_term: Mapped[PaymentTerm] = relationship(back_populates="texts")
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    text: Mapped[str] = mapped_column(Text())

    def __str__(self) -> str:
        return self.text
