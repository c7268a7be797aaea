"""What is asked about activities: the next step of a record, what is about it, what is late; used as services.planned.

The next steps look over all rows, since whoever sees a record sees what is planned about it on its card.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Subquery, Table, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.models.activity import Activity, ActivityLink, ActivityState
from app.models.base import Entity
from app.roles import Scope
from app.services import access
from app.services.access import Actor

MOST_COMING = 20
_T: Table = Activity.__table__  # type: ignore[assignment]


def next_of(entity: str) -> Subquery:
    """Return the next step of every record of a kind that has one: what is planned earliest, then what has no time.

    Columns: record_id, activity_id, kind, subject, owner_id, due_at, is_all_day, priority. Join it on `record_id`.
    """
    first = func.row_number().over(partition_by=_T.c.record_id, order_by=[_T.c.due_at.is_(None), _T.c.due_at, _T.c.id])
    about = [_T.c.id.label("activity_id"), _T.c.record_id, _T.c.kind, _T.c.subject, _T.c.owner_id, _T.c.due_at]
    every = (
        select(*about, _T.c.is_all_day, _T.c.priority, first.label("nth"))
        .where(_T.c.entity == entity, _T.c.state == ActivityState.planned)
        .subquery()
    )
    return select(*(each for each in every.c if each.name != "nth")).where(every.c.nth == 1).subquery()


def about(record: Entity) -> ColumnElement[bool]:
    """Return the condition that an activity is about a record, or about others and about it too."""
    linked = select(ActivityLink.activity_id).where(
        ActivityLink.entity == record.__stem__, ActivityLink.record_id == record.id
    )
    own = and_(Activity.entity == record.__stem__, Activity.record_id == record.id)
    return or_(own, Activity.id.in_(linked))


def coming(session: Session, record: Entity) -> list[Activity]:
    """Return what is planned about a record that the actor sees, whoever does it, the earliest first."""
    asked = (
        select(Activity)
        .where(about(record), Activity.state == ActivityState.planned)
        .order_by(Activity.due_at.is_(None), Activity.due_at, Activity.id)
        .limit(MOST_COMING)
        .options(joinedload(Activity.owner))
    )
    with access.everything(session, why="who sees a record sees what is planned about it"):
        return list(session.execute(asked).scalars())


def is_reached(actor: Actor, owner_id: int | None, team_id: int | None) -> bool:
    """Say whether an actor reaches an activity by whose it is, without having it at hand."""
    scope = actor.reach(Activity.__stem__).scope
    if scope is Scope.all or (scope is not Scope.none and owner_id in {actor.user_id, *actor.stands_for} - {None}):
        return True
    teams = actor.team_ids | (actor.below_ids if scope is Scope.subtree else frozenset())
    return scope in {Scope.team, Scope.subtree} and team_id in teams


def without_next(entity: type[Entity]) -> ColumnElement[bool]:
    """Return the condition that nothing is planned about a record of an entity."""
    return ~_about_row(entity)


def with_overdue(entity: type[Entity], at: datetime) -> ColumnElement[bool]:
    """Return the condition that something planned about a record of an entity should have been done by now."""
    return _about_row(entity, _T.c.due_at < at)


def _about_row(entity: type[Entity], *more: ColumnElement[bool]) -> ColumnElement[bool]:
    planned = and_(_T.c.entity == entity.__stem__, _T.c.record_id == entity.id, _T.c.state == ActivityState.planned)
    return exists().where(planned, *more)


def overdue(at: datetime) -> ColumnElement[bool]:
    """Return the condition that an activity should have been done by now."""
    return and_(Activity.state == ActivityState.planned, Activity.due_at < at)


def due_within(at: datetime, days: int) -> ColumnElement[bool]:
    """Return the condition that an activity is planned for the time from now on, for so many days."""
    until = at + timedelta(days=days)
    return and_(Activity.state == ActivityState.planned, Activity.due_at >= at, Activity.due_at < until)
