"""Reports of the demo company agree with pandas to the cent: for the company, in a manager's and in a head's rows.

What pandas computes is made from the tables as they stand, by nothing of the program; amounts are counted in whole
numbers: ten-thousandths, as the columns keep them, and with a rate 10 ** -14, so that nothing is rounded on the way.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy.orm import Session

from app.models.allocation import Allocation
from app.models.deal import Deal
from app.models.invoice import Invoice, InvoiceLine, InvoiceTax
from app.models.lead import Lead
from app.models.lost_reason import LostReason
from app.models.party import Party
from app.models.payment import Payment
from app.models.pipeline import Pipeline, Stage
from app.models.product import Product
from app.models.product_category import ProductCategory
from app.models.sale_order import SaleOrder
from app.models.stage_log import StageLog
from app.models.team import Team
from tests.report_world import AT, TODAY, ask, company, counted, figures, table

D = Decimal
CENT = D("0.01")
PEOPLE = (None, "head", "manager")
UNIT, RATE = 10_000, 10**10


@pytest.fixture(scope="module")
def world(app: Flask) -> Iterator[Session]:
    with company(app) as session:
        yield session


def cents(number: Any, unit: int = UNIT) -> Decimal:
    """Parts of a currency as an amount of it, rounded half up."""
    return (D(int(number)) / unit).quantize(CENT, ROUND_HALF_UP)


def euros(number: Any) -> Decimal:
    """What was converted at rates, rounded once."""
    return cents(number, UNIT * RATE)


def units(amount: Decimal | None) -> int:
    return 0 if amount is None else int(amount * UNIT)


def of(world: Session, frame: pd.DataFrame, name: str | None) -> pd.DataFrame:
    """Return the rows that somebody sees: a manager his own, the head of sales those of all teams."""
    if name is None:
        return frame
    users = table(world, User)
    mine = int(users.loc[users["username"] == name, "id"].iloc[0])
    if name == "manager":
        return frame[frame["owner_id"] == mine]
    return frame[(frame["owner_id"] == mine) | frame["team_id"].isin(table(world, Team)["id"])]


def days(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column)


@pytest.fixture(scope="module")
def issued(world: Session) -> pd.DataFrame:
    """Issued documents, each net amount with its sign, in whole units of the company's currency."""
    found = table(world, Invoice)
    found = found[found["state"] != "draft"].copy()
    assert len(set(found["currency"])) > 1
    found["day"] = days(found["issued_on"])
    found["sign"] = found["kind"].map({"invoice": 1, "credit_note": -1})
    found["rate"] = found["exchange_rate"].map(lambda rate: RATE if pd.isna(rate) else int(rate * RATE)).astype(object)
    found["units"] = found["net"].map(units).astype(object) * found["rate"] * found["sign"]
    return found


