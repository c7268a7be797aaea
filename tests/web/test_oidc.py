"""Signing in with the company's own service: only its own word counts, once, and for the right person."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from joserfc.jwk import OctKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import config
from app import clock
from app.models.history import Act, FieldChange
from app.models.identity import Identity
from app.models.sign_in import SignIn
from app.services import api_key as api_keys
from app.web import oidc
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import user
from tests.oidc_provider import CLIENT, SECRET, Provider, made_key, open_door

MARK = {"sub": "m-1", "email": "manager@example.org", "email_verified": True}
NEW = {
    "sub": "n-1",
    "email": "New@Example.org",
    "email_verified": True,
    "preferred_username": "nina",
    "given_name": "Nina",
    "family_name": "New",
}


@pytest.fixture
def provider(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    found = Provider()
    door = open_door(found)
    app.extensions.pop(oidc.NAME, None)
    env = {
        "CRM_OIDC_ISSUER": found.issuer,
        "CRM_OIDC_CLIENT_ID": CLIENT,
        "CRM_OIDC_CLIENT_SECRET": SECRET,
        "CRM_OIDC_NAME": "Company ID",
        "CRM_VAR": str(app.config["CRM_VAR"]),
    }
    for name, value in config.load(env).items():
        if name.startswith("CRM_OIDC"):
            monkeypatch.setitem(app.config, name, value)
    yield found
    door.shutdown()
    door.server_close()
    app.extensions.pop(oidc.NAME, None)


@pytest.fixture
def rule(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change what the installation lets the service decide."""

    def change(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setitem(app.config, f"CRM_{name}", value)

    return change


def leave(browser: Browser, query: str = "") -> str:
    answer = browser.get(f"/oidc/begin{query}")
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def come(browser: Browser, provider: Provider, query: str = "", **claims: Any) -> Any:
    return browser.get(provider.approve(leave(browser, query), **claims))


def link(session: Session, provider: Provider, name: str = "manager", subject: str = "m-1", **about: Any) -> Identity:
    made = Identity(user_id=user(session, name).id, issuer=provider.issuer, subject=subject, **about)
    session.add(made)
    session.commit()
    return made


def counts(session: Session) -> tuple[int, ...]:
    return tuple(session.scalar(select(func.count()).select_from(of)) for of in (User, Identity, SignIn))


def signed_in(browser: Browser) -> bool:
    return bool(browser.get("/home/").status_code == 200)


def refused(browser: Browser, answer: Any, said: str = "did not work") -> None:
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/")
    assert said in browser.get("/login/").text
    assert not signed_in(browser)


# --- who comes in -----------------------------------------------------------------------------------------------------


def test_without_a_service_there_is_no_button_and_no_way(visitor):
    assert "/oidc/begin" not in visitor.get("/login/").text
    assert [visitor.get(path).status_code for path in ("/oidc/begin", "/oidc/callback?code=x&state=y")] == [404, 404]


def test_somebody_who_is_connected_signs_in_and_the_sign_in_can_be_revoked(visitor, provider, session):
    link(session, provider)
    assert "Sign in with Company ID" in visitor.get("/login/").text
    answer = come(visitor, provider, "?next=/party/list/", **MARK)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/party/list/")
    assert "Mark Manager" in visitor.get("/home/").text
    kept = session.execute(select(SignIn)).scalar_one()
    assert (kept.user_id, kept.kind) == (user(session, "manager").id, "browser")
    entries = select(FieldChange).where(FieldChange.act == Act.sign_in).order_by(FieldChange.id.desc())
    entry = session.scalars(entries).first()
    assert entry.changes["came_by"] == [None, "Company ID"]
    kept.revoked_at = clock.now()
    session.commit()
    assert not signed_in(visitor)


def test_the_way_back_leads_to_addresses_of_ours_alone(visitor, provider, session):
    link(session, provider)
    answer = come(visitor, provider, "?next=https://evil.example.org/", **MARK)
    assert answer.headers["Location"] == "/"


@attack(91, "an account taken over by an e-mail at the service")
def test_an_email_alone_takes_no_account_over(visitor, provider, session, rule):
    before = counts(session)
    refused(visitor, come(visitor, provider, **MARK), "There is no account for you yet")
    rule(OIDC_CREATE="Sales manager")
    refused(visitor, come(visitor, provider, **MARK), "There is an account with your e-mail address")
    assert counts(session) == before


@pytest.mark.parametrize("word", [False, None, "false", "yes", 1], ids=str)
def test_an_email_that_the_service_has_not_confirmed_counts_for_nothing(visitor, provider, session, rule, word):
    rule(OIDC_LINK=True, OIDC_CREATE="Sales manager")
    before = counts(session)
    refused(visitor, come(visitor, provider, **MARK | {"email_verified": word}), "has not confirmed")
    refused(visitor, come(visitor, provider, **NEW | {"email_verified": word}), "has not confirmed")
    assert counts(session) == before


def test_a_confirmed_email_connects_where_the_installation_says_so(visitor, provider, session, rule):
    rule(OIDC_LINK=True)
    assert come(visitor, provider, **MARK | {"email": "MANAGER@Example.org"}).headers["Location"] == "/"
    assert signed_in(visitor)
    kept = session.execute(select(Identity)).unique().scalar_one()
    assert (kept.user.username, kept.subject, kept.is_own) == ("manager", "m-1", False)
    other = Browser(visitor.client.application.test_client())
    refused(other, come(other, provider, **MARK | {"sub": "somebody else"}), "connected with another person")


def test_a_locked_account_stays_locked(visitor, provider, session, rule, made):
    rule(OIDC_LINK=True, OIDC_CREATE="Sales manager")
    link(session, provider)
    made.user("manager").active = False
    session.commit()
    refused(visitor, come(visitor, provider, **MARK), "This account is locked")
    made.user("office").active = False
    session.commit()
    office = {"sub": "o-1", "email": "office@example.org", "email_verified": True}
    refused(visitor, come(visitor, provider, **office), "This account is locked")
    assert counts(session)[1:] == (1, 0)


def test_an_account_is_made_at_the_first_sign_in_with_the_given_role(visitor, provider, session, rule):
    rule(OIDC_CREATE="Sales manager")
    assert come(visitor, provider, **NEW).headers["Location"] == "/"
    assert "Nina New" in visitor.get("/home/").text
    made = user(session, "nina")
    assert (made.email, [role.name for role in made.roles]) == ("new@example.org", ["Sales manager"])
    before = counts(session)
    other = Browser(visitor.client.application.test_client())
    assert come(other, provider, **NEW | {"email": "moved@example.org"}).headers["Location"] == "/"
    assert counts(session) == (*before[:2], before[2] + 1), "the same person by the service's own name"


@pytest.mark.parametrize("wish", ["manager", "MANAGER", "admin@example.org", "with space", "", "x" * 65])
def test_a_new_account_takes_nobodys_user_name(visitor, provider, session, rule, wish):
    rule(OIDC_CREATE="Sales manager")
    assert come(visitor, provider, **NEW | {"preferred_username": wish}).headers["Location"] == "/"
    kept = session.execute(select(Identity)).unique().scalar_one()
    assert kept.user.username == "new@example.org"


# --- groups and roles -------------------------------------------------------------------------------------------------


def roles_of(session: Session, name: str) -> set[str]:
    session.expire_all()
    return {role.name for role in user(session, name).roles}


def test_groups_give_and_take_the_roles_that_they_are_mapped_to(visitor, provider, session, rule):
    rule(OIDC_ROLES={"sales": "Head of sales", "books": "Accountant"})
    link(session, provider)
    browsers = [Browser(visitor.client.application.test_client()) for _each in range(4)]
    for browser, groups, due in zip(
        browsers,
        (["sales", "books", "chess"], "books", [], None),
        ({"Head of sales", "Accountant"}, {"Accountant"}, set(), set()),
        strict=True,
    ):
        assert come(browser, provider, **MARK | {"groups": groups}).headers["Location"] == "/"
        assert roles_of(session, "manager") == due | {"Sales manager"}, "what is not mapped stays"


def test_with_groups_alone_an_account_needs_a_mapped_group(visitor, provider, session, rule):
    rule(OIDC_CREATE="groups", OIDC_ROLES={"sales": "Sales manager"})
    before = counts(session)
    refused(visitor, come(visitor, provider, **NEW | {"groups": ["chess"]}), "None of your groups")
    assert counts(session) == before
    assert come(visitor, provider, **NEW | {"groups": ["sales"]}).headers["Location"] == "/"
    assert roles_of(session, "nina") == {"Sales manager"}


def test_groups_do_not_take_the_last_administrator_away(visitor, provider, session, rule):
    rule(OIDC_ROLES={"admins": "Admin"})
    link(session, provider, "admin", "a-1")
    refused(visitor, come(visitor, provider, sub="a-1", groups=[]), "Somebody must remain an administrator")
    assert roles_of(session, "admin") == {"Admin"}


# --- tokens that are not for us ---------------------------------------------------------------------------------------

Bend = Callable[[dict[str, Any]], dict[str, Any]]
BENT: dict[str, Bend] = {
    "another nonce": lambda claims: claims | {"nonce": "of another try altogether"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "another audience": lambda claims: claims | {"aud": "another program"},
    "many audiences": lambda claims: claims | {"aud": [CLIENT, "another program"]},
    "of another party": lambda claims: claims | {"azp": "another program"},
    "no audience": lambda claims: {name: value for name, value in claims.items() if name != "aud"},
    "another issuer": lambda claims: claims | {"iss": "https://evil.example.org"},
    "expired": lambda claims: claims | {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
    "no end": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "not yet": lambda claims: claims | {"nbf": int(time.time()) + 3600},
    "nobody": lambda claims: {name: value for name, value in claims.items() if name != "sub"},
    "an empty name": lambda claims: claims | {"sub": ""},
    "a name too long to be one": lambda claims: claims | {"sub": "m-1" + "x" * 253},
    "no text as name": lambda claims: claims | {"sub": 7},
}


@attack(89, "a token with another nonce, audience, issuer or end")
@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
def test_a_token_that_says_something_else_is_refused_and_nothing_written(visitor, provider, session, rule, bend):
    rule(OIDC_LINK=True, OIDC_CREATE="Sales manager")
    link(session, provider)
    before = counts(session)
    provider.bend = bend
    refused(visitor, come(visitor, provider, **MARK))
    assert counts(session) == before


def with_public_key_as_secret(provider: Provider, claims: dict[str, Any]) -> str:
    secret = OctKey.import_key(provider.key.as_pem(private=False), {"kid": provider.key.kid})
    return provider.signed(claims, secret, "HS256")


def tampered(provider: Provider, claims: dict[str, Any]) -> str:
    head, _body, signature = provider.signed(claims | {"sub": "x"}).split(".")
    return ".".join([head, provider.signed(claims).split(".")[1], signature])


SIGNED: dict[str, Callable[[Provider, dict[str, Any]], str]] = {
    "by another key": lambda provider, claims: provider.signed(claims, made_key(provider.key.kid)),
    "by nobody": lambda provider, claims: provider.signed(claims, OctKey.import_key("x"), "none"),
    "with the public key as a secret": with_public_key_as_secret,
    "with our secret": lambda provider, claims: provider.signed(
        claims, OctKey.import_key(SECRET, {"kid": provider.key.kid}), "HS256"
    ),
    "then changed": tampered,
    "not at all": lambda _provider, _claims: "no token",
}


@attack(90, "a token signed by somebody else, or by nobody")
@pytest.mark.parametrize("sign", SIGNED.values(), ids=SIGNED.keys())
def test_a_token_that_is_not_signed_by_the_service_is_refused(visitor, provider, session, rule, sign):
    """The provider of these tests offers "none" and HS256 too: what it says of itself opens no door."""
    rule(OIDC_LINK=True, OIDC_CREATE="Sales manager")
    link(session, provider)
    before = counts(session)
    provider.sign = lambda claims: sign(provider, claims)
    refused(visitor, come(visitor, provider, **MARK))
    assert counts(session) == before


def test_new_keys_of_the_service_are_fetched(visitor, provider, session):
    link(session, provider)
    assert come(visitor, provider, **MARK).headers["Location"] == "/"
    provider.key = made_key("two")
    other = Browser(visitor.client.application.test_client())
    assert come(other, provider, **MARK).headers["Location"] == "/"
    assert provider.asked_for.count("/keys") == 2


# --- states and codes -------------------------------------------------------------------------------------------------


@attack(87, "a state of the sign-in service, used twice")
def test_a_state_counts_once_even_where_the_service_takes_a_code_twice(visitor, provider, session):
    link(session, provider)
    provider.codes_count_once = False
    back = provider.approve(leave(visitor), **MARK)
    assert visitor.get(back).headers["Location"] == "/"
    before = counts(session)
    visitor.post("/logout/")
    refused(visitor, visitor.get(back))
    assert counts(session) == before


@attack(88, "the state of another browser")
def test_a_state_of_another_browser_of_an_older_try_or_none_is_refused(app, visitor, provider, session):
    link(session, provider)
    before = counts(session)
    other = Browser(app.test_client())
    refused(visitor, visitor.get(provider.approve(leave(other), **MARK)))
    older = provider.approve(leave(visitor), **MARK)
    leave(visitor)
    refused(visitor, visitor.get(older))
    for query in ("", "?code=x", "?state=y", "?code=x&state=y", "?error=access_denied&state=y"):
        refused(visitor, visitor.get(f"/oidc/callback{query}"))
    assert counts(session) == before


def test_a_stolen_code_and_a_guessed_one_are_refused(app, visitor, provider, session):
    """The code of one try brought into another: state fits, verifier and nonce do not."""
    link(session, provider)
    before = counts(session)
    stolen = provider.approve(leave(Browser(app.test_client())), **MARK).partition("code=")[2].partition("&")[0]
    own = provider.approve(leave(visitor), **MARK)
    code = own.partition("code=")[2].partition("&")[0]
    refused(visitor, visitor.get(own.replace(code, stolen)))
    own = provider.approve(leave(visitor), **MARK)
    refused(visitor, visitor.get(own.replace(own.partition("code=")[2].partition("&")[0], "guessed")))
    assert counts(session) == before


def test_an_answer_in_the_name_of_another_issuer_is_refused(visitor, provider, session):
    link(session, provider)
    back = provider.approve(leave(visitor), **MARK)
    refused(visitor, visitor.get(f"{back}&iss=https%3A%2F%2Fevil.example.org"))


# --- whom the program asks --------------------------------------------------------------------------------------------


@attack(118, "a sign-in service that points elsewhere, by discovery or redirect")
@pytest.mark.parametrize("place", ["token_endpoint", "jwks_uri"])
def test_nobody_but_the_configured_hosts_is_asked(visitor, provider, session, rule, place):
    link(session, provider)
    elsewhere = Provider(key=provider.key, grants=provider.grants)
    door = open_door(elsewhere)
    try:
        provider.about = {place: f"{elsewhere.issuer}/{'token' if place == 'token_endpoint' else 'keys'}"}
        refused(visitor, come(visitor, provider, **MARK))
        assert elsewhere.asked_for == []
    finally:
        door.shutdown()
        door.server_close()


def test_proxies_of_the_environment_are_not_asked(visitor, provider, session, monkeypatch):
    link(session, provider)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert come(visitor, provider, **MARK).headers["Location"] == "/"


def test_a_service_that_calls_itself_otherwise_or_is_away_is_refused(app, visitor, provider, rule):
    provider.about = {"issuer": "https://evil.example.org"}
    refused(visitor, visitor.get("/oidc/begin"))
    rule(OIDC_ISSUER="http://127.0.0.1:9")
    refused(visitor, visitor.get("/oidc/begin"))


# --- connecting and passwords -----------------------------------------------------------------------------------------


def connect(browser: Browser, provider: Provider, **claims: Any) -> Any:
    return come(browser, provider, f"?connect={browser.token('/profile/')}", **claims)


def test_a_person_connects_his_account_and_ends_it_again(as_user, visitor, provider, session):
    manager = as_user("manager")
    assert "Connect your account" in manager.get("/profile/").text
    assert connect(manager, provider, sub="m-1").headers["Location"] == "/profile/"
    assert "Your account is connected: you can sign in with Company ID." in manager.get("/profile/").text
    assert session.execute(select(Identity.is_own)).scalar_one() is True
    assert come(visitor, provider, sub="m-1").headers["Location"] == "/"
    assert manager.post("/oidc/disconnect").headers["Location"] == "/profile/"
    assert session.scalar(select(func.count()).select_from(Identity)) == 0


def test_connecting_needs_the_forms_token_and_takes_nobodys_account(as_user, provider, session):
    link(session, provider, "office", "o-1")
    manager = as_user("manager")
    for query in ("?connect=", "?connect=guessed", ""):
        assert manager.get(f"/oidc/begin{query}").headers["Location"] == "/"
    assert connect(manager, provider, sub="o-1").headers["Location"] == "/profile/"
    assert "belongs to somebody else here" in manager.get("/profile/").text
    kept = session.execute(select(Identity)).unique().scalar_one()
    assert kept.user.username == "office"


def test_who_came_back_must_be_who_has_left(as_user, app, provider, session):
    manager = as_user("manager")
    back = provider.approve(leave(manager, f"?connect={manager.token('/profile/')}"), sub="m-1")
    with manager.client.session_transaction() as kept:
        kept["oidc"] = kept["oidc"] | {"connects": user(session, "admin").id}
    assert manager.get(back).headers["Location"] == "/profile/"
    assert session.scalar(select(func.count()).select_from(Identity)) == 0


def test_a_changed_password_ends_what_a_person_has_connected_himself(as_user, provider, session):
    manager = as_user("manager")
    connect(manager, provider, sub="m-1")
    link(session, provider, "office", "o-1")
    assert manager.post("/profile/password", {"old": PASSWORD, "new": "another fine password"}).status_code == 302
    assert list(session.scalars(select(Identity.subject))) == ["o-1"]


def test_passwords_may_be_for_administrators_alone_on_page_and_rest(app, visitor, provider, session, rule):
    rule(PASSWORD_SIGN_IN="administrators")
    page = visitor.get("/login/").text
    assert "Only administrators sign in with a password." in page
    form = {"username": "manager", "password": PASSWORD, "csrf_token": visitor.token()}
    assert visitor.client.post("/login/", data=form).status_code == 401
    body = {"username": "manager", "password": PASSWORD, "provider": "db"}
    assert visitor.client.post("/api/v1/security/login", json=body).status_code == 401
    assert session.scalar(select(func.count()).select_from(SignIn)) == 0
    assert signed_in(Browser(app.test_client()).sign_in("admin"))
    key = api_keys.make(session, user(session, "office"), name="shop", scopes=["*.see"], at=clock.now())
    session.commit()
    assert visitor.client.get("/api/v1/party/", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_who_signs_in_with_the_service_is_offered_no_password_in_his_settings(as_user, provider, session, rule):
    manager, admin = as_user("manager"), as_user("admin")
    kept = user(session, "manager").password
    assert 'action="/profile/password"' in manager.get("/profile/").text
    rule(PASSWORD_SIGN_IN="administrators")
    answer = manager.post("/profile/password", {"old": PASSWORD, "new": "another fine password"})
    for page in (manager.get("/profile/").text, answer.text):
        assert 'action="/profile/password"' not in page
        assert "and have no password here" in page
    assert 'action="/profile/password"' in admin.get("/profile/").text
    session.expire_all()
    assert (answer.status_code, user(session, "manager").password) == (422, kept)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"CRM_OIDC_ISSUER": "http://login.example.org", "CRM_OIDC_CLIENT_ID": "x"}, "https"),
        ({"CRM_OIDC_ISSUER": "https://login.example.org"}, "CRM_OIDC_CLIENT_ID"),
        ({"CRM_OIDC_ROLES": "sales"}, "CRM_OIDC_ROLES"),
        ({"CRM_PASSWORD_SIGN_IN": "nobody"}, "CRM_PASSWORD_SIGN_IN"),
    ],
    ids=["no https", "no client", "no role", "nobody"],
)
def test_settings_that_would_be_unsafe_are_refused(tmp_path, env, said):
    with pytest.raises(config.UnsafeSettingError, match=said):
        config.load(env | {"CRM_VAR": str(tmp_path)})


def test_groups_and_roles_are_read_from_one_line(tmp_path):
    env = {"CRM_OIDC_ROLES": "sales = Sales manager; /books=Accountant;", "CRM_VAR": str(tmp_path)}
    assert config.load(env)["CRM_OIDC_ROLES"] == {"sales": "Sales manager", "/books": "Accountant"}
