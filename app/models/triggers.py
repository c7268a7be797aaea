# ruff: noqa: S608 -- names of our own tables only
"""Triggers and full-text indexes, declared once and made again after every migration.

SQLite drops a table's triggers when a migration rebuilds it; that is why they are not made by migrations alone.
"""

from sqlalchemy import Connection, bindparam, inspect, text

from app.models import (
    audit_protection,
    consent_protection,
    contract_protection,
    deal_protection,
    made_protection,
    protection,
)
from app.models.protection import Trigger

# Tables with a folded `search_text`: part of a word is found through trigrams on both databases.
SEARCHED = (
    *("party", "product", "lead", "deal", "quote", "sale_order", "delivery", "invoice", "payment", "letter"),
    *("activity", "made_document", "contract"),
    *("search_entry", "search_word"),
)
SHADOWS = tuple(f"{table}_fts" for table in SEARCHED)


def search_triggers() -> dict[str, Trigger]:
    """Return the triggers that keep SQLite's full-text indexes: name → trigger."""
    found: dict[str, Trigger] = {}
    for table in SEARCHED:
        fts = f"{table}_fts"
        found[f"{fts}_insert"] = Trigger(
            table,
            f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN "
            f"INSERT INTO {fts}(rowid, search_text) VALUES (new.id, new.search_text); END",
        )
        found[f"{fts}_delete"] = Trigger(
            table,
            f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN "
            f"INSERT INTO {fts}({fts}, rowid, search_text) VALUES ('delete', old.id, old.search_text); END",
        )
        found[f"{fts}_update"] = Trigger(
            table,
            f"CREATE TRIGGER {fts}_update AFTER UPDATE OF search_text ON {table} "
            "WHEN new.search_text <> old.search_text BEGIN "
            f"INSERT INTO {fts}({fts}, rowid, search_text) VALUES ('delete', old.id, old.search_text); "
            f"INSERT INTO {fts}(rowid, search_text) VALUES (new.id, new.search_text); END",
        )
    return found


def sqlite_triggers() -> dict[str, str]:
    """Return the triggers that SQLite has: name → statement."""
    columns = protection.protected_columns()
    declared = search_triggers() | protection.sqlite_triggers(columns)
    declared |= audit_protection.sqlite_triggers() | consent_protection.sqlite_triggers()
    declared |= deal_protection.sqlite_triggers() | made_protection.sqlite_triggers()
    declared |= contract_protection.sqlite_triggers()
    return {name: trigger.statement for name, trigger in declared.items()}


def make_triggers(connection: Connection) -> None:
    """Make what is missing of the declared triggers and full-text indexes."""
    about = inspect(connection)
    tables = set(about.get_table_names())
    standing = {column["name"] for column in about.get_columns("invoice")} if "invoice" in tables else set()
    if "activity" in tables and "search_text" not in {column["name"] for column in about.get_columns("activity")}:
        tables.remove("activity")  # before 0028 nobody searched it
    columns = [name for name in protection.protected_columns() if name in standing]
    knows = {"settled": "allocation" in tables, "credited": "credited" in standing}
    audited = "audit_seal" in tables
    merges = "party_merge" in tables
    if connection.dialect.name == "sqlite":
        audit = audit_protection.sqlite_triggers() if audited else {}
        audit |= consent_protection.sqlite_triggers(merges=merges) | deal_protection.sqlite_triggers()
        audit |= made_protection.sqlite_triggers() | contract_protection.sqlite_triggers()
        _sqlite(connection, tables, protection.sqlite_triggers(columns, **knows) | audit)
    elif connection.dialect.name == "postgresql":
        audit = audit_protection.postgresql_triggers() if audited else {}
        audit |= consent_protection.postgresql_triggers(merges=merges) | deal_protection.postgresql_triggers()
        audit |= made_protection.postgresql_triggers() | contract_protection.postgresql_triggers()
        _postgresql(connection, tables, protection.postgresql_triggers(columns, **knows) | audit)


def drop_triggers(connection: Connection) -> None:
    """Take SQLite's triggers away before a migration: a table that they name cannot be renamed."""
    if connection.dialect.name == "sqlite":
        for name in sqlite_triggers():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def _sqlite(connection: Connection, tables: set[str], protecting: dict[str, Trigger]) -> None:
    standing = {
        row[0]: row[1]
        for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    }
    for table in SEARCHED:
        if table not in tables and f"{table}_fts" in tables:  # a downgrade took the table and left its index
            connection.exec_driver_sql(f"DROP TABLE {table}_fts")
        if table in tables and f"{table}_fts" not in tables:
            connection.exec_driver_sql(
                f"CREATE VIRTUAL TABLE {table}_fts USING fts5(search_text, content='{table}', content_rowid='id', "
                "tokenize='trigram case_sensitive 1', detail=full)"
            )
            connection.exec_driver_sql(f"INSERT INTO {table}_fts({table}_fts) VALUES ('rebuild')")
    for name, trigger in (search_triggers() | protecting).items():
        if trigger.table in tables and standing.get(name) != trigger.statement:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(trigger.statement)


def _postgresql(connection: Connection, tables: set[str], protecting: dict[str, Trigger]) -> None:
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for table in SEARCHED:
        if table in tables:
            index = f"ix_{table}_search_text_trgm"
            connection.exec_driver_sql(
                f"CREATE INDEX IF NOT EXISTS {index} ON {table} USING gin (search_text gin_trgm_ops)"
            )
    declared = {name: trigger for name, trigger in protecting.items() if trigger.table in tables}
    bodies = _standing(
        connection,
        "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = current_schema() AND p.proname IN :names",
        declared,
    )
    attached = _standing(
        connection,
        "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND t.tgname IN :names",
        declared,
    )
    for name, trigger in declared.items():
        if bodies.get(name) != trigger.function:
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $crm${trigger.function}$crm$"
            )
        if attached.get(name) != trigger.table:
            connection.exec_driver_sql(trigger.statement)


def _standing(connection: Connection, question: str, declared: dict[str, Trigger]) -> dict[str, str]:
    if not declared:
        return {}
    asked = text(question).bindparams(bindparam("names", expanding=True))
    return {row[0]: row[1] for row in connection.execute(asked, {"names": sorted(declared)})}
