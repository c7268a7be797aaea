"""The command line: `crm …`. Readable output, exit codes that mean something."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from app.cli_access import explain, handover, remove_second_factor, role
from app.cli_bank import import_statement
from app.cli_company import choose_own_database, company_options, reset_password, set_up_company
from app.cli_import import import_party
from app.cli_money import invoice, prove, verify
from app.cli_person import person

ROOT = Path(__file__).resolve().parent.parent


def _app() -> Any:  # noqa: ANN401 -- the Flask application
    from app import create_app

    return create_app()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="countinghouse", prog_name="crm")
def crm() -> None:
    """Countinghouse on the command line."""


@crm.command()
def run() -> None:
    """Make everything ready, then start the web server and the worker under a supervisor."""
    from app import readiness
    from app.doctor import refuse_unsafe
    from app.supervisor import supervise

    settings = _settings()
    for finding in refuse_unsafe():
        raise click.ClickException(f"{finding.what}: {finding.remedy}")
    if not readiness.is_ready(settings["CRM_VAR"], settings["SQLALCHEMY_DATABASE_URI"]):
        _prepare_and_say()
    host, port = _shown_host(settings["CRM_BIND"]), settings["PORT"]
    click.echo("Starting …")
    sys.exit(supervise(children(), on_ready=lambda: _say_when_open(host, port)))


def _say_when_open(host: str, port: int) -> bool:
    """Print the address once the web server answers there."""
    import socket

    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    click.echo(f"Countinghouse is at http://{host}:{port} (Ctrl+C stops it)")
    return True


def children() -> dict[str, list[str]]:
    """Return the commands that the supervisor keeps running."""
    crm_program = [sys.executable, "-m", "app.cli"]
    found = {"web": [*crm_program, "serve"]}
    if (ROOT / "app" / "tasks" / "celery.py").exists():
        found["worker"] = [*crm_program, "worker"]
    return found


def _shown_host(bind: str) -> str:
    return "127.0.0.1" if bind in {"0.0.0.0", "::", ""} else bind  # noqa: S104 -- only shown


def _settings() -> dict[str, Any]:
    from app import load_settings

    return load_settings()


def _prepare_and_say() -> Any:  # noqa: ANN401 -- the Flask application
    """Prepare in this process, print what a person must know, and return the application."""
    from app import installation, readiness

    app = _app()
    done = installation.prepare(app)
    readiness.note(app.config["CRM_VAR"], app.config["SQLALCHEMY_DATABASE_URI"])
    if done.copied_to:
        click.echo(f"The database was copied to {done.copied_to}")
    if done.migrated:
        click.echo("The database is up to date")
    for name, password in done.passwords.items():
        click.echo(f"Sign in as {name} with the password {password} (shown only now)")
    return app


@crm.command()
@click.option("--workers", default=1, show_default=True, help="Web processes.")
@click.option("--threads", default=8, show_default=True, help="Threads of each.")
def serve(workers: int, threads: int) -> None:
    """Start the web server only."""
    settings = _settings()
    os.chdir(ROOT)
    if workers > 1:
        _share_counts(settings["CRM_VAR"] / "metrics")
    os.execv(  # noqa: S606 -- the server replaces this process, so that signals reach it
        sys.executable,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "run:app",
            "--bind",
            f"{settings['CRM_BIND']}:{settings['PORT']}",
            "--worker-class",
            "gthread",
            "--workers",
            str(workers),
            "--threads",
            str(threads),
            "--timeout",
            "120",
            "--graceful-timeout",
            "8",
            "--no-control-socket",
            "--log-level",
            "warning",
        ],
    )


def _share_counts(folder: Path) -> None:
    """Let the web processes count their requests together, beginning anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _door_of(stem: str) -> Any:  # noqa: ANN401 -- the door of a screen, which is not read before it is needed
    """Return how a bulk run comes to the records of a stem; the worker reads the screens when the first one comes."""
    from importlib import import_module
    from pkgutil import iter_modules

    from app import views
    from app.web.bulk import door_of

    for found in iter_modules(views.__path__):
        import_module(f"{views.__name__}.{found.name}")
    return door_of(stem)


@crm.command()
@click.option("--concurrency", default=2, show_default=True, help="Threads.")
def worker(concurrency: int) -> None:
    """Start the background worker only."""
    from app.services import bulk_door
    from app.tasks.celery import work

    bulk_door.use(_door_of)
    sys.exit(work(_settings(), concurrency=concurrency))


@crm.command(name="init")
@company_options
def initialise(country: str | None, name: str | None, **given: str | None) -> None:
    """Create or upgrade the database, the roles and the administrator; with --country your own company too.

    The company gets its currency, taxes, units, payment terms, number series and first team. Given again, the
    command completes what is empty and changes nothing that is filled in.
    """
    if country is None and (name or any(given.values())):
        raise click.UsageError("say --country with the company")
    if country is not None:
        choose_own_database()
    app = _prepare_and_say()
    if country is not None:
        set_up_company(app, country, name, given)
    click.echo("ready")


