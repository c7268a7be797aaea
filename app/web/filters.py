"""Filters of lists and of REST: (column, operator, value) triples, typed and checked against what a view declares.

Nothing is kept on the view: every request reads its own. A column that is not declared cannot be asked about, so
it is no oracle for hidden values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import RelationshipProperty

from app import clock
from app.db import db, metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.handover import Handover
from app.models.party import Party
from app.models.segment import Segment
from app.models.tag import Tagging
from app.services import access, comparison, condition, handover_kinds
from app.services import handover as handovers
from app.services import segment as segments
from app.services import tag as tags
from app.services.comparison import CHOICE, FROM_TODAY, Today, compared, from_today, truth, values
from app.services.condition import Group
from app.web.locale import choose_time_zone
from app.web.special_filters import special_of


def today() -> Today:
    """Return which day it is for the reader."""
    zone = choose_time_zone()
    return Today(clock.today(zone), zone)


# What an operator means for "mine": several records at once.
OF_MINE: dict[str, Callable[[Any, frozenset[int]], ColumnElement[bool]]] = {
    "eq": lambda column, keys: column.in_(keys),
    "neq": lambda column, keys: sa.or_(column.not_in(keys), column.is_(None)),
}
SEGMENT = "segment"  # of counterparties: a key
TAGS = "tags"  # of every entity whose cards take tags
MINE = "mine"  # a person: the reader; a team: his own and those below it
IDLE, GIVEN = "idle", "given"  # of an owner: nobody is working on the record; it changed hands in a hand-over


@dataclass(frozen=True)
class Wanted:
    """One filter: a declared column, an operator that its type knows, a value as text or JSON.

    All filters of group 0 must hold, and of every other group at least one.
    """

    column: str
    operator: str
    value: Any
    group: int = 0


def column_of(entity: type[Any], name: str) -> Any:
    """Return the SQL column behind a declared name; for a link to another record its foreign key."""
    place = beside(entity).get(name)
    if place is not None:
        table, _dot, column = place.rpartition(">")[2].partition(".")
        return metadata.tables[table].c[column]
    attribute = inspect(entity).all_orm_descriptors.get(name)
    prop = getattr(attribute, "property", None)
    if isinstance(prop, RelationshipProperty):
        if name == TAGS:  # what a filter names is the tag
            return Tagging.tag_id
        (local,) = prop.local_columns
        return local
    return getattr(entity, name)


def beside(entity: type[Any]) -> dict[str, str]:
    """Return the columns of other tables by which an entity is filtered: name → "table.column".

    What its lines name is reached through their key: "line.key>table.column".
    """
    return getattr(entity, "__beside__", {})


def _of_beside(entity: type[Any], met: ColumnElement[bool], place: str) -> ColumnElement[bool]:
    """Return the condition that some row beside a record meets another one."""
    way, _through, last = place.rpartition(">")
    table, _dot, key = (way or last).partition(".")
    rows = metadata.tables[table]
    keys = sa.select(rows.c[f"{entity.__stem__}_id"]).where(met)
    if way:
        (to,) = rows.c[key].foreign_keys
        keys = keys.join(to.column.table, to.column == rows.c[key])
    found: ColumnElement[bool] = inspect(entity).columns["id"].in_(keys)
    return found


def operators_of(column: Any) -> tuple[str, ...]:
    """Return the operators that a column knows; the first is what a plain form offers."""
    if special := special_of(column):
        return (*CHOICE, *special)
    known = comparison.operators_of(column)
    is_owner = known is CHOICE and column.key == "owner_id" and handover_kinds.is_owner(column)
    return (*known, IDLE, GIVEN) if is_owner else known


def typed(column: Any, value: Any) -> Any:
    """Return a filter's value in the column's type; DomainError when it is none."""
    try:
        if value == MINE and (mine := _mine(column)) is not None:
            return mine
        return read(column.type, value)
    except (ValueError, OverflowError, InvalidOperation, DomainError):
        raise DomainError(_("“%(value)s” is no value to filter by here", value=str(value)[:60])) from None


def read(kind: Any, value: Any) -> Any:
    """Return a value in a column's type. Raises ValueError, OverflowError, InvalidOperation or DomainError."""
    return comparison.read(kind, value, today)


