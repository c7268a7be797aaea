"""Calendars and galleries, and the switch that keeps the query over all faces."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.attachment import Attachment
from app.models.sale_order import SaleOrder
from app.services import access
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]


@pytest.fixture
def order(session: Session, made: Made) -> SaleOrder:
    made.organisation()
    found = made.order(owner=made.user("manager"), delivery_on=date(2026, 11, 18))
    session.commit()
    return found


def days(page: str) -> dict[str, list[str]]:
    """Return what stands on the days that have something."""
    found = {}
    for part in page.split('<td data-day="')[1:]:
        cell = part.partition("</td>")[0]
        entries = re.findall(r'<span class="entry-title">([^<]+)<', cell)
        if entries:
            found[cell.partition('"')[0]] = entries
    return found


def move(browser: Browser, order: SaleOrder, to: str, version: int = 1) -> Any:
    data = {"to": to, "record_version": str(version)}
    return browser.post(f"/order/calendar/{order.id}", data, headers={"X-Part": "1"})


def standing(session: Session, order: SaleOrder) -> SaleOrder:
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    return session.get_one(SaleOrder, order.id)


@pytest.mark.parametrize(
    ("query", "title", "first", "count"),
    [
        ("on=2026-11-22", "November 2026", "2026-10-26", 42),
        ("on=2026-02-10", "February 2026", "2026-01-26", 35),
        ("span=week&on=2026-11-22", "Nov 16 – 22, 2026", "2026-11-16", 7),
        ("span=day&on=2026-11-22", "Sunday, November 22, 2026", "2026-11-22", 1),
    ],
)
def test_a_span_has_its_days(as_user: As, query: str, title: str, first: str, count: int) -> None:
    page = as_user("office").get(f"/order/calendar?{query}").text
    shown = re.findall(r'<td data-day="([^"]+)"', page)
    assert (shown[0], len(shown)) == (first, count)
    heading = re.search(r'class="cal-title"[^>]*>([^<]+)<', page)
    assert heading
    assert re.sub(r"[\u2009\u202f]", " ", heading[1]) == title


@pytest.mark.parametrize(
    ("language", "title", "monday"),
    [
        ("nl", "November 2026", "maandag"),
        ("ru", "Ноябрь 2026 г.", "понедельник"),
        ("hy", "Նոյեմբեր, 2026 թ.", "երկուշաբթի"),
    ],
)
def test_names_are_the_readers(as_user: As, language: str, title: str, monday: str) -> None:
    office = as_user("office")
    office.get(f"/lang/{language}")
    page = office.get("/order/calendar?on=2026-11-22").text
    heading = re.search(r'class="cal-title"[^>]*>([^<]+)<', page)
    assert heading
    assert monday == re.findall(r'<th scope="col"><span>([^<]+)<', page)[0]
    assert heading[1].startswith(title.split(maxsplit=1)[0].rstrip(","))


def test_records_stand_on_their_days_within_the_row_rule(as_user: As, order: SaleOrder, statements: list[str]) -> None:
    manager = as_user("manager")
    statements.clear()
    assert days(manager.get("/order/calendar?on=2026-11-01").text) == {
        "2026-11-18": [order.party.name.replace("&", "&amp;")]
    }
    assert len(statements) <= 12, len(statements)
    assert days(as_user("manager2").get("/order/calendar?on=2026-11-01").text) == {}
    assert days(manager.get("/order/calendar?on=2026-11-01&flt.state.eq=closed").text) == {}
    assert days(manager.get("/order/calendar?on=2026-09-01").text) == {}


def test_a_full_day_leads_to_itself(as_user: As, session: Session, made: Made) -> None:
    made.organisation()
    for _each in range(6):
        made.order(delivery_on=date(2026, 11, 18))
    session.commit()
    page = as_user("office").get("/order/calendar?on=2026-11-01").text
    assert len(days(page)["2026-11-18"]) == 3
    more = re.search(r'class="cal-more"[^>]*href="([^"]+)">([^<]+)<', page)
    assert more
    assert more[2] == "+3 more"
    assert len(days(as_user("office").get(more[1].replace("&amp;", "&")).text)["2026-11-18"]) == 6


def test_a_day_is_changed_by_the_door_of_the_cells(as_user: As, session: Session, order: SaleOrder) -> None:
    office = as_user("office")
    told = move(office, order, "2026-11-20").get_json()
    assert told["said"].endswith("is now on 20 Nov 2026.")
    kept = standing(session, order)
    assert (kept.delivery_on, kept.version) == (date(2026, 11, 20), 2)
    refused = move(office, order, "2026-11-25").get_json()
    assert refused == {"refused": "Somebody else has just changed this record. Look at it and try again."}
    assert standing(session, order).delivery_on == date(2026, 11, 20)
    assert office.post(told["undo"]["url"], told["undo"]["fields"]).status_code == 302
    assert standing(session, order).delivery_on == date(2026, 11, 18)


@pytest.mark.parametrize("user", ["auditor", "office"])
def test_a_day_that_may_not_change_stays(as_user: As, session: Session, order: SaleOrder, user: str) -> None:
    if user == "office":  # may edit orders, but only drafts
        session.execute(sa.update(SaleOrder).values(state="closed", number="S1"))
        session.commit()
    browser = as_user(user)
    assert "may-move" not in browser.get("/order/calendar?on=2026-11-01").text
    told = move(browser, order, "2026-11-20").get_json()["refused"]
    assert told.endswith("stays on its day: you may not change “Delivery” of it now.")
    assert standing(session, order).delivery_on == date(2026, 11, 18)


def test_a_foreign_entry_and_no_day_are_refused(as_user: As, order: SaleOrder) -> None:
    assert move(as_user("manager2"), order, "2026-11-20").status_code == 404
    for text in ("2026-02-30", "yesterday", ""):
        assert move(as_user("office"), order, text).get_json() == {"refused": "This is not a date."}


def test_the_switch_keeps_the_query(as_user: As, order: SaleOrder) -> None:
    page = as_user("office").get("/order/calendar?q=tulp&flt.state.eq=draft&span=week&on=2026-11-22").text
    switch = page.partition('<nav class="faces" aria-label="Show as">')[2].partition("</nav>")[0]
    links = dict(re.findall(r'href="(/order/[a-z]+)/?\?([^"]+)"', switch))
    assert {"/order/list", "/order/board", "/order/calendar"} <= set(links)
    wanted = "q=tulp&amp;flt.state.eq=draft&amp;size=25&amp;span=week&amp;on=2026-11-22"
    assert set(links.values()) == {wanted}
    assert re.search(r'href="/order/calendar[^"]+" aria-current="page"', switch)
    chip = re.search(r'class="chip" href="([^"]+)"', page)
    assert chip
    assert chip[1].startswith("/order/calendar?q=tulp")
    assert re.search(r'<form class="toolbar" method="get" action="/order/calendar"', page)


def test_only_declared_faces_have_an_address(as_user: As) -> None:
    admin = as_user("admin")
    for path in ("/party/board", "/party/calendar", "/order/gallery", "/unit/board", "/unit/gallery"):
        assert admin.get(path).status_code == 404, path
    assert 'class="faces"' not in admin.get("/unit/list/").text
    assert admin.get("/party/gallery").status_code == 200


def test_a_gallery_pages_and_shows_a_picture(as_user: As, session: Session, made: Made, statements: list[str]) -> None:
    parties = [made.party(f"Garden {at:02}", country="NL") for at in range(30)]
    about = {"name": "a.png", "media_type": "image/png", "size": 1, "sha256": "0" * 64}
    session.add(Attachment(entity="party", record_id=parties[0].id, **about))
    session.commit()
    office = as_user("office")
    statements.clear()
    page = office.get("/party/gallery?size=25").text
    assert len(statements) <= 12, len(statements)
    assert re.findall(r'class="row-link"[^>]*>([^<]+)<', page) == [f"Garden {at:02}" for at in range(25)]
    assert re.findall(r'<img class="gcard-picture" src="([^"?]+)"', page) == [
        f"/party/{parties[0].id}/file/{session.query(Attachment.id).scalar()}"
    ]
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    assert following[1].startswith("/party/gallery?")
    rest = office.get(following[1].replace("&amp;", "&")).text
    assert re.findall(r'class="row-link"[^>]*>([^<]+)<', rest) == [f"Garden {at:02}" for at in range(25, 30)]
