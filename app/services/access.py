"""Who sees which rows: the one row rule, applied at the session, failing closed.

A session reads for an actor. Whatever is `Owned` is cut to the actor's rows in every SELECT, UPDATE and DELETE
that names it; without an actor the statement is refused. Which rows these are depends on the area and on the action:
what one sees is cut everywhere; what one may change, delete, act on or export is asked at the door of each.
Rules that must be right over all rows (balances, uniqueness, duplicates, numbers, totals) run inside
`everything(session, why=…)`; a test lists those places.
A document that is visible always shows its party: loading a single related record is not cut.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, and_, event, false, or_, select
from sqlalchemy.orm import (
    LoaderCriteriaOption,
    Mapper,
    ORMExecuteState,
    RelationshipDirection,
    Session,
    with_loader_criteria,
)

from app import clock
from app.columns import limit_of
from app.db import Model
from app.errors import NotAllowed, NotReached
from app.models.base import Owned
from app.models.job import Job
from app.models.search_entry import SearchEntry
from app.models.team import Team, UserProfile, subtree
from app.roles import ACT, CHANGE, EVERYTHING, NOTHING, SEE, WIDTH, Reach, Scope
from app.services import key_scope, policy, row_condition
from app.services.policy import Reaches, Shared
from app.services.row_condition import WALKS

M = TypeVar("M", bound=Model)
_ACTOR = "actor"
_EVERYTHING = "everything"
_WORKING = "access_is_working"
# what sharing lets one do beyond seeing: never deleting, never taking away as a file
_SHARED = frozenset({CHANGE, ACT})


@dataclass(frozen=True)
class Actor:
    """On whose behalf a session reads and writes.

    `user_id` is None for the system itself (jobs, command line). `stands_for` are those who are away and whose rows he
    reaches too. `team_ids` are his own team and those that he, or one of them, heads,
    `below_ids` these and all below them. `reaches` say which rows he reaches by area and action; where they are None,
    `scope` holds for all. `shared` are single records that others share with him or his teams. `key_scopes` are those
    of the key for REST by which he asks, None without one.
    """

    user_id: int | None
    name: str
    scope: Scope
    roles: frozenset[str] = frozenset()
    team_id: int | None = None
    team_ids: frozenset[int] = field(default_factory=frozenset)
    below_ids: frozenset[int] = field(default_factory=frozenset)
    reaches: Reaches | None = None
    stands_for: frozenset[int] = frozenset()
    shared: Shared = frozenset()
    key_scopes: frozenset[str] | None = None

    @cached_property
    def _by_area(self) -> dict[tuple[str, str], Reach]:
        return {(area, action): reach for area, action, reach in self.reaches or ()}

    def reach(self, area: str, action: str = SEE) -> Reach:
        """Return which rows of an area he reaches for an action."""
        if self.reaches is None:
            return EVERYTHING if self.scope is Scope.all else Reach(self.scope)
        return self._by_area.get((area, action)) or self._by_area.get((area, SEE), NOTHING)

    def has(self, area: str, action: str = SEE) -> bool:
        """Say whether one of his roles has a right of this kind in an area, whatever its rows, and his key too."""
        if self.key_scopes is not None and not key_scope.allows(self.key_scopes, area, action):
            return False
        return self.reaches is None or (area, action) in self._by_area

    @cached_property
    def _shared_by_area(self) -> dict[str, dict[int, bool]]:
        found: dict[str, dict[int, bool]] = {}
        for area, key, may_change in self.shared:
            keys = found.setdefault(area, {})
            keys[key] = may_change or keys.get(key, False)
        return found

    def shared_with(self, area: str, action: str = SEE) -> list[int]:
        """Return the keys of the records of an area that are shared with him for an action."""
        keys = self._shared_by_area.get(area, {})
        return sorted(key for key, may_change in keys.items() if action == SEE or (may_change and action in _SHARED))

    @property
    def areas_shared(self) -> set[str]:
        """Return the areas of which records are shared with him, as far as he may see the area."""
        return {area for area in self._shared_by_area if self.reach(area) is not NOTHING}

    @property
    def sees_everything(self) -> bool:
        """Say whether nothing is cut for him."""
        return self.reaches is None and self.scope is Scope.all


SYSTEM = Actor(None, "system", Scope.all)
_NOBODY = policy.OfUser({}, frozenset(), frozenset())


def actor_of(
    session: Session, *, user_id: int, name: str, roles: Iterable[str], profile: UserProfile | None = None
) -> Actor:
    """Return the actor for a user: his team, and the rows that his roles reach; who has read his profile gives it."""
    names = frozenset(roles)
    found, away, shared = policy.of_user(session, names, user_id=user_id, on=clock.today()) if names else _NOBODY
    policies = found.values()
    team_id = (
        profile.team_id
        if profile is not None
        else session.execute(select(UserProfile.team_id).where(UserProfile.user_id == user_id)).scalar()
    )
    if policy.has_all(policies):
        return Actor(user_id, name, Scope.all, names, team_id)
    reaches = policy.reaches(policies)
    scopes = {reach.scope for _area, _action, reach in reaches}
    widest = max(scopes, key=WIDTH.index, default=Scope.none)
    team_ids: set[int] = set()
    below_ids: set[int] = set()
    if scopes & {Scope.team, Scope.subtree}:
        teams = session.execute(select(Team.id, Team.parent_id, Team.head_id)).all()
        team_ids = {team.id for team in teams if team.head_id in {user_id, *away}} | (
            {team_id} if team_id is not None else set()
        )
        below_ids = subtree(teams, team_ids)
    reached = frozenset(team_ids), frozenset(below_ids)
    return Actor(user_id, name, widest, names, team_id, *reached, reaches=reaches, stands_for=away, shared=shared)


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


def cut(session: Session, entity: type[Any], action: str = SEE) -> ColumnElement[bool] | None:
    """Return the condition that cuts any entity to the rows of the session's actor; None means no cut."""
    return rows(entity, required(session), action) if issubclass(entity, Owned) else None


