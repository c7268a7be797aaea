"""The second factor: a code after the password, once; roles that demand it; devices that are remembered."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from flask import Flask
from flask_appbuilder.security.sqla.models import Group, Role
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.models.history import FieldChange
from app.models.second_factor import (
    PendingSignIn,
    RecoveryCode,
    RememberedDevice,
    RoleDemand,
    SecondFactor,
    SecondFactorTry,
)
from app.models.sign_in import SignIn
from app.services import api_key as api_keys
from app.services import password as passwords
from app.services import pending_sign_in, role_demand, sealing
from app.services import second_factor as factors
from app.services import user as users
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import user

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
PAGE = "/profile/second_factor/"
As = Callable[[str], Browser]


@pytest.fixture(autouse=True)
def travel() -> Iterator[Any]:
    """Time stands still until a test moves it."""
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


class Phone:
    """An authenticator with one account."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret.replace(" ", ""))

    def code(self, off: int = 0) -> str:
        return self.totp.at(clock.now(), counter_offset=off)

    def wrong(self) -> str:
        """A code that is of no step around now."""
        right = {self.code(off) for off in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in right)


def equip(session: Session, name: str) -> tuple[Phone, list[str]]:
    """Give somebody an authenticator, an hour ago, and return it with his recovery codes."""
    person, before = user(session, name), clock.now() - timedelta(hours=1)
    phone = Phone(factors.begin(session, person, at=before))
    codes = factors.confirm(session, person, phone.totp.at(before), at=before)
    session.commit()
    return phone, codes


def demand(session: Session, name: str) -> None:
    role = session.execute(select(Role).where(Role.name == name)).unique().scalar_one()
    role_demand.put(session, role, is_demanded=True)
    session.commit()


def password(browser: Browser, name: str, target: str = "/login/") -> Any:
    return browser.client.post(
        target, data={"username": name, "password": PASSWORD, "csrf_token": browser.token("/login/")}
    )


def second(browser: Browser, code: str, **more: str) -> Any:
    token = browser.token("/login/code")
    return browser.client.post("/login/code", data={"code": code, "csrf_token": token} | more)


def count(session: Session, table: Any) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(table)) or 0


def api(visitor: Browser, name: str, **more: Any) -> Any:
    body = {"username": name, "password": PASSWORD, "provider": "db"} | more
    return visitor.client.post("/api/v1/security/login", json=body)


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def is_in(browser: Browser) -> bool:
    return browser.get("/home/").status_code == 200


# --- setting up -------------------------------------------------------------------------------------------------------


def test_a_device_is_set_up_with_the_password_and_its_first_code(as_user: As, session: Session):
    browser = as_user("marketer")
    assert "Off" in browser.get(PAGE).text
    refused = browser.post(f"{PAGE}begin", {"password": "not this one"})
    assert (refused.status_code, count(session, SecondFactor)) == (422, 0)
    assert "This is not your current password." in refused.text
    assert browser.post(f"{PAGE}begin", {"password": PASSWORD}).status_code == 302
    page = browser.get(PAGE).text
    phone = Phone(re.search(r'factor-secret">([A-Z2-7 ]+)<', page)[1])
    assert re.search(r'<svg viewBox="0 0 \d+ \d+" class="qr">', page)
    wrong = browser.post(f"{PAGE}confirm", {"code": phone.wrong()})
    assert wrong.status_code == 422
    assert "This code is wrong." in wrong.text
    assert count(session, RecoveryCode) == 0
    done = browser.post(f"{PAGE}confirm", {"code": f" {phone.code()[:3]} {phone.code()[3:]} "})
    codes = re.findall(r"<code>([A-Z2-9]{5}-[A-Z2-9]{5})</code>", done.text)
    assert len(set(codes)) == 10
    assert codes[0] not in browser.get(PAGE).text, "they are shown once"
    kept = session.scalars(select(SecondFactor)).one()
    assert (kept.candidate, kept.confirmed_at) == (None, AT)
    assert phone.totp.secret not in kept.sealed
    assert sealing.unseal(kept.sealed) == phone.totp.secret
    digests = set(session.scalars(select(RecoveryCode.digest)))
    assert len(digests) == 10
    assert not digests & {code.replace("-", "") for code in codes}
    assert session.scalars(select(SignIn.has_second)).one() is True
    noted = session.scalars(select(FieldChange).where(FieldChange.entity == "user", FieldChange.act == "change")).all()
    assert [row.changes for row in noted] == [{"second_factor": [False, True]}]


