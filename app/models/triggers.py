# ruff: noqa: S608 -- names of our own tables only
"""Triggers and full-text indexes, declared once and made again after every migration.

SQLite drops a table's triggers when a migration rebuilds it; that is why they are not made by migrations alone.
"""

from sqlalchemy import Connection, inspect

# Tables with a folded `search_text`: part of a word is found through trigrams on both databases.
SEARCHED = ("party",)
SHADOWS = tuple(f"{table}_fts" for table in SEARCHED)


def sqlite_triggers() -> dict[str, str]:
    """Return the triggers that SQLite has: name → statement."""
    found: dict[str, str] = {}
    for table in SEARCHED:
        fts = f"{table}_fts"
        found[f"{fts}_insert"] = (
            f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN "
            f"INSERT INTO {fts}(rowid, search_text) VALUES (new.id, new.search_text); END"
        )
        found[f"{fts}_delete"] = (
            f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN "
            f"INSERT INTO {fts}({fts}, rowid, search_text) VALUES ('delete', old.id, old.search_text); END"
        )
        found[f"{fts}_update"] = (
            f"CREATE TRIGGER {fts}_update AFTER UPDATE OF search_text ON {table} BEGIN "
            f"INSERT INTO {fts}({fts}, rowid, search_text) VALUES ('delete', old.id, old.search_text); "
            f"INSERT INTO {fts}(rowid, search_text) VALUES (new.id, new.search_text); END"
        )
    return found


def make_triggers(connection: Connection) -> None:
    """Make what is missing of the declared triggers and full-text indexes."""
    tables = set(inspect(connection).get_table_names())
    if connection.dialect.name == "sqlite":
        _sqlite(connection, tables)
    elif connection.dialect.name == "postgresql":
        _postgresql(connection, tables)


def _sqlite(connection: Connection, tables: set[str]) -> None:
    standing = {
        row[0]: row[1]
        for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    }
    for table in SEARCHED:
        if table in tables and f"{table}_fts" not in tables:
            connection.exec_driver_sql(
                f"CREATE VIRTUAL TABLE {table}_fts USING fts5(search_text, content='{table}', content_rowid='id', "
                "tokenize='trigram case_sensitive 1', detail=full)"
            )
            connection.exec_driver_sql(f"INSERT INTO {table}_fts({table}_fts) VALUES ('rebuild')")
    for name, statement in sqlite_triggers().items():
        table = next(t for t in SEARCHED if name.startswith(t))
        if table in tables and standing.get(name) != statement:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(statement)


def _postgresql(connection: Connection, tables: set[str]) -> None:
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for table in SEARCHED:
        if table in tables:
            index = f"ix_{table}_search_text_trgm"
            connection.exec_driver_sql(
                f"CREATE INDEX IF NOT EXISTS {index} ON {table} USING gin (search_text gin_trgm_ops)"
            )
