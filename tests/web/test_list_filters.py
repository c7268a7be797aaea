"""Filters of lists: any of several, days named from today, one's own, columns and orders of the reader's choice."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy.orm import Session

from tests.conftest import Browser
from tests.factories import Made

LIST = "/party/list/"


@pytest.fixture
def clients(session: Session, made: Made) -> None:
    with time_machine.travel(datetime(2026, 10, 15, 12, tzinfo=UTC), tick=False):
        made.party("Alpha", country="NL", owner="manager", is_customer=True)
        made.party("Bravo", country="AM", owner="manager", is_supplier=True)
        session.flush()
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        made.party("Charlie", country="RU", owner="manager2", is_customer=True)
        made.party("Delta", country=None)
        session.commit()


def names(browser: Browser, **query: str) -> list[str]:
    page = browser.get(LIST, query_string={name.replace("__", "."): value for name, value in query.items()}).text
    return re.findall(r'class="row-link" href="[^"]+">([^<]+)</a>', page)


def chips(page: str) -> list[str]:
    return re.findall(r'class="chip" href="[^"]+"><span>([^<]+)</span>', page)


@pytest.mark.usefixtures("clients")
def test_of_a_group_any_condition_is_enough_and_every_group_must_be_met(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert names(admin, any1__country__eq="NL", any1__is_supplier__eq="true") == ["Alpha", "Bravo"]
    assert names(admin, any1__country__eq="NL", any2__is_supplier__eq="true") == []
    both = {"any1__country__eq": "NL", "any1__is_supplier__eq": "true", "flt__is_customer__eq": "true"}
    assert names(admin, **both) == ["Alpha"]
    page = admin.get(f"{LIST}?any1.country.eq=NL&any1.is_supplier.eq=true&flt.kind.eq=company").text
    assert chips(page) == ["Kind: Company", "Country: Netherlands", "Supplier: Yes"]
    assert page.count('class="or"') == 1


@pytest.mark.usefixtures("clients")
def test_the_panel_makes_a_group_of_what_is_asked_for_as_any(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    asked = {"match": "any", "o.country": "eq", "v.country": "RU", "o.is_supplier": "eq", "v.is_supplier": "true"}
    answer = admin.get(LIST, query_string=asked, headers={"HX-Request": "true", "HX-Target": "list"})
    assert re.findall(r'row-link" href="[^"]+">([^<]+)<', answer.text) == ["Bravo", "Charlie"]
    pushed = answer.headers["HX-Push-Url"]
    assert pushed == "/party/list/?any1.country.eq=RU&any1.is_supplier.eq=true&size=25"
    assert "<html" not in answer.text
    assert names(admin, o__country="empty") == ["Delta"]
    assert names(admin, o__country="full", v__country="") == ["Alpha", "Bravo", "Charlie"]
    assert names(admin, o__country="neq", v__country="NL") == ["Bravo", "Charlie"]


@pytest.mark.usefixtures("clients")
def test_days_are_named_from_today(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False):
        admin = as_user("admin")
        assert names(admin, flt__changed_at__eq="this_week") == ["Charlie", "Delta"]
        assert names(admin, flt__changed_at__eq="last_month") == ["Alpha", "Bravo"]
        assert names(admin, flt__changed_at__neq="last_month") == ["Charlie", "Delta"]
        assert names(admin, flt__changed_at__ge="this_month") == ["Charlie", "Delta"]
        assert names(admin, flt__changed_at__lt="this_month") == ["Alpha", "Bravo"]
        assert chips(admin.get(f"{LIST}?flt.changed_at.eq=last_month").text) == ["Changed: Last month"]


@pytest.mark.usefixtures("clients")
def test_mine_is_the_readers_own(as_user: Callable[[str], Browser]):
    assert names(as_user("manager"), flt__owner__eq="mine") == ["Alpha", "Bravo"]
    head = as_user("head")
    assert names(head, flt__owner__eq="mine") == []
    assert names(head, flt__team__eq="mine") == ["Alpha", "Bravo", "Charlie"]
    assert names(as_user("admin"), flt__owner__neq="mine") == ["Alpha", "Bravo", "Charlie", "Delta"]
    assert names(as_user("admin"), flt__country__eq="mine") == []
    assert "Owner: Me" in chips(head.get(f"{LIST}?flt.owner.eq=mine").text)


@pytest.mark.usefixtures("clients")
def test_the_reader_chooses_columns_and_their_order(as_user: Callable[[str], Browser]):
    admin = as_user("admin")

    def heads(query: str) -> list[str]:
        page = admin.get(f"{LIST}?{query}").text
        cells = re.findall(r'<th scope="col"[^>]*class="c-\w+"[^>]*>(.*?)</th>', page, re.DOTALL)
        return [re.search(r">\s*([^<>]*\w[^<>]*)<", f">{cell}<")[1].strip() for cell in cells]  # type: ignore[index]

    assert heads("cols=team,name,language") == ["Team", "Name", "Language"]
    assert heads("cols=name&cols=kind") == ["Name", "Kind"]
    assert heads("cols=search_text,password,name_key") == heads("")
    assert heads("cols=name,search_text") == ["Name"]


@pytest.mark.usefixtures("clients")
def test_more_columns_cost_no_more_statements(as_user: Callable[[str], Browser], statements: list[str]):
    admin = as_user("admin")
    admin.get(LIST)
    statements.clear()
    admin.get(LIST)
    usual = len(statements)
    statements.clear()
    admin.get(f"{LIST}?cols=name,owner,team,note,birthday")
    assert len(statements) <= usual + 1
    assert usual <= 12


@pytest.mark.usefixtures("clients")
def test_several_columns_order_a_list(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert names(admin, order="-name") == ["Delta", "Charlie", "Bravo", "Alpha"]
    page = admin.get(f"{LIST}?order=country,-name&flt.country.empty=0").text
    assert re.findall(r'row-link" href="[^"]+">([^<]+)<', page) == ["Bravo", "Alpha", "Charlie"]
    assert re.findall(r'class="sort-place">(\d)<', page) == ["2", "1"]
    assert "order=country%2Cname" in page  # with Shift: the other column, turned round
