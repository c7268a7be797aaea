"""State machines as tables: a state, the states it may go to, and one mover that refuses."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of

S = TypeVar("S", bound=StrEnum)
Moves = Mapping[S, frozenset[S]]


def allowed(moves: Moves[S], state: S) -> frozenset[S]:
    """Return the states that may follow `state`; empty for an end state."""
    return moves.get(state, frozenset())


def refuse(moves: Moves[S], record: Any, to: S, *, attribute: str = "state") -> None:  # noqa: ANN401 -- any record with a state
    """Raise DomainError when the table has no move from the record's state to another."""
    now = getattr(record, attribute)
    if to not in allowed(moves, now):
        raise DomainError(
            _("This cannot be done while the state is “%(state)s”", state=label_of(now)),
            field=attribute,
        )


def move(moves: Moves[S], record: Any, to: S, *, attribute: str = "state") -> None:  # noqa: ANN401 -- any record with a state
    """Set the record's state, or refuse with a DomainError when the table has no such move."""
    refuse(moves, record, to, attribute=attribute)
    setattr(record, attribute, to)
