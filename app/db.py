"""The database handle and `unit_of_work()`: the only commit in the product.

A reading request opens a plain transaction. Whatever writes says so first (`writing(session)`), because on
SQLite a read that turns into a write late is refused with "database is locked": writers open BEGIN IMMEDIATE
from their first statement. After a commit the callables left by `after_commit` run once (the outbox rings the
worker there); a rollback forgets them, and writes instead what `after_rollback` has left: what must be known of an
act that was refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flask_appbuilder import Model as _FabModel
from flask_appbuilder.models.sqla.base import SQLA
from sqlalchemy import Connection, Engine, MetaData, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

if TYPE_CHECKING:

    class Model(DeclarativeBase):
        """What the type checker sees; at run time it is Flask-AppBuilder's base: users are in its metadata."""
else:
    Model = _FabModel

metadata: MetaData = Model.metadata
metadata.naming_convention = NAMING

_WRITES = "writes"
_AFTER = "after_commit"
_FALLEN = "after_rollback"


class CrmSession(Session):
    """A session that knows whether it writes (see the module's text)."""

    def __init__(self, db: Any, **options: Any) -> None:  # noqa: ANN401 -- Flask-SQLAlchemy's handle
        super().__init__(**options)
        self._db = db

    def get_bind(self, mapper: Any = None, **options: Any) -> Engine | Connection:  # noqa: ANN401, ARG002
        """Bind to the one engine; a writing session's transactions begin IMMEDIATE on SQLite."""
        engine: Engine | Connection = self._db.engines[None]
        if isinstance(engine, Engine) and engine.dialect.name == "sqlite" and self.info.get(_WRITES):
            return self._db.writing_engine(engine)  # type: ignore[no-any-return]
        return engine


class Database(SQLA):  # type: ignore[misc]
    """Flask-SQLAlchemy's handle over Flask-AppBuilder's metadata."""

    _writers: dict[int, Engine]

    def __init__(self) -> None:
        super().__init__(session_options={"class_": CrmSession})
        self._writers = {}

    def writing_engine(self, engine: Engine) -> Engine:
        """Return the same engine (one pool) whose transactions begin IMMEDIATE."""
        found = self._writers.get(id(engine))
        if found is None:
            found = engine.execution_options(begins="IMMEDIATE")
            self._writers[id(engine)] = found
        return found


db = Database()


def writing(session: Session) -> None:
    """Declare, before its first statement, that this session will write."""
    session.info[_WRITES] = True


@contextmanager
def unit_of_work(session: Session | None = None) -> Iterator[Session]:
    """Do everything inside or nothing: commit at the end, roll back on any error.

    Nested calls join the outer one. Callables given to `after_commit` run after the outermost commit.
    """
    work = session if session is not None else db.session()
    if work.info.get("depth"):
        yield work
        return
    work.info["depth"] = 1
    work.info.pop(_FALLEN, None)  # of what was done outside of any unit
    if not work.info.get(_WRITES):
        if work.in_transaction():
            work.rollback()  # a read that turned into a write would be refused by SQLite: begin anew
        writing(work)
    try:
        yield work
        work.commit()
    except BaseException:
        work.rollback()
        work.info.pop(_AFTER, None)
        _write_fallen(work)
        raise
    finally:
        work.info["depth"] = 0
        work.info.pop(_FALLEN, None)
    for act in work.info.pop(_AFTER, []):
        act()


def _write_fallen(work: Session) -> None:
    """Write what must outlive a unit of work that was undone; where that fails too, the first error is what is told."""
    acts = work.info.pop(_FALLEN, [])
    work.info["depth"] = 0
    if acts:
        with suppress(SQLAlchemyError), unit_of_work(work):
            for act in acts:
                act(work)


def after_rollback(session: Session, act: Callable[[Session], None]) -> None:
    """Let `act` write in a transaction of its own if the current unit of work is undone."""
    session.info.setdefault(_FALLEN, []).append(act)


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Run `act` once the current unit of work has been committed."""
    session.info.setdefault(_AFTER, []).append(act)


def prepare_engine(engine: Engine) -> None:
    """Give a SQLite engine its pragmas, explicit transactions and Unicode-aware functions; PostgreSQL needs none."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connect(raw: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401
        raw.isolation_level = None  # the driver's own transactions lose updates silently
        cursor = raw.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "secure_delete=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        raw.create_function("lower", 1, lambda text: None if text is None else str(text).casefold(), deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("begins", "")
        connection.exec_driver_sql(f"BEGIN {mode}".strip())
