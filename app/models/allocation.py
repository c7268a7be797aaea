"""Allocations: which credit settles which debt, since which day. Rows are only ever added."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Amount, Choice, Instant, Key, Rate
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.invoice import Invoice
    from app.models.payment import Payment


class WriteOff(StrEnum):
    """Why a rest of an invoice is given up."""

    cash_discount = "cash_discount"
    bank_charge = "bank_charge"
    withholding = "withholding"
    bad_debt = "bad_debt"
    goodwill = "goodwill"
    rounding = "rounding"


label(
    WriteOff,
    cash_discount=_l("Cash discount"),
    bank_charge=_l("Bank charge"),
    withholding=_l("Withholding tax"),
    bad_debt=_l("Bad debt"),
    goodwill=_l("Goodwill"),
    rounding=_l("Rounding difference"),
)


class Allocation(Model):
    """A dated row: an amount of one credit (receipt, credit note or write-off) settles one debt (invoice or refund).

    A reversing row has the same sides, the opposite amounts and names the row that it undoes. Units: `amount` in the
    currency of the debt, `credit_amount` in that of the credit; `exchange_rate` is how much of the credit's currency
    one unit of the debt's currency is worth, where the two differ.
    """

    __tablename__ = "allocation"
    __stem__ = "allocation"
    __unrecorded__ = True  # the rows are their own history
    __table_args__ = (
        UniqueConstraint("reverses_id"),
        CheckConstraint("(reverses_id IS NULL) = (amount > 0) AND amount <> 0", name="sign"),
        CheckConstraint("(credit_amount > 0) = (amount > 0) AND credit_amount <> 0", name="same_sign"),
        CheckConstraint(
            "(CASE WHEN payment_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN credit_note_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN write_off IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_credit",
        ),
        CheckConstraint("(invoice_id IS NULL) <> (refund_id IS NULL)", name="one_debt"),
        CheckConstraint("write_off IS NULL OR invoice_id IS NOT NULL", name="write_off_of_invoice"),
        CheckConstraint("exchange_rate > 0", name="rate_positive"),
        CheckConstraint("exchange_rate IS NOT NULL OR amount = credit_amount", name="same_currency"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    allocated_on: Mapped[date] = mapped_column(Date(), index=True)
    amount: Mapped[Decimal] = mapped_column(Amount())
    credit_amount: Mapped[Decimal] = mapped_column(Amount())
    exchange_rate: Mapped[Decimal | None] = mapped_column(Rate())
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), index=True)
    payment: Mapped["Payment | None"] = relationship("Payment", foreign_keys=[payment_id])
    credit_note_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    credit_note: Mapped["Invoice | None"] = relationship("Invoice", foreign_keys=[credit_note_id])
    write_off: Mapped[WriteOff | None] = mapped_column(Choice(WriteOff))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    invoice: Mapped["Invoice | None"] = relationship("Invoice", foreign_keys=[invoice_id])
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), index=True)
    refund: Mapped["Payment | None"] = relationship("Payment", foreign_keys=[refund_id])
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("allocation.id"))
    reverses: Mapped["Allocation | None"] = relationship("Allocation", remote_side="Allocation.id")
    note: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])

    def __str__(self) -> str:
        return f"#{self.id}"

    @property
    def currency(self) -> str:
        """Return the currency of the debt."""
        debt = self.invoice or self.refund
        return debt.currency if debt is not None else ""

    @property
    def credit_currency(self) -> str:
        """Return the currency of the credit; a write-off is in that of the debt."""
        credit = self.payment or self.credit_note
        return credit.currency if credit is not None else self.currency

    @property
    def is_reversal(self) -> bool:
        """Say whether the row undoes another one."""
        return self.reverses_id is not None
