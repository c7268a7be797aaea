"""What every table holds, in few words: the same before and after means that nothing has changed anywhere."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.db import Model
from app.models.history import Act, FieldChange

# What knocking at a door writes by itself, whoever knocks: sign-ins and who looked at what. The rest must stand still.
COMES_AND_GOES = frozenset({"sign_in", "login_attempt", "recent_record"})
COUNTED_BY_SIGN_IN = frozenset({"last_login", "login_count", "fail_login_count"})
LOOKING = (Act.view, Act.sign_in, Act.sign_in_failed, Act.sign_out)


def fingerprint(session: Session, *, but: frozenset[str] | set[str] = frozenset()) -> dict[str, str]:
    """Return {table: "rows sum"}; `but` names the tables that may differ."""
    session.expire_all()
    session.flush()
    connection = session.connection()
    left_out = COMES_AND_GOES | but
    return {table.name: _of(connection, table) for table in Model.metadata.sorted_tables if table.name not in left_out}


def _of(connection: sa.Connection, table: Table) -> str:
    read = select(*(column for column in table.c if column.name not in COUNTED_BY_SIGN_IN))
    if table is FieldChange.__table__:
        read = read.where(table.c.act.not_in(LOOKING))
    rows = sorted(repr(tuple(row)) for row in connection.execute(read))
    return f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}"


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the tables that differ."""
    return sorted(name for name, sum_ in before.items() if after[name] != sum_)


@contextmanager
def unchanged(session: Session, *, but: frozenset[str] | set[str] = frozenset()) -> Iterator[None]:
    """Fail when the block changes a table; `but` names those that it may."""
    before = fingerprint(session, but=but)
    yield
    found = changed(before, fingerprint(session, but=but))
    assert not found, found
