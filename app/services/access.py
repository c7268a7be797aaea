"""Who sees which rows: the one row rule, applied at the session, failing closed.

A session reads for an actor. Whatever is `Owned` is cut to the actor's rows in every SELECT, UPDATE and DELETE
that names it; without an actor the statement is refused. Rules that must be right over all rows (balances,
uniqueness, duplicates, numbers, totals) run inside `everything(session, why=…)`; a test lists those places.
A document that is visible always shows its party: loading a single related record is not cut.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, event, false, or_, select
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, RelationshipDirection, Session, with_loader_criteria

from app.db import Model
from app.errors import NotAllowed
from app.models.base import Owned
from app.models.team import Team, UserProfile, subtree
from app.roles import Scope, scope_of

M = TypeVar("M", bound=Model)
_ACTOR = "actor"
_EVERYTHING = "everything"
_WORKING = "access_is_working"


@dataclass(frozen=True)
class Actor:
    """On whose behalf a session reads and writes.

    `user_id` is None for the system itself (jobs, command line). `team_ids` are the teams the scope reaches.
    """

    user_id: int | None
    name: str
    scope: Scope
    roles: frozenset[str] = frozenset()
    team_id: int | None = None
    team_ids: frozenset[int] = field(default_factory=frozenset)


SYSTEM = Actor(None, "system", Scope.all)


def actor_of(session: Session, *, user_id: int, name: str, roles: Iterable[str]) -> Actor:
    """Return the actor for a user: his team, and the teams that his scope reaches."""
    names = frozenset(roles)
    scope = scope_of(names)
    team_id = session.execute(select(UserProfile.team_id).where(UserProfile.user_id == user_id)).scalar()
    reach: set[int] = set()
    if scope in (Scope.team, Scope.subtree):
        teams = session.execute(select(Team.id, Team.parent_id, Team.head_id)).all()
        roots = {team.id for team in teams if team.head_id == user_id}
        if team_id is not None:
            roots.add(team_id)
        reach = subtree(teams, roots) if scope is Scope.subtree else roots
    return Actor(user_id, name, scope, names, team_id, frozenset(reach))


def own_teams(session: Session, actor: Actor) -> frozenset[int]:
    """Return the keys of an actor's own team, of those that he heads, and of all below them."""
    teams = session.execute(select(Team.id, Team.parent_id, Team.head_id)).all()
    roots = {team.id for team in teams if team.head_id == actor.user_id}
    return frozenset(subtree(teams, roots | ({actor.team_id} if actor.team_id is not None else set())))


def act_as(session: Session, actor: Actor | Callable[[], Actor | None]) -> None:
    """Let the session read for an actor, or for the one that a callable will name at the first need."""
    session.info[_ACTOR] = actor


@contextmanager
def acting(session: Session, actor: Actor) -> Iterator[None]:
    """Read for an actor inside the block, then for the former one again."""
    before = session.info.get(_ACTOR)
    session.info[_ACTOR] = actor
    try:
        yield
    finally:
        session.info[_ACTOR] = before


def current(session: Session) -> Actor | None:
    """Return the actor of the session, None when nobody is known."""
    actor = session.info.get(_ACTOR)
    if actor is None or isinstance(actor, Actor):
        return actor
    if session.info.get(_WORKING):
        return None
    session.info[_WORKING] = True
    try:
        found: Actor | None = actor()
    finally:
        session.info[_WORKING] = False
    return found


def required(session: Session) -> Actor:
    """Return the actor of the session; NotAllowed when nobody is known."""
    actor = current(session)
    if actor is None:
        raise NotAllowed("actor")
    return actor


@contextmanager
def everything(session: Session, *, why: str) -> Iterator[None]:
    """Read over all rows inside the block; `why` is for the reader and for the test that lists the call sites."""
    assert why  # noqa: S101 -- a reason is part of the call
    before = session.info.get(_EVERYTHING, 0)
    session.info[_EVERYTHING] = before + 1
    try:
        yield
    finally:
        session.info[_EVERYTHING] = before


