"""How one value is compared with another: the operators of lists, of REST and of segments, and how values are read.

What is written is text or JSON; what comes of it has the type of the column that it is compared with. Days may be
named from today ("last_month") or counted from it; `at` says which day that is, and in whose time zone.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from app.columns import Exact, Instant, limit_of
from app.services.named_days import PERIODS
from app.services.named_days import span as period

Compare = Callable[[Any, Any], ColumnElement[bool]]
LONGEST_VALUE = 200
MOST_VALUES = 500
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Today:
    """Which day it is for whoever asks, and in which time zone."""

    day: date
    zone: str = "UTC"


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
OPERATORS: dict[str, Compare] = {
    "eq": lambda column, value: column == value,
    "neq": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "lt": lambda column, value: column < value,
    "ge": lambda column, value: column >= value,
    "le": lambda column, value: column <= value,
    "ct": lambda column, value: column.ilike(f"%{like(value)}%", escape="\\"),
    "sw": lambda column, value: column.ilike(f"{like(value)}%", escape="\\"),
    "in": lambda column, value: column.in_(value),
    "empty": lambda column, value: column.is_(None) if value else column.is_not(None),
}
# Days counted from today, by how many: within the last ones, longer ago than them, within the next ones.
FROM_TODAY = ("last", "over", "next")
TEXT = ("ct", "eq", "neq", "sw", "in", "empty")
RANGE = ("eq", "neq", "gt", "lt", "ge", "le", "empty")
CHOICE = ("eq", "neq", "in", "empty")
YES_NO = ("eq",)


def like(value: str) -> str:
    """Return a text as a pattern of LIKE that means itself."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def operators_of(column: Any) -> tuple[str, ...]:  # noqa: ANN401 -- a column of any table
    """Return the operators that a column's type knows; the first is what a plain form offers."""
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return YES_NO
    if isinstance(kind, sa.Enum) or column.foreign_keys or getattr(column, "info", {}).get("of"):
        return CHOICE
    if isinstance(kind, sa.Date | Instant):
        return (*RANGE, *FROM_TODAY)
    if isinstance(kind, sa.Integer | Exact):
        return RANGE
    return TEXT


def read(kind: Any, value: Any, today: Callable[[], Today]) -> Any:  # noqa: ANN401 -- any type of column
    """Return a value in a column's type. Raises ValueError, OverflowError, InvalidOperation or DomainError."""
    if isinstance(kind, sa.Date | Instant):
        return _days(kind, str(value), today)
    if isinstance(kind, sa.Boolean):
        return truth(value)
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return kind.enum_class(str(value))
    if isinstance(kind, sa.Integer):
        return _whole(kind, value)
    if isinstance(kind, Exact):
        return kind.fit(Decimal(str(value)))
    if isinstance(value, enum.Enum | dict | list):
        raise ValueError(value)  # noqa: TRY004 -- bad input, not a bug
    return str(value)[:LONGEST_VALUE]


def from_today(column: Any, operator: str, value: Any, today: Today) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that a day or moment lies so many days from today. Raises ValueError, OverflowError."""
    count = int(str(value))
    if not 0 < count <= MOST_DAYS:
        raise ValueError(value)
    ahead = operator == "next"
    first = today.day if ahead else today.day - timedelta(days=count - 1)
    found = span_of(column.type, first, first + timedelta(days=count), today.zone)
    if operator == "over":
        before: ColumnElement[bool] = column < found.begins
        return before
    return OF_SPAN["eq"](column, found)


def values(value: Any) -> Sequence[Any]:  # noqa: ANN401 -- text or JSON
    """Return the values of a list that was given as JSON, or as text with commas."""
    return (value if isinstance(value, list) else str(value).split(","))[:MOST_VALUES]


def compared(column: Any, operator: str, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 -- already read
    """Return the condition that a column compares so with a value that was read."""
    compare: Any = OF_SPAN if isinstance(value, Span) else OPERATORS
    condition: ColumnElement[bool] = compare[operator](column, value)
    return condition


def truth(value: Any) -> bool:  # noqa: ANN401 -- text or JSON
    """Read yes or no. Raises ValueError."""
    known = {"1": True, "true": True, "y": True, "0": False, "false": False, "n": False}
    found = known.get(str(value).lower())
    if found is None:
        raise ValueError(value)
    return found


def span_of(kind: Any, first: date, after: date, zone: str) -> Span:  # noqa: ANN401 -- a type of column
    """Return days as a column keeps them: days, or the moments at which they begin for the reader."""
    if not isinstance(kind, Instant):
        return Span(first, after)
    return Span(*(datetime.combine(each, time(), ZoneInfo(zone)).astimezone(UTC) for each in (first, after)))


def _days(kind: Any, text: str, today: Callable[[], Today]) -> date | datetime | Span:  # noqa: ANN401
    """Read a day, days named from today, or a moment."""
    if text in PERIODS:
        now = today()
        return span_of(kind, *period(text, today=now.day), now.zone)
    return _moment(kind, text, today) if isinstance(kind, Instant) else date.fromisoformat(text)


def _moment(kind: Instant, text: str, today: Callable[[], Today]) -> datetime | Span:
    """Read a moment, which is UTC when it names no zone, or a whole day of the reader."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return span_of(kind, day, day + timedelta(days=1), today().zone)


def _whole(kind: Any, value: Any) -> int:  # noqa: ANN401
    number = int(str(value))
    if abs(number) >= limit_of(kind):
        raise ValueError(value)
    return number
