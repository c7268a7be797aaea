"""Our own companies: what stands on documents as the seller. There may be several."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Entity, Line


class Organisation(Entity):
    """One of our companies: names, numbers, address, currency, time zone of its days."""

    __tablename__ = "organisation"
    __stem__ = "organisation"
    __table_args__ = (CheckConstraint("length(trim(name)) > 0", name="name_filled"),)

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
    bank_accounts: Mapped[list["OrganisationBankAccount"]] = relationship(
        back_populates="organisation",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="OrganisationBankAccount.id",
    )

    def __str__(self) -> str:
        return self.name


class OrganisationBankAccount(Line):
    """An account on which we are paid."""

    __tablename__ = "organisation_bank_account"
    __table_args__ = (CheckConstraint("iban IS NOT NULL OR account IS NOT NULL", name="number_given"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), index=True)
    organisation: Mapped[Organisation] = relationship(back_populates="bank_accounts")
    iban: Mapped[str | None] = mapped_column(String(34))
    account: Mapped[str | None] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))
    bik: Mapped[str | None] = mapped_column(String(9))
    bank_name: Mapped[str | None] = mapped_column(String(250))
    correspondent_account: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})

    def __str__(self) -> str:
        return self.iban or self.account or ""
