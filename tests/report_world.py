"""The small demo company, made once for a module of tests, and its tables as pandas reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.models.team import Team
from app.services import access, report_asked
from app.services import report as reports
from app.services.access import Actor
from app.services.report_frame import Result

TODAY = date(2026, 6, 30)
AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
D = Decimal


@contextmanager
def company(app: Flask) -> Iterator[Session]:
    """Fill the demo company in a transaction that is rolled back; the tests' own users make room for its people."""
    from app import demo
    from app.db import db

    with app.app_context():
        connection = db.engines[None].connect()
        outer = connection.begin()
        work = Session(connection, join_transaction_mode="create_savepoint", info={"writes": True})
        access.act_as(work, access.SYSTEM)
        for account in work.execute(select(User).where(User.username != "admin")).unique().scalars():
            work.delete(account)
        for team in work.execute(select(Team).order_by(Team.id.desc())).scalars():
            work.delete(team)
        work.flush()
        demo.fill(work, size="small", password=None, today=TODAY)
        work.flush()
        yield work
        work.close()
        outer.rollback()
        connection.close()


def actor(session: Session, name: str) -> Actor:
    """Return somebody as the session knows him."""
    person = session.execute(select(User).where(User.username == name)).unique().scalar_one()
    roles = [role.name for role in person.roles]
    return access.actor_of(session, user_id=person.id, name=name, roles=roles, profile=person.profile)


def table(session: Session, entity: type[Any]) -> pd.DataFrame:
    """Return a whole table, amounts as Decimals: what the program says of rows is not asked."""
    rows = session.connection().execute(select(entity.__table__)).mappings().all()
    return pd.DataFrame([dict(row) for row in rows])


def ask(
    session: Session, key: str, given: dict[str, Any] | None = None, *, as_: str | None = None, **more: Any
) -> Result:
    """Ask a report as the system, or as somebody."""
    report = reports.REPORTS[key]
    texts = {name: str(value) for name, value in {**(given or {}), **more}.items()}
    asked = report_asked.read(report, texts, at=AT, zone=ZONE)
    with access.acting(session, access.SYSTEM if as_ is None else actor(session, as_)):
        return reports.run(session, report, asked=asked)


def figures(found: Result, *names: str) -> dict[Any, Any]:
    """Return some columns of a result, by its first column and the currency."""
    places = [found.at(name) for name in names]
    keys = [(row.cells[0], row.currency) for row in found.rows]
    assert len(set(keys)) == len(keys), "two rows of the same name"
    return {
        key: row.cells[places[0]] if len(places) == 1 else tuple(row.cells[at] for at in places)
        for key, row in zip(keys, found.rows, strict=True)
    }


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Collect the statements that run meanwhile."""
    connection, found = session.connection(), []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield found
    event.remove(connection, "before_cursor_execute", note)
