"""The log of exports: a row before the first byte, completed at the end; and what was read over REST, day by day."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.models.export_run import LONGEST_REASON, ExportFormat, ExportKind, ExportRun, ExportState
from app.models.history import Act
from app.money import format_decimal
from app.services import access, audit, export_alarm, export_rule
from app.services.access import Actor
from app.services.export_rule import Terms

_PIECE = 1 << 20


def begin(
    session: Session,
    run: ExportRun,
    *,
    verb: str,
    by: Actor,
    at: datetime,
    whom_to_ask: str = "",
    record_id: int | None = None,
) -> ExportRun:
    """Note that somebody takes rows away, before he has the first of them; tell his head of an unusual amount.

    Raises DomainError at `rows` for more rows than his role may take, at `reason` for a reason that is missing or long.
    """
    rule = export_rule.rule(session)
    about = {"right": (run.area, verb), "entity": run.entity, "rows": run.expected_rows}
    require(export_rule.terms(session, rule, **about), run, whom_to_ask=whom_to_ask)  # type: ignore[arg-type]
    run.owner_id, run.team_id = by.user_id, by.team_id
    run.created_at, run.request_id = at, session.info.get("request_id")
    run.state, run.rows = ExportState.begun, 0
    session.add(run)
    session.flush()
    told = {"format": run.format, "filter": run.query, "rows": run.expected_rows, "reason": run.reason, "run": run.id}
    changes = {name: [None, value] for name, value in told.items()}
    audit.note(session, Act.export, entity=run.entity, record_id=record_id, changes=changes, at=at)
    export_alarm.look(session, run, rule, by=by, at=at)
    return run


def require(terms: Terms, run: ExportRun, *, whom_to_ask: str = "") -> None:
    """Raise DomainError for an export that does not keep to its terms."""
    run.reason = (run.reason or "").strip() or None
    if terms.is_too_large(run.expected_rows):
        raise DomainError(too_large(terms, run.expected_rows, whom_to_ask), field="rows")
    if terms.needs_reason and run.reason is None:
        raise DomainError(_("Say what you need these rows for"), field="reason")
    if run.reason is not None and len(run.reason) > LONGEST_REASON:
        raise DomainError(_("At most %(most)s characters", most=LONGEST_REASON), field="reason")


def too_large(terms: Terms, rows: int, whom_to_ask: str) -> str:
    """Say how many rows may leave in one file, and what to do."""
    most, told = (format_decimal(Decimal(each or 0), language()) for each in (terms.most_rows, rows))
    about = {"most": most, "rows": told, "people": whom_to_ask or "—"}
    return _(
        "Your role takes at most %(most)s rows in one file, and these are %(rows)s. "
        "Filter the list further, or ask for a higher cap: %(people)s.",
        **about,
    )


def end(
    session: Session,
    run_id: int,
    *,
    state: ExportState,
    rows: int,
    size: int,
    sha256: str | None,
    at: datetime,
) -> None:
    """Note how an export ended: how many rows and bytes were written, and the file's hash when all of it was."""
    values = {"state": state, "rows": rows, "size": size, "sha256": sha256, "ended_at": at, "changed_at": at}
    with access.everything(session, why="the log is written whatever its subject may see of it"):
        session.execute(
            update(ExportRun)
            .where(ExportRun.id == run_id, ExportRun.state == ExportState.begun)
            .values(**values, version=ExportRun.version + 1)
            .execution_options(synchronize_session=False)
        )


# --- REST -------------------------------------------------------------------------------------------------------------


def note_read(session: Session, read: Mapping[str, int], *, by: Actor, at: datetime) -> None:
    """Add rows read over REST, by entity, to those of this person and day; tell his head of an unusual amount."""
    run: ExportRun | None = None
    with access.everything(session, why="the log is written whatever its subject may see of it"):
        for entity, rows in sorted(read.items()):
            run = _of_day(session, entity, by=by, at=at)
            run.rows = run.expected_rows = run.rows + rows
            run.changed_at = run.ended_at = at
        session.flush()
    if run is not None:
        export_alarm.look(session, run, export_rule.rule(session), by=by, at=at)


def _of_day(session: Session, entity: str, *, by: Actor, at: datetime) -> ExportRun:
    own = select(ExportRun).where(
        ExportRun.owner_id == by.user_id, ExportRun.entity == entity, ExportRun.read_on == at.date()
    )
    kept = session.execute(own.with_for_update()).scalar_one_or_none()
    if kept is None:
        kept = ExportRun(kind=ExportKind.rest, area=entity, entity=entity, format=ExportFormat.json, read_on=at.date())
        kept.owner_id, kept.team_id, kept.created_at = by.user_id, by.team_id, at
        kept.state, kept.rows, kept.query = ExportState.done, 0, f"/api/v1/{entity}/"
        session.add(kept)
    return kept


# --- whose file is it -------------------------------------------------------------------------------------------------


def sha256_of(source: BinaryIO) -> str:
    """Return the SHA-256 of a stream."""
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def of_file(sha256: str) -> Select[ExportRun]:
    """Return the exports that made a file, as far as the reader sees them, the newest first."""
    return select(ExportRun).where(ExportRun.sha256 == sha256).order_by(ExportRun.id.desc())
