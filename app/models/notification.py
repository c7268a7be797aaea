"""Notifications: who follows which record, what each person was told, and what he does not want to be told."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flask_appbuilder.security.sqla.models import User as Account
from sqlalchemy import Connection, ForeignKey, Index, String, UniqueConstraint, delete, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.base import Entity, Line, index_where

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

_ALONE = "activity_id IS NULL AND read_at IS NULL"
_UNREAD = "read_at IS NULL"


class NotificationKind(StrEnum):
    """Why somebody is told."""

    mention = "mention"
    note = "note"
    change_of_state = "change_of_state"
    assigned = "assigned"
    shared = "shared"
    job_failed = "job_failed"
    export_alarm = "export_alarm"
    key_ends = "key_ends"
    reminder = "reminder"
    lead_waits = "lead_waits"
    lead_late = "lead_late"
    letter_came = "letter_came"
    contract_ends = "contract_ends"
    obligation_late = "obligation_late"


label(
    NotificationKind,
    mention=_l("Somebody mentions me in a note"),
    note=_l("A note on a record that I follow"),
    change_of_state=_l("A record that I follow changes its state"),
    assigned=_l("A record is given to me"),
    shared=_l("A record is shared with me"),
    job_failed=_l("Background work that I have started fails"),
    export_alarm=_l("One of my people takes away unusually many rows"),
    key_ends=_l("A key for REST of mine ends soon"),
    lead_waits=_l("A lead of mine waits for an answer"),
    lead_late=_l("A lead was not answered in time"),
    letter_came=_l("A letter comes for a record of mine, or comes back"),
    contract_ends=_l("A contract of mine ends soon"),
    obligation_late=_l("What a contract of mine asks for is overdue"),
    reminder=_l("I am reminded of what I have planned"),
)
ALWAYS = frozenset({NotificationKind.export_alarm})  # nobody switches it off


class Follower(Line):
    """Somebody who asked to be told about a record, or (`is_following` false) not to be told though he owns it."""

    __tablename__ = "follower"
    __table_args__ = (UniqueConstraint("entity", "record_id", "user_id"),)

    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    is_following: Mapped[bool] = mapped_column(default=True)


class Notification(Model):
    """One thing that one person is told.

    `said` is what has become of it, for a change of state its new state. An activity is told to a person once per
    kind; anything else once until he has read it.
    """

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("activity_id", "user_id", "kind"),
        index_where(
            "ix_notification_alone",
            "user_id",
            "entity",
            "record_id",
            "kind",
            unique=True,
            where=_ALONE,
        ),
        index_where("ix_notification_unread", "user_id", where=_UNREAD),
        Index("ix_notification_user_id_id", "user_id", "id"),
        Index("ix_notification_entity_record_id", "entity", "record_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    kind: Mapped[NotificationKind] = mapped_column(Choice(NotificationKind))
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))
    activity: Mapped["Activity | None"] = relationship("Activity")
    said: Mapped[str | None] = mapped_column(String(60))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    read_at: Mapped[datetime | None] = mapped_column(Instant())


class NotificationSetting(Line):
    """A kind of notification that a person has switched off or on; without a row it is on."""

    __tablename__ = "notification_setting"
    __table_args__ = (UniqueConstraint("user_id", "kind"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    kind: Mapped[NotificationKind] = mapped_column(Choice(NotificationKind))
    is_wanted: Mapped[bool] = mapped_column(default=True)


def _take_along(_mapper: Any, connection: Connection, record: Any) -> None:  # noqa: ANN401 -- any mapped record
    """Delete what was written, attached and told about a record that is deleted."""
    for table in (Notification, Activity, Follower, Attachment):
        about = delete(table).where(table.entity == record.__stem__, table.record_id == record.id)
        connection.execute(about.where(Attachment.purpose == "file") if table is Attachment else about)


for _kind in (Entity, Account):
    event.listen(_kind, "after_delete", _take_along, propagate=True)
