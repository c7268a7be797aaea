"""How long counting a segment takes: fills a temporary database set by set and counts whom conditions find.

    python -m benchmarks.segments --rows 100000 [--explain]         SQLite
    python -m tests.servers postgres -- python -m benchmarks.segments --rows 100000

Aim: 300 ms for conditions on indexed columns, since the builder counts while one edits. Measured with 100,000
counterparties and 200,000 orders on two busy cores, median in ms, SQLite / PostgreSQL: one country 79 / 44, turnover
59 / 88, recency and number 200 / 125, an order of 30 days 95 / 117, none of two 298 / 111. Beyond the aim lies what
reads every order: two orders or more 392 / 642 (the figure "orders" says it in a fifth), never ordered 471 / 348, a sum
of a year 1600 / 428.
"""

import argparse
import os
import statistics
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.party_metric import PartyMetric
from app.models.sale_order import OrderState, SaleOrder
from app.services import access, condition
from app.services import segment as segments
from benchmarks.stage import opened, settings, tidy

CHUNK = 10_000
REPEATS = 7
COUNTRIES = ("NL", "RU", "AM", "DE", "FR")
TREES: dict[str, list[dict[str, Any]]] = {
    "one country": [{"field": "country", "is": "eq", "value": "NL"}],
    "turnover, a tenth": [{"field": "turnover", "is": "ge", "value": "9000"}],
    "recency and number": [
        {"field": "last_order_on", "is": "over", "value": "300"},
        {"field": "orders_count", "is": "ge", "value": "2"},
    ],
    "has an order of 30 days": [{"has": "order", "days": 30}],
    "two orders or more": [{"has": "order", "count": {"is": "ge", "value": 2}}],
    "never ordered": [{"has": "order", "count": {"is": "eq", "value": 0}}],
    "sum of a year": [{"has": "order", "sum:net": {"is": "ge", "value": "150"}, "currency": "EUR", "days": 365}],
    "none of two": [
        {"none": [{"field": "country", "is": "eq", "value": "NL"}, {"has": "order", "days": 30}]},
    ],
}


def fill(session: Session, rows: int) -> None:
    """Write counterparties, two orders for most of them, and their figures."""
    random, today, at = Random("segments"), clock.today(), clock.now()
    ours = Organisation(name="Bench B.V.", country="NL", currency="EUR", language="nl", time_zone="Europe/Amsterdam")
    session.add(ours)
    session.flush()
    key = 0
    for first in range(1, rows + 1, CHUNK):
        parties, orders, figures = [], [], []
        for number in range(first, min(first + CHUNK, rows + 1)):
            parties.append({"id": number, "name": f"P{number}", "country": random.choice(COUNTRIES)})
            days = sorted(today - timedelta(days=random.randrange(900)) for _each in range(random.choice((0, 1, 2, 5))))
            for day in days:
                key += 1
                net = Decimal(random.randrange(1, 200))
                orders.append(
                    {"id": key, "party_id": number, "organisation_id": ours.id, "currency": "EUR", "ordered_on": day}
                    | {"state": OrderState.closed, "net": net, "gross": net}
                )
            figures.append(
                {"party_id": number, "orders_count": len(days), "turnover": Decimal(random.randrange(10_000))}
                | {"first_order_on": days[0] if days else None, "last_order_on": days[-1] if days else None}
                | {"counted_at": at}
            )
        session.execute(insert(Party), parties)
        session.execute(insert(SaleOrder), orders)
        session.execute(insert(PartyMetric), figures)
    print(f"{rows} counterparties, {key} orders")


def measure(*, explain: bool) -> None:
    """Print for each tree the median and the least in ms, and how many it finds."""
    at = clock.now()
    for name, parts in TREES.items():
        taken, found = [], 0
        for _time in range(REPEATS):
            db.session.remove()
            session = db.session()
            access.act_as(session, access.SYSTEM)
            session.execute(text("SELECT 1"))
            begun = time.perf_counter()
            found = segments.count(session, condition.parsed({"version": 1, "all": parts}), at=at)
            taken.append((time.perf_counter() - begun) * 1000)
        print(f"{name:28}{statistics.median(taken):9.1f}{min(taken):9.1f}   ({found})")
        if explain:
            told(segments.matching(session, condition.parsed({"version": 1, "all": parts}), at=at))


def told(found: Any) -> None:  # noqa: ANN401 -- a statement
    """Print how the database goes about a statement."""
    dialect = db.engine.dialect
    bound = found.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = bound.construct_params()
    ways = bound._bind_processors  # noqa: SLF001 -- literals of our types need it
    given = {name: ways[name](value) if name in ways else value for name, value in values.items()}
    how = "EXPLAIN QUERY PLAN" if dialect.name == "sqlite" else "EXPLAIN"
    with db.engine.connect() as connection:
        ordered = tuple(given[name] for name in bound.positiontup) if bound.positiontup else given
        for row in connection.exec_driver_sql(f"{how} {bound.string}", ordered):
            print("    ", row[-1])


def main() -> None:
    """Fill and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segments", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--explain", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="countinghouse-bench-") as folder:
        url = os.environ.get("CRM_TEST_DATABASE_URL")
        if url:
            from tests.servers import create_database

            url = create_database(url, "crm_bench_segments")
        app = opened(settings(url or f"sqlite:///{folder}/bench.db", Path(folder)))
        with app.app_context():
            access.act_as(db.session(), access.SYSTEM)
            with unit_of_work(db.session()) as session:
                fill(session, asked.rows)
            db.session.remove()
            tidy()
            measure(explain=asked.explain)
            db.engine.dispose()


if __name__ == "__main__":
    main()
