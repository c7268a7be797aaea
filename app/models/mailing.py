"""Mailings: one message to many, with a ledger row for each address that says how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateVersion
from app.models.suppression import NoContact

if TYPE_CHECKING:
    from app.models.document_template import DocumentTemplate, DocumentTemplateVersion
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.segment import Segment
    from app.models.tag import Tag


class MailingKind(StrEnum):
    """What a mailing is for: it decides which consent its recipients must have given."""

    marketing = "marketing"
    service = "service"


class MailingState(StrEnum):
    """How far a mailing has come; `done` is noted when no row of its ledger is open any more."""

    draft = "draft"
    checking = "checking"
    checked = "checked"
    scheduled = "scheduled"
    sending = "sending"
    paused = "paused"
    done = "done"
    cancelled = "cancelled"


class RecipientPhase(StrEnum):
    """How far one address has come.

    `claimed`: a worker holds it, the server has accepted nothing. `handed_over`: the text may be on its way; a crash
    now leaves it `uncertain`. `excluded` never was to be written to, `held_out` is not, to compare with. Of a letter on
    paper: `claimed` while it is printed into a file, `handed_over` when a person has that, `sent` when he posted it.
    """

    queued = "queued"
    claimed = "claimed"
    handed_over = "handed_over"
    sent = "sent"
    refused = "refused"
    uncertain = "uncertain"
    bounced = "bounced"
    skipped = "skipped"
    excluded = "excluded"
    held_out = "held_out"


label(MailingKind, marketing=_l("Marketing"), service=_l("About what they have from us"))
label(
    MailingState,
    draft=_l("Draft"),
    checking=_l("Being checked"),
    checked=_l("Checked"),
    scheduled=_l("Scheduled"),
    sending=_l("Being sent"),
    paused=_l("Paused"),
    done=_l("Done"),
    cancelled=_l("Cancelled"),
)
label(
    RecipientPhase,
    queued=_l("Waiting"),
    claimed=_l("Connecting"),
    handed_over=_l("Being sent"),
    sent=_l("Sent"),
    refused=_l("Refused by the server"),
    uncertain=_l("Perhaps sent"),
    bounced=_l("Came back"),
    skipped=_l("Not sent any more"),
    excluded=_l("Left out"),
    held_out=_l("Held out to compare"),
)
MAILING_MOVES: Moves[MailingState] = {
    MailingState.draft: frozenset({MailingState.checking, MailingState.cancelled}),
    MailingState.checking: frozenset({MailingState.checked, MailingState.draft}),
    MailingState.checked: frozenset(
        {MailingState.draft, MailingState.scheduled, MailingState.sending, MailingState.cancelled}
    ),
    MailingState.scheduled: frozenset({MailingState.sending, MailingState.checked, MailingState.cancelled}),
    MailingState.sending: frozenset({MailingState.paused, MailingState.done, MailingState.cancelled}),
    MailingState.paused: frozenset({MailingState.sending, MailingState.cancelled}),
    MailingState.done: frozenset({MailingState.sending}),
}
OPEN = (RecipientPhase.queued, RecipientPhase.claimed, RecipientPhase.handed_over)
_OPEN = "phase IN ('queued', 'claimed', 'handed_over')"


class Mailing(Entity, Owned):
    """One message to many.

    It goes to the counterparties of `tag`, of `segment` and of `parties` together. Units: `window_from` and
    `window_to` are hours of the day in the organisation's time zone; `per_hour` and `per_domain_hour` are messages.
    `seed` decides who is held out. `version_id` is the template as it was checked; of a mailing on paper
    `letter_version_id` is, of the template of documents `letter_id`.
    """

    __tablename__ = "mailing"
    __stem__ = "mailing"
    __is_shared__ = False
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("holdout_percent BETWEEN 0 AND 50", name="holdout_possible"),
        CheckConstraint("attribution_days BETWEEN 1 AND 365", name="attribution_possible"),
        CheckConstraint("per_hour > 0", name="per_hour_positive"),
        CheckConstraint("per_domain_hour > 0", name="per_domain_hour_positive"),
        CheckConstraint("window_from BETWEEN 0 AND 23 AND window_to BETWEEN 1 AND 24", name="window_hours"),
        CheckConstraint("window_from < window_to", name="window_forward"),
        CheckConstraint(
            "state IN ('draft', 'checking', 'cancelled') OR version_id IS NOT NULL OR letter_version_id IS NOT NULL",
            name="version_kept",
        ),
        CheckConstraint(
            "(channel = 'paper' AND letter_id IS NOT NULL) OR (channel <> 'paper' AND template_id IS NOT NULL)",
            name="template_fits",
        ),
        CheckConstraint("state <> 'scheduled' OR due_at IS NOT NULL", name="schedule_complete"),
        Index("ix_mailing_state_due_at", "state", "due_at"),
    )

    name: Mapped[str] = mapped_column(String(120))
    state: Mapped[MailingState] = mapped_column(Choice(MailingState), default=MailingState.draft)
    kind: Mapped[MailingKind] = mapped_column(Choice(MailingKind), default=MailingKind.marketing)
    channel: Mapped[MailingChannel] = mapped_column(Choice(MailingChannel), default=MailingChannel.email)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    template_id: Mapped[int | None] = mapped_column(ForeignKey("mail_template.id"), index=True)
    template: Mapped[MailTemplate | None] = relationship("MailTemplate")
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("document_template.id"), index=True)
    letter: Mapped["DocumentTemplate | None"] = relationship("DocumentTemplate")
    version_id: Mapped[int | None] = mapped_column(ForeignKey("mail_template_version.id"), index=True)
    content: Mapped["MailTemplateVersion | None"] = relationship("MailTemplateVersion")
    letter_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("document_template_version.id"), index=True, info={"internal": True}
    )
    letter_version: Mapped["DocumentTemplateVersion | None"] = relationship("DocumentTemplateVersion")
    tag_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id", ondelete="SET NULL"), index=True)
    tag: Mapped["Tag | None"] = relationship("Tag")
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id", ondelete="SET NULL"), index=True)
    segment: Mapped["Segment | None"] = relationship("Segment")
    parties: Mapped[list["MailingParty"]] = relationship(
        back_populates="mailing", cascade="all, delete-orphan", passive_deletes=True, order_by="MailingParty.id"
    )
    due_at: Mapped[datetime | None] = mapped_column(Instant())
    per_hour: Mapped[int | None] = mapped_column(Integer)
    per_domain_hour: Mapped[int | None] = mapped_column(Integer)
    window_from: Mapped[int] = mapped_column(Integer, default=0)
    window_to: Mapped[int] = mapped_column(Integer, default=24)
    holdout_percent: Mapped[int] = mapped_column(Integer, default=0)
    attribution_days: Mapped[int] = mapped_column(Integer, default=14)
    tracks_opens: Mapped[bool] = mapped_column(default=False)
    tracks_clicks: Mapped[bool] = mapped_column(default=True)
    seed: Mapped[str | None] = mapped_column(String(32), info={"internal": True})
    checked_at: Mapped[datetime | None] = mapped_column(Instant())
    started_at: Mapped[datetime | None] = mapped_column(Instant())
    ended_at: Mapped[datetime | None] = mapped_column(Instant())

    def __str__(self) -> str:
        return self.name

    @property
    def written(self) -> MailTemplate:
        """Return the template of a mailing that goes over the net. Raises ValueError for one on paper."""
        if self.template is None:
            raise ValueError("a mailing on paper has no template of mails")
        return self.template


class MailingParty(Line):
    """One counterparty that was chosen by hand."""

    __tablename__ = "mailing_party"
    __table_args__ = (UniqueConstraint("mailing_id", "party_id"),)

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"))
    mailing: Mapped[Mailing] = relationship(back_populates="parties")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped["Party"] = relationship("Party")


class MailingRecipient(Entity, Owned):
    """One address of a mailing, frozen when the mailing was checked; once at most.

    Shape: `words` stand for the places of the template. Whoever is left out for want of an address, or because
    somebody else has the same, has none here; `digest` is its keyed hash, as the gate has it. `tries` counts claims;
    `answer` is what the server said. `number` stands on a letter on paper, so that it can be named. `zones` are the
    time zones where somebody may live, with spaces between; until `quiet_until` it was put off for his quiet time.
    """

    __tablename__ = "mailing_recipient"
    __stem__ = "mailing_recipient"
    __is_shared__ = False
    __unrecorded__ = True  # its phases and moments are its history
    __table_args__ = (
        UniqueConstraint("mailing_id", "address"),
        Index("ix_mailing_recipient_mailing_id_phase", "mailing_id", "phase", "due_at", "id"),
        Index("ix_mailing_recipient_mailing_id_handed_at", "mailing_id", "handed_at"),
        Index("ix_mailing_recipient_party_id", "party_id", "id"),
        index_where("ix_mailing_recipient_held", "lease_until", where="lease_until IS NOT NULL"),
        CheckConstraint(
            "(phase IN ('claimed', 'handed_over')) = (token IS NOT NULL AND lease_until IS NOT NULL)",
            name="claim_complete",
        ),
        CheckConstraint("(phase = 'excluded') = (reason IS NOT NULL)", name="reason_given"),
        CheckConstraint("phase <> 'sent' OR sent_at IS NOT NULL", name="sent_complete"),
        CheckConstraint("number > 0", name="number_positive"),
    )

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"))
    mailing: Mapped[Mailing] = relationship("Mailing")
    phase: Mapped[RecipientPhase] = mapped_column(Choice(RecipientPhase), default=RecipientPhase.queued)
    reason: Mapped[NoContact | None] = mapped_column(Choice(NoContact))
    address: Mapped[str | None] = mapped_column(String(254), info=PERSONAL)
    domain: Mapped[str | None] = mapped_column(String(254), info={"internal": True})
    digest: Mapped[str | None] = mapped_column(String(64), info={"internal": True})
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"))
    party: Mapped["Party | None"] = relationship("Party")
    contact_id: Mapped[int | None] = mapped_column(Key, info={"internal": True})
    name: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    words: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, info=PERSONAL)
    zones: Mapped[str | None] = mapped_column(Text(), info=PERSONAL | {"internal": True})
    due_at: Mapped[datetime] = mapped_column(Instant())
    quiet_until: Mapped[datetime | None] = mapped_column(Instant())
    tries: Mapped[int] = mapped_column(Integer, default=0)
    number: Mapped[int | None] = mapped_column(Integer)
    token: Mapped[str | None] = mapped_column(String(32), info={"internal": True})
    lease_until: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
    handed_at: Mapped[datetime | None] = mapped_column(Instant())
    sent_at: Mapped[datetime | None] = mapped_column(Instant())
    opened_at: Mapped[datetime | None] = mapped_column(Instant())
    clicked_at: Mapped[datetime | None] = mapped_column(Instant())
    answered_at: Mapped[datetime | None] = mapped_column(Instant())
    unsubscribed_at: Mapped[datetime | None] = mapped_column(Instant())
    answer: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)

    def __str__(self) -> str:
        return self.address or self.name or f"#{self.id}"
