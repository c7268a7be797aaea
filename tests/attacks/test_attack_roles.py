"""Getting more rights than one has: by users, roles, keys, shares, substitutions, hand-overs, and by who one seems."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import ApiKey, Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.services import role_change, roles
from tests.attack import attack
from tests.attacks.world import steady
from tests.conftest import PASSWORD, Browser
from tests.factories import PEOPLE, Made, user
from tests.fingerprint import unchanged
from tests.web.test_registry import filled, guard_of, rights_of_user, rules

As = Callable[[str], Browser]
RULING = {"user", "role", "role_demand", "all_keys", "access", "setting", "number_series", "team", "organisation"}


@pytest.mark.once
@attack(26, "every changing route of users, roles, teams and settings, as every role")
def test_no_route_of_users_roles_and_settings_obeys_others(app: Flask, as_user: As, session: Session):
    """Each as each role, with every method that changes: who has not the right gets 403, and nothing changes."""
    wrong, tried = [], 0
    one_per_role = {role: name for name, (role, *_rest) in reversed(PEOPLE.items())}
    for name in one_per_role.values():
        rights, browser = rights_of_user(session, name), steady(as_user(name))
        with unchanged(session):
            for rule in rules(app):
                guard = guard_of(app, rule.endpoint)
                if guard is None or guard.right[0] not in RULING or guard.right in rights:
                    continue
                for method in sorted(rule.methods - {"HEAD", "OPTIONS", "GET"}):
                    answer = browser.api(method, filled(rule, key="1"), json={"name": "x"})
                    tried += 1
                    if answer.status_code != 403:
                        wrong.append(f"{name} {method} {rule}: {answer.status_code}")
    assert wrong == []
    assert tried > 800


HELD = ["user.see", "user.add", "user.change", "role.see", "role.change", "role.add", "role.delete"]
HELD += ["profile.see", "home.see", "lookup.see"]


@pytest.fixture
def clerk(app: Flask, session: Session, as_user: As) -> Browser:
    """Somebody who keeps accounts and roles, with nothing else: Nora, by a role that an administrator made."""
    role = roles.make(session, "Keeper of accounts", base=None)
    given = {tuple(right.split(".")): True for right in HELD}
    role_change.put(session, role, rights=given)
    user(session, "nobody").roles = [role]
    session.commit()
    return steady(as_user("nobody"))


def account(session: Session, name: str, **more: Any) -> dict[str, Any]:
    person = user(session, name)
    about = {"username": name, "first_name": person.first_name, "last_name": person.last_name, "email": person.email}
    held = [str(role.id) for role in person.roles]
    about |= {"active": "y", "roles": held, "language": "en", "time_zone": "UTC", "record_version": "1"}
    return about | more


def role_id(session: Session, name: str) -> str:
    return str(session.execute(select(Role.id).where(Role.name == name)).scalar_one())


@attack(27, "a mightier role given to oneself or to a new account")
def test_a_keeper_of_accounts_makes_nobody_mightier_than_himself(clerk: Browser, session: Session):
    admin = role_id(session, "Admin")
    nora = user(session, "nobody").id
    new = {
        "username": "evil",
        "first_name": "E",
        "last_name": "V",
        "email": "evil@example.org",
        "password": "kade mist orgel",
    }
    with unchanged(session):
        for roles_ in ([admin], [role_id(session, "Accountant")], [role_id(session, "Keeper of accounts"), admin]):
            answer = clerk.post(f"/user/edit/{nora}", account(session, "nobody", roles=roles_))
            assert answer.status_code in {403, 422}, answer.status_code
            answer = clerk.post("/user/add", account(session, "nobody", **new, roles=roles_))
            assert answer.status_code in {403, 422}


@attack(28, "password, e-mail, lock or roles of an account that has more")
def test_a_keeper_of_accounts_takes_over_nobody_who_has_more(clerk: Browser, session: Session):
    """No password, e-mail, lock or role of an administrator by somebody who has less."""
    boss = session.execute(select(User).where(User.username == "admin")).unique().scalar_one()
    with unchanged(session):
        for change in (
            {"password": "kade mist orgel"}, {"email": "evil@example.org"}, {"active": ""},
            {"roles": [role_id(session, "Keeper of accounts")]}, {"username": "boss"},
        ):  # fmt: skip
            answer = clerk.post(f"/user/edit/{boss.id}", account(session, "admin", **change))
            assert answer.status_code in {403, 422}, change
        for verb in ("send_link", "remove_second_factor", "lift_delay", "lock", "unlock", "look"):
            assert clerk.post(f"/user/{boss.id}/{verb}").status_code in {302, 403, 404, 422}, verb


@attack(29, "rights and rows through the table of a role, a copy, a file")
def test_a_keeper_of_roles_gives_no_right_that_he_has_not(clerk: Browser, session: Session):
    """Not by the table of rights, not by a copy, not by a file; neither to his own role nor to another."""
    own = role_id(session, "Keeper of accounts")
    file = {"name": "From elsewhere", "base": "Accountant", "note": "", "rights": [], "reaches": []}
    with unchanged(session):
        for more in ({"right": [*HELD, "invoice.issue"]}, {"invoice.issue": "1"}, {"reach.party.see": "all"}):
            answer = clerk.post(f"/role/{own}/save", {"right": HELD} | more)
            assert answer.status_code in {302, 403, 422}
        assert clerk.post("/role/copy", {"source": role_id(session, "Accountant"), "name": "Mine"}).status_code != 500
        sent = {"file": (io.BytesIO(json.dumps(file).encode()), "role.json")}
        answer = clerk.post("/role/import", sent, content_type="multipart/form-data")
        assert answer.status_code in {302, 403, 422}
        assert clerk.post(f"/role/{role_id(session, 'Admin')}/delete").status_code in {302, 403, 404, 422}
        assert clerk.post(f"/role/{role_id(session, 'Admin')}/rename", {"name": "Old"}).status_code in {
            302,
            403,
            404,
            422,
        }


@attack(31, "oneself as substitute, receiver or guest")
def test_nobody_makes_himself_a_substitute_or_hands_over_to_himself(as_user: As, made: Made, session: Session):
    boss, manager = user(session, "admin").id, user(session, "manager").id
    party = made.party("Theirs", owner="manager2")
    session.commit()
    today = clock.today()
    days = {"begins_on": str(today), "ends_on": str(today + timedelta(days=30))}
    thief = as_user("manager")
    with unchanged(session, but={"form_draft"}):
        for absent in (boss, user(session, "manager2").id):
            form = {"absent": str(absent), "substitute": str(manager), "note": ""} | days
            assert thief.post("/substitution/add", form).status_code == 403
            assert thief.api("POST", "/api/v1/substitution/", json=form).status_code in {403, 404}
        plan = {
            "user": user(session, "manager2").id,
            "strategy": "one",
            "to_one": manager,
            "step": "do",
            "area": ["party"],
        }
        assert thief.post("/handover/add", plan | {"fingerprint": "f" * 64, "reason": "x"}).status_code == 403
        share = {"user": str(manager), "level": "change"}
        assert thief.post(f"/party/{party.id}/share", share).status_code == 404
        rest = {"user": manager, "level": "change"}
        assert thief.api("POST", f"/api/v1/party/{party.id}/share", json=rest).status_code == 404


@attack(43, "a stolen key that makes keys, passwords and accounts")
def test_a_key_gives_no_key_no_password_and_no_page(app: Flask, as_user: As, visitor: Browser, session: Session):
    """What only a person with his cookie may do: rights are not grown by a leaked key."""
    from app.services import api_key as api_keys
    from app.services import key_scope

    key = api_keys.make(
        session, user(session, "admin"), name="x", scopes=key_scope.ALL, at=clock.now(), lasts=timedelta(days=9)
    )
    session.commit()
    head = {"Authorization": f"Bearer {key}"}
    with unchanged(session, but={"ab_api_key", "api_key_note"}):
        for path, form in (
            ("/key/add", {"name": "more", "scope": "*.write", "lasts": "30"}),
            ("/profile/password", {"old": PASSWORD, "new": "kade mist orgel"}),
            ("/user/add", {"username": "evil"}),
            ("/role/copy", {"name": "evil"}),
            ("/party/list/export?format=csv", {"reason": "x"}),
        ):
            answer = visitor.client.post(path, data=form, headers=head)
            assert answer.status_code in {302, 400, 401}, path
    assert len(session.scalars(select(ApiKey.id)).all()) == 1


@attack(44, "headers, cookies and fields that say who one is")
def test_a_header_or_field_that_names_somebody_changes_nobody(
    as_user: As, made: Made, visitor: Browser, session: Session
):
    made.party("Theirs", owner="manager2")
    session.commit()
    manager = as_user("manager")
    for name in ("X-User", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Original-User", "X-Impersonate"):
        for who in ("admin", "1"):
            assert manager.get("/api/v1/party/", headers={name: who}).json["count"] == 0
            assert visitor.get("/home/", headers={name: who}).status_code == 302
    for query in ("user_id=1", "_user_id=1", "as=admin", "actor=1", "look_as=1", "_flt=1"):
        assert manager.get(f"/api/v1/party/?{query}").json["count"] == 0
    visitor.client.set_cookie("_user_id", "1")
    visitor.client.set_cookie("remember_token", "1|x")
    assert visitor.get("/home/").status_code == 302
