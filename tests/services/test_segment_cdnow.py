"""Segments agree with pandas on the purchases of the CDNOW sample: 2,357 customers, January 1997 to June 1998.

Source: Fader and Hardie, the sample as the package `lifetimes` brings it along (MIT); only its file is read.
"""

import uuid
from datetime import UTC, date, datetime
from importlib.metadata import distribution
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.services import condition, party_metric
from app.services import segment as segments
from tests.factories import Made

AT = datetime(1998, 6, 30, 12, tzinfo=UTC)
TODAY = pd.Timestamp(AT.date())
FILE = "lifetimes/datasets/CDNOW_sample.txt"
COLUMNS = ("customer", "sampled", "day", "discs", "dollars")


@pytest.fixture
def bought() -> pd.DataFrame:
    path = distribution("lifetimes").locate_file(FILE)
    kept = {"sampled": str, "dollars": str, "day": str}
    found = pd.read_csv(str(path), sep=r"\s+", names=COLUMNS, dtype=kept)
    found["day"] = pd.to_datetime(found["day"], format="%Y%m%d")
    assert (len(found), found["sampled"].nunique()) == (6919, 2357)
    return found


@pytest.fixture
def company(session: Session, made: Made, bought: pd.DataFrame) -> dict[int, str]:
    """Every customer as a counterparty, every purchase as an order."""
    ours = made.organisation(series=False)
    mark = uuid.uuid4().hex[:8]
    numbers = sorted(bought["sampled"].unique())
    session.execute(insert(Party), [{"name": f"{mark} {each}", "external_id": each} for each in numbers])
    keys = {row.external_id: row.id for row in session.execute(select(Party.external_id, Party.id))}
    rows = [
        {"party_id": keys[row.sampled], "organisation_id": ours.id, "ordered_on": row.day.date(), "currency": "USD"}
        | {"net": row.dollars, "gross": row.dollars, "state": OrderState.closed}
        for row in bought.itertuples()
    ]
    session.execute(insert(SaleOrder), rows)
    party_metric.count(session, list(keys.values()), at=AT)
    return {key: number for number, key in keys.items()}


def figure(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": name, "is": operator, "value": str(value)}


def test_segments_agree_with_pandas(session: Session, company: dict[int, str], bought: pd.DataFrame):
    by = bought.assign(dollars=bought["dollars"].astype(float)).groupby("sampled")
    number, first, last = by.size(), by["day"].min(), by["day"].max()
    since = (TODAY - last).dt.days
    years = ((TODAY - first).dt.days / 365.25).clip(lower=1)
    cents = bought.assign(cents=(bought["dollars"].astype(float) * 100).round().astype(int))
    spent = cents.groupby("sampled")["cents"].sum()
    recent = (
        cents[(TODAY - cents["day"]).dt.days < 180].groupby("sampled")["cents"].sum().reindex(spent.index).fillna(0)
    )
    large = cents[cents["cents"] >= 5000].groupby("sampled").size().reindex(spent.index).fillna(0)

    def dollars(operator: str, amount: str, **more: Any) -> dict[str, Any]:
        return {"has": "order", "sum:net": {"is": operator, "value": amount}, "currency": "USD", **more}

    cases: list[tuple[dict[str, Any], Any]] = [
        *((figure("orders_count", "ge", each), number >= each) for each in (1, 2, 5, 10)),
        (figure("orders_count", "eq", 1), number == 1),
        *(({"has": "order", "count": {"is": "ge", "value": each}}, number >= each) for each in (2, 7)),
        *((figure("last_order_on", "over", each), since >= each) for each in (30, 90, 365)),
        (figure("last_order_on", "last", 90), since < 90),
        (figure("first_order_on", "eq", date(1997, 1, 1)), first == pd.Timestamp(1997, 1, 1)),
        (figure("orders_per_year", "ge", 3), number / years >= 2.995),
        (dollars("ge", "100"), spent >= 10000),
        (dollars("lt", "14.96"), spent < 1496),
        (dollars("gt", "0", days=180), recent > 0),
        (dollars("le", "20.00", days=180), recent <= 2000),
        (
            {"has": "order", "where": [figure("net", "ge", 50)], "count": {"is": "ge", "value": 2}},
            large >= 2,
        ),
        ({"none": [figure("orders_count", "ge", 3), dollars("ge", "250")]}, ~((number >= 3) | (spent >= 25000))),
        (
            {"any": [figure("orders_count", "ge", 10), figure("last_order_on", "last", 7)]},
            (number >= 10) | (since < 7),
        ),
    ]
    sizes = []
    for part, expected in cases:
        tree = condition.parsed({"version": 1, "all": [part]})
        found = {company[key] for key in session.scalars(segments.matching(session, tree, at=AT))}
        assert found == set(expected[expected].index), part
        sizes.append(len(found))
    assert sizes[:5] == [2357, 1152, 388, 111, 1205]
