"""Payments: money that came in from a counterparty, and money that went back to him."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice, Rate
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Owned

if TYPE_CHECKING:
    from app.models.organisation import Organisation, OrganisationBankAccount
    from app.models.party import Party

ZERO = Decimal(0)


class PaymentKind(StrEnum):
    """Which way the money went: a receipt came in from a customer, a refund went back to him."""

    receipt = "receipt"
    refund = "refund"


class PaymentMethod(StrEnum):
    """How it was paid. Source: the payment means that UNTDID 4461 tells apart, as far as offices do."""

    bank_transfer = "bank_transfer"
    card = "card"
    cash = "cash"
    direct_debit = "direct_debit"
    other = "other"


class PaymentState(StrEnum):
    """The life of a payment: entered by mistake, or bounced, it is cancelled, and stays."""

    recorded = "recorded"
    cancelled = "cancelled"


label(PaymentKind, receipt=_l("Receipt"), refund=_l("Refund"))
label(
    PaymentMethod,
    bank_transfer=_l("Bank transfer"),
    card=_l("Card payment"),
    cash=_l("Cash"),
    direct_debit=_l("Direct debit"),
    other=_l("Other"),
)
label(PaymentState, recorded=_l("Recorded"), cancelled=_l("Cancelled"))

PAYMENT_MOVES: Moves[PaymentState] = {PaymentState.recorded: frozenset({PaymentState.cancelled})}

# What of a recorded payment may change; everything else is kept by triggers. `allocated` follows the allocations.
FREE_PAYMENT = frozenset(
    {
        "party_id",
        "owner_id",
        "team_id",
        "state",
        "cancelled_on",
        "cancelled_reason",
        "method",
        "bank_account_id",
        "reference",
        "note",
        "search_text",
        "allocated",
        "version",
        "changed_at",
    }
)


class Payment(Entity, Owned):
    """Money received from a counterparty, or paid back to him.

    The amount is positive: the kind says which way it went. Units: `exchange_rate` is how much of the organisation's
    currency one unit of the payment's currency is worth. `allocated` is the sum of the payment's allocations in its
    own currency; a trigger keeps it.
    """

    __tablename__ = "payment"
    __stem__ = "payment"
    __table_args__ = (
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("allocated >= 0 AND allocated <= amount", name="allocated_within"),
        CheckConstraint("exchange_rate > 0", name="rate_positive"),
        CheckConstraint("(state = 'cancelled') = (cancelled_on IS NOT NULL)", name="cancelled_complete"),
        CheckConstraint("state <> 'cancelled' OR allocated = 0", name="cancelled_unallocated"),
        CheckConstraint("cancelled_on >= paid_on", name="cancelled_after"),
        Index("ix_payment_party_id_paid_on", "party_id", "paid_on"),
    )

    kind: Mapped[PaymentKind] = mapped_column(Choice(PaymentKind), default=PaymentKind.receipt)
    state: Mapped[PaymentState] = mapped_column(Choice(PaymentState), default=PaymentState.recorded)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    party: Mapped["Party"] = relationship("Party")
    paid_on: Mapped[date] = mapped_column(Date(), index=True)
    amount: Mapped[Decimal] = mapped_column(Amount())
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    exchange_rate: Mapped[Decimal | None] = mapped_column(Rate())
    allocated: Mapped[Decimal] = mapped_column(Amount(), default=ZERO, server_default="0")
    method: Mapped[PaymentMethod] = mapped_column(Choice(PaymentMethod), default=PaymentMethod.bank_transfer)
    bank_account_id: Mapped[int | None] = mapped_column(
        ForeignKey("organisation_bank_account.id", ondelete="SET NULL"), index=True
    )
    bank_account: Mapped["OrganisationBankAccount | None"] = relationship("OrganisationBankAccount")
    reference: Mapped[str | None] = mapped_column(String(140))
    note: Mapped[str | None] = mapped_column(Text())
    cancelled_on: Mapped[date | None] = mapped_column(Date())
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))
    search_text: Mapped[str] = mapped_column(Text(), default="")

    def __str__(self) -> str:
        return self.reference or f"#{self.id}"

    @property
    def unallocated(self) -> Decimal:
        """Return what of the amount settles nothing yet."""
        return self.amount - self.allocated

    @property
    def is_receipt(self) -> bool:
        """Say whether the money came in."""
        return self.kind == PaymentKind.receipt

    @property
    def is_recorded(self) -> bool:
        """Say whether the payment counts."""
        return self.state == PaymentState.recorded
