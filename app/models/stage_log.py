"""The stages that a deal went through: rows that are only ever added, and go with their deal alone."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.models.base import Line
from app.models.pipeline import StageType

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.deal import Deal


class StageLog(Line):
    """One step of a deal from a stage to another; the first row has no stage before.

    Names are those of the day. Units: `seconds` that it stood in the former stage, and how many minutes of working time
    these were; so the seconds of all rows and those since the last one are the life of the deal. Shape: `state` is the
    type of the stage that it came to, `at` a whole second.
    """

    __tablename__ = "stage_log"
    __unrecorded__ = True  # it is a history itself
    __table_args__ = (
        CheckConstraint("seconds >= 0", name="seconds_positive"),
        CheckConstraint("working_minutes >= 0", name="minutes_positive"),
        CheckConstraint(
            "(from_name IS NULL) = (seconds IS NULL) AND (from_name IS NULL) = (working_minutes IS NULL)",
            name="durations_of_former",
        ),
        Index("ix_stage_log_deal_id", "deal_id", "id"),
        Index("ix_stage_log_to_id_at", "to_id", "at"),
    )

    deal_id: Mapped[int] = mapped_column(ForeignKey("deal.id", ondelete="CASCADE"))
    deal: Mapped["Deal"] = relationship("Deal")
    at: Mapped[datetime] = mapped_column(Instant())
    from_id: Mapped[int | None] = mapped_column(Key)
    from_name: Mapped[str | None] = mapped_column(String(120))
    to_id: Mapped[int] = mapped_column(Key)
    to_name: Mapped[str] = mapped_column(String(120))
    state: Mapped[StageType] = mapped_column(Choice(StageType))
    seconds: Mapped[int | None] = mapped_column(Integer)
    working_minutes: Mapped[int | None] = mapped_column(Integer)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])

    def __str__(self) -> str:
        return self.to_name
