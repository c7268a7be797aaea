"""Which function does which topic of the outbox.

A module `app/tasks/<stem>.py` holds the handlers of a noun; every module of the package is loaded by name.

    @handles("invoice.render", limit=timedelta(minutes=2))
    def render(work: Work) -> None:
        with work.reading() as session: ...    # short: what is needed, as plain data
        made = slow(...)                       # no transaction is open here
        with work.storing() as session: ...    # all or nothing, and only while the claim is ours
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import db, unit_of_work
from app.models.history import Channel
from app.services import access

LEASE = timedelta(minutes=2)
LIMIT = timedelta(minutes=10)


class LostClaim(Exception):
    """Somebody else does this work by now: what was made is thrown away."""


@dataclass(kw_only=True)
class Work:
    """One claimed row of the outbox, for its handler.

    `settings` are those of the installation. The handler must not touch a record outside `reading`, `step` and
    `storing`: the slow part has no transaction.
    """

    row_id: int
    topic: str
    record_id: int | None
    payload: Mapping[str, Any]
    tries: int
    actor_id: int | None
    token: str
    lease: timedelta
    settings: Mapping[str, Any]
    finished: bool = field(default=False, init=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read for the system, without a write lock; nothing is kept."""
        with fresh_session(what=self.name) as session:
            yield session

    @contextmanager
    def step(self) -> Iterator[Session]:
        """Write a part of the work and hold the claim for another lease.

        Raises LostClaim, and keeps nothing, when the claim is somebody else's by now.
        """
        with self._writing() as session:
            yield session
            if not outbox.renew(session, self.row_id, self.token, until=clock.now() + self.lease):
                raise LostClaim(self.name)

    @contextmanager
    def storing(self) -> Iterator[Session]:
        """Write the result and finish the work in one transaction, once.

        Raises LostClaim, and keeps nothing, when the claim is somebody else's by now.
        """
        with self._writing() as session:
            yield session
            if not outbox.finish(session, self.row_id, self.token, at=clock.now()):
                raise LostClaim(self.name)
        self.finished = True

    def hold(self) -> None:
        """Keep the claim for another lease, beside whatever session the handler works with.

        Raises LostClaim when the claim is somebody else's by now.
        """
        with db.session.session_factory() as session:
            access.act_as(session, access.SYSTEM)
            with unit_of_work(session):
                held = outbox.renew(session, self.row_id, self.token, until=clock.now() + self.lease)
        if not held:
            raise LostClaim(self.name)

    @property
    def name(self) -> str:
        """Return what history and logs call this work."""
        return f"job {self.row_id}"

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with fresh_session(what=self.name) as session, unit_of_work(session):
            yield session


@contextmanager
def fresh_session(*, what: str) -> Iterator[Session]:
    """Give the thread a new session that acts for the system; it is closed at the end, whatever was read."""
    db.session.remove()
    session = db.session()
    access.act_as(session, access.SYSTEM)
    session.info |= {"request_id": what, "channel": Channel.job}
    try:
        yield session
    finally:
        db.session.remove()


@dataclass(frozen=True, kw_only=True)
class Handler:
    """The function of a topic.

    Units: `lease` is how long a silent worker keeps the claim; whoever works longer says so by `work.step()`.
    After `limit` the worker is taken for hung. `daily` is the time of day (UTC) at which the topic is enqueued.
    """

    topic: str
    act: Callable[[Work], None]
    lease: timedelta
    limit: timedelta
    daily: time | None


_HANDLERS: dict[str, Handler] = {}
_ROUNDS: list[Callable[[Session, datetime], None]] = []
_Act = Callable[[Work], None]
_Look = TypeVar("_Look", bound=Callable[[Session, datetime], None])


def handles(
    topic: str, *, lease: timedelta = LEASE, limit: timedelta = LIMIT, daily: time | None = None
) -> Callable[[_Act], _Act]:
    """Make a function the handler of a topic; a second one for the same topic is an error of the program."""

    def register(act: _Act) -> _Act:
        if topic in _HANDLERS:
            raise ValueError(f"{topic} has a handler already")
        _HANDLERS[topic] = Handler(topic=topic, act=act, lease=lease, limit=limit, daily=daily)
        return act

    return register


def every_round(look: _Look) -> _Look:
    """Let the sweeper call a short function (session, moment) every few seconds, in a unit of work of its own."""
    _ROUNDS.append(look)
    return look


def rounds() -> list[Callable[[Session, datetime], None]]:
    """Return what the sweeper does besides its own work."""
    return list(_ROUNDS)


def load() -> None:
    """Import every module of the package, so that their handlers are known."""
    from app import tasks

    for found in iter_modules(tasks.__path__):
        import_module(f"{tasks.__name__}.{found.name}")


def handler_of(topic: str) -> Handler | None:
    """Return the handler of a topic."""
    return _HANDLERS.get(topic)


def topics() -> set[str]:
    """Return the topics that something handles."""
    return set(_HANDLERS)


def schedule() -> list[tuple[str, time]]:
    """Return what is enqueued every day: (topic, time of day in UTC)."""
    return sorted((one.topic, one.daily) for one in _HANDLERS.values() if one.daily is not None)
