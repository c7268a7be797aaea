"""When people work: the hours of a week, the holidays of a country and of the company, and who is away when."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, index_where

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.substitution import Substitution

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Hours = tuple[int, int]


class WorkSchedule(Entity):
    """The hours of a week in a time zone, with the holidays of a country.

    Shape: each day holds its hours as "09:00-13:00, 14:00-18:00", nothing for a day off. The schedule `is_default` for
    whom no other is chosen.
    """

    __tablename__ = "work_schedule"
    __stem__ = "work_schedule"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        index_where("ix_work_schedule_default", "is_default", unique=True, where="is_default"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    time_zone: Mapped[str] = mapped_column(String(64), info={"of": "time_zone"})
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    region: Mapped[str | None] = mapped_column(String(10))
    monday: Mapped[str | None] = mapped_column(String(60))
    tuesday: Mapped[str | None] = mapped_column(String(60))
    wednesday: Mapped[str | None] = mapped_column(String(60))
    thursday: Mapped[str | None] = mapped_column(String(60))
    friday: Mapped[str | None] = mapped_column(String(60))
    saturday: Mapped[str | None] = mapped_column(String(60))
    sunday: Mapped[str | None] = mapped_column(String(60))

    def __str__(self) -> str:
        return self.name

    def hours(self, weekday: int) -> tuple[Hours, ...]:
        """Return the hours of a day of the week, Monday being 0. Units: minutes of the day."""
        text = getattr(self, DAYS[weekday]) or ""
        spans = (part.split("-") for part in text.split(",") if part.strip())
        return tuple((_minute(begin), _minute(end)) for begin, end in spans)


def _minute(text: str) -> int:
    hour, minute = text.strip().split(":")
    return int(hour) * 60 + int(minute)


class CompanyHoliday(Entity):
    """A day on which the company does otherwise than the calendar: off, or at work although it is a holiday."""

    __tablename__ = "company_holiday"
    __stem__ = "company_holiday"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        Index("ix_company_holiday_held_on", "held_on"),
    )

    held_on: Mapped[date]
    name: Mapped[str] = mapped_column(String(120))
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    is_working: Mapped[bool] = mapped_column(default=False)

    def __str__(self) -> str:
        return self.name


class AbsenceKind(StrEnum):
    """Why somebody is away."""

    leave = "leave"
    illness = "illness"
    trip = "trip"
    training = "training"
    other = "other"


label(
    AbsenceKind,
    leave=_l("Leave"),
    illness=_l("Illness"),
    trip=_l("Business trip"),
    training=_l("Training"),
    other=_l("Away"),
)


class Absence(Entity):
    """Somebody is away from one day to another, both included; it ends by itself.

    Who stands in for him does so through `substitution`, which the absence keeps in step with its days.
    """

    __tablename__ = "absence"
    __stem__ = "absence"
    __table_args__ = (
        CheckConstraint("begins_on <= ends_on", name="days_in_order"),
        CheckConstraint("substitute_id IS NULL OR user_id <> substitute_id", name="two_people"),
        Index("ix_absence_user_id_ends_on", "user_id", "ends_on"),
        Index("ix_absence_ends_on", "ends_on"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped["User"] = relationship("User", foreign_keys=[user_id])
    kind: Mapped[AbsenceKind] = mapped_column(Choice(AbsenceKind), default=AbsenceKind.leave)
    begins_on: Mapped[date]
    ends_on: Mapped[date]
    substitute_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    substitute: Mapped["User | None"] = relationship("User", foreign_keys=[substitute_id])
    substitution_id: Mapped[int | None] = mapped_column(
        ForeignKey("substitution.id", ondelete="SET NULL"), index=True, info={"internal": True}
    )
    substitution: Mapped["Substitution | None"] = relationship("Substitution")
    note: Mapped[str | None] = mapped_column(String(250))

    def __str__(self) -> str:
        return str(self.user)
