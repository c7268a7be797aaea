"""A database that was filled at any version comes to the newest with every row, trigger and search index."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import migrating
from app.db import Model, prepare_engine
from app.models import (
    audit_protection,
    consent_protection,
    contract_protection,
    deal_protection,
    made_protection,
    protection,
    triggers,
)
from app.services import access, verify
from app.services import search as searches
from tests.migrations import rows
from tests.proof import falls_to

SCRIPTS = ScriptDirectory.from_config(migrating.config_for(""))
VERSIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
FORMER, NEWEST = VERSIONS[-2:]


@pytest.fixture
def database(tmp_path: Path, worker_name: str) -> str:
    """An empty database."""
    server = os.environ.get("CRM_TEST_DATABASE_URL")
    if server:
        from tests.servers import create_database

        return create_database(server, f"crm_filled_{worker_name}")
    return f"sqlite:///{tmp_path}/filled.db"


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = create_engine(database, poolclass=NullPool)
    prepare_engine(made)
    yield made
    made.dispose()


@pytest.fixture
def filled(database: str, engine: Engine) -> Callable[[str], dict[str, int]]:
    """Bring the empty database to a version and fill it; return how many rows each table has."""

    def fill(version: str) -> dict[str, int]:
        migrating.upgrade(database, version)
        with engine.begin() as connection:
            rows.fill(connection)
            return counts(connection)

    return fill


def counts(connection: Connection) -> dict[str, int]:
    return {
        table: connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()
        for table in sorted(rows.tables_of(connection))
    }


def standing_triggers(connection: Connection) -> dict[str, str]:
    """The triggers there are: name → statement on SQLite, name → table and body on PostgreSQL."""
    if connection.dialect.name == "sqlite":
        question = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        question = (
            "SELECT t.tgname, c.relname || ': ' || p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
        )
    return {row[0]: row[1] for row in connection.execute(text(question))}


def declared_triggers(connection: Connection) -> dict[str, str]:
    if connection.dialect.name == "sqlite":
        return triggers.sqlite_triggers()
    columns = protection.protected_columns()
    declared = protection.postgresql_triggers(columns) | audit_protection.postgresql_triggers()
    declared |= consent_protection.postgresql_triggers() | deal_protection.postgresql_triggers()
    declared |= made_protection.postgresql_triggers() | contract_protection.postgresql_triggers()
    return {name: f"{trigger.table}: {trigger.function}" for name, trigger in declared.items()}


def found(session: Session, table: str, query: str) -> int:
    """How many rows of a table are found by a word."""
    entity = next(m.class_ for m in Model.registry.mappers if m.local_table.name == table)
    return session.scalar(select(func.count(entity.id)).where(*searches.conditions(session, entity, query))) or 0


def examine(engine: Engine) -> None:
    """Prove that a database of the newest version is whole: triggers, references, search, chains, protection."""
    with engine.connect() as connection:
        assert standing_triggers(connection) == declared_triggers(connection)
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
            for shadow in triggers.SHADOWS:  # it raises when index and table differ
                connection.exec_driver_sql(f"INSERT INTO {shadow}({shadow}, rank) VALUES ('integrity-check', 1)")
        holding = counts(connection)
    with Session(engine) as session:
        access.act_as(session, access.SYSTEM)
        for table in triggers.SEARCHED:
            many = {"party": 1, "product": 0, "activity": 0}.get(table, holding[table])
            assert (table, found(session, table, "омашк")) == (table, many)
        assert found(session, "party", "ulpen") == 1
        assert found(session, "product", "ulip") == holding["product"]


def prove(engine: Engine, files: Path) -> None:
    """Prove that the issued documents are what they were, and that nobody can change them."""
    with Session(engine) as session:
        report = verify.verify(session, key=rows.KEY, files=files)
        assert (report.documents, report.not_made) == (2, 1)
        # the bytes of the file lie nowhere: that is all there is to say
        assert [problem.kind for problem in report.problems] == [verify.ProblemKind.missing_file]
    for change in (
        "UPDATE invoice SET number = 'X' WHERE id = 1",
        "UPDATE invoice_line SET text = 'X' WHERE invoice_id = 1",
        "DELETE FROM chain_link",
    ):
        with pytest.raises(DBAPIError, match=r"an issued document is not changed|only ever added"), engine.begin() as c:
            c.execute(text(change))
    with engine.begin() as connection:
        connection.execute(text("UPDATE invoice SET note = 'still a draft' WHERE id = 3"))


LATEST = 6  # versions from which most will come; of the others every third is tried in every run


@pytest.mark.parametrize(
    "version", [one for at, one in enumerate(VERSIONS) if at >= len(VERSIONS) - LATEST or falls_to(0, at)]
)
def test_a_filled_database_of_any_version_comes_to_the_newest_whole(
    version: str, database: str, engine: Engine, filled: Callable[[str], dict[str, int]], tmp_path: Path
) -> None:
    before = filled(version)
    assert [table for table, count in before.items() if not count] == [], "tests/migrations/rows.py lacks their rows"
    migrating.upgrade(database)
    assert migrating.standing(engine) == NEWEST
    with engine.connect() as connection:
        after = counts(connection)
    assert {table: after[table] for table in before} == before
    examine(engine)
    if before.get("invoice"):
        prove(engine, tmp_path / "files")


def test_the_last_step_goes_back_and_forth_and_loses_only_what_it_brought(
    database: str, engine: Engine, filled: Callable[[str], dict[str, int]], tmp_path: Path
) -> None:
    before = filled(NEWEST)
    command.downgrade(migrating.config_for(database), FORMER)
    assert migrating.standing(engine) == FORMER
    with engine.connect() as connection:
        between = counts(connection)
    assert between == {table: before[table] for table in between}
    migrating.upgrade(database)
    with engine.connect() as connection:
        after = counts(connection)
    assert after == {table: between.get(table, 0) for table in before}
    examine(engine)
    prove(engine, tmp_path / "files")


def test_every_row_names_columns_that_exist(database: str, engine: Engine) -> None:
    """A misspelt column would be left out in silence, at every version."""
    migrating.upgrade(database)
    with engine.connect() as connection:
        tables = rows.tables_of(connection)
    unknown = {
        (table, column)
        for table, found in rows.ROWS.items()
        for row in found
        for column in row
        if column not in tables[table]
    }
    assert unknown == rows.GONE
