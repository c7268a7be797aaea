"""Segments on screen and over REST: the builder, the card, the list filter, members."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.segment import Segment, SegmentMember
from app.services import segment as segments
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
NL: dict[str, Any] = {"version": 1, "all": [{"field": "country", "is": "eq", "value": "NL"}]}
TURNOVER: dict[str, Any] = {"version": 1, "all": [{"field": "turnover", "is": "ge", "value": "0"}]}


def kept(session: Session, made: Made, definition: dict[str, Any], owner: str = "head", **values: Any) -> Segment:
    person = made.user(owner)
    one = Segment(**{"name": "Ours", "definition": definition, "owner": person} | values)
    one.team_id = person.profile.team_id
    segments.save(session, one)
    session.commit()
    return one


def typed(browser: Browser, **inputs: str) -> dict[str, str]:
    return {"csrf_token": browser.signed(), "name": "Typed", "kind": "live"} | inputs


ROOT = {"c-r-join": "all"}
ROW = {"c-r.0-field": "country", "c-r.0-is": "eq", "c-r.0-value": "NL"}


def test_a_segment_is_built_without_scripts(as_user: As, session: Session, made: Made):
    """Each button sends the whole form; nothing is stored before Save, and what was typed stays."""
    made.party("Dutch", owner="head")
    browser = as_user("head")
    page = browser.client.post("/segment/add", data=typed(browser, **ROOT, add_line="definition:single:r"))
    text = page.get_data(as_text=True)
    assert (page.status_code, 'name="c-r.0-field"' in text, 'value="Typed"' in text) == (200, True, True)
    page = browser.client.post("/segment/add", data=typed(browser, **ROOT, **ROW, add_line="definition:group:r"))
    text = page.get_data(as_text=True)
    assert re.findall(r'name="c-([r.0-9]+)-join"', text) == ["r", "r.1"]
    assert '<option value="NL" selected>' in text
    page = browser.client.post("/segment/add", data=typed(browser, **ROOT, **ROW, add_line="definition:drop:r.0"))
    assert 'name="c-r.0-field"' not in page.get_data(as_text=True)
    assert session.scalars(select(Segment)).all() == []
    done = browser.client.post("/segment/add", data=typed(browser, **ROOT, **ROW))
    one = session.scalars(select(Segment)).one()
    assert (done.status_code, one.definition) == (302, NL)


def test_what_is_refused_stays_as_it_was_typed(as_user: As, session: Session):
    browser = as_user("head")
    wrong = {"c-r.0-field": "created_at", "c-r.0-is": "last", "c-r.0-value": "soon"}
    page = browser.client.post("/segment/add", data=typed(browser, **ROOT, **wrong))
    text = page.get_data(as_text=True)
    assert (page.status_code, "is no value to compare with here" in text, 'value="soon"' in text) == (422, True, True)
    page = browser.client.post("/segment/add", data=typed(browser, **ROOT))
    assert (page.status_code, "Add at least one condition" in page.get_data(as_text=True)) == (422, True)
    assert session.scalars(select(Segment)).all() == []


def test_the_builder_tells_how_many_are_found(as_user: As, made: Made):
    made.party("Dutch", owner="head")
    made.party("Foreign")  # nobody's: not within the rows of a head
    made.session.commit()
    browser = as_user("head")
    page = browser.client.post("/segment/conditions", data=typed(browser, **ROOT, **ROW)).get_data(as_text=True)
    assert ("1 counterparty meets this now" in page, "Dutch" in page, "Foreign" in page) == (True, True, False)
    only = browser.client.post("/segment/conditions", data=typed(browser, **ROOT, **ROW, only="found"))
    assert "data-conditions" not in only.get_data(as_text=True)


def test_the_card_says_who_is_in_and_why(as_user: As, session: Session, made: Made):
    dutch = made.party("Dutch", owner="head")
    one = kept(session, made, NL)
    browser = as_user("head")
    page = browser.client.get(f"/segment/show/{one.id}?party={dutch.id}").get_data(as_text=True)
    assert ("1 counterparty" in page, "Country = Netherlands" in page) == (True, True)
    assert page.count("cond-yes") == 2
    listed = browser.client.get(f"/party/list/?flt.segment.eq={one.id}").get_data(as_text=True)
    assert ("Dutch" in listed, "Segment: Ours" in listed) == (True, True)


@attack(178, "the list of a segment that refuses: everybody, or a number of others")
def test_the_list_of_a_segment_that_asks_too_much_is_empty(as_user: As, session: Session, made: Made):
    """The marketer sees all parties, but no figures of money: leaving the filter out would show him everybody."""
    made.party("Dutch")
    one = kept(session, made, TURNOVER)
    page = as_user("marketer").client.get(f"/party/list/?flt.segment.eq={one.id}").get_data(as_text=True)
    assert "Dutch" not in page
    card = as_user("marketer").client.get(f"/segment/show/{one.id}").get_data(as_text=True)
    assert "needs a right that you do not have" in card


def test_ticked_parties_and_whole_lists_go_into_a_static_segment(as_user: As, session: Session, made: Made):
    first, second = made.party("First", owner="head"), made.party("Second", owner="head")
    made.party("Russian", owner="head", country="RU")
    session.commit()
    browser = as_user("head")
    form = {"csrf_token": browser.signed(), "rowid": str(first.id)}
    page = browser.client.post("/party/many/segment", data=form).get_data(as_text=True)
    assert ('name="fresh"' in page, "Add to a segment" in page) == (True, True)
    refused = browser.client.post("/party/many/segment", data=form | {"segment": "", "fresh": " "})
    assert (refused.status_code, session.scalars(select(Segment)).all()) == (422, [])
    browser.client.post("/party/many/segment", data=form | {"segment": "", "fresh": "Fair"})
    one = session.scalars(select(Segment)).one()
    assert [row.party_id for row in session.scalars(select(SegmentMember))] == [first.id]
    everything = {"csrf_token": browser.signed(), "all": "1", "segment": str(one.id)}
    browser.client.post("/party/many/segment?flt.country.eq=NL", data=everything)
    assert sorted(row.party_id for row in session.scalars(select(SegmentMember))) == sorted([first.id, second.id])


def test_rest_gives_members_within_the_readers_rows(as_user: As, session: Session, made: Made):
    mine = made.party("Mine", owner="head")
    made.party("Nobody's")
    one = kept(session, made, NL)
    answer = as_user("head").client.get(f"/api/v1/segment/{one.id}/members").get_json()
    assert answer == {"count": 1, "next": "", "result": [{"id": mine.id, "name": "Mine"}]}
    refused = as_user("head").client.get(f"/api/v1/segment/{one.id}/members?{urlencode({'after': 'x'})}")
    assert refused.status_code == 422


@pytest.mark.parametrize("definition", [{}, {"version": 2, "all": []}, {"version": 1, "sql": ["1=1"]}])
def test_rest_refuses_a_tree_that_is_none(as_user: As, session: Session, definition: dict[str, Any]):
    browser = as_user("head")
    body = {"name": "Bad", "definition": definition}
    answer = browser.client.post("/api/v1/segment/", json=body, headers={"X-CSRFToken": browser.signed()})
    assert (answer.status_code, list(answer.get_json()["message"])) == (422, ["definition"])
    assert session.scalars(select(Segment)).all() == []
