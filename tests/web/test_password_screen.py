"""Pages on which a password is chosen: because one is due, by a mailed link, by and with an administrator."""

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash

from app import clock
from app.models.password import PasswordLink
from app.models.sign_in import LoginAttempt
from app.outbox import Outbox
from app.services import api_key as api_keys
from app.services import lockout
from app.services import password_link as links
from app.services import user as users
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user
from tests.mail import office

GOOD = "kade mist orgel"
DUE = "Choose a new password first: sign in with a browser."


@pytest.fixture
def mail(made: Made, session: Session) -> Any:
    with office():
        made.organisation(email="office@grachten.example", series=False)
        session.commit()
        yield


@pytest.fixture
def client(app: Flask, rolled_back: Any) -> FlaskClient:
    return app.test_client()


def must_change(session: Session, name: str = "marketer") -> User:
    found = user(session, name)
    users.reset_password(session, found, "given by somebody", at=clock.now(), must_change=True)
    session.commit()
    return found


def send(client: FlaskClient, path: str, page: str = "", **form: str) -> Any:
    return client.post(path, data=form | {"csrf_token": Browser(client).token(page or path)})


def password_of(session: Session, name: str) -> str:
    session.expire_all()
    return str(user(session, name).password)


def jobs(session: Session) -> list[Any]:
    return list(session.scalars(select(Outbox.payload).where(Outbox.topic == links.TOPIC).order_by(Outbox.id)))


# --- a password that is due -------------------------------------------------------------------------------------------


def test_who_was_given_a_password_gets_nowhere_before_he_has_chosen_one(client: FlaskClient, session: Session):
    must_change(session)
    browser = Browser(client).sign_in("marketer", "given by somebody")
    for path in ("/party/list/", "/home/", "/profile/", "/party/show/1", "/notification/list/"):
        answer = browser.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/password/new?next=%2F"), path
    assert browser.get("/").headers["Location"] == "/password/new"
    assert browser.get("/api/v1/party/").status_code == 403
    assert browser.get("/api/v1/party/").json == {"message": DUE}
    token = browser.token("/password/new")
    about = {"language": "nl", "csrf_token": token}
    assert client.post("/profile/", data=about).headers["Location"] == "/password/new"
    key = client.post("/profile/key", data={"name": "mine", "csrf_token": token})
    assert (key.status_code, key.headers["Location"]) == (302, "/password/new")
    for path in ("/static/css/app.css", "/lang/en", "/health", "/manifest.webmanifest"):
        answer = browser.get(path)
        assert not answer.headers.get("Location", "").startswith("/password"), path
        answer.close()
    wanted = {"old": "given by somebody", "new": GOOD, "again": GOOD}
    answer = send(client, "/password/new?next=/party/list/", **wanted)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/party/list/")
    assert browser.get("/party/list/").status_code == 200
    assert browser.get("/password/new").headers["Location"] == "/profile/"
    assert client.post("/logout/", data={"csrf_token": browser.token("/profile/")}).status_code == 302


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old": "given by somebody", "new": "short", "again": "short"}, "at least 12 characters"),
        ({"old": "given by somebody", "new": "given by somebody", "again": "given by somebody"}, "one of your last 5"),
        ({"old": "given by somebody", "new": PASSWORD, "again": PASSWORD}, "one of your last 5"),
        ({"old": "given by somebody", "new": GOOD, "again": GOOD + "x"}, "This is not the same password."),
        ({"old": "something else", "new": GOOD, "again": GOOD}, "This is not your current password."),
        ({"new": GOOD, "again": GOOD}, "This field is required."),
    ],
)
def test_a_refused_choice_says_why_and_changes_nothing(client: FlaskClient, session: Session, form: Any, said: str):
    before = must_change(session).password
    browser = Browser(client).sign_in("marketer", "given by somebody")
    answer = send(client, "/password/new", **form)
    assert (answer.status_code, said in answer.text) == (422, True)
    assert GOOD not in answer.text
    assert password_of(session, "marketer") == before
    assert browser.get("/party/list/").status_code == 302


