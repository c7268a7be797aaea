"""Values of bulk runs: put into a record and read back as history keeps them, links by the key of the other record."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import inspect
from sqlalchemy.orm import MANYTOONE, Session

from app.columns import Exact, Instant
from app.errors import DomainError
from app.i18n import gettext as _
from app.services.history import plain

Values = Mapping[str, Any]
_READ: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Exact, Decimal),
    (Instant, datetime.fromisoformat),
    (sa.Date, date.fromisoformat),
)


def standing(record: object, names: Iterable[str]) -> dict[str, Any]:
    """Return what stands in the columns of a record."""
    return {name: plain(getattr(record, name)) for name in names}


def typed(column: Any, value: Any) -> Any:  # noqa: ANN401 -- any column, any value
    """Return a kept value in its column's type."""
    if value is None:
        return None
    of = getattr(column.type, "enum_class", None)
    if of is not None:
        return of(value)
    return next((read(value) for kind, read in _READ if isinstance(column.type, kind)), value)


def link_of(entity: type[Any], name: str) -> Any:  # noqa: ANN401 -- SQLAlchemy's relationship
    """Return the link to another record that a column holds the key of, None when it holds none."""
    for relation in inspect(entity).relationships:
        columns = [column.key for column in relation.local_columns]
        if relation.direction is MANYTOONE and columns == [name]:
            return relation
    return None


class Targets:
    """The records that new values name, each asked for once; only those that the actor may see."""

    def __init__(self, session: Session, entity: type[Any], values: Iterable[Values]) -> None:
        self.entity = entity
        self.links: dict[str, Any] = {}
        self.found: dict[str, dict[int, Any]] = {}
        wanted: dict[str, set[int]] = {}
        for each in values:
            for name, key in each.items():
                wanted.setdefault(name, set())
                if key is not None:
                    wanted[name].add(key)
        for name, keys in wanted.items():
            link = link_of(entity, name)
            if link is None:
                continue
            self.links[name] = link
            target = link.mapper.class_
            query = sa.select(target).where(target.id.in_(keys))
            self.found[name] = {one.id: one for one in session.scalars(query).unique()} if keys else {}

    def put(self, record: object, values: Values) -> None:
        """Put values into a record. Raises DomainError when one names a record that is not there for the actor."""
        columns = inspect(self.entity).columns
        for name, value in values.items():
            link = self.links.get(name)
            if link is None:
                setattr(record, name, typed(columns[name], value))
            elif value is None:
                setattr(record, link.key, None)
            elif value in self.found[name]:
                setattr(record, link.key, self.found[name][value])
            else:
                raise DomainError(_("A record that this one names does not exist (any more)"), field=link.key)
