"""Who may be written to: addresses that are left alone, letters that failed, the policy, and what was refused."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, index_where

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.organisation import Organisation
    from app.models.party import Party


class ContactChannel(StrEnum):
    """By which way somebody is written to or called."""

    email = "email"
    sms = "sms"
    message = "message"
    paper = "paper"
    call = "call"


class ContactKind(StrEnum):
    """Why we write: each kind needs a permission of its own (services.gate).

    `transactional` brings what was agreed (an invoice, a quote, a password link); `service` tells of it (a reminder);
    `personal` is what one of us writes to one person; `legal` is what the law makes us write.
    """

    marketing = "marketing"
    service = "service"
    transactional = "transactional"
    personal = "personal"
    legal = "legal"


class NoContact(StrEnum):
    """Why somebody is not written to now."""

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


class SuppressionReason(StrEnum):
    """Why an address is left alone."""

    unsubscribed = "unsubscribed"
    bounced = "bounced"
    complained = "complained"
    blocked = "blocked"
    wrong = "wrong"
    law = "law"
    erased = "erased"


label(
    ContactChannel,
    email=_l("E-mail"),
    sms=_l("Text message"),
    message=_l("Messenger"),
    paper=_l("Letter on paper"),
    call=_l("Call"),
)
label(
    ContactKind,
    marketing=_l("Marketing"),
    service=_l("About what was agreed"),
    transactional=_l("Documents and links"),
    personal=_l("From person to person"),
    legal=_l("What the law wants"),
)
label(
    NoContact,
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
)
label(
    SuppressionReason,
    unsubscribed=_l("Unsubscribed"),
    bounced=_l("Letters come back"),
    complained=_l("Complained about spam"),
    blocked=_l("Wishes no contact"),
    wrong=_l("Not the address of this person"),
    law=_l("On a public list of objections"),
    erased=_l("The person was erased"),
)


class Suppression(Entity):
    """One address that is left alone, for a reason, until somebody lifts it.

    `digest` is the keyed hash of the channel and the address in its normal form: it stays when the person is erased,
    so that an address that is typed again is still known. `address` is what people read, None once erased. Several
    reasons may stand side by side; which kinds of letters each stops says services.gate.
    """

    __tablename__ = "suppression"
    __stem__ = "suppression"
    __table_args__ = (
        index_where("ix_suppression_standing", "channel", "digest", "reason", unique=True, where="lifted_at IS NULL"),
        index_where("ix_suppression_address", "address", "channel", where="lifted_at IS NULL"),
        Index("ix_suppression_since", "since", "id"),
        CheckConstraint("(lifted_at IS NULL) = (lifted_reason IS NULL)", name="lifted_complete"),
    )

    channel: Mapped[ContactChannel] = mapped_column(Choice(ContactChannel), default=ContactChannel.email)
    address: Mapped[str | None] = mapped_column(String(254), info=PERSONAL)
    digest: Mapped[str] = mapped_column(String(64), info={"internal": True})
    reason: Mapped[SuppressionReason] = mapped_column(Choice(SuppressionReason), default=SuppressionReason.blocked)
    since: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    note: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])
    lifted_at: Mapped[datetime | None] = mapped_column(Instant())
    lifted_reason: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)

    def __str__(self) -> str:
        return self.address or f"#{self.id}"

    @property
    def is_standing(self) -> bool:
        """Say whether it holds: nobody has lifted it."""
        return self.lifted_at is None


class AddressFailure(Line):
    """One letter that did not arrive, by the hash of its address; `is_hard`: it never will."""

    __tablename__ = "address_failure"
    __table_args__ = (Index("ix_address_failure_digest_at", "digest", "at"),)

    channel: Mapped[ContactChannel] = mapped_column(Choice(ContactChannel))
    digest: Mapped[str] = mapped_column(String(64))
    is_hard: Mapped[bool]
    at: Mapped[datetime] = mapped_column(Instant())


class ContactMade(Line):
    """One letter of marketing that left, by which the next is put off (the policy's cap)."""

    __tablename__ = "contact_made"
    __table_args__ = (Index("ix_contact_made_party_id_at", "party_id", "at"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"))
    contact_id: Mapped[int | None] = mapped_column(Key)
    channel: Mapped[ContactChannel] = mapped_column(Choice(ContactChannel))
    at: Mapped[datetime] = mapped_column(Instant())


class ContactRefusal(Entity):
    """One time that the gate said no: when, to whom, by which channel, why, and what wanted to write (`sender`)."""

    __tablename__ = "contact_refusal"
    __stem__ = "contact_refusal"
    __unrecorded__ = True  # it is a record of what happened itself
    __table_args__ = (Index("ix_contact_refusal_refused_at", "refused_at", "id"),)

    refused_at: Mapped[datetime] = mapped_column(Instant())
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    contact_id: Mapped[int | None] = mapped_column(Key, info={"internal": True})
    channel: Mapped[ContactChannel] = mapped_column(Choice(ContactChannel))
    kind: Mapped[ContactKind] = mapped_column(Choice(ContactKind))
    reason: Mapped[NoContact] = mapped_column(Choice(NoContact))
    sender: Mapped[str] = mapped_column(String(40))

    def __str__(self) -> str:
        return f"#{self.id}"


class ContactPolicy(Entity):
    """How often and when one of our companies writes, and how many failures end an address.

    Units: at most `cap_count` letters of marketing to one person within `cap_days`, 0 for any number. Nothing that
    could wait leaves from `quiet_from` to `quiet_until` ("21:00", over midnight) of the person's own time, nor on the
    days in `quiet_days` ("67": Saturday and Sunday). `soft_count` temporary failures within `soft_days` count as a
    lasting one.
    """

    __tablename__ = "contact_policy"
    __stem__ = "contact_policy"
    __table_args__ = (
        CheckConstraint("cap_count BETWEEN 0 AND 1000", name="cap_count_possible"),
        CheckConstraint("cap_days BETWEEN 1 AND 366", name="cap_days_possible"),
        CheckConstraint("soft_count BETWEEN 1 AND 100", name="soft_count_possible"),
        CheckConstraint("soft_days BETWEEN 1 AND 366", name="soft_days_possible"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), unique=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    cap_count: Mapped[int] = mapped_column(Integer, default=2)
    cap_days: Mapped[int] = mapped_column(Integer, default=7)
    quiet_from: Mapped[str] = mapped_column(String(5), default="21:00")
    quiet_until: Mapped[str] = mapped_column(String(5), default="09:00")
    quiet_days: Mapped[str] = mapped_column(String(7), default="")
    soft_count: Mapped[int] = mapped_column(Integer, default=5)
    soft_days: Mapped[int] = mapped_column(Integer, default=30)

    def __str__(self) -> str:
        return str(self.organisation)
