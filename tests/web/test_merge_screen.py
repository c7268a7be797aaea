"""Pairs and merges on screen and over REST, figures of the list behind their rights, the card's statements."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.models.party import Party
from app.models.party_merge import MergeState, PartyMerge
from app.models.party_pair import PairState, PartyPair
from app.services import party_metric, party_pairs

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def two(session, made) -> tuple[int, int]:
    one = made.party("Bakkerij Janssen B.V.", owner="manager", country="NL", phone="+31201234567")
    other = made.party("Bakkerij Jansen", owner="manager", country="NL", phone="+31201234567", email="info@janssen.nl")
    party_pairs.scan(session, at=NOON)
    session.commit()
    return one.id, other.id


def form_of(page: str) -> dict[str, str]:
    """What the form of a merge would send."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    return fields | dict(re.findall(r'name="(take\.\w+)" value="(\w)" checked', page))


def test_a_pair_leads_to_two_columns_and_the_merge_to_the_winner(session, as_user, two):
    head, (one, other) = as_user("head"), two
    page = head.get("/party/duplicates").get_data(as_text=True)
    assert f"/party/merge?a={one}&amp;b={other}" in page or f"/party/merge?a={one}&b={other}" in page
    page = head.get(f"/party/merge?a={one}&b={other}").get_data(as_text=True)
    sent = form_of(page)
    assert (sent["take.name"], sent["take.email"]) == ("a", "b")
    answer = head.post("/party/merge", sent | {"take.name": "b"})
    assert (answer.status_code, answer.location) == (302, f"/party/show/{one}")
    session.expire_all()
    winner = session.scalars(select(Party).where(Party.id == one)).one()
    assert (winner.name, winner.email) == ("Bakkerij Jansen", "info@janssen.nl")
    old = head.get(f"/party/show/{other}")
    assert (old.status_code, old.location) == (302, f"/party/show/{one}")
    assert head.get("/party/list/?flt.country.eq=NL").get_data(as_text=True).count('data-label="Name"') == 1
    assert "Undo the merge" in head.get(f"/party/{one}/tab/twins").get_data(as_text=True)
    answer = head.post(f"/party/{other}/unmerge")
    assert answer.status_code == 302
    session.expire_all()
    assert [party.name for party in session.scalars(select(Party).where(Party.id.in_(two)).order_by(Party.id))] == [
        "Bakkerij Janssen B.V.", "Bakkerij Jansen",
    ]  # fmt: skip


def test_two_ticked_records_are_merged_and_other_numbers_are_not(as_user, two):
    head, (one, other) = as_user("head"), two
    answer = head.post("/party/many/merge", {"rowid": str(one)})
    assert (answer.status_code, answer.location) == (302, "/party/list/")
    token = head.token("/profile/")
    answer = head.client.post("/party/many/merge", data={"rowid": [one, other], "csrf_token": token})
    assert (answer.status_code, answer.location) == (302, f"/party/merge?a={one}&b={other}")


def test_a_pair_is_dismissed(session, as_user, two):
    head = as_user("head")
    pair = session.scalars(select(PartyPair)).one()
    assert head.post("/party/duplicates", {"pair": "999999"}).status_code == 404
    assert head.post("/party/duplicates", {"pair": str(pair.id)}).status_code == 302
    session.expire_all()
    assert session.scalars(select(PartyPair.state)).all() == [PairState.dismissed]
    assert "Bakkerij" not in head.get("/party/duplicates").get_data(as_text=True)


def test_a_merge_over_rest_says_what_is_wrong_and_changes_nothing(session, as_user, two):
    head, (one, other) = as_user("head"), two
    for body, field in (({}, "other"), ({"other": 999999}, "other"), ({"other": one}, "other")):
        answer = head.api("POST", f"/api/v1/party/{one}/merge", json=body)
        assert (answer.status_code, list(answer.json["message"])) == (422, [field]), body
    answer = head.api("POST", f"/api/v1/party/{one}/merge", json={"other": other, "take": ["owner"]})
    assert answer.status_code == 422
    assert session.scalars(select(PartyMerge)).all() == []
    answer = head.api("POST", f"/api/v1/party/{one}/merge", json={"other": other, "take": ["email"]})
    assert answer.status_code == 200
    shadow = head.get(f"/api/v1/party/{other}").json["result"]
    assert shadow["merged_into"]["id"] == one
    assert head.api("POST", f"/api/v1/party/{other}/unmerge", json={}).status_code == 200
    session.expire_all()
    assert session.scalars(select(PartyMerge.state)).all() == [MergeState.undone]


