"""Charts of lists: exact figures of what their reader sees, by value and by time, each with a way to its rows."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.payment import PaymentKind
from app.models.sale_order import SaleOrder
from app.web import chart_sketch
from app.web.chart_days import fitting, offsets, periods
from app.web.crud import CrudView
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.web.test_export import workbook

ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)
LINK = re.compile(r'<a href="([^"]+)">')
HIDDEN = re.compile(r'<span class="sr-only">.*?</span>', re.DOTALL)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", HIDDEN.sub("", html))).split())


def table(page: str) -> str:
    found = re.search(r'<table class="chart-table">(.*?)</table>', page, re.DOTALL)
    assert found is not None, page
    return found[1]


def figures(browser: Browser, path: str) -> list[list[str]]:
    """Return the table of a chart: its head, its rows, its totals."""
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return [[words(cell) for cell in CELL.findall(row)] for row in ROW.findall(table(answer.text))]


def rows(browser: Browser, path: str) -> list[list[str]]:
    return figures(browser, path)[1:-1]


def links(browser: Browser, path: str) -> list[list[str]]:
    """Return the addresses in each row of a chart's table."""
    body = table(browser.get(path).text).partition("<tbody>")[2].partition("</tbody>")[0]
    return [[unescape(link) for link in LINK.findall(row)] for row in ROW.findall(body)]


def drawn(browser: Browser, path: str) -> dict[str, Any]:
    found = re.search(r'id="chart-data">(.*?)</script>', browser.get(path).text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def listed(browser: Browser, path: str) -> int:
    """Return how many records a list has."""
    page = browser.get(path).text
    count = re.search(r'<h1>.*?</h1>\s*<span class="count"[^>]*>([\d,]+)', page, re.DOTALL)
    assert count is not None, path
    return int(count[1].replace(",", ""))


def order(made: Made, price: str, **values: Any) -> Any:
    return made.order(("1", price), **values)


@pytest.fixture
def orders(session: Session, made: Made) -> None:
    anna, boris = made.buyer("Anna"), made.buyer("Boris")
    order(made, "100.00", party=anna, ordered_on=date(2026, 1, 31), owner=made.user("manager"))
    order(made, "0.10", party=anna, ordered_on=date(2026, 2, 1), owner=made.user("manager"))
    order(made, "0.20", party=anna, ordered_on=date(2026, 5, 1), owner=made.user("manager2"))
    order(made, "50.00", party=boris, ordered_on=date(2025, 12, 31), currency="USD", owner=made.user("manager2"))
    order(made, "7.00", party=boris, ordered_on=None)
    session.commit()


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
def test_time_has_no_gaps_and_what_has_no_day_comes_last(as_user: Callable[[str], Browser]):
    assert figures(as_user("admin"), "/order/chart?chart=count_by_month") == [
        ["Ordered on: Month", "Records"],
        ["December 2025", "1"],
        ["January 2026", "1"],
        ["February 2026", "1"],
        ["March 2026", "0"],
        ["April 2026", "0"],
        ["May 2026", "1"],
        ["empty", "1"],
        ["Total", "5"],
    ]


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("grain", "first", "count"),
    [
        ("day", ["31 Dec 2025", "1"], 123),
        ("week", ["29 Dec 2025 – 4 Jan 2026", "1"], 19),
        ("quarter", ["Q4 2025", "1"], 4),
        ("year", ["2025", "1"], 3),
    ],
)
def test_every_grain_has_its_periods(as_user: Callable[[str], Browser], grain: str, first: list[str], count: int):
    found = rows(as_user("admin"), f"/order/chart?chart=count_by_month&grain={grain}")
    assert found[0] == first
    assert len(found) == count
    assert sum(int(row[1]) for row in found) == 5


