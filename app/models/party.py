"""Counterparties: companies and persons we sell to, buy from or work with, and what belongs to each of them."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Amount, Choice, Instant
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned, index_where
from app.models.party_interest import PartyInterest, Reached
from app.models.party_metric import SHOWN, PartyMetric
from app.models.search_entry import Facts

if TYPE_CHECKING:
    from app.models.consent import Consent
    from app.models.price_list import PriceList


# Byte by byte: what begins alike lies together in the index, whatever the database thinks of an alphabet.
COMPARED = String(120).with_variant(String(120, collation="C"), "postgresql")


class PartyKind(StrEnum):
    """What a counterparty is; a sole trader may be kept as either."""

    company = "company"
    person = "person"


class AddressUsage(StrEnum):
    """What an address is for."""

    legal = "legal"
    postal = "postal"
    delivery = "delivery"
    billing = "billing"


class ChannelKind(StrEnum):
    """How a counterparty is reached."""

    phone = "phone"
    email = "email"
    messenger = "messenger"
    website = "website"
    fax = "fax"


label(PartyKind, company=_l("Company"), person=_l("Person"))
label(
    AddressUsage,
    legal=_l("Registered address"),
    postal=_l("Postal address"),
    delivery=_l("Delivery address"),
    billing=_l("Billing address"),
)
label(
    ChannelKind,
    phone=_l("Phone"),
    email=_l("E-mail"),
    messenger=_l("Messenger"),
    website=_l("Website"),
    fax=_l("Fax"),
)


class Party(Entity, Owned):
    """A counterparty: customer, supplier and partner in any combination.

    `name` is how people call it, as typed; `legal_name` is what documents say. Identifiers, telephone numbers and
    addresses on the net are stored in their normal form (services.party.save). Derived from the rest are `search_text`,
    `name_key` (the folded name without its legal form), `latin_key` and `sound_key` (by which names are compared across
    scripts and slips) and `completeness`, from 0 to 100, None until it is worked out. `__beside__` names columns of
    other tables, one row or several per counterparty, by which lists filter. One that was merged into another is kept
    for its key alone: it is archived and leads to `merged_into`.
    """

    __tablename__ = "party"
    __stem__ = "party"
    __guards__: ClassVar = {
        "personal": ("phone", "email", "birthday", "contacts", "channels"),
        "bank_account": ("bank_accounts",),
        "credit_limit": ("credit_limit",),
        "price_list": ("price_list",),
        "=order": ("orders_count", "first_order_on", "last_order_on", "orders_per_year", "client_since"),
        "=invoice": ("turnover", "average_check", "open_balance", "payment_lag_days", "last_touch_on"),
        "=segment": ("segment",),
    }
    __beside__: ClassVar = {
        **{name: f"party_metric.{name}" for name in SHOWN},
        "interest": "party_interest.topic",
        "segment": "segment_member.segment_id",
    }
    __searched_guarded__ = frozenset({"phone", "email", "contacts", "channels"})  # what its search text holds of them
    __searched_openly__ = ("name_key", "tax_number", "registration_number", "external_id")  # what else it does
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("length(country) = 2", name="country_code"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("credit_limit >= 0", name="credit_limit_positive"),
        CheckConstraint("completeness BETWEEN 0 AND 100", name="completeness_percent"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint("merged_into_id <> id", name="not_merged_into_itself"),
        Index("ix_party_name_id", "name", "id"),
        Index("ix_party_owner_id_name", "owner_id", "name", "id"),
        Index("ix_party_owner_id_changed_at", "owner_id", "changed_at"),
        Index("ix_party_changed_at", "changed_at"),
        index_where("ix_party_birthday", "birthday", where="birthday IS NOT NULL"),
        # of the few that were merged: an index of all would be taken for "not merged", which is nearly every row
        index_where("ix_party_merged_into_id", "merged_into_id", where="merged_into_id IS NOT NULL"),
    )

    kind: Mapped[PartyKind] = mapped_column(Choice(PartyKind), default=PartyKind.company)
    name: Mapped[str] = mapped_column(String(250), info=PERSONAL)
    legal_name: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    is_customer: Mapped[bool] = mapped_column(default=False)
    is_supplier: Mapped[bool] = mapped_column(default=False)
    is_partner: Mapped[bool] = mapped_column(default=False)

    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})

    tax_number: Mapped[str | None] = mapped_column(String(32), index=True, info=PERSONAL)
    tax_branch: Mapped[str | None] = mapped_column(String(20))
    registration_number: Mapped[str | None] = mapped_column(String(50), info=PERSONAL)

    phone: Mapped[str | None] = mapped_column(String(20), index=True, info=PERSONAL)
    email: Mapped[str | None] = mapped_column(String(254), index=True, info=PERSONAL)
    website: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)

    birthday: Mapped[date | None] = mapped_column(Date(), info=PERSONAL)
    note: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    source: Mapped[str | None] = mapped_column(String(60))
    credit_limit: Mapped[Decimal | None] = mapped_column(Amount())
    price_list_id: Mapped[int | None] = mapped_column(ForeignKey("price_list.id"), index=True)
    price_list: Mapped["PriceList | None"] = relationship("PriceList")
    external_id: Mapped[str | None] = mapped_column(String(64), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"), index=True)
    parent: Mapped["Party | None"] = relationship("Party", foreign_keys=[parent_id], remote_side="Party.id")
    preferred_channel: Mapped[Reached | None] = mapped_column(Choice(Reached))
    call_time: Mapped[str | None] = mapped_column(String(60), info=PERSONAL)

    archived_at: Mapped[datetime | None] = mapped_column(Instant())
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    merged_into: Mapped["Party | None"] = relationship("Party", foreign_keys=[merged_into_id], remote_side="Party.id")
    anonymised_at: Mapped[datetime | None] = mapped_column(Instant())

    name_key: Mapped[str] = mapped_column(String(250), default="", index=True)
    latin_key: Mapped[str] = mapped_column(COMPARED, default="", server_default="", index=True)
    sound_key: Mapped[str] = mapped_column(COMPARED, default="", server_default="", index=True)
    completeness: Mapped[int | None] = mapped_column(Integer, index=True)
    search_text: Mapped[str] = mapped_column(Text(), default="")

    addresses: Mapped[list["PartyAddress"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyAddress.id"
    )
    contacts: Mapped[list["PartyContact"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyContact.id"
    )
    channels: Mapped[list["PartyChannel"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyChannel.id"
    )
    bank_accounts: Mapped[list["PartyBankAccount"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyBankAccount.id"
    )
    identifiers: Mapped[list["PartyIdentifier"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyIdentifier.id"
    )
    consents: Mapped[list["Consent"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="Consent.id"
    )

    interests: Mapped[list["PartyInterest"]] = relationship(
        back_populates="party", cascade="all, delete-orphan", passive_deletes=True, order_by="PartyInterest.id"
    )
    metric: Mapped["PartyMetric | None"] = relationship("PartyMetric", viewonly=True, uselist=False)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- a figure
        """Give the figures that stand beside a counterparty as if they were its own; None until they are counted."""
        if name in SHOWN:
            return getattr(self.metric, name, None)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def __str__(self) -> str:
        return _("Anonymised party %(number)s", number=self.id) if self.anonymised_at else self.name

    def search_entry(self) -> Facts | None:
        """Return what it is found by, and how one tells it from others of the name; None of one that is gone."""
        if self.anonymised_at is not None or self.merged_into_id is not None:
            return None
        detail = " · ".join(filter(None, (self.tax_number, self.phone, self.email)))
        return Facts(self.name, detail, self.search_text)

    @property
    def is_archived(self) -> bool:
        """Say whether it is out of use: kept for its history, no longer offered."""
        return self.archived_at is not None


class PartyAddress(Line):
    """A place of a counterparty."""

    __tablename__ = "party_address"
    __table_args__ = (CheckConstraint("length(country) = 2", name="country_code"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped[Party] = relationship(back_populates="addresses")
    usage: Mapped[AddressUsage] = mapped_column(Choice(AddressUsage), default=AddressUsage.legal)
    street: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    postal_code: Mapped[str | None] = mapped_column(String(20), info=PERSONAL)
    city: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    region: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})

    def __str__(self) -> str:
        town = " ".join(filter(None, (self.postal_code, self.city)))
        return ", ".join(filter(None, (self.street, town, self.region, self.country)))


class PartyContact(Line):
    """A person to talk to at a counterparty."""

    __tablename__ = "party_contact"
    __table_args__ = (CheckConstraint("length(trim(name)) > 0", name="name_filled"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped[Party] = relationship(back_populates="contacts")
    name: Mapped[str] = mapped_column(String(250), info=PERSONAL)
    role: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    phone: Mapped[str | None] = mapped_column(String(20), index=True, info=PERSONAL)
    email: Mapped[str | None] = mapped_column(String(254), index=True, info=PERSONAL)
    language: Mapped[str | None] = mapped_column(String(5), info={"of": "language"})
    note: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)

    def __str__(self) -> str:
        return self.name


class PartyChannel(Line):
    """One more way to reach a counterparty, with what it said about being written to.

    `value` is the normal form that is dialled or written to, `raw` is what was typed.
    """

    __tablename__ = "party_channel"
    __table_args__ = (CheckConstraint("length(trim(value)) > 0", name="value_filled"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped[Party] = relationship(back_populates="channels")
    kind: Mapped[ChannelKind] = mapped_column(Choice(ChannelKind), default=ChannelKind.phone)
    value: Mapped[str] = mapped_column(String(500), index=True, info=PERSONAL)
    raw: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    label: Mapped[str | None] = mapped_column(String(60), info=PERSONAL)
    opted_out_at: Mapped[datetime | None] = mapped_column(Instant())
    bounced_at: Mapped[datetime | None] = mapped_column(Instant())

    def __str__(self) -> str:
        return self.value


class PartyBankAccount(Line):
    """An account of a counterparty: an IBAN, or a number in a country without IBANs (with the BIK in Russia)."""

    __tablename__ = "party_bank_account"
    __table_args__ = (
        CheckConstraint("iban IS NOT NULL OR account IS NOT NULL", name="number_given"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
    )

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped[Party] = relationship(back_populates="bank_accounts")
    iban: Mapped[str | None] = mapped_column(String(34), index=True, info=PERSONAL)
    account: Mapped[str | None] = mapped_column(String(34), index=True, info=PERSONAL)
    bic: Mapped[str | None] = mapped_column(String(11), index=True)
    bik: Mapped[str | None] = mapped_column(String(9), index=True)
    bank_name: Mapped[str | None] = mapped_column(String(250))
    correspondent_account: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})

    def __str__(self) -> str:
        return self.iban or self.account or ""


class PartyIdentifier(Line):
    """A further number by which a counterparty is known: LEI, GLN, RSIN and the like."""

    __tablename__ = "party_identifier"
    __table_args__ = (
        CheckConstraint("length(trim(scheme)) > 0", name="scheme_filled"),
        CheckConstraint("length(trim(value)) > 0", name="value_filled"),
    )

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped[Party] = relationship(back_populates="identifiers")
    scheme: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(String(100), index=True, info=PERSONAL)

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"
