"""Activities: what people write about a record of any kind. Notes for now; `kind` leaves room for what comes later."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User


class ActivityKind(StrEnum):
    """What was done."""

    note = "note"


label(ActivityKind, note=_l("Note"))


class Activity(Entity):
    """One note about a record.

    `entity` and `record_id` name the record, whose rights decide who reads it. Shape: `body` is plain text in which
    `@{7}` stands for the mentioned user 7. A deleted one stays until its author can no longer bring it back.
    """

    __tablename__ = "activity"
    __stem__ = "activity"
    __unrecorded__ = True  # it stands in the history of its record itself
    __table_args__ = (
        Index("ix_activity_entity_record_id_created_at", "entity", "record_id", "created_at"),
        CheckConstraint("length(trim(body)) > 0", name="body_filled"),
    )

    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    kind: Mapped[ActivityKind] = mapped_column(Choice(ActivityKind), default=ActivityKind.note)
    body: Mapped[str] = mapped_column(Text())
    author_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    author: Mapped["User | None"] = relationship("User", foreign_keys=[author_id])
    edited_at: Mapped[datetime | None] = mapped_column(Instant())
    deleted_at: Mapped[datetime | None] = mapped_column(Instant(), index=True)
    mentions: Mapped[list["Mention"]] = relationship(
        "Mention", back_populates="activity", cascade="all, delete-orphan", passive_deletes=True
    )

    def __str__(self) -> str:
        return f"#{self.id}"


class Mention(Line):
    """A colleague whom an activity names."""

    __tablename__ = "mention"
    __table_args__ = (UniqueConstraint("activity_id", "user_id"),)

    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    activity: Mapped["Activity"] = relationship("Activity", back_populates="mentions")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    user: Mapped["User"] = relationship("User", foreign_keys=[user_id])
