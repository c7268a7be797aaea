"""Pages by key: a page begins after the last row of the one before, so that page 4,000 costs what page 1 costs.

A cursor is the ordering values of one row. Rows come in the order that the database's own indexes have: an empty value
is the greatest on PostgreSQL and the least on SQLite.
"""

import base64
import binascii
import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, and_, false, or_, tuple_

from app.errors import DomainError
from app.services.comparison import Span
from app.web.filters import read

LONGEST = 2_000


@dataclass(frozen=True)
class Term:
    """One column that a list is ordered by; `down` is from the greatest to the least.

    `by` is what the database orders by where that is not the column itself.
    """

    column: Any
    down: bool = False
    by: Any = None

    @property
    def expression(self) -> Any:
        """Return what the database orders by and compares."""
        return self.column if self.by is None else self.by

    def clause(self, *, backward: bool = False) -> Any:
        """Return the ORDER BY clause, or the one that reads the rows from their end."""
        return self.expression.desc() if self.down != backward else self.expression.asc()


@dataclass(frozen=True)
class Page:
    """One page of rows, with the cursors of the pages after and before it; an empty one when there is none."""

    rows: list[Any]
    after: str = ""
    before: str = ""


def cursor_of(values: Sequence[Any]) -> str:
    """Return a row's ordering values as text for an address."""
    plain = json.dumps([_plain(value) for value in values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def values_of(cursor: str, terms: Sequence[Term]) -> list[Any] | None:
    """Return the ordering values of a cursor, None when it does not belong to this order."""
    if not cursor or len(cursor) > LONGEST:
        return None
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(raw, list) or len(raw) != len(terms):
        return None
    try:
        return [_typed(term.column.type, value) for term, value in zip(terms, raw, strict=True)]
    except (ValueError, ArithmeticError, TypeError, DomainError):
        return None


def beyond(
    terms: Sequence[Term], values: Sequence[Any], *, backward: bool = False, empty_is_least: bool
) -> ColumnElement[bool]:
    """Return the condition for the rows that come after the values in this order, or before them.

    Columns without empty values that run in one direction are compared as one row, which an index answers at once.
    """
    downs = {term.down != backward for term in terms}
    if len(downs) == 1 and not any(_may_be_empty(term.column) for term in terms):
        row, standing = tuple_(*(term.expression for term in terms)), tuple_(*map(_bound, terms, values))
        return row < standing if downs.pop() else row > standing
    steps = []
    for at, (term, value) in enumerate(zip(terms, values, strict=True)):
        same = [_equal(one.expression, known) for one, known in zip(terms[:at], values[:at], strict=True)]
        steps.append(and_(*same, _past(term, value, down=term.down != backward, empty_is_least=empty_is_least)))
    return or_(*steps)


def _bound(term: Term, value: Any) -> Any:
    return sa.literal(value, term.column.type)


def _past(term: Term, value: Any, *, down: bool, empty_is_least: bool) -> ColumnElement[bool]:
    """Return the condition for values strictly further on than one, the empty one included where it comes later."""
    column, empty_is_later = term.expression, down if empty_is_least else not down
    if value is None:
        return false() if empty_is_later else column.is_not(None)
    further: ColumnElement[bool] = column < value if down else column > value
    return or_(further, column.is_(None)) if empty_is_later and _may_be_empty(term.column) else further


def _equal(column: Any, value: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.is_(None) if value is None else column == value
    return found


def _may_be_empty(column: Any) -> bool:
    return bool(getattr(column, "nullable", True))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _typed(kind: Any, value: Any) -> Any:
    """Return a cursor's value in its column's type; whatever it raises makes the cursor none."""
    if value is None:
        return None
    if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum):
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(value)
        return value
    found = read(kind, str(value))
    if isinstance(found, Span):  # "last month" is no place in an order
        raise ValueError(value)  # noqa: TRY004 -- bad input, not a bug
    return found
