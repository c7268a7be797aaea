"""Does one row of the outbox: claim it, call its handler, note how it ended.

A crash at any point leaves a claimed row whose lease runs out; whoever is rung next begins anew. A handler that
raises is tried again with a growing delay; a refusal (DomainError) is final at once, since a person must act.
"""

import logging
import threading
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import unit_of_work
from app.errors import DomainError
from app.services import job as jobs
from app.services import notification as notifications
from app.tasks.registry import Handler, LostClaim, Work, fresh_session, handler_of

MOST_CLAIMS = 10  # a row that was claimed so often and never ended has killed the worker each time
_log = logging.getLogger(__name__)
_busy: dict[int, tuple[Work, datetime]] = {}


def run_row(row_id: int, *, settings: Mapping[str, Any]) -> bool:
    """Do the work of a row if it is due and free; say whether it was done here and now."""
    work, handler = _claimed(row_id, settings)
    if work is None:
        return False
    if handler is None:
        _failed(work, f"nothing handles {work.topic}", final=True)
        return False
    thread = threading.get_ident()
    _busy[thread] = (work, clock.now() + handler.limit)
    try:
        handler.act(work)
        if not work.finished:
            with work.storing():
                pass
    except LostClaim:
        _log.warning("%s (%s) was taken over by another worker", work.name, work.topic)
        return False
    except DomainError as refusal:
        _failed(work, str(refusal), final=True)
        return False
    except Exception as problem:  # noqa: BLE001 -- the outermost edge of a job: it must be seen, not lost
        _failed(work, described(problem), final=False)
        return False
    finally:
        _busy.pop(thread, None)
    return True


def hung(at: datetime) -> Work | None:
    """Return work that has gone on beyond its handler's limit."""
    return next((work for work, limit in list(_busy.values()) if limit < at), None)


def described(problem: BaseException) -> str:
    """Return what an error says and where it arose, in one line."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    text = next(iter(str(problem).splitlines()), "")
    return f"{type(problem).__name__}: {text}{where}"


def _claimed(row_id: int, settings: Mapping[str, Any]) -> tuple[Work | None, Handler | None]:
    with fresh_session(what=f"job {row_id}") as session, unit_of_work(session):
        at = clock.now()
        row = outbox.claim(session, row_id, at=at)
        if row is None or row.token is None:
            return None, None
        handler = handler_of(row.topic)
        if row.tries > MOST_CLAIMS:
            error = row.error or f"the worker died {MOST_CLAIMS} times over this"
            _note_failure(session, row.id, row.token, error, tries=row.tries, final=True)
            return None, None
        if handler is not None:
            row.lease_until = at + handler.lease
        work = Work(
            row_id=row.id,
            topic=row.topic,
            record_id=row.record_id,
            payload=dict(row.payload or {}),
            tries=row.tries,
            actor_id=row.actor_id,
            token=row.token,
            lease=handler.lease if handler else outbox.LEASE,
            settings=settings,
        )
    return work, handler


def _failed(work: Work, error: str, *, final: bool) -> None:
    _log.error("%s (%s) failed at try %s: %s", work.name, work.topic, work.tries, error)
    with fresh_session(what=work.name) as session, unit_of_work(session):
        _note_failure(session, work.row_id, work.token, error, tries=work.tries, final=final)


def _note_failure(session: Session, row_id: int, token: str, error: str, *, tries: int, final: bool) -> None:
    """Note a failed try; after the last one the record that shows its progress says so, and people are told."""
    at = clock.now()
    if outbox.fail(session, row_id, token, error, tries=tries, at=at, final=final):
        session.expire_all()  # the row may have been read by the claim
        jobs.broke_off(session, row_id, at=at)
        notifications.job_failed(session, row_id, at=at)