def within(frame: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    return frame[(frame["day"] >= first) & (frame["day"] <= last)]


# --- sales ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_sales_by_time_compared_with_the_year_before(world: Session, issued: pd.DataFrame, name: str | None):
    seen = of(world, issued, name)
    now, then = within(seen, "2025-07-01", "2026-06-30"), within(seen, "2024-07-01", "2025-06-30")
    found = ask(world, "sales", period="last_12_months", compared="year", as_=name)
    by_month = now.groupby(now["day"].dt.to_period("M"))["units"].agg(["sum", "count"])
    before = then.groupby((then["day"] + pd.DateOffset(years=1)).dt.to_period("M"))["units"].sum()
    months = pd.period_range("2025-07", "2026-06", freq="M")
    assert figures(found, "net", "documents", "before") == {
        (month.to_timestamp().date(), "EUR"): (
            euros(by_month["sum"].get(month, 0)),
            int(by_month["count"].get(month, 0)),
            euros(before.get(month, 0)),
        )
        for month in months
    }
    [total] = found.totals
    assert total.cells[1:3] == (len(now), euros(now["units"].sum()))
    assert total.cells[4:6] == (euros(then["units"].sum()), euros(now["units"].sum() - then["units"].sum()))
    assert len(now) > {None: 80, "head": 80, "manager": 20}[name or None]


@pytest.mark.parametrize("name", PEOPLE)
def test_sales_by_person_team_source_and_client(world: Session, issued: pd.DataFrame, name: str | None):
    now = within(of(world, issued, name), "2026-01-01", "2026-12-31")
    people, teams, parties = (table(world, entity).set_index("id") for entity in (User, Team, Party))
    seen = set(of(world, table(world, Party), name)["id"])
    names = {key: f"{row['first_name']} {row['last_name']}" for key, row in people.iterrows()}
    by = {
        "person": now["owner_id"].map(names).fillna("Nobody"),
        "team": now["team_id"].map(teams["name"]).fillna("Without a team"),
        "source": now["party_id"].where(now["party_id"].isin(seen)).map(parties["source"]).fillna("Unknown source"),
    }
    for way, keys in by.items():
        expected = now.groupby(keys)["units"].sum()
        found = ask(world, "sales", by=way, as_=name)
        assert figures(found, "net") == {(key, "EUR"): euros(value) for key, value in expected.items()}, way
        assert found.totals[0].cells[2] == euros(now["units"].sum())
    expected = now.groupby("party_id")["units"].sum()
    found = ask(world, "sales", by="party", as_=name)
    assert {row.behind["key"].record_id: row.cells[2] for row in found.rows} == {
        int(key): euros(value) for key, value in expected.items()
    }


@pytest.mark.parametrize("name", PEOPLE)
def test_sales_by_product_and_category_come_to_the_same_total(world: Session, issued: pd.DataFrame, name: str | None):
    now = within(of(world, issued, name), "2026-01-01", "2026-12-31")
    lines = table(world, InvoiceLine).merge(now[["id", "sign", "rate"]], left_on="invoice_id", right_on="id")
    lines["units"] = lines["net"].map(units).astype(object) * lines["rate"] * lines["sign"]
    products, categories = (table(world, entity).set_index("id") for entity in (Product, ProductCategory))
    rest = now["units"].sum() - lines["units"].sum()
    for way, keys in (
        ("product", lines["product_id"].map(products["name"]).fillna("Without a product")),
        (
            "category",
            lines["product_id"].map(products["category_id"]).map(categories["path"]).fillna("Without a category"),
        ),
    ):
        expected = {(key, "EUR"): euros(value) for key, value in lines.groupby(keys)["units"].sum().items()}
        if rest:
            expected["Discounts and charges of whole documents", "EUR"] = euros(rest)
        found = ask(world, "sales", by=way, as_=name)
        assert figures(found, "net") == expected
        assert found.totals[0].cells[2] == euros(now["units"].sum())


@pytest.mark.parametrize("name", PEOPLE)
def test_abc_of_products(world: Session, issued: pd.DataFrame, name: str | None):
    now = within(of(world, issued, name), "2025-07-01", "2026-06-30")
    lines = table(world, InvoiceLine).merge(now[["id", "sign", "rate"]], left_on="invoice_id", right_on="id")
    lines["units"] = lines["net"].map(units).astype(object) * lines["rate"] * lines["sign"]
    nets = lines.groupby("product_id")["units"].sum().sort_values(ascending=False)
    gains = nets.map(lambda net: max(net, 0)).astype(object)  # whole numbers beyond 64 bits
    whole, before = sum(gains), gains.cumsum().shift(fill_value=0)
    told = before.map(lambda so_far: "A" if so_far * 100 < 70 * whole else "B" if so_far * 100 < 90 * whole else "C")
    found = ask(world, "best", period="last_12_months", a=70, b=90, as_=name)
    shown = {row.behind["name"].record_id: (row.cells[found.at("net")], row.cells[-1]) for row in found.rows}
    assert shown == {int(key): (euros(net), told[key] if net > 0 else "C") for key, net in nets.items()}
    assert [row.cells[1] for row in found.rows] == [*range(1, len(nets) + 1)]
    assert {row.cells[-1] for row in found.rows} == {"A", "B", "C"}


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [date(2025, 12, 31), date(2026, 3, 31), TODAY])
@pytest.mark.parametrize("name", PEOPLE)
def test_open_items_of_a_day(world: Session, name: str | None, on: date):
    done = table(world, Allocation)
    done = done[days(done["allocated_on"]) <= pd.Timestamp(on)]

    def used(key: str, amount: str) -> pd.Series:
        return done.assign(units=done[amount].map(units)).groupby(key)["units"].sum()

    bills = of(world, table(world, Invoice), name)
    bills = bills[(bills["state"] != "draft") & (days(bills["issued_on"]) <= pd.Timestamp(on))].copy()
    is_note = bills["kind"] == "credit_note"
    paid = bills["id"].map(used("invoice_id", "amount")).fillna(0)
    given = bills["id"].map(used("credit_note_id", "credit_amount")).fillna(0)
    gross = bills["gross"].map(units)
    bills["rest"] = (gross - paid).where(~is_note, -(gross - given)).astype(int)
    late = (pd.Timestamp(on) - days(bills["due_on"])).dt.days
    bills["age"] = pd.cut(late, [-10_000, 0, 30, 60, 90, 10_000], labels=False)
    money = of(world, table(world, Payment), name)
    money = money[days(money["paid_on"]) <= pd.Timestamp(on)]
    money = money[money["cancelled_on"].isna() | (days(money["cancelled_on"]) > pd.Timestamp(on))].copy()
    amounts, is_receipt = money["amount"].map(units), money["kind"] == "receipt"
    left = amounts - money["id"].map(used("payment_id", "credit_amount")).fillna(0)
    back = amounts - money["id"].map(used("refund_id", "amount")).fillna(0)
    money["rest"] = (-left).where(is_receipt, back).astype(int)
    rests = pd.concat([bills, money])[["party_id", "currency", "rest"]]
    rests = rests[rests["rest"] != 0]
    owed = rests[rests["rest"] > 0].groupby(["party_id", "currency"])["rest"].sum()
    balance = rests.groupby(["party_id", "currency"])["rest"].sum()
    found = ask(world, "open_items", on=on, as_=name)
    assert {(row.behind["party"].record_id, row.currency): (row.cells[6], row.cells[8]) for row in found.rows} == {
        key: (cents(owed.get(key, 0)), cents(total)) for key, total in balance.items()
    }
    open_bills = bills[bills["rest"] > 0]
    by_age = open_bills.groupby(["currency", "age"])["rest"].sum()
    refunds = money[money["rest"] > 0].groupby("currency")["rest"].sum()  # not due: they have no day
    for total in found.totals:
        code = total.currency
        assert total.cells[1:6] == tuple(
            cents(by_age.get((code, at), 0) + (refunds.get(code, 0) if at == 0 else 0)) for at in range(5)
        )
    assert {total.currency for total in found.totals} == set(rests["currency"])
    items = ask(world, "open_items", on=on, by="document", as_=name)
    assert sorted(row.cells[7] for row in items.rows) == sorted(cents(rest) for rest in rests["rest"])
    assert len(items.rows) >= 5