def test_tokens_and_keys_of_such_an_account_get_403_with_the_reason(app: Flask, client: FlaskClient, session: Session):
    body = {"username": "marketer", "password": PASSWORD, "provider": "db", "refresh": True}
    signed_in = client.post("/api/v1/security/login", json=body).json
    found = user(session, "marketer")
    key = api_keys.make(session, found, name="shop", scopes=["*.see"], at=clock.now())
    session.commit()
    found.profile.must_change_password = True
    session.commit()
    answers = [
        client.get("/api/v1/party/", headers={"Authorization": f"Bearer {signed_in['access_token']}"}),
        client.get("/api/v1/party/", headers={"Authorization": f"Bearer {key}"}),
        client.post("/api/v1/security/refresh", headers={"Authorization": f"Bearer {signed_in['refresh_token']}"}),
        client.post("/api/v1/security/login", json=body),
    ]
    assert [(answer.status_code, answer.json) for answer in answers] == [(403, {"message": DUE})] * 4
    wrong = client.post("/api/v1/security/login", json=body | {"password": "not the right words"})
    assert wrong.status_code == 401


def test_the_pages_of_passwords_are_of_no_use_to_others(client: FlaskClient, as_user: Callable[[str], Browser]):
    assert client.get("/password/new").headers["Location"] == "/login/"
    office_worker = as_user("office")
    assert office_worker.get("/password/new").headers["Location"] == "/profile/"
    assert office_worker.get("/password/forgot").headers["Location"] == "/profile/"


@attack(138, "a way on after a new password")
def test_next_leads_to_addresses_of_ours_alone(client: FlaskClient, session: Session):
    must_change(session)
    Browser(client).sign_in("marketer", "given by somebody")
    answer = send(client, "/password/new?next=https://evil.example/", old="given by somebody", new=GOOD, again=GOOD)
    assert answer.headers["Location"] == "/"


# --- forgotten --------------------------------------------------------------------------------------------------------


@attack(105, "who has an account, by asking for a link")
def test_a_known_and_an_unknown_address_get_the_same_answer_for_the_same_work(
    client: FlaskClient, session: Session, mail: None, statements: list[str]
):
    assert 'href="/password/forgot"' in client.get("/login/").text
    asked, done = [], []
    for email in ("marketer@example.org", "nobody.at.all@example.org", " Marketer@Example.org "):
        token = Browser(client).token("/password/forgot")
        statements.clear()
        answer = client.post("/password/forgot", data={"email": email, "csrf_token": token})
        done.append(list(statements))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        asked.append(re.sub(r'nonce="[^"]*"|value="[^"]*"|<!-- \S* -->', "", answer.text))
    assert asked[0] == asked[1] == asked[2]
    assert done[0] == done[1]
    assert not any("ab_user" in one for one in done[0])
    addresses = ["marketer@example.org", "nobody.at.all@example.org", "marketer@example.org"]
    assert [job["email"] for job in jobs(session)] == addresses


def test_what_is_no_address_is_refused_and_kept(client: FlaskClient, session: Session, mail: None):
    for wrong in ("marketer", "a@b", "x@example.org\r\nBcc: y@example.org", "x" * 300 + "@example.org", ""):
        answer = send(client, "/password/forgot", email=wrong)
        assert answer.status_code == 422, wrong
    assert jobs(session) == []


