"""What a term is about: one kind of data, how it is found when it is due, and how it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

FOREVER = 0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of data.

    Units: days; `default` holds as long as nobody has changed it, `least` is the shortest term. `due(before)` is the
    statement of the keys that are due; `take` takes some away, None where they are only proposed.
    """

    name: str
    label: Any
    hint: Any
    default: int
    least: int
    due: Callable[[datetime], Select[Any]]
    take: Callable[[Session, Sequence[Any], datetime], None] | None
