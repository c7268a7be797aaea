"""Where somebody is signed in: listed, ended one by one, by himself and by an administrator; idle ones end."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app.models.party import Party
from app.models.sign_in import SignIn
from app.services import signed_in
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import user

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
PAGE = "/profile/sign_ins/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
As = Callable[[str], Browser]


@pytest.fixture(autouse=True)
def travel() -> Iterator[Any]:
    """Time stands still until a test moves it."""
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def enter(app: Flask, name: str, *, agent: str = FIREFOX, address: str = "192.0.2.7") -> Browser:
    """Sign somebody in from a device and an address."""
    browser = Browser(app.test_client())
    browser.client.environ_base |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": address}
    return browser.sign_in(name)


def token(visitor: Browser, name: str, **more: Any) -> dict[str, str]:
    body = {"username": name, "password": PASSWORD, "provider": "db"} | more
    return visitor.client.post("/api/v1/security/login", json=body, headers={"User-Agent": "curl/8.5.0"}).json


def call(visitor: Browser, given: dict[str, str]) -> int:
    return visitor.client.get(
        "/api/v1/party/", headers={"Authorization": f"Bearer {given['access_token']}"}
    ).status_code


def is_in(browser: Browser) -> bool:
    """Say whether a browser is signed in; the answer is read to its end, as a server does."""
    return browser.get("/home/", buffered=True).status_code == 200


def rows(page: str) -> list[str]:
    """Return the rows of the table of sign-ins as texts."""
    table = page[page.index('id="sign-ins"') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL)]


def handle(session: Session, name: str, kind: str = "browser") -> str:
    """Return by what the newest sign-in of somebody is named."""
    mine = SignIn.user_id == user(session, name).id, SignIn.kind == kind
    key = session.scalars(select(SignIn.key).where(*mine).order_by(SignIn.began_at.desc())).first()
    return signed_in.handle(key or "")


def test_one_sees_his_browsers_and_tokens_in_words_and_no_key(app, visitor, session, travel, rolled_back):
    enter(app, "office", agent=IPHONE, address="198.51.100.4")
    travel.shift(3600)
    token(visitor, "office")
    travel.shift(60)
    here = enter(app, "office")
    page = here.get(PAGE).text
    assert rows(page) == [
        "Firefox, Linux · Browser this one 192.0.2.7 31 Mar 2026, 13:01 31 Mar 2026, 13:01",
        "curl · Token for REST 127.0.0.1 31 Mar 2026, 13:00 31 Mar 2026, 13:00 End : curl",
        "Safari, iPhone · Browser 198.51.100.4 31 Mar 2026, 12:00 31 Mar 2026, 12:00 End : Safari, iPhone",
    ]
    keys = session.scalars(select(SignIn.key)).all()
    assert len(keys) == 3
    assert [key for key in keys if key in page] == []


@attack(75, "ending the sign-ins of others")
def test_one_ends_one_of_his_own_and_nobody_elses(app, as_user, visitor, session, rolled_back):
    here, there = as_user("office"), as_user("office")
    session.expire_all()
    mine = here.get(PAGE).text
    named = re.findall(r"/profile/sign_ins/(\w{32})/end", mine)
    assert len(named) == 1
    stranger = as_user("marketer")
    assert stranger.post(f"{PAGE}{named[0]}/end").status_code == 404
    assert is_in(there)
    assert here.post(f"{PAGE}{named[0]}/end").status_code == 302
    assert (is_in(here), is_in(there), is_in(stranger)) == (True, False, True)
    assert here.post(f"{PAGE}{named[0]}/end").status_code == 404
    assert here.post(f"{PAGE}{'x' * 32}/end").status_code == 404


def test_one_ends_all_others_at_once(as_user, visitor, session):
    here, there, stranger = as_user("office"), as_user("office"), as_user("marketer")
    given = token(visitor, "office")
    assert call(visitor, given) == 200
    assert here.post(f"{PAGE}end_others").status_code == 302
    assert (is_in(here), is_in(there), is_in(stranger)) == (True, False, True)
    assert call(visitor, given) == 401


def test_an_administrator_sees_and_ends_those_of_a_user(app, as_user, session, rolled_back):
    there, other = enter(app, "office"), as_user("marketer")
    key = user(session, "office").id
    named = handle(session, "office")
    admin = as_user("admin")
    page = admin.get(f"/user/show/{key}").text
    assert rows(page) == [
        "Firefox, Linux · Browser 192.0.2.7 31 Mar 2026, 12:00 31 Mar 2026, 12:00 End : Firefox, Linux"
    ]
    assert "without a second factor" in page
    assert admin.post(f"/user/{user(session, 'marketer').id}/sign_in/{named}/end").status_code == 404
    for name in ("head", "auditor"):
        assert as_user(name).post(f"/user/{key}/sign_in/{named}/end").status_code == 403
    assert is_in(there)
    assert admin.post(f"/user/{key}/sign_in/{named}/end").status_code == 302
    assert (is_in(there), is_in(other)) == (False, True)
    assert "Nowhere at present." in admin.get(f"/user/show/{key}").text


def test_the_card_of_a_user_costs_no_more_than_others(as_user, session, statements):
    admin, key = as_user("admin"), user(session, "office").id
    admin.get(f"/user/show/{key}")
    statements.clear()
    assert admin.get(f"/user/show/{key}").status_code == 200
    assert len(statements) <= 12


def test_who_asks_is_one_statement(as_user, statements):
    browser = as_user("office")
    statements.clear()
    browser.get("/home/")
    assert len([one for one in statements if "sign_in" in one]) == 1


# --- seen -------------------------------------------------------------------------------------------------------------


def seen(session: Session) -> list[datetime]:
    session.expire_all()
    return list(session.scalars(select(SignIn.seen_at).order_by(SignIn.began_at)))


def test_that_somebody_is_there_is_written_once_a_minute_after_the_answer(as_user, session, statements, travel):
    browser = as_user("office")
    statements.clear()
    travel.shift(59)
    assert is_in(browser)
    assert seen(session) == [AT]
    travel.shift(1)
    answer = browser.get("/home/")
    assert seen(session) == [AT], "the page does not wait for it"
    answer.close()
    assert seen(session) == [AT + timedelta(minutes=1)]
    for _number in range(3):
        assert is_in(browser)
    assert len([one for one in statements if one.startswith("UPDATE sign_in")]) == 1


def test_a_token_is_seen_too(visitor, session, travel):
    given = token(visitor, "office")
    travel.shift(120)
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert visitor.client.get("/api/v1/party/", headers=headers, buffered=True).status_code == 200
    assert seen(session) == [AT + timedelta(minutes=2)]


def test_of_many_at_once_one_writes(as_user, session, travel):
    as_user("office")
    key = session.scalars(select(SignIn.key)).one()
    signed_in.note_seen(session, key, at=AT + timedelta(seconds=90))
    signed_in.note_seen(session, key, at=AT + timedelta(seconds=100))
    assert seen(session) == [AT + timedelta(seconds=90)]


# --- idle -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("idle", "lives"), [(timedelta(hours=8) - timedelta(seconds=1), True), (timedelta(hours=8), False)]
)
def test_who_does_nothing_for_eight_hours_is_signed_out(as_user, travel, idle, lives):
    browser = as_user("office")
    travel.shift(idle)
    assert is_in(browser) is lives


def test_who_is_there_stays_until_the_end_of_his_day(as_user, session, travel):
    browser = as_user("office")
    for _number in range(2):
        travel.shift(timedelta(hours=5, minutes=59))
        assert is_in(browser)
    assert seen(session) == [AT + timedelta(hours=11, minutes=58)]
    travel.move_to(AT + timedelta(hours=12))
    assert not is_in(browser)


def test_a_token_may_wait_for_its_own_end(visitor, session, travel):
    given = token(visitor, "office", refresh=True)
    travel.shift(timedelta(days=6))
    headers = {"Authorization": f"Bearer {given['refresh_token']}"}
    answer = visitor.client.post("/api/v1/security/refresh", headers=headers)
    assert answer.status_code == 200
    assert call(visitor, answer.json) == 200


def test_idle_ones_are_not_listed(as_user, travel):
    as_user("office")
    travel.shift(timedelta(hours=8))
    assert len(rows(as_user("office").get(PAGE).text)) == 1


def test_what_was_typed_before_is_kept_and_given_back(as_user, session, travel):
    office = as_user("office")
    page = office.get("/party/add").text
    opened = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf_token", "form_owner")}
    form = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl", "note": "typed for an hour"}
    travel.shift(timedelta(hours=9))
    answer = office.client.post("/party/add", data=form | opened)
    assert (answer.status_code, session.scalars(select(Party)).all()) == (303, [])
    signed_in_again = office.client.post(
        answer.headers["Location"],
        data={"username": "office", "password": PASSWORD, "csrf_token": office.token()},
    )
    back = office.get(signed_in_again.headers["Location"]).text
    assert "typed for an hour" in back
    assert 'value="Tulpen"' in back


@pytest.mark.parametrize(
    ("given", "minutes"), [({}, 480), ({"CRM_IDLE_MINUTES": "30"}, 30), ({"CRM_IDLE_MINUTES": "1"}, 5)]
)
def test_the_time_is_a_setting(tmp_path, given, minutes):
    assert config.load({"CRM_VAR": str(tmp_path)} | given)["IDLE_TIME"] == timedelta(minutes=minutes)