def test_a_set_up_that_nobody_confirms_ends(as_user: As, session: Session, travel: Any):
    browser = as_user("marketer")
    browser.post(f"{PAGE}begin", {"password": PASSWORD})
    phone = Phone(re.search(r'factor-secret">([A-Z2-7 ]+)<', browser.get(PAGE).text)[1])
    travel.move_to(AT + timedelta(minutes=15))
    assert "factor-secret" not in browser.get(PAGE).text
    answer = browser.post(f"{PAGE}confirm", {"code": phone.code()}, follow_redirects=True)
    assert "Begin anew" in answer.text
    assert factors.is_on(session, user(session, "marketer").id) is False
    browser.post(f"{PAGE}begin", {"password": PASSWORD})
    browser.post(f"{PAGE}cancel")
    assert "factor-secret" not in browser.get(PAGE).text


def test_another_device_takes_the_place_of_the_first_when_it_is_confirmed(as_user: As, visitor, session, travel):
    browser = as_user("marketer")
    old, old_codes = equip(session, "marketer")
    browser.post(f"{PAGE}begin", {"password": PASSWORD})
    new = Phone(re.search(r'factor-secret">([A-Z2-7 ]+)<', browser.get(PAGE).text)[1])
    password(visitor, "marketer")
    assert second(visitor, new.code()).status_code == 401
    assert second(visitor, old.code()).status_code == 302, "the old one works until then"
    assert browser.post(f"{PAGE}confirm", {"code": new.code()}).status_code == 200
    visitor.post("/logout/")
    travel.shift(60)
    password(visitor, "marketer")
    assert second(visitor, old.code()).status_code == 401
    assert second(visitor, old_codes[0]).status_code == 401
    assert second(visitor, new.code()).status_code == 302


def test_new_recovery_codes_end_the_old_ones(as_user: As, session: Session):
    browser = as_user("marketer")
    _phone, old = equip(session, "marketer")
    assert browser.post(f"{PAGE}codes", {"password": "not this one"}).status_code == 422
    person = user(session, "marketer").id
    page = browser.post(f"{PAGE}codes", {"password": PASSWORD}).text
    new = re.findall(r"<code>([A-Z2-9]{5}-[A-Z2-9]{5})</code>", page)
    assert len(new) == 10
    assert not set(new) & set(old)
    session.expire_all()
    assert factors.accept(session, person, old[0], at=AT) is False
    assert factors.accept(session, person, new[0].lower().replace("-", " "), at=AT) is True
    assert factors.codes_left(session, person) == 9


def test_without_a_second_factor_there_are_no_recovery_codes(as_user: As, session: Session):
    answer = as_user("marketer").post(f"{PAGE}codes", {"password": PASSWORD})
    assert (answer.status_code, count(session, RecoveryCode)) == (302, 0)


def test_it_is_switched_off_with_the_password_and_everything_goes(as_user: As, session: Session):
    browser = as_user("marketer")
    equip(session, "marketer")
    assert browser.post(f"{PAGE}off", {"password": "not this one"}).status_code == 422
    assert count(session, SecondFactor) == 1
    assert browser.post(f"{PAGE}off", {"password": PASSWORD}).status_code == 302
    assert (count(session, SecondFactor), count(session, RecoveryCode)) == (0, 0)
    browser.post("/logout/")
    assert password(browser, "marketer").headers["Location"] == "/"
    assert is_in(browser)


def test_who_needs_one_by_his_role_cannot_switch_it_off(visitor: Browser, session: Session):
    phone, _codes = equip(session, "marketer")
    demand(session, "Marketer")
    password(visitor, "marketer")
    assert second(visitor, phone.code()).status_code == 302
    answer = visitor.post(f"{PAGE}off", {"password": PASSWORD})
    assert answer.status_code == 422
    assert "A role of yours needs a second factor" in answer.text
    assert (count(session, SecondFactor), count(session, RecoveryCode)) == (1, 10)


# --- the second step --------------------------------------------------------------------------------------------------


