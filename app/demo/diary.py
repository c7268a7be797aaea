"""Telling the past: what services do for the demo happened on a day of the story, by somebody of the story."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, func, select, update
from sqlalchemy.orm import Session

from app.models.base import Entity
from app.models.history import FieldChange, StateChange
from app.services import access
from app.services.access import Actor


class Diary:
    """Dates history as the story tells it: the listener that writes it knows only the present."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @contextmanager
    def entry(self, at: datetime, by: Actor) -> Iterator[list[Entity]]:
        """Let somebody do something at a moment; records put into the list get the moment as their last change."""
        before = {of: self._last(of) for of in (FieldChange, StateChange)}
        touched: list[Entity] = []
        with access.acting(self.session, by):
            yield touched
            self.session.flush()
        for of, last in before.items():
            self._write(cast("Table", of.__table__), last, at=at)
        for record in touched:
            table = cast("Table", type(record).__table__)
            self.session.connection().execute(update(table).where(table.c.id == record.id).values(changed_at=at))
            self.session.expire(record, ["changed_at"])

    def _last(self, of: type[Any]) -> int:
        return self.session.execute(select(func.max(of.id))).scalar() or 0

    def _write(self, table: Table, last: int, *, at: datetime) -> None:
        self.session.connection().execute(update(table).where(table.c.id > last).values(at=at))
