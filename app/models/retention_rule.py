"""Retention rules: how long each kind of data is kept, and when it was last looked at."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant
from app.models.base import Entity


class RetentionRule(Entity):
    """The term of one kind of data, as services.retention names it; without a row its default holds.

    Units: `days`, 0 for ever. `ran_rows` is how many rows the last run took away.
    """

    __tablename__ = "retention_rule"
    __stem__ = "retention_rule"
    __table_args__ = (CheckConstraint("days >= 0", name="days_positive"),)

    name: Mapped[str] = mapped_column(String(40), unique=True)
    days: Mapped[int] = mapped_column(Integer)
    ran_at: Mapped[datetime | None] = mapped_column(Instant())
    ran_rows: Mapped[int | None] = mapped_column(Integer)

    def __str__(self) -> str:
        return self.name
