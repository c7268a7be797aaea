"""Letters: e-mails that we send, each with a ledger row that says how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.search_entry import Facts
from app.models.suppression import ContactKind

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.organisation import Organisation
    from app.models.party import Party


class LetterState(StrEnum):
    """How far a letter has come.

    `claimed`: a worker speaks with the mail server, which has accepted nothing yet. `data`: the text is on its way; a
    crash now leaves it `uncertain`, and a person decides. `withheld`: the sandbox kept it from leaving.
    """

    pending = "pending"
    claimed = "claimed"
    data = "data"
    sent = "sent"
    uncertain = "uncertain"
    failed = "failed"
    cancelled = "cancelled"
    withheld = "withheld"


label(
    LetterState,
    pending=_l("Waiting"),
    claimed=_l("Connecting"),
    data=_l("Being sent"),
    sent=_l("Sent"),
    uncertain=_l("Perhaps sent"),
    failed=_l("Failed"),
    cancelled=_l("Cancelled"),
    withheld=_l("Would have been sent"),
)

LETTER_MOVES: Moves[LetterState] = {
    LetterState.pending: frozenset({LetterState.claimed, LetterState.failed, LetterState.cancelled}),
    LetterState.claimed: frozenset({LetterState.pending, LetterState.data, LetterState.failed, LetterState.withheld}),
    LetterState.data: frozenset({LetterState.sent, LetterState.pending, LetterState.failed, LetterState.uncertain}),
    LetterState.uncertain: frozenset({LetterState.pending, LetterState.sent, LetterState.cancelled}),
    LetterState.failed: frozenset({LetterState.pending, LetterState.cancelled}),
    LetterState.withheld: frozenset({LetterState.pending, LetterState.cancelled}),
}

INVOICE, QUOTE = "invoice", "quote"  # purposes of letters that bring a document: they never leave without its file
CONTRACT = "contract"  # the purpose of letters that bring the customer's page of a contract: its file is made by then
_OPEN = "state IN ('pending', 'claimed', 'data')"


class Letter(Entity, Owned):
    """One e-mail to one recipient.

    `entity` and `record_id` name the record that it is about. The Message-ID is made with the row and stays, so that
    a letter that is sent again is recognised by the recipient's server. `tries` counts the claims since a person last
    put the letter on its way; `kind` is what the gate asks for; `answer` is what the mail server last said, or what
    kept us from asking it. `bounced_at` is when a report came that it did not arrive; `activity_id` stands for a letter
    from a card in the history there.
    """

    __tablename__ = "letter"
    __stem__ = "letter"
    __is_shared__ = False
    __table_args__ = (
        Index("ix_letter_state_due_at", "state", "due_at"),
        Index("ix_letter_entity_record_id", "entity", "record_id"),
        index_where(
            "ix_letter_open",
            "entity",
            "record_id",
            "purpose",
            "to_address",
            unique=True,
            where=_OPEN,
        ),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_complete"),
        CheckConstraint(
            "purpose NOT IN ('invoice', 'quote') OR attachment_id IS NOT NULL"
            " OR state IN ('pending', 'failed', 'cancelled')",
            name="file_first",
        ),
        CheckConstraint(
            "(state IN ('claimed', 'data')) = (token IS NOT NULL AND lease_until IS NOT NULL)", name="claim_complete"
        ),
    )

    state: Mapped[LetterState] = mapped_column(Choice(LetterState), default=LetterState.pending)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    entity: Mapped[str | None] = mapped_column(String(40))
    record_id: Mapped[int | None] = mapped_column(Key)
    purpose: Mapped[str] = mapped_column(String(40), default="letter")
    kind: Mapped[ContactKind] = mapped_column(
        Choice(ContactKind), default=ContactKind.transactional, server_default=ContactKind.transactional.value
    )
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    from_address: Mapped[str] = mapped_column(String(320))
    from_name: Mapped[str | None] = mapped_column(String(250))
    to_address: Mapped[str] = mapped_column(String(320), info=PERSONAL)
    to_name: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    reply_to: Mapped[str | None] = mapped_column(String(320), info=PERSONAL)
    subject: Mapped[str] = mapped_column(String(250), info=PERSONAL)
    body: Mapped[str] = mapped_column(Text(), info=PERSONAL)
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True)
    attachment: Mapped["Attachment | None"] = relationship("Attachment")
    files: Mapped[list["LetterFile"]] = relationship(
        "LetterFile", cascade="all, delete-orphan", passive_deletes=True, order_by="LetterFile.id"
    )
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activity.id", ondelete="SET NULL"), index=True)
    message_id: Mapped[str] = mapped_column(String(250), unique=True)
    due_at: Mapped[datetime] = mapped_column(Instant())
    tries: Mapped[int] = mapped_column(Integer, default=0)
    token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Instant())
    answer: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    sent_at: Mapped[datetime | None] = mapped_column(Instant())
    bounced_at: Mapped[datetime | None] = mapped_column(Instant())
    search_text: Mapped[str] = mapped_column(Text(), default="")

    def __str__(self) -> str:
        return self.subject

    def search_entry(self) -> Facts:
        """Return what it is found by."""
        return Facts(self.subject, self.to_address, self.search_text)


class LetterFile(Line):
    """One file that a letter from a card brings."""

    __tablename__ = "letter_file"
    __table_args__ = (UniqueConstraint("letter_id", "attachment_id"),)

    letter_id: Mapped[int] = mapped_column(ForeignKey("letter.id", ondelete="CASCADE"))
    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), index=True)
    attachment: Mapped["Attachment"] = relationship("Attachment")


class LetterTemplate(Entity):
    """Words for a letter from a card; {party}, {contact}, {me} and {organisation} stand for names."""

    __tablename__ = "letter_template"
    __stem__ = "letter_template"
    __table_args__ = (
        UniqueConstraint("name", "language"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
    )

    name: Mapped[str] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    subject: Mapped[str] = mapped_column(String(250))
    text: Mapped[str] = mapped_column(Text())
    is_active: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.name