@pytest.mark.parametrize("name", PEOPLE)
def test_the_sales_book(world: Session, issued: pd.DataFrame, name: str | None):
    now = within(of(world, issued, name), "2025-07-01", "2026-06-30")
    taxes = table(world, InvoiceTax).merge(
        now[["id", "sign", "number", "currency", "exchange_rate"]], left_on="invoice_id", right_on="id"
    )
    is_home = taxes["currency"] == "EUR"
    at_rate = taxes[["base", "tax"]].where(is_home, taxes[["base", "tax"]].mul(taxes["exchange_rate"], axis=0))
    at_rate["tax"] = at_rate["tax"].where(is_home | taxes["tax_home"].isna(), taxes["tax_home"])
    for each in ("base", "tax"):
        taxes[each] = at_rate[each].map(lambda one: units(one.quantize(CENT, ROUND_HALF_UP))) * taxes["sign"]
    by = taxes.groupby(["category", "rate"])[["base", "tax"]].agg(["sum", "count"])
    found = ask(world, "tax", period="last_12_months", as_=name)
    assert {(row.cells[1], row.cells[2]): row.cells[3:6] for row in found.rows} == {
        (category, D(rate * 100)): (int(row["base", "count"]), cents(row["base", "sum"]), cents(row["tax", "sum"]))
        for (category, rate), row in by.iterrows()
    }
    book = ask(world, "tax", period="last_12_months", by="document", as_=name)
    assert sorted((row.cells[0], row.cells[8], row.cells[9]) for row in book.rows) == sorted(
        (row["number"], cents(row["base"]), cents(row["tax"])) for _at, row in taxes.iterrows()
    )


