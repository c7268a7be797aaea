"""Looking at background work: what waits too long, what has failed, what may be forgotten."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from app import outbox
from app.models.base import entity_of
from app.models.job import Job
from app.outbox import Errand, Outbox
from app.services import access

LATE = timedelta(seconds=60)
KEPT = timedelta(days=30)


_NOUNS = {"import": "import_run", "bulk": "bulk_run"}  # topics that name their record by another word


def stem_of(topic: str) -> str:
    """Return the stem of the records that a topic is about."""
    noun = topic.partition(".")[0]
    return _NOUNS.get(noun, noun)


def record_of(session: Session, job: Outbox) -> Any:  # noqa: ANN401 -- of any class
    """Return the record that a job is about, None when there is none."""
    entity = entity_of(stem_of(job.topic))
    return access.get(session, entity, job.record_id) if entity is not None and job.record_id is not None else None


def broke_off(session: Session, job_id: int, *, at: datetime) -> None:
    """Note at a record that shows its own progress that its job has failed for good: it runs no more."""
    job = session.get(Outbox, job_id)
    record = record_of(session, job) if job is not None and job.state is Errand.failed else None
    if isinstance(record, Job) and record.is_under_way:
        record.break_off(at=at)


def retry(session: Session, job: Outbox, *, at: datetime) -> None:
    """Let a failed job run once more; a record that shows its progress waits again."""
    outbox.retry(session, job, at=at)
    record = record_of(session, job)
    if isinstance(record, Job) and record.state == "failed":
        record.queue_again()


def delay(session: Session, *, at: datetime) -> timedelta:
    """Return for how long the oldest job has been waiting that should have begun; a dead worker's counts too."""
    since = case((Outbox.state == Errand.claimed, Outbox.lease_until), else_=Outbox.due_at)
    waiting = or_(
        and_(Outbox.state == Errand.pending, Outbox.due_at <= at),
        and_(Outbox.state == Errand.claimed, Outbox.lease_until <= at),
    )
    oldest: datetime | None = session.execute(select(func.min(since)).where(waiting)).scalar()
    return at - oldest if oldest is not None else timedelta(0)


def is_late(session: Session, *, at: datetime) -> bool:
    """Say whether background work stands still: `/health` is red then."""
    return delay(session, at=at) > LATE


def failed_of(session: Session, topic: str, record_id: int) -> Outbox | None:
    """Return the job of a record that has failed for good, None when a newer one waits, runs or has succeeded."""
    newest = (
        select(Outbox).where(Outbox.topic == topic, Outbox.record_id == record_id).order_by(Outbox.id.desc()).limit(1)
    )
    job = session.execute(newest).scalar_one_or_none()
    return job if job is not None and job.state is Errand.failed else None


def forget(session: Session, *, at: datetime) -> int:
    """Delete jobs that were done long ago; failed ones stay until somebody has seen to them."""
    gone = session.execute(
        delete(Outbox)
        .where(Outbox.state == Errand.done, Outbox.done_at < at - KEPT)
        .execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]
