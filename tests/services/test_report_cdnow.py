"""RFM and cohorts agree with pandas on the purchases of the CDNOW sample: 2,357 customers, January 1997 to June 1998.

Source: Fader and Hardie, the sample as the package `lifetimes` brings it along (MIT); only its file is read.
"""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import distribution
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.services import access, report, report_asked
from app.services.report_frame import Result
from tests.factories import Made
from tests.report_world import ZONE, actor, counted

AT = datetime(1998, 6, 30, 12, tzinfo=UTC)
TODAY = pd.Timestamp(AT.date())
FILE = "lifetimes/datasets/CDNOW_sample.txt"
COLUMNS = ("customer", "sampled", "day", "discs", "dollars")


@pytest.fixture
def bought(session: Session, made: Made) -> pd.DataFrame:
    """Every customer as a counterparty, every second one a manager's; every purchase as an order of nobody's."""
    path = distribution("lifetimes").locate_file(FILE)
    kept = {"sampled": str, "dollars": str, "day": str}
    found = pd.read_csv(str(path), sep=r"\s+", names=COLUMNS, dtype=kept)
    found["day"] = pd.to_datetime(found["day"], format="%Y%m%d")
    found["cents"] = (found["dollars"].astype(float) * 100).round().astype(int)
    assert (len(found), found["sampled"].nunique()) == (6919, 2357)
    ours, mark, person = made.organisation(series=False), uuid.uuid4().hex[:8], made.user("manager")
    numbers = sorted(found["sampled"].unique())
    owners = [person.id if at % 2 else None for at in range(len(numbers))]
    parties = [
        {"name": f"{mark} {each}", "external_id": each, "owner_id": owner}
        for each, owner in zip(numbers, owners, strict=True)
    ]
    session.execute(insert(Party), parties)
    keys = {row.external_id: row.id for row in session.execute(select(Party.external_id, Party.id))}
    about = {"organisation_id": ours.id, "currency": "USD", "state": OrderState.closed}
    rows = [
        {"party_id": keys[row.sampled], "ordered_on": row.day.date(), "net": row.dollars, "gross": row.dollars} | about
        for row in found.itertuples()
    ]
    session.execute(insert(SaleOrder), rows)
    found["is_mine"] = found["sampled"].map(dict(zip(numbers, (owner is not None for owner in owners), strict=True)))
    return found


def ask(session: Session, key: str, as_: str | None, **given: Any) -> Result:
    one = report.REPORTS[key]
    asked = report_asked.read(one, {name: str(value) for name, value in given.items()}, at=AT, zone=ZONE)
    with access.acting(session, access.SYSTEM if as_ is None else actor(session, as_)):
        return report.run(session, one, asked=asked)


@pytest.mark.parametrize("name", [None, "manager"])
def test_the_grid_of_rfm(session: Session, bought: pd.DataFrame, name: str | None):
    seen = bought if name is None else bought[bought["is_mine"]]
    by = seen.groupby("sampled").agg(last=("day", "max"), count=("day", "size"), cents=("cents", "sum"))
    ago = (TODAY - by["last"]).dt.days
    days, times = [-1, 60, 180, 400, 10**6], [0, 1, 3, 9, 10**6]
    cells = by.groupby([pd.cut(ago, days, labels=False), pd.cut(by["count"], times, labels=False)])
    expected = [(len(rows), Decimal(int(rows["cents"].sum())) / 100) for _key, rows in cells if len(rows)]
    with counted(session) as statements:
        found = ask(session, "rfm", name, r1=60, r2=180, r3=400, f1=2, f2=4, f3=10)
    assert [(row.cells[2], row.cells[4]) for row in found.rows] == expected
    assert found.totals[0].cells[2] == {None: 2357, "manager": 1178}[name]
    assert len([each for each in statements if "sale_order" in each]) == 1
    words = {(row.cells[0], row.cells[1]) for row in found.rows}
    assert ("up to 60 days ago", "4–9") in words
    assert ("more than 400 days ago", "1") in words


@pytest.mark.parametrize("name", [None, "manager"])
@pytest.mark.parametrize(("grain", "letter", "size"), [("month", "M", 1), ("quarter", "Q", 3)])
def test_cohorts(session: Session, bought: pd.DataFrame, name: str | None, grain: str, letter: str, size: int):
    seen = bought if name is None else bought[bought["is_mine"]]
    part = (seen["day"].dt.year * 12 + seen["day"].dt.month - 1) // size
    first = part.groupby(seen["sampled"]).transform("min")
    kept = seen.groupby([first.rename("first"), (part - first).rename("later")])["sampled"].nunique()
    given = {"period": "own", "from": "1997-01-01", "to": "1998-06-30", "grain": grain}
    found = ask(session, "cohorts", name, measure="clients", **given)
    now = (1998 * 12 + 5) // size
    told = {}
    for row in found.rows:
        begun = pd.Period(row.cells[0], letter)
        cohort = (begun.year * 12 + begun.start_time.month - 1) // size
        told[cohort, 0] = row.cells[1]
        told |= {(cohort, at): count for at, count in enumerate(row.cells[2:], 1) if cohort + at <= now}
    assert {key: count for key, count in told.items() if count} == kept.to_dict()
    first_orders = [date(1997, month, 1) for month in range(1, 4, size)]  # everybody's lies in the first quarter
    assert [row.cells[0] for row in found.rows] == first_orders
    shares = ask(session, "cohorts", name, **given)
    assert shares.rows[0].cells[2] == (Decimal(100) * found.rows[0].cells[2] / found.rows[0].cells[1]).quantize(
        Decimal("0.1")
    )