# --- clients ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_rfm_and_cohorts(world: Session, name: str | None):
    seen = of(world, table(world, Party), name)["id"]
    orders = table(world, SaleOrder)
    orders = orders[~orders["state"].isin(["draft", "cancelled"]) & orders["party_id"].isin(seen)].copy()
    orders["day"], orders["units"] = days(orders["ordered_on"]), orders["net"].map(units)
    orders = orders[orders["day"] <= pd.Timestamp(TODAY)]
    by = orders.groupby("party_id").agg(last=("day", "max"), count=("id", "count"), units=("units", "sum"))
    ago = (pd.Timestamp(TODAY) - by["last"]).dt.days
    cells = by.groupby([pd.cut(ago, [-1, 30, 90, 365, 10**6], labels=False), pd.cut(by["count"], [0, 1, 2, 10**6])])
    expected = sorted((len(rows), cents(rows["units"].sum())) for _key, rows in cells if len(rows))
    found = ask(world, "rfm", f1=2, f2=3, f3=3, as_=name)
    assert sorted((row.cells[2], row.cells[4]) for row in found.rows) == expected
    assert found.totals[0].cells[2] == len(by)

    first = orders.groupby("party_id")["day"].min().dt.to_period("M")
    orders["cohort"] = orders["party_id"].map(first)
    orders["later"] = orders["day"].dt.year * 12 + orders["day"].dt.month
    orders["later"] -= orders["cohort"].dt.year * 12 + orders["cohort"].dt.month
    kept = orders.groupby(["cohort", "later"])["party_id"].nunique()
    grid = ask(world, "cohorts", measure="clients", as_=name)
    for row in grid.rows:
        month = pd.Period(row.cells[0], "M")
        assert row.cells[1] == kept[month, 0]
        for later, count in enumerate(row.cells[2:], 1):
            assert count == (None if month + later > pd.Period("2026-06", "M") else kept.get((month, later), 0))
    months = {month for month, _later in kept.index if month >= pd.Period("2025-07", "M")}
    assert {pd.Period(row.cells[0], "M") for row in grid.rows} == months
    assert len(months) >= 3


# --- deals and leads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_the_funnel(world: Session, name: str | None):
    pipelines, stages = table(world, Pipeline), table(world, Stage)
    pipeline = int(pipelines.loc[pipelines["is_default"].astype(bool), "id"].iloc[0])
    stages = stages[stages["pipeline_id"] == pipeline].set_index("id")
    order = stages[stages["type"] != "lost"].sort_values("position").index.to_list()
    deals = of(world, table(world, Deal), name)
    log = table(world, StageLog)
    begun = log[log["from_id"].isna()].assign(at=lambda rows: pd.to_datetime(rows["at"], utc=True))
    begun = begun[(begun["at"] >= "2025-06-30T22:00Z") & (begun["at"] < "2026-06-30T22:00Z")]
    deals = deals[(deals["pipeline_id"] == pipeline) & deals["id"].isin(begun["deal_id"])]
    log = log[log["deal_id"].isin(deals["id"])]
    furthest = log["to_id"].map({key: at for at, key in enumerate(order)}).fillna(-1).groupby(log["deal_id"]).max()
    found = ask(world, "funnel", period="last_12_months", as_=name)
    told = {row.cells[0]: row.cells for row in found.rows}
    assert len(deals) > (5 if name == "manager" else 15)
    for at, key in enumerate(order):
        mine, left = log[log["to_id"] == key], log[log["from_id"] == key]
        row = told[stages.loc[key, "name"]]
        assert row[1] == int((furthest.clip(lower=0) >= at).sum())
        assert row[4:6] == (mine["deal_id"].nunique(), len(mine) - mine["deal_id"].nunique())
        assert row[6] == int((deals["stage_id"] == key).sum())
        if stages.loc[key, "type"] == "open":
            assert row[7] == int((deals["lost_from_id"] == key).sum())
        if len(left):
            stay = D(int(left["working_minutes"].sum())) / len(left)
            assert row[8] == stay.quantize(D("0.1"), ROUND_HALF_UP)
        else:
            assert row[8] is None


