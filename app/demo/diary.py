"""Telling the past: what services do for the demo happened on a day of the story, by somebody of the story."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from sqlalchemy import Table, update
from sqlalchemy.orm import Session

from app.models.base import Entity
from app.models.history import Channel
from app.services import access, history
from app.services.access import Actor


class Diary:
    """Dates history as the story tells it: the listener that writes it knows only the present."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @contextmanager
    def entry(self, at: datetime, by: Actor) -> Iterator[list[Entity]]:
        """Let somebody do something at a moment; records put into the list get the moment as their last change."""
        touched: list[Entity] = []
        with (
            access.acting(self.session, by),
            history.dated(self.session, at=at),
            history.by_way(self.session, Channel.demo),
        ):
            yield touched
        for record in touched:
            table = cast("Table", type(record).__table__)
            self.session.connection().execute(update(table).where(table.c.id == record.id).values(changed_at=at))
            self.session.expire(record, ["changed_at"])
