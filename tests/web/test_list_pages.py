"""Pages of a list: the same order everywhere, whatever was searched, filtered or cut by the row rule."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.conftest import Browser
from tests.factories import Made

NAMES = [f"Зелёный сад {at:02}" for at in range(30)] + [f"Garden {at:02}" for at in range(30)]


@pytest.fixture
def gardens(session: Session, made: Made) -> None:
    for at, name in enumerate(NAMES):
        made.party(name, owner="manager" if at % 2 else "manager2", country="NL" if at % 3 else "AM")
    session.commit()


def shown(browser: Browser, query: str) -> list[str]:
    page = browser.get(f"/party/list/?{query}").text
    return re.findall(r'class="row-link" href="[^"]+">([^<]+)</a>', page)


@pytest.mark.usefixtures("gardens")
def test_found_records_are_paged_in_order(as_user: Callable[[str], Browser]) -> None:
    admin = as_user("admin")
    green = sorted(NAMES[:30])
    assert shown(admin, "q=зеленый&size=25") == green[:25]
    assert shown(admin, "q=зеленый&size=25&page=1") == green[25:]
    assert shown(admin, "q=зеленый&size=25&page=2") == []
    assert shown(admin, "q=зеленый&order=-name&size=25") == green[::-1][:25]
    assert shown(admin, "q=сад&flt.country.eq=AM&size=100") == [name for at, name in enumerate(green) if at % 3 == 0]


@pytest.mark.usefixtures("gardens")
def test_a_page_holds_the_readers_own_records_only(as_user: Callable[[str], Browser]) -> None:
    manager = as_user("manager")
    assert shown(manager, "q=зеленый&size=25") == [name for at, name in enumerate(NAMES[:30]) if at % 2]
    assert shown(manager, "q=garden&size=10&page=1") == [name for at, name in enumerate(NAMES[30:]) if at % 2][10:]


@pytest.mark.usefixtures("gardens")
def test_equal_values_keep_one_order_over_all_pages(as_user: Callable[[str], Browser]) -> None:
    admin = as_user("admin")
    pages = [shown(admin, f"q=garden&order=country&size=7&page={page}") for page in range(5)]
    assert [len(page) for page in pages] == [7, 7, 7, 7, 2]
    flat = [name for page in pages for name in page]
    at = {name: position for position, name in enumerate(NAMES)}
    assert flat == sorted(NAMES[30:], key=lambda name: ("NL" if at[name] % 3 else "AM", at[name]))
