"""The condition that rows with an owner and a team belong to some people or teams, in the form that the query needs.

SQLite answers "one of many teams" by gathering all their rows through the index and sorting them, even for 25 rows of a
list that lie in order in another index. A list therefore says that it walks: then a condition on many teams is written
so that it is looked at row by row. PostgreSQL decides by its statistics and needs no hint.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, false, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.models.activity import Activity, Participant

WALKS = "walks"  # the execution option of a statement that reads a few rows in the order of an index
FEW_TEAMS = 4  # so few teams have few rows among all: their index is the shorter way


class _looked_at(FunctionElement[int]):  # noqa: N801 -- an SQL function
    """A column that is compared row by row, not through an index of its own."""

    type = Integer()
    inherit_cache = True


@compiles(_looked_at)
def _plain(element: _looked_at, compiler: Any, **options: Any) -> str:  # noqa: ANN401
    return str(compiler.process(element.clauses.clauses[0], **options))


@compiles(_looked_at, "sqlite")
def _without_index(element: _looked_at, compiler: Any, **options: Any) -> str:  # noqa: ANN401
    return "+" + _plain(element, compiler, **options)


def belongs(
    at: Any,  # noqa: ANN401 -- an entity or columns
    *,
    owners: Collection[int | None],
    teams: Collection[int],
    unassigned: bool,
    walks: bool = False,
) -> ColumnElement[bool]:
    """Return the condition that a row is owned by one of these people, or teams, or, if asked for, by nobody."""
    owner, team = at.owner_id, at.team_id
    if walks and len(teams) > FEW_TEAMS:
        owner, team = _looked_at(owner), _looked_at(team)
    found: list[ColumnElement[bool]] = []
    if owners:
        known = [each for each in owners if each is not None]
        found.append(owner.in_(known) if len(known) > 1 else owner == next(iter(owners)))
    if teams:
        found.append(team.in_(sorted(teams)))
    if unassigned:
        found.append(and_(at.owner_id.is_(None), at.team_id.is_(None)))
    return or_(*found) if found else false()


def beside(
    entity: type[Any],
    *,
    shared: Collection[int],
    told: Any,  # noqa: ANN401 -- the actor, None where that does not count
) -> list[ColumnElement[bool]]:
    """Return the conditions of rows that one reaches besides one's own: nobody's, shared ones, and what one is told.

    Told are those who take part in a row, and the members of a team that has it.
    """
    taking_part, team = (told.user_id, told.team_id) if told is not None else (None, None)
    nobodys = getattr(entity, "is_nobodys", None)
    found: list[ColumnElement[bool]] = [] if nobodys is None else [nobodys]
    if shared:
        found.append(entity.id.in_(shared))
    if team is not None and is_for_its_team(entity):
        found.append(and_(entity.owner_id.is_(None), entity.team_id == team))
    if has_participants(entity) and taking_part is not None:
        found.append(entity.id.in_(select(Participant.activity_id).where(Participant.user_id == taking_part)))
    return found


def has_participants(entity: type[Any]) -> bool:
    """Say whether people take part in the rows of an entity."""
    return issubclass(entity, Activity)


def is_for_its_team(entity: type[Any]) -> bool:
    """Say whether rows of an entity that belong to a team, and to no person, are seen by all its members."""
    return bool(getattr(entity, "__is_for_its_team__", False))


def is_told_to_more(entity: type[Any]) -> bool:
    """Say whether rows of an entity are seen by more than those within whose reach they are."""
    return has_participants(entity) or is_for_its_team(entity)


def is_told(record: Any, actor: Any) -> bool:  # noqa: ANN401 -- any owned record, the actor
    """Say whether a loaded record is seen because one takes part in it, or is a member of the team that has it."""
    if is_for_its_team(type(record)):
        return actor.team_id is not None and record.owner_id is None and record.team_id == actor.team_id
    return _takes_part(record, actor.user_id)


def _takes_part(record: object, user_id: int | None) -> bool:
    return isinstance(record, Activity) and any(one.user_id == user_id for one in record.participants if one.user_id)
