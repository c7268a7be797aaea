"""Automatic letters: rules that say on which occasions we write, and each occasion with what became of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, Integer, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity
from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateVersion
from app.models.mailing import MailingKind

if TYPE_CHECKING:
    from app.models.letter import Letter
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.segment import Segment
    from app.models.text_message import TextMessage


class Occasion(StrEnum):
    """On what a rule writes."""

    birthday = "birthday"
    holiday = "holiday"
    one_order = "one_order"
    after_order = "after_order"
    after_delivery = "after_delivery"
    contract_end = "contract_end"


class OccurrenceState(StrEnum):
    """What became of one occasion; `written` means that the letter is in its own ledger, `held_out` that there is none.

    Whoever is held out is one of those whom the letters of the rule are compared with.
    """

    planned = "planned"
    written = "written"
    held_out = "held_out"
    left_out = "left_out"


class LeftOut(StrEnum):
    """Why nothing was written: first what the gate says (its words, see NoContact), then what else there is.

    `moot`: what the letter was for is no longer so. `not_in_segment`: the counterparty has left the segment. `late`:
    its day was over, or lay before the rule was in use. `unwritable`: template or address make no letter.
    """

    no_address = "no_address"
    no_consent = "no_consent"
    opted_out = "opted_out"
    bounced = "bounced"
    suppressed = "suppressed"
    capped = "capped"
    quiet = "quiet"
    erased = "erased"
    archived = "archived"
    duplicate = "duplicate"
    blocked = "blocked"
    moot = "moot"
    not_in_segment = "not_in_segment"
    late = "late"
    unwritable = "unwritable"


label(
    Occasion,
    birthday=_l("Birthday"),
    holiday=_l("Public holiday"),
    one_order=_l("One order and no second"),
    after_order=_l("After an order"),
    after_delivery=_l("After a delivery"),
    contract_end=_l("End of a contract"),
)
label(
    OccurrenceState,
    planned=_l("Planned"),
    written=_l("Written"),
    held_out=_l("Held out to compare"),
    left_out=_l("Left out"),
)
label(
    LeftOut,
    no_address=_l("there is no address"),
    no_consent=_l("there is no consent"),
    opted_out=_l("it was unsubscribed"),
    bounced=_l("letters to this address come back"),
    suppressed=_l("the address is on the list of those left alone"),
    capped=_l("enough was sent lately"),
    quiet=_l("it is the quiet time there"),
    erased=_l("the person was erased"),
    archived=_l("it is archived"),
    duplicate=_l("the same address is among the recipients already"),
    blocked=_l("no contact is wished"),
    moot=_l("the occasion is no longer there"),
    not_in_segment=_l("it is not in the segment any more"),
    late=_l("its day was over"),
    unwritable=_l("template or address make no letter"),
)


class ContactRule(Entity):
    """A rule by which letters are written by themselves, to every counterparty that it fits.

    Units: it writes `days` after the occasion (before it when negative), at `hour` o'clock of the organisation's time
    zone. Days before `since` are left alone, so that a rule that is switched on writes nothing older. `country` and
    `holiday` (its name in English) say which day a rule of holidays means. `seed` decides who is held out, since
    `held_out_since`; orders count for `attribution_days` after the letter.
    """

    __tablename__ = "contact_rule"
    __stem__ = "contact_rule"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("days BETWEEN -365 AND 365", name="days_possible"),
        CheckConstraint("hour BETWEEN 0 AND 23", name="hour_possible"),
        CheckConstraint("(occasion = 'holiday') = (holiday IS NOT NULL)", name="holiday_named"),
        CheckConstraint("(occasion = 'holiday') = (country IS NOT NULL)", name="country_named"),
        CheckConstraint("length(country) = 2", name="country_code"),
        CheckConstraint("holdout_percent BETWEEN 0 AND 50", name="holdout_possible"),
        CheckConstraint("attribution_days BETWEEN 1 AND 365", name="attribution_possible"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    is_active: Mapped[bool] = mapped_column(default=False, index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    occasion: Mapped[Occasion] = mapped_column(Choice(Occasion), default=Occasion.birthday)
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    holiday: Mapped[str | None] = mapped_column(String(120))
    days: Mapped[int] = mapped_column(Integer, default=0)
    hour: Mapped[int] = mapped_column(Integer, default=10)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id"), index=True)
    segment: Mapped["Segment | None"] = relationship("Segment")
    kind: Mapped[MailingKind] = mapped_column(Choice(MailingKind), default=MailingKind.marketing)
    channel: Mapped[MailingChannel] = mapped_column(Choice(MailingChannel), default=MailingChannel.email)
    template_id: Mapped[int] = mapped_column(ForeignKey("mail_template.id"), index=True)
    template: Mapped[MailTemplate] = relationship("MailTemplate")
    since: Mapped[date] = mapped_column(Date(), default=lambda: clock.today("UTC"))
    tracks_opens: Mapped[bool] = mapped_column(default=False, server_default=false())
    tracks_clicks: Mapped[bool] = mapped_column(default=True, server_default=true())
    holdout_percent: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    attribution_days: Mapped[int] = mapped_column(Integer, default=14, server_default="14")
    seed: Mapped[str | None] = mapped_column(String(32), info={"internal": True})
    held_out_since: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})

    def __str__(self) -> str:
        return self.name


class RuleOccurrence(Entity):
    """One occasion of a rule for one counterparty, once: planned, then written or left out with the reason.

    `slot` tells occasions of one counterparty apart ("birthday 2027", "order 17"); `happens_on` is the day of the
    occasion, `due_at` when the letter is to be written. `record_id` is the order, delivery or contract. `occasion` is
    that of the rule when it was planned: who may not see orders does not see these rows. `content` and `words` are what
    the letter is made of when it leaves; orders count from `counts_from` to `counts_until`, both included.
    """

    __tablename__ = "rule_occurrence"
    __stem__ = "rule_occurrence"
    __unrecorded__ = True  # its state, its moments and the letter are its history
    __table_args__ = (
        UniqueConstraint("rule_id", "party_id", "slot"),
        CheckConstraint("(state = 'left_out') = (reason IS NOT NULL)", name="reason_given"),
        CheckConstraint("state <> 'planned' OR (letter_id IS NULL AND text_message_id IS NULL)", name="planned_waits"),
        CheckConstraint("(state = 'planned') = (done_at IS NULL)", name="done_complete"),
        Index("ix_rule_occurrence_state_due_at", "state", "due_at", "id"),
        Index("ix_rule_occurrence_rule_id_state", "rule_id", "state", "due_at"),
        Index("ix_rule_occurrence_party_id", "party_id"),
    )

    rule_id: Mapped[int] = mapped_column(ForeignKey("contact_rule.id", ondelete="CASCADE"))
    rule: Mapped[ContactRule] = relationship("ContactRule")
    occasion: Mapped[Occasion] = mapped_column(Choice(Occasion))
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"))
    party: Mapped["Party"] = relationship("Party")
    slot: Mapped[str] = mapped_column(String(160))
    record_id: Mapped[int | None] = mapped_column(Key, info={"internal": True})
    happens_on: Mapped[date] = mapped_column(Date(), info=PERSONAL)
    due_at: Mapped[datetime] = mapped_column(Instant())
    state: Mapped[OccurrenceState] = mapped_column(Choice(OccurrenceState), default=OccurrenceState.planned)
    reason: Mapped[LeftOut | None] = mapped_column(Choice(LeftOut))
    done_at: Mapped[datetime | None] = mapped_column(Instant())
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letter.id", ondelete="SET NULL"), index=True)
    letter: Mapped["Letter | None"] = relationship("Letter")
    text_message_id: Mapped[int | None] = mapped_column(ForeignKey("text_message.id", ondelete="SET NULL"), index=True)
    text_message: Mapped["TextMessage | None"] = relationship("TextMessage")
    version_id: Mapped[int | None] = mapped_column(
        ForeignKey("mail_template_version.id", ondelete="SET NULL"), index=True
    )
    content: Mapped["MailTemplateVersion | None"] = relationship("MailTemplateVersion")
    words: Mapped[dict[str, Any] | None] = mapped_column(JSON, info=PERSONAL)
    counts_from: Mapped[date | None] = mapped_column(Date())
    counts_until: Mapped[date | None] = mapped_column(Date())
    opened_at: Mapped[datetime | None] = mapped_column(Instant())
    clicked_at: Mapped[datetime | None] = mapped_column(Instant())
    answered_at: Mapped[datetime | None] = mapped_column(Instant())
    unsubscribed_at: Mapped[datetime | None] = mapped_column(Instant())

    def __str__(self) -> str:
        return f"{self.rule_id} · {self.slot}"
