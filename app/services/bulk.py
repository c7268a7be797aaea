"""Bulk runs: chosen once, done portion by portion, each record by the same door as its form, stopped, undone.

What came of a portion is stored in the transaction that changes its records, by whoever holds the run's row: two
workers on one run cannot do a record twice, and a killed run goes on with those that wait.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import unit_of_work
from app.errors import Conflict, DomainError, NotAllowed
from app.i18n import gettext as _
from app.i18n import in_language
from app.lifecycle import move
from app.models.bulk_run import BULK_MOVES, EDIT, BulkOutcome, BulkRow, BulkRun, BulkState
from app.services import access, bulk_door
from app.services.bulk_door import Door
from app.services.bulk_row import Done, Worker
from app.services.bulk_user import Starter, starter

TOPIC = "bulk.run"
MOST = 100_000  # records of one run
PORTION = 200  # records of one transaction; others write between two
FROZEN_AT_ONCE = 5_000
QUIET_FROM = 100  # a run of more records tells nobody of each single one
KEPT = timedelta(days=30)  # how long a run can be looked at and undone


# --- starting ---------------------------------------------------------------------------------------------------------


def make(
    session: Session,
    entity: str,
    keys: Iterable[int],
    *,
    act: str = EDIT,
    given: dict[str, Any] | None = None,
    query: str | None = None,
) -> BulkRun:
    """Freeze the records that a run is about; it belongs to the actor.

    Raises DomainError when there are none or more than 100,000.
    """
    run = _new(session, entity, act, given=given, query=query)
    walk = iter(keys)
    total = 0
    while some := list(islice(walk, FROZEN_AT_ONCE)):
        total += len(some)
        refuse_many(total)
        session.execute(insert(BulkRow), [{"run_id": run.id, "record_id": key} for key in some])
    if not total:
        raise DomainError(_("There is no record to change"))
    run.total_rows = total
    return run


def _new(session: Session, entity: str, act: str, **about: Any) -> BulkRun:  # noqa: ANN401 -- values of columns
    run = BulkRun(entity=entity, act=act, state=BulkState.queued, given=about.pop("given", None) or {}, **about)
    access.give_to_actor(session, run)
    session.add(run)
    session.flush()
    return run


def refuse_many(count: int) -> None:
    """Raise DomainError when so many records are too many for one run."""
    if count > MOST:
        raise DomainError(_("At most 100,000 records can be changed at once. Narrow the selection with a filter."))


def undo(session: Session, run: BulkRun) -> BulkRun:
    """Make the run that takes back what a run has done; it belongs to the actor.

    Raises DomainError when there is nothing to take back, or when that was asked for already.
    """
    act = way_back(run)
    if act is None:
        raise DomainError(_("There is nothing to undo here"), field="state")
    session.refresh(run, with_for_update=True)
    standing = select(BulkRun.id).where(BulkRun.undoes_id == run.id, BulkRun.state != BulkState.failed)
    with access.everything(session, why="what somebody else has undone is not undone twice"):
        if session.execute(standing.limit(1)).first() is not None:
            raise DomainError(_("This has been undone already"), field="state")
    made = _new(session, run.entity, act, given=dict(run.given), undoes_id=run.id)
    changed = select(BulkRow.record_id).where(BulkRow.run_id == run.id, BulkRow.outcome == BulkOutcome.changed)
    keys = session.scalars(changed.order_by(BulkRow.id)).all()
    session.execute(insert(BulkRow), [{"run_id": made.id, "record_id": key} for key in keys])
    made.total_rows = len(keys)
    return made


def way_back(run: BulkRun) -> str | None:
    """Return the act that takes a run back, None when it has changed nothing or there is no such act."""
    door = bulk_door.of(run.entity)
    if door is None or run.is_under_way or run.undoes_id is not None or not run.changed_rows:
        return None
    return door.undoing(run.act)


def queue(session: Session, run: BulkRun, *, at: datetime, later: bool = False) -> None:
    """Hand a run to the worker.

    Whoever runs it himself says `later`: the worker then only takes over what is unfinished after a while.
    """
    outbox.enqueue(session, TOPIC, run.id, due_at=at + outbox.LEASE if later else at, actor_id=run.owner_id)


def cancel(session: Session, run: BulkRun, *, at: datetime) -> None:
    """Stop a run; what it has changed stays, and can be undone. Raises DomainError when it is over."""
    session.refresh(run, with_for_update=True)
    if not run.is_under_way:
        raise DomainError(_("This is over already"), field="state")
    move(BULK_MOVES, run, BulkState.cancelled)
    run.ended_at = at


# --- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a run goes on: what the time is, what is called between the portions, when no transaction is open.

    Units: `pause` in seconds, for others who wait to write.
    """

    now: Callable[[], datetime] = clock.now
    watch: Callable[[], None] = lambda: None
    pause: float = 0


