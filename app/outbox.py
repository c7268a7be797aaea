"""The outbox: work that must happen after a commit, written as a row in the same transaction.

`enqueue(session, "invoice.render", 7)` promises that the handler of the topic will run for record 7, exactly once as
far as the database is concerned: the row is the truth, the message broker is only a doorbell that carries its id. A
worker claims a row (`pending → claimed` with a token and a lease), does the slow work without a transaction, and
finishes it fenced by the token. What a crash leaves claimed goes back to pending when the lease has run out.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.columns import Choice, Instant, Key
from app.db import Model, after_commit
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l


class Errand(StrEnum):
    """The life of a row: failed ones wait for a person."""

    pending = "pending"
    claimed = "claimed"
    done = "done"
    failed = "failed"


label(Errand, pending=_l("Waiting"), claimed=_l("Running"), done=_l("Done"), failed=_l("Failed"))

LEASE = timedelta(minutes=10)
BACK_OFF = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
_doorbell: Callable[[int, str], None] | None = None


class Outbox(Model):
    """One piece of work: a topic, the record it is about, and what became of it."""

    __tablename__ = "outbox"
    __stem__ = "job"  # what people and screens call a row
    __unrecorded__ = True  # its states are its history; what a job changes is recorded with the records themselves
    __table_args__ = (
        Index("ix_outbox_state_due_at", "state", "due_at"),
        Index("ix_outbox_topic_record_id", "topic", "record_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    topic: Mapped[str] = mapped_column(String(60))
    record_id: Mapped[int | None] = mapped_column(Key)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[Errand] = mapped_column(Choice(Errand), default=Errand.pending)
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    due_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(Instant())
    tries: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column(Instant())
    actor_id: Mapped[int | None] = mapped_column(Integer)

    def __str__(self) -> str:
        return self.topic if self.record_id is None else f"{self.topic} {self.record_id}"


def ring_with(doorbell: Callable[[int, str], None] | None) -> None:
    """Choose what is called with (row id, topic) after the commit: the dispatcher of the worker."""
    global _doorbell  # noqa: PLW0603 -- one doorbell per process
    _doorbell = doorbell


def enqueue(
    session: Session,
    topic: str,
    record_id: int | None = None,
    *,
    due_at: datetime | None = None,
    actor_id: int | None = None,
    **payload: Any,  # noqa: ANN401 -- JSON values
) -> Outbox:
    """Write work into the outbox; it starts after the commit, or never when the transaction is rolled back."""
    row = Outbox(topic=topic, record_id=record_id, payload=payload, due_at=due_at or clock.now(), actor_id=actor_id)
    session.add(row)
    session.flush()
    row_id = row.id

    def ring() -> None:
        if _doorbell is not None:
            _doorbell(row_id, topic)

    after_commit(session, ring)
    return row


def claim(session: Session, row_id: int, *, at: datetime, lease: timedelta = LEASE) -> Outbox | None:
    """Take a due row for oneself; None when it is done, not due, or somebody else's."""
    token = secrets.token_hex(16)
    taken = session.execute(
        update(Outbox)
        .where(Outbox.id == row_id, Outbox.due_at <= at, _free(at))
        .values(state=Errand.claimed, token=token, lease_until=at + lease, tries=Outbox.tries + 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return session.execute(
        select(Outbox).where(Outbox.id == row_id).execution_options(populate_existing=True)
    ).scalar_one()


def _free(at: datetime) -> Any:  # noqa: ANN401
    return or_(Outbox.state == Errand.pending, (Outbox.state == Errand.claimed) & (Outbox.lease_until < at))


def finish(session: Session, row_id: int, token: str, *, at: datetime) -> bool:
    """Mark a claimed row as done; False when the claim was lost meanwhile and the result must be thrown away."""
    return _end(session, row_id, token, state=Errand.done, done_at=at, error=None)


def renew(session: Session, row_id: int, token: str, *, until: datetime) -> bool:
    """Hold a claim for longer; False when it was lost meanwhile."""
    held = session.execute(
        update(Outbox)
        .where(Outbox.id == row_id, Outbox.token == token, Outbox.state == Errand.claimed)
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )
    return bool(held.rowcount == 1)  # type: ignore[attr-defined]


def fail(
    session: Session, row_id: int, token: str, error: str, *, tries: int, at: datetime, final: bool = False
) -> bool:
    """Note why a try failed: back to waiting with a growing delay, or failed for good after the last.

    Takes the token of the claim and no row: a row read again could carry the token of the next claimant.
    """
    if final or tries > len(BACK_OFF):
        return _end(session, row_id, token, state=Errand.failed, done_at=at, error=error[:4000])
    due = at + BACK_OFF[max(tries, 1) - 1]
    return _end(session, row_id, token, state=Errand.pending, due_at=due, error=error[:4000])


def _end(session: Session, row_id: int, token: str, **values: Any) -> bool:  # noqa: ANN401
    ended = session.execute(
        update(Outbox)
        .where(Outbox.id == row_id, Outbox.token == token, Outbox.state == Errand.claimed)
        .values(token=None, lease_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    return bool(ended.rowcount == 1)  # type: ignore[attr-defined]


def retry(session: Session, row: Outbox, *, at: datetime) -> None:
    """Let a failed row run once more. Raises DomainError for one that has not failed."""
    if row.state is not Errand.failed:
        raise DomainError(_("Only a failed job can be tried again"), field="state")
    row.state, row.due_at, row.tries, row.error, row.done_at = Errand.pending, at, 0, None, None
    row_id, topic = row.id, row.topic
    after_commit(session, lambda: _doorbell(row_id, topic) if _doorbell is not None else None)


def due(session: Session, *, at: datetime, most: int = 100) -> list[tuple[int, str]]:
    """Return (id, topic) of rows that wait although they are due: what a crash or a lost ring left behind."""
    found = session.execute(
        select(Outbox.id, Outbox.topic).where(Outbox.due_at <= at, _free(at)).order_by(Outbox.id).limit(most)
    )
    return [(row.id, row.topic) for row in found]