def rows(entity: type[Any], actor: Actor | None) -> ColumnElement[bool] | None:
    """Return the condition that cuts an owned entity to an actor's rows; None means no cut.

    Rows that say `is_nobodys` are for all who may see their kind.
    """
    cut = _cut_to(entity, actor)
    nobodys = getattr(entity, "is_nobodys", None)
    return or_(cut, nobodys) if cut is not None and actor is not None and nobodys is not None else cut


def _cut_to(entity: type[Any], actor: Actor | None) -> ColumnElement[bool] | None:
    if actor is None:
        return false()
    match actor.scope:
        case Scope.all:
            return None
        case Scope.none:
            return false()
        case Scope.own:
            return entity.owner_id == actor.user_id  # type: ignore[no-any-return]
        case _:
            return or_(entity.owner_id == actor.user_id, entity.team_id.in_(sorted(actor.team_ids)))


def visible(session: Session, record: Owned) -> bool:
    """Say whether the session's actor may see a record that is already loaded."""
    actor = current(session)
    if actor is None:
        return False
    if getattr(record, "is_nobodys", False):
        return True
    match actor.scope:
        case Scope.all:
            return True
        case Scope.none:
            return False
        case Scope.own:
            return record.owner_id == actor.user_id
        case _:
            return record.owner_id == actor.user_id or record.team_id in actor.team_ids


def get(session: Session, entity: type[M], key: object) -> M | None:
    """Return a record by id if the actor may see it; unlike Session.get it always asks the database."""
    if isinstance(key, int) and abs(key) >= 2**63:
        return None  # no key is that large, and the database would complain
    column = entity.__mapper__.primary_key[0]
    return session.execute(select(entity).where(column == key)).unique().scalar_one_or_none()


def give_to_actor(session: Session, record: object) -> None:
    """Make the actor and his team the owners of a new record that names none: he must see what he has made."""
    actor = current(session)
    if isinstance(record, Owned) and actor is not None and actor.user_id is not None:
        if record.owner_id is None and record.owner is None:
            record.owner = session.get(User, actor.user_id)
        if record.team_id is None and record.team is None and actor.team_id is not None:
            record.team = session.get(Team, actor.team_id)


def _owned(state: ORMExecuteState) -> bool:
    return any(issubclass(mapper.class_, Owned) for mapper in state.all_mappers)


def _cut(state: ORMExecuteState) -> None:
    if not (state.is_select or state.is_update or state.is_delete) or state.is_column_load:
        return
    session = state.session
    if session.info.get(_EVERYTHING) or session.info.get(_WORKING):
        return
    if state.is_relationship_load and _to_one(state):
        _uncut(state)
        return
    actor = current(session)
    if actor is None and _owned(state):
        raise NotAllowed("actor")
    if actor is not None and actor.scope is Scope.all:
        return
    state.statement = state.statement.options(
        *(
            with_loader_criteria(entity, condition, include_aliases=True, propagate_to_loaders=False)
            for entity in owned_entities()
            if (condition := rows(entity, actor)) is not None
        )
    )


def _uncut(state: ORMExecuteState) -> None:
    """Take our conditions off again: a select-in load inherits them from the statement that it completes."""
    statement: Any = state.statement
    kept = tuple(o for o in statement._with_options if not isinstance(o, LoaderCriteriaOption))  # noqa: SLF001
    statement = statement._generate()  # noqa: SLF001 -- there is no public way to drop an option
    statement._with_options = kept  # noqa: SLF001
    state.statement = statement


def _to_one(state: ORMExecuteState) -> bool:
    path = state.loader_strategy_path
    if path is None:
        return False
    steps = [step for step in path.path if hasattr(step, "direction")]
    return bool(steps) and steps[-1].direction is RelationshipDirection.MANYTOONE


def owned_entities() -> list[type[Any]]:
    """Return every mapped class whose rows belong to somebody."""
    return [m.class_ for m in Model.registry.mappers if issubclass(m.class_, Owned)]


def install() -> None:
    """Apply the row rule to every session of the process; calling it again changes nothing."""
    if not event.contains(Session, "do_orm_execute", _cut):
        event.listen(Session, "do_orm_execute", _cut)
