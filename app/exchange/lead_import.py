"""Importing leads from a CSV file: each row arrives at a source, as requests from elsewhere do.

A row is kept as it stands in the file, with all its columns. The same row arrives once, however often its file is
imported: it is known by its own number where a column gives one, else by what it says. Rows that nobody could answer,
or that cannot be read, are not taken in: they come back with the reason.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError
from app.exchange import import_running
from app.exchange.csv_file import CsvFile, Row
from app.exchange.import_running import Store, chunks, problem
from app.exchange.lead_field import FIELDS
from app.i18n import gettext as _
from app.models.import_run import ImportRun
from app.models.lead import Lead, LeadArrival
from app.models.lead_source import LeadChannel, LeadSource
from app.services import intake, intake_read
from app.services.import_run import Chunk
from app.services.intake import About
from app.services.intake_read import Found


@dataclass(frozen=True)
class Plan:
    """What is to be done with the rows of a file: `mapping` maps a column to a field, `source_id` is where they go."""

    mapping: dict[str, str]
    source_id: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Return what is kept of it with a run, besides the mapping."""
        return {"source": self.source_id}

    @classmethod
    def of(cls, run: ImportRun) -> "Plan":
        """Return the plan that is kept with a run."""
        return cls(dict(run.mapping or {}), (run.options or {}).get("source"))


@dataclass(frozen=True)
class Shape:
    """How the rows of one file become leads: where each field stands, and the source that they arrive at."""

    columns: tuple[str, ...]
    fields: Mapping[int, str]
    source: LeadSource

    def values(self, row: Row) -> dict[str, str]:
        """Return what a row says, by field."""
        return {name: row.cells[at].strip() for at, name in self.fields.items() if at < len(row.cells)}

    def payload(self, row: Row) -> bytes:
        """Return a row as it is kept: all its columns by name."""
        told = dict(zip(self.columns, row.cells, strict=False))
        return json.dumps(told, ensure_ascii=False).encode()

    def number(self, row: Row) -> str:
        """Return by what a row is known when it comes again."""
        own = self.values(row).get("id")
        said = own or json.dumps(sorted(self.values(row).items()), ensure_ascii=False)
        return f"file {'id' if own else 'row'} {hashlib.sha256(said.encode()).hexdigest()}"


def shape_of(session: Session, file: CsvFile, plan: Plan) -> Shape:
    """Return how a file's rows become leads; DomainError when the plan does not fit the file."""
    wanted = select(LeadSource).where(LeadSource.id == plan.source_id)
    source = session.scalars(wanted).one_or_none() if plan.source_id is not None else None
    if source is None or source.channel is not LeadChannel.imported or not source.is_active:
        raise DomainError(_("Choose a source of the channel “From a file”"), field="source")
    known = {name: at for at, name in enumerate(file.columns)}
    fields: dict[int, str] = {}
    for column, name in plan.mapping.items():
        if column not in known or name not in FIELDS:
            raise DomainError(_("This column or field is not known: %(name)s", name=f"{column} → {name}"))
        if name in fields.values():
            raise DomainError(_("“%(field)s” is named by two columns", field=str(FIELDS[name].label)))
        fields[known[column]] = name
    if not {"phone", "email"} & set(fields.values()):
        raise DomainError(_("Name the column that says how somebody is reached: phone or e-mail"))
    return Shape(file.columns, fields, source)


def begin(session: Session, file: CsvFile, run: ImportRun) -> Store:
    """Return what lets the rows of a file arrive at their source."""
    plan = Plan.of(run)
    shape_of(session, file, plan)  # it refuses what does not fit

    def store(work: Session, rows: list[Row], at: datetime) -> Chunk:
        return _do(work, rows, shape_of(work, file, plan), at=at)

    return store


def run_import(
    open_session: Callable[[], Session], run_id: int, files: Path, *, now: Callable[[], datetime] = clock.now
) -> None:
    """Do a queued import of leads; see import_running.run_import."""
    import_running.run_import(open_session, run_id, files, kinds={Lead.__stem__: begin}, now=now)


def check(session: Session, file: CsvFile, plan: Plan, *, at: datetime, most: int | None = None) -> Chunk:
    """Say what an import would do, and store nothing; at most the first `most` rows are looked at."""
    shape, total, seen = shape_of(session, file, plan), Chunk(), set[str]()
    for rows in chunks(islice(file.rows(), most)):
        total.add(_do(session, rows, shape, at=at, seen=seen))
    return total


def _do(session: Session, rows: list[Row], shape: Shape, *, at: datetime, seen: set[str] | None = None) -> Chunk:
    """Let some rows arrive (with `seen` from a dry run: only judge them) and say what came of them."""
    chunk = Chunk(read=len(rows))
    known = _known(session, shape, rows) if seen is not None else set()
    for row in rows:
        found = _read(shape, row)
        if found.errors:
            chunk.rejected += 1
            chunk.problems.append(problem(row, column="", reason="; ".join(found.errors), is_duplicate=False))
            continue
        number = shape.number(row)
        if seen is None:
            is_new = _arrive(session, shape, row, number, at=at)
        else:
            is_new = number not in known | seen
            seen.add(number)
        if is_new:
            chunk.created += 1
        else:
            chunk.duplicate += 1
            chunk.problems.append(problem(row, column="", reason=_("Known already"), is_duplicate=True))
    return chunk


def _read(shape: Shape, row: Row) -> Found:
    found = Found()
    if row.error is not None:
        found.errors.append(row.error)
        return found
    intake_read.fields(shape.values(row), found, country=shape.source.country, language=shape.source.language)
    return found


def _arrive(session: Session, shape: Shape, row: Row, number: str, *, at: datetime) -> bool:
    about = About(external_id=number, channel=LeadChannel.imported, values=shape.values(row))
    return intake.receive(session, shape.source, shape.payload(row), at=at, about=about).is_new


def _known(session: Session, shape: Shape, rows: list[Row]) -> set[str]:
    """Return the numbers of rows that have arrived before."""
    numbers = {shape.number(row) for row in rows if row.error is None}
    same = LeadArrival.source_id == shape.source.id, LeadArrival.external_id.in_(sorted(numbers))
    return {found for found in session.scalars(select(LeadArrival.external_id).where(*same)) if found is not None}