def go(open_session: Callable[[], Session], run_id: int, *, pace: Pace | None = None) -> None:
    """Do a run, or go on with one that was killed; nothing happens when it is over.

    It acts for whoever started it, in his language, with the rights that he has now.
    """
    pace = pace or Pace()
    session = open_session()
    with access.acting(session, access.SYSTEM), unit_of_work(session):
        run = access.get(session, BulkRun, run_id)
        if run is None or not run.begin(at=pace.now()):
            return
        who = starter(session, run.owner_id)
        door = _door(session, run, who, at=pace.now())
        quiet, session.info["quiet"] = session.info.get("quiet"), run.total_rows > QUIET_FROM
    try:
        with access.acting(session, who.actor), in_language(who.language):
            while door is not None and _next(session, run_id, door, pace):
                time.sleep(pace.pause)
    finally:
        session.info["quiet"] = quiet


def _next(session: Session, run_id: int, door: Door, pace: Pace) -> bool:
    """Do a portion in a transaction of its own; say whether there may be more."""
    pace.watch()
    with unit_of_work(session):
        return _portion(session, run_id, door, at=pace.now())


def _door(session: Session, run: BulkRun, who: Starter, *, at: datetime) -> Door | None:
    """Return the door to the records, None when the run has failed for want of it or of the right to use it."""
    door = bulk_door.of(run.entity)
    try:
        if door is None or not door.knows(run.act):
            raise NotAllowed(f"{run.entity}.{run.act}")
        who.require(session, *door.right(run.act))
    except NotAllowed:
        with in_language(who.language):
            run.break_off(at=at, message=_("Whoever started this may not do it any more"))
        return None
    return door


def _portion(session: Session, run_id: int, door: Door, *, at: datetime) -> bool:
    """Do the next records of a run and note what came of each; say whether there may be more."""
    with access.acting(session, access.SYSTEM):
        found = select(BulkRun).where(BulkRun.id == run_id).with_for_update()
        run = session.scalars(found.execution_options(populate_existing=True)).one()
    if run.state is not BulkState.running:
        return False
    waiting = select(BulkRow.id, BulkRow.record_id).where(
        BulkRow.run_id == run_id, BulkRow.outcome == BulkOutcome.waiting
    )
    rows = session.execute(waiting.order_by(BulkRow.id).limit(PORTION)).all()
    if not rows:
        move(BULK_MOVES, run, BulkState.done)
        run.ended_at = at
        return False
    keys = [row.record_id for row in rows]
    worker = Worker(session, door, run, keys, at=at)
    done = [worker.do(key) for key in keys]
    _note(session, run_id, run.done_rows, [row.id for row in rows], done)
    return True


def _note(session: Session, run_id: int, before: int, row_ids: Sequence[int], done: Sequence[Done]) -> None:
    """Keep what came of some records. Raises Conflict when somebody else has gone on from there."""
    session.execute(update(BulkRow), [{"id": key} | one.columns() for key, one in zip(row_ids, done, strict=True)])
    count = {outcome: sum(one.outcome is outcome for one in done) for outcome in BulkOutcome}
    moved = session.execute(
        update(BulkRun)
        .where(BulkRun.id == run_id, BulkRun.state == BulkState.running, BulkRun.done_rows == before)
        .values(
            done_rows=BulkRun.done_rows + len(done),
            changed_rows=BulkRun.changed_rows + count[BulkOutcome.changed],
            same_rows=BulkRun.same_rows + count[BulkOutcome.same],
            refused_rows=BulkRun.refused_rows + count[BulkOutcome.refused],
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict


# --- looking ----------------------------------------------------------------------------------------------------------


def rows(session: Session, run_id: int, *outcomes: BulkOutcome, after: int = 0, most: int = 100) -> Sequence[BulkRow]:
    """Return the records of a run that came out so, in their order, those behind one when it is named."""
    found = select(BulkRow).where(BulkRow.run_id == run_id, BulkRow.id > after)
    if outcomes:
        found = found.where(BulkRow.outcome.in_(outcomes))
    return session.scalars(found.order_by(BulkRow.id).limit(most)).all()


def all_rows(session: Session, run_id: int, *, most: int = 1000) -> Iterator[Sequence[BulkRow]]:
    """Read all records of a run, some at a time."""
    last = 0
    while page := rows(session, run_id, after=last, most=most):
        last = page[-1].id
        yield page


def undone_by(session: Session, run: BulkRun) -> BulkRun | None:
    """Return the run that undoes another, None when nobody has asked for it."""
    found = select(BulkRun).where(BulkRun.undoes_id == run.id).order_by(BulkRun.id.desc()).limit(1)
    return session.scalars(found).one_or_none()


def under_way(session: Session, user_id: int) -> Sequence[BulkRun]:
    """Return somebody's runs that wait or run, the oldest first."""
    found = select(BulkRun).where(BulkRun.owner_id == user_id, BulkRun.state.in_([BulkState.queued, BulkState.running]))
    return session.scalars(found.order_by(BulkRun.id).limit(20)).all()


# --- in the end -------------------------------------------------------------------------------------------------------


def purge(session: Session, *, at: datetime) -> int:
    """Forget the runs that ended more than 30 days ago, with their rows; return how many. What they did stays."""
    with access.everything(session, why="runs of everybody are kept for the same time"):
        gone = session.execute(delete(BulkRun).where(BulkRun.ended_at < at - KEPT).returning(BulkRun.id)).all()
    return len(gone)
