"""Importing counterparties from a CSV file: the file in chunks, each stored with the progress of its run.

A killed import goes on behind its last chunk; what was stored with a chunk and how far the run is are one
transaction. Bad rows come back in a file of their own that can be mended and imported again: its cells are exactly
those of the original, so nothing in them is made safe against spreadsheet formulas; only the reasons, which are
ours, are.
"""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import unit_of_work
from app.errors import DomainError, NotFound
from app.exchange.csv_file import CsvFile, Row, open_csv
from app.exchange.party_csv import Layout, layout
from app.exchange.party_field import FIELDS, OF_PROBLEMS
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.attachment import Attachment
from app.models.import_run import ImportRun
from app.models.organisation import Organisation
from app.models.party import Party
from app.roles import CHANGE
from app.services import access, field_right
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services import user as users
from app.services.import_party import store
from app.services.import_rows import Mode, Outcome, Result, Seen
from app.services.import_run import Chunk

CHUNK = 500  # rows of one transaction: on SQLite nobody else can write meanwhile, for about half a second
_DANGEROUS = ("=", "+", "-", "@", "\t")
_OURS = ("row", "column", "reason")


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
    for rows in _chunks(islice(file.rows(), most)):
        chunk = _do(session, rows, shape, plan, at=at, seen=seen)
        total.add(chunk)
        if keep is not None:
            for one in chunk.problems:
                keep(SimpleNamespace(**one))
        if watch is not None:
            watch(chunk.read)
    return total


def run_import(
    open_session: Callable[[], Session],
    run_id: int,
    files: Path,
    *,
    now: Callable[[], datetime] = clock.now,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Do a queued import, or go on with one that was killed; nothing happens when it is done already.

    It acts for the owner of the run, in his language. A refusal (the file is gone, the mapping does not fit) fails
    the run; any other error leaves it where it is, to be tried again. `watch` is told of rows done.
    """
    session = open_session()
    with access.acting(session, access.SYSTEM), unit_of_work(session):
        run = access.get(session, ImportRun, run_id)
        if run is None or not runs.start(run, at=now()):
            return
        actor, language = _who(session, run)
    with access.acting(session, actor), in_language(language):
        try:
            _run(session, run_id, files, now, watch)
        except (DomainError, NotFound) as refusal:
            text = str(refusal) if isinstance(refusal, DomainError) else _("The file is gone")
            with unit_of_work(session):
                _found(session, run_id).break_off(at=now(), message=text)


def _who(session: Session, run: ImportRun) -> tuple[access.Actor, str]:
    """Return on whose behalf a run reads and writes, and in which language it speaks."""
    if run.owner_id is None:
        return access.SYSTEM, "en"
    name = session.execute(select(User.username).where(User.id == run.owner_id)).scalar_one()
    roles = session.execute(select(Role.name).join(User.roles).where(User.id == run.owner_id)).scalars()
    profile = users.profile(session, run.owner_id)
    actor = access.actor_of(session, user_id=run.owner_id, name=name, roles=roles)
    return actor, profile.language if profile else "en"


def _run(
    session: Session, run_id: int, files: Path, now: Callable[[], datetime], watch: Callable[[int], None] | None
) -> None:
    run = _found(session, run_id)
    if run.file is None:
        raise NotFound(run.file_name)
    plan, done, report = Plan.of(run), run.read_rows, dict(run.report or {})
    path, encoding, delimiter = attachments.path_of(run.file, files=files), run.encoding, run.delimiter
    session.rollback()  # on SQLite nobody else could write while the file is read
    file = open_csv(path, encoding=encoding, delimiter=delimiter)
    shape = layout_of(session, file, plan)
    session.rollback()
    if watch is not None:
        watch(done)
    for rows in _chunks(islice(file.rows(), done, None)):
        with unit_of_work(session):
            at = now()
            chunk = _do(session, rows, shape, plan, at=at)
            report = runs.progress(session, run_id, done=done, chunk=chunk, report=report)
        done += chunk.read
        if watch is not None:
            watch(chunk.read)
    with unit_of_work(session):
        run = _found(session, run_id)
        runs.finish(session, run, at=now(), errors=_error_file(session, run, shape, files, now()))


def _found(session: Session, run_id: int) -> ImportRun:
    run = access.get(session, ImportRun, run_id)
    if run is None:
        raise NotFound(str(run_id))
    return run


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    walk = iter(rows)
    while found := list(islice(walk, CHUNK)):
        yield found


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
    return {
        "row": row.line,
        "column": ", ".join(dict.fromkeys(filter(None, columns))),
        "reason": "; ".join(text for texts in outcome.errors.values() for text in texts),
        "is_duplicate": outcome.result is Result.duplicate,
        "cells": [cell.replace("\0", "\ufffd") for cell in row.cells],  # PostgreSQL keeps no zero byte
    }


def _error_file(session: Session, run: ImportRun, shape: Layout, files: Path, at: datetime) -> Attachment | None:
    """Make the file of rows that were not imported, None when all were."""
    with tempfile.TemporaryFile() as target:
        if not write_problems(target, shape.columns, runs.problems(session, run.id)):
            return None
        target.seek(0)
        return attachments.store(
            session,
            target,
            files=files,
            name=f"{Path(run.file_name).stem[:200]}-errors.csv",
            media_type="text/csv",
            entity=ImportRun.__stem__,
            record_id=run.id,
            purpose="errors",
            at=at,
            by_id=run.owner_id,
        )


def write_problems(target: BinaryIO, columns: Iterable[str], found: Iterable[Any]) -> int:
    """Write rows that were not imported as CSV that spreadsheets open: UTF-8 with a mark, `;`; return how many.

    Shape: each of `found` has row, column, reason and cells.
    """
    names = list(columns)
    kept = [at for at, name in enumerate(names) if name.casefold() not in OF_PROBLEMS]
    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([*(names[at] for at in kept), *_OURS])
    count = 0
    for one in found:
        cells = [*one.cells, *[""] * (len(names) - len(one.cells))]
        ours = [one.row, _harmless(one.column), _harmless(one.reason)]
        writer.writerow([*(cells[at] for at in kept), *ours, *cells[len(names) :]])  # too many: they come last
        count += 1
    text.detach()
    return count


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking our words for a formula."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text
