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

from app.columns import Exact, Instant
from app.errors import DomainError
from app.i18n import gettext as _
from app.web.locale import choose_time_zone

Compare = Callable[[Any, Any], ColumnElement[bool]]


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True)
class Day:
    """A day in the reader's time zone: from its first moment up to the first one of the next day."""

    begins: datetime
    ends: datetime


# What an operator means for a column of moments and a whole day.
OF_DAY: dict[str, Callable[[Any, Day], ColumnElement[bool]]] = {
    "eq": lambda column, day: sa.and_(column >= day.begins, column < day.ends),
    "neq": lambda column, day: sa.or_(column < day.begins, column >= day.ends),
    "gt": lambda column, day: column >= day.ends,
    "lt": lambda column, day: column < day.begins,
    "ge": lambda column, day: column >= day.begins,
    "le": lambda column, day: column < day.ends,
}
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
    """One filter: a declared column, an operator that its type knows, a value as text or JSON."""

    column: str
    operator: str
    value: Any


def column_of(entity: type[Any], name: str) -> Any:
    """Return the SQL column behind a declared name; for a link to another record its foreign key."""
    attribute = inspect(entity).all_orm_descriptors.get(name)
    prop = getattr(attribute, "property", None)
    if isinstance(prop, RelationshipProperty):
        (local,) = prop.local_columns
        return local
    return getattr(entity, name)


def operators_of(column: Any) -> tuple[str, ...]:
    """Return the operators that a column's type knows; the first is what a plain form offers."""
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return ("eq",)
    if isinstance(kind, sa.Enum) or column.foreign_keys or getattr(column, "info", {}).get("of"):
        return _CHOICE
    if isinstance(kind, sa.Integer | Exact | sa.Date | Instant):
        return _RANGE
    return _TEXT


def typed(column: Any, value: Any) -> Any:
    """Return a filter's value in the column's type; DomainError when it is none."""
    kind = column.type
    try:
        if isinstance(kind, sa.Boolean):
            return _truth(value)
        if isinstance(kind, sa.Enum) and kind.enum_class is not None:
            return kind.enum_class(str(value))
        if isinstance(kind, sa.Integer):
            return _whole(value)
        if isinstance(kind, Exact):
            return kind.fit(Decimal(str(value)))
        if isinstance(kind, sa.Date):
            return date.fromisoformat(str(value))
        if isinstance(kind, Instant):
            return _moment(str(value))
    except (ValueError, OverflowError, InvalidOperation, DomainError):
        raise DomainError(_("“%(value)s” is no value to filter by here", value=str(value)[:60])) from None
    if isinstance(value, enum.Enum | dict | list):
        raise DomainError(_("“%(value)s” is no value to filter by here", value=str(value)[:60]))
    return str(value)[:200]


def _moment(text: str) -> datetime | Day:
    """Read a moment, which is UTC when it names no zone, or a whole day of the reader."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    zone = ZoneInfo(choose_time_zone())
    begins, ends = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return Day(begins, ends)


def _truth(value: Any) -> bool:
    known = {"1": True, "true": True, "y": True, "0": False, "false": False, "n": False}
    found = known.get(str(value).lower())
    if found is None:
        raise ValueError(value)
    return found


def _whole(value: Any) -> int:
    number = int(str(value))
    if abs(number) >= 2**63:
        raise ValueError(value)
    return number


def conditions(entity: type[Any], wanted: Iterable[Wanted], declared: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of the filters.

    Raises DomainError for a column that is not declared, an operator its type does not know, or a value of no use.
    """
    names = set(declared)
    found = []
    for one in wanted:
        if one.column not in names:
            raise DomainError(_("One cannot filter by “%(column)s”", column=one.column[:60]), field=one.column[:60])
        column = column_of(entity, one.column)
        if one.operator not in operators_of(column):
            raise DomainError(_("Unknown operator “%(operator)s”", operator=str(one.operator)[:20]), field=one.column)
        if one.operator == "in":
            values = one.value if isinstance(one.value, list) else str(one.value).split(",")
            value: Any = [typed(column, each) for each in values[:500]]
        elif one.operator == "empty":
            value = _empty(one.value)
        else:
            value = typed(column, one.value)
        compare = OF_DAY if isinstance(value, Day) else OPERATORS
        found.append(compare[one.operator](column, value))
    return found


def _empty(value: Any) -> bool:
    try:
        return _truth(value)
    except ValueError:
        return True
