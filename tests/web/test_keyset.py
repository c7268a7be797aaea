"""Pages by key: walked to the end and back they show every record once, in the order of the whole list."""

import base64
import html
import json
import re
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

COUNTRIES = ["NL", None, "AM", "RU", "NL", None, "AM"]
ORDERS = [
    "",
    "order=-name",
    "order=country",
    "order=-country",
    "order=country,-name",
    "order=-country,name",
    "order=tax_number",
]


@pytest.fixture
def gardens(session: Session, made: Made) -> None:
    for at in range(31):
        party = made.party(f"Garden {at % 11:02}", country=COUNTRIES[at % 7])
        party.tax_number = f"{at % 4}" if at % 3 else None  # of no country, but the order does not mind
    session.commit()


def rows(page: str) -> list[int]:
    return [int(key) for key in re.findall(r'class="row-link" href="/party/show/(\d+)(?:\?[^"]*)?"', page)]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


def walk(browser: Browser, address: str | None, rel: str) -> list[list[int]]:
    pages = []
    while address is not None:
        page = browser.get(address).text
        pages.append(rows(page))
        address = link(page, rel)
    return pages


@pytest.mark.usefixtures("gardens")
@pytest.mark.parametrize("order", ORDERS)
def test_pages_are_walked_to_the_end_and_back(as_user: Callable[[str], Browser], order: str):
    admin = as_user("admin")
    whole = rows(admin.get(f"/party/list/?{order}&size=100&q=garden").text)
    pages = walk(admin, f"/party/list/?{order}&size=7&q=garden", "next")
    assert [len(page) for page in pages] == [7, 7, 7, 7, 3]
    assert [key for page in pages for key in page] == whole
    last = admin.get(f"/party/list/?{order}&size=7&q=garden&last=1").text
    assert rows(last) == whole[-3:]
    assert link(last, "next") is None
    back = walk(admin, f"/party/list/?{order}&size=7&q=garden&last=1", "prev")
    assert [key for page in reversed(back) for key in page] == whole


@pytest.mark.usefixtures("gardens")
def test_a_page_says_where_it_is(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    first = admin.get("/party/list/?size=10&q=garden").text
    second = admin.get(str(link(first, "next"))).text
    last = admin.get("/party/list/?size=10&q=garden&last=1").text
    assert [re.search(r"(\d+–\d+ of \d+)", page)[1] for page in (first, second, last)] == [  # type: ignore[index]
        "1–10 of 31",
        "11–20 of 31",
        "31–31 of 31",
    ]
    assert rows(admin.get(str(link(second, "prev"))).text) == rows(first)


@pytest.mark.usefixtures("gardens")
def test_a_page_far_behind_reads_no_rows_before_it(
    as_user: Callable[[str], Browser], statements: list[str], session: Session
):
    admin = as_user("admin")
    second = link(admin.get("/party/list/?size=10").text, "next")
    statements.clear()
    admin.get(str(second))
    [read] = [one for one in statements if "FROM party" in one and "LIMIT" in one and "count(" not in one]
    assert re.search(r"\(party\.name, party\.id\) > \(", read)
    if session.get_bind().dialect.name == "postgresql":
        assert "OFFSET" not in read


BROKEN = ["x", "W10", "bnVsbA", "WyJhIl0", "e30", "WzEsMl0", "WyJhIiwieCJd", "A" * 3000, "\u0430"]


@pytest.mark.usefixtures("gardens")
@pytest.mark.parametrize("cursor", BROKEN)
def test_a_broken_cursor_shows_the_first_page(as_user: Callable[[str], Browser], cursor: str):
    admin = as_user("admin")
    answer = admin.get("/party/list/", query_string={"size": 10, "q": "garden", "after": cursor})
    assert answer.status_code == 200
    assert rows(answer.text) == rows(admin.get("/party/list/?size=10&q=garden").text)


@attack(55, "SQL in a cursor")
@pytest.mark.usefixtures("gardens")
def test_a_cursor_is_compared_and_never_run(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    raw = json.dumps(["Garden 05' OR 1=1 --", 0]).encode()
    answer = admin.get("/party/list/", query_string={"after": base64.urlsafe_b64encode(raw).decode(), "q": "garden"})
    names = re.findall(r'class="row-link"[^>]*>([^<]+)<', answer.text)
    assert names[0] == "Garden 06"


@pytest.mark.usefixtures("gardens")
def test_rest_pages_by_key_too(as_user: Callable[[str], Browser]):
    office = as_user("office")
    whole = office.get("/api/v1/party/?q=(page_size:100)").json
    assert whole["next"] == ""
    seen: list[int] = []
    after = ""
    while True:
        answer = office.get("/api/v1/party/", query_string={"q": "(page_size:12)", "after": after}).json
        seen += answer["ids"]
        after = answer["next"]
        if not after:
            break
    assert seen == whole["ids"]
