"""Leads: signs of interest from every channel, and what arrived of each, as it arrived."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.lead_source import LeadChannel, LeadPriority
from app.retold import Retold

if TYPE_CHECKING:
    from app.models.deal import Deal
    from app.models.lead_source import LeadSource
    from app.models.mailbox import ReceivedMail
    from app.models.party import Party, PartyContact


class LeadState(StrEnum):
    """The life of a lead: `held` ones wait until somebody says that they are no junk."""

    held = "held"
    new = "new"
    accepted = "accepted"
    converted = "converted"
    merged = "merged"
    rejected = "rejected"


class LeadRejection(StrEnum):
    """Why nothing came of a lead."""

    junk = "junk"
    no_need = "no_need"
    too_dear = "too_dear"
    not_ours = "not_ours"
    unreachable = "unreachable"
    other = "other"


class HeldBecause(StrEnum):
    """Why something that arrived waits for a person."""

    limit = "limit"
    trap = "trap"
    too_quick = "too_quick"
    no_proof = "no_proof"
    stale = "stale"


label(
    LeadState,
    held=_l("Held back"),
    new=_l("Unsorted"),
    accepted=_l("In work"),
    converted=_l("Converted"),
    merged=_l("Merged"),
    rejected=_l("Rejected"),
)
label(
    LeadRejection,
    junk=_l("Junk"),
    no_need=_l("No need any more"),
    too_dear=_l("Too expensive"),
    not_ours=_l("Nothing that we offer"),
    unreachable=_l("Cannot be reached"),
    other=_l("Another reason"),
)
label(
    HeldBecause,
    limit=_l("Too many at once"),
    trap=_l("A field was filled in that people do not see"),
    too_quick=_l("Sent quicker than people type"),
    no_proof=_l("Sent without the browser's proof of work"),
    stale=_l("The form was old, or not ours"),
)

LEAD_MOVES: Moves[LeadState] = {
    LeadState.held: frozenset({LeadState.new, LeadState.rejected, LeadState.merged}),
    LeadState.new: frozenset({LeadState.accepted, LeadState.rejected, LeadState.merged, LeadState.converted}),
    LeadState.accepted: frozenset({LeadState.rejected, LeadState.merged, LeadState.converted}),
    LeadState.converted: frozenset({LeadState.accepted}),
    LeadState.merged: frozenset({LeadState.new}),
    LeadState.rejected: frozenset({LeadState.new}),
}
OPEN = (LeadState.new, LeadState.accepted)  # somebody should do something about them
_WAITING = "responded_at IS NULL AND respond_by IS NOT NULL"


class Lead(Entity, Owned):
    """A sign of interest: who, what, from where, and how long he has been waiting for an answer.

    `remind_at` and `respond_by` are moments of working time, None without a clock; `response_minutes` are minutes of
    working time until the first answer. `error` says what of it could not be read: the text itself is in `arrivals`.
    Shape: `made` says what its conversion has made, each with the version that it had then.
    """

    __tablename__ = "lead"
    __stem__ = "lead"
    __table_args__ = (
        CheckConstraint("(state = 'rejected') = (rejected_reason IS NOT NULL)", name="rejected_says_why"),
        CheckConstraint("(state = 'merged') = (merged_into_id IS NOT NULL)", name="merged_says_where"),
        CheckConstraint("(responded_at IS NULL) = (response_minutes IS NULL)", name="response_is_measured"),
        CheckConstraint("response_minutes >= 0", name="response_not_negative"),
        CheckConstraint("state <> 'held' OR held_because IS NOT NULL", name="held_says_why"),
        CheckConstraint("country IS NULL OR length(country) = 2", name="country_code"),
        Index("ix_lead_state_received_at", "state", "received_at", "id"),
        Index("ix_lead_owner_id_state", "owner_id", "state"),
        Index("ix_lead_received_at", "received_at"),
        index_where("ix_lead_waiting", "respond_by", where=_WAITING),
        index_where("ix_lead_to_remind", "remind_at", where="responded_at IS NULL AND reminded_at IS NULL"),
    )

    state: Mapped[LeadState] = mapped_column(Choice(LeadState), default=LeadState.new)
    priority: Mapped[LeadPriority] = mapped_column(Choice(LeadPriority), default=LeadPriority.normal)
    channel: Mapped[LeadChannel] = mapped_column(Choice(LeadChannel), default=LeadChannel.manual)
    channel_name: Mapped[str | None] = mapped_column(String(60))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("lead_source.id"), index=True)
    source: Mapped["LeadSource | None"] = relationship("LeadSource")

    name: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    company: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    phone: Mapped[str | None] = mapped_column(String(20), index=True, info=PERSONAL)
    email: Mapped[str | None] = mapped_column(String(254), index=True, info=PERSONAL)
    messenger: Mapped[str | None] = mapped_column(String(100), index=True, info=PERSONAL)
    text: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    language: Mapped[str | None] = mapped_column(String(5), info={"of": "language"})
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    region: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)

    utm_source: Mapped[str | None] = mapped_column(String(120))
    utm_medium: Mapped[str | None] = mapped_column(String(120))
    utm_campaign: Mapped[str | None] = mapped_column(String(120))
    utm_term: Mapped[str | None] = mapped_column(String(120))
    utm_content: Mapped[str | None] = mapped_column(String(120))
    page: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    referrer: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    error: Mapped[str | None] = mapped_column(Retold(), info=PERSONAL)
    held_because: Mapped[HeldBecause | None] = mapped_column(Choice(HeldBecause))

    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("party_contact.id", ondelete="SET NULL"), index=True)
    contact: Mapped["PartyContact | None"] = relationship("PartyContact")
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deal.id", ondelete="SET NULL"), index=True)
    deal: Mapped["Deal | None"] = relationship("Deal")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"), index=True)
    merged_into: Mapped["Lead | None"] = relationship("Lead", remote_side="Lead.id")

    received_at: Mapped[datetime] = mapped_column(Instant())
    remind_at: Mapped[datetime | None] = mapped_column(Instant())
    respond_by: Mapped[datetime | None] = mapped_column(Instant())
    reminded_at: Mapped[datetime | None] = mapped_column(Instant())
    escalated_at: Mapped[datetime | None] = mapped_column(Instant())
    responded_at: Mapped[datetime | None] = mapped_column(Instant())
    response_minutes: Mapped[int | None] = mapped_column()
    rejected_reason: Mapped[LeadRejection | None] = mapped_column(Choice(LeadRejection))
    rejected_note: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    converted_at: Mapped[datetime | None] = mapped_column(Instant())
    made: Mapped[dict[str, Any] | None] = mapped_column(JSON())
    search_text: Mapped[str] = mapped_column(Text(), default="")

    arrivals: Mapped[list["LeadArrival"]] = relationship(
        back_populates="lead", cascade="all, delete-orphan", passive_deletes=True, order_by="LeadArrival.id"
    )
    mails: Mapped[list["ReceivedMail"]] = relationship(back_populates="lead", passive_deletes=True)

    def __str__(self) -> str:
        who = " · ".join(filter(None, (self.name, self.company))) or self.phone or self.email or self.messenger
        return who or _("Lead %(number)s", number=self.id)

    @property
    def is_open(self) -> bool:
        """Say whether somebody should do something about it."""
        return self.state in OPEN

    @property
    def waits(self) -> bool:
        """Say whether it waits for its first answer by a clock."""
        return self.is_open and self.responded_at is None and self.respond_by is not None


class LeadArrival(Line):
    """One thing that arrived, as it came; of two with the same number from one source the second is the first again.

    Units: `raw` is cut at 64 KiB; `address` is a keyed hash of where it came from. `lead_id` is None where it went to
    a counterparty that we knew.
    """

    __tablename__ = "lead_arrival"
    __unrecorded__ = True  # it is never changed, and what it made of a lead is recorded there
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        Index("ix_lead_arrival_source_id_received_at", "source_id", "received_at"),
        Index("ix_lead_arrival_address_received_at", "address", "received_at"),
        CheckConstraint("lead_id IS NOT NULL OR party_id IS NOT NULL", name="belongs_somewhere"),
    )

    source_id: Mapped[int] = mapped_column(ForeignKey("lead_source.id"))
    source: Mapped["LeadSource"] = relationship("LeadSource")
    external_id: Mapped[str | None] = mapped_column(String(190))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"), index=True)
    lead: Mapped[Lead | None] = relationship(back_populates="arrivals")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    received_at: Mapped[datetime] = mapped_column(Instant())
    raw: Mapped[str] = mapped_column(Text(), info=PERSONAL)
    text: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    error: Mapped[str | None] = mapped_column(Retold(), info=PERSONAL)
    address: Mapped[str | None] = mapped_column(String(64))
