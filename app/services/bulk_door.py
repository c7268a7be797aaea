"""How bulk runs come to an entity: the same door as its form, declared by its screen and found by its stem.

The worker has no screens: whoever starts it says by `use` where doors are found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session, selectinload

from app.errors import DomainError
from app.models.bulk_run import DELETE, EDIT, UNDELETE, UNDO
from app.models.deleted_record import DeletedRecord
from app.services import bin as bins

Act = Callable[[Session, Any, datetime], object]


@dataclass(frozen=True, kw_only=True)
class Door:
    """What a bulk run needs of an entity.

    `save` holds the rules of storing; `may_edit(record)` says whether its state lets it be edited; `narrow(query)`
    cuts a query to the screen's own records; `verbs` are acts without arguments; `explain` turns what the database
    refuses into a text; `label` names a column; `takes_back` maps a verb to the one that undoes it; `remove` holds the
    rules of deleting.
    """

    entity: type[Any]
    save: Callable[[Session, Any], None] | None
    may_edit: Callable[[Any], bool]
    narrow: Callable[[Any], Any]
    verbs: Mapping[str, Act]
    explain: Callable[[Any], DomainError]
    label: Callable[[str], str]
    area: str
    options: Sequence[Any] = field(default=())
    takes_back: Mapping[str, str] = field(default_factory=dict)
    remove: Callable[[Session, Any], None] | None = None

    def undoing(self, act: str) -> str | None:
        """Return the act that takes another back, None when nothing does."""
        if act == DELETE:
            return UNDELETE if bins.is_kept(self.entity) else None
        return UNDO if act == EDIT else self.takes_back.get(act)

    def knows(self, act: str) -> bool:
        """Say whether there is such an act."""
        return act in {EDIT, UNDO, DELETE, UNDELETE} or act in self.verbs

    def right(self, act: str) -> tuple[str, str]:
        """Return what one must be allowed to, for an act: area and right."""
        if act == UNDELETE:
            return DeletedRecord.__stem__, "restore"
        return self.area, "change" if act in {EDIT, UNDO} else act

    def records(self, session: Session, keys: Sequence[int], *, whole: bool = False) -> dict[int, Any]:
        """Return the records of these keys that the actor may see, by key; `whole` with the rows that they own."""
        query = self.narrow(session.query(self.entity)).filter(self.entity.id.in_(keys))
        options = [*self.options, *(self._owned() if whole else [])]
        return {record.id: record for record in query.options(*options).populate_existing()}

    def _owned(self) -> list[Any]:
        """Return loaders of the rows that live and die with a record: saving it judges them too."""
        relations = inspect(self.entity).relationships
        return [selectinload(getattr(self.entity, each.key)) for each in relations if each.cascade.delete_orphan]


_find: Callable[[str], Door | None] | None = None


def use(find: Callable[[str], Door | None]) -> None:
    """Say where the door of a stem is found."""
    global _find  # noqa: PLW0603 -- one place per process
    _find = find


def of(stem: str) -> Door | None:
    """Return the door of a stem, None when it has none."""
    return _find(stem) if _find is not None else None
