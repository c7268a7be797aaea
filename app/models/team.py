"""Teams, and what the product knows of a user beyond Flask-AppBuilder's account."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, backref, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.models.work_schedule import WorkSchedule


class Theme(StrEnum):
    """Colours of the screens; `system` follows the device."""

    system = "system"
    light = "light"
    dark = "dark"


label(Theme, system=_l("Like the device"), light=_l("Light"), dark=_l("Dark"))


class Density(StrEnum):
    """How much room rows, fields and cards take; on a phone both leave room for a thumb."""

    comfortable = "comfortable"
    compact = "compact"


label(Density, comfortable=_l("Comfortable"), compact=_l("Compact"))


class Team(Entity):
    """A department; teams form a tree."""

    __tablename__ = "team"
    __stem__ = "team"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"), index=True)
    parent: Mapped["Team | None"] = relationship("Team", remote_side="Team.id")
    head_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    head: Mapped["User | None"] = relationship("User", foreign_keys=[head_id])

    def __str__(self) -> str:
        return self.name


User.__stem__ = "user"  # the framework's account takes part under its own noun
for _name in ("first_name", "last_name", "email"):
    User.__table__.c[_name].info |= PERSONAL


class UserProfile(Entity):
    """Language, time zone, team of one user, and how his screens look.

    Shape: `start_page` is `list:party` or `view:7`, empty for the start page itself; `column_widths` is
    {"party": {"name": 240}} in CSS pixels; `put_away` names what he has folded or dismissed (services.profile).
    Who `must_change_password` gets nowhere before he has chosen one himself (services.password).
    """

    __tablename__ = "user_profile"
    __stem__ = "user_profile"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), unique=True)
    user: Mapped["User"] = relationship(
        "User", foreign_keys=[user_id], backref=backref("profile", uselist=False, passive_deletes=True)
    )
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"), index=True)
    team: Mapped["Team | None"] = relationship("Team")
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC", info={"of": "time_zone"})
    theme: Mapped[Theme] = mapped_column(Choice(Theme), default=Theme.system)
    density: Mapped[Density] = mapped_column(Choice(Density), default=Density.comfortable)
    start_page: Mapped[str | None] = mapped_column(String(60))
    page_size: Mapped[int | None] = mapped_column()
    column_widths: Mapped[dict[str, dict[str, int]]] = mapped_column(JSON, default=dict)
    put_away: Mapped[list[str]] = mapped_column(JSON, default=list)
    password_set_at: Mapped[datetime | None] = mapped_column(Instant())
    must_change_password: Mapped[bool] = mapped_column(default=False)
    work_schedule_id: Mapped[int | None] = mapped_column(
        ForeignKey("work_schedule.id", ondelete="SET NULL"), index=True
    )
    work_schedule: Mapped["WorkSchedule | None"] = relationship("WorkSchedule")
    reminders_by_mail: Mapped[bool] = mapped_column(default=False)


def subtree(teams: "Iterable[Any]", root_ids: set[int]) -> set[int]:
    """Return the ids of the given teams and of all below them; `teams` have `id` and `parent_id`."""
    children: dict[int | None, list[int]] = {}
    for team in teams:
        children.setdefault(team.parent_id, []).append(team.id)
    found: set[int] = set()
    todo = list(root_ids)
    while todo:
        team_id = todo.pop()
        if team_id not in found:
            found.add(team_id)
            todo += children.get(team_id, [])
    return found