@pytest.mark.parametrize("name", PEOPLE)
def test_won_and_lost(world: Session, name: str | None):
    deals = of(world, table(world, Deal), name)
    closed = deals[deals["closed_at"].notna()]
    at = pd.to_datetime(closed["closed_at"], utc=True)
    closed = closed[(at >= "2025-06-30T22:00Z") & (at < "2026-06-30T22:00Z")].copy()
    reasons = table(world, LostReason).set_index("id")["name"]
    closed["outcome"] = ("Lost: " + closed["lost_reason_id"].map(reasons)).fillna("Won")
    closed["units"] = closed["amount"].map(lambda amount: units(None if pd.isna(amount) else amount))
    by = closed.groupby(["outcome", "currency"]).agg(deals=("id", "count"), units=("units", "sum"))
    found = ask(world, "outcome", period="last_12_months", as_=name)
    assert figures(found, "deals", "amount") == {
        (outcome, code): (int(row["deals"]), cents(row["units"])) for (outcome, code), row in by.iterrows()
    }
    assert len(found.rows) >= 2


@pytest.mark.parametrize("name", PEOPLE)
def test_answers_to_leads(world: Session, name: str | None):
    leads = of(world, table(world, Lead), name)
    at = pd.to_datetime(leads["received_at"], utc=True)
    leads = leads[(at >= "2025-06-30T22:00Z") & (at < "2026-06-30T22:00Z")]
    leads = leads[~leads["state"].isin(["held", "merged"])]
    answered, due = (pd.to_datetime(leads[column], utc=True) for column in ("responded_at", "respond_by"))
    waits = leads["state"].isin(["new", "accepted"]) & answered.isna() & (due < pd.Timestamp(AT))
    found = ask(world, "response", by="channel", period="last_12_months", as_=name)
    for row in found.rows:
        rows = leads["channel"].map(str) == row.behind["leads"].where[-1][1]
        minutes = leads.loc[rows, "response_minutes"].dropna()
        late = int(((answered > due) | waits)[rows].sum())
        in_time = int((answered <= due)[rows].sum())
        assert row.cells[1:3] == (int(rows.sum()), len(minutes))
        assert row.cells[4] == (D(str(minutes.median())) if len(minutes) else None)
        assert row.cells[7] == late
        assert (row.cells[6] is None) == (in_time + late == 0)
    assert sum(row.cells[1] for row in found.rows) == len(leads)
    if len(leads):
        [total] = found.totals
        assert (total.cells[1], total.cells[2]) == (len(leads), int(leads["response_minutes"].notna().sum()))
    assert (len(leads) > 0) is True or name == "manager"


# --- statements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "given", "most"),
    [
        ("sales", {"compared": "year"}, 2),
        ("sales", {"by": "product", "compared": "before"}, 4),
        ("best", {}, 1),
        ("rfm", {}, 1),
        ("cohorts", {}, 1),
        ("funnel", {}, 5),
        ("outcome", {}, 1),
        ("response", {}, 1),
        ("open_items", {}, 2),
        ("tax", {}, 1),
    ],
)
def test_a_report_takes_few_statements(world: Session, key: str, given: dict[str, str], most: int):
    with counted(world) as statements:
        ask(world, key, given)
    assert len(statements) == most, statements
