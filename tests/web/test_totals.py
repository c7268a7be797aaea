"""Totals and groups of lists: exact, of everything that matches and of nothing that its reader does not see."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models.payment import PaymentKind
from app.models.sale_order import SaleOrder
from app.services import invoice as invoices
from app.services import payment as payments
from app.services.allocation import When
from app.web import totals
from app.web.crud import CrudView
from app.web.groups import days_of
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def sums(browser: Browser, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.status_code == 200
    rows = [[words(cell) for cell in CELL.findall(row)] for row in ROW.findall(answer.text)]
    return [[cell for cell in row if cell] for row in rows]


def groups(browser: Browser, path: str) -> list[list[str]]:
    page = browser.get(path)
    assert page.status_code == 200
    body = re.search(r'class="table records groups".*?<tbody[^>]*>(.*?)</tbody>', page.text, re.DOTALL)
    return [[words(cell) for cell in CELL.findall(row)] for row in ROW.findall(body[1])] if body else []


def links(browser: Browser, path: str) -> list[str]:
    page = browser.get(path).text
    return [unescape(each) for each in re.findall(r'class="row-link" href="([^"]+)"', page)]


def order(made: Made, price: str, **values: Any) -> SaleOrder:
    return made.order(("1", price), **values)


@pytest.fixture
def orders(session: Session, made: Made) -> None:
    """Five orders of two parties and two currencies."""
    anna, boris = made.buyer("Anna"), made.buyer("Boris")
    order(made, "100.00", party=anna, ordered_on=date(2026, 1, 31), owner=made.user("manager"))
    order(made, "0.10", party=anna, ordered_on=date(2026, 2, 1), owner=made.user("manager"))
    order(made, "0.20", party=anna, ordered_on=date(2026, 3, 1), owner=made.user("manager2"))
    order(made, "50.00", party=boris, ordered_on=date(2025, 12, 31), currency="USD", owner=made.user("manager2"))
    order(made, "7.00", party=boris, ordered_on=None)
    session.commit()


# --- totals -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
def test_the_totals_are_of_everything_that_matches_by_currency(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert sums(admin, "/order/list/totals?size=1") == [["Total 4", "129.83", "EUR"], ["Total 1", "60.50", "USD"]]
    assert sums(admin, "/order/list/totals?flt.ordered_on.ge=2026-02-01") == [["Total 2", "0.36", "EUR"]]
    assert sums(admin, "/order/list/totals?q=boris&cols=party,net,gross") == [
        ["Total 1", "7.00 EUR", "8.47 EUR"],
        ["Total 1", "50.00 USD", "60.50 USD"],
    ]
    assert sums(admin, "/order/list/totals?q=boris&cols=party,state")[0] == ["Total 1 · Net 7.00 EUR · Total 8.47 EUR"]
    assert sums(admin, "/order/list/totals?q=zzz") == []


@attack(50, "sums and sizes of groups of hidden rows")
@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("username", "found"),
    [
        ("manager", [["Total 2", "121.12", "EUR"]]),
        ("manager2", [["Total 1", "0.24", "EUR"], ["Total 1", "60.50", "USD"]]),
        ("auditor", [["Total 4", "129.83", "EUR"], ["Total 1", "60.50", "USD"]]),
    ],
)
def test_nobody_learns_the_sums_of_what_he_does_not_see(
    as_user: Callable[[str], Browser], username: str, found: list[list[str]]
):
    browser = as_user(username)
    assert sums(browser, "/order/list/totals") == found
    counts = [int(row[1]) for row in groups(browser, "/order/list/?group=state")]
    assert sum(counts) == sum(int(row[0].split()[1]) for row in found)


@pytest.mark.usefixtures("orders")
def test_the_list_does_not_wait_for_its_totals(as_user: Callable[[str], Browser], statements: list[str]):
    admin = as_user("admin")
    admin.get("/order/list/")
    statements.clear()
    page = admin.get("/order/list/?q=anna&size=50").text
    assert [each for each in statements if "sum(" in each.lower()] == []
    assert 'hx-get="/order/list/totals?q=anna&amp;size=50" hx-trigger="load"' in page
    assert "/totals" not in admin.get("/party/list/").text
    statements.clear()
    admin.get("/order/list/totals?q=anna")
    assert len([each for each in statements if "sum(" in each.lower()]) == 1


def test_sums_are_exact_where_floats_are_not(as_user: Callable[[str], Browser], session: Session, made: Made):
    party = made.buyer()
    for price in ("99999999999.99", "99999999999.99", "0.01", "0.07"):
        order(made, price, party=party)
    session.commit()
    assert sums(as_user("admin"), "/order/list/totals?cols=party,net") == [["Total 4", "200,000,000,000.06 EUR"]]


def test_what_takes_back_is_subtracted(as_user: Callable[[str], Browser], session: Session, made: Made):
    issued = made.issued(("10", "10.00"), on=date(2026, 3, 1))
    note = invoices.credit(session, issued, reason="too many")
    made.payment("100.00", party=issued.party)
    made.payment("40.50", party=issued.party, kind=PaymentKind.refund)
    session.commit()
    assert note.gross == issued.gross == Decimal("121.00")
    admin = as_user("admin")
    assert sums(admin, "/invoice/list/totals") == [["Total 2 credit notes are subtracted", "0.00", "EUR"]]
    assert groups(admin, "/invoice/list/?group=kind") == [
        ["Credit note", "1", "-100.00 EUR", "-121.00 EUR", ""],
        ["Invoice", "1", "100.00 EUR", "121.00 EUR", ""],
    ]
    [row] = sums(admin, "/payment/list/totals")
    assert row == ["Total 2 refunds are subtracted", "59.50", "EUR", "0.00"]


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
def test_groups_have_their_records_and_sums_the_largest_first(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert groups(admin, "/order/list/?group=party") == [
        ["Anna", "3", "100.30 EUR", "121.36 EUR", ""],
        ["Boris", "2", "7.00 EUR 50.00 USD", "8.47 EUR 60.50 USD", ""],
    ]
    assert groups(admin, "/order/list/?group=owner&flt.ordered_on.ge=2026-01-01") == [
        ["Mark Manager", "2", "100.10 EUR", "121.12 EUR", ""],
        ["Maria Manager", "1", "0.20 EUR", "0.24 EUR", ""],
    ]
    assert [row[:2] for row in groups(admin, "/order/list/?group=state")] == [["Draft", "5"]]


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("unit", "found"),
    [
        ("day", ["1 Mar 2026", "1 Feb 2026", "31 Jan 2026", "31 Dec 2025", "empty"]),
        (
            "week",
            ["23 Feb 2026 – 1 Mar 2026", "26 Jan 2026 – 1 Feb 2026", "29 Dec 2025 – 4 Jan 2026", "empty"],
        ),
        ("month", ["March 2026", "February 2026", "January 2026", "December 2025", "empty"]),
        ("quarter", ["Q1 2026", "Q4 2025", "empty"]),
        ("year", ["2026", "2025", "empty"]),
    ],
)
def test_days_are_grouped_by_their_period_the_newest_first(
    as_user: Callable[[str], Browser], unit: str, found: list[str]
):
    admin = as_user("admin")
    path = f"/order/list/?group=ordered_on.{unit}"
    rows = groups(admin, path)
    assert [row[0] for row in rows] == found
    for row, link in zip(rows, links(admin, path), strict=True):
        assert "group=" not in link
        assert len(links(admin, link)) == int(row[1]), link


def test_moments_are_grouped_by_the_days_of_the_reader(as_user: Callable[[str], Browser], session: Session, made: Made):
    for name, moment in (
        ("Winter", datetime(2026, 1, 31, 22, 30, tzinfo=UTC)),  # still January in Amsterdam
        ("Night", datetime(2026, 1, 31, 23, 30, tzinfo=UTC)),  # February already
        ("Summer", datetime(2026, 6, 30, 22, 30, tzinfo=UTC)),  # July: clocks are two hours ahead
    ):
        made.party(name).created_at = moment
    made.user("admin").profile.time_zone = "Europe/Amsterdam"
    session.commit()
    admin = as_user("admin")
    for unit, found in (
        ("day", [["1 Jul 2026", "1"], ["1 Feb 2026", "1"], ["31 Jan 2026", "1"]]),
        ("month", [["July 2026", "1"], ["February 2026", "1"], ["January 2026", "1"]]),
        ("quarter", [["Q3 2026", "1"], ["Q1 2026", "2"]]),
        ("year", [["2026", "3"]]),
    ):
        path = f"/party/list/?group=created_at.{unit}"
        assert groups(admin, path) == found
        assert [str(len(links(admin, link))) for link in links(admin, path)] == [count for _text, count in found]


@pytest.mark.usefixtures("orders")
def test_a_group_leads_to_its_records_and_keeps_the_other_filters(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    path = "/order/list/?flt.state.eq=draft&order=-gross&cols=party,gross&group=team"
    assert [row[:2] for row in groups(admin, path)] == [["empty", "5"]]
    [link] = links(admin, path)
    assert link == "/order/list/?flt.state.eq=draft&flt.team.empty=1&order=-gross&cols=party%2Cgross&size=25"
    assert len(links(admin, link)) == 5


def test_choices_yes_and_no_and_countries_are_groups_too(
    as_user: Callable[[str], Browser], session: Session, made: Made
):
    made.party("Alpha", country="NL", is_customer=True)
    made.party("Bravo", country="NL")
    made.party("Charlie", country=None)
    session.commit()
    admin = as_user("admin")
    assert groups(admin, "/party/list/?group=country") == [["Netherlands", "2"], ["empty", "1"]]
    assert groups(admin, "/party/list/?group=is_customer") == [["No", "2"], ["Yes", "1"]]
    assert groups(admin, "/party/list/?group=kind") == [["Company", "3"]]
    assert [len(links(admin, link)) for link in links(admin, "/party/list/?group=country")] == [2, 1]
    assert [len(links(admin, link)) for link in links(admin, "/party/list/?group=is_customer")] == [2, 1]


def test_groups_are_made_by_one_statement_and_named_by_another(
    as_user: Callable[[str], Browser], session: Session, made: Made, statements: list[str]
):
    for at in range(12):
        order(made, "1.00", party=made.buyer(f"Buyer {at}"))
    session.commit()
    admin = as_user("admin")
    assert len(groups(admin, "/order/list/?group=party")) == 12
    statements.clear()
    admin.get("/order/list/?group=party")
    assert len([each for each in statements if "GROUP BY" in each]) == 1
    assert len([each for each in statements if "FROM party" in each]) == 1


def test_a_group_is_named_after_a_record_that_its_reader_does_not_see(
    as_user: Callable[[str], Browser], session: Session, made: Made
):
    """As the document itself is: whoever sees an order sees whose it is."""
    order(made, "1.00", party=made.buyer("Hidden B.V.", owner="manager2"), owner=made.user("manager"))
    order(made, "1.00", party=made.buyer("Foreign B.V.", owner="manager2"), owner=made.user("manager2"))
    session.commit()
    assert [row[0] for row in groups(as_user("manager"), "/order/list/?group=party")] == ["Hidden B.V."]


def test_only_so_many_groups_are_shown(
    as_user: Callable[[str], Browser], session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
):
    for at in range(4):
        order(made, "1.00", party=made.buyer(f"Buyer {at}"))
    session.commit()
    admin = as_user("admin")
    monkeypatch.setattr(totals, "MOST_GROUPS", 3)
    assert len(groups(admin, "/order/list/?group=party")) == 3
    assert "Only the first 3 groups are shown." in admin.get("/order/list/?group=party").text
    monkeypatch.setattr(totals, "MOST_GROUPS", 4)
    assert len(groups(admin, "/order/list/?group=party")) == 4
    assert "Only the first" not in admin.get("/order/list/?group=party").text


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    "group", ["number", "search_text", "party.month", "ordered_on", "ordered_on.second", "gross", "x", "party.", "'"]
)
def test_what_cannot_be_grouped_by_is_a_plain_list(as_user: Callable[[str], Browser], group: str):
    page = as_user("admin").get("/order/list/", query_string={"group": group})
    assert page.status_code == 200
    assert ("records groups" in page.text) == (group == "party.")
    assert ('<div class="chips"' in page.text) == (group == "party.")


@pytest.mark.usefixtures("orders")
def test_the_group_is_part_of_the_lists_state(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    answer = admin.get("/order/list/?group=party&q=anna", headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.headers["HX-Push-Url"] == "/order/list/?q=anna&size=25&group=party"
    assert "<html" not in answer.text
    kept = admin.post("/order/list/views?q=anna&group=party", {"name": "Anna's", "is_pinned": "y"})
    assert kept.status_code == 302
    assert kept.headers["Location"].startswith("/order/list/?q=anna&size=25&group=party&view=")
    assert groups(admin, kept.headers["Location"]) == [["Anna", "3", "100.30 EUR", "121.36 EUR", ""]]
    assert admin.get("/order/list/count?q=anna&group=party").text == "3"


def test_the_menu_offers_every_group_in_words(as_user: Callable[[str], Browser]):
    page = as_user("admin").get("/order/list/").text
    menu = re.search(r'<details class="drop group-by">(.*?)</details>', page, re.DOTALL)
    assert menu is not None
    assert words(menu[1]) == (
        "Group by State Party Ordered on Day Week Month Quarter Year Delivery Day Week Month Quarter Year Currency"
        " Deal Contract Owner Team"
    )
    assert 'href="/order/list/?size=25&amp;group=ordered_on.week"' in menu[1]
    assert "group-by" not in as_user("admin").get("/unit/list/").text


def test_every_list_can_be_added_up_and_grouped_by_all_that_it_offers(
    app: Flask, as_user: Callable[[str], Browser], session: Session, made: Made
):
    invoice = made.issued()
    payments.allocate(session, made.payment("36.30", party=invoice.party), when=When(at=NOON))
    session.commit()
    admin = as_user("admin")
    tried = 0
    for view in app.appbuilder.baseviews:
        if not isinstance(view, CrudView):
            continue
        for group in ["", *(f"{name}.month" if units else name for name, units in view.groupable.items())]:
            assert admin.get(f"{view.route_base}/list/totals?group={group}").status_code == 200
            page = admin.get(f"{view.route_base}/list/?group={group}")
            assert page.status_code == 200, (view.route_base, group)
            assert ("Group by: " in page.text) == bool(group), (view.route_base, group)
            tried += 1
    assert tried >= 40


def test_groups_of_nothing_say_so(as_user: Callable[[str], Browser]):
    page = as_user("admin").get("/order/list/?group=party").text
    assert "Nothing matches." in page
    assert "records groups" not in page


@pytest.mark.parametrize(
    ("first", "unit", "last"),
    [
        (date(2026, 3, 5), "day", date(2026, 3, 5)),
        (date(2026, 3, 2), "week", date(2026, 3, 8)),
        (date(2024, 2, 1), "month", date(2024, 2, 29)),
        (date(2026, 10, 1), "quarter", date(2026, 12, 31)),
        (date(2026, 1, 1), "year", date(2026, 12, 31)),
        (date(9999, 12, 27), "week", date(9999, 12, 31)),
        (date(9999, 12, 1), "month", date(9999, 12, 31)),
    ],
)
def test_a_period_ends_on_its_last_day(first: date, unit: str, last: date):
    assert days_of(first, unit) == (first, last)


def test_a_list_is_printed_with_its_filters_in_words(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    page = admin.get("/party/list/?q=al&flt.country.eq=NL&any1.kind.eq=company&any1.is_supplier.eq=true").text
    head = re.search(r'class="print-only print-head">(.*?)</div>', page, re.DOTALL)
    assert head is not None
    lines = [words(each) for each in re.findall(r"<p>(.*?)</p>", head[1], re.DOTALL)]
    assert lines[:3] == ["Search: “al”", "Country: Netherlands", "Kind: Company or Supplier: Yes"]
    assert lines[3].endswith("Admin Countinghouse")
    assert 'data-print title="Print"' in page


def test_periods_are_told_in_the_readers_language(as_user: Callable[[str], Browser], session: Session, made: Made):
    order(made, "1.00", ordered_on=date(2026, 3, 5))
    session.commit()
    admin = as_user("admin")
    found = [groups(admin, f"/order/list/?group=ordered_on.month&_l_={code}")[0][0] for code in ("ru", "nl", "hy")]
    assert found == ["Март 2026", "Maart 2026", "Մարտ 2026"]