@attack(101, "a flood of links for new passwords")
def test_asking_again_and_again_costs_time_for_any_address(client: FlaskClient, session: Session, mail: None):
    for email in ("marketer@example.org", "nobody.at.all@example.org"):
        answers = [send(client, "/password/forgot", email=email) for _number in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 25 <= int(answers[-1].headers["Retry-After"]) <= 30
        assert "Too many tries. Try again in 1 minute." in answers[-1].text
    assert len(jobs(session)) == 6
    for number in range(9):
        assert send(client, "/password/forgot", email=f"n{number}@example.org").status_code == 200
    assert send(client, "/password/forgot", email="n10@example.org").status_code == 429
    assert len(jobs(session)) == 15
    assert Browser(client).sign_in("marketer").get("/home/").status_code == 200


def test_without_a_mail_server_one_is_sent_to_an_administrator(client: FlaskClient, session: Session):
    page = client.get("/password/forgot").text
    assert "Ask an administrator for a new password" in page
    assert 'name="email"' not in page
    token = Browser(client).token("/login/")
    answer = client.post("/password/forgot", data={"email": "marketer@example.org", "csrf_token": token})
    assert "Ask an administrator for a new password" in answer.text
    assert jobs(session) == []


@attack(77, "a link for a new password, used twice")
def test_a_link_is_looked_at_as_often_as_one_likes_and_used_once(
    client: FlaskClient, session: Session, as_user: Callable[[str], Browser], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    elsewhere = as_user("marketer")
    token = links.make(session, user(session, "marketer"), at=clock.now())
    session.commit()
    address = f"/password/link/{token}"
    for _number in range(3):
        page = client.get(address)
        assert page.status_code == 200
        assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert f'action="{address}' not in page.text
    assert "“marketer”" in page.text
    for new, again, said in (("short", "short", "at least 12"), (GOOD, "x", "not the same"), ("", "", "required")):
        refused = send(client, "/password/choose", address, link=token, new=new, again=again)
        assert (refused.status_code, said in refused.text) == (422, True)
        assert refused.headers["Referrer-Policy"] == "no-referrer"
    assert check_password_hash(password_of(session, "marketer"), PASSWORD)
    assert elsewhere.get("/home/").status_code == 200
    done = send(client, "/password/choose", address, link=token, new=GOOD, again=GOOD)
    assert (done.status_code, done.headers["Location"]) == (302, "/login/")
    assert check_password_hash(password_of(session, "marketer"), GOOD)
    assert elsewhere.get("/home/").status_code == 302
    assert client.get("/home/").status_code == 302  # he signs in, with whatever that asks for
    assert client.get(address).status_code == 404
    again = send(client, "/password/choose", "/login/", link=token, new="another good one", again="another good one")
    assert (again.status_code, "The link has ended" in again.text) == (404, True)
    assert check_password_hash(password_of(session, "marketer"), GOOD)
    assert Browser(client).sign_in("marketer", GOOD).get("/home/").status_code == 200
    assert token not in caplog.text


@pytest.mark.parametrize("token", ["x", "a" * 43, "../../etc/passwd", "%00", "ключ", "x" * 3000])
def test_what_is_no_link_opens_nothing(client: FlaskClient, session: Session, token: str):
    assert client.get(f"/password/link/{token}").status_code in {400, 404}
    answer = send(client, "/password/choose", "/login/", link=token, new=GOOD, again=GOOD)
    assert answer.status_code in {400, 404}


def test_a_link_is_not_used_without_the_forms_token(client: FlaskClient, session: Session):
    token = links.make(session, user(session, "marketer"), at=clock.now())
    session.commit()
    answer = client.post("/password/choose", data={"link": token, "new": GOOD, "again": GOOD})
    assert answer.status_code == 400
    assert check_password_hash(password_of(session, "marketer"), PASSWORD)
    assert links.find(session, token, at=clock.now()).ended_at is None


def test_a_link_lets_the_owner_in_past_strangers_who_guess(app: Flask, client: FlaskClient, session: Session):
    token = links.make(session, user(session, "marketer"), at=clock.now())
    session.commit()
    send(client, "/password/choose", f"/password/link/{token}", link=token, new=GOOD, again=GOOD)
    for number in range(9):
        session.add(LoginAttempt(username="marketer", address=f"10.0.0.{number}", at=clock.now()))
    session.commit()
    assert send(app.test_client(), "/login/", username="marketer", password=GOOD).status_code == 429
    assert send(client, "/login/", username="marketer", password=GOOD).status_code == 302


# --- administrators ---------------------------------------------------------------------------------------------------


NEW = {"username": "zoe", "first_name": "Zoë", "last_name": "Zomer", "email": "zoe@example.org", "active": "y"}
ABOUT = {"language": "nl", "time_zone": "UTC", "record_version": "1"}


def test_an_account_made_without_a_password_gets_a_link(
    app: Flask, as_user: Callable[[str], Browser], session: Session, mail: None
):
    admin = as_user("admin")
    assert "Leave it empty to mail a link" in admin.get("/user/add").text
    assert admin.post("/user/add", NEW | ABOUT).status_code == 302
    made = user(session, "zoe")
    assert (made.password, jobs(session)) == (None, [{"user_id": made.id}])
    for password in ("", "None", PASSWORD):
        assert send(app.test_client(), "/login/", username="zoe", password=password).status_code in {200, 401}
    assert "not chosen yet" in admin.get(f"/user/show/{made.id}").text


def test_without_mail_a_new_account_needs_a_password_which_its_owner_replaces(
    app: Flask, as_user: Callable[[str], Browser], session: Session
):
    admin = as_user("admin")
    assert admin.post("/user/add", NEW | ABOUT).status_code == 422
    assert session.scalar(select(func.count()).select_from(User).where(User.username == "zoe")) == 0
    weak = admin.post("/user/add", NEW | ABOUT | {"password": "zoe zomer 2026"})
    assert (weak.status_code, "it contains your name" in weak.text) == (422, True)
    assert session.scalar(select(func.count()).select_from(User).where(User.username == "zoe")) == 0
    assert admin.post("/user/add", NEW | ABOUT | {"password": GOOD}).status_code == 302
    browser = Browser(app.test_client()).sign_in("zoe", GOOD)
    assert browser.get("/home/").headers["Location"] == "/password/new?next=%2Fhome%2F"
    assert "must be changed at the next sign-in" in admin.get(f"/user/show/{user(session, 'zoe').id}").text


def test_a_password_that_an_administrator_sets_is_replaced_by_its_owner(
    app: Flask, as_user: Callable[[str], Browser], session: Session
):
    found = user(session, "marketer")
    form = {"username": "marketer", "first_name": "Max", "last_name": "Marketer", "email": "marketer@example.org"}
    about = form | ABOUT | {"active": "y", "roles": str(found.roles[0].id)}
    admin = as_user("admin")
    assert admin.post(f"/user/edit/{found.id}", about | {"password": "short"}).status_code == 422
    assert check_password_hash(password_of(session, "marketer"), PASSWORD)
    assert admin.post(f"/user/edit/{found.id}", about | {"password": GOOD}).status_code == 302
    browser = Browser(app.test_client()).sign_in("marketer", GOOD)
    assert browser.get("/home/").status_code == 302
    send(browser.client, "/password/new", old=GOOD, new="trap wolk anker", again="trap wolk anker")
    assert browser.get("/home/").status_code == 200


def test_an_administrator_sends_a_link_instead_of_a_password(
    as_user: Callable[[str], Browser], session: Session, mail: None
):
    found, admin = user(session, "marketer"), as_user("admin")
    assert admin.post(f"/user/{found.id}/send_link").status_code == 302
    assert jobs(session) == [{"user_id": found.id}]
    assert check_password_hash(password_of(session, "marketer"), PASSWORD)
    found.active = False
    session.commit()
    admin.post(f"/user/{found.id}/send_link")
    assert len(jobs(session)) == 1
    assert as_user("office").post(f"/user/{found.id}/send_link").status_code == 403
    assert len(jobs(session)) == 1
    assert session.scalars(select(PasswordLink)).all() == []


def test_without_mail_no_link_is_sent_and_the_card_says_why(as_user: Callable[[str], Browser], session: Session):
    found, admin = user(session, "marketer"), as_user("admin")
    assert "CRM_SMTP_URL" in admin.get(f"/user/show/{found.id}").text
    admin.post(f"/user/{found.id}/send_link")
    assert jobs(session) == []


def test_an_administrator_sees_failed_tries_and_lifts_the_delay(
    app: Flask, as_user: Callable[[str], Browser], session: Session
):
    found, admin = user(session, "marketer"), as_user("admin")
    for _number in range(7):
        lockout.begin(session, lockout.Try(name="marketer", address="10.0.0.1"), at=clock.now())
    session.commit()
    assert re.search(r"7; refused until \d\d:\d\d", admin.get(f"/user/show/{found.id}").text)
    assert as_user("office").post(f"/user/{found.id}/lift").status_code == 403
    client = app.test_client()
    assert send(client, "/login/", username="marketer", password=PASSWORD).status_code == 429
    assert admin.post(f"/user/{found.id}/lift").status_code == 302
    assert "refused until" not in admin.get(f"/user/show/{found.id}").text
    assert send(client, "/login/", username="marketer", password=PASSWORD).status_code == 302
