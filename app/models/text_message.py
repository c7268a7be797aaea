"""Text messages (SMS) that we send one by one, each with a ledger row that says how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Owned, index_where
from app.models.suppression import ContactKind

if TYPE_CHECKING:
    from app.models.organisation import Organisation
    from app.models.party import Party


class TextPhase(StrEnum):
    """How far a text message has come.

    `claimed`: a worker holds it, the provider knows nothing of it. `handed_over`: the request may be on its way; a
    crash now leaves it `uncertain`, and a person decides. `withheld`: the sandbox kept it from leaving.
    """

    queued = "queued"
    claimed = "claimed"
    handed_over = "handed_over"
    sent = "sent"
    refused = "refused"
    uncertain = "uncertain"
    withheld = "withheld"
    cancelled = "cancelled"


class TextReport(StrEnum):
    """What the provider has told of a message that it took."""

    delivered = "delivered"
    undelivered = "undelivered"


label(TextReport, delivered=_l("Arrived"), undelivered=_l("Did not arrive"))
label(
    TextPhase,
    queued=_l("Waiting"),
    claimed=_l("Connecting"),
    handed_over=_l("Being sent"),
    sent=_l("Sent"),
    refused=_l("Refused"),
    uncertain=_l("Perhaps sent"),
    withheld=_l("Would have been sent"),
    cancelled=_l("Cancelled"),
)

TEXT_MOVES: Moves[TextPhase] = {
    TextPhase.queued: frozenset({TextPhase.claimed, TextPhase.refused, TextPhase.cancelled}),
    TextPhase.claimed: frozenset({TextPhase.queued, TextPhase.handed_over, TextPhase.refused, TextPhase.withheld}),
    TextPhase.handed_over: frozenset({TextPhase.sent, TextPhase.queued, TextPhase.refused, TextPhase.uncertain}),
    TextPhase.uncertain: frozenset({TextPhase.queued, TextPhase.sent, TextPhase.cancelled}),
    TextPhase.refused: frozenset({TextPhase.queued, TextPhase.cancelled}),
    TextPhase.withheld: frozenset({TextPhase.queued, TextPhase.cancelled}),
}
OPEN = (TextPhase.queued, TextPhase.claimed, TextPhase.handed_over)


class TextMessage(Entity, Owned):
    """One text message to one number, in E.164.

    `purpose` says which part of the program wrote it; `kind` is what the gate asks for. `parts` is what is charged for;
    `tries` counts the claims since a person last put it on its way; `answer` is what the provider said.
    """

    __tablename__ = "text_message"
    __stem__ = "text_message"
    __is_shared__ = False
    __unrecorded__ = True  # its phases and moments are its history
    __table_args__ = (
        Index("ix_text_message_phase_due_at", "phase", "due_at"),
        index_where("ix_text_message_held", "lease_until", where="lease_until IS NOT NULL"),
        CheckConstraint("length(trim(text)) > 0", name="text_filled"),
        CheckConstraint("parts > 0", name="parts_positive"),
        CheckConstraint("(phase = 'sent') = (sent_at IS NOT NULL)", name="sent_complete"),
        CheckConstraint(
            "(phase IN ('claimed', 'handed_over')) = (token IS NOT NULL AND lease_until IS NOT NULL)",
            name="claim_complete",
        ),
    )

    phase: Mapped[TextPhase] = mapped_column(Choice(TextPhase), default=TextPhase.queued)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    purpose: Mapped[str] = mapped_column(String(40))
    kind: Mapped[ContactKind] = mapped_column(Choice(ContactKind))
    to_address: Mapped[str] = mapped_column(String(32), info=PERSONAL)
    text: Mapped[str] = mapped_column(Text(), info=PERSONAL)
    parts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime] = mapped_column(Instant())
    tries: Mapped[int] = mapped_column(Integer, default=0)
    token: Mapped[str | None] = mapped_column(String(32), info={"internal": True})
    lease_until: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
    sent_at: Mapped[datetime | None] = mapped_column(Instant())
    answer: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    report: Mapped[TextReport | None] = mapped_column(Choice(TextReport))
    reported_at: Mapped[datetime | None] = mapped_column(Instant())
    report_reason: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)

    def __str__(self) -> str:
        return self.to_address
