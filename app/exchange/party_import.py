"""Importing counterparties from a CSV file: how its rows become records, and what would become of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError
from app.exchange import import_running
from app.exchange.csv_file import CsvFile, Row
from app.exchange.import_running import Store, chunks, problem
from app.exchange.party_csv import Layout, layout
from app.exchange.party_field import FIELDS
from app.i18n import gettext as _
from app.models.import_run import ImportRun
from app.models.organisation import Organisation
from app.models.party import Party
from app.roles import CHANGE
from app.services import field_right
from app.services.import_party import store
from app.services.import_rows import Mode, Outcome, Result, Seen
from app.services.import_run import Chunk


@dataclass(frozen=True)
class Plan:
    """What is to be done with the rows of a file.

    Shape: `mapping` maps a column to a field. `country` is for rows that name none, `owner` the user name of whoever
    gets the new counterparties.
    """

    mapping: dict[str, str]
    mode: Mode = Mode.create
    country: str | None = None
    owner: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Return what is kept of it with a run, besides the mapping."""
        return {"mode": self.mode.value, "country": self.country, "owner": self.owner}

    @classmethod
    def of(cls, run: ImportRun) -> "Plan":
        """Return the plan that is kept with a run."""
        about = run.options or {}
        return cls(
            dict(run.mapping or {}), Mode(about.get("mode") or "create"), about.get("country"), about.get("owner")
        )


def closed_fields(session: Session) -> set[str]:
    """Return the fields of a file that the session's actor may not write."""
    hidden = field_right.hidden(session, Party, CHANGE)
    return {name for name, about in FIELDS.items() if about.target.partition("-")[0] in hidden}


def layout_of(session: Session, file: CsvFile, plan: Plan) -> Layout:
    """Return how the file's rows become counterparties; DomainError when the plan does not fit the file."""
    home = session.execute(select(Organisation.country).order_by(Organisation.id).limit(1)).scalar()
    closed = {column: name for column, name in plan.mapping.items() if name in closed_fields(session)}
    if closed:
        raise DomainError(
            _(
                "Your role may not change what these columns hold; leave them out: %(columns)s",
                columns=", ".join(closed),
            )
        )
    return layout(file.columns, plan.mapping, mode=plan.mode, country=plan.country, home=home)


def check(
    session: Session,
    file: CsvFile,
    plan: Plan,
    *,
    at: datetime,
    most: int | None = None,
    watch: Callable[[int], None] | None = None,
    keep: Callable[[SimpleNamespace], None] | None = None,
) -> Chunk:
    """Say what an import would do, and store nothing; at most the first `most` rows are looked at.

    `keep` is given every row that would not be imported (row, column, reason, cells).
    """
    shape, seen, total = layout_of(session, file, plan), Seen(), Chunk()
    for rows in chunks(islice(file.rows(), most)):
        chunk = _do(session, rows, shape, plan, at=at, seen=seen)
        total.add(chunk)
        if keep is not None:
            for one in chunk.problems:
                keep(SimpleNamespace(**one))
        if watch is not None:
            watch(chunk.read)
    return total


def begin(session: Session, file: CsvFile, run: ImportRun) -> Store:
    """Return what stores the rows of a file as counterparties."""
    plan = Plan.of(run)
    shape = layout_of(session, file, plan)
    return lambda work, rows, at: _do(work, rows, shape, plan, at=at)


def run_import(
    open_session: Callable[[], Session],
    run_id: int,
    files: Path,
    *,
    now: Callable[[], datetime] = clock.now,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Do a queued import of counterparties; see import_running.run_import."""
    import_running.run_import(open_session, run_id, files, kinds={Party.__stem__: begin}, now=now, watch=watch)


def _do(
    session: Session, rows: list[Row], shape: Layout, plan: Plan, *, at: datetime, seen: Seen | None = None
) -> Chunk:
    """Store some rows (with `seen` from a dry run: only judge them) and say what came of them."""
    good = {row.line: shape.incoming(row) for row in rows if row.error is None}
    outcomes = store(
        session, list(good.values()), mode=plan.mode, at=at, owner=plan.owner, seen=seen, dry_run=seen is not None
    )
    by_line = {outcome.line: outcome for outcome in outcomes}
    chunk = Chunk(read=len(rows))
    for row in rows:
        outcome = by_line.get(row.line) or Outcome(row.line, Result.rejected, errors={"": [row.error or ""]})
        name = outcome.result.value
        setattr(chunk, name, getattr(chunk, name) + 1)
        if outcome.warnings:
            chunk.warned += 1
            chunk.warnings.append([row.line, "; ".join(outcome.warnings)])
        if outcome.errors:
            origins = good[row.line].origins if row.line in good else {}
            chunk.problems.append(_problem(row, outcome, shape, origins))
    return chunk


def _problem(row: Row, outcome: Outcome, shape: Layout, origins: dict[str, str]) -> dict[str, Any]:
    columns = [shape.column_of(origins.get(target, target), row) for target in outcome.errors]
    return problem(
        row,
        column=", ".join(dict.fromkeys(filter(None, columns))),
        reason="; ".join(text for texts in outcome.errors.values() for text in texts),
        is_duplicate=outcome.result is Result.duplicate,
    )
