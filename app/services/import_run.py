"""The life of an import: set up, queued, running chunk by chunk, done or failed, and where a killed one goes on.

Progress is stored in the transaction that stores the rows it speaks of, and only by whoever stands where the run
stands (`progress`): two workers on one run cannot do a row twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.orm import Session

from app import outbox
from app.errors import Conflict, DomainError
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.attachment import Attachment
from app.models.import_run import IMPORT_MOVES, ImportProblem, ImportRun, ImportState
from app.models.party import Party
from app.services import access
from app.services import attachment as attachments

TOPIC = "import.run"
SHOWN = 50


@dataclass
class Chunk:
    """What came of some rows of the file.

    Shape: `problems` are the columns of ImportProblem without the run; `warnings` are [row, text].
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    duplicate: int = 0
    rejected: int = 0
    warned: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[list[Any]] = field(default_factory=list)

    def add(self, other: "Chunk") -> None:
        """Add what came of further rows; only the first problems and warnings are kept."""
        for name in ("read", "created", "updated", "duplicate", "rejected", "warned"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems[: max(SHOWN - len(self.problems), 0)]
        self.warnings += other.warnings[: max(SHOWN - len(self.warnings), 0)]


def result_of(run: ImportRun) -> Chunk:
    """Return what has come of a run so far."""
    kept = run.report or {}
    names = ("row", "column", "reason")
    return Chunk(
        read=run.read_rows,
        created=run.created_rows,
        updated=run.updated_rows,
        duplicate=run.duplicate_rows,
        rejected=run.rejected_rows,
        warned=run.warned_rows,
        problems=[dict(zip(names, one, strict=True)) for one in kept.get("problems", [])],
        warnings=list(kept.get("warnings", [])),
    )


def make(
    session: Session,
    source: BinaryIO,
    *,
    files: Path,
    name: str,
    at: datetime,
    entity: str = Party.__stem__,
) -> ImportRun:
    """Keep a file that is to be imported, as records with a stem; the run belongs to the actor."""
    actor = access.required(session)
    run = ImportRun(entity=entity, file_name=attachments.plain_name(name), mapping={}, options={}, report={})
    access.give_to_actor(session, run)
    session.add(run)
    session.flush()
    run.file = attachments.store(
        session,
        source,
        files=files,
        name=name,
        media_type="text/csv",
        entity=ImportRun.__stem__,
        record_id=run.id,
        purpose="import",
        at=at,
        by_id=actor.user_id,
    )
    session.flush()
    return run


def set_up(
    run: ImportRun,
    *,
    encoding: str,
    delimiter: str,
    total_rows: int,
    mapping: dict[str, str],
    options: dict[str, Any],
    ignored: Sequence[str] = (),
) -> None:
    """Say how the file is read and what is done with its rows; a run that has begun refuses."""
    if run.state is not ImportState.draft:
        raise DomainError(_("This import has begun; its settings stay as they are"), field="state")
    if not total_rows:
        raise DomainError(_("The file has column names and no rows below them"), field="file")
    run.encoding, run.delimiter, run.total_rows = encoding, delimiter, total_rows
    run.mapping, run.options = dict(mapping), dict(options)
    run.report = {"ignored": list(ignored)[:SHOWN]}


def queue(session: Session, run: ImportRun, *, at: datetime, for_worker: bool = True, later: bool = False) -> None:
    """Make a run ready to start, and hand it to the worker.

    Whoever runs it himself says `later`: the worker then only takes over what is unfinished after a while.
    """
    move(IMPORT_MOVES, run, ImportState.queued)
    run.message, run.ended_at = None, None
    if for_worker:
        due_at = at + outbox.LEASE if later else at
        outbox.enqueue(session, TOPIC, run.id, due_at=due_at, actor_id=run.owner_id)


def start(run: ImportRun, *, at: datetime) -> bool:
    """Begin a queued run, or go on with one that was killed; False when there is nothing to do."""
    return run.begin(at=at)


def progress(session: Session, run_id: int, *, done: int, chunk: Chunk, report: dict[str, Any]) -> dict[str, Any]:
    """Store what came of the rows after the first `done`, and return the report with it.

    Raises Conflict when somebody else has gone on from there: what was stored with it must be rolled back.
    """
    problems = [[one["row"], one["column"], one["reason"]] for one in chunk.problems]
    grown = dict(report)
    for name, found in (("problems", problems), ("warnings", chunk.warnings)):
        kept = list(report.get(name, []))
        grown[name] = kept + found[: SHOWN - len(kept)]
    moved = session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state == ImportState.running, ImportRun.read_rows == done)
        .values(
            read_rows=ImportRun.read_rows + chunk.read,
            created_rows=ImportRun.created_rows + chunk.created,
            updated_rows=ImportRun.updated_rows + chunk.updated,
            duplicate_rows=ImportRun.duplicate_rows + chunk.duplicate,
            rejected_rows=ImportRun.rejected_rows + chunk.rejected,
            warned_rows=ImportRun.warned_rows + chunk.warned,
            report=grown,
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict
    if chunk.problems:
        session.execute(insert(ImportProblem), [one | {"run_id": run_id} for one in chunk.problems])
    return grown


def problems(session: Session, run_id: int, *, most: int = 1000) -> Iterator[Row[Any]]:
    """Read the rows that were not imported, in the order of the file, a thousand at a time.

    Shape: row, column, reason, cells.
    """
    wanted = select(
        ImportProblem.id, ImportProblem.row, ImportProblem.column, ImportProblem.reason, ImportProblem.cells
    ).where(ImportProblem.run_id == run_id)
    last = 0
    while page := session.execute(wanted.where(ImportProblem.id > last).order_by(ImportProblem.id).limit(most)).all():
        yield from page
        last = page[-1].id


def finish(session: Session, run: ImportRun, *, at: datetime, errors: Attachment | None) -> None:
    """End a run; its problems are in the file of errors now."""
    move(IMPORT_MOVES, run, ImportState.done)
    run.ended_at = at
    run.errors = errors
    session.execute(delete(ImportProblem).where(ImportProblem.run_id == run.id))


def unfinished(session: Session, *, sha256: str, mapping: dict[str, str], options: dict[str, Any]) -> ImportRun | None:
    """Return the actor's newest run of this file with these settings that was killed or has failed half-way."""
    found = (
        select(ImportRun)
        .join(Attachment, Attachment.id == ImportRun.file_id)
        .where(
            Attachment.sha256 == sha256,
            ImportRun.owner_id.is_not_distinct_from(access.required(session).user_id),
            ImportRun.state.in_([ImportState.queued, ImportState.running, ImportState.failed]),
        )
        .order_by(ImportRun.id.desc())
    )
    runs = session.execute(found).scalars()
    return next((run for run in runs if run.mapping == mapping and run.options == options), None)
