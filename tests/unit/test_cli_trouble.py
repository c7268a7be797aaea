"""What the command line says when the database is not ready, and that what was restored is verified."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine

from app import migrating
from app.backup import backup
from app.cli_trouble import remedy

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.once


def crm(var: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command in a place of its own; return its exit code and what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env=kept | {"CRM_VAR": str(var), "CRM_DEMO": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def at_revision(path: Path, revision: str) -> str:
    """Make a database that says that it is at a revision; return its address."""
    url = f"sqlite:///{path}"
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")
    engine.dispose()
    return url


def test_each_state_of_a_database_has_its_own_advice(tmp_path: Path):
    newest = migrating.newest()
    assert remedy(at_revision(tmp_path / "new.db", newest)) is None
    assert remedy(f"sqlite:///{tmp_path}/empty.db") == (
        f"The database sqlite:///{tmp_path}/empty.db is not prepared yet: `crm init` (or `make run`) prepares it"
    )
    assert remedy(at_revision(tmp_path / "old.db", "0044")) == (
        f"The database sqlite:///{tmp_path}/old.db is at revision 0044, this program at {newest}: "
        "`crm init` (or `make run`) prepares it; it is copied beforehand"
    )
    assert remedy(at_revision(tmp_path / "newer.db", "9999")) == (
        f"The database sqlite:///{tmp_path}/newer.db is at revision 9999, which this program does not know: "
        "use the newer program"
    )
    unreachable = remedy(f"sqlite:///{tmp_path}/nowhere/crm.db")
    assert unreachable == (
        f"The database sqlite:///{tmp_path}/nowhere/crm.db cannot be reached (unable to open database file). "
        "Start its server, or mend CRM_DATABASE_URL"
    )


def test_a_password_in_the_address_is_not_printed():
    said = remedy("postgresql+psycopg://crm:sesame@127.0.0.1:1/crm") or ""
    assert said.startswith("The database postgresql+psycopg://crm:***@127.0.0.1:1/crm cannot be reached (")
    assert "sesame" not in said


def test_a_command_on_an_empty_place_says_what_to_do_without_a_traceback(tmp_path: Path):
    code, said, complaint = crm(tmp_path, "verify")
    assert (code, said) == (2, "")
    assert complaint == (
        f"The database sqlite:///{tmp_path}/crm.db is not prepared yet: `crm init` (or `make run`) prepares it\n"
    )


def test_what_was_restored_is_verified(tmp_path: Path):
    var = tmp_path / "var"
    (var / "keys").mkdir(parents=True)
    url = f"sqlite:///{var}/crm.db"
    migrating.upgrade(url)
    backup(var, url, tmp_path / "crm.backup", at=datetime(2026, 4, 2, tzinfo=UTC))
    code, said, complaint = crm(tmp_path / "other", "restore", str(tmp_path / "crm.backup"))
    assert (code, complaint) == (0, "")
    lines = said.splitlines()
    assert lines[0].endswith(f"members, schema {migrating.newest()}")
    assert lines[-1] == "ok: 0 documents, 0 sealed entries of the audit, 0 problems"
