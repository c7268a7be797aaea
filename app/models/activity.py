"""Activities: what people write, plan and have done, mostly about a record: notes, tasks, calls, meetings, letters."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.search_entry import Facts

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.party import PartyContact

_PLANNED = "state = 'planned'"


class ActivityKind(StrEnum):
    """What is to be done, or was done."""

    note = "note"
    task = "task"
    call = "call"
    meeting = "meeting"
    letter = "letter"
    message = "message"


label(
    ActivityKind,
    note=_l("Note"),
    task=_l("Task"),
    call=_l("Call"),
    meeting=_l("Meeting"),
    letter=_l("Letter"),
    message=_l("Message"),
)


class ActivityState(StrEnum):
    """Whether it is still to be done."""

    planned = "planned"
    done = "done"
    cancelled = "cancelled"


label(ActivityState, planned=_l("Planned"), done=_l("Done"), cancelled=_l("Cancelled"))

ACTIVITY_MOVES: Moves[ActivityState] = {
    ActivityState.planned: frozenset({ActivityState.done, ActivityState.cancelled}),
    ActivityState.done: frozenset({ActivityState.planned}),
    ActivityState.cancelled: frozenset({ActivityState.planned}),
}


class Direction(StrEnum):
    """Who has called or written: they, or we."""

    incoming = "incoming"
    outgoing = "outgoing"


label(Direction, incoming=_l("Incoming"), outgoing=_l("Outgoing"))


class Priority(StrEnum):
    """How much it matters."""

    low = "low"
    normal = "normal"
    high = "high"


label(Priority, low=_l("Low"), normal=_l("Normal"), high=_l("High"))


class _NotesAre:
    """True of a note, false of anything else and of the class: a note stands in the history of its record itself."""

    def __get__(self, record: Any, owner: type[Any]) -> bool:  # noqa: ANN401
        return record is not None and record.kind is ActivityKind.note


class Activity(Entity, Owned):
    """One note, or one thing that somebody does: planned, done or cancelled.

    `entity` and `record_id` name the record that it is about; a note always has one, and belongs to nobody: whoever
    reads the record reads it. What is planned or done belongs to who does it; the others reach it by the row rule, by
    taking part, or on the card of its record. Shape: `body` is plain text in which `@{7}` stands for the mentioned user
    7; `recurrence` a rule of RFC 5545 without "RRULE:". Units: minutes. `due_at` is when it is to be done, of calls and
    meetings when they begin; `is_all_day` means the whole day of that moment, which then is the day's last minute.
    A deleted note stays until its author can no longer bring it back.
    """

    __tablename__ = "activity"
    __stem__ = "activity"
    __is_shared__ = False  # who takes part in it stands in it
    __unrecorded__ = _NotesAre()
    __table_args__ = (
        Index("ix_activity_entity_record_id_created_at", "entity", "record_id", "created_at"),
        index_where("ix_activity_next", "entity", "record_id", "due_at", where=_PLANNED),
        index_where("ix_activity_owner_id_due_at", "owner_id", "due_at", where=_PLANNED),
        index_where("ix_activity_team_id_due_at", "team_id", "due_at", where=_PLANNED),
        index_where("ix_activity_due_at", "due_at", where=_PLANNED),
        index_where("ix_activity_remind_at", "remind_at", where=f"{_PLANNED} AND reminded_at IS NULL"),
        Index("ix_activity_owner_id_done_at", "owner_id", "done_at"),
        CheckConstraint("(entity IS NULL) = (record_id IS NULL)", name="record_whole"),
        CheckConstraint(
            "kind <> 'note' OR (entity IS NOT NULL AND state = 'done' AND body IS NOT NULL AND length(trim(body)) > 0)",
            name="note_filled",
        ),
        CheckConstraint("kind = 'note' OR (subject IS NOT NULL AND length(trim(subject)) > 0)", name="subject_filled"),
        CheckConstraint("kind = 'note' OR (state = 'done') = (done_at IS NOT NULL)", name="done_complete"),
        CheckConstraint("NOT is_all_day OR due_at IS NOT NULL", name="day_known"),
        CheckConstraint("duration_minutes >= 0", name="duration_positive"),
        CheckConstraint("reminded_at IS NULL OR remind_at IS NOT NULL", name="reminded_of_something"),
    )

    entity: Mapped[str | None] = mapped_column(String(40), info={"of": "entity"})
    record_id: Mapped[int | None] = mapped_column(Key, info={"internal": True})
    kind: Mapped[ActivityKind] = mapped_column(Choice(ActivityKind), default=ActivityKind.note)
    state: Mapped[ActivityState] = mapped_column(Choice(ActivityState), default=ActivityState.done)
    direction: Mapped[Direction | None] = mapped_column(Choice(Direction))
    subject: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    body: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    author: Mapped["User | None"] = relationship("User", foreign_keys=[author_id])
    due_at: Mapped[datetime | None] = mapped_column(Instant())
    is_all_day: Mapped[bool] = mapped_column(default=False)
    duration_minutes: Mapped[int | None] = mapped_column()
    priority: Mapped[Priority] = mapped_column(Choice(Priority), default=Priority.normal)
    remind_at: Mapped[datetime | None] = mapped_column(Instant())
    reminded_at: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
    recurrence: Mapped[str | None] = mapped_column(String(200))
    previous_id: Mapped[int | None] = mapped_column(
        ForeignKey("activity.id", ondelete="SET NULL"), index=True, info={"internal": True}
    )
    result: Mapped[str | None] = mapped_column(Text(), info=PERSONAL)
    done_at: Mapped[datetime | None] = mapped_column(Instant())
    edited_at: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
    deleted_at: Mapped[datetime | None] = mapped_column(Instant(), index=True, info={"internal": True})
    search_text: Mapped[str] = mapped_column(Text(), default="")
    mentions: Mapped[list["Mention"]] = relationship(
        "Mention", back_populates="activity", cascade="all, delete-orphan", passive_deletes=True
    )
    participants: Mapped[list["Participant"]] = relationship(
        "Participant", back_populates="activity", cascade="all, delete-orphan", passive_deletes=True
    )
    links: Mapped[list["ActivityLink"]] = relationship(
        "ActivityLink", back_populates="activity", cascade="all, delete-orphan", passive_deletes=True
    )

    def __str__(self) -> str:
        return self.subject or f"#{self.id}"

    def search_entry(self) -> Facts | None:
        """Return what it is found by; a note is found at its record."""
        return None if self.kind is ActivityKind.note else Facts(self.subject or "", "", self.search_text or "")


class Mention(Line):
    """A colleague whom an activity names."""

    __tablename__ = "mention"
    __table_args__ = (UniqueConstraint("activity_id", "user_id"),)

    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    activity: Mapped["Activity"] = relationship("Activity", back_populates="mentions")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    user: Mapped["User"] = relationship("User", foreign_keys=[user_id])


class Participant(Line):
    """Somebody who takes part in an activity: a colleague, or a contact of a party."""

    __tablename__ = "participant"
    __table_args__ = (
        UniqueConstraint("activity_id", "user_id"),
        UniqueConstraint("activity_id", "contact_id"),
        CheckConstraint("(user_id IS NULL) <> (contact_id IS NULL)", name="one_person"),
    )

    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    activity: Mapped["Activity"] = relationship("Activity", back_populates="participants")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    user: Mapped["User | None"] = relationship("User", foreign_keys=[user_id])
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("party_contact.id", ondelete="CASCADE"), index=True)
    contact: Mapped["PartyContact | None"] = relationship("PartyContact", foreign_keys=[contact_id])


class ActivityLink(Line):
    """A further record that an activity is about; it stands on the card of that record too."""

    __tablename__ = "activity_link"
    __table_args__ = (
        UniqueConstraint("activity_id", "entity", "record_id"),
        Index("ix_activity_link_entity_record_id", "entity", "record_id"),
    )

    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    activity: Mapped["Activity"] = relationship("Activity", back_populates="links")
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