def test_nobody_merges_without_the_right_or_what_he_does_not_see(session, as_user, made, two):
    one, other = two
    foreign = made.party("Bakkerij Janssens", owner=None, country="NL")
    session.commit()
    manager = as_user("manager")
    assert manager.get("/party/duplicates").status_code in {302, 403}
    assert manager.post("/party/merge", {"a": str(one), "b": str(other)}).status_code in {302, 403}
    head = as_user("head")
    assert head.get(f"/party/merge?a={one}&b={foreign.id}").status_code == 404
    assert head.post("/party/merge", {"a": str(one), "b": str(foreign.id)}).status_code == 404
    assert session.scalars(select(PartyMerge)).all() == []


def test_the_list_filters_by_figures_and_interests_as_rights_allow(session, as_user, made, chain_key_of_app):
    party = made.buyer("Tulpen B.V.")
    made.party("Alone B.V.")
    made.issued(("1", "100.00"), party=party)
    party_metric.count(session, [party.id], at=NOON)
    session.commit()
    accountant = as_user("accountant")
    page = accountant.get("/party/list/?flt.turnover.ge=50&cols=name,turnover").get_data(as_text=True)
    assert page.count('data-label="Name"') == 1
    assert "100.00" in page
    page = accountant.get("/party/list/?flt.turnover.ge=500").get_data(as_text=True)
    assert page.count('data-label="Name"') == 0
    marketer = as_user("marketer")
    page = marketer.get("/party/list/?flt.turnover.ge=500&cols=name,turnover").get_data(as_text=True)
    assert "Turnover" not in page, "who sees no invoices filters by no turnover"
    assert page.count('data-label="Name"') == 2
    assert "100.00" not in marketer.get(f"/party/{party.id}/tab/figures").get_data(as_text=True)
    assert "100.00" in accountant.get(f"/party/{party.id}/tab/figures").get_data(as_text=True)


@pytest.fixture
def chain_key_of_app():
    from app.services import chain

    before = chain.use_key(lambda: bytes(range(32)))
    yield
    chain.use_key(before)


def test_figures_groups_and_duplicates_wait_in_their_tabs_and_cost_the_card_nothing(
    as_user, made, session, statements, two
):
    top = made.party("Holding N.V.", owner="manager")
    party = made.party("Below B.V.", owner="manager", parent=top)
    session.commit()
    head = as_user("head")
    head.get(f"/party/show/{party.id}")
    statements.clear()
    card = head.get(f"/party/show/{party.id}").get_data(as_text=True)
    assert len(statements) <= 12
    assert "Possible duplicates" not in card
    assert "10 %" in card
    assert "Holding N.V." in head.get(f"/party/{party.id}/tab/group").get_data(as_text=True)
    assert "Tax number" in head.get(f"/party/{party.id}/tab/figures").get_data(as_text=True)
    one, other = two
    card = head.get(f"/party/show/{one}").get_data(as_text=True)
    assert "Possible duplicates" in card
    statements.clear()
    tab = head.get(f"/party/{one}/tab/twins").get_data(as_text=True)
    assert len(statements) <= 12
    assert f"/party/merge?a={one}&b={other}" in tab.replace("&amp;", "&")
    manager = as_user("manager")
    assert "Possible duplicates" not in manager.get(f"/party/show/{one}").get_data(as_text=True)
    assert "Bakkerij Jansen" not in manager.get(f"/party/{one}/tab/twins").get_data(as_text=True).replace(
        "Bakkerij Janssen", ""
    )
