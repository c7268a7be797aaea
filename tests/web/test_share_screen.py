"""Sharing on screen and over REST: the dialog, the chips, what the guest may do; ids of others lead nowhere."""

import pytest

from app.models.record_share import RecordShare
from tests.attack import attack
from tests.factories import user


@pytest.fixture
def party(made, session):
    found = made.party("Kade Vijf", owner="manager")
    session.commit()
    return found


def give(browser, party, **about):
    return browser.post(f"/party/{party.id}/share", about)


def test_the_card_shares_shows_with_whom_and_takes_back(as_user, session, party):
    guest = user(session, "manager2")
    owner, stranger = as_user("manager"), as_user("manager2")
    assert stranger.get(f"/party/show/{party.id}").status_code == 404
    answer = give(owner, party, user=guest.id, level="see", ends_on="2099-12-31")
    assert answer.status_code == 302
    page = owner.get(f"/party/show/{party.id}").get_data(as_text=True)
    assert "Maria Manager" in page
    assert "<small>until" in page
    seen = stranger.get(f"/party/show/{party.id}")
    assert seen.status_code == 200
    assert f"/party/edit/{party.id}" not in seen.get_data(as_text=True)
    assert "Kade Vijf" in stranger.get("/party/list/").get_data(as_text=True)
    assert stranger.post(f"/party/edit/{party.id}", {"name": "Taken"}).status_code == 403
    assert give(stranger, party, user=user(session, "marketer").id, level="see").status_code == 403
    give(owner, party, user=guest.id, level="change")
    assert stranger.get(f"/party/edit/{party.id}").status_code == 200
    give(owner, party, user=guest.id, level="none")
    assert stranger.get(f"/party/show/{party.id}").status_code == 404


def test_a_refused_dialog_keeps_what_was_typed(as_user, session, party):
    answer = give(as_user("manager"), party, level="see", ends_on="2020-01-01", user=user(session, "warehouse").id)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "2020-01-01" in page
    assert "This day is past" in page
    assert "role does not see such records" in page
    assert session.query(RecordShare).count() == 0


@attack(34, "a share of a record that one does not reach")
def test_who_does_not_reach_a_record_shares_nothing(as_user, session, party):
    for name, expected in (("manager2", 404), ("marketer", 403), ("auditor", 403)):
        assert give(as_user(name), party, user=user(session, "office").id, level="change").status_code == expected
    assert session.query(RecordShare).count() == 0


def test_rest_shares_too(as_user, session, party):
    guest = user(session, "manager2")
    owner = as_user("manager")
    address = f"/api/v1/party/{party.id}"
    assert owner.api("POST", f"{address}/share", json={"user": guest.id, "level": "change"}).status_code == 200
    stranger = as_user("manager2")
    assert stranger.api("PUT", address, json={"note": "Called"}).status_code in {200, 422}
    assert stranger.api("DELETE", address).status_code == 403
    refused = owner.api("POST", f"{address}/share", json={"level": "see"})
    assert (refused.status_code, list(refused.get_json()["message"])) == (422, ["user"])
    assert owner.api("POST", f"{address}/share", json={"user": guest.id, "level": "own"}).status_code == 422
