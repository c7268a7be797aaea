"""Values of columns as JSON and back, exactly: one rule per type of a column, the same on both databases."""

import base64
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import JSON, Column, TypeDecorator, null

Plain = Any  # what JSON holds


def packed(column: Column[Any], value: Any, *, is_null: bool) -> Plain:  # noqa: ANN401 -- of the column's type
    """Return a column's value as JSON.

    Shape: None is SQL's NULL; what a JSON column holds stands in a list, so that JSON's own null is another thing.
    Raises TypeError for a type that has no rule: better no deletion than a loss.
    """
    if is_null:
        return None
    if isinstance(column.type, JSON):
        return [value]
    if isinstance(value, Enum):
        value = value.value
    for kind, write in _WRITE.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{column}: no rule for {type(value).__name__}")


def unpacked(column: Column[Any], plain: Plain) -> Any:  # noqa: ANN401 -- of the column's type
    """Return the value that `packed` was given, ready to be inserted."""
    if isinstance(column.type, JSON):
        if plain is None:
            return null()
        return JSON.NULL if plain[0] is None else plain[0]
    if plain is None:
        return None
    of = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    kind = of.python_type
    if kind in _READ:
        return _READ[kind](plain)
    return kind(plain) if issubclass(kind, Enum) else plain


_WRITE: dict[Any, Any] = {
    (bool, int, str, float): lambda value: value,
    (Decimal, uuid.UUID): str,
    (date, time): lambda value: value.isoformat(),  # a moment is a day, too
    timedelta: lambda value: value // timedelta(microseconds=1),
    bytes: lambda value: base64.b64encode(value).decode(),
}
_READ: dict[type[Any], Any] = {
    Decimal: Decimal,
    uuid.UUID: uuid.UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: lambda count: timedelta(microseconds=count),
    bytes: base64.b64decode,
}
