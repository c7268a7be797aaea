"""Our own companies: what stands on documents as the seller. There may be several."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line
from app.money import TaxRounding

if TYPE_CHECKING:
    from app.models.payment_term import PaymentTerm

label(TaxRounding, per_group=_l("On the total of each tax rate"), per_line=_l("On every line"))


class Organisation(Entity):
    """One of our companies: names, numbers, address, currency, time zone of its days.

    Units: `over_percent` is how much more than ordered may be delivered and invoiced, in percent of each line.
    Nothing dated on or before `lock_date` is issued, changed or reversed any more (services.period).
    """

    __tablename__ = "organisation"
    __stem__ = "organisation"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("over_percent >= 0", name="over_percent_positive"),
    )

    name: Mapped[str] = mapped_column(String(250), unique=True)
    legal_name: Mapped[str | None] = mapped_column(String(500))
    country: Mapped[str] = mapped_column(String(2), info={"of": "country"})
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC", info={"of": "time_zone"})
    tax_number: Mapped[str | None] = mapped_column(String(32))
    tax_branch: Mapped[str | None] = mapped_column(String(20))
    registration_number: Mapped[str | None] = mapped_column(String(50))
    street: Mapped[str | None] = mapped_column(String(250))
    postal_code: Mapped[str | None] = mapped_column(String(20))
    city: Mapped[str | None] = mapped_column(String(120))
    region: Mapped[str | None] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(254))
    website: Mapped[str | None] = mapped_column(String(500))
    tax_rounding: Mapped[TaxRounding] = mapped_column(Choice(TaxRounding), default=TaxRounding.per_group)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    payment_term_id: Mapped[int | None] = mapped_column(ForeignKey("payment_term.id"))
    payment_term: Mapped["PaymentTerm | None"] = relationship("PaymentTerm")
    over_percent: Mapped[Decimal] = mapped_column(Quantity(), default=Decimal(0), server_default="0")
    lock_date: Mapped[date | None] = mapped_column(Date())
    bank_accounts: Mapped[list["OrganisationBankAccount"]] = relationship(
        back_populates="organisation",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="OrganisationBankAccount.id",
    )

    def __str__(self) -> str:
        return self.name


class OrganisationBankAccount(Line):
    """An account on which we are paid.

    `match_sure` lets bookings that name an invoice and pay exactly what is open of it be matched when a statement is
    loaded. Units: up to `fee_tolerance`, in the account's currency, less may come in than is owed: the bank's charge.
    """

    __tablename__ = "organisation_bank_account"
    __table_args__ = (
        CheckConstraint("iban IS NOT NULL OR account IS NOT NULL", name="number_given"),
        CheckConstraint("fee_tolerance >= 0", name="fee_tolerance_positive"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), index=True)
    organisation: Mapped[Organisation] = relationship(back_populates="bank_accounts")
    iban: Mapped[str | None] = mapped_column(String(34))
    account: Mapped[str | None] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))
    bik: Mapped[str | None] = mapped_column(String(9))
    bank_name: Mapped[str | None] = mapped_column(String(250))
    correspondent_account: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})
    match_sure: Mapped[bool] = mapped_column(default=False, server_default=false())
    fee_tolerance: Mapped[Decimal] = mapped_column(Amount(), default=Decimal(0), server_default="0")

    def __str__(self) -> str:
        return self.iban or self.account or ""
