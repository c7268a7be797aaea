"""Signing in with the company's own directory (LDAP): a real server on this machine, a real socket to it."""

import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import config
from app import clock, doctor, outbox
from app.exchange import directory as client
from app.models.history import Act, FieldChange
from app.models.identity import Identity
from app.models.sign_in import LoginAttempt, SignIn
from app.outbox import Outbox
from app.services import api_key as api_keys
from app.services import directory as directories
from app.services import role_demand
from app.tasks import registry, running
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user
from tests.ldap_directory import BASE, SEARCHER, SEARCHER_PASSWORD, Directory, open_door

SECRET = "a word of the directory"
WRONG = "The user name or the password is wrong."
SALES, BOOKS = f"cn=Sales,ou=groups,{BASE}", f"cn=Books,ou=groups,{BASE}"
Rule = Callable[..., None]


@contextmanager
def opened(found: Directory, **about: Any) -> Iterator[Directory]:
    door = open_door(found, **about)
    try:
        yield found
    finally:
        door.shutdown()
        door.server_close()


def settings(found: Directory, var: Any, **more: str) -> dict[str, Any]:
    env = {
        "CRM_VAR": str(var),
        "CRM_LDAP_URL": found.url,
        "CRM_LDAP_BASE": BASE,
        "CRM_LDAP_BIND_DN": SEARCHER,
        "CRM_LDAP_BIND_PASSWORD": SEARCHER_PASSWORD,
        "CRM_LDAP_NAME": "Company directory",
    }
    loaded = config.load({name: value for name, value in (env | more).items() if value})
    return {name: value for name, value in loaded.items() if name.startswith("CRM_LDAP")}


