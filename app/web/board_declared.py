"""What a view declares of its boards, and the columns and ways of cards that come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from app.web.totals import Sums
from app.web.verbs import Verb


@dataclass(frozen=True)
class Board:
    """What a board's columns are and what its cards say.

    `by` is a column of choices or a link to one of few records. `moves` names, by the column that a card comes to, the
    verb that brings it there; without any, `by` is changed like a cell of the list, where the reader may. `reason` says
    why a card cannot be moved otherwise. `empty` calls the column of records without a value, which is then always
    there. `ends` are the columns where work is over: nothing lies there for too long.
    """

    by: str
    moves: Mapping[str, str] = field(default_factory=dict)
    title: Sequence[str] = ()
    facts: Sequence[str] = ()
    amount: str = ""
    wip: Mapping[str, int] = field(default_factory=dict)
    rot_after: timedelta | None = None
    ends: frozenset[str] = frozenset()
    empty: Any = ""
    reason: Any = ""


@dataclass
class Column:
    """A column with its head and its first cards; `after` is where its other cards begin."""

    key: str
    value: Any
    label: str
    sums: list[Sums]
    limit: int | None
    url: str
    cards: list[Any] = field(default_factory=list)
    after: str = ""
    record: Any = None  # the linked record that the column stands for, where a view names them itself

    @property
    def count(self) -> int:
        """Return how many records the column has."""
        return sum(one.count for one in self.sums)

    @property
    def is_over(self) -> bool:
        """Say whether more work stands here than should."""
        return self.limit is not None and self.count > self.limit


@dataclass(frozen=True)
class Way:
    """A column that a card may be moved to, and the verb that does it; None where a field is changed."""

    key: str
    label: str
    verb: Verb | None


def key_of(value: Any) -> str:
    """Return a column's value as an address says it; nothing for no value."""
    if value is None:
        return ""
    return str(value.value if isinstance(value, Enum) else value)
