"""Changing rows as somebody who has the database but not the program: past its triggers."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

AUDIT = ("field_change", "audit_seal")


@contextmanager
def without_triggers(connection: Connection, tables: tuple[str, ...] = AUDIT) -> Iterator[None]:
    """Take the triggers of tables away inside the block."""
    if connection.dialect.name != "sqlite":
        for table in tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    names = ", ".join(f"'{table}'" for table in tables)
    standing = connection.exec_driver_sql(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({names})"
    ).all()
    for name, _sql in standing:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _name, sql in standing:
        connection.exec_driver_sql(sql)