def area_of(entity: object) -> str:
    """Return the area that an entity or a record belongs to."""
    return str(getattr(entity, "__stem__", ""))


def rows(
    entity: type[Any], actor: Actor | None, action: str = SEE, *, walks: bool = False
) -> ColumnElement[bool] | None:
    """Return the condition that cuts an owned entity to an actor's rows for an action; None means no cut.

    Rows that say `is_nobodys` are for all who may see their kind; a run in the background is always its starter's.
    """
    if actor is None:
        return false()
    if issubclass(entity, SearchEntry):
        return _of_kinds(entity, actor)
    cut = within(entity, actor, _reach(entity, actor, action), walks=walks)
    if cut is None:
        return None
    shared = actor.shared_with(area_of(entity), action)
    more = row_condition.beside(entity, shared=shared, told=actor if action == SEE else None)
    return or_(cut, *more) if more else cut


def _of_kinds(entries: type[SearchEntry], actor: Actor) -> ColumnElement[bool] | None:
    """Return the condition of entries that stand for records of many kinds: each kind has its own rows."""
    if actor.reaches is None:
        return within(entries, actor, actor.reach(""))
    by_reach: dict[Reach, list[str]] = {}
    for area, action, reach in actor.reaches:
        if action == SEE:
            by_reach.setdefault(reach, []).append(area)
    found = []
    for reach, areas in by_reach.items():
        of_these, cut = entries.entity.in_(sorted(areas)), within(entries, actor, reach)
        found.append(of_these if cut is None else and_(of_these, cut))
    return or_(false(), *found, *shared_entries(entries, actor))


def shared_entries(at: Any, actor: Actor, among: Iterable[str] | None = None) -> list[ColumnElement[bool]]:  # noqa: ANN401
    """Return the conditions of entries that stand for records shared with an actor; `among` leaves other kinds out."""
    asked = actor.areas_shared if among is None else actor.areas_shared & set(among)
    return [and_(at.entity == area, at.record_id.in_(actor.shared_with(area))) for area in sorted(asked)]