def _mine(column: Any) -> frozenset[int] | None:
    """Return the reader's own key for a column of users, his teams' for one of teams, None for any other."""
    targets = {key.column.table.name for key in column.foreign_keys}
    if not targets & {"ab_user", "team"}:
        return None
    reader = access.current(db.session())
    if reader is None or reader.user_id is None:
        return frozenset()
    return frozenset({reader.user_id}) if "ab_user" in targets else access.own_teams(db.session(), reader)


def conditions(entity: type[Any], wanted: Iterable[Wanted], declared: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of the filters, all to be met.

    Raises DomainError for a column that is not declared, an operator its type does not know, or a value of no use.
    """
    names, groups = set(declared), dict[int, list[Wanted]]()
    for one in wanted:
        if one.column not in names:
            raise DomainError(_("One cannot filter by “%(column)s”", column=one.column[:60]), field=one.column[:60])
        groups.setdefault(one.group, []).append(one)
    every = groups.pop(0, [])
    parts = (*every, *(Group("any", tuple(some)) for some in groups.values()))
    return [condition.compiled(part, partial(_of_one, entity)) for part in parts]


def _of_one(entity: type[Any], one: Wanted) -> ColumnElement[bool]:
    """Return the condition of one filter."""
    column = column_of(entity, one.column)
    if entity is Party and one.column == SEGMENT:
        return _in_segment(one)
    made = _tagged(entity, one) if one.column == TAGS else _condition(entity, column, one)
    place = beside(entity).get(one.column)
    return made if place is None else _of_beside(entity, made, place)


def _tagged(entity: type[Any], one: Wanted) -> ColumnElement[bool]:
    """Return the condition for tags, by their keys or words."""
    if one.operator not in CHOICE:
        raise DomainError(_("Unknown operator “%(operator)s”", operator=str(one.operator)[:20]), field=one.column)
    if one.operator == "empty":
        return tags.having(entity, "empty", _empty(one.value))
    return tags.having(entity, one.operator, values(one.value) if one.operator == "in" else str(one.value)[:200])


def _in_segment(one: Wanted) -> ColumnElement[bool]:
    """Return the condition that a counterparty is in a segment; of one that asks what the reader may not see nobody is.

    A refusal would leave the filter out, and the list would show everybody.
    """
    if one.operator not in {"eq", "neq"}:
        raise DomainError(_("Unknown operator “%(operator)s”", operator=str(one.operator)[:20]), field=one.column)
    session = db.session()
    found = access.get(session, Segment, typed(Segment.__table__.c.id, one.value))
    if found is None:
        return sa.false()
    try:
        members = segments.members(session, found, at=clock.now())
    except DomainError:
        return sa.false()
    return Party.id.in_(members) if one.operator == "eq" else Party.id.not_in(members)


def _condition(entity: type[Any], column: Any, one: Wanted) -> ColumnElement[bool]:
    if one.operator not in operators_of(column):
        raise DomainError(_("Unknown operator “%(operator)s”", operator=str(one.operator)[:20]), field=one.column)
    if (special := special_of(column).get(one.operator)) is not None:
        found_by = special.condition(db.session())
        return found_by if _empty(one.value) else sa.not_(found_by)
    if one.operator == IDLE:
        idle = handover_kinds.idle(entity)
        return idle if _empty(one.value) else sa.not_(idle)
    if one.operator == GIVEN:
        return handovers.received(entity, typed(Handover.__table__.c.id, one.value))
    if one.operator in FROM_TODAY:
        return _from_today(column, one)
    if one.operator == "in":
        found = [typed(column, each) for each in values(one.value)]
        value: Any = [key for each in found for key in (each if isinstance(each, frozenset) else [each])]
    elif one.operator == "empty":
        value = _empty(one.value)
    else:
        value = typed(column, one.value)
    if isinstance(value, frozenset) and one.operator in OF_MINE:
        return OF_MINE[one.operator](column, value)
    return compared(column, one.operator, value)


def _from_today(column: Any, one: Wanted) -> ColumnElement[bool]:
    try:
        return from_today(column, one.operator, one.value, today())
    except (ValueError, OverflowError):
        raise DomainError(_("“%(value)s” is no value to filter by here", value=str(one.value)[:60])) from None


def _empty(value: Any) -> bool:
    try:
        return truth(value)
    except ValueError:
        return True
