"""What is usual for somebody to take away, and who is told when it is much more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from flask_appbuilder.security.sqla.models import Group, Role, User
from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from app.models.export_run import ExportRule, ExportRun, ExportState
from app.models.notification import NotificationKind
from app.models.team import Team
from app.roles import ADMIN
from app.services import access
from app.services import notification as notifications
from app.services.access import Actor

DAYS = 30  # that are looked at
LEAST_DAYS = 5  # with exports, before somebody has a usual day
WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Habit:
    """What somebody takes away: `usual` is the median of his days with exports, None for who has too few of them.

    Units: rows. `limit` is what he may take within 24 hours before it is told; `now` is what he has taken within them.
    """

    usual: int | None
    limit: int
    now: int
    was_told: bool


def habit(session: Session, user_id: int, rule: ExportRule, *, at: datetime) -> Habit:
    """Return what is usual for somebody and what he has taken; one statement."""
    counted = case((ExportRun.state == ExportState.begun, ExportRun.expected_rows), else_=ExportRun.rows)
    first = at.date() - timedelta(days=DAYS)
    read = select(ExportRun.created_at, ExportRun.read_on, ExportRun.alarmed_at, counted.label("taken")).where(
        ExportRun.owner_id == user_id, ExportRun.created_at >= at - timedelta(days=DAYS + 1)
    )
    with access.everything(session, why="what somebody has taken counts, whoever may look at it"):
        found = session.execute(read).all()
    by_day: dict[date, int] = {}
    now = 0
    for row in found:
        day = row.read_on or row.created_at.date()
        by_day[day] = by_day.get(day, 0) + row.taken
        now += row.taken if (row.read_on == at.date() if row.read_on else row.created_at > at - WINDOW) else 0
    usual = usual_of(rows for day, rows in by_day.items() if first <= day < at.date())
    was_told = any(row.alarmed_at is not None and row.alarmed_at.date() == at.date() for row in found)
    return Habit(usual, limit_of(rule, usual), now, was_told)


def usual_of(days: Iterable[int]) -> int | None:
    """Return the median of the days on which rows were taken; None for too few days to speak of a habit."""
    taken = [rows for rows in days if rows]
    return int(median(taken)) if len(taken) >= LEAST_DAYS else None


def limit_of(rule: ExportRule, usual: int | None) -> int:
    """Return how many rows within 24 hours are still usual."""
    return rule.alarm_new if usual is None else max(rule.alarm_least, rule.alarm_times * usual)


def look(session: Session, run: ExportRun, rule: ExportRule, *, by: Actor, at: datetime) -> list[int]:
    """Tell the heads of somebody who takes unusually much, once a day, and return whom.

    They are those of his team and of the teams above it; administrators, when there is none who sees the export.
    """
    if by.user_id is None:
        return []
    found = habit(session, by.user_id, rule, at=at)
    if found.now <= found.limit or found.was_told:
        return []
    run.alarmed_at, run.usual_rows = at, found.usual
    session.flush()
    said = f"{found.now} {found.usual if found.usual is not None else '-'}"
    for people in (heads(session, by.team_id), administrators(session)):
        told = notifications.tell(session, NotificationKind.export_alarm, run, people, at=at, by=by, said=said)
        if told:
            session.flush()
            return told
    return []


def heads(session: Session, team_id: int | None) -> set[int]:
    """Return the heads of a team and of all teams above it."""
    teams = {row.id: row for row in session.execute(select(Team.id, Team.parent_id, Team.head_id))}
    found: set[int] = set()
    while team_id is not None and team_id in teams:
        team = teams.pop(team_id)  # a circle ends here
        if team.head_id is not None:
            found.add(team.head_id)
        team_id = team.parent_id
    return found


def administrators(session: Session) -> set[int]:
    """Return the open accounts of administrators."""
    is_one = or_(User.roles.any(Role.name == ADMIN), User.groups.any(Group.roles.any(Role.name == ADMIN)))
    return set(session.execute(select(User.id).where(User.active.is_(True), is_one)).scalars())