@pytest.mark.usefixtures("orders")
def test_amounts_are_of_one_currency_the_one_of_most_records_first(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert figures(admin, "/order/chart?by=party&measure=gross") == [
        ["Party", "Records", "Total, EUR"],
        ["Anna", "3", "121.36"],
        ["Boris", "1", "8.47"],
        ["Total", "4", "129.83"],
    ]
    assert figures(admin, "/order/chart?by=party&measure=gross&currency=usd") == [
        ["Party", "Records", "Total, USD"],
        ["Boris", "1", "60.50"],
        ["Total", "1", "60.50"],
    ]
    page = admin.get("/order/chart?by=party&measure=gross").text
    note = re.search(r'<p class="hint">(There is more.*?)</p>', page, re.DOTALL)
    assert note is not None
    assert words(note[1]) == "There is more in other currencies: USD 1"
    assert (
        'href="/order/chart?size=25&amp;chart=total_by_month&amp;by=party&amp;measure=gross&amp;currency=USD"'
        in note[1]
    )
    assert rows(admin, "/order/chart?by=party&measure=count") == [["Anna", "3"], ["Boris", "2"]]


@pytest.mark.usefixtures("orders")
def test_amounts_reach_the_browser_exactly(as_user: Callable[[str], Browser], session: Session, made: Made):
    for price in ("99999999999.99", "99999999999.99", "0.01", "0.07"):
        order(made, price, ordered_on=date(2026, 6, 1))
    session.commit()
    data = drawn(as_user("admin"), "/order/chart?flt.ordered_on.ge=2026-05-01")
    assert [Decimal(value) for value in data["series"][0]["values"]] == [Decimal("0.20"), Decimal("200000000000.06")]
    assert data["series"][0]["texts"][1] == "200,000,000,000.06 EUR"
    assert (data["labels"], data["unit"]) == (["May 2026", "June 2026"], "EUR")


@attack(51, "figures of hidden rows")
@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("username", "count", "sums"),
    [
        ("manager", [["Mark Manager", "2"]], [["Anna", "2", "100.10"]]),
        ("manager2", [["Maria Manager", "2"]], [["Anna", "1", "0.20"]]),
        (
            "auditor",
            [["Mark Manager", "2"], ["Maria Manager", "2"], ["empty", "1"]],
            [["Anna", "3", "100.30"], ["Boris", "1", "7.00"]],
        ),
    ],
)
def test_nobody_learns_figures_of_what_he_does_not_see(
    as_user: Callable[[str], Browser], username: str, count: list[list[str]], sums: list[list[str]]
):
    browser = as_user(username)
    assert sorted(rows(browser, "/order/chart?by=owner&measure=count")) == sorted(count)
    assert rows(browser, "/order/chart?by=party&measure=net") == sums
    assert sum(int(row[-1]) for row in rows(browser, "/order/chart?chart=count_by_month")) == sum(
        int(row[-1]) for row in count
    )
    split = figures(browser, "/order/chart?by=party&split=owner&measure=count")
    assert int(split[-1][-1]) == sum(int(row[-1]) for row in count)