@pytest.fixture
def directory(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    """A directory that knows nina, and a Mark with the e-mail of our manager."""
    with opened(Directory()) as found:
        found.add("nina", SECRET, mail="Nina@Example.org", givenName="Nina", sn="New", memberOf=[SALES])
        found.add("mark", SECRET, mail="manager@example.org", givenName="Mark", sn="Other")
        for name, value in settings(found, app.config["CRM_VAR"]).items():
            monkeypatch.setitem(app.config, name, value)
        yield found


@pytest.fixture
def rule(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Rule:
    def change(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setitem(app.config, f"CRM_{name}", value)

    return change


def try_in(browser: Browser, name: str, password: str = SECRET) -> Any:
    form = {"username": name, "password": password, "csrf_token": browser.token()}
    return browser.client.post("/login/", data=form)


def rest(browser: Browser, name: str, password: str = SECRET, **more: Any) -> Any:
    return browser.client.post("/api/v1/security/login", json={"username": name, "password": password} | more)


def signed_in(browser: Browser) -> bool:
    return bool(browser.get("/home/").status_code == 200)


def counts(session: Session) -> tuple[int, ...]:
    return tuple(session.scalar(select(func.count()).select_from(of)) or 0 for of in (User, Identity, SignIn))


def refused(browser: Browser, answer: Any, status: int = 401, said: str = WRONG) -> None:
    assert (answer.status_code, said in answer.text) == (status, True)
    assert not signed_in(browser)


def link(session: Session, name: str, uid: str) -> None:
    issuer = f"ldap:{BASE}"
    session.add(Identity(user_id=user(session, name).id, issuer=issuer, subject=f"uuid-of-{uid}"))
    session.commit()


def told(session: Session, act: Act) -> list[tuple[str | None, Any]]:
    session.expire_all()
    asked = select(FieldChange.name, FieldChange.changes).where(FieldChange.act == act)
    rows = session.execute(asked.order_by(FieldChange.id))
    return [(row[0], row[1]) for row in rows]


# --- who comes in -----------------------------------------------------------------------------------------------------


def test_without_a_directory_nothing_is_said_of_one_and_there_is_no_page(as_user):
    manager = as_user("manager")
    assert manager.get("/profile/directory/").status_code == 404
    assert 'id="directory"' not in manager.get("/profile/").text


def test_somebody_new_gets_an_account_where_the_installation_says_so(visitor, directory, session, rule):
    rule(LDAP_CREATE="Sales manager")
    assert "Sign in with your name and password of Company directory." in visitor.get("/login/").text
    assert try_in(visitor, "nina").headers["Location"] == "/"
    assert "Nina New" in visitor.get("/home/").text
    kept = session.execute(select(Identity)).unique().scalar_one()
    assert (kept.issuer, kept.subject, kept.user.username) == (f"ldap:{BASE}", "uuid-of-nina", "nina")
    assert (kept.user.email, [role.name for role in kept.user.roles]) == ("nina@example.org", ["Sales manager"])
    assert told(session, Act.rights) == [("nina", {"identity": [None, f"ldap:{BASE}"]})]
    assert [name for name, _changes in told(session, Act.sign_in)].count("nina") == 1
    asked = [(who, encrypted) for who, _password, encrypted in directory.binds]
    assert asked == [(SEARCHER, False), (f"uid=nina,ou=people,{BASE}", False)]
    assert directory.searches == [(SEARCHER, BASE)], "only the account that may search does"


def test_the_same_person_is_known_by_the_directorys_own_name_for_him(app, visitor, directory, session, rule):
    rule(LDAP_CREATE="Sales manager")
    try_in(visitor, "nina")
    before = counts(session)
    directory.remove(f"uid=nina,ou=people,{BASE}")
    directory.add("nina.married", SECRET, mail="other@example.org", entryUUID="uuid-of-nina")
    again = Browser(app.test_client())
    assert try_in(again, "nina.married").headers["Location"] == "/"
    assert "Nina New" in again.get("/home/").text
    assert counts(session) == (*before[:2], before[2] + 1)
    directory.remove(f"uid=nina.married,ou=people,{BASE}")
    directory.add("nina", SECRET, mail="nina@example.org", entryUUID="somebody else with her name")
    refused(Browser(app.test_client()), try_in(Browser(app.test_client()), "nina"), 403, "There is an account with")
    assert counts(session) == (*before[:2], before[2] + 1)


def test_nobody_is_taken_over_by_a_name_or_an_email(visitor, directory, session, rule):
    """The directory has a "manager" and a "mark" with our manager's e-mail; both are other people."""
    directory.add("manager", SECRET, mail="elsewhere@example.org")
    before = counts(session)
    refused(visitor, try_in(visitor, "manager"), 403, "There is no account for you yet")
    refused(visitor, try_in(visitor, "mark"), 403, "There is no account for you yet")
    rule(LDAP_CREATE="Sales manager")
    refused(visitor, try_in(visitor, "mark"), 403, "There is an account with your e-mail address")
    assert counts(session) == before
    assert try_in(visitor, "manager").headers["Location"] == "/"
    kept = session.execute(select(Identity)).unique().scalar_one()
    assert kept.user.username == "elsewhere@example.org", "the name is somebody's, so hers is her e-mail"


def test_an_email_connects_an_account_only_where_the_installation_says_so(visitor, directory, session, rule):
    rule(LDAP_LINK=True)
    assert try_in(visitor, "mark").headers["Location"] == "/"
    assert "Mark Manager" in visitor.get("/home/").text
    assert told(session, Act.rights) == [("manager", {"identity": [None, f"ldap:{BASE}"]})]


def test_a_locked_account_stays_locked(visitor, directory, session, made: Made):
    link(session, "manager", "mark")
    made.user("manager").active = False
    session.commit()
    refused(visitor, try_in(visitor, "mark"), 403, "This account is locked")
    assert counts(session)[2] == 0
    assert told(session, Act.sign_in_failed)[0][0] == "mark"


def test_rest_signs_in_likewise(visitor, directory, session):
    link(session, "manager", "mark")
    answer = rest(visitor, "mark")
    assert answer.status_code == 200
    token = answer.json["access_token"]
    assert visitor.client.get("/api/v1/party/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert rest(visitor, "mark", "wrong").status_code == 401
    stranger = rest(visitor, "nina")
    assert (stranger.status_code, "There is no account for you yet" in stranger.json["message"]) == (403, True)


def test_a_second_factor_is_asked_for_as_the_role_demands(visitor, directory, session):
    link(session, "manager", "mark")
    role_demand.put(session, user(session, "manager").roles[0], is_demanded=True)
    session.commit()
    answer = try_in(visitor, "mark")
    assert answer.headers["Location"].startswith("/login/set_up")
    assert not signed_in(visitor)
    assert rest(visitor, "mark").json["reason"] == "second_factor_needed"


# --- who does not -----------------------------------------------------------------------------------------------------


def test_wrong_unknown_empty_and_nobody_are_answered_alike(visitor, directory, session):
    link(session, "manager", "mark")
    before = counts(session)
    pages = [try_in(visitor, name, "wrong") for name in ("mark", "unknown")]
    for page in pages:
        refused(visitor, page)
    changing = re.compile(r'nonce="[^"]+"|<!-- \S* -->|name="csrf_token" value="[^"]+"')
    plain = [changing.sub("", page.text).replace('"unknown"', '"mark"') for page in pages]
    assert plain[0] == plain[1]
    steps = [who for who, _password, _encrypted in directory.binds]
    assert steps[:2] == [SEARCHER, f"uid=mark,ou=people,{BASE}"]
    assert (steps[2], steps[3].endswith(f",{BASE}"), len(steps)) == (SEARCHER, True, 4), "an unknown name costs a bind"
    assert [name for name, _changes in told(session, Act.sign_in_failed)] == ["mark", "unknown"]
    assert counts(session) == before


@pytest.mark.parametrize("password", ["", "\u00ad", "\u200b"], ids=["empty", "soft hyphen", "no width"])
def test_a_password_that_is_empty_or_becomes_so_opens_nothing(app, visitor, directory, session, password):
    """The server answers a bind with an empty password with success, as real ones do."""
    link(session, "manager", "mark")
    assert rest(visitor, "mark", password).status_code in {400, 401}
    assert try_in(visitor, "mark", password).status_code in {200, 401}
    assert not signed_in(visitor)
    assert client.vouch(app.config, "mark", password) is None
    assert {given for _who, given, _encrypted in directory.binds} <= {SEARCHER_PASSWORD, password} - {""}
    assert counts(session)[2] == 0


INJECTED = ["*", "m*", "mark)(uid=*", "*)(|(uid=*", "mark\\", "mark)(!(uid=x", "x)(mail=manager@example.org", "ма)рк*"]


@pytest.mark.parametrize("name", INJECTED)
def test_what_is_typed_is_no_part_of_the_filter(visitor, directory, session, name):
    link(session, "manager", "mark")
    refused(visitor, try_in(visitor, name))
    assert (counts(session)[2], len(directory.searches)) == (0, 1)
    assert not any(who.startswith("uid=") for who, _password, _encrypted in directory.binds)


def test_two_people_with_one_name_are_nobody(visitor, directory, session):
    link(session, "manager", "mark")
    directory.add("twin", SECRET, mail="mark")
    refused(visitor, try_in(visitor, "mark"))
    assert counts(session)[2] == 0


def test_tries_are_counted_and_cost_time(app, visitor, directory, session):
    link(session, "manager", "mark")
    for _each in range(5):
        refused(visitor, try_in(visitor, "mark", "wrong"))
    asked = len(directory.binds)
    answer = try_in(visitor, "mark")
    assert (answer.status_code, answer.headers["Retry-After"], len(directory.binds)) == (429, "30", asked)
    assert rest(Browser(app.test_client()), "mark").status_code == 429


def test_a_right_password_forgives_what_failed_before(visitor, directory, session):
    link(session, "manager", "mark")
    for _each in range(4):
        try_in(visitor, "mark", "wrong")
    assert try_in(visitor, "mark").headers["Location"] == "/"
    assert list(session.scalars(select(LoginAttempt.id).where(LoginAttempt.forgiven_at.is_(None)))) == []


def test_an_own_password_is_looked_at_first_and_does_not_leave_the_house(visitor, directory, session):
    assert try_in(visitor, "admin", PASSWORD).headers["Location"] == "/"
    assert (signed_in(visitor), directory.binds) == (True, [])


def test_passwords_may_be_for_administrators_alone_beside_it(app, visitor, directory, rule, session):
    rule(PASSWORD_SIGN_IN="administrators")
    link(session, "manager", "mark")
    refused(visitor, try_in(visitor, "manager", PASSWORD))
    assert try_in(visitor, "mark").headers["Location"] == "/"
    admin = Browser(app.test_client())
    assert (try_in(admin, "admin", PASSWORD).headers["Location"], signed_in(admin)) == ("/", True)


def test_a_directory_out_of_reach_is_said_and_administrators_still_come_in(app, visitor, directory, session, rule):
    link(session, "manager", "mark")
    rule(LDAP_URL=("ldap://127.0.0.1:9",))
    refused(visitor, try_in(visitor, "mark"), 503, "The directory of your company cannot be reached.")
    assert rest(visitor, "mark").status_code == 503
    admin = Browser(app.test_client())
    assert (try_in(admin, "admin", PASSWORD).headers["Location"], signed_in(admin)) == ("/", True)
    assert len(told(session, Act.sign_in_failed)) == 2
    assert session.scalar(select(func.count()).select_from(LoginAttempt)) == 2, "guessing meanwhile is counted"


def test_a_directory_that_is_silent_or_refuses_its_searcher_is_out_of_reach(visitor, directory, session, rule):
    rule(LDAP_TIMEOUT=1)
    directory.answers[SEARCHER] = 49
    refused(visitor, try_in(visitor, "mark"), 503, "cannot be reached")
    directory.answers = {f"uid=mark,ou=people,{BASE}": 51}  # busy
    refused(visitor, try_in(visitor, "mark"), 503, "cannot be reached")
    directory.is_deaf = True
    refused(visitor, try_in(visitor, "mark"), 503, "cannot be reached")


def test_the_next_server_is_asked_when_the_first_is_away(visitor, directory, session, rule):
    link(session, "manager", "mark")
    rule(LDAP_URL=("ldap://127.0.0.1:9", directory.url))
    assert try_in(visitor, "mark").headers["Location"] == "/"


# --- groups -----------------------------------------------------------------------------------------------------------


def roles_of(session: Session, name: str) -> set[str]:
    session.expire_all()
    return {role.name for role in user(session, name).roles}


def test_groups_give_and_take_the_roles_that_they_are_mapped_to(app, directory, session, rule):
    link(session, "manager", "mark")
    rule(LDAP_ROLES={SALES.upper(): "Head of sales", BOOKS.replace(",", ", "): "Accountant"})
    for groups, due in (([SALES, BOOKS], {"Head of sales", "Accountant"}), ([BOOKS], {"Accountant"}), ([], set())):
        directory.add("mark", SECRET, mail="manager@example.org", memberOf=groups)
        assert try_in(Browser(app.test_client()), "mark").headers["Location"] == "/"
        assert roles_of(session, "manager") == due | {"Sales manager"}, "what is not mapped stays"


def test_a_group_of_the_same_name_elsewhere_gives_nothing(visitor, directory, session, rule):
    link(session, "manager", "mark")
    rule(LDAP_ROLES={SALES: "Head of sales"})
    directory.add("mark", SECRET, memberOf=[f"cn=Sales,ou=private,{BASE}", "cn=Sales"])
    assert try_in(visitor, "mark").headers["Location"] == "/"
    assert roles_of(session, "manager") == {"Sales manager"}


def test_groups_may_be_searched_for(visitor, directory, session, rule):
    link(session, "manager", "mark")
    name = "cn=Продажи,ou=groups," + BASE
    directory.people[name] = {"member": [f"uid=mark,ou=people,{BASE}".encode()], "objectclass": [b"groupOfNames"]}
    hidden = "cn=\\D0\\9F\\D1\\80\\D0\\BE\\D0\\B4\\D0\\B0\\D0\\B6\\D0\\B8,ou=groups," + BASE
    rule(LDAP_GROUP_FILTER="(&(objectClass=groupOfNames)(member={dn}))", LDAP_ROLES={hidden: "Head of sales"})
    assert try_in(visitor, "mark").headers["Location"] == "/"
    assert roles_of(session, "manager") == {"Head of sales", "Sales manager"}


def test_with_groups_alone_an_account_needs_a_mapped_group(visitor, directory, session, rule):
    rule(LDAP_CREATE="groups", LDAP_ROLES={BOOKS: "Accountant"})
    refused(visitor, try_in(visitor, "nina"), 403, "None of your groups")
    rule(LDAP_ROLES={SALES: "Sales manager"})
    assert try_in(visitor, "nina").headers["Location"] == "/"
    assert roles_of(session, "nina") == {"Sales manager"}


# --- other trees ------------------------------------------------------------------------------------------------------


def test_a_person_may_be_named_by_a_pattern_without_an_account_that_searches(app, directory, session, tmp_path):
    env = {"CRM_LDAP_BIND_DN": "", "CRM_LDAP_BIND_PASSWORD": "", "CRM_LDAP_USER_DN": f"uid={{name}},ou=people,{BASE}"}
    about = settings(directory, tmp_path, **env)
    found = client.vouch(about, "mark", SECRET)
    assert (found.subject, found.email) == ("uuid-of-mark", "manager@example.org")
    assert directory.searches == [(f"uid=mark,ou=people,{BASE}", f"uid=mark,ou=people,{BASE}")]
    for name in ("mark,ou=people", "*", "nina,ou=people,dc=example,dc=org+uid=mark"):
        assert client.vouch(about, name, SECRET) is None
    assert directory.binds[-1][0] == f"uid=nina\\,ou\\=people\\,dc\\=example\\,dc\\=org\\+uid\\=mark,ou=people,{BASE}"
    assert client.still_there(about, ["uuid-of-mark"]) is None, "nobody may search"


def test_active_directory_names_people_by_sixteen_bytes(directory, tmp_path):
    guid = bytes.fromhex("33221100554477668899aabbccddeeff")
    directory.add("ada", SECRET, sAMAccountName="ada", objectGUID=guid, mail="ada@example.org")
    about = settings(directory, tmp_path, CRM_LDAP_ID="objectGUID", CRM_LDAP_USER_FILTER="(sAMAccountName={name})")
    name = "00112233-4455-6677-8899-aabbccddeeff"
    assert client.vouch(about, "ada", SECRET).subject == name
    assert client.still_there(about, [name, "10112233-4455-6677-8899-aabbccddeeff"]) == {name}


# --- who is gone ------------------------------------------------------------------------------------------------------


@pytest.fixture
def check(app: Flask, session: Session) -> Callable[[], str]:
    """Let a worker ask who is gone; it returns how the job ended."""
    registry.load()

    def act() -> str:
        row = outbox.enqueue(session, directories.TOPIC, due_at=clock.now() - timedelta(seconds=1)).id
        session.commit()
        with app.app_context():
            running.run_row(row, settings=app.config)
        session.expire_all()
        return str(session.get_one(Outbox, row).state)

    return act


def test_who_is_gone_from_the_directory_loses_sign_ins_and_keys(app, check, visitor, directory, session):
    link(session, "manager", "mark")
    key = api_keys.make(session, user(session, "manager"), name="shop", scopes=["*.see"], at=clock.now())
    session.commit()
    try_in(visitor, "mark")
    other = Browser(app.test_client()).sign_in("office")
    assert (check(), signed_in(visitor)) == ("done", True)
    directory.people[f"uid=mark,ou=people,{BASE}"]["objectclass"] = [b"disabled"]
    check()
    assert (signed_in(visitor), signed_in(other)) == (False, True)
    assert visitor.client.get("/api/v1/party/", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert ("manager", {"directory": [True, False]}) in told(session, Act.sign_out)
    entries = len(told(session, Act.sign_out))
    check()
    assert len(told(session, Act.sign_out)) == entries, "once"


def test_a_directory_that_cannot_be_asked_shuts_nobody_out(check, visitor, directory, session, rule, caplog):
    link(session, "manager", "mark")
    try_in(visitor, "mark")
    del directory.people[BASE], directory.people[f"uid=mark,ou=people,{BASE}"]
    assert (check(), signed_in(visitor)) == ("done", True)
    assert "its base is not there" in caplog.text
    rule(LDAP_URL=("ldap://127.0.0.1:9",))
    assert (check(), signed_in(visitor)) == ("done", True)
    assert "LDAPSocketOpenError" in caplog.text
    assert SEARCHER_PASSWORD not in caplog.text


def test_it_is_asked_every_quarter_of_an_hour_while_somebody_may_come_in(visitor, directory, session):
    at = clock.now()
    assert not directories.is_check_due(session, at=at)
    link(session, "manager", "mark")
    assert not directories.is_check_due(session, at=at), "nobody is in"
    try_in(visitor, "mark")
    assert directories.is_check_due(session, at=clock.now())
    session.add(Outbox(topic=directories.TOPIC, payload={}, state="done", created_at=clock.now()))
    session.flush()
    assert not directories.is_check_due(session, at=clock.now() + timedelta(minutes=14))
    assert directories.is_check_due(session, at=clock.now() + timedelta(minutes=16))


# --- connecting -------------------------------------------------------------------------------------------------------


def test_a_person_connects_his_account_and_ends_it_again(app, as_user, directory, session):
    manager = as_user("manager")
    assert 'href="/profile/directory/"' in manager.get("/profile/").text
    wrong = manager.post("/profile/directory/", {"username": "mark", "password": "wrong"})
    assert (wrong.status_code, WRONG in wrong.text, 'value="mark"' in wrong.text) == (422, True, True)
    assert counts(session)[1] == 0
    assert manager.post("/profile/directory/", {"username": "mark", "password": SECRET}).status_code == 302
    assert "you can sign in with Company directory" in manager.get("/profile/").text
    assert try_in(Browser(app.test_client()), "mark").headers["Location"] == "/"
    assert manager.post("/profile/directory/disconnect").status_code == 302
    refused(Browser(app.test_client()), try_in(Browser(app.test_client()), "mark"), 403, "There is no account")
    ours = f"ldap:{BASE}"
    changes = [about for _name, about in told(session, Act.rights)]
    assert changes == [{"identity": [None, ours]}, {"identity": [ours, None]}]


def test_nobody_connects_what_is_somebody_elses_and_guessing_there_is_counted(as_user, directory, session):
    link(session, "office", "nina")
    manager = as_user("manager")
    taken = manager.post("/profile/directory/", {"username": "nina", "password": SECRET})
    assert (taken.status_code, "belongs to somebody else here" in taken.text) == (422, True)
    for _each in range(5):
        manager.post("/profile/directory/", {"username": "mark", "password": "wrong"})
    assert manager.post("/profile/directory/", {"username": "mark", "password": SECRET}).status_code == 429
    assert counts(session)[1] == 1


# --- encryption and settings ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine's address, and one for another name."""
    folder = tmp_path_factory.mktemp("directory")
    for name, alternative in (("right", "IP:127.0.0.1"), ("other", "DNS:ldap.example.org")):
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        about = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"]
        place = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        subprocess.run(["openssl", "req", *kind, *about, *place], check=True, capture_output=True)
    return folder / "right.pem", folder / "other.pem"


def context_of(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return made


@pytest.mark.parametrize("is_tls", [True, False], ids=["ldaps", "start TLS"])
def test_a_password_goes_encrypted_and_only_to_who_has_the_right_certificate(tmp_path, certificate, is_tls):
    right, other = certificate
    start = "" if is_tls else "1"
    found = Directory(context=context_of(right))
    found.add("mark", SECRET)
    with opened(found, is_tls=is_tls):
        about = settings(found, tmp_path, CRM_LDAP_CA=str(right), CRM_LDAP_START_TLS=start)
        assert client.vouch(about, "mark", SECRET).subject == "uuid-of-mark"
        assert [encrypted for *_rest, encrypted in found.binds] == [True, True]
        for ca in ("", str(other)):
            with pytest.raises(client.AwayError, match="certificate verify failed"):
                client.vouch(about | {"CRM_LDAP_CA": ca}, "mark", SECRET)
        assert len(found.binds) == 2, "nothing was said to a stranger"
    elsewhere = Directory(context=context_of(other))
    with opened(elsewhere, is_tls=is_tls):
        about = settings(elsewhere, tmp_path, CRM_LDAP_CA=str(other), CRM_LDAP_START_TLS=start)
        with pytest.raises(client.AwayError, match="IP address mismatch"):
            client.vouch(about, "mark", SECRET)
        assert elsewhere.binds == []


GOOD = {
    "CRM_LDAP_URL": "ldaps://ldap.example.org",
    "CRM_LDAP_BASE": BASE,
    "CRM_LDAP_BIND_DN": SEARCHER,
    "CRM_LDAP_BIND_PASSWORD": "x",
}
BAD = {
    "in the clear": ({"CRM_LDAP_URL": "ldap://ldap.example.org"}, "must begin with ldaps://"),
    "one of two in the clear": ({"CRM_LDAP_URL": "ldaps://a.example ldap://b.example"}, "must begin with ldaps"),
    "no such scheme": ({"CRM_LDAP_URL": "https://ldap.example.org"}, "ldaps://host"),
    "a name within": ({"CRM_LDAP_URL": "ldaps://me@ldap.example.org"}, "nothing else"),
    "no base": ({"CRM_LDAP_BASE": ""}, "CRM_LDAP_BASE"),
    "no url": ({"CRM_LDAP_URL": ""}, "needs CRM_LDAP_URL"),
    "no password": ({"CRM_LDAP_BIND_PASSWORD": ""}, "belong together"),
    "nobody who searches": ({"CRM_LDAP_BIND_DN": "", "CRM_LDAP_BIND_PASSWORD": ""}, "or CRM_LDAP_USER_DN"),
    "both": ({"CRM_LDAP_USER_DN": f"uid={{name}},{BASE}"}, "or CRM_LDAP_USER_DN"),
    "a pattern of nobody": (
        {"CRM_LDAP_BIND_DN": "", "CRM_LDAP_BIND_PASSWORD": "", "CRM_LDAP_USER_DN": f"uid=x,{BASE}"},
        "names the person once",
    ),
    "a filter of nobody": ({"CRM_LDAP_USER_FILTER": "(uid=mark)"}, "CRM_LDAP_USER_FILTER"),
    "no filter": ({"CRM_LDAP_USER_FILTER": "(&(uid={name})"}, "CRM_LDAP_USER_FILTER"),
    "groups of nobody": ({"CRM_LDAP_GROUP_FILTER": "(member=x)"}, "CRM_LDAP_GROUP_FILTER"),
    "no role": ({"CRM_LDAP_ROLES": "sales"}, "CRM_LDAP_ROLES"),
    "groups without roles": ({"CRM_LDAP_CREATE": "groups"}, "needs CRM_LDAP_ROLES"),
    "no such file": ({"CRM_LDAP_CA": "/no/such.pem"}, "there is no file"),
}


@pytest.mark.parametrize(("env", "said"), BAD.values(), ids=BAD.keys())
def test_settings_that_are_unsafe_or_not_whole_are_refused(tmp_path, env, said):
    with pytest.raises(config.UnsafeSettingError, match=said):
        config.load(GOOD | env | {"CRM_VAR": str(tmp_path)})


def test_good_settings_are_taken(tmp_path):
    start = {"CRM_LDAP_URL": "ldap://ldap.example.org", "CRM_LDAP_START_TLS": "1"}
    roles = {"CRM_LDAP_ROLES": f"{SALES}=Sales manager; {BOOKS} = Accountant"}
    loaded = config.load(GOOD | start | roles | {"CRM_VAR": str(tmp_path)})
    assert loaded["CRM_LDAP_ROLES"] == {SALES: "Sales manager", BOOKS: "Accountant"}
    assert config.load({"CRM_VAR": str(tmp_path)})["CRM_LDAP_URL"] == ()


def test_the_doctor_says_whether_the_directory_answers(app, directory, rule):
    def said() -> list[tuple[bool, str]]:
        return [(one.fine, one.remedy) for one in doctor.places(app.config) if one.what == "The directory answers"]

    assert [fine for fine, _remedy in said()] == [True]
    directory.answers[SEARCHER] = 49
    assert said() == [(False, "CRM_LDAP_BIND_DN and its password are refused. See docs/sign-in.md")]
    rule(LDAP_URL=())
    assert said() == []
