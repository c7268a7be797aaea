"""Statements of banks on the command line: `crm import-statement FILE`."""

from pathlib import Path

import click


@click.command(name="import-statement")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", type=int, help="The id of our account, where the file names none.")
def import_statement(file: Path, account: int | None) -> None:
    """Load a statement: camt.053, MT940, 1C, or a table whose columns were said on screen before."""
    from app import clock
    from app.cli_money import _session
    from app.errors import DomainError
    from app.exchange import bank_load

    with _session() as (session, settings):
        try:
            found = bank_load.receive(
                session,
                file.read_bytes(),
                name=file.name,
                files=settings["CRM_VAR"] / "files",
                at=clock.now(),
                account_id=account,
            )
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None
    if found.draft_id is not None:
        click.echo(f"waits: choose the columns at /bank_statement/columns/{found.draft_id}")
        return
    click.echo(f"ok: {found.added} lines added, {found.known} known already, {found.matched} matched at once")