@pytest.mark.usefixtures("orders")
def test_filters_and_search_hold(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert rows(admin, "/order/chart?by=party&measure=count&q=anna") == [["Anna", "3"]]
    assert rows(admin, "/order/chart?by=party&measure=count&flt.ordered_on.le=2026-01-31") == [
        ["Anna", "1"],
        ["Boris", "1"],
    ]
    page = admin.get("/order/chart?by=party&q=anna&flt.state.eq=draft").text
    assert '<input type="hidden" name="flt.state.eq" value="draft">' in page
    assert "State: Draft" in words(page)
    assert "Nothing matches." in admin.get("/order/chart?q=zzz").text
    assert 'class="chart-table"' not in admin.get("/order/chart?q=zzz&chart=count_by_month").text


@pytest.mark.usefixtures("orders")
def test_a_chart_is_split_into_series(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert figures(admin, "/order/chart?by=ordered_on&grain=quarter&split=party&measure=count") == [
        ["Ordered on: Quarter", "Anna", "Boris", "Total"],
        ["Q4 2025", "0", "1", "1"],
        ["Q1 2026", "2", "0", "2"],
        ["Q2 2026", "1", "0", "1"],
        ["empty", "0", "1", "1"],
        ["Total", "3", "2", "5"],
    ]


def test_the_rest_is_put_together(
    as_user: Callable[[str], Browser], session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
):
    for at, price in enumerate(("5.00", "4.00", "3.00", "2.00", "1.00")):
        order(made, price, party=made.buyer(f"Buyer {at}"), ordered_on=date(2026, 3, at + 1))
    session.commit()
    admin = as_user("admin")
    monkeypatch.setattr(chart_sketch, "MOST_GROUPS", 2)
    path = "/order/chart?by=party&measure=net"
    assert figures(admin, path)[1:] == [
        ["Buyer 0", "1", "5.00"],
        ["Buyer 1", "1", "4.00"],
        ["Other (3)", "3", "6.00"],
        ["Total", "5", "15.00"],
    ]
    assert [len(found) for found in links(admin, path)] == [1, 1, 0]
    assert figures(admin, f"{path}&split=state")[1:] == [
        ["Buyer 0", "5.00", "5.00"],
        ["Buyer 1", "4.00", "4.00"],
        ["Other (3)", "6.00", "6.00"],
        ["Total", "15.00", "15.00"],
    ]
    monkeypatch.setattr(chart_sketch, "MOST_SERIES", 2)
    assert figures(admin, "/order/chart?by=ordered_on&split=party&measure=net") == [
        ["Ordered on: Month", "Buyer 0", "Buyer 1", "Other", "Total"],
        ["March 2026", "5.00", "4.00", "6.00", "15.00"],
        ["Total", "5.00", "4.00", "6.00", "15.00"],
    ]


def test_states_stand_in_their_order_and_empty_is_a_group(
    as_user: Callable[[str], Browser], session: Session, made: Made
):
    made.invoice(("1", "1.00"))
    made.issued(("1", "2.00"))
    made.issued(("1", "3.00"))
    session.commit()
    admin = as_user("admin")
    assert rows(admin, "/invoice/chart?chart=by_month&by=state&measure=count") == [["Issued", "2"]]
    party_rows = rows(admin, "/party/chart?by=owner")
    assert ["empty", str(listed(admin, "/party/list/?flt.owner.empty=1"))] in party_rows


def test_what_goes_back_lies_below_zero_and_is_no_slice(
    as_user: Callable[[str], Browser], session: Session, made: Made
):
    party = made.buyer()
    made.payment("100.00", party=party, on=date(2026, 1, 15))
    made.payment("40.50", party=party, kind=PaymentKind.refund, on=date(2026, 3, 31))
    session.commit()
    admin = as_user("admin")
    assert figures(admin, "/payment/chart") == [
        ["Paid on: Month", "Receipt", "Refund", "Total"],
        ["January 2026", "100.00", "0.00", "100.00"],
        ["February 2026", "0.00", "0.00", "0.00"],
        ["March 2026", "0.00", "-40.50", "-40.50"],
        ["Total", "100.00", "-40.50", "59.50"],
    ]
    assert drawn(admin, "/payment/chart?by=kind&split=-&kind=pie")["kind"] == "bar"
    assert "A pie cannot show amounts below zero" in admin.get("/payment/chart?by=kind&split=-&kind=pie").text
    assert drawn(admin, "/payment/chart?by=kind&split=-&kind=pie&measure=count")["kind"] == "pie"


# --- the way to the rows ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    "path",
    [
        "/order/chart?chart=count_by_month",
        "/order/chart?chart=count_by_month&grain=day",
        "/order/chart?chart=count_by_month&grain=week",
        "/order/chart?chart=count_by_month&grain=quarter",
        "/order/chart?chart=count_by_month&grain=year",
        "/order/chart?chart=count_by_month&grain=age",
        "/order/chart?by=party&measure=count&flt.state.eq=draft",
        "/order/chart?by=owner&measure=count",
        "/order/chart?by=currency&measure=count",
    ],
)
def test_a_figure_leads_to_exactly_its_rows(as_user: Callable[[str], Browser], path: str):
    admin = as_user("admin")
    tried = 0
    for row, found in zip(rows(admin, path), links(admin, path), strict=True):
        assert len(found) == (0 if row[1] == "0" else 1), row
        for link in found:
            assert listed(admin, link) == int(row[1]), link
            tried += 1
    assert tried > 1
    data = drawn(admin, path)
    assert [link for link in data["series"][0]["links"] if link] == [
        link for each in links(admin, path) for link in each
    ]


@pytest.mark.usefixtures("orders")
def test_the_rows_of_an_amount_are_of_its_currency(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    path = "/order/chart?by=party&measure=gross"
    assert links(admin, path)[1] == [
        f"/order/list/?flt.currency.eq=EUR&flt.party.eq={_id(links(admin, path)[1][0])}&size=25"
    ]
    assert [listed(admin, found[0]) for found in links(admin, path)] == [3, 1]
    assert [listed(admin, found[0]) for found in links(admin, f"{path}&currency=USD")] == [1]
    assert [listed(admin, found[0]) for found in links(admin, "/order/chart?by=party&measure=count")] == [3, 2]


def _id(link: str) -> str:
    found = re.search(r"flt\.party\.eq=(\d+)", link)
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("orders")
def test_every_cell_of_a_split_chart_leads_to_its_rows(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    path = "/order/chart?by=ordered_on&grain=year&split=owner&measure=count"
    tried = 0
    for row, found in zip(rows(admin, path), links(admin, path), strict=True):
        counts = [int(cell) for cell in row[1:] if cell != "0"]
        assert [listed(admin, link) for link in found] == counts
        tried += len(found)
    assert tried == 7  # four cells and three totals


def test_a_charts_own_filters_are_part_of_the_way(as_user: Callable[[str], Browser], session: Session, made: Made):
    made.invoice(("1", "1.00"))
    made.issued(("1", "2.00"), on=date(2026, 3, 31))
    session.commit()
    admin = as_user("admin")
    assert rows(admin, "/invoice/chart") == [["March 2026", "1", "2.00"]]
    [[link]] = links(admin, "/invoice/chart")
    assert link == "/invoice/list/?flt.state.neq=draft&flt.issued_on.ge=2026-03-01&flt.issued_on.le=2026-03-31&size=25"
    assert listed(admin, link) == 1


def test_overdue_invoices_by_age(as_user: Callable[[str], Browser], session: Session, made: Made):
    from app import clock

    today = clock.today("UTC")
    for days in (400, 91, 90, 61, 60, 31, 30, 1):
        invoice = made.issued(("1", "1.00"), on=today - timedelta(days=days))
        assert invoice.due_on is not None
    session.commit()
    admin = as_user("admin")
    path = "/invoice/chart?chart=overdue&by=issued_on"
    assert [row[:2] for row in rows(admin, path + "&grain=age")] == [
        ["Still to come", "0"],
        ["0–30 days ago", str(_late(admin, today, 0, 30))],
        ["31–60 days ago", str(_late(admin, today, 31, 60))],
        ["61–90 days ago", str(_late(admin, today, 61, 90))],
        ["Over 90 days ago", str(_late(admin, today, 91, 9999))],
    ]
    assert [listed(admin, link) for found in links(admin, path + "&grain=age") for link in found] == [
        int(row[1]) for row in rows(admin, path + "&grain=age") if row[1] != "0"
    ]
    assert figures(admin, "/invoice/chart?by=issued_on&grain=age&measure=count")[1:] == [
        ["Still to come", "0"],
        ["0–30 days ago", "2"],
        ["31–60 days ago", "2"],
        ["61–90 days ago", "2"],
        ["Over 90 days ago", "2"],
        ["Total", "8"],
    ]


def _late(admin: Browser, today: date, least: int, most: int) -> int:
    ends = f"&flt.issued_on.le={today - timedelta(days=least)}&flt.issued_on.ge={today - timedelta(days=most)}"
    return listed(admin, f"/invoice/list/?flt.kind.eq=invoice&flt.settlement.eq=open&flt.due_on.lt=today{ends}")


# --- moments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("UTC", [["January 2026", "1"], ["February 2026", "0"], ["March 2026", "2"], ["April 2026", "1"]]),
        ("Europe/Amsterdam", [["February 2026", "1"], ["March 2026", "1"], ["April 2026", "2"]]),
        ("America/New_York", [["January 2026", "1"], ["February 2026", "1"], ["March 2026", "2"]]),
    ],
)
def test_a_moment_is_of_the_readers_day(
    as_user: Callable[[str], Browser], session: Session, made: Made, zone: str, found: list[list[str]]
):
    moments = (
        datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
        datetime(2026, 3, 1, 3, 0, tzinfo=UTC),
        datetime(2026, 3, 31, 22, 30, tzinfo=UTC),  # summer time: the first of April in Amsterdam
        datetime(2026, 4, 1, 0, 30, tzinfo=UTC),
    )
    for at, moment in enumerate(moments):
        party = made.party(f"Moment {at}")
        session.execute(update(Party).where(Party.id == party.id).values(created_at=moment))
    made.user("auditor").profile.time_zone = zone
    session.commit()
    auditor = as_user("auditor")
    path = "/party/chart?chart=by_month&q=moment"
    assert rows(auditor, path) == found
    counted = [listed(auditor, link) for each in links(auditor, path) for link in each]
    assert counted == [int(row[1]) for row in found if row[1] != "0"]


def test_the_clocks_of_a_zone_are_known_to_the_second():
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    assert offsets(ZoneInfo("Europe/Amsterdam"), first, last) == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), 3600),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 7200),
        (last, 3600),
    ]
    assert offsets(ZoneInfo("Asia/Yerevan"), first, last) == [(last, 14400)]
    assert offsets(ZoneInfo("Asia/Kathmandu"), first, first) == [(first, 20700)]