def within(at: Any, actor: Actor, reach: Reach, *, walks: bool = False) -> ColumnElement[bool] | None:  # noqa: ANN401
    """Return the condition that rows with an owner and a team are within a reach; None means all are."""
    if reach.scope is Scope.all:
        return None
    mine = [] if reach.scope is Scope.none else [actor.user_id, *sorted(actor.stands_for)]
    teams = _teams(actor, reach.scope)
    return row_condition.belongs(at, owners=mine, teams=teams, unassigned=reach.unassigned, walks=walks)


def _teams(actor: Actor, scope: Scope) -> frozenset[int]:
    if scope is Scope.subtree:
        return actor.team_ids | actor.below_ids
    return actor.team_ids if scope is Scope.team else frozenset()


def visible(session: Session, record: Owned) -> bool:
    """Say whether the session's actor may see a record that is already loaded."""
    return allowed(session, record, SEE)


def allowed(session: Session, record: object, action: str) -> bool:
    """Say whether a record that is already loaded is within the session's actor's rows for an action."""
    actor = current(session)
    if actor is None:
        return False
    if not isinstance(record, Owned) or getattr(record, "is_nobodys", False):
        return True
    return all(
        _is_within(record, actor, _reach(type(record), actor, each))
        or getattr(record, "id", None) in actor.shared_with(area_of(record), each)
        or (each == SEE and row_condition.is_told(record, actor))
        for each in {SEE, action}
    )


def is_own(session: Session, record: Owned, action: str) -> bool:
    """Say whether a loaded record is within the actor's rows for an action without anybody sharing it."""
    actor = required(session)
    return all(_is_within(record, actor, _reach(type(record), actor, each)) for each in {SEE, action})


def _reach(entity: type[Any], actor: Actor, action: str) -> Reach:
    reach = actor.reach(area_of(entity), action)
    return reach.wider(Reach(Scope.own)) if issubclass(entity, Job) and actor.user_id is not None else reach


def _is_within(record: Owned, actor: Actor, reach: Reach) -> bool:
    if reach.scope is Scope.all:
        return True
    if reach.unassigned and record.owner_id is None and record.team_id is None:
        return True
    own = reach.scope is not Scope.none and record.owner_id in {actor.user_id, *actor.stands_for} - {None}
    return own or record.team_id in _teams(actor, reach.scope)


def is_narrower(session: Session, entity: type[Any], action: str) -> bool:
    """Say whether there may be rows that the session's actor sees, but does not reach for an action."""
    area, actor = area_of(entity), required(session)
    shared = row_condition.is_told_to_more(entity) or actor.shared_with(area) != actor.shared_with(area, action)
    return issubclass(entity, Owned) and (shared or actor.reach(area) != actor.reach(area, action))


def require(session: Session, record: object, action: str) -> None:
    """Raise NotReached when a record is seen, but not within the actor's rows for an action."""
    if not allowed(session, record, action):
        raise NotReached(f"{area_of(record)}.{action}")


def get(session: Session, entity: type[M], key: object) -> M | None:
    """Return a record by id if the actor may see it; unlike Session.get it always asks the database."""
    column = entity.__mapper__.primary_key[0]
    is_key = not isinstance(key, int) or abs(key) < limit_of(column.type)  # else the database would complain
    return session.execute(select(entity).where(column == key)).unique().scalar_one_or_none() if is_key else None


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
    if actor is not None and actor.sees_everything:
        return
    state.statement = state.statement.options(*_conditions(actor, walks=bool(state.execution_options.get(WALKS))))


@lru_cache(maxsize=512)
def _conditions(actor: Actor | None, *, walks: bool) -> tuple[LoaderCriteriaOption, ...]:
    """Return what cuts a statement for an actor: the same for all of his statements until his rights change."""
    return tuple(
        with_loader_criteria(entity, condition, include_aliases=True, propagate_to_loaders=False)
        for entity in owned_entities()
        if (condition := rows(entity, actor, walks=walks)) is not None
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
        event.listen(Mapper, "after_mapper_constructed", _forget)


def _forget(_mapper: object, _entity: object) -> None:
    """Build the conditions anew: another class has come."""
    _conditions.cache_clear()
