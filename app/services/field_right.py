"""Rights to single fields: what stands in a sensitive one is for those who may see it, and changed by those who may.

An entity declares `__guards__ = {"bank_account": ("bank_accounts",)}`: these columns, links and properties need the
rights of the area "party.bank_account" (see, change) besides those to the record; "=invoice" stands for the area of
another noun, whose right to see decides. A field that belongs to no guard is
read and written with the record. Nothing is hidden from the system; without a reader everything guarded is.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.errors import NotAllowed
from app.roles import CHANGE, SEE
from app.services import access

VERBS = (SEE, CHANGE)


def guards(entity: type[Any]) -> Mapping[str, str]:
    """Return the area of each guarded field of an entity: {"bank_accounts": "party.bank_account"}."""
    stem = getattr(entity, "__stem__", "")
    declared: Mapping[str, tuple[str, ...]] = getattr(entity, "__guards__", {})
    return {name: _area(stem, guard) for guard, names in declared.items() for name in names}


def _area(stem: str, guard: str) -> str:
    """Return the area of a guard: a part of the entity's own, or with a "=" before it that of another noun."""
    return guard.removeprefix("=") if guard.startswith("=") else f"{stem}.{guard}"


def areas(entity: type[Any]) -> list[str]:
    """Return the areas that an entity has for its guarded fields alone, as declared."""
    own = f"{getattr(entity, '__stem__', '')}."
    return [area for area in dict.fromkeys(guards(entity).values()) if area.startswith(own)]


def hidden(session: Session, entity: type[Any], action: str = SEE) -> frozenset[str]:
    """Return the fields of an entity that the session's actor may not see, or not change."""
    guarded = guards(entity)
    if not guarded:
        return frozenset()
    actor = access.current(session)
    if actor is None:
        return frozenset(guarded)
    return frozenset(name for name, area in guarded.items() if not actor.has(area, action) or not actor.has(area, SEE))


def is_searched_openly(session: Session, entity: type[Any]) -> bool:
    """Say whether the session's actor may see all that the search text of an entity holds."""
    return not hidden(session, entity) & getattr(entity, "__searched_guarded__", frozenset())


def require(session: Session, record: Any) -> None:  # noqa: ANN401 -- any mapped record
    """Raise NotAllowed when a guarded field of a record was changed by somebody who may not."""
    entity = type(record)
    for name in sorted(hidden(session, entity, CHANGE)):
        state: Any = inspect(record)
        if name in state.mapper.attrs and state.attrs[name].history.has_changes():
            change = state.attrs[name].history
            if [*change.added, *change.deleted] not in ([], [None], [None, None]):
                raise NotAllowed(f"{guards(entity)[name]}.{CHANGE}")
