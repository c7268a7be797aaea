"""Somebody's day: what is late, what is for today and the next days; and the day of a team, people as rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, Integer, ScalarSelect, Subquery, and_, case, func, or_, select, union
from sqlalchemy.orm import Session, joinedload

from app.models.activity import Activity, ActivityKind, ActivityState, Participant
from app.models.team import UserProfile
from app.roles import Scope
from app.services import working_time
from app.services.access import Actor

AHEAD_DAYS = 7
MOST_LATE, MOST_AHEAD, MOST_UNDATED = 30, 80, 20
PLANNED = Activity.state == ActivityState.planned


@dataclass(frozen=True)
class Bounds:
    """The moments between which days lie, in somebody's time zone."""

    now: datetime
    tomorrow: datetime
    until: datetime

    @classmethod
    def at(cls, at: datetime, zone: ZoneInfo) -> "Bounds":
        """Return the bounds of the day that a moment lies in, and of the days after it."""
        today = at.astimezone(zone).date()
        tomorrow, until = (datetime.combine(today + timedelta(days=days), time(), zone) for days in (1, 1 + AHEAD_DAYS))
        return cls(at, tomorrow, until)


@dataclass(frozen=True)
class Day:
    """What somebody has to do; `late_count` is how much is late at all; of what is ahead `is_cut` shows a part."""

    late: list[Activity] = field(default_factory=list)
    late_count: int = 0
    today: list[Activity] = field(default_factory=list)
    ahead: list[Activity] = field(default_factory=list)
    undated: list[Activity] = field(default_factory=list)
    done_today: int = 0
    is_cut: bool = False

    @property
    def every(self) -> list[Activity]:
        """Return all that is shown."""
        return [*self.late, *self.today, *self.ahead, *self.undated]


def of(session: Session, actor: Actor, *, at: datetime, zone: ZoneInfo) -> Day:
    """Return an actor's own day: what he does himself, and from now on what he takes part in. Two statements."""
    within = Bounds.at(at, zone)
    own = and_(PLANNED, Activity.owner_id == actor.user_id)
    ahead = and_(PLANNED, Activity.due_at >= within.now, Activity.due_at < within.until)
    joined = select(Participant.activity_id).where(Participant.user_id == actor.user_id)
    parts = [
        _first(and_(own, Activity.due_at < within.now), MOST_LATE),
        _first(and_(ahead, Activity.owner_id == actor.user_id), MOST_AHEAD),
        _first(and_(ahead, Activity.id.in_(joined)), MOST_AHEAD),
        _first(and_(own, Activity.due_at.is_(None)), MOST_UNDATED),
    ]
    keys = union(*(select(part.c.id) for part in parts)).subquery()
    asked = select(Activity).where(Activity.id.in_(select(keys.c.id))).options(joinedload(Activity.owner))
    found = list(session.execute(asked.order_by(Activity.due_at, Activity.id)).scalars())
    late_counted, done_counted = _counts(actor, own, within)
    late_count, done_today = session.execute(select(late_counted, done_counted)).one()
    dated = [(one, one.due_at) for one in found if one.due_at is not None]
    return Day(
        late=[one for one, due in dated if due < within.now],
        late_count=late_count,
        today=[one for one, due in dated if within.now <= due < within.tomorrow],
        ahead=[one for one, due in dated if due >= within.tomorrow],
        undated=[one for one in found if one.due_at is None],
        done_today=done_today,
        is_cut=sum(due >= within.now for _one, due in dated) >= MOST_AHEAD,
    )


def _first(where: ColumnElement[bool], most: int) -> Subquery:
    """Return the keys of the first activities that meet a condition: each part is found within its index."""
    return select(Activity.id).where(where).order_by(Activity.due_at, Activity.id).limit(most).subquery()


def _counts(actor: Actor, own: ColumnElement[bool], within: Bounds) -> list[ScalarSelect[int]]:
    done = and_(
        Activity.owner_id == actor.user_id,
        Activity.state == ActivityState.done,
        Activity.done_at >= within.tomorrow - timedelta(days=1),
        Activity.done_at < within.tomorrow,
    )
    late = and_(own, Activity.due_at < within.now)
    return [select(func.count()).where(each).scalar_subquery() for each in (late, done)]


# --- a team -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """One row of a team's day."""

    user_id: int
    name: str
    is_absent: bool
    late: int = 0
    today: int = 0
    ahead: int = 0
    calls: int = 0
    done: int = 0


def leads(actor: Actor) -> bool:
    """Say whether an actor reaches what others do."""
    return actor.reach(Activity.__stem__).scope in {Scope.team, Scope.subtree, Scope.all}


def of_team(session: Session, actor: Actor, *, at: datetime, zone: ZoneInfo, on: date) -> list[Person]:
    """Return the day of everybody whose activities an actor reaches by leading them, by name. Four statements."""
    within = Bounds.at(at, zone)
    people = _people(session, actor)
    late, today = Activity.due_at < within.now, and_(Activity.due_at >= within.now, Activity.due_at < within.tomorrow)
    calls = and_(Activity.kind == ActivityKind.call, Activity.due_at < within.tomorrow)
    counted = (
        select(
            Activity.owner_id,
            *(
                func.sum(case((which, 1), else_=0), type_=Integer).label(name)
                for name, which in (
                    ("late", late),
                    ("today", today),
                    ("ahead", and_(Activity.due_at >= within.tomorrow, Activity.due_at < within.until)),
                    ("calls", calls),
                )
            ),
        )
        .where(PLANNED, Activity.due_at < within.until, Activity.owner_id.in_(people))
        .group_by(Activity.owner_id)
    )
    standing: dict[int, dict[str, int]] = {
        row.owner_id: {name: getattr(row, name) for name in ("late", "today", "ahead", "calls")}
        for row in session.execute(counted)
    }
    done_query = (
        select(Activity.owner_id, func.count().label("done"))
        .where(
            Activity.owner_id.in_(people),
            Activity.state == ActivityState.done,
            Activity.done_at >= within.tomorrow - timedelta(days=1),
            Activity.done_at < within.tomorrow,
        )
        .group_by(Activity.owner_id)
    )
    done: Mapping[int, int] = {row.owner_id: row.done for row in session.execute(done_query)}
    away = working_time.absent(session, on)
    return [
        Person(user_id, name, user_id in away, **standing.get(user_id, {}), done=done.get(user_id, 0))
        for user_id, name in people.items()
    ]


def _people(session: Session, actor: Actor) -> dict[int, str]:
    """Return the accounts in use whom an actor leads, himself included, by name."""
    asked = (
        select(User.id, User.first_name, User.last_name)
        .join(UserProfile, UserProfile.user_id == User.id)
        .where(User.active.is_(True))
        .order_by(User.first_name, User.last_name, User.id)
    )
    reach = actor.reach(Activity.__stem__).scope
    if reach is not Scope.all:
        teams = actor.team_ids | (actor.below_ids if reach is Scope.subtree else frozenset())
        asked = asked.where(or_(UserProfile.team_id.in_(sorted(teams)), User.id == actor.user_id))
    return {row.id: f"{row.first_name} {row.last_name}".strip() for row in session.execute(asked)}
