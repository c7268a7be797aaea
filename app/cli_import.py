"""`crm import party FILE`: a CSV file becomes counterparties; what cannot comes back with row, column and reason."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.exchange.csv_file import CsvFile
    from app.exchange.party_import import Plan
    from app.services.import_run import Chunk

SHOWN = 10


@click.command(name="party")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "mapping",
    help="Which column is which field: 'ИНН=inn,Название=name'. Without it the headings are guessed.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the rejected rows.")
@click.option("--encoding", help="utf-8, cp1251, cp866, koi8-r, cp1252, utf-16; found out when not given.")
@click.option("--delimiter", help="; , tab |; found out when not given.")
@click.option("--mode", type=click.Choice(["create", "update", "both"]), default="create", show_default=True)
@click.option("--country", help="Country (NL, RU, AM, …) of the rows that name none.")
@click.option("--owner", help="User name of whoever gets the new counterparties.")
def import_party(
    file: Path,
    *,
    mapping: str | None,
    dry_run: bool,
    errors: Path | None,
    encoding: str | None,
    delimiter: str | None,
    mode: str,
    country: str | None,
    owner: str | None,
) -> None:
    """Import counterparties from a CSV file.

    Good rows go in; bad ones come back in a file (--errors) that can be mended and imported again. A counterparty
    that is known by its tax number or external number is left alone (--mode create) or changed (update, both).
    An import that was killed goes on where it stopped when the same command is given again.
    """
    from app import create_app
    from app.db import db
    from app.errors import Conflict, DomainError
    from app.exchange.party_csv import guess, read_mapping
    from app.exchange.party_import import Plan
    from app.services import access
    from app.services.import_rows import Mode

    app = create_app()
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        try:
            table = _open(file, encoding, delimiter)
            fields = read_mapping(mapping) if mapping is not None else guess(table.columns)
            plan = Plan(fields, Mode(mode), country.strip().upper() if country else None, owner)
            files = app.config["CRM_VAR"] / "files"
            if dry_run:
                _check(session, table, plan, errors)
            else:
                _import(session, table, plan, errors, files)
        except DomainError as refusal:
            click.echo(f"Error: {refusal}", err=True)
            sys.exit(1)
        except Conflict:
            click.echo("Error: another process is importing this very file", err=True)
            sys.exit(1)


def _open(file: Path, encoding: str | None, delimiter: str | None) -> "CsvFile":
    """Open the file and say what it is taken for."""
    from app.exchange.csv_file import ENCODINGS, open_csv

    table = open_csv(file, encoding=encoding, delimiter=delimiter)
    click.echo(f"{file.name}: {ENCODINGS[table.encoding]}, delimiter {_shown(table.delimiter)}")
    return table


def _shown(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else f"“{delimiter}”"


def _describe(session: "Session", table: "CsvFile", plan: "Plan") -> tuple[int, list[str]]:
    """Print what is taken from which column; return how many rows there are and the columns left out."""
    from app.errors import DomainError
    from app.exchange.party_import import layout_of

    shape = layout_of(session, table, plan)
    taken = ", ".join(f"{table.columns[at]} → {name}" for at, name in sorted(shape.fields.items()))
    click.echo(f"Columns: {taken}")
    if shape.ignored:
        click.echo(f"Ignored: {', '.join(shape.ignored)}")
    total = table.count()
    if not total:
        raise DomainError("The file has column names and no rows below them")
    return total, shape.ignored


def _check(session: "Session", table: "CsvFile", plan: "Plan", errors: Path | None) -> None:
    from app import clock
    from app.exchange import party_import
    from app.exchange.import_running import write_problems

    total, _ignored = _describe(session, table, plan)
    problems: list[Any] = []
    keep = problems.append if errors is not None else None
    with _bar(total) as watch:
        found = party_import.check(session, table, plan, at=clock.now(), watch=watch, keep=keep)
    _report(found, "would be ")
    if errors is not None and problems:
        with errors.open("wb") as target:
            write_problems(target, table.columns, problems)
        click.echo(f"The rows that would not be imported are in {errors}")
    click.echo("Nothing was changed (--dry-run)")


def _import(session: "Session", table: "CsvFile", plan: "Plan", errors: Path | None, files: Path) -> None:
    from app.exchange.party_import import run_import
    from app.models.import_run import ImportRun, ImportState
    from app.services import attachment as attachments
    from app.services import import_run as runs

    total, ignored = _describe(session, table, plan)
    run_id = _begin(session, table, plan, files, total=total, ignored=ignored)
    with _bar(total) as watch:
        run_import(lambda: session, run_id, files, watch=watch)
    run = session.get_one(ImportRun, run_id)
    _report(runs.result_of(run), "")
    if run.state is not ImportState.done:
        click.echo(f"Error: {run.message or 'the import is not finished'}", err=True)
        sys.exit(1)
    if run.errors is None:
        return
    if errors is None:
        click.echo(f"The rows that were not imported are kept with import {run.id}; --errors FILE writes them out")
        return
    with attachments.open_file(run.errors, files=files) as source, errors.open("wb") as target:
        shutil.copyfileobj(source, target)
    click.echo(f"The rows that were not imported are in {errors}: mend them there and import that file")


def _begin(session: "Session", table: "CsvFile", plan: "Plan", files: Path, *, total: int, ignored: list[str]) -> int:
    """Make a run of the file, or find the one that was killed, and queue it."""
    from app import clock
    from app.db import unit_of_work
    from app.models.import_run import ImportState
    from app.services import import_run as runs

    with table.path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    with unit_of_work(session):
        run = runs.unfinished(session, sha256=digest, mapping=plan.mapping, options=plan.options)
        if run is None:
            with table.path.open("rb") as source:
                run = runs.make(session, source, files=files, name=table.path.name, at=clock.now())
            runs.set_up(
                run,
                encoding=table.encoding,
                delimiter=table.delimiter,
                total_rows=total,
                mapping=plan.mapping,
                options=plan.options,
                ignored=ignored,
            )
            runs.queue(session, run, at=clock.now(), for_worker=False)
            return run.id
        click.echo(f"This import was interrupted after {run.read_rows} of {run.total_rows} rows; it goes on there")
        if run.state is ImportState.failed:
            runs.queue(session, run, at=clock.now(), for_worker=False)
        return run.id


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    with click.progressbar(length=total, label="Rows", file=sys.stderr) as bar:
        yield bar.update


def _report(found: "Chunk", would: str) -> None:
    """Print the counts and the first reasons."""
    click.echo(
        f"{found.read} rows: {found.created} {would}created, {found.updated} {would}updated, "
        f"{found.duplicate} known already, {found.rejected} rejected, {found.warned} with a warning"
    )
    for one in found.problems[:SHOWN]:
        column = f", {one['column']}" if one["column"] else ""
        click.echo(f"  row {one['row']}{column}: {one['reason']}")
    for line, text in found.warnings[: SHOWN // 2]:
        click.echo(f"  row {line}: warning: {text}")
    more = found.rejected + found.duplicate - SHOWN
    if more > 0:
        click.echo(f"  … and {more} more")
