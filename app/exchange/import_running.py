"""Going through the file of an import chunk by chunk, whatever its rows become.

A killed import goes on behind its last chunk; what was stored with a chunk and how far the run is are one
transaction. Bad rows come back in a file of their own that can be mended and imported again: its cells are exactly
those of the original, so nothing in them is made safe against spreadsheet formulas; only the reasons, which are
ours, are.
"""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import unit_of_work
from app.errors import DomainError, NotFound
from app.exchange.csv_file import CsvFile, Row, open_csv
from app.exchange.party_field import OF_PROBLEMS
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.attachment import Attachment
from app.models.import_run import ImportRun
from app.services import access
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services import user as users
from app.services.import_run import Chunk

CHUNK = 500  # rows of one transaction: on SQLite nobody else can write meanwhile, for about half a second
_DANGEROUS = ("=", "+", "-", "@", "\t")
_OURS = ("row", "column", "reason")
Store = Callable[[Session, list[Row], datetime], Chunk]
# Returns what stores the rows of a file; it refuses by DomainError what does not fit the file.
Begin = Callable[[Session, CsvFile, ImportRun], Store]


def run_import(
    open_session: Callable[[], Session],
    run_id: int,
    files: Path,
    *,
    kinds: Mapping[str, Begin],
    now: Callable[[], datetime] = clock.now,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Do a queued import, or go on with one that was killed; nothing happens when it is done already.

    It acts for the owner of the run, in his language; `kinds` says by stem what rows become. A refusal (the file is
    gone, the mapping does not fit) fails the run; any other error leaves it where it is, to be tried again. `watch` is
    told of rows done.
    """
    session = open_session()
    with access.acting(session, access.SYSTEM), unit_of_work(session):
        run = access.get(session, ImportRun, run_id)
        if run is None or not runs.start(run, at=now()):
            return
        begin = kinds[run.entity]
        actor, language = _who(session, run)
    with access.acting(session, actor), in_language(language):
        try:
            _run(session, run_id, files, begin, now=now, watch=watch)
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
    session: Session,
    run_id: int,
    files: Path,
    begin: Begin,
    *,
    now: Callable[[], datetime],
    watch: Callable[[int], None] | None,
) -> None:
    run = _found(session, run_id)
    if run.file is None:
        raise NotFound(run.file_name)
    done, report = run.read_rows, dict(run.report or {})
    path, encoding, delimiter = attachments.path_of(run.file, files=files), run.encoding, run.delimiter
    session.rollback()  # on SQLite nobody else could write while the file is read
    file = open_csv(path, encoding=encoding, delimiter=delimiter)
    store = begin(session, file, _found(session, run_id))
    session.rollback()
    if watch is not None:
        watch(done)
    for rows in chunks(islice(file.rows(), done, None)):
        with unit_of_work(session):
            chunk = store(session, rows, now())
            report = runs.progress(session, run_id, done=done, chunk=chunk, report=report)
        done += chunk.read
        if watch is not None:
            watch(chunk.read)
    with unit_of_work(session):
        run = _found(session, run_id)
        runs.finish(session, run, at=now(), errors=_error_file(session, run, file.columns, files, now()))


def _found(session: Session, run_id: int) -> ImportRun:
    run = access.get(session, ImportRun, run_id)
    if run is None:
        raise NotFound(str(run_id))
    return run


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Return rows by the number that one transaction stores."""
    walk = iter(rows)
    while found := list(islice(walk, CHUNK)):
        yield found


def problem(row: Row, *, column: str, reason: str, is_duplicate: bool) -> dict[str, Any]:
    """Return what is kept of a row that was not imported: the columns of ImportProblem without the run."""
    return {
        "row": row.line,
        "column": column,
        "reason": reason,
        "is_duplicate": is_duplicate,
        "cells": [cell.replace("\0", "\ufffd") for cell in row.cells],  # PostgreSQL keeps no zero byte
    }


def _error_file(
    session: Session, run: ImportRun, columns: Iterable[str], files: Path, at: datetime
) -> Attachment | None:
    """Make the file of rows that were not imported, None when all were."""
    with tempfile.TemporaryFile() as target:
        if not write_problems(target, columns, runs.problems(session, run.id)):
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
