"""Rows read over REST: counted in memory, and written to the log of exports some hundred at a time.

A written row for every page that a machine reads would cost more than the page. What a process has counted and not yet
written, fewer than LEAST rows per person, is lost when it ends.
"""

from collections import Counter
from threading import Lock

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app import clock
from app.db import db, unit_of_work
from app.services import access
from app.services import export_run as exports
from app.web import looking

LEAST = 200
NAME = "rows_read"


class RowsRead:
    """What each person has read and nobody has written down yet: by account, by entity."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._read: dict[int, Counter[str]] = {}

    def add(self, user_id: int, entity: str, rows: int) -> Counter[str]:
        """Count rows; return what is due to be written, which is then forgotten here."""
        with self._lock:
            read = self._read.setdefault(user_id, Counter())
            read[entity] += rows
            return self._read.pop(user_id) if read.total() >= LEAST else Counter()


def note(entity: str, rows: int) -> None:
    """Count rows that the reader has just been sent; who looks as somebody else has read them himself."""
    work = db.session()
    looker = looking.looker()
    user_id = looker.id if looker is not None else access.required(work).user_id
    if user_id is None or not rows:
        return
    kept: RowsRead = current_app.extensions.setdefault(NAME, RowsRead())
    due = kept.add(user_id, entity, rows)
    if not due:
        return
    with looking.oneself(work) as actor:
        try:
            _write(due, actor)
        except IntegrityError:  # another process has begun this person's day in the same moment
            _write(due, actor)


def _write(due: Counter[str], actor: access.Actor) -> None:
    with unit_of_work(db.session()) as session:
        exports.note_read(session, due, by=actor, at=clock.now())