def test_periods_follow_each_other_without_gaps():
    assert [*periods(date(2026, 1, 31), date(2026, 3, 1), "month")] == [date(2026, month, 1) for month in (1, 2, 3)]
    assert [*periods(date(2026, 1, 1), date(2026, 1, 12), "week")] == [
        date(2025, 12, 29),
        date(2026, 1, 5),
        date(2026, 1, 12),
    ]
    assert [*periods(date(2025, 12, 31), date(2026, 5, 2), "quarter")] == [
        date(2025, 10, 1),
        date(2026, 1, 1),
        date(2026, 4, 1),
    ]
    assert [*periods(date(9999, 12, 30), date.max, "day")] == [date(9999, 12, 30), date.max]
    assert [*periods(date.min, date(1, 1, 8), "week")] == [date.min, date(1, 1, 8)]


def test_too_many_periods_are_put_together(as_user: Callable[[str], Browser], session: Session, made: Made):
    assert fitting(date(2020, 1, 1), date(2020, 12, 31), "day") == "day"
    assert fitting(date(2020, 1, 1), date(2026, 12, 31), "day") == "week"
    assert fitting(date(1960, 1, 1), date(2026, 1, 1), "month") == "quarter"
    assert fitting(date(1900, 1, 1), date(2026, 1, 1), "month") == "year"
    order(made, "1.00", ordered_on=date(2020, 1, 1))
    order(made, "1.00", ordered_on=date(2026, 1, 1))
    session.commit()
    admin = as_user("admin")
    page = admin.get("/order/chart?chart=count_by_month&grain=day").text
    assert "they are put together" in page
    assert len(rows(admin, "/order/chart?chart=count_by_month&grain=day")) == 314
    slip = order(made, "1.00")
    session.execute(update(SaleOrder).where(SaleOrder.id == slip.id).values(ordered_on=date(2, 1, 1)))
    session.commit()
    assert rows(admin, "/order/chart?chart=count_by_month") == [["2", "1"], ["2020", "1"], ["2026", "1"]]


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
def test_the_same_figures_as_a_file(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    answer = admin.export("/order/chart/export?by=party&measure=gross&format=csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="order-')
    assert [*csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))] == [
        ["Party", "Records", "Total, EUR"],
        ["Anna", "3", "121.36"],
        ["Boris", "1", "8.47"],
        ["Total", "4", "129.83"],
    ]
    book = admin.export("/order/chart/export?by=ordered_on&grain=year&split=party&measure=net")
    assert workbook(book) == [
        [("t", "Ordered on: Year"), ("t", "Anna, Net, EUR"), ("t", "Boris, Net, EUR"), ("t", "Total, Net, EUR")],
        [("t", "2026"), ("n", "100.3"), ("n", "0"), ("n", "100.3")],
        [("t", "empty"), ("n", "0"), ("n", "7"), ("n", "7")],
        [("t", "Total"), ("n", "100.3"), ("n", "7"), ("n", "107.3")],
    ]
    assert admin.export("/order/chart/export?format=pdf").status_code == 404


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    "query",
    ["chart=x", "by=number", "by=gross", "grain=second", "split=by", "split=party.month", "measure=id", "kind=radar",
     "currency=%27", "by=party&split=party", "kind=line&by=party", "kind=pie&split=state"],
)  # fmt: skip
def test_what_cannot_be_drawn_is_drawn_as_declared(as_user: Callable[[str], Browser], query: str):
    page = as_user("admin").get(f"/order/chart?{query}")
    assert page.status_code == 200
    assert 'class="chart-table"' in page.text


