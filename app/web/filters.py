"""Filters of lists and of REST: (column, operator, value) triples, typed and checked against what a view declares.

Nothing is kept on the view: every request reads its own. A column that is not declared cannot be asked about, so
it is no oracle for hidden values.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import RelationshipProperty

from app import clock
from app.columns import Exact, Instant, limit_of
from app.db import db, metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.handover import Handover
from app.models.tag import Tagging
from app.services import access, handover_kinds
from app.services import handover as handovers
from app.services import tag as tags
from app.web.locale import choose_time_zone
from app.web.periods import PERIODS
from app.web.periods import span as period
from app.web.special_filters import special_of

Compare = Callable[[Any, Any], ColumnElement[bool]]


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True)
class Span:
    """Days of the reader: from the first moment or day up to the first one after them."""

    begins: Any
    ends: Any


# What an operator means for a column of days or moments and several days.
OF_SPAN: dict[str, Callable[[Any, Span], ColumnElement[bool]]] = {
    "eq": lambda column, span: sa.and_(column >= span.begins, column < span.ends),
    "neq": lambda column, span: sa.or_(column < span.begins, column >= span.ends),
    "gt": lambda column, span: column >= span.ends,
    "lt": lambda column, span: column < span.begins,
    "ge": lambda column, span: column >= span.begins,
    "le": lambda column, span: column < span.ends,
}
# What an operator means for "mine": several records at once.
OF_MINE: dict[str, Callable[[Any, frozenset[int]], ColumnElement[bool]]] = {
    "eq": lambda column, keys: column.in_(keys),
    "neq": lambda column, keys: sa.or_(column.not_in(keys), column.is_(None)),
}
TAGS = "tags"  # of every entity whose cards take tags
MINE = "mine"  # a person: the reader; a team: his own and those below it
IDLE, GIVEN = "idle", "given"  # of an owner: nobody is working on the record; it changed hands in a hand-over
OPERATORS: dict[str, Compare] = {
    "eq": lambda column, value: column == value,
    "neq": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "lt": lambda column, value: column < value,
    "ge": lambda column, value: column >= value,
    "le": lambda column, value: column <= value,
    "ct": lambda column, value: column.ilike(f"%{_like(value)}%", escape="\\"),
    "sw": lambda column, value: column.ilike(f"{_like(value)}%", escape="\\"),
    "in": lambda column, value: column.in_(value),
    "empty": lambda column, value: column.is_(None) if value else column.is_not(None),
}
_TEXT = ("ct", "eq", "neq", "sw", "in", "empty")
_RANGE = ("eq", "neq", "gt", "lt", "ge", "le", "empty")
_CHOICE = ("eq", "neq", "in", "empty")


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
        table, _dot, column = place.partition(".")
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
    """Return the columns of other tables by which an entity is filtered: name → "table.column"."""
    return getattr(entity, "__beside__", {})


def _of_beside(entity: type[Any], condition: ColumnElement[bool], column: Any) -> ColumnElement[bool]:
    """Return the condition that some row beside a record meets another one."""
    link = column.table.c[f"{entity.__stem__}_id"]
    found: ColumnElement[bool] = inspect(entity).columns["id"].in_(sa.select(link).where(condition))
    return found


def operators_of(column: Any) -> tuple[str, ...]:
    """Return the operators that a column's type knows; the first is what a plain form offers."""
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return ("eq",)
    if special := special_of(column):
        return (*_CHOICE, *special)
    if isinstance(kind, sa.Enum) or column.foreign_keys or getattr(column, "info", {}).get("of"):
        return (*_CHOICE, IDLE, GIVEN) if column.key == "owner_id" and handover_kinds.is_owner(column) else _CHOICE
    if isinstance(kind, sa.Integer | Exact | sa.Date | Instant):
        return _RANGE
    return _TEXT


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
    if isinstance(kind, sa.Date | Instant):
        return _days(kind, str(value))
    if isinstance(kind, sa.Boolean):
        return _truth(value)
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return kind.enum_class(str(value))
    if isinstance(kind, sa.Integer):
        return _whole(kind, value)
    if isinstance(kind, Exact):
        return kind.fit(Decimal(str(value)))
    if isinstance(value, enum.Enum | dict | list):
        raise ValueError(value)  # noqa: TRY004 -- bad input, not a bug
    return str(value)[:200]


