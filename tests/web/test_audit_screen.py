"""What requests leave in the audit, and the screen on which it is read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.history import Act, Channel, FieldChange
from app.models.party import PartyContact
from app.services import access, api_key, audit, history
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user

AsUser = Callable[[str], Browser]


@pytest.fixture
def since(session: Session) -> Callable[..., list[FieldChange]]:
    """Return the entries since the test began, of some acts."""
    last = session.scalar(select(FieldChange.id).order_by(FieldChange.id.desc()).limit(1)) or 0

    def entries(*acts: Act) -> list[FieldChange]:
        session.expire_all()
        found = select(FieldChange).where(FieldChange.id > last, FieldChange.act.in_(acts))
        return list(session.scalars(found.order_by(FieldChange.id)))

    return entries


@pytest.fixture
def party(made: Made, session: Session) -> Any:
    party = made.party("Anna Ivanova", owner="manager", phone="+31201234567")
    session.add(PartyContact(party=party, name="Boris", email="boris@example.com"))
    session.commit()
    return party


# --- who opened what --------------------------------------------------------------------------------------------------


def test_opening_a_card_is_noted_once_an_hour_for_each(as_user: AsUser, party: Any, since: Any, session: Session):
    office = as_user("office")
    for _turn in range(3):
        assert office.get(f"/party/show/{party.id}").status_code == 200
    (row,) = since(Act.view)
    assert (row.entity, row.record_id, row.name, row.actor_name) == ("party", party.id, "Anna Ivanova", "office")
    assert (row.channel, row.address, row.changes) == (Channel.screen, "127.0.0.1", {})
    assert row.sign_in is not None
    assert row.sign_in.startswith("browser ")
    as_user("accountant").get(f"/party/show/{party.id}")
    assert [one.actor_name for one in since(Act.view)] == ["office", "accountant"]
    assert not audit.is_view_due(
        session, entity="party", record_id=party.id, user_id=row.actor_id, at=row.at + timedelta(minutes=59)
    )
    assert audit.is_view_due(
        session, entity="party", record_id=party.id, user_id=row.actor_id, at=row.at + timedelta(minutes=60)
    )


@pytest.mark.parametrize(("path", "channel"), [("/party/edit/{}", Channel.screen), ("/api/v1/party/{}", Channel.api)])
def test_the_form_and_rest_are_views_too(as_user: AsUser, party: Any, since: Any, path: str, channel: Channel):
    assert as_user("office").get(path.format(party.id)).status_code == 200
    assert [(one.record_id, one.channel) for one in since(Act.view)] == [(party.id, channel)]


def test_what_is_not_shown_or_holds_nobodys_data_is_no_view(
    as_user: AsUser, party: Any, made: Made, since: Any, session: Session
):
    product = made.product()
    session.commit()
    office = as_user("office")
    assert as_user("manager2").get(f"/party/show/{party.id}").status_code == 404
    for path in ("/party/list/", f"/product/show/{product.id}", "/api/v1/party/", "/lookup/party?q=Anna"):
        assert office.get(path).status_code == 200, path
    assert since(Act.view) == []


def test_an_export_is_told_with_its_filter(as_user: AsUser, party: Any, since: Any):
    answer = as_user("office").export("/party/list/export?format=csv&flt.country.eq=NL")
    assert answer.status_code == 200
    (row,) = since(Act.export)
    assert (row.entity, row.actor_name) == ("party", "office")
    told = {name: after for name, (_before, after) in row.changes.items()}
    assert (told["format"], told["filter"]) == ("csv", "/party/list/export?format=csv&flt.country.eq=NL")
    assert told["reason"]


def test_who_may_not_export_leaves_no_entry_of_one(as_user: AsUser, since: Any):
    assert as_user("manager").export("/party/list/export?format=csv").status_code == 403
    assert since(Act.export) == []


# --- signing in, passwords, keys, rights ------------------------------------------------------------------------------


def test_signing_in_out_and_failing_are_told(visitor: Browser, since: Any, session: Session):
    for name, word in (("office", "wrong"), ("stranger", "wrong")):
        form = {"username": name, "password": word, "csrf_token": visitor.token()}
        assert visitor.client.post("/login/", data=form).status_code == 401
    visitor.sign_in("office")
    visitor.post("/logout/")
    office = user(session, "office").id
    told = [
        (one.act, one.name, one.record_id, one.actor_name)
        for one in since(Act.sign_in, Act.sign_in_failed, Act.sign_out)
    ]
    assert told == [
        (Act.sign_in_failed, "office", office, None),
        (Act.sign_in_failed, "stranger", None, None),
        (Act.sign_in, "office", office, "office"),
        (Act.sign_out, "office", office, "office"),
    ]
    came, went = since(Act.sign_in, Act.sign_out)
    assert came.sign_in == went.sign_in
    assert "wrong" not in str([one.changes for one in since(*Act)])


def test_a_token_and_a_key_are_told_as_such(app: Flask, rolled_back: Any, since: Any, session: Session):
    client = app.test_client()
    client.post("/api/v1/security/login", json={"username": "office", "password": PASSWORD, "provider": "db"})
    key = api_key.make(session, user(session, "office"), name="Shop", scopes=["*.see"], at=clock.now())
    session.commit()
    for _turn in range(2):
        assert client.get("/api/v1/party/", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    by_token, by_key = since(Act.sign_in)
    assert by_token.sign_in.startswith("token ")
    assert (by_token.channel, by_key.channel) == (Channel.api, Channel.api)
    assert by_key.sign_in.startswith("key ")
    assert by_key.changes == {"used": [None, "Shop"]}
    assert [one.changes for one in since(Act.key)] == [{"made": [None, "Shop"]}]
    assert key not in str([one.changes for one in since(*Act)])


def test_a_password_is_told_and_never_kept(as_user: AsUser, since: Any):
    office = as_user("office")
    office.post("/profile/password", {"old": PASSWORD, "new": "another fine password"})
    (row,) = since(Act.password)
    assert (row.name, row.actor_name, row.changes) == ("office", "office", {})
    assert "fine password" not in str([one.changes for one in since(*Act)])


# --- the screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("admin", 200), ("auditor", 200), ("head", 403), ("accountant", 403)])
def test_administrator_and_auditor_read_it(as_user: AsUser, party: Any, name: str, status: int):
    browser = as_user(name)
    card = browser.get(f"/party/show/{party.id}").text
    address = f"/audit/list/?flt.entity.eq=party&amp;flt.record_id.eq={party.id}"
    assert (address in card) == (status == 200)
    assert browser.get("/audit/list/").status_code == status
    assert browser.get("/api/v1/audit/").status_code == status


def test_it_is_found_by_record_and_opens_before_and_after(as_user: AsUser, party: Any, session: Session):
    party.phone, party.country = "+31207654321", "BE"
    session.commit()
    row = session.scalars(select(FieldChange).order_by(FieldChange.id.desc()).limit(1)).one()
    admin = as_user("admin")
    page = admin.get(f"/audit/list/?flt.entity.eq=party&flt.record_id.eq={party.id}").text
    assert page.count('href="/audit/show/') >= 3
    card = admin.get(f"/audit/show/{row.id}").text
    assert '<td data-label="Before">+31201234567</td><td data-label="After">+31207654321</td>' in card
    assert '<td data-label="After">Belgium</td>' in card
    assert f'href="/party/show/{party.id}"' in card


def test_a_deleted_record_keeps_its_name_and_a_row_is_told_under_it(as_user: AsUser, party: Any, session: Session):
    key = party.id
    session.delete(party.contacts[0])
    session.commit()
    session.delete(party)
    session.commit()
    page = as_user("admin").get(f"/audit/list/?flt.entity.eq=party&flt.record_id.eq={key}&flt.act.eq=delete").text
    assert "Anna Ivanova" in page
    assert "Boris" in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("flt.channel.eq=job", 1),
        ("flt.channel.eq=rule", 0),
        ("flt.address.eq=192.0.2.9", 1),
        ("flt.actor_name.eq=robot", 1),
        ("flt.act.eq=export&flt.name.ct=zz", 1),
        ("flt.entity.eq=product&flt.actor_name.eq=robot", 0),
        ("flt.at.ge=2099-01-01", 0),
    ],
)
def test_filters(as_user: AsUser, session: Session, query: str, count: int):
    with history.by_way(session, Channel.job):
        audit.note(session, Act.export, entity="party", name="zz top", address="192.0.2.9", actor_name="robot")
    session.commit()
    page = as_user("admin").get(f"/audit/list/?{query}")
    assert page.status_code == 200
    assert page.text.count("zz top") >= count
    assert ("zz top" in page.text) == bool(count)


def test_erased_values_are_shown_as_erased(as_user: AsUser, party: Any, session: Session):
    row = session.scalars(
        select(FieldChange).filter_by(entity="party", record_id=party.id, part=None, act=Act.add)
    ).one()
    with access.acting(session, access.Actor(None, "guardian", access.SYSTEM.scope)):
        audit.erase(session, "party", party.id, at=clock.now())
    session.commit()
    admin = as_user("admin")
    card = admin.get(f"/audit/show/{row.id}").text
    assert "Personal values were erased on" in card
    assert "guardian" in card
    assert card.count('<td data-label="After">erased</td>') == 2
    assert "Ivanova" not in card
    assert "+3120" not in card
    history_on_card = admin.get(f"/party/{party.id}/timeline").text
    assert "+3120" not in history_on_card


def test_nobody_writes_through_the_screen(as_user: AsUser, party: Any, session: Session):
    row = session.scalars(select(FieldChange).order_by(FieldChange.id.desc()).limit(1)).one()
    admin = as_user("admin")
    for method, path in (("DELETE", f"/api/v1/audit/{row.id}"), ("PUT", f"/api/v1/audit/{row.id}")):
        assert admin.api(method, path, json={"name": "x"}).status_code in {404, 405}
    assert admin.post(f"/audit/delete/{row.id}").status_code in {404, 405}
    name = row.name
    session.expire_all()
    assert session.get_one(FieldChange, row.id).name == name
