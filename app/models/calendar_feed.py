"""Secret addresses by which a calendar program reads somebody's activities."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Instant
from app.models.base import Line

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User


class CalendarFeed(Line):
    """The one secret address of a person; only its hash is kept, and deleting the row makes the address void."""

    __tablename__ = "calendar_feed"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), unique=True)
    user: Mapped["User"] = relationship("User", foreign_keys=[user_id])
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    read_at: Mapped[datetime | None] = mapped_column(Instant())
