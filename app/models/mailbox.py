"""Mailboxes that the company reads: where they are, how far they are read, and what came out of each mail."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import PERSONAL, Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, index_where
from app.retold import Retold

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.lead import Lead
    from app.models.lead_source import LeadSource
    from app.models.letter import Letter
    from app.models.party import Party


class MailboxSecurity(StrEnum):
    """How the connection is encrypted; in the clear on this machine only."""

    tls = "tls"
    starttls = "starttls"
    none = "none"


class MailboxAfter(StrEnum):
    """What is done in the mailbox with a mail that was taken in; nothing is ever deleted there."""

    nothing = "nothing"
    seen = "seen"
    flagged = "flagged"
    moved = "moved"


class MailKind(StrEnum):
    """What a mail was taken for."""

    lead = "lead"
    party = "party"
    reply = "reply"
    automatic = "automatic"
    bounce = "bounce"
    complaint = "complaint"
    own = "own"
    double = "double"
    too_many = "too_many"
    too_large = "too_large"
    failed = "failed"


label(MailboxSecurity, tls=_l("TLS"), starttls=_l("STARTTLS"), none=_l("None (on this machine only)"))
label(
    MailboxAfter,
    nothing=_l("Nothing"),
    seen=_l("Mark it as read"),
    flagged=_l("Flag it"),
    moved=_l("Move it to a folder"),
)
label(
    MailKind,
    lead=_l("Somebody unknown: a lead"),
    party=_l("Somebody we know"),
    reply=_l("An answer to a letter of ours"),
    automatic=_l("An automatic answer or a mailing"),
    bounce=_l("A letter of ours that came back"),
    complaint=_l("Somebody calls a letter of ours unwanted"),
    own=_l("Our own letter"),
    double=_l("It came before"),
    too_many=_l("Too many from one address"),
    too_large=_l("Too large"),
    failed=_l("It could not be read"),
)


class Mailbox(Entity):
    """One folder of one mailbox that is looked at.

    Units: `every_minutes` between two looks. `validity` and `last_uid` say how far it is read: the server's own number
    of the folder, and of the last mail taken in; mails from before `since` stay where they are.
    """

    __tablename__ = "mailbox"
    __stem__ = "mailbox"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port_possible"),
        CheckConstraint("every_minutes BETWEEN 1 AND 1440", name="every_possible"),
        CheckConstraint("after <> 'moved' OR move_to IS NOT NULL", name="moved_somewhere"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int] = mapped_column(Integer, default=993)
    security: Mapped[MailboxSecurity] = mapped_column(Choice(MailboxSecurity), default=MailboxSecurity.tls)
    login: Mapped[str] = mapped_column(String(254))
    folder: Mapped[str] = mapped_column(String(250), default="INBOX")
    source_id: Mapped[int] = mapped_column(ForeignKey("lead_source.id"), index=True)
    source: Mapped["LeadSource"] = relationship("LeadSource")
    since: Mapped[date] = mapped_column(Date(), default=lambda: clock.now().date())
    every_minutes: Mapped[int] = mapped_column(Integer, default=5)
    after: Mapped[MailboxAfter] = mapped_column(Choice(MailboxAfter), default=MailboxAfter.seen)
    move_to: Mapped[str | None] = mapped_column(String(250))
    is_active: Mapped[bool] = mapped_column(default=True)
    validity: Mapped[int | None] = mapped_column(BigInteger, info={"internal": True})
    last_uid: Mapped[int] = mapped_column(BigInteger, default=0, info={"internal": True})
    looked_at: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
    error: Mapped[str | None] = mapped_column(String(500), info={"internal": True})

    def __str__(self) -> str:
        return self.name


class MailboxKey(Model):
    """The password of a mailbox, as `services.sealing` keeps it."""

    __tablename__ = "mailbox_key"

    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text())
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)


class ReceivedMail(Entity):
    """One mail as it arrived, once: `raw` is the file of all its bytes, and the rest what became of it.

    `validity` and `uid` are the server's numbers of it; `number` its Message-ID, else the hash of its bytes.
    `settled_at` is when the mailbox was told that it is taken in. Units: `size` in bytes.
    """

    __tablename__ = "received_mail"
    __stem__ = "received_mail"
    __unrecorded__ = True  # what it made is recorded there
    __table_args__ = (
        UniqueConstraint("mailbox_id", "validity", "uid"),
        Index("ix_received_mail_mailbox_id_number", "mailbox_id", "number"),
        Index("ix_received_mail_from_address_received_at", "from_address", "received_at"),
        Index("ix_received_mail_received_at", "received_at", "id"),
        index_where("ix_received_mail_unsettled", "mailbox_id", where="settled_at IS NULL"),
    )

    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id"))
    mailbox: Mapped[Mailbox] = relationship("Mailbox")
    validity: Mapped[int] = mapped_column(BigInteger, info={"internal": True})
    uid: Mapped[int] = mapped_column(BigInteger, info={"internal": True})
    number: Mapped[str] = mapped_column(String(250), info=PERSONAL)
    kind: Mapped[MailKind] = mapped_column(Choice(MailKind))
    from_address: Mapped[str | None] = mapped_column(String(254), info=PERSONAL)
    from_name: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    subject: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    sent_at: Mapped[datetime | None] = mapped_column(Instant())
    received_at: Mapped[datetime] = mapped_column(Instant())
    size: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Retold(), info=PERSONAL)
    raw_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"), index=True)
    raw: Mapped["Attachment | None"] = relationship("Attachment")
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letter.id", ondelete="SET NULL"), index=True)
    letter: Mapped["Letter | None"] = relationship("Letter")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="SET NULL"), index=True)
    lead: Mapped["Lead | None"] = relationship("Lead", back_populates="mails")
    entity: Mapped[str | None] = mapped_column(String(40), info={"of": "entity"})
    record_id: Mapped[int | None] = mapped_column(Key, info={"internal": True})
    settled_at: Mapped[datetime | None] = mapped_column(Instant())

    def __str__(self) -> str:
        return self.subject or self.from_address or f"#{self.id}"
