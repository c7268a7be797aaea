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


def beside(entity: type[Any], *, shared: Collection[int], taking_part: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions of rows that one reaches besides one's own: nobody's, shared ones, where one takes part."""
    nobodys = getattr(entity, "is_nobodys", None)
    found: list[ColumnElement[bool]] = [] if nobodys is None else [nobodys]
    if shared:
        found.append(entity.id.in_(shared))
    if has_participants(entity) and taking_part is not None:
        found.append(entity.id.in_(select(Participant.activity_id).where(Participant.user_id == taking_part)))
    return found


def has_participants(entity: type[Any]) -> bool:
    """Say whether people take part in the rows of an entity."""
    return issubclass(entity, Activity)


def takes_part(record: object, user_id: int | None) -> bool:
    """Say whether somebody takes part in a record that is loaded: he may see it."""
    return isinstance(record, Activity) and any(one.user_id == user_id for one in record.participants if one.user_id)
