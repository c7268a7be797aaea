"""One record shared with a person or a team, until a day: whoever gets it reaches it beside his own rows."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Connection, ForeignKey, String, UniqueConstraint, delete, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.team import Team


class ShareLevel(StrEnum):
    """What somebody with whom a record is shared may do with it, within his own rights."""

    see = "see"
    change = "change"
    none = "none"  # asked for, never stored: it is shared no longer


label(ShareLevel, see=_l("See"), change=_l("See and edit"), none=_l("No longer share"))


class RecordShare(Line):
    """A record shared with one person or one team.

    Shape: `entity` is its stem; `ends_on` is the last day, None for ever.
    """

    __tablename__ = "record_share"
    __table_args__ = (
        UniqueConstraint("user_id", "entity", "record_id"),
        UniqueConstraint("team_id", "entity", "record_id"),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="with_one"),
    )

    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped["User | None"] = relationship("User")
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"))
    team: Mapped["Team | None"] = relationship("Team")
    may_change: Mapped[bool] = mapped_column(default=False)
    ends_on: Mapped[date | None]


def _take_along(_mapper: Any, connection: Connection, record: Any) -> None:  # noqa: ANN401 -- any mapped record
    """Share a record that is deleted no longer."""
    about = delete(RecordShare).where(RecordShare.entity == record.__stem__, RecordShare.record_id == record.id)
    connection.execute(about)


event.listen(Entity, "after_delete", _take_along, propagate=True)
