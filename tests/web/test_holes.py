"""Every hole that was found in the framework, knocked at: one test each, and nothing has changed afterwards."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from marshmallow import fields as inputs
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.errors import Conflict, DomainError
from app.models.export_run import ExportRun
from app.models.history import FieldChange
from app.models.party import Party
from app.models.search_entry import SearchEntry
from app.models.sign_in import SignIn
from app.models.team import Team
from app.services import access
from app.services import party as parties
from app.web import verbs
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user
from tests.fingerprint import fingerprint
from tests.tampering import without_triggers

FORM = {"kind": "company", "country": "NL", "language": "nl"}
RAW = re.compile(r"SELECT |INSERT INTO|UPDATE |UNIQUE constraint|duplicate key|sqlite3|psycopg|sqlalchemy|Traceback")


def state(session: Session) -> dict[str, str]:
    """Return everything that an attack could have changed: all that every table holds."""
    return fingerprint(session)


# --- relations --------------------------------------------------------------------------------------------------------


EVIL = {"id": 777, "username": "evil", "password": "scrypt:32768:8:1$x$y", "first_name": "E", "last_name": "V",
        "email": "evil@example.org", "active": True}  # fmt: skip


LINKS = ("owner", "team")
WRONG: list[Any] = [EVIL, {"id": 1}, {"name": "by the way"}, [1], [EVIL], "1", 1.0, 999999, -1, 0, True]


@attack(17, "a relation as an object, which would make rows, users too")
def test_a_relation_through_rest_takes_a_known_id_and_makes_nothing(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    party = made.party("Tulpen")
    session.commit()
    office, before = as_user("office"), state(session)
    for name, value in product(LINKS, WRONG):
        for method, path in (("POST", "/api/v1/party/"), ("PUT", f"/api/v1/party/{party.id}")):
            answer = office.api(method, path, json={"name": "x", "country": "NL", name: value})
            assert (answer.status_code, list(answer.json["message"])) == (422, [name])
        assert state(session) == before


@attack(18, "dotted and nested names of fields")
def test_a_relation_with_dotted_or_nested_names_is_no_way_in(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    party = made.party("Tulpen", owner="office")
    session.commit()
    office, before = as_user("office"), state(session)
    for name in ("owner.password", "owner_id", "owner.active", "team.head", "contacts", "created_at"):
        answer = office.api("PUT", f"/api/v1/party/{party.id}", json={name: "x"})
        assert answer.status_code == 422
        office.post(f"/party/edit/{party.id}", FORM | {"name": "Tulpen", name: "x", "record_version": "99"})
    assert state(session) == before


UNKNOWN = ["999999", "-1", "abc", "1 OR 1=1", "9" * 40, "1.0", "<script>"]


def test_an_unknown_relation_by_form_is_refused_at_its_field(as_user: Callable[[str], Browser], session: Session):
    office, before = as_user("office"), state(session)
    for value in UNKNOWN:
        for name in ("owner", "team"):
            answer = office.post("/party/add", FORM | {"name": "Tulpen", name: value})
            assert answer.status_code == 422
            assert f'id="{name}-error"' in answer.text
            assert 'value="Tulpen"' in answer.text
        assert state(session) == before


@attack(6, "a foreign id at the door that all relations use")
def test_a_foreign_record_in_a_relation_is_unknown_by_form_and_by_rest(
    as_user: Callable[[str], Browser], made: Made, session: Session, app: Flask
):
    """No entity links to an owned one yet but through the door that all of them use."""
    foreign, mine = made.party("Foreign", owner="manager2"), made.party("Mine", owner="manager")
    session.commit()
    from marshmallow import ValidationError

    from app.web.crm_form import CrmForm
    from app.web.link_field import LinkField
    from app.web.schema import LinkedField

    person = user(session, "manager")
    acts = access.actor_of(session, user_id=person.id, name="manager", roles=["Sales manager"])
    foreign_id, mine_id = foreign.id, mine.id
    with app.test_request_context(method="POST", data={"party": str(foreign_id)}):
        access.act_as(db.session(), acts)
        with pytest.raises(ValidationError, match=r"Unknown id\."):
            LinkedField(Party).deserialize(foreign_id)
        assert LinkedField(Party).deserialize(mine_id).id == mine_id
        form_class = type("F", (CrmForm,), {"party": LinkField(entity=Party)})
        form = form_class(meta={"csrf": False})
        assert form.validate() is False
        assert form.party.data is None
        db.session.remove()


# --- foreign rows -----------------------------------------------------------------------------------------------------


@attack(1, "the id of somebody else's record in the address of an act")
def test_no_act_reaches_a_foreign_record(as_user: Callable[[str], Browser], made: Made, session: Session):
    """The head may archive, edit and restore; a party outside his teams is as unknown to him as none."""
    foreign = made.party("Foreign", owner="accountant")
    session.commit()
    head, before = as_user("head"), state(session)
    for key in (foreign.id, 9999999):
        assert head.post(f"/party/{key}/archive").status_code == 404
        assert head.api("POST", f"/api/v1/party/{key}/archive").status_code == 404
        assert head.post(f"/party/edit/{key}", FORM | {"name": "x", "record_version": "1"}).status_code == 404
        assert head.api("PUT", f"/api/v1/party/{key}", json={"name": "x"}).status_code == 404
        assert head.post("/party/many/archive", {"rowid": str(key)}).status_code == 404
    assert state(session) == before


@attack(2, "a foreign id among one's own ticked records")
def test_a_bulk_act_on_one_foreign_record_among_ones_own_changes_none(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    mine, foreign = made.party("Mine", owner="head"), made.party("Foreign", owner="accountant")
    session.commit()
    head, before = as_user("head"), state(session)
    for rows in ([mine.id, foreign.id], [foreign.id, mine.id], [mine.id, "abc"], [mine.id, "9" * 30]):
        assert head.post("/party/many/archive", {"rowid": [str(row) for row in rows]}).status_code == 404
        assert state(session) == before
    answer = head.post("/party/many/archive", {"rowid": [str(mine.id), str(mine.id)]})
    assert answer.status_code == 302
    session.expire_all()
    assert mine.is_archived


def test_verbs_that_are_not_declared_or_not_allowed_do_nothing(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    party = made.party("Mine", owner="manager")
    session.commit()
    manager, office, before = as_user("manager"), as_user("office"), state(session)
    for path in (f"/party/{party.id}/archive", "/party/many/archive"):
        assert manager.post(path, {"rowid": str(party.id)}).status_code == 403
    for verb in ("explode", "delete", "save", "__init__", "store", "muldelete"):
        assert office.post(f"/party/{party.id}/{verb}", {"rowid": str(party.id)}).status_code == 404
        refused = 403 if verb == "delete" else 404
        assert office.post(f"/party/many/{verb}", {"rowid": str(party.id)}).status_code == refused
    assert office.post(f"/party/delete/{party.id}").status_code == 403
    assert state(session) == before


def test_a_verb_with_inputs_cannot_be_done_in_bulk(
    app: Flask, as_user: Callable[[str], Browser], made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
):
    party = made.party("Mine")
    session.commit()
    view = next(each for each in app.appbuilder.baseviews if type(each).__name__ == "PartyView")
    asking = Verb("archive", lambda *_a, reason: None, label="x", arguments={"reason": inputs.String(required=True)})
    monkeypatch.setattr(type(view), "verbs", [asking])
    assert as_user("office").post("/party/many/archive", {"rowid": str(party.id)}).status_code == 404


def test_the_databases_refusal_inside_a_verb_is_a_refusal(app: Flask, made: Made, session: Session):
    """Another editor in between is a conflict, a broken constraint a text: on buttons and REST alike, never a 500."""
    party = made.party("Tulpen")
    session.commit()
    key = party.id

    def overtaken(work: Session, record: Party) -> None:
        work.execute(text("UPDATE party SET version = version + 1 WHERE id = :id"), {"id": record.id})
        record.note = "mine"

    def broken(work: Session, record: Party) -> None:
        record.credit_limit = -1

    with app.test_request_context():
        work = db.session()
        access.act_as(work, access.SYSTEM)
        with pytest.raises(Conflict):
            verbs.run(work, Verb("x", overtaken, label="x"), lambda: work.get(Party, key), {})
        with pytest.raises(DomainError, match="do not fit together"):
            verbs.run(work, Verb("x", broken, label="x"), lambda: work.get(Party, key), {})
        db.session.remove()
    session.expire_all()
    assert (party.note, party.credit_limit, party.version) == (None, None, 1)


# --- questions --------------------------------------------------------------------------------------------------------


ORDERS = [
    "owner.password",
    "owner",
    "search_text",
    "password",
    "note",
    "id;drop table party",
    "1",
    "__class__",
    "nonsense",
]


@attack(45, "an order by a hidden column tells its value")
def test_an_order_that_is_not_declared_is_not_asked_of_the_database(
    as_user: Callable[[str], Browser], made: Made, session: Session, statements: list[str]
):
    for name in ("b", "a", "c"):
        made.party(name)
    session.commit()
    office = as_user("office")
    for order in ORDERS:
        statements.clear()
        answer = office.get(f"/party/list/?order={quote(order)}&direction=desc")
        assert answer.status_code == 200
        assert [s for s in statements if re.search(r"ORDER BY (?!party\.(name|id)|ab_|team\.|saved_view\.)", s)] == []
        plain = office.get("/party/list/").text
        rows = re.compile(r"/party/show/(\d+)")
        assert rows.findall(answer.text) == rows.findall(plain)
        assert office.get(f"/party/list/?_oc_PartyView={quote(order)}&_od_PartyView=asc").status_code == 200


FILTERS = [
    "flt.search_text.ct=zzz",
    "flt.note.ct=zzz",
    "flt.owner.password.sw=scrypt",
    "flt.owner_id.eq=999",
    "flt.credit_limit.ge=1",
    "flt.country.regexp=zzz",
    "flt.owner.ct=zzz",
    "flt.owner.eq=abc",
    "flt.changed_at.ge=never",
    "flt.kind.eq=robot",
    "flt.country.eq=",
    "_flt_0_name=zzz",
    "_flt_0_owner=999",
]


@attack(46, "a filter by a hidden column tells its value")
def test_a_filter_that_is_not_declared_is_left_out(as_user: Callable[[str], Browser], made: Made, session: Session):
    made.party("Tulpen")
    session.commit()
    office = as_user("office")
    for query in FILTERS:
        answer = office.get(f"/party/list/?{query}")
        assert answer.status_code == 200
        assert "Tulpen" in answer.text


SIZES = [("-1", 25), ("0", 1), ("1000000000", 25), ("5000", 100), ("abc", 25), ("", 25), ("9" * 40, 25)]


@attack(54, "a page without end")
def test_the_size_of_a_page_is_clamped(as_user: Callable[[str], Browser], made: Made, session: Session):
    for number in range(101):
        made.party(f"P {number:03}")
    session.commit()
    office = as_user("office")
    for size, rows in SIZES:
        answer = office.get(f"/party/list/?size={size}&psize_PartyView=-1")
        assert answer.status_code == 200
        assert len(re.findall(r'name="rowid"', answer.text)) == rows


PAGES = ["abc", "-1", "1e9", "9" * 40, "0x10", "", "' OR 1=1"]


def test_a_page_that_is_no_number_is_the_first_or_empty(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    made.party("Tulpen")
    session.commit()
    office = as_user("office")
    for page in PAGES:
        assert office.get(f"/party/list/?page={quote(page)}").status_code == 200


STRANGE = [
    "%",
    "_",
    "\\",
    "'",
    '"',
    "a\\",
    "' OR '1'='1",
    "*",
    "((",
    "NEAR",
    "AND",
    '"a" AND',
    "🌷",
    "\u202e",
    "x" * 5000,
]


@attack(56, "wildcards and SQL in a search")
def test_strange_questions_break_nothing(as_user: Callable[[str], Browser], made: Made, session: Session):
    made.party("Tulpen")
    session.commit()
    office = as_user("office")
    for query in STRANGE:
        for path in (
            "/party/list/?q=",
            "/lookup/party?q=",
            "/lookup/user?q=",
            "/api/v1/party/?search=",
            "/lookup/team?q=",
        ):
            assert office.get(path + quote(query)).status_code == 200, path


def test_text_that_no_database_keeps_is_refused_at_the_door(as_user: Callable[[str], Browser], session: Session):
    office, before = as_user("office"), state(session)
    for path in (
        "/party/list/?q=%00",
        "/lookup/user?q=a%00",
        "/api/v1/party/?search=%00",
        "/party/list/?flt.country.eq=%00",
    ):
        assert office.get(path).status_code == 400, path
    assert office.post("/party/add", FORM | {"name": "a\0b"}).status_code == 400
    assert state(session) == before


DEFAULTS = ["birthday=abc", "credit_limit=abc", "kind=robot", "owner=abc", "country=??", "owner=999999"]


def test_a_default_in_the_address_that_makes_no_sense_is_left_out(as_user: Callable[[str], Browser]):
    office = as_user("office")
    for query in DEFAULTS:
        answer = office.get(f"/party/add?{query}")
        assert answer.status_code == 200


def test_defaults_in_the_address_show_no_foreign_record(as_user: Callable[[str], Browser], session: Session):
    manager = as_user("manager")
    page = manager.get(f"/party/add?name=%3Cb%3E&owner={user(session, 'manager').id}&id=5&version=7&record_version=9")
    assert 'value="&lt;b&gt;"' in page.text
    assert "Mark Manager" in page.text
    assert 'value="9"' not in page.text


@attack(53, "rows of other tables through _info")
def test_info_names_no_rows_of_other_tables(as_user: Callable[[str], Browser], made: Made, session: Session):
    made.party("Foreign", owner="manager2")
    session.commit()
    manager = as_user("manager")
    for query in (
        "",
        "?q=(keys:!(add_columns,edit_columns,filters))",
        "?q=(add_columns:(owner:(page:0,page_size:100)))",
    ):
        answer = manager.get(f"/api/v1/party/_info{query}")
        assert answer.status_code == 200
        for column in [*answer.json.get("add_columns", []), *answer.json.get("edit_columns", [])]:
            assert not column.get("values"), column["name"]
            assert not column.get("count"), column["name"]
        for name in ("Foreign", "Maria", "evil", "scrypt", "@example.org"):
            assert name not in answer.text


@attack(8, "foreign rows and other tables through the lookup")
def test_the_lookup_offers_only_what_one_may_see_and_only_names(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    made.party("Zwaluw Mine", owner="manager")
    made.party("Zwaluw Foreign", owner="manager2")
    session.commit()
    manager = as_user("manager")
    found = manager.get("/lookup/party?q=zwaluw").json["results"]
    assert [(set(one), one["text"]) for one in found] == [({"id", "text"}, "Zwaluw Mine")]
    people = manager.get("/lookup/user?q=manager").json["results"]
    assert sorted(one["text"] for one in people) == ["Maria Manager", "Mark Manager"]
    for stem in ("ab_user", "sign_in", "setting", "Party", "party_contact", "..", "user_profile"):
        assert manager.get(f"/lookup/{stem}").status_code in {302, 308, 404}, stem
    assert len(manager.get("/lookup/user").json["results"]) <= 20


# --- raw SQL and errors -----------------------------------------------------------------------------------------------


def test_a_taken_name_is_told_at_its_field_and_nothing_typed_is_lost(
    as_user: Callable[[str], Browser], session: Session
):
    admin, before = as_user("admin"), state(session)
    head = user(session, "head").id
    answer = admin.post("/team/add", {"name": "north", "head": str(head)})
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text
    assert "This value is already in use" in answer.text
    assert 'value="north"' in answer.text
    assert f'<option value="{head}" selected>Helena Head' in answer.text
    assert RAW.search(answer.text) is None
    rest = admin.api("POST", "/api/v1/team/", json={"name": "north"})
    assert (rest.status_code, rest.json) == (422, {"message": {"name": ["This value is already in use"]}})
    south = session.scalars(select(Team).where(Team.name == "south")).one()
    answer = admin.post(f"/team/edit/{south.id}", {"name": "north", "record_version": str(south.version)})
    assert answer.status_code == 422
    assert 'value="north"' in answer.text
    assert RAW.search(answer.text + rest.text) is None
    assert state(session) == before


def test_what_the_rules_forget_the_database_refuses_in_words(app: Flask, session: Session):
    """CHECK and foreign keys behind the rules: still a text, no SQL, no values."""
    with app.test_request_context():
        access.act_as(db.session(), access.SYSTEM)
        door = Records(Party)

        def bad(party: Party) -> None:
            party.name, party.country = "secret value", "XYZ"

        def dangling(party: Party) -> None:
            party.name, party.country, party.team_id = "secret value", "NL", 999999

        def empty(team: Team) -> None:
            team.name = None  # type: ignore[assignment]

        for fill, at in ((bad, door), (dangling, door), (empty, Records(Team))):
            with pytest.raises(DomainError) as refused:
                at.store(fill)
            assert RAW.search(str(refused.value)) is None
            assert "secret" not in str(refused.value)
        db.session.remove()
    assert session.scalar(select(func.count(Party.id))) == 0


@attack(107, "what an error tells")
def test_an_unexpected_error_tells_its_number_and_nothing_else(
    app: Flask, as_user: Callable[[str], Browser], made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
):
    party = made.party("Tulpen")
    session.commit()

    def breaks(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("SELECT password FROM ab_user")

    office = as_user("office")
    monkeypatch.setattr(Records, "one", breaks)
    page, rest = office.get(f"/party/show/{party.id}"), office.get(f"/api/v1/party/{party.id}")
    assert (page.status_code, rest.status_code) == (500, 500)
    assert page.headers["X-Request-Id"] in page.text
    for answer in (page, rest):
        assert "password" not in answer.text
        assert RAW.search(answer.text) is None
        assert "Content-Security-Policy" in answer.headers


def test_engine_errors_hide_their_values(app: Flask, session: Session):
    with app.app_context(), pytest.raises(Exception, match="hidden due to hide_parameters") as broken:  # noqa: PT012
        access.act_as(db.session(), access.SYSTEM)
        db.session.execute(text("SELECT * FROM no_such_table WHERE x = :x"), {"x": "secret value"})
    assert "secret value" not in str(broken.value)


# --- routes of the framework ------------------------------------------------------------------------------------------


REPLACED = [
    "/party/download/x",
    "/partyview/download/x_sep_y",
    "/party/action/archive/1",
    "/party/action_post",
    "/partyview/list/",
    "/users/list/",
    "/userdbmodelview/list/",
    "/roles/list/",
    "/resetmypassword/form",
    "/registeruser/",
    "/userinfoeditview/form",
    "/menu/",
    "/api/v1/menu/",
    "/api/v1/security/users/",
    "/api/v1/security/roles/",
    "/api/v1/security/permissions/",
    "/swagger/v1",
    "/back",
    "/static/../config.py",
    "/static/%2e%2e/config.py",
    "/.git/config",
]


@attack(134, "files and routes of the framework and of the server")
def test_addresses_of_the_framework_that_we_replace_are_not_there(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    for path in REPLACED:
        for method in ("GET", "POST"):
            assert admin.api(method, path, json={}).status_code in {404, 405}, (method, path)
        assert admin.get(path).status_code == 404


def test_a_screen_cannot_open_them_again_by_forgetting_them(app: Flask):
    """A view that leaves out other routes still leaves out these."""
    for view in app.appbuilder.baseviews:
        if isinstance(view, CrudView):
            assert {"download", "action", "action_post"} <= view.exclude_route_methods, type(view).__name__
    made = type("Forgetful", (CrudView,), {
        "datamodel": Records(Team), "exclude_route_methods": {"delete"}, "list_columns": ["name"],
        "show_columns": ["name"], "add_columns": ["name"], "edit_columns": ["name"], "search_columns": ["name"],
        "order_columns": ["name"], "base_order": ("name", "asc"),
    })  # fmt: skip
    assert made.exclude_route_methods >= {"delete", "download", "action", "action_post"}
    assert made.base_permissions == ["can_see", "can_export", "can_add", "can_change"]


def test_a_screen_that_does_not_declare_its_columns_does_not_start():
    with pytest.raises(TypeError, match=r"does not declare .*edit_columns"):
        type("Lazy", (CrudView,), {"datamodel": Records(Team), "list_columns": ["name"]})
    from app.web.api import CrudApi

    with pytest.raises(TypeError, match="does not declare"):
        type("LazyApi", (CrudApi,), {"datamodel": Records(Team)})


# --- forms from elsewhere ---------------------------------------------------------------------------------------------


DRESSES: list[dict[str, str]] = [
    {},
    {"X-CSRFToken": "x"},
    {"Origin": "https://evil.example"},
    {"Authorization": "Basic eDp4"},
]


@attack(61, "every change with a wrong token, origin or bearer")
def test_no_post_works_without_the_forms_token(
    app: Flask, as_user: Callable[[str], Browser], made: Made, session: Session
):
    party = made.party("Tulpen")
    session.commit()
    admin, before = as_user("admin"), state(session)
    asked = set()
    for rule in app.url_map.iter_rules():
        path = str(rule).replace("<int:pk>", str(party.id)).replace("<pk>", str(party.id))
        path = re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda m: {"verb": "archive", "version": "v1"}.get(m[1], "1"), path)
        for method in rule.methods & {"POST", "PUT", "DELETE", "PATCH"}:
            if rule.endpoint in {"SignInApi.login", "SignInApi.refresh"}:
                continue  # they answer to a password or a token in the request, never to a cookie
            of_strangers = rule.endpoint.startswith(("IntakeView.", "PublicFormView.", "TextReportView."))
            if of_strangers or rule.endpoint.endswith(".one_click"):
                continue  # they answer to a signature, a ticket or a link of their own, never to a cookie
            body = {"json": {"name": "x"}} if path.startswith("/api/") else {"data": FORM | {"name": "x", "rowid": "1"}}
            several = DRESSES if len(asked) < 3 else [{}]
            for headers in several if path.startswith("/api/") else [*several, {"Authorization": "Bearer x"}]:
                answer = admin.client.open(path, method=method, headers=headers, **body)
                if path.endswith("/notice"):  # asks while one types: whoever is signed out is told nothing
                    assert answer.json == {"alike": [], "known": []}
                    continue
                assert answer.status_code == 400, (method, path, headers)
            asked.add((method, path))
    assert len(asked) >= 15
    assert state(session) == before
    assert admin.get("/home/").status_code == 200


@attack(62, "the token of another session")
def test_the_token_of_another_session_is_none(as_user: Callable[[str], Browser], visitor: Browser, session: Session):
    office, before = as_user("office"), state(session)
    for stolen in (visitor.token(), as_user("head").token("/profile/")):
        answer = office.client.post("/party/add", data=FORM | {"name": "x", "csrf_token": stolen})
        assert answer.status_code == 400
    assert state(session) == before


# --- where requests come from and lead to -----------------------------------------------------------------------------


@attack(135, "another host in the request")
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "localhost@evil.example", ""]
)
def test_a_host_that_is_not_ours_is_refused(app: Flask, rolled_back: Any, host: str):
    answer = app.test_client().get("/login/", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text


@attack(136, "another host in a forwarding header")
def test_forwarded_hosts_are_not_believed(visitor: Browser):
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    answer = visitor.get("/party/list/", headers=headers)
    assert answer.status_code == 302
    assert "evil" not in answer.headers["Location"]
    assert "evil" not in visitor.get("/login/", headers=headers).text


ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:///evil.example",
    "https://evil.example",
    "http:evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "//localhost@evil.example",
    "http://localhost@evil.example/",
    "///evil.example",
    "/%09/evil.example",
]


def stays_here(location: str) -> bool:
    """Say whether a browser would stay: it drops tabs and newlines and reads backslashes as slashes."""
    as_read = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    parts = urlsplit(as_read)
    return parts.scheme in {"", "http"} and parts.hostname in {None, "localhost"} and not as_read.startswith("//")


@attack(137, "a way on that leads elsewhere, in every spelling")
def test_no_way_on_leads_elsewhere(
    app: Flask, as_user: Callable[[str], Browser], made: Made, session: Session, visitor: Browser
):
    party = made.party("Tulpen")
    session.commit()
    office = as_user("office")
    for target in ELSEWHERE:
        there = quote(target)
        answers = [
            visitor.get(f"/lang/nl?next={there}"),
            office.get(f"/login/?next={there}"),
            office.post("/party/many/archive", {"rowid": str(party.id), "back": target}),
        ]
        if target in ELSEWHERE[:7]:
            client = app.test_client()
            form = {"username": "head", "password": PASSWORD, "csrf_token": Browser(client).token()}
            answers.append(client.post(f"/login/?next={there}", data=form))
        for answer in answers:
            assert answer.status_code == 302
            assert stays_here(answer.headers["Location"]), answer.headers["Location"]


def test_ways_on_inside_work(app: Flask, as_user: Callable[[str], Browser], visitor: Browser):
    assert visitor.get("/lang/nl?next=/party/list/%3Fq%3Dx").headers["Location"] == "/party/list/?q=x"
    assert as_user("office").get("/login/?next=/party/list/").headers["Location"].endswith("/party/list/")


# --- sizes ------------------------------------------------------------------------------------------------------------


@attack(131, "a body without end, or of endless parts")
def test_a_body_over_the_limit_gets_413(app: Flask, as_user: Callable[[str], Browser], session: Session):
    office, before = as_user("office"), state(session)
    limit = app.config["MAX_CONTENT_LENGTH"]
    token = office.token("/profile/")
    large = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n'
        + b"x" * limit
        + b"\r\n--x--\r\n"
    )
    answer = office.client.post("/party/add", data=large, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    body = json.dumps({"name": "x" * limit})
    answer = office.client.post(
        "/api/v1/party/", data=body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert (answer.status_code, list(answer.json)) == (413, ["message"])
    text_of_a_field = "x" * (app.config["MAX_FORM_MEMORY_SIZE"] + 1)
    answer = office.client.post("/party/add", data={"name": text_of_a_field, "csrf_token": token})
    assert answer.status_code in {413, 422}
    part = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
    many = part * (app.config["MAX_FORM_PARTS"] + 1) + b"--x--\r\n"
    answer = office.client.post("/party/add", data=many, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert state(session) == before


# --- sessions ---------------------------------------------------------------------------------------------------------


@attack(76, "the cookie read by a script or sent from elsewhere")
def test_the_cookie_is_for_the_server_alone(app: Flask, rolled_back: Any):
    client = app.test_client()
    form = {"username": "head", "password": PASSWORD, "csrf_token": Browser(client).token()}
    kept = client.post("/login/", data=form).headers.getlist("Set-Cookie")
    [cookie] = [line for line in kept if line.startswith("countinghouse=")]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Path=/" in cookie
    assert "Domain=" not in cookie
    assert "remember" not in "".join(kept)


def test_over_https_the_cookie_is_secure(tmp_path: Any):
    import config

    env = {"CRM_VAR": str(tmp_path), "CRM_DEMO": "0"}
    https = config.load(env | {"CRM_PUBLIC_URL": "https://crm.example.org"})
    assert (https["SESSION_COOKIE_SECURE"], https["PREFERRED_URL_SCHEME"]) == (True, "https")
    assert "crm.example.org" in https["TRUSTED_HOSTS"]
    assert config.load(env)["SESSION_COOKIE_SECURE"] is False


@pytest.mark.parametrize("locale", ["xx", "", None, 5, "en_US", "../../etc", "de"])
def test_a_stale_language_in_the_session_breaks_nothing(
    as_user: Callable[[str], Browser], visitor: Browser, locale: Any
):
    for browser, path in ((visitor, "/login/"), (as_user("office"), "/party/list/")):
        with browser.client.session_transaction() as kept:
            kept["locale"] = locale
        answer = browser.get(path, headers={"Accept-Language": "de-DE,xx;q=0.9,*;q=0.1"})
        assert answer.status_code == 200
        assert '<html lang="en"' in answer.text


@pytest.mark.parametrize("header", ["", "*", "nl;q=x", "x" * 5000, "ру", "en-US,en;q=0.5", ";;;,,,"])
def test_a_strange_language_header_breaks_nothing(visitor: Browser, header: str):
    assert visitor.get("/login/", headers={"Accept-Language": header.encode().decode("latin-1")}).status_code == 200


def test_a_broken_time_zone_in_a_profile_breaks_nothing(
    as_user: Callable[[str], Browser], made: Made, session: Session
):
    made.party("Tulpen")
    user(session, "office").profile.time_zone = "Mars/Olympus"
    session.commit()
    assert as_user("office").get("/party/list/").status_code == 200


# --- one application, many threads ------------------------------------------------------------------------------------


@pytest.fixture
def standing(app: Flask) -> Iterator[dict[str, Any]]:
    """Parties that are really committed, since threads have connections of their own; all is taken away again."""
    with app.app_context():
        work = db.session()
        access.act_as(work, access.SYSTEM)
        with unit_of_work(work):
            made = Made(work)
            people = {name: made.user(name).id for name in ("manager", "manager2")}
            for name in people:
                for number in range(12):
                    made.party(f"{name} party {number:02}", owner=name, country="NL" if number % 2 else "RU")
        db.session.remove()
    yield people
    app.extensions.pop("rows_read", None)
    with app.app_context():
        work = db.session()
        access.act_as(work, access.SYSTEM)
        with unit_of_work(work):
            work.execute(delete(Party))
            with without_triggers(work.connection()):
                work.execute(delete(FieldChange).where(FieldChange.entity.in_(("party", "export_run"))))
            work.execute(delete(SearchEntry).where(SearchEntry.entity == "party"))
            work.execute(delete(ExportRun))  # what they have read over REST
            work.execute(delete(SignIn))
        db.session.remove()


def mixed(app: Flask, standing: dict[str, Any]) -> list[str]:
    """Let eight threads read at once over one application, four each for two readers; return what went astray.

    Each must see its own filter, rows and name in the list, over REST, in searching, choosing, finding and on cards.
    """
    with app.app_context():
        access.act_as(db.session(), access.SYSTEM)
        rows = db.session.execute(select(Party.id, Party.owner_id)).all()
        keys = {name: [row.id for row in rows if row.owner_id == standing[name]] for name in standing}
        db.session.remove()

    def reader(number: int) -> list[str]:
        name, their_name, country, other = [("manager", "manager2", "NL", "RU"), ("manager2", "manager", "RU", "NL")][
            number % 2
        ]
        browser = Browser(app.test_client()).sign_in(name)
        wrong = []

        def note(what: str, *, right: bool) -> None:
            if not right:
                wrong.append(f"{what} of {name}")

        for turn in range(5):
            page = browser.get(f"/party/list/?flt.country.eq={country}&q=party&size=50").text
            owners = set(re.findall(r"(manager2?) party \d\d", page))
            rows = len(set(re.findall(r"/party/show/(\d+)", page)))
            note("list", right=owners == {name} and rows == 6 and f'<option value="{country}" selected' in page)
            wish = quote(json.dumps({"filters": [{"col": "country", "opr": "eq", "value": other}], "page_size": 50}))
            rest = browser.get(f"/api/v1/party/?q={wish}").json
            owners = {row["owner"]["id"] for row in rest.get("result", [])}
            note("rest", right=rest.get("count") == 6 and owners == {standing[name]})
            for path in ("/lookup/party?q=party", "/api/v1/party/?search=party"):
                owners = set(re.findall(r"(manager2?) party \d\d", browser.get(path).text))
                note(path, right=owners == {name})
            for path in ("/find/results?q=party", "/find/?q=party"):
                found = {int(key) for key in re.findall(r"/party/show/(\d+)", browser.get(path).text)}
                note(path, right=bool(found) and found <= set(keys[name]))
            mine, theirs = keys[name][turn], keys[their_name][turn]
            for path in ("/party/show/{}", "/party/edit/{}", "/api/v1/party/{}"):
                note(path, right=f"{name} party" in browser.get(path.format(mine)).text)
                note(f"foreign {path}", right=browser.get(path.format(theirs)).status_code == 404)
        return wrong

    with ThreadPoolExecutor(8) as pool:
        return sorted({each for wrong in pool.map(reader, range(8)) for each in wrong})


def test_filters_and_rows_of_two_readers_never_mix(app: Flask, standing: dict[str, Any]):
    assert mixed(app, standing) == []


def test_a_reader_that_is_kept_for_all_threads_would_be_found(
    app: Flask, standing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """A planted fault that only shows when requests overlap: who asks is told anew by each, and kept for all."""
    from flask import g

    from app.web import guard

    true_actor, kept = guard._actor, [None]

    def shared() -> Any:
        found = true_actor()
        if found is not None and "_told" not in g:
            g._told, kept[0] = True, found
        return kept[0]

    monkeypatch.setattr(guard, "_actor", shared)
    assert mixed(app, standing)


def test_two_writers_at_once_lose_nothing(app: Flask, standing: dict[str, Any]):
    """Eight threads change one record each with the version they have read: one wins each time, nobody overwrites."""
    with app.app_context():
        access.act_as(db.session(), access.SYSTEM)
        key = db.session.scalars(select(Party.id).where(Party.owner_id == standing["manager"]).limit(1)).one()
        db.session.remove()

    def writer(number: int) -> int:
        browser = Browser(app.test_client()).sign_in("manager")
        done = 0
        for turn in range(4):
            seen = browser.get(f"/api/v1/party/{key}").json["result"]["version"]
            body = {"note": f"{number}-{turn}", "version": seen}
            answer = browser.api("PUT", f"/api/v1/party/{key}", json=body)
            assert answer.status_code in {200, 409}, answer.text
            done += answer.status_code == 200
        return done

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(writer, range(4)))
    with app.app_context():
        access.act_as(db.session(), access.SYSTEM)
        assert db.session.get(Party, key).version == 1 + done
        db.session.remove()
    assert done >= 4


def test_parties_are_saved_by_their_service_on_every_door(app: Flask):
    doors = [view.datamodel for view in app.appbuilder.baseviews if getattr(view, "datamodel", None) is not None]
    assert {door.save for door in doors if door.obj is Party} == {parties.save}