@pytest.mark.usefixtures("orders")
def test_a_part_is_sent_without_the_frame_and_says_its_address(as_user: Callable[[str], Browser]):
    answer = as_user("admin").get(
        "/order/chart?chart=total_by_month&by=party&split=-&measure=net&kind=bar&q=anna",
        headers={"HX-Request": "true", "HX-Target": "chart"},
    )
    assert answer.headers["HX-Push-Url"] == "/order/chart?q=anna&size=25&chart=total_by_month&by=party"
    assert "<html" not in answer.text


@pytest.mark.usefixtures("orders")
def test_a_chart_costs_few_statements(as_user: Callable[[str], Browser], statements: list[str]):
    admin = as_user("admin")
    for path in ("/order/chart?by=party&split=owner&measure=gross", "/order/chart", "/party/chart?chart=by_month"):
        admin.get(path)
        statements.clear()
        admin.get(path)
        assert len(statements) <= 12, (path, len(statements))


def test_every_list_with_charts_can_be_charted_by_all_that_it_offers(
    app: Flask, as_user: Callable[[str], Browser], session: Session, made: Made
):
    made.issued()
    order(made, "1.00")
    made.payment("5.00")
    session.commit()
    admin = as_user("admin")
    tried = 0
    for view in app.appbuilder.baseviews:
        if not isinstance(view, CrudView):
            continue
        if not view.charts:
            assert admin.get(f"{view.route_base}/chart").status_code == 404
            continue
        assert {chart.by for chart in view.charts} <= {*view.chartable}, view
        assert {chart.stack for chart in view.charts} <= {"", *(n for n, units in view.chartable.items() if not units)}
        assert {one.column for chart in view.charts for one in chart.of} <= {*view.search_columns}
        assert len({chart.name for chart in view.charts}) == len(view.charts)
        for chart in view.charts:
            page = admin.get(f"{view.route_base}/chart?chart={chart.name}")
            assert str(chart.label) in unescape(page.text)
        for column, grains in view.chartable.items():
            for grain in grains or [""]:
                answer = admin.get(f"{view.route_base}/chart?by={column}&grain={grain}&measure=count")
                assert answer.status_code == 200, (view.route_base, column, grain)
                tried += 1
        for measure in view.measures:
            assert admin.get(f"{view.route_base}/chart?measure={measure}").status_code == 200
    assert tried > 60


@pytest.mark.usefixtures("orders")
def test_who_may_not_see_the_list_sees_no_chart(as_user: Callable[[str], Browser], visitor: Browser):
    assert as_user("nobody").get("/order/chart").status_code == 403
    assert visitor.get("/order/chart").status_code in {302, 401}
