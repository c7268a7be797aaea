"""Alembic's environment: our metadata holds Flask-AppBuilder's tables too.

On SQLite a table that is rebuilt would cascade-delete its children and lose its triggers: foreign keys are off while
migrating and checked afterwards, and the declared triggers are made again at the end.
"""

from typing import Any

from alembic import context
from sqlalchemy import BigInteger, Connection, create_engine, pool, text

from app import columns, models  # noqa: F401 -- registers every table
from app.db import metadata, prepare_engine
from app.models.triggers import SHADOWS, drop_triggers, make_triggers

config = context.config


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the shadow tables of full-text indexes."""
    return not (kind == "table" and name is not None and name.startswith(SHADOWS))


def include_object(_item: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001
    """Leave out indexes that one database alone has (`info={"only": …}` or made by hand in a migration)."""
    return not (kind == "index" and reflected and name is not None and name.endswith("_trgm"))


def render_item(kind: str, item: Any, _context: Any) -> Any:
    """Write our column types by their names."""
    if kind == "type":
        if isinstance(item, columns.Exact):
            return f"columns.Exact({item.digits}, {item.places})"
        if isinstance(item, columns.Instant):
            return "columns.Instant()"
        if isinstance(item, BigInteger):
            return "columns.Key"
    return False


def keep_references(connection: Connection, *, keep: bool) -> None:
    """Turn SQLite's foreign keys on or off.

    Within a transaction SQLite ignores this in silence, and our connections begin one with their first statement: that
    is why the driver itself is asked, and asked again whether it did so.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA foreign_keys={'ON' if keep else 'OFF'}")
    if bool(driver.execute("PRAGMA foreign_keys").fetchone()[0]) is not keep:
        raise RuntimeError("a migration must begin outside a transaction")


def migrate(connection: Connection) -> None:
    """Run the migrations on a connection, in one transaction."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        keep_references(connection, keep=False)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=sqlite,
        compare_type=False,
        include_name=include_name,
        include_object=include_object,
        transactional_ddl=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        drop_triggers(connection)
        context.run_migrations()
        make_triggers(connection)
    if sqlite:
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise RuntimeError(f"rows point to nothing after migrating: {broken[:5]}")
        connection.rollback()
        keep_references(connection, keep=True)


given = config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = create_engine(config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
    prepare_engine(engine)
    with engine.connect() as connection:
        migrate(connection)
        connection.commit()
