"""Signing in: failures are counted, every browser and token can be ended, nothing tells who exists."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash

from app import clock
from app.models.sign_in import LoginAttempt, SignIn
from app.services import api_key as api_keys
from app.services import lockout
from app.services import password as passwords
from app.services import sign_in as sign_ins
from app.web import guard
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import user

FREE = 5
WRONG = "not the right words"


def page(client: FlaskClient, username: str, password: str = WRONG, address: str = "127.0.0.1", **options: Any) -> Any:
    token = Browser(client).token()
    form = {"username": username, "password": password, "csrf_token": token}
    return client.post("/login/", data=form, environ_overrides={"REMOTE_ADDR": address}, **options)


def api(client: FlaskClient, username: Any, password: Any = WRONG, address: str = "127.0.0.1", **more: Any) -> Any:
    body = {"username": username, "password": password, "provider": "db"} | more
    return client.post("/api/v1/security/login", json=body, environ_overrides={"REMOTE_ADDR": address})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def fail(
    session: Session,
    count: int,
    *,
    username: str = "somebody",
    address: str = "10.0.0.9",
    ago: int = 0,
    device: str = "",
) -> None:
    for _number in range(count):
        at = clock.now() - timedelta(seconds=ago)
        session.add(LoginAttempt(username=username, address=address, at=at, device=device))
    session.commit()


def tries(session: Session, **about: Any) -> int:
    return session.scalar(select(func.count()).select_from(LoginAttempt).filter_by(**about)) or 0


@pytest.fixture
def client(app: Flask, rolled_back: Any) -> FlaskClient:
    return app.test_client()


# --- counted failures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "said", "taken"),
    [
        (0, "203.0.113.7", "192.0.2.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.9, 203.0.113.7", "203.0.113.7"),  # what the client itself has put in front is not believed
        (2, "198.51.100.9, 203.0.113.7", "198.51.100.9"),
        (1, "", "192.0.2.1"),
    ],
)
def test_the_address_is_what_our_own_proxies_say(proxies: int, said: str, taken: str):
    behind = Flask("behind")
    behind.config["CRM_PROXIES"] = proxies
    guard.believe_proxies(behind)
    behind.add_url_rule("/", view_func=lambda: f"{request.remote_addr} {request.host} {request.scheme}")
    sent = {"X-Forwarded-For": said} | {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    answer = behind.test_client().get("/", headers=sent, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.text == f"{taken} localhost http"


@attack(96, "guessing a password, by page and REST")
def test_after_five_failures_of_a_name_the_right_password_waits_too_on_page_and_api(
    client: FlaskClient, session: Session
):
    for number in range(FREE):
        ask = page if number % 2 else api
        assert ask(client, "head", address=f"10.0.0.{number}").status_code == 401
    for ask in (page, api):
        answers = [ask(client, "head", password, "10.0.1.1") for password in (PASSWORD, WRONG)]
        assert [answer.status_code for answer in answers] == [429, 429]
        assert len({without_noise(answer.text) for answer in answers}) == 1
        assert all(25 <= int(answer.headers["Retry-After"]) <= 30 for answer in answers)
        assert all("Try again in 1 minute." in answer.text for answer in answers)
    assert tries(session, username="head") == FREE  # what waits is not looked at and makes nothing longer
    assert page(client, "office", PASSWORD, "10.0.1.1").status_code == 302


def test_unknown_names_wait_as_known_ones_do(client: FlaskClient):
    for name in ("head", "no such person"):
        answers = [api(client, name, address=f"10.0.0.{number}") for number in range(FREE + 1)]
        assert [answer.status_code for answer in answers] == [401] * FREE + [429], name
        assert answers[-1].json == {"message": "Too many tries. Try again in 1 minute."}


@pytest.mark.parametrize(
    ("failures", "ago", "status"),
    [
        (4, 0, 302),
        (5, 29, 429),
        (5, 31, 302),
        (6, 59, 429),
        (6, 61, 302),
        (10, 899, 429),
        (10, 901, 302),
        (90, 901, 302),
    ],
)
def test_the_delay_grows_to_a_quarter_of_an_hour_and_no_further(
    client: FlaskClient, session: Session, failures: int, ago: int, status: int
):
    fail(session, failures, username="head", ago=ago)
    assert page(client, "head", PASSWORD, "10.0.0.8").status_code == status


def test_the_right_password_forgives_what_has_failed_before(client: FlaskClient, session: Session):
    fail(session, FREE - 1, username="head")
    fail(session, FREE - 1, username="head@example.org")
    assert page(client, "head", PASSWORD).status_code == 302
    assert tries(session, forgiven_at=None) == 0
    client.delete_cookie("countinghouse")
    client.delete_cookie("countinghouse_device")
    answers = [api(client, "head", address=f"10.0.0.{number}").status_code for number in range(FREE)]
    assert answers == [401] * FREE


@attack(97, "one password for many names")
def test_an_address_waits_after_thirty_failures_of_whatever_names(client: FlaskClient, session: Session):
    for number in range(30):
        fail(session, 1, username=f"name{number}")
    assert page(client, "head", PASSWORD, "10.0.0.9").status_code == 429
    assert api(client, "no such person", address="10.0.0.9").status_code == 429
    assert page(client, "head", PASSWORD, "10.0.0.8").status_code == 302


def test_what_an_address_has_failed_an_hour_ago_counts_no_more(client: FlaskClient, session: Session):
    for number in range(30):
        fail(session, 1, username=f"name{number}", ago=3_590)
    fail(session, 1, username="another", ago=3_610)
    assert page(client, "head", PASSWORD, "10.0.0.9").status_code == 302  # the last was longer ago than its delay
    fail(session, 1, username="another")
    assert page(app_client(client), "head", PASSWORD, "10.0.0.9").status_code == 429


def app_client(client: FlaskClient) -> FlaskClient:
    return client.application.test_client()


def test_a_browser_that_the_account_knows_has_its_own_count(client: FlaskClient, session: Session):
    assert page(client, "head", PASSWORD).status_code == 302
    assert Browser(client).post("/logout/").status_code == 302
    fail(session, 40, username="head", address="127.0.0.1")  # a stranger at the same address
    assert page(app_client(client), "head", PASSWORD).status_code == 429
    assert page(client, "head").status_code == 401
    assert page(client, "head", PASSWORD).status_code == 302
    assert tries(session, username="head", device="", forgiven_at=None) == 40  # the stranger waits on
    Browser(client).post("/logout/")
    assert [page(client, "head").status_code for _number in range(FREE + 1)] == [401] * FREE + [429]
    assert page(client, "office", PASSWORD, "10.0.0.1").status_code == 302  # another account: not known there


def test_the_cookie_of_a_known_browser_opens_nothing_and_is_not_forged(client: FlaskClient, session: Session):
    assert page(client, "head", PASSWORD).status_code == 302
    kept = client.get_cookie("countinghouse_device")
    assert kept is not None
    assert (kept.http_only, kept.same_site) == (True, "Lax")
    other = app_client(client)
    other.set_cookie("countinghouse_device", kept.value)
    assert other.get("/home/").status_code == 302
    fail(session, FREE, username="head")
    for forged in (kept.value[:-3] + "abc", "x", "", kept.value.split(".")[0]):
        stranger = app_client(client)
        stranger.set_cookie("countinghouse_device", forged)
        assert page(stranger, "head", PASSWORD, "10.0.0.8").status_code == 429, forged
    assert page(other, "head", PASSWORD, "10.0.0.8").status_code == 302


def test_old_failures_are_swept(client: FlaskClient, session: Session):
    fail(session, 1, ago=2 * 86_400)
    fail(session, 1)
    assert api(client, "somebody").status_code == 401
    assert tries(session) == 2


@attack(98, "many guesses at the same moment")
def test_many_tries_at_once_are_counted_before_any_is_looked_at(session: Session):
    one = lockout.Try(name="Head ", address="10.0.0.1")
    begun = [lockout.begin(session, one, at=clock.now()) for _number in range(FREE + 2)]
    waits = [bool(lockout.settle(session, one, key, at=clock.now())) for key in begun]
    assert waits == [True, True, False, False, False, False, False]  # each struck out is no longer in the way
    assert tries(session, username="head") == FREE


@attack(99, "a new address for each guess by a header")
def test_a_reported_address_of_a_client_is_not_believed(client: FlaskClient, session: Session):
    """Without a proxy in front, X-Forwarded-For is the client's own invention."""
    for number in range(30):
        fail(session, 1, username=f"name{number}", address="127.0.0.1")
    body = {"username": "head", "password": PASSWORD, "provider": "db"}
    answer = client.post("/api/v1/security/login", json=body, headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 429


# --- nothing tells who exists -----------------------------------------------------------------------------------------


def without_noise(text: str) -> str:
    return re.sub(r'value="[^"]*"|nonce="[^"]*"|<!-- \S* -->', "", text)


@attack(103, "who has an account, by the answer")
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(client: FlaskClient, session: Session):
    person = user(session, "marketer")
    person.active = False
    session.commit()
    for ask in (page, api):
        answers = [ask(client, name) for name in ("head", "no such person", "marketer", "head@example.org")]
        assert {answer.status_code for answer in answers} == {401}
        assert len({without_noise(answer.text) for answer in answers}) == 1
    assert "The user name or the password is wrong." in page(client, "head").text


@attack(104, "who has an account, by the time")
@pytest.mark.parametrize("name", ["head", "no such person", "marketer"])
def test_every_try_computes_exactly_one_hash_of_the_same_cost(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch, name: str
):
    from app.web import security

    for known in ("head", "marketer"):
        passwords.set_password(session, user(session, known), PASSWORD, at=None, trusted=True)
    user(session, "marketer").active = False
    session.commit()
    costs: list[str] = []

    def counted(stored: str, typed: str) -> bool:
        costs.append(stored.split("$", 1)[0])
        return check_password_hash(stored, typed)

    monkeypatch.setattr(security, "check_password_hash", counted)
    page(client, name)
    api(client, name)
    own = user(session, "head").password.split("$", 1)[0]
    assert costs == [own, own] == ["scrypt:32768:8:1"] * 2


@pytest.mark.parametrize("password", ["", "\0", " "])
def test_an_empty_password_signs_nobody_in(client: FlaskClient, password: str):
    assert page(client, "head", password).status_code in {200, 400, 401}
    assert api(client, "head", password).status_code in {400, 401}
    assert client.get("/home/").status_code == 302


@pytest.mark.parametrize("name", ["\0", "a\0b", "ä" * 5000, "' OR 1=1 --", "<script>alert(1)</script>", "\ud800"])
def test_strange_names_are_refused_and_never_break_anything(client: FlaskClient, name: str):
    assert api(client, name).status_code in {400, 401}
    typed = name.encode("utf-8", "replace").decode()
    answer = page(client, typed)
    assert answer.status_code in {200, 400, 401}
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"username": 1}', b'{"username": {"a": 1}}'])
def test_a_sign_in_that_is_no_object_of_texts_gets_400(client: FlaskClient, body: bytes):
    answer = client.post("/api/v1/security/login", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert client.post("/api/v1/security/login", data={"username": "head"}).status_code == 400


def test_one_signs_in_by_e_mail_too(client: FlaskClient):
    assert page(client, "head@example.org", PASSWORD).status_code == 302


# --- browsers ---------------------------------------------------------------------------------------------------------


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("countinghouse")
    assert found is not None
    return found.value


def with_cookie(app: Flask, value: str) -> FlaskClient:
    other = app.test_client()
    other.set_cookie("countinghouse", value)
    return other


@attack(68, "a session that was planted before signing in")
def test_a_session_planted_before_signing_in_is_not_the_one_after(app: Flask, client: FlaskClient, session: Session):
    with client.session_transaction() as planted:
        planted["planted"] = "by the attacker"
        planted["locale"] = "nl"
    client.get("/login/")
    before = cookie(client)
    assert page(client, "head", PASSWORD).status_code == 302
    assert cookie(client) != before
    with client.session_transaction() as now:
        assert "planted" not in now
        key = now["sign_in"]
    assert session.execute(select(SignIn.user_id).where(SignIn.key == key)).scalar() == user(session, "head").id
    assert with_cookie(app, before).get("/home/").status_code == 302
    assert client.get("/home/").status_code == 200


@attack(69, "a copied cookie after signing out")
def test_after_signing_out_the_old_cookie_is_dead(app: Flask, as_user: Callable[[str], Browser]):
    browser = as_user("office")
    kept = cookie(browser.client)
    assert with_cookie(app, kept).get("/home/").status_code == 200
    assert browser.post("/logout/").status_code == 302
    stolen = with_cookie(app, kept)
    assert stolen.get("/home/").status_code == 302
    assert stolen.get("/api/v1/party/").status_code == 401
    assert browser.get("/home/").status_code == 302


def test_a_link_signs_nobody_out(as_user: Callable[[str], Browser]):
    browser = as_user("office")
    assert browser.get("/logout/").status_code == 200
    assert browser.client.post("/logout/").status_code == 400
    assert browser.get("/home/").status_code == 200


@attack(70, "a forged cookie")
def test_a_forged_or_broken_cookie_is_nobody(app: Flask, as_user: Callable[[str], Browser]):
    kept = cookie(as_user("office").client)
    for value in ("x", kept[:-3] + "abc", "." + kept, "e30.x.y"):
        assert with_cookie(app, value).get("/home/").status_code == 302, value


@attack(71, "a well signed cookie without a living sign-in")
def test_a_signed_session_without_a_living_sign_in_is_nobody(app: Flask, rolled_back: Any, session: Session):
    head = user(session, "head")
    for content in ({}, {"sign_in": ""}, {"sign_in": None}, {"sign_in": "x" * 43}):
        client = app.test_client()
        with client.session_transaction() as told:
            told.update({"_user_id": str(head.id), "_fresh": True} | content)
        assert client.get("/home/").status_code == 302, content


@attack(72, "one's own sign-in for the account of another")
def test_the_sign_in_of_one_does_not_open_the_account_of_another(
    app: Flask, as_user: Callable[[str], Browser], session
):
    browser = as_user("nobody")
    with browser.client.session_transaction() as told:
        told["_user_id"] = str(user(session, "head").id)
    assert browser.get("/home/").status_code == 302


@attack(73, "a thief's browser after a change of the password")
def test_a_password_change_ends_all_other_browsers_and_tokens(app: Flask, as_user: Callable[[str], Browser]):
    here, there = as_user("marketer"), as_user("marketer")
    answer = api(app.test_client(), "marketer", PASSWORD, refresh=True).json
    assert app.test_client().get("/api/v1/party/", headers=bearer(answer["access_token"])).status_code == 200
    changed = here.post("/profile/password", {"old": PASSWORD, "new": "another fine password"})
    assert changed.status_code == 302
    assert here.get("/home/").status_code == 200
    assert there.get("/home/").status_code == 302
    client = app.test_client()
    assert client.get("/api/v1/party/", headers=bearer(answer["access_token"])).status_code == 401
    refreshed = client.post("/api/v1/security/refresh", headers=bearer(answer["refresh_token"]))
    assert refreshed.status_code == 401
    assert page(client, "marketer", PASSWORD).status_code == 401
    assert page(client, "marketer", "another fine password").status_code == 302


@attack(102, "guessing the password in an open browser")
def test_a_password_change_asks_for_the_old_one_and_counts_wrong_ones(as_user: Callable[[str], Browser]):
    browser = as_user("marketer")
    for _number in range(FREE):
        answer = browser.post("/profile/password", {"old": WRONG, "new": "another fine password"})
        assert answer.status_code == 422
    assert browser.post("/profile/password", {"old": PASSWORD, "new": "another fine password"}).status_code == 429
    assert browser.get("/home/").status_code == 200


def test_a_short_new_password_is_refused(as_user: Callable[[str], Browser], session: Session):
    before = user(session, "marketer").password
    answer = as_user("marketer").post("/profile/password", {"old": PASSWORD, "new": "short"})
    assert answer.status_code == 422
    session.expire_all()
    assert user(session, "marketer").password == before


@attack(74, "a locked account with a living session")
def test_a_deactivated_account_is_dead_at_once(app: Flask, as_user: Callable[[str], Browser], session: Session):
    browser = as_user("marketer")
    token = api(app.test_client(), "marketer", PASSWORD).json["access_token"]
    user(session, "marketer").active = False
    session.commit()
    assert browser.get("/home/").status_code == 302
    assert app.test_client().get("/api/v1/party/", headers=bearer(token)).status_code == 401
    assert page(app.test_client(), "marketer", PASSWORD).status_code == 401


def test_a_removed_account_is_nobody_and_breaks_nothing(
    app: Flask, as_user: Callable[[str], Browser], session: Session
):
    from app.services import user as users

    gone = users.make(
        session,
        username="gone",
        first_name="G",
        last_name="One",
        email="gone@example.org",
        password=PASSWORD,
        roles=["Marketer"],
    )
    session.commit()
    browser = as_user("gone")
    token = api(app.test_client(), "gone", PASSWORD).json["access_token"]
    session.delete(session.get(User, gone.id))
    session.commit()
    assert browser.get("/home/").status_code == 302
    assert app.test_client().get("/api/v1/party/", headers=bearer(token)).status_code == 401


def test_a_sign_in_ends_after_its_time(app: Flask, as_user: Callable[[str], Browser], session: Session):
    browser = as_user("office")
    row = session.scalars(select(SignIn).where(SignIn.user_id == user(session, "office").id)).one()
    assert row.ends_at - row.began_at == app.config["PERMANENT_SESSION_LIFETIME"] == timedelta(hours=12)
    row.ends_at = clock.now() - timedelta(seconds=1)
    session.commit()
    assert browser.get("/home/").status_code == 302


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_the_token_of_a_revoked_sign_in_is_dead(app: Flask, client: FlaskClient, session: Session):
    answer = api(client, "marketer", PASSWORD, refresh=True).json
    assert client.get("/api/v1/party/", headers=bearer(answer["access_token"])).status_code == 200
    row = session.scalars(select(SignIn).where(SignIn.user_id == user(session, "marketer").id)).one()
    assert row.kind == "token"
    sign_ins.end(session, row.key, at=clock.now())
    session.commit()
    assert client.get("/api/v1/party/", headers=bearer(answer["access_token"])).status_code == 401
    assert client.post("/api/v1/security/refresh", headers=bearer(answer["refresh_token"])).status_code == 401


@attack(94, "a refresh token as an access token")
def test_a_refresh_token_gives_access_tokens_and_is_none_itself(client: FlaskClient):
    answer = api(client, "marketer", PASSWORD, refresh=True).json
    assert client.get("/api/v1/party/", headers=bearer(answer["refresh_token"])).status_code == 401
    assert client.post("/api/v1/security/refresh", headers=bearer(answer["access_token"])).status_code == 401
    new = client.post("/api/v1/security/refresh", headers=bearer(answer["refresh_token"])).json["access_token"]
    assert client.get("/api/v1/party/", headers=bearer(new)).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "", "ключ"])
