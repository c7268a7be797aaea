"""Contracts: what is agreed with whom, from when to when, who has signed it, and what each side owes."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Amount, Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.public_link import Linked
from app.models.search_entry import Facts

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.attachment import Attachment
    from app.models.deal import Deal
    from app.models.number_series import NumberSeries
    from app.models.organisation import Organisation
    from app.models.party import Party


class ContractKind(StrEnum):
    """What a contract is about."""

    sale = "sale"
    service = "service"
    framework = "framework"
    lease = "lease"
    agency = "agency"
    confidentiality = "confidentiality"
    other = "other"


class ContractState(StrEnum):
    """The life of a contract."""

    draft = "draft"
    approval = "approval"
    approved = "approved"
    sent = "sent"
    signed = "signed"
    active = "active"
    expired = "expired"
    terminated = "terminated"
    cancelled = "cancelled"


class Renewal(StrEnum):
    """What happens when the last day of a contract is over."""

    none = "none"
    automatic = "automatic"
    by_agreement = "by_agreement"


class Side(StrEnum):
    """Who signs, and who owes something."""

    ours = "ours"
    theirs = "theirs"


class Rhythm(StrEnum):
    """How often something is owed again."""

    monthly = "monthly"
    quarterly = "quarterly"
    half_yearly = "half_yearly"
    yearly = "yearly"


MONTHS = {Rhythm.monthly: 1, Rhythm.quarterly: 3, Rhythm.half_yearly: 6, Rhythm.yearly: 12}


label(
    ContractKind,
    sale=_l("Sale of goods"),
    service=_l("Services"),
    framework=_l("Framework contract"),
    lease=_l("Lease"),
    agency=_l("Agency"),
    confidentiality=_l("Confidentiality"),
    other=_l("Other contract"),
)
label(
    ContractState,
    draft=_l("Draft"),
    approval=_l("To be approved"),
    approved=_l("Approved"),
    sent=_l("Sent"),
    signed=_l("Signed"),
    active=_l("In force"),
    expired=_l("Expired"),
    terminated=_l("Terminated"),
    cancelled=_l("Cancelled"),
)
label(
    Renewal,
    none=_l("It ends"),
    automatic=_l("It goes on by itself"),
    by_agreement=_l("It goes on when both agree"),
)
label(
    Rhythm,
    monthly=_l("Every month"),
    quarterly=_l("Every quarter"),
    half_yearly=_l("Every half-year"),
    yearly=_l("Every year"),
)
label(Side, ours=_l("We"), theirs=_l("The other side"))

CONTRACT_MOVES: Moves[ContractState] = {
    ContractState.draft: frozenset({ContractState.approval, ContractState.cancelled}),
    ContractState.approval: frozenset({ContractState.approved, ContractState.draft, ContractState.cancelled}),
    ContractState.approved: frozenset(
        {ContractState.sent, ContractState.signed, ContractState.draft, ContractState.cancelled}
    ),
    ContractState.sent: frozenset({ContractState.signed, ContractState.draft, ContractState.cancelled}),
    ContractState.signed: frozenset({ContractState.active, ContractState.terminated}),
    ContractState.active: frozenset({ContractState.expired, ContractState.terminated}),
    ContractState.expired: frozenset({ContractState.active}),
}
# Both have signed: what was agreed stays as it is.
BINDING = frozenset({ContractState.signed, ContractState.active, ContractState.expired, ContractState.terminated})
UNSIGNED = frozenset({ContractState.approved, ContractState.sent})
IN_FORCE = frozenset({ContractState.signed, ContractState.active})
# Columns that may change once somebody has signed: none of them says what was agreed. Triggers keep everything else.
FREE_AFTER_SIGNING = frozenset(
    {
        *("state", "party_id", "deal_id", "owner_id", "team_id", "note", "search_text", "version", "changed_at"),
        *("sent_on", "link_nonce", "link_sha256", "link_ended_at", "link_until"),
        *("ends_on", "renewals", "remind_on", "reminded_on", "terminated_on", "reason"),
        *("approved_at", "approved_by_id"),
    }
)


class Contract(Entity, Owned, Linked):
    """A contract with a party, or an amendment of one (`parent_id`, numbered by `amendment` from 1).

    `amount` with tax is what it is worth at most; none for a framework. `valid_until` is the last day as it was signed,
    none for no end; `ends_on` is the last day now, after renewals and amendments. Units: `notice_days` before the last
    day somebody must give notice, and the owner is reminded `reminder_days` earlier, on `remind_on`; `renew_months` is
    by how much it goes on by itself. `terminated_on` is its last day when somebody has given notice. The customer's
    page is open up to `link_until`. `reason` is that of the last rejection, refusal, termination or cancelling.
    """

    __tablename__ = "contract"
    __stem__ = "contract"
    __table_args__ = (
        UniqueConstraint("series_id", "number"),
        UniqueConstraint("parent_id", "amendment"),
        CheckConstraint("length(trim(subject)) > 0", name="subject_filled"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("amount >= 0", name="amount_positive"),
        CheckConstraint("(parent_id IS NULL) = (amendment = 0)", name="amendment_amends"),
        CheckConstraint("valid_until >= valid_from", name="valid_in_order"),
        CheckConstraint("(renewal = 'automatic') = (renew_months IS NOT NULL)", name="renewal_complete"),
        CheckConstraint("renew_months BETWEEN 1 AND 120", name="renewal_possible"),
        CheckConstraint("renewal <> 'automatic' OR valid_until IS NOT NULL", name="renewal_of_something"),
        CheckConstraint("notice_days BETWEEN 0 AND 3650", name="notice_possible"),
        CheckConstraint("reminder_days BETWEEN 0 AND 3650", name="reminder_possible"),
        CheckConstraint("renewals >= 0", name="renewals_positive"),
        CheckConstraint("state IN ('draft', 'approval', 'cancelled') OR number IS NOT NULL", name="numbered"),
        CheckConstraint(
            "state NOT IN ('signed', 'active', 'expired') OR valid_from IS NOT NULL", name="signed_complete"
        ),
        CheckConstraint("state <> 'expired' OR ends_on IS NOT NULL", name="expired_complete"),
        CheckConstraint(
            "state <> 'terminated' OR (terminated_on IS NOT NULL AND length(trim(coalesce(reason, ''))) > 0)",
            name="termination_told",
        ),
        CheckConstraint("state <> 'sent' OR sent_on IS NOT NULL", name="sent_complete"),
        CheckConstraint("link_ended_at IS NOT NULL OR link_sha256 IS NULL OR state = 'sent'", name="link_while_sent"),
        Index("ix_contract_state_id", "state", "id"),
        Index("ix_contract_state_valid_from", "state", "valid_from"),
        Index("ix_contract_state_ends_on", "state", "ends_on"),
        index_where("ix_contract_remind_on", "remind_on", where="state = 'active' AND reminded_on IS NULL"),
        index_where("ix_contract_terminated_on", "terminated_on", where="state IN ('signed', 'active')"),
    )

    state: Mapped[ContractState] = mapped_column(Choice(ContractState), default=ContractState.draft)
    number: Mapped[str | None] = mapped_column(String(60))
    amendment: Mapped[int] = mapped_column(Integer, default=0)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("number_series.id"), info={"internal": True})
    series: Mapped["NumberSeries | None"] = relationship("NumberSeries")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"))
    parent: Mapped["Contract | None"] = relationship("Contract", remote_side="Contract.id")
    kind: Mapped[ContractKind] = mapped_column(Choice(ContractKind), default=ContractKind.sale)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deal.id"), index=True)
    deal: Mapped["Deal | None"] = relationship("Deal")
    subject: Mapped[str] = mapped_column(String(250))
    terms: Mapped[str | None] = mapped_column(Text())
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    amount: Mapped[Decimal | None] = mapped_column(Amount())
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    tax_note: Mapped[str | None] = mapped_column(String(250))
    place: Mapped[str | None] = mapped_column(String(120))
    valid_from: Mapped[date | None] = mapped_column(Date())
    valid_until: Mapped[date | None] = mapped_column(Date())
    renewal: Mapped[Renewal] = mapped_column(Choice(Renewal), default=Renewal.none)
    renew_months: Mapped[int | None] = mapped_column(Integer)
    notice_days: Mapped[int] = mapped_column(Integer, default=30)
    reminder_days: Mapped[int] = mapped_column(Integer, default=30)
    note: Mapped[str | None] = mapped_column(Text())
    approved_at: Mapped[datetime | None] = mapped_column(Instant())
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    approved_by: Mapped["User | None"] = relationship("User", foreign_keys=[approved_by_id])
    sent_on: Mapped[date | None] = mapped_column(Date())
    link_until: Mapped[date | None] = mapped_column(Date())
    ends_on: Mapped[date | None] = mapped_column(Date())
    renewals: Mapped[int] = mapped_column(Integer, default=0)
    remind_on: Mapped[date | None] = mapped_column(Date(), info={"internal": True})
    reminded_on: Mapped[date | None] = mapped_column(Date(), info={"internal": True})
    terminated_on: Mapped[date | None] = mapped_column(Date())
    reason: Mapped[str | None] = mapped_column(String(500))
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True, info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")
    search_text: Mapped[str] = mapped_column(Text(), default="")
    signatures: Mapped[list["ContractSignature"]] = relationship(
        back_populates="contract",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="ContractSignature.side",
    )
    obligations: Mapped[list["ContractObligation"]] = relationship(
        back_populates="contract",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(ContractObligation.due_on, ContractObligation.id)",
    )

    def __str__(self) -> str:
        shown = self.number or (str(self.parent) if self.parent is not None else f"#{self.id}")
        return f"{shown}/{self.amendment}" if self.amendment else shown

    def search_entry(self) -> Facts:
        """Return what it is found by."""
        return Facts(f"{self} {self.subject}", "", self.search_text)

    @property
    def is_amendment(self) -> bool:
        """Say whether it changes another contract."""
        return self.parent_id is not None or self.parent is not None

    def signed_by(self, side: Side) -> "ContractSignature | None":
        """Return the signature of a side."""
        return next((each for each in self.signatures if each.side is side), None)


class ContractSignature(Line):
    """One side has signed: who, when and where, and by SHA-256 what. Rows are only ever added.

    `file` is the signed copy; it is set once. Who signs on the customer's page leaves `address` and `agent`; `noted_by`
    is which of us noted a signature on paper.
    """

    __tablename__ = "contract_signature"
    __table_args__ = (
        UniqueConstraint("contract_id", "side"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
    )

    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id", ondelete="CASCADE"))
    contract: Mapped[Contract] = relationship(back_populates="signatures")
    side: Mapped[Side] = mapped_column(Choice(Side))
    signed_on: Mapped[date] = mapped_column(Date())
    name: Mapped[str] = mapped_column(String(120))
    position: Mapped[str | None] = mapped_column(String(120))
    is_electronic: Mapped[bool] = mapped_column(default=False)
    content_sha256: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(45), info=PERSONAL)
    agent: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    noted_at: Mapped[datetime] = mapped_column(Instant())
    noted_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    noted_by: Mapped["User | None"] = relationship("User", foreign_keys=[noted_by_id])
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True, info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")

    def __str__(self) -> str:
        return self.name


class ContractObligation(Line):
    """What one side owes by a day, once or every few months; doing a repeated one makes the next row."""

    __tablename__ = "contract_obligation"
    __table_args__ = (
        CheckConstraint("length(trim(text)) > 0", name="text_filled"),
        CheckConstraint("every_months BETWEEN 1 AND 120", name="repeats_possibly"),
        Index("ix_contract_obligation_contract_id_due_on", "contract_id", "due_on"),
        index_where("ix_contract_obligation_due_on", "due_on", where="done_on IS NULL AND told_on IS NULL"),
    )

    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id", ondelete="CASCADE"))
    contract: Mapped[Contract] = relationship(back_populates="obligations")
    side: Mapped[Side] = mapped_column(Choice(Side), default=Side.ours)
    text: Mapped[str] = mapped_column(String(250))
    due_on: Mapped[date] = mapped_column(Date())
    every_months: Mapped[int | None] = mapped_column(Integer)
    done_on: Mapped[date | None] = mapped_column(Date())
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    done_by: Mapped["User | None"] = relationship("User", foreign_keys=[done_by_id])
    told_on: Mapped[date | None] = mapped_column(Date(), info={"internal": True})

    def __str__(self) -> str:
        return self.text

    @property
    def rhythm(self) -> Rhythm | None:
        """Return how often it is owed again, None for once."""
        return next((each for each, months in MONTHS.items() if months == self.every_months), None)