@attack(80, "the password without the code, at every address")
def test_the_password_alone_opens_nothing(app: Flask, visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    answer = password(visitor, "head", "/login/?next=/party/list/")
    assert answer.headers["Location"] == "/login/code?next=%2Fparty%2Flist%2F"
    with visitor.client.session_transaction() as held:
        assert set(held) <= {"locale", "pending", "csrf_token"}
        pending = held["pending"]
    for rule in app.url_map.iter_rules():
        if rule.arguments or "GET" not in rule.methods or rule.endpoint == "SecondStepView.code":
            continue
        if rule.endpoint.startswith(("OidcView.", "MonitorView.")):
            continue  # neither a service nor a token is configured here
        got = visitor.get(str(rule))
        is_open = rule.endpoint in {
            "IndexView.health",
            "ManifestView.manifest",
            "AuthView.login",
            "PasswordView.forgot",
        }
        assert got.status_code in ({200} if is_open else {302, 401}), str(rule)
        if rule.endpoint == "SecondStepView.set_up":
            password(visitor, "head", "/login/?next=/party/list/")  # it has led back to the beginning
    for method, path in (("GET", "/api/v1/party/"), ("POST", "/api/v1/party/"), ("POST", "/api/v1/security/refresh")):
        assert visitor.client.open(path, method=method, json={}).status_code == 401
    with visitor.client.session_transaction() as held:
        held["sign_in"], held["_user_id"] = pending, str(user(session, "head").id)
    assert not is_in(visitor), "its key is no key of a sign-in"
    assert session.scalars(select(SignIn)).all() == []
    assert count(session, PendingSignIn) == 2
    assert phone.code() not in visitor.get("/login/code").text


def test_the_right_code_opens_a_new_session(app: Flask, visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    before = visitor.client.get_cookie("countinghouse").value
    answer = visitor.client.post(
        "/login/code?next=/party/list/", data={"code": phone.code(), "csrf_token": visitor.token("/login/code")}
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/party/list/")
    assert is_in(visitor)
    with visitor.client.session_transaction() as held:
        assert "pending" not in held
        key = held["sign_in"]
    row = session.scalars(select(SignIn)).one()
    assert (row.key, row.has_second, row.kind) == (key, True, "browser")
    other = Browser(app.test_client())
    other.client.set_cookie("countinghouse", before)
    assert not is_in(other)
    assert other.get("/login/code").status_code == 302, "what was pending is done"
    assert count(session, PendingSignIn) == 0


@attack(139, "a way on after the second step")
def test_nobody_is_led_elsewhere(visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    answer = password(visitor, "head", "/login/?next=https://evil.example/")
    assert answer.headers["Location"] == "/login/code?next=%2F"
    data = {"code": phone.code(), "csrf_token": visitor.token("/login/code")}
    assert visitor.client.post("/login/code?next=//evil.example", data=data).headers["Location"] == "/"


def test_a_code_needs_the_form_token(visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    assert visitor.client.post("/login/code", data={"code": phone.code()}).status_code == 400
    assert not is_in(visitor)


@pytest.mark.parametrize(("off", "status"), [(-2, 401), (-1, 302), (0, 302), (1, 302), (2, 401)])
def test_a_clock_may_be_one_step_off(visitor: Browser, session: Session, off: int, status: int):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    assert second(visitor, phone.code(off)).status_code == status
    assert is_in(visitor) is (status == 302)


@attack(81, "a code of the authenticator, used twice")
def test_a_code_is_taken_once_and_none_before_it_later(app: Flask, visitor: Browser, session: Session, travel: Any):
    phone, _codes = equip(session, "head")
    code, former = phone.code(), phone.code(-1)
    password(visitor, "head")
    assert second(visitor, code).status_code == 302
    other = Browser(app.test_client())
    password(other, "head")
    assert second(other, code).status_code == 401
    assert second(other, former).status_code == 401
    assert api(other, "head", code=code).json["reason"] == "code_wrong"
    assert not is_in(other)
    travel.shift(30)
    assert second(other, phone.code()).status_code == 302


@attack(82, "a recovery code, used twice")
def test_a_recovery_code_works_once(visitor: Browser, session: Session):
    _phone, codes = equip(session, "head")
    password(visitor, "head")
    assert second(visitor, codes[3].lower()).status_code == 302
    assert "Unused ones: 9." in visitor.get("/home/").text
    visitor.post("/logout/")
    password(visitor, "head")
    assert second(visitor, codes[3]).status_code == 401
    assert second(visitor, codes[4]).status_code == 302
    assert count(session, RecoveryCode) == 10
    used = session.scalars(select(RecoveryCode.used_at).where(RecoveryCode.used_at.is_not(None))).all()
    assert used == [AT, AT]


@attack(83, "the code of another")
def test_nobody_signs_in_with_the_code_of_another(visitor: Browser, session: Session):
    equip(session, "head")
    phone, codes = equip(session, "marketer")
    password(visitor, "head")
    assert second(visitor, phone.code()).status_code == 401
    assert second(visitor, codes[0]).status_code == 401
    assert not is_in(visitor)
    assert factors.codes_left(session, user(session, "marketer").id) == 10


@pytest.mark.parametrize("code", ["", "x" * 41, "٠١٢٣٤٥", "''; --", "<script>alert(1)</script>", "0" * 40])
def test_strange_codes_are_refused(visitor: Browser, session: Session, code: str):
    equip(session, "head")
    password(visitor, "head")
    answer = second(visitor, code)
    assert answer.status_code in {401, 422}
    assert "<script>alert" not in answer.text
    assert not is_in(visitor)


def test_five_wrong_codes_end_the_pending_sign_in(visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    for number in range(5):
        answer = second(visitor, phone.wrong())
        assert answer.status_code == (302 if number == 4 else 401)
    assert answer.headers["Location"].startswith("/login/?next=")
    assert visitor.get("/login/code").status_code == 302
    data = {"code": phone.code(), "csrf_token": visitor.token()}
    assert visitor.client.post("/login/code", data=data).status_code == 302
    assert not is_in(visitor)
    assert count(session, SecondFactorTry) == 5
    password(visitor, "head")
    assert second(visitor, phone.code()).status_code == 302


@attack(100, "guessing codes")
def test_ten_wrong_codes_within_an_hour_are_the_last_by_page_and_rest(visitor: Browser, session: Session, travel: Any):
    phone, codes = equip(session, "head")
    for number in range(10):
        if number % 2:
            assert api(visitor, "head", code=phone.wrong()).status_code == 401
        else:
            password(visitor, "head")
            assert second(visitor, phone.wrong()).status_code == 401
    password(visitor, "head")
    for code in (phone.code(), codes[0]):
        answer = second(visitor, code)
        assert answer.status_code == 429
        assert "Try again in an hour" in answer.text
        assert api(visitor, "head", code=code).status_code == 429
    assert not is_in(visitor)
    assert factors.codes_left(session, user(session, "head").id) == 10
    travel.shift(3600)
    password(visitor, "head")
    assert second(visitor, phone.code()).status_code == 302


@pytest.mark.parametrize(("later", "status"), [(299, 302), (300, 302)])
def test_the_second_step_waits_five_minutes(visitor: Browser, session: Session, travel: Any, later: int, status: int):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    token = visitor.token("/login/code")
    travel.shift(later)
    answer = visitor.client.post("/login/code", data={"code": phone.code(), "csrf_token": token})
    assert answer.status_code == status
    assert is_in(visitor) is (later == 299)


@attack(85, "a pending second step after a change of the password")
def test_a_changed_password_or_a_locked_account_ends_what_is_pending(app: Flask, visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    token = visitor.token("/login/code")
    user(session, "head").active = False
    session.commit()
    assert visitor.client.post("/login/code", data={"code": phone.code(), "csrf_token": token}).status_code == 302
    user(session, "head").active = True
    session.commit()
    password(visitor, "head")
    users.reset_password(session, user(session, "head"), "another fine password", at=AT)
    session.commit()
    assert visitor.get("/login/code").status_code == 302
    assert not is_in(visitor)


def test_without_the_key_that_it_was_sealed_with_a_secret_opens_nothing(visitor: Browser, session: Session):
    phone, codes = equip(session, "head")
    before = sealing.use_key(lambda: "quite another key of an installation")
    try:
        password(visitor, "head")
        assert second(visitor, phone.code()).status_code == 401
        assert second(visitor, codes[0]).status_code == 401
    finally:
        sealing.use_key(before)
    assert not is_in(visitor)
    assert second(visitor, phone.code()).status_code == 302


def test_what_has_ended_is_swept(session: Session, travel: Any):
    head = user(session, "head")
    pending_sign_in.begin(session, head, at=AT)
    factors.accept(session, head.id, "000000", at=AT)
    pending_sign_in.begin(session, head, at=AT + timedelta(minutes=6))
    factors.accept(session, head.id, "000000", at=AT + timedelta(days=2))
    assert (count(session, PendingSignIn), count(session, SecondFactorTry)) == (1, 1)


# --- roles that demand it ---------------------------------------------------------------------------------------------


def test_who_needs_one_sets_it_up_first_and_reaches_nothing_else(visitor: Browser, session: Session):
    demand(session, "Marketer")
    assert password(visitor, "marketer").headers["Location"].startswith("/login/set_up?next=")
    assert not is_in(visitor)
    assert visitor.client.get("/api/v1/party/").status_code == 401
    page = visitor.get("/login/set_up").text
    phone = Phone(re.search(r'factor-secret">([A-Z2-7 ]+)<', page)[1])
    token = visitor.token("/login/set_up")
    wrong = visitor.client.post("/login/set_up", data={"code": phone.wrong(), "csrf_token": token})
    assert wrong.status_code == 422
    assert not is_in(visitor)
    right = visitor.client.post("/login/set_up", data={"code": phone.code(), "csrf_token": token})
    assert right.status_code == 200
    assert len(re.findall(r"<code>[A-Z2-9]{5}-[A-Z2-9]{5}</code>", right.text)) == 10
    assert is_in(visitor)
    assert session.scalars(select(SignIn.has_second)).one() is True
    assert count(session, PendingSignIn) == 0


def test_who_has_one_cannot_set_another_up_with_the_password_alone(visitor: Browser, session: Session):
    equip(session, "marketer")
    demand(session, "Marketer")
    password(visitor, "marketer")
    assert visitor.get("/login/set_up").status_code == 302
    assert count(session, RecoveryCode) == 10
    assert session.scalars(select(SecondFactor.candidate)).one() is None


def test_sign_ins_without_one_end_when_a_role_demands_it(as_user: As, visitor: Browser, session: Session):
    marketer, office = as_user("marketer"), as_user("office")
    token = api(visitor, "marketer", refresh=True).json
    assert visitor.client.get("/api/v1/party/", **bearer(token["access_token"])).status_code == 200
    demand(session, "Marketer")
    assert not is_in(marketer)
    assert visitor.client.get("/api/v1/party/", **bearer(token["access_token"])).status_code == 401
    refreshed = visitor.client.post("/api/v1/security/refresh", **bearer(token["refresh_token"]))
    assert refreshed.status_code == 401
    assert is_in(office)


def test_a_role_that_comes_by_a_group_demands_it_too(as_user: As, session: Session):
    office = as_user("office")
    strict = session.execute(select(Role).where(Role.name == "Marketer")).unique().scalar_one()
    group = Group(name="campaign", roles=[strict], users=[user(session, "office")])
    session.add(group)
    demand(session, "Marketer")
    assert not is_in(office)


def test_an_administrator_marks_a_role_and_takes_it_back(as_user: As, session: Session):
    admin = as_user("admin")
    role = session.execute(select(Role).where(Role.name == "Accountant")).unique().scalar_one()
    assert admin.post(f"/role/{role.id}/second_factor", {"second_factor": "1"}).status_code == 302
    assert session.scalars(select(RoleDemand.role_id)).all() == [role.id]
    page = admin.get(f"/role/show/{role.id}").text
    assert "People with this role need a second factor." in page
    assert "Second factor needed" in page
    assert admin.post(f"/role/{role.id}/second_factor", {"second_factor": "0"}).status_code == 302
    assert count(session, RoleDemand) == 0
    noted = session.scalars(select(FieldChange.changes).where(FieldChange.entity == "role").order_by(FieldChange.id))
    assert [each for each in noted if "second_factor" in each] == [
        {"second_factor": [False, True]},
        {"second_factor": [True, False]},
    ]
    for name in ("head", "auditor"):
        assert as_user(name).post(f"/role/{role.id}/second_factor", {"second_factor": "1"}).status_code == 403
    assert count(session, RoleDemand) == 0


def test_who_marks_his_own_role_is_led_to_the_set_up(as_user: As, session: Session):
    admin = as_user("admin")
    role = session.execute(select(Role).where(Role.name == "Admin")).unique().scalar_one()
    admin.post(f"/role/{role.id}/second_factor", {"second_factor": "1"})
    assert admin.get("/home/").headers["Location"].startswith("/login/")
    assert password(admin, "admin").headers["Location"].startswith("/login/set_up")


# --- REST -------------------------------------------------------------------------------------------------------------


@attack(86, "REST as a way past the second factor")
def test_rest_asks_for_the_code_too(visitor: Browser, session: Session):
    phone, codes = equip(session, "marketer")
    answer = api(visitor, "marketer")
    assert (answer.status_code, answer.json["reason"]) == (401, "code_needed")
    answer = api(visitor, "marketer", code=phone.wrong())
    assert (answer.status_code, answer.json["reason"]) == (401, "code_wrong")
    assert count(session, SignIn) == 0
    assert count(session, SecondFactorTry) == 1
    for code in (phone.code(), codes[0]):
        answer = api(visitor, "marketer", code=code)
        assert answer.status_code == 200
        assert visitor.client.get("/api/v1/party/", **bearer(answer.json["access_token"])).status_code == 200
        assert api(visitor, "marketer", code=code).status_code == 401
    assert session.scalars(select(SignIn.has_second)).all() == [True, True]


def test_the_code_says_nothing_about_the_password(visitor: Browser, session: Session):
    phone, _codes = equip(session, "marketer")
    for code in (None, phone.code(), "000000"):
        answer = api(visitor, "marketer", password="not the right words", code=code)
        assert (answer.status_code, "reason" in answer.json) == (401, False)
    assert count(session, SecondFactorTry) == 0


@pytest.mark.parametrize("code", [1, {"a": 1}, ["123456"], "1" * 41])
def test_a_code_that_is_no_text_gets_400(visitor: Browser, session: Session, code: Any):
    equip(session, "marketer")
    assert api(visitor, "marketer", code=code).status_code == 400
    assert count(session, SecondFactorTry) == 0


def test_without_a_second_factor_a_code_is_not_looked_at(visitor: Browser):
    assert api(visitor, "marketer", code="123456").status_code == 200


def test_rest_sends_who_must_set_one_up_to_the_browser_and_keys_go_on(visitor: Browser, session: Session):
    demand(session, "Marketer")
    answer = api(visitor, "marketer")
    assert (answer.status_code, answer.json["reason"]) == (403, "second_factor_needed")
    assert count(session, SignIn) == 0
    key = api_keys.make(session, user(session, "marketer"), name="machine", scopes=["*.see"], at=AT)
    session.commit()
    assert visitor.client.get("/api/v1/party/", **bearer(key)).status_code == 200


# --- remembered devices -----------------------------------------------------------------------------------------------


def remembered(visitor: Browser, session: Session, name: str = "head") -> tuple[Phone, Any]:
    """Sign somebody in with a code and let the device be remembered; return his phone and the cookie."""
    phone, _codes = equip(session, name)
    password(visitor, name)
    assert second(visitor, phone.code(), remember="y").status_code == 302
    cookie = visitor.client.get_cookie(f"countinghouse_device_{user(session, name).id}", path="/login")
    visitor.post("/logout/")
    return phone, cookie


def asks_for_code(browser: Browser, name: str = "head") -> bool:
    answer = password(browser, name)
    assert answer.status_code == 302
    if asked := answer.headers["Location"].startswith("/login/code"):
        return asked
    assert is_in(browser)
    browser.post("/logout/")
    return False


def test_a_remembered_device_is_not_asked_for_thirty_days(app: Flask, visitor: Browser, session: Session, travel: Any):
    _phone, cookie = remembered(visitor, session)
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.max_age) == (True, "Lax", "/login", 30 * 86_400)
    row = session.scalars(select(RememberedDevice)).one()
    assert row.digest not in cookie.value
    assert not asks_for_code(visitor)
    assert session.scalars(select(SignIn.has_second).order_by(SignIn.began_at)).all() == [True, True]
    assert asks_for_code(Browser(app.test_client())), "another browser"
    travel.move_to(AT + timedelta(days=30) - timedelta(seconds=1))
    assert not asks_for_code(visitor)
    travel.move_to(AT + timedelta(days=30))
    assert asks_for_code(visitor)


def test_who_does_not_want_it_is_not_remembered(visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    second(visitor, phone.code())
    assert count(session, RememberedDevice) == 0
    visitor.post("/logout/")
    assert asks_for_code(visitor)


def test_a_wrong_code_remembers_nothing(visitor: Browser, session: Session):
    phone, _codes = equip(session, "head")
    password(visitor, "head")
    assert second(visitor, phone.wrong(), remember="y").status_code == 401
    assert count(session, RememberedDevice) == 0


@attack(84, "the remembered device of another")
def test_a_forged_or_foreign_device_is_asked(app: Flask, visitor: Browser, session: Session):
    _phone, cookie = remembered(visitor, session)
    equip(session, "marketer")
    ids = {name: user(session, name).id for name in ("head", "marketer")}
    for name, value in (("head", cookie.value + "x"), ("head", "x"), ("marketer", cookie.value)):
        other = Browser(app.test_client())
        other.client.set_cookie(f"countinghouse_device_{ids[name]}", value, path="/login")
        assert asks_for_code(other, name), (name, value)


def test_a_remembered_device_still_needs_the_password(visitor: Browser, session: Session):
    remembered(visitor, session)
    form = {"username": "head", "password": "not this one", "csrf_token": visitor.token()}
    assert visitor.client.post("/login/", data=form).status_code == 401
    assert not is_in(visitor)


def test_rest_knows_no_remembered_device(visitor: Browser, session: Session):
    remembered(visitor, session)
    assert api(visitor, "head").json["reason"] == "code_needed"


def test_a_device_is_listed_and_forgotten(visitor: Browser, as_user: As, session: Session):
    remembered(visitor, session)
    password(visitor, "head")
    device = session.scalars(select(RememberedDevice.id)).one()
    assert f"/profile/sign_ins/device/{device}/forget" in visitor.get("/profile/sign_ins/").text
    assert as_user("office").post(f"/profile/sign_ins/device/{device}/forget").status_code == 404
    assert count(session, RememberedDevice) == 1
    assert visitor.post(f"/profile/sign_ins/device/{device}/forget").status_code == 302
    visitor.post("/logout/")
    assert asks_for_code(visitor)


@pytest.mark.parametrize("how", ["password", "off", "replaced"])
def test_devices_are_forgotten_with_what_they_stood_for(visitor: Browser, session: Session, how: str):
    remembered(visitor, session)
    head = user(session, "head")
    if how == "password":
        users.reset_password(session, head, "zes blauwe tulpen aan zee", at=AT)
        passwords.set_password(session, head, PASSWORD, at=AT, trusted=True)  # the one that the test goes on with
    else:
        if how == "off":
            factors.switch_off(session, head)
        phone = Phone(factors.begin(session, head, at=AT))
        factors.confirm(session, head, phone.code(-1), at=AT)
    session.commit()
    assert count(session, RememberedDevice) == 0
    assert asks_for_code(visitor)


# --- a lost one -------------------------------------------------------------------------------------------------------


def test_an_administrator_removes_a_lost_second_factor(as_user: As, visitor: Browser, session: Session):
    phone, _codes = equip(session, "office")
    key = user(session, "office").id
    password(visitor, "office")
    second(visitor, phone.code(), remember="y")
    admin = as_user("admin")
    card = admin.get(f"/user/show/{key}").text
    assert f"/user/{key}/remove_second_factor" in card
    assert "data-confirm" in card.split("/remove_second_factor")[1][:200]
    assert as_user("head").post(f"/user/{key}/remove_second_factor").status_code == 403
    assert count(session, SecondFactor) == 1
    assert admin.post(f"/user/{key}/remove_second_factor").status_code == 302
    left = [count(session, table) for table in (SecondFactor, RecoveryCode, RememberedDevice)]
    assert left == [0, 0, 0]
    assert not is_in(visitor)
    assert not asks_for_code(visitor, "office")
    assert f"/user/{key}/remove_second_factor" not in admin.get(f"/user/show/{key}").text
    noted = session.scalars(select(FieldChange).where(FieldChange.entity == "user").order_by(FieldChange.id)).all()
    told = [each for each in noted if "second_factor" in each.changes][-1]
    assert told.changes == {"second_factor": [True, False]}
    assert told.actor_id == user(session, "admin").id


def test_nobody_removes_his_own_without_the_password(visitor: Browser, session: Session):
    phone, _codes = equip(session, "admin")
    key = user(session, "admin").id
    password(visitor, "admin")
    second(visitor, phone.code())
    answer = visitor.post(f"/user/{key}/remove_second_factor", follow_redirects=True)
    assert "switched off in your settings" in answer.text
    assert count(session, SecondFactor) == 1
    assert is_in(visitor)


def test_it_is_no_act_for_many(as_user: As, session: Session):
    equip(session, "office")
    page = as_user("admin").get("/user/list/").text
    assert "/user/many/sign_out" in page
    assert "remove_second_factor" not in page