@crm.command()
@click.option("--size", default="small", show_default=True, help="small, 100k, or a number of parties.")
def demo(size: str) -> None:
    """Fill this database with the demo company, or enlarge the one that it holds."""
    from app import clock
    from app import demo as company
    from app.db import db, unit_of_work
    from app.services import access

    wanted: str | int = int(size) if size.isdecimal() else size
    if isinstance(wanted, str) and wanted not in company.PARTIES:
        raise click.BadParameter("small, 100k, or a number", param_hint="--size")
    total = wanted if isinstance(wanted, int) else company.PARTIES[wanted]
    app = _app()
    with app.app_context(), click.progressbar(length=total, label="parties") as bar:
        session = db.session()
        access.act_as(session, access.SYSTEM)
        with unit_of_work(session):
            done = company.fill(
                session,
                size=wanted,
                password=os.environ.get("CRM_DEMO_PASSWORD"),
                today=clock.today(),
                progress=lambda count, _total: bar.update(count - bar.pos),
            )
    for name, password in done.passwords.items():
        click.echo(f"Sign in as {name} with the password {password} (shown only now)")
    click.echo("ok: " + ", ".join(f"{count} {stem}" for stem, count in done.added.items()))


@crm.group(name="import")
def imports() -> None:
    """Bring records in from files."""


imports.add_command(import_party)
crm.add_command(invoice)
crm.add_command(person)
crm.add_command(verify)
crm.add_command(import_statement)
crm.add_command(reset_password)
crm.add_command(explain)
crm.add_command(handover)
crm.add_command(role)
crm.add_command(remove_second_factor)


@crm.command(name="sync-roles")
def sync_roles() -> None:
    """Write the table of roles into the database."""
    from app import installation
    from app.db import db, unit_of_work
    from app.services import roles

    app = _app()
    with app.app_context(), unit_of_work(db.session()) as session:
        rights = installation.rights_of(app)
        count = roles.sync(session, rights, fingerprint=installation.fingerprint(rights))
    click.echo(f"ok: {count} rights")


@crm.command()
@click.option("--kind", help="One kind of record alone: party, invoice, …")
def reindex(kind: str | None) -> None:
    """Write anew what the search over everything finds."""
    from app.db import db, unit_of_work
    from app.services import access, find

    app = _app()
    if kind is not None and kind not in find.kinds():
        raise click.BadParameter(", ".join(find.kinds()), param_hint="--kind")
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        with unit_of_work(session):
            done = find.rebuild(session, kind)
    click.echo("ok: " + ", ".join(f"{count} {stem}" for stem, count in done.items()))


@crm.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write database, files and keys into one archive (mode 0600)."""
    from app import clock
    from app.backup import backup as write

    settings = _settings()
    manifest = write(settings["CRM_VAR"], settings["SQLALCHEMY_DATABASE_URI"], file, at=clock.now())
    click.echo(f"ok: {len(manifest.members)} members in {file}")


@crm.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is here.")
def restore(file: Path, *, force: bool) -> None:
    """Put an archive in the place of this installation and verify it; stop the program first."""
    import config  # not the settings: reading them would make keys in the empty place
    from app import migrating, readiness
    from app.backup import restore as put

    var, url, _demo = config.places()
    manifest = put(file, var, url, force=force)
    readiness.forget(var)
    click.echo(f"ok: {len(manifest.members)} members, schema {manifest.revision}")
    if manifest.revision != migrating.newest():
        click.echo("Run `crm init` to bring it up to date, then `crm verify`")
        return
    prove()


@crm.command()
def doctor() -> None:
    """Say what is wrong with the installation and how to mend it."""
    from app.doctor import look

    findings = look(_settings())
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'FAIL'}  {finding.what}")
        if not finding.fine:
            click.echo(f"      {finding.remedy}")
    wrong = sum(not finding.fine for finding in findings)
    click.echo(
        f"ok: {len(findings)} looked at, nothing wrong" if not wrong else f"{wrong} of {len(findings)} need care"
    )
    sys.exit(1 if wrong else 0)


def main() -> None:
    """Run the program; a refusal is one line on stderr and exit code 1, a database that is not ready exit code 2."""
    from sqlalchemy.exc import DBAPIError

    from app.errors import DomainError

    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    try:
        crm(prog_name="crm")
    except DomainError as refusal:
        click.echo(f"refused: {refusal}", err=True)
        sys.exit(1)
    except DBAPIError:
        from app.cli_trouble import remedy

        trouble = remedy(_settings()["SQLALCHEMY_DATABASE_URI"])
        if trouble is None:  # it stands as it should: what went wrong is ours
            raise
        click.echo(trouble, err=True)
        sys.exit(2)
    except RuntimeError as error:
        if type(error).__name__ != "UnsafeSettingError":
            raise
        click.echo(f"unsafe: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
