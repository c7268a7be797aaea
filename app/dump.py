"""Copies of a database that may be in use, and the way back: a SQLite file or a PostgreSQL custom dump."""

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from app.errors import DomainError
from app.i18n import gettext as _

_KNOWN_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "host": "PGHOST", "port": "PGPORT"}
_EMPTY_THE_SCHEMA = """
SET client_min_messages = warning;
SET lock_timeout = '10s';
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
"""


def copy_database(url: str | URL, to: Path) -> None:
    """Write a consistent copy of a database that may be in use: a SQLite file, or a PostgreSQL custom dump.

    Raises DomainError when there is no database or the copy cannot be made; `to` appears only when complete.
    """
    place = make_url(url)
    with appearing(to) as fresh:
        if is_sqlite(place):
            _copy_sqlite(_sqlite_file(place), fresh)
        else:
            _postgres(place, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={fresh}")


def restore_database(url: str | URL, from_: Path) -> None:
    """Put a copy in the place of a database: all of it or, on any error, nothing.

    Raises DomainError when the copy is damaged or the database is in use.
    """
    place = make_url(url)
    if is_sqlite(place):
        _restore_sqlite(_sqlite_file(place), from_)
    else:
        _restore_postgres(place, from_)


def revision(url: str | URL) -> str | None:
    """Return the revision of a database's schema; None when no migration has run."""
    place = make_url(url)
    try:
        if is_sqlite(place):
            with closing(_open_sqlite(_sqlite_file(place))) as database:
                found = database.execute("SELECT version_num FROM alembic_version").fetchone()
        else:
            with _connect(place) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, psycopg.errors.UndefinedTable):
        return None
    return str(found[0]) if found else None


def is_empty(url: str | URL) -> bool:
    """Say whether a database holds no tables, or does not exist as a file."""
    place = make_url(url)
    if not is_sqlite(place):
        with _connect(place) as connection:
            found = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone()
        return found is None
    file = _sqlite_file(place)
    if not file.exists():
        return True
    try:
        with closing(_open_sqlite(file)) as database:
            return database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False


@contextmanager
def appearing(to: Path) -> Iterator[Path]:
    """Lend a private file to write into; it takes the name `to` when the block succeeds."""
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = to.with_name(f".{to.name}.{secrets.token_hex(4)}.partial")
    fresh.touch(mode=0o600, exist_ok=False)
    try:
        yield fresh
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(to)
        folder = os.open(to.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        fresh.unlink(missing_ok=True)


def is_sqlite(place: URL) -> bool:
    """Say whether a database is a file of ours rather than a server's."""
    return place.get_backend_name() == "sqlite"


def member_for(place: URL) -> str:
    """Return the name of a database's copy inside an archive."""
    return "database.sqlite" if is_sqlite(place) else "database.dump"


def _sqlite_file(place: URL) -> Path:
    if not place.database or place.database == ":memory:":
        raise DomainError(_("A database in memory cannot be copied"))
    return Path(place.database)


def _open_sqlite(file: Path, mode: str = "ro") -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=10, isolation_level=None)


def _copy_sqlite(source: Path, to: Path) -> None:
    """Copy in one read transaction: writers go on, and the copy is of one moment."""
    try:
        with closing(_open_sqlite(source)) as live, closing(_open_sqlite(to, "rwc")) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as problem:
        raise DomainError(_("The database %(name)s cannot be copied: %(what)s", name=source, what=problem)) from problem


def _restore_sqlite(target: Path, from_: Path) -> None:
    try:
        with closing(_open_sqlite(from_)) as copy:
            verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as problem:
        raise DomainError(_("The copy of the database is damaged: %(what)s", what=problem)) from problem
    if verdict != "ok":
        raise DomainError(_("The copy of the database is damaged: %(what)s", what=verdict))
    target.parent.mkdir(parents=True, exist_ok=True)
    with appearing(target) as fresh:
        _copy_sqlite(from_, fresh)
        if target.exists():
            _retire(target)


def _retire(target: Path) -> None:
    """Fold a database's log into it, so that none is left to be replayed into the one that takes its place.

    Raises DomainError when somebody has it open.
    """
    try:
        with closing(_open_sqlite(target, "rw")) as old:
            old.execute("PRAGMA busy_timeout=2000")
            mode = old.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
            if mode == "delete":
                old.execute("BEGIN EXCLUSIVE")
                old.execute("ROLLBACK")
    except sqlite3.OperationalError as problem:
        raise DomainError(_("The database is in use: stop the program first")) from problem
    except sqlite3.DatabaseError:
        mode = "damaged"
    if mode == "wal":
        raise DomainError(_("The database is in use: stop the program first"))
    for ending in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + ending).unlink(missing_ok=True)


# --- PostgreSQL -------------------------------------------------------------------------------------------------


def postgres_program(name: str, major: int | None = None) -> Path | None:
    """Return an installed client program: of the server's major version, else the newest; None without any."""
    found: dict[int, Path] = {}
    for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}"):
        version = path.parts[-3]
        if version.isdigit() and os.access(path, os.X_OK):
            found[int(version)] = path
    if found:
        return found[major] if major in found else found[max(found)]
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None


def _restore_postgres(place: URL, from_: Path) -> None:
    """Replay the dump as SQL in one transaction that first empties the schema: tables of a later version go too."""
    script = from_.with_name(f".{from_.name}.{secrets.token_hex(4)}.sql")
    before = script.with_suffix(".before.sql")
    try:
        script.touch(mode=0o600, exist_ok=False)
        _postgres(place, "pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(from_))
        before.write_text(_EMPTY_THE_SCHEMA)
        options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        _postgres(place, "psql", *options, f"--file={before}", f"--file={script}")
    finally:
        script.unlink(missing_ok=True)
        before.unlink(missing_ok=True)


def _postgres(place: URL, name: str, *arguments: str) -> None:
    """Run a client program; where and as whom is told by the environment, so that no list of processes shows it."""
    with _connect(place) as connection:
        major = connection.info.server_version // 10000
    program = postgres_program(name, major)
    if program is None:
        raise DomainError(_("The program %(name)s is needed (package postgresql-client)", name=name))
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")} | _pg_environment(place)
    done = subprocess.run(  # noqa: S603 -- a program we looked up, arguments we made
        [str(program), "--no-password", *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DomainError(f"{name}: {_first_lines(done.stderr)}")


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    errors = [line for line in lines if "error:" in line.lower()]
    return "; ".join((errors or lines)[:3]) or _("no reason was given")


def _pg_environment(place: URL) -> dict[str, str]:
    values = {
        "PGHOST": place.host,
        "PGPORT": str(place.port) if place.port else None,
        "PGUSER": place.username,
        "PGPASSWORD": str(place.password) if place.password else None,
        "PGDATABASE": place.database,
    }
    for name, value in place.query.items():
        if name in _KNOWN_OPTIONS and isinstance(value, str):
            values[_KNOWN_OPTIONS[name]] = value
    return {name: value for name, value in values.items() if value}


def _connect(place: URL) -> psycopg.Connection:
    plain = place.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return psycopg.connect(plain, connect_timeout=10)
    except psycopg.OperationalError as problem:
        raise DomainError(_("The database does not answer: %(what)s", what=_first_lines(str(problem)))) from problem