def test_a_broken_token_is_nobody(client: FlaskClient, token: str):
    answer = client.get("/api/v1/party/", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")})
    assert answer.status_code == 401
    assert list(answer.json) == ["message"]


def test_a_token_lives_half_an_hour_and_its_sign_in_no_longer(app: Flask, client: FlaskClient, session: Session):
    api(client, "marketer", PASSWORD)
    row = session.scalars(select(SignIn)).one()
    assert row.ends_at - row.began_at == timedelta(minutes=30)


def test_an_api_key_is_its_owner_and_dies_with_the_account(app: Flask, rolled_back: Any, session: Session):
    key = api_keys.make(session, user(session, "marketer"), name="machine", scopes=["*.see"], at=clock.now())
    session.commit()
    client = app.test_client()
    assert client.get("/api/v1/party/", headers=bearer(key)).status_code == 200
    assert client.get("/api/v1/party/", headers=bearer(key + "x")).status_code == 401
    user(session, "marketer").active = False
    session.commit()
    assert client.get("/api/v1/party/", headers=bearer(key)).status_code == 401


# --- the service ------------------------------------------------------------------------------------------------------


def test_ending_all_sign_ins_but_one_leaves_that_one(session: Session):
    person = user(session, "office")
    at: datetime = clock.now()
    keys = [
        sign_ins.begin(
            session, person, kind="browser", address="10.0.0.1", agent="x" * 500, at=at, lasts=timedelta(hours=1)
        ).key
        for _number in range(3)
    ]
    session.flush()
    sign_ins.end_all(session, person.id, at=at, but=keys[1])
    session.expire_all()
    living = [key for key in keys if sign_ins.user_of(session, user_id=person.id, key=key, at=at) is not None]
    assert living == [keys[1]]
    assert len(set(keys)) == 3
    assert session.get(SignIn, keys[1]).agent == "x" * 200


@pytest.mark.parametrize("language", ["en", "ru", "hy", "nl"])
def test_whoever_is_not_signed_in_yet_is_asked_to_and_not_refused(visitor, language):
    visitor.get(f"/lang/{language}?next=/login/")
    page = visitor.get("/party/list/", follow_redirects=True)
    assert page.request.path == "/login/"
    assert 'data-toast="danger"' not in page.text
    visitor.sign_in("manager").post("/logout/")
    assert visitor.get("/login/").text.count('data-toast="success"') == 2, "that one has signed out is said"
