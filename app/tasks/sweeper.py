"""The worker's own round, every few seconds: finds what no ring announced, starts what is due daily, shows it lives.

It runs as a thread beside the tasks. Two sweepers on one database harm nobody: a ring too many finds nothing to do,
and a day's slot is a row with a unique name.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import unit_of_work
from app.models.setting import Setting
from app.services.vital import HEARTBEAT
from app.tasks import registry, running

EVERY = 5.0  # seconds
BEAT_EVERY = timedelta(seconds=10)
RING_AGAIN = 3  # rounds: a row that waits behind others is not rung at every one
MOST_MEMORY = 600  # MB
_SLOT = "daily "
_log = logging.getLogger(__name__)


class Sweeper:
    """Goes its round in a thread until it is stopped."""

    def __init__(self, app: Flask, ring: Callable[[int, str], None], *, every: float = EVERY) -> None:
        self._app = app
        self._ring = ring
        self._every = every
        self._ring_again = timedelta(seconds=RING_AGAIN * every)
        self._stopped = threading.Event()
        self._rung: dict[int, datetime] = {}
        self._beaten = datetime.min.replace(tzinfo=clock.now().tzinfo)
        self._thread = threading.Thread(target=self._serve, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin the rounds."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current round."""
        self._stopped.set()
        self._thread.join(self._every)

    def round(self, at: datetime) -> int:
        """Go once: heartbeat, daily work, rings for rows that wait; return how many were rung."""
        with self._app.app_context():
            beating = at - self._beaten >= BEAT_EVERY
            if beating:
                with registry.fresh_session(what="sweeper") as session, unit_of_work(session):
                    beat(session, at=at)
                with registry.fresh_session(what="sweeper") as session:
                    enqueue_daily(session, at=at)
                self._beaten = at
            with registry.fresh_session(what="sweeper") as session:
                waiting = outbox.due(session, at=at)
        self._rung = {row_id: when for row_id, when in self._rung.items() if at - when < self._ring_again}
        found = [(row_id, topic) for row_id, topic in waiting if row_id not in self._rung]
        for row_id, topic in found:
            self._ring(row_id, topic)
            self._rung[row_id] = at
        if beating:
            self._look_after(at)
        return len(found)

    def _look_after(self, at: datetime) -> None:
        """Let the nouns bring back what crashes have left; what breaks here has kept no ring from anybody."""
        with self._app.app_context():
            for look in registry.rounds():
                with registry.fresh_session(what="sweeper") as session, unit_of_work(session):
                    look(session, at)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                self.round(clock.now())
            except Exception as problem:  # noqa: BLE001 -- the outermost edge: a database that is away comes back
                _log.error("the sweeper's round failed: %s", running.described(problem))
            self._watch()
            self._stopped.wait(self._every)

    def _watch(self) -> None:
        """Leave when a handler hangs or the memory has grown; the supervisor starts the worker anew."""
        work = running.hung(clock.now())
        if work is not None:
            _log.critical("%s (%s) hangs: the worker ends itself", work.name, work.topic)
            os._exit(70)
        if memory() > MOST_MEMORY:
            _log.warning("the worker has grown beyond %s MB: it ends when its tasks are done", MOST_MEMORY)
            os.kill(os.getpid(), signal.SIGTERM)


def memory() -> int:
    """Return the memory of this process. Units: MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def beat(session: Session, *, at: datetime) -> None:
    """Note that a worker lives."""
    kept = session.get(Setting, HEARTBEAT) or Setting(name=HEARTBEAT)
    kept.value = at.isoformat()
    session.add(kept)


def enqueue_daily(session: Session, *, at: datetime) -> list[str]:
    """Enqueue what is due today and was not yet; return the topics."""
    due = [topic for topic, when in registry.schedule() if when <= at.time()]
    slots = {topic: f"{_SLOT}{topic} {at.date().isoformat()}" for topic in due}
    taken = set(session.execute(select(Setting.name).where(Setting.name.in_(slots.values()))).scalars())
    return [topic for topic, slot in slots.items() if slot not in taken and _take(session, topic, slot, at)]


def _take(session: Session, topic: str, slot: str, at: datetime) -> bool:
    """Enqueue a topic under the unique name of its slot; False when another sweeper was first."""
    try:
        with unit_of_work(session):
            session.add(Setting(name=slot, value=at.isoformat()))
            session.flush()
            outbox.enqueue(session, topic, due_at=at)
            session.execute(delete(Setting).where(Setting.name.like(f"{_SLOT}{topic} %"), Setting.name < slot))
    except IntegrityError:
        return False
    return True


def slot_days(session: Session, topic: str) -> list[date]:
    """Return the days whose slot of a topic is still noted."""
    names = session.execute(select(Setting.name).where(Setting.name.like(f"{_SLOT}{topic} %")).order_by(Setting.name))
    return [date.fromisoformat(name.rpartition(" ")[2]) for name in names.scalars()]


def heartbeat_of(value: Any) -> datetime | None:  # noqa: ANN401 -- JSON
    """Read the moment of a heartbeat."""
    return datetime.fromisoformat(value) if isinstance(value, str) else None