def _days(kind: Any, text: str) -> date | datetime | Span:
    """Read a day, days named from today, or a moment."""
    if text in PERIODS:
        return _span(kind, *period(text, today=clock.today(choose_time_zone())))
    return _moment(kind, text) if isinstance(kind, Instant) else date.fromisoformat(text)


def _moment(kind: Instant, text: str) -> datetime | Span:
    """Read a moment, which is UTC when it names no zone, or a whole day of the reader."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _span(kind, day, day + timedelta(days=1))


def _span(kind: Any, first: date, after: date) -> Span:
    """Return days as a column keeps them: days, or the moments at which they begin for the reader."""
    if not isinstance(kind, Instant):
        return Span(first, after)
    zone = ZoneInfo(choose_time_zone())
    return Span(*(datetime.combine(each, time(), zone).astimezone(UTC) for each in (first, after)))


def _mine(column: Any) -> frozenset[int] | None:
    """Return the reader's own key for a column of users, his teams' for one of teams, None for any other."""
    targets = {key.column.table.name for key in column.foreign_keys}
    if not targets & {"ab_user", "team"}:
        return None
    reader = access.current(db.session())
    if reader is None or reader.user_id is None:
        return frozenset()
    return frozenset({reader.user_id}) if "ab_user" in targets else access.own_teams(db.session(), reader)


def _truth(value: Any) -> bool:
    known = {"1": True, "true": True, "y": True, "0": False, "false": False, "n": False}
    found = known.get(str(value).lower())
    if found is None:
        raise ValueError(value)
    return found


def _whole(kind: Any, value: Any) -> int:
    number = int(str(value))
    if abs(number) >= limit_of(kind):
        raise ValueError(value)
    return number


def conditions(entity: type[Any], wanted: Iterable[Wanted], declared: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of the filters, all to be met.

    Raises DomainError for a column that is not declared, an operator its type does not know, or a value of no use.
    """
    names = set(declared)
    groups: dict[int, list[ColumnElement[bool]]] = {}
    for one in wanted:
        if one.column not in names:
            raise DomainError(_("One cannot filter by “%(column)s”", column=one.column[:60]), field=one.column[:60])
        column = column_of(entity, one.column)
        made = _tagged(entity, one) if one.column == TAGS else _condition(entity, column, one)
        if one.column in beside(entity):
            made = _of_beside(entity, made, column)
        groups.setdefault(one.group, []).append(made)
    every = groups.pop(0, [])
    return [*every, *(sa.or_(*some) for some in groups.values())]


def _tagged(entity: type[Any], one: Wanted) -> ColumnElement[bool]:
    """Return the condition for tags, by their keys or words."""
    if one.operator not in _CHOICE:
        raise DomainError(_("Unknown operator “%(operator)s”", operator=str(one.operator)[:20]), field=one.column)
    if one.operator == "empty":
        return tags.having(entity, "empty", _empty(one.value))
    several = one.value if isinstance(one.value, list) else str(one.value).split(",")
    return tags.having(entity, one.operator, several[:500] if one.operator == "in" else str(one.value)[:200])


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
    if one.operator == "in":
        values = one.value if isinstance(one.value, list) else str(one.value).split(",")
        found = [typed(column, each) for each in values[:500]]
        value: Any = [key for each in found for key in (each if isinstance(each, frozenset) else [each])]
    elif one.operator == "empty":
        value = _empty(one.value)
    else:
        value = typed(column, one.value)
    if isinstance(value, frozenset) and one.operator in OF_MINE:
        return OF_MINE[one.operator](column, value)
    compare: Any = OF_SPAN if isinstance(value, Span) else OPERATORS
    condition: ColumnElement[bool] = compare[one.operator](column, value)
    return condition


def _empty(value: Any) -> bool:
    try:
        return _truth(value)
    except ValueError:
        return True
