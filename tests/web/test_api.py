"""REST: what it answers, what it refuses and in which shape, and that its description says all of it."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from openapi_spec_validator import validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.team import Team
from app.views.party import PartyApi
from app.web import records
from app.web.api import CrudApi
from tests.attack import attack
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user

PARTIES = "/api/v1/party/"


def rison(**wish: Any) -> str:
    """Return the `q` argument; JSON is understood as well as rison."""
    return f"?q={quote(json.dumps(wish))}"


@pytest.fixture
def office(as_user: Callable[[str], Browser]) -> Browser:
    return as_user("office")


def stored(session: Session, party_id: int) -> Party:
    session.expire_all()
    found = session.get(Party, party_id)
    assert found is not None
    return found


# --- one record -------------------------------------------------------------------------------------------------------


def test_a_record_is_made_read_changed_and_deleted(as_user: Callable[[str], Browser], session: Session):
    admin = as_user("admin")
    body = {"name": "Tulpen B.V.", "country": "NL", "credit_limit": "1250.50", "is_customer": True}
    made = admin.api("POST", PARTIES, json=body)
    assert made.status_code == 201
    key = made.json["id"]
    result = made.json["result"]
    assert (result["name"], result["credit_limit"], result["is_customer"]) == ("Tulpen B.V.", "1250.5", True)
    assert (result["kind"], result["version"], result["owner"]["text"]) == ("company", 1, "Admin Countinghouse")
    changed = admin.api("PUT", f"{PARTIES}{key}", json={"note": "call on Monday", "version": 1})
    assert (changed.status_code, changed.json["result"]["version"]) == (200, 2)
    read = admin.get(f"{PARTIES}{key}").json
    assert (read["id"], read["result"]["note"]) == (key, "call on Monday")
    assert admin.api("DELETE", f"{PARTIES}{key}").json == {"message": "OK"}
    assert admin.get(f"{PARTIES}{key}").status_code == 404
    assert session.scalar(select(func.count(Party.id))) == 0


def test_the_tags_of_a_record_are_read_with_it_and_put_as_a_whole(as_user: Callable[[str], Browser], made: Made):
    party = made.party("Tagged", owner_id=made.user("manager").id)
    made.session.commit()
    manager, address = as_user("manager"), f"{PARTIES}{party.id}"
    assert manager.get(address).json["result"]["tags"] == []
    put = manager.api("PUT", f"{address}/tags", json={"tags": ["VIP", "Trade fair", "vip"]})
    assert (put.status_code, put.json["result"]["tags"]) == (200, ["Trade fair", "VIP"])
    manager.api("PUT", f"{address}/tags", json={"tags": ["Fair 2026", "VIP"]})
    assert manager.get(address).json["result"]["tags"] == ["Fair 2026", "VIP"]


@pytest.mark.parametrize(
    ("username", "body", "status"),
    [
        ("manager", {"tags": ["x" * 41]}, 422),
        ("manager", {"tags": [" "]}, 422),
        ("manager", {"tags": [f"t{at}" for at in range(21)]}, 422),
        ("manager", {}, 422),
        ("manager", ["VIP"], 422),
        ("auditor", {"tags": ["Mine"]}, 403),
        ("manager2", {"tags": ["Mine"]}, 404),
    ],
)
def test_tags_that_cannot_be_are_refused(
    as_user: Callable[[str], Browser], made: Made, username: str, body: Any, status: int
):
    party = made.party("Tagged", owner_id=made.user("manager").id)
    made.session.commit()
    assert as_user(username).api("PUT", f"{PARTIES}{party.id}/tags", json=body).status_code == status
    assert as_user("manager").get(f"{PARTIES}{party.id}").json["result"]["tags"] == []


def test_a_resource_shows_exactly_what_it_declares(office: Browser, made: Any, session: Session, app: Flask):
    party = made.party("Tulpen")
    session.commit()
    api = next(view for view in app.appbuilder.baseviews if type(view).__name__ == "PartyApi")
    result = office.get(f"{PARTIES}{party.id}").json["result"]
    assert set(result) == {"id", *api.show_columns, "version", "created_at", "changed_at", "tags"}
    row = office.get(PARTIES).json["result"][0]
    assert set(row) == {"id", *api.list_columns}


def test_money_is_a_string_with_a_dot(office: Browser, session: Session):
    for given, kept in (("12.00", "12"), ("12.5", "12.5"), ("0.0001", "0.0001"), (7, "7")):
        answer = office.api("POST", PARTIES, json={"name": "M", "country": "NL", "credit_limit": given})
        assert answer.json["result"]["credit_limit"] == kept
        assert stored(session, answer.json["id"]).credit_limit == Decimal(kept)


NO_AMOUNTS = [
    1.5,
    "1,5",
    "1e3",
    "abc",
    "",
    " 1",
    "١٢",
    "NaN",
    "Infinity",
    True,
    [],
    {},
    "0.00001",
    "1" * 40,
    "--1",
    "-1",
]


def test_what_is_no_amount_is_refused_at_its_field(office: Browser, session: Session):
    for value in NO_AMOUNTS:
        answer = office.api("POST", PARTIES, json={"name": "M", "country": "NL", "credit_limit": value})
        assert answer.status_code == 422
        assert list(answer.json) == ["message"]
        [(name, texts)] = answer.json["message"].items()
        assert name in {"credit_limit", ""}
        assert all(isinstance(text, str) for text in texts)
        assert session.scalar(select(func.count(Party.id))) == 0


REFUSED = [
    ("name", None),
    ("name", ""),
    ("name", "   "),
    ("name", 5),
    ("name", ["x"]),
    ("name", "x" * 251),
    ("kind", "robot"),
    ("kind", 1),
    ("kind", None),
    ("country", "XX1"),
    ("country", "ZZ"),
    ("language", "toolong"),
    ("is_customer", "yes"),
    ("is_customer", None),
    ("birthday", "31.03.2026"),
    ("birthday", "2026-02-30"),
    ("birthday", 20260331),
    ("tax_number", "NL000000000B00"),
    ("email", "no address"),
    ("owner", "1"),
    ("owner", {"id": 1}),
    ("owner", 10**30),
    ("owner", -1),
    ("team", True),
    ("note", {"a": 1}),
]


def test_a_refusal_is_422_with_texts_at_the_field_and_nothing_is_stored(office: Browser, session: Session):
    for name, value in REFUSED:
        answer = office.api("POST", PARTIES, json={"name": "Tulpen", "country": "NL", name: value})
        assert answer.status_code == 422, answer.text
        assert list(answer.json) == ["message"]
        assert list(answer.json["message"]) == [name]
        assert all(isinstance(text, str) and text for text in answer.json["message"][name])
        assert session.scalar(select(func.count(Party.id))) == 0


def test_several_refusals_come_in_one_answer(office: Browser):
    body = {"name": "Tulpen", "country": "NL", "tax_number": "1", "email": "x"}
    answer = office.api("POST", PARTIES, json=body)
    assert answer.status_code == 422
    assert set(answer.json["message"]) == {"tax_number", "email"}


NO_FIELDS = [
    "id",
    "version_id",
    "created_at",
    "search_text",
    "name_key",
    "owner_id",
    "archived_at",
    "nonsense",
    "__class__",
]


def test_a_field_that_is_not_declared_is_refused(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    for name in NO_FIELDS:
        answer = office.api("POST", PARTIES, json={"name": "Tulpen", "country": "NL", name: 1})
        assert (answer.status_code, list(answer.json["message"])) == (422, [name])
        answer = office.api("PUT", f"{PARTIES}{party.id}", json={name: 1})
        assert (answer.status_code, list(answer.json["message"])) == (422, [name])
        assert stored(session, party.id).version == 1


NO_JSON = [b"", b"{", b"nonsense", b"\xff\xfe", b'{"name": "x",}']


def test_a_body_that_is_not_json_gets_400(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    for body in NO_JSON:
        for method, path in (("POST", PARTIES), ("PUT", f"{PARTIES}{party.id}")):
            answer = office.api(method, path, data=body, content_type="application/json")
            assert answer.status_code == 400, answer.text
            assert list(answer.json) == ["message"]


NO_OBJECTS = ["[]", "null", '"x"', "1", "true", "[1, 2]"]


def test_json_that_is_no_object_gets_422(office: Browser):
    for body in NO_OBJECTS:
        answer = office.api("POST", PARTIES, data=body, content_type="application/json")
        assert answer.status_code == 422
        assert list(answer.json) == ["message"]


def test_a_form_is_no_json(office: Browser):
    answer = office.api("POST", PARTIES, data={"name": "x"})
    assert answer.status_code == 415
    assert list(answer.json) == ["message"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_text_that_no_database_keeps_is_refused(office: Browser, session: Session, text: str):
    for body in ({"name": text, "country": "NL"}, {"name": "x", "country": "NL", "note": text}, {"name": [text]}):
        assert office.api("POST", PARTIES, data=json.dumps(body), content_type="application/json").status_code == 400
    assert session.scalar(select(func.count(Party.id))) == 0


def test_names_of_all_scripts_come_back_as_given(office: Browser):
    for name in ("Ромашка «Ёж»", "Երևան", "日本", "🌷 Tulpen", "שלום", "<b>&amp;\"'"):
        answer = office.api("POST", PARTIES, json={"name": name, "country": "NL"})
        assert answer.json["result"]["name"] == name


def test_a_stale_version_gets_409_and_changes_nothing(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    assert office.api("PUT", f"{PARTIES}{party.id}", json={"name": "First", "version": 1}).status_code == 200
    answer = office.api("PUT", f"{PARTIES}{party.id}", json={"name": "Second", "version": 1})
    assert answer.status_code == 409
    assert answer.json["message"].startswith("Somebody else")
    assert (stored(session, party.id).name, stored(session, party.id).version) == ("First", 2)


@attack(106, "which ids exist, over REST")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_id_and_a_foreign_one_get_the_same_404(
    as_user: Callable[[str], Browser], made: Any, session: Session, method: str
):
    foreign = made.party("Foreign", owner="manager2")
    session.commit()
    who = as_user("admin" if method == "DELETE" else "manager")
    if method == "DELETE":
        from flask_appbuilder.security.sqla.models import Role

        manager = user(session, "manager")
        right = session.execute(select(Role).where(Role.name == "Admin")).unique().scalar_one().permissions
        manager.roles[0].permissions = list(right)
        session.commit()
        who = as_user("manager")
    body = {"json": {"name": "Mine now"}} if method == "PUT" else {}
    known = who.api(method, f"{PARTIES}{foreign.id}", **body)
    unknown = who.api(method, f"{PARTIES}9999999", **body)
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json) == (404, {"message": "Not found"})
    assert (stored(session, foreign.id).name, stored(session, foreign.id).version) == ("Foreign", 1)


NO_KEYS = ["abc", "1.0", "-1", "9" * 30, "1%20or%201=1", "%00"]


def test_a_key_that_is_no_number_is_unknown(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    for key in NO_KEYS:
        assert admin.get(f"{PARTIES}{key}").status_code == 404
        assert admin.api("PUT", f"{PARTIES}{key}", json={"name": "x"}).status_code == 404
        assert admin.api("DELETE", f"{PARTIES}{key}").status_code == 404


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(made: Any, session: Session) -> list[Party]:
    about = [("Delta", "NL"), ("Alpha", "RU"), ("Echo", "NL"), ("Bravo", "AM"), ("Charlie", "NL")]
    found = [made.party(name, country=country, owner="office") for name, country in about]
    found[0].email = "delta_1@example.org"
    found[2].email = "deltaX1@example.org"
    session.commit()
    return found


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json["result"]]


def where(column: str, operator: str, value: Any) -> str:
    return rison(filters=[{"col": column, "opr": operator, "value": value}])


def test_a_list_is_in_its_declared_order_and_pages(office: Browser, five: list[Party]):
    assert names(office.get(PARTIES)) == ["Alpha", "Bravo", "Charlie", "Delta", "Echo"]
    assert names(office.get(PARTIES + rison(page=0, page_size=2))) == ["Alpha", "Bravo"]
    assert names(office.get(PARTIES + rison(page=2, page_size=2))) == ["Echo"]
    assert names(office.get(PARTIES + rison(page=9, page_size=2))) == []
    descending = rison(order_column="name", order_direction="desc", page_size=2)
    assert names(office.get(PARTIES + descending)) == ["Echo", "Delta"]
    assert office.get(PARTIES + descending).json["count"] == 5
    assert names(office.get(f"{PARTIES}?q=(page:1,page_size:2)")) == ["Charlie", "Delta"]


def test_filters_compare_by_type(office: Browser, five: list[Party], session: Session):
    assert names(office.get(PARTIES + where("country", "eq", "NL"))) == ["Charlie", "Delta", "Echo"]
    assert names(office.get(PARTIES + where("country", "neq", "NL"))) == ["Alpha", "Bravo"]
    assert names(office.get(PARTIES + where("country", "in", ["AM", "RU"]))) == ["Alpha", "Bravo"]
    assert names(office.get(PARTIES + where("name", "ct", "a"))) == ["Alpha", "Bravo", "Charlie", "Delta"]
    assert names(office.get(PARTIES + where("name", "sw", "c"))) == ["Charlie"]
    assert names(office.get(PARTIES + where("owner", "eq", user(session, "office").id))) == [
        "Alpha", "Bravo", "Charlie", "Delta", "Echo",
    ]  # fmt: skip
    assert names(office.get(PARTIES + where("team", "empty", True))) == ["Alpha", "Bravo", "Charlie", "Delta", "Echo"]
    assert names(office.get(PARTIES + where("kind", "eq", "person"))) == []
    both = [{"col": "country", "opr": "eq", "value": "NL"}, {"col": "name", "opr": "ct", "value": "e"}]
    assert names(office.get(PARTIES + rison(filters=both))) == ["Charlie", "Delta", "Echo"]


def test_wildcards_of_a_filter_are_plain_letters(office: Browser, five: list[Party]):
    assert names(office.get(PARTIES + where("email", "ct", "delta_1"))) == ["Delta"]
    assert names(office.get(PARTIES + where("email", "ct", "%"))) == []
    assert names(office.get(PARTIES + where("email", "sw", "\\"))) == []


NO_FILTERS = [
    ("search_text", "ct", "a"),
    ("note", "ct", "a"),
    ("owner.password", "sw", "scrypt"),
    ("owner_id", "eq", 1),
    ("credit_limit", "ge", 1),
    ("__class__", "eq", "x"),
    ("nonsense", "eq", "x"),
    ("name", "rel_o_m", 1),
    ("name", "regexp", "x"),
    ("kind", "ct", "comp"),
    ("kind", "eq", "robot"),
    ("owner", "eq", "abc"),
    ("owner", "ct", "a"),
    ("owner", "eq", 2**70),
    ("changed_at", "ge", "someday"),
    ("country", "eq", ["NL"]),
    ("country", "eq", {"a": 1}),
]


def test_a_filter_that_is_not_declared_or_makes_no_sense_gets_400(office: Browser, five: list[Party]):
    for column, operator, value in NO_FILTERS:
        answer = office.get(PARTIES + where(column, operator, value))
        assert answer.status_code == 400, answer.text
        assert list(answer.json) == ["message"]
        assert "scrypt" not in answer.text


NO_ORDERS = ["owner.password", "note", "search_text", "owner", "id; drop table party", "1", "__init__"]


def test_an_order_that_is_not_declared_gets_400(office: Browser, five: list[Party]):
    for column in NO_ORDERS:
        assert office.get(PARTIES + rison(order_column=column, order_direction="asc")).status_code == 400


NO_QUESTIONS = [
    "?q=(",
    "?q=!!!",
    "?q=%FF",
    "?q=[1]",
    '?q="x"',
    "?q=1",
    rison(page="x"),
    rison(page_size="x"),
    rison(filters="x"),
    rison(filters=[{"col": "name"}]),
    rison(filters=[{"col": 1, "opr": "eq", "value": 1}]),
    rison(columns="name"),
    rison(order_column=["name"], order_direction="asc"),
    rison(order_column="name", order_direction="sideways"),
]


def test_a_list_question_that_cannot_be_read_gets_400(office: Browser):
    for query in NO_QUESTIONS:
        answer = office.get(PARTIES + query)
        assert answer.status_code == 400, answer.text


SIZES = [(-1, 100), (0, 20), (10**9, 100), (101, 100), (1, 1)]


def test_a_page_holds_at_most_a_hundred(office: Browser, made: Any, session: Session):
    for number in range(101):
        made.party(f"P {number:03}")
    session.commit()
    for size, rows in SIZES:
        answer = office.get(PARTIES + rison(page=0, page_size=size))
        assert (answer.json["count"], len(answer.json["result"])) == (101, rows)


FAR = [-1, -(10**12), 10**12, 2**70]


def test_a_page_far_out_is_empty_or_the_first(office: Browser, five: list[Party]):
    for page in FAR:
        answer = office.get(PARTIES + rison(page=page, page_size=2))
        assert answer.status_code == 200
        assert names(answer) == (["Alpha", "Bravo"] if page < 0 else [])


def test_columns_can_be_chosen_among_the_declared(office: Browser, five: list[Party]):
    rows = office.get(PARTIES + rison(columns=["name", "owner.password", "search_text", "note"])).json["result"]
    assert [set(row) for row in rows] == [{"name"}] * 5
    one = office.get(f"{PARTIES}{five[0].id}" + rison(columns=["id", "name", "search_text"])).json["result"]
    assert set(one) == {"id", "name"}


def test_counting_stops_at_the_cap(office: Browser, five: list[Party], monkeypatch: pytest.MonkeyPatch):
    from app.web import api

    for module in (records, api):
        monkeypatch.setattr(module, "COUNT_CAP", 3)
    answer = office.get(PARTIES).json
    assert (answer["count"], answer["count_capped"]) == (3, True)
    assert len(answer["result"]) == 5
    monkeypatch.setattr(records, "COUNT_CAP", 5)
    monkeypatch.setattr(api, "COUNT_CAP", 5)
    answer = office.get(PARTIES).json
    assert (answer["count"], answer["count_capped"]) == (5, False)


def test_search_finds_by_part_of_a_name(office: Browser, five: list[Party]):
    assert names(office.get(f"{PARTIES}?search=arli")) == ["Charlie"]
    assert names(office.get(f"{PARTIES}?search=%22%27%20OR%201")) == []
    assert office.get(f"{PARTIES}?search={'x' * 5000}").json["count"] == 0


def test_info_tells_columns_and_rights_but_no_rows(office: Browser, five: list[Party]):
    answer = office.get(f"{PARTIES}_info")
    assert answer.status_code == 200
    owner = next(column for column in answer.json["add_columns"] if column["name"] == "owner")
    assert (owner.get("count", 0), owner.get("values", [])) == (0, [])
    assert "Olga" not in answer.text
    assert "Delta" not in answer.text


# --- verbs ------------------------------------------------------------------------------------------------------------


def test_a_verb_by_rest_does_what_the_button_does(office: Browser, made: Any, session: Session):
    by_rest, by_button = made.party("By REST"), made.party("By button")
    session.commit()
    answer = office.api("POST", f"{PARTIES}{by_rest.id}/archive")
    assert (answer.status_code, answer.json["result"]["archived_at"] is not None) == (200, True)
    assert office.post(f"/party/{by_button.id}/archive").status_code == 302
    assert stored(session, by_rest.id).is_archived
    assert stored(session, by_button.id).is_archived
    assert stored(session, by_rest.id).version == stored(session, by_button.id).version == 2


def test_a_refused_verb_is_422_at_its_field(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    answer = office.api("POST", f"{PARTIES}{party.id}/restore")
    assert (answer.status_code, answer.json) == (
        422,
        {"message": {"archived_at": ["“Tulpen” is not in the archive"]}},
    )
    assert stored(session, party.id).version == 1


def test_verbs_need_their_own_right_and_exist(as_user: Callable[[str], Browser], made: Any, session: Session):
    party = made.party("Tulpen", owner="manager")
    session.commit()
    manager = as_user("manager")
    answer = manager.api("POST", f"{PARTIES}{party.id}/archive")
    assert (answer.status_code, "party.archive" in answer.json["message"]) == (403, True)
    assert manager.api("POST", f"{PARTIES}{party.id}/explode").status_code == 404
    assert not stored(session, party.id).is_archived


def test_a_verb_that_takes_nothing_refuses_a_body(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    for body in ({"archived_at": "2020-01-01"}, ["x"], "x", 1):
        answer = office.api("POST", f"{PARTIES}{party.id}/archive", json=body)
        assert answer.status_code == 422
        assert not stored(session, party.id).is_archived
    assert office.api("POST", f"{PARTIES}{party.id}/archive", json={}).status_code == 200


# --- rights and ways in -----------------------------------------------------------------------------------------------


def test_a_bearer_token_needs_no_form_token_and_has_its_owners_rights(app: Flask, made: Any, session: Session):
    mine, foreign = made.party("Mine", owner="manager"), made.party("Foreign", owner="manager2")
    session.commit()
    client = app.test_client()
    login = {"username": "manager", "password": PASSWORD, "provider": "db"}
    token = client.post("/api/v1/security/login", json=login).json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(PARTIES, headers=headers).json["ids"] == [mine.id]
    made_one = client.post(PARTIES, json={"name": "By token", "country": "NL"}, headers=headers)
    assert (made_one.status_code, made_one.json["result"]["owner"]["text"]) == (201, "Mark Manager")
    assert client.put(f"{PARTIES}{foreign.id}", json={"name": "x"}, headers=headers).status_code == 404
    assert client.delete(f"{PARTIES}{mine.id}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PARTIES), ("POST", PARTIES), ("PUT", f"{PARTIES}1"), ("DELETE", f"{PARTIES}1")]
)
def test_nobody_gets_401(app: Flask, rolled_back: Any, method: str, path: str):
    answer = app.test_client().open(path, method=method, json={"name": "x"} if method != "GET" else None)
    assert answer.status_code == 401
    assert list(answer.json) == ["message"]


def test_a_missing_right_gets_403(as_user: Callable[[str], Browser], made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    auditor = as_user("auditor")
    assert auditor.get(f"{PARTIES}{party.id}").status_code == 200
    assert auditor.api("POST", PARTIES, json={"name": "x"}).status_code == 403
    assert auditor.api("PUT", f"{PARTIES}{party.id}", json={"name": "x"}).status_code == 403
    assert auditor.api("DELETE", f"{PARTIES}{party.id}").status_code == 403
    assert stored(session, party.id).name == "Tulpen"


def test_a_record_others_hang_on_or_a_taken_name_is_a_refusal_not_an_error(
    as_user: Callable[[str], Browser], session: Session
):
    admin = as_user("admin")
    answer = admin.api("POST", "/api/v1/team/", json={"name": "north"})
    assert (answer.status_code, answer.json) == (422, {"message": {"name": ["This value is already in use"]}})
    north = session.scalars(select(Team).where(Team.name == "north")).one()
    answer = admin.api("PUT", f"/api/v1/team/{north.id}", json={"name": "south"})
    assert (answer.status_code, answer.json) == (422, {"message": {"name": ["This value is already in use"]}})


def test_no_team_stands_below_itself(as_user: Callable[[str], Browser], session: Session):
    admin = as_user("admin")
    teams = {team.name: team for team in session.scalars(select(Team))}
    sales, north = teams["sales"], teams["north"]
    refusal = "A team cannot stand below itself or below one of its own teams"
    for parent in (sales, north):
        answer = admin.api("PUT", f"/api/v1/team/{sales.id}", json={"parent": parent.id})
        assert (answer.status_code, answer.json) == (422, {"message": {"parent": [refusal]}}), parent.name
        typed = {"name": "sales", "parent": str(parent.id), "record_version": str(sales.version)}
        page = admin.post(f"/team/edit/{sales.id}", typed)
        assert (page.status_code, refusal in page.text) == (422, True), parent.name
    session.expire_all()
    assert (sales.parent_id, north.parent_id) == (None, sales.id)
    assert admin.api("PUT", f"/api/v1/team/{north.id}", json={"parent": teams["south"].id}).status_code == 200


# --- the description --------------------------------------------------------------------------------------------------


@pytest.fixture
def spec(office: Browser) -> dict[str, Any]:
    answer = office.get("/api/v1/_openapi")
    assert answer.status_code == 200
    return dict(answer.json)


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield path, method, operation


def test_the_description_is_valid_openapi(spec: dict[str, Any]):
    validate(spec)


def test_every_address_of_rest_is_described(app: Flask, spec: dict[str, Any]):
    described = {(path, method) for path, method, _operation in operations(spec)}
    missing = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", str(rule))
        if not path.startswith("/api/v1/"):
            continue
        views = {type(view).__name__: view for view in app.appbuilder.baseviews}
        view = views[rule.endpoint.partition(".")[0]]
        paths = [path]
        if path.endswith("/{verb}"):
            paths = [path.replace("{verb}", verb.name) for verb in view.verbs]
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            missing |= {(one, method.lower()) for one in paths if (one, method.lower()) not in described}
    assert missing == set()


def test_nothing_is_described_that_is_not_there(app: Flask, spec: dict[str, Any]):
    adapter = app.url_map.bind("localhost")
    for path, method, _operation in operations(spec):
        filled = path.replace("{pk}", "1").replace("{version}", "v1")
        assert adapter.match(filled, method=method.upper()), (path, method)


def test_every_operation_says_what_comes_back_and_what_goes_in(app: Flask, spec: dict[str, Any]):
    ids = []
    views = [view for view in app.appbuilder.baseviews if hasattr(view, "verbs")]
    plain = {"refresh", *(verb.name for view in views for verb in view.verbs if not verb.arguments)}
    for path, method, operation in operations(spec):
        where_ = f"{method} {path}"
        assert operation["responses"], where_
        assert any(code.startswith("2") for code in operation["responses"]), where_
        for code, response in operation["responses"].items():
            assert response.get("description") or "$ref" in response, f"{where_} {code}"
        if method in {"post", "put"} and path.rsplit("/", 1)[1] not in plain:
            content = operation["requestBody"]["content"]["application/json"]
            assert "$ref" in content["schema"] or content["schema"]["properties"], where_
        if not path.startswith("/api/v1/security/"):
            assert operation["security"], where_
        assert operation.get("summary") or operation.get("description"), where_
        ids.append(operation.get("operationId"))
    given = [one for one in ids if one]
    assert len(given) == len(set(given))


def test_the_described_schemas_are_those_that_work(app: Flask, spec: dict[str, Any]):
    api = next(view for view in app.appbuilder.baseviews if type(view).__name__ == "PartyApi")
    schemas = spec["components"]["schemas"]
    assert set(schemas["PartyIn"]["properties"]) == set(api.add_columns)
    assert set(schemas["PartyChange"]["properties"]) == {*api.edit_columns, "version"}
    assert set(schemas["PartyOut"]["properties"]) == {
        "id",
        *api.show_columns,
        "version",
        "created_at",
        "changed_at",
        "tags",
    }
    assert schemas["PartyIn"]["required"] == ["name"]
    assert schemas["PartyIn"]["properties"]["credit_limit"]["type"] == "string"
    assert schemas["PartyIn"]["properties"]["kind"]["enum"] == ["company", "person"]
    assert schemas["PartyIn"]["properties"]["owner"]["type"] == "integer"
    leaked = [name for name in schemas for word in ("User", "Role", "Permission") if name.startswith(word)]
    assert leaked == []


def test_the_example_of_a_party_is_accepted_as_it_stands(office: Browser, spec: dict[str, Any]):
    operation = spec["paths"]["/api/v1/party/"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    answer = office.api("POST", PARTIES, json=example)
    assert answer.status_code == 201, answer.text
    assert {name: answer.json["result"][name] for name in example} == example


def test_nobody_reads_the_description(visitor: Browser):
    assert visitor.get("/api/v1/_openapi").status_code == 401


def test_no_answer_of_rest_is_a_page(office: Browser, made: Any, session: Session):
    party = made.party("Tulpen")
    session.commit()
    paths = [
        PARTIES,
        f"{PARTIES}{party.id}",
        f"{PARTIES}9999",
        "/api/v1/nonsense",
        "/api/v1/party/1/archive",
        "/api/v2/x",
    ]
    for path, method in itertools.product(paths, ["GET", "POST", "PUT", "DELETE", "PATCH"]):
        answer = office.api(method, path, json={})
        assert answer.status_code < 500, (method, path)
        assert answer.content_type.startswith("application/json"), (method, path, answer.content_type)


def test_a_mistake_of_the_program_is_no_missing_record(
    office: Browser, session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
):
    """A KeyError in a rule must be seen as what it is, not pass for "there is no such record"."""
    party = made.party("Tulpen & Zonen B.V.")
    session.commit()

    def mistake(*_given: Any, **_told: Any) -> None:
        raise KeyError("a misspelt name")

    monkeypatch.setattr(PartyApi, "verbs", [replace(PartyApi.verbs[0], act=mistake)])
    assert office.api("POST", f"/api/v1/party/{party.id}/archive").status_code == 500
    monkeypatch.setattr(PartyApi.datamodel, "save", mistake)
    assert office.api("PUT", f"/api/v1/party/{party.id}", json={"name": "Other"}).status_code == 500
    assert office.api("POST", f"/api/v1/party/{party.id + 1}/archive").status_code == 404
    assert office.api("PUT", f"/api/v1/party/{party.id + 1}", json={"name": "Other"}).status_code == 404


def test_fields_beyond_the_columns_need_somebody_who_stores_them():
    declared = {name: getattr(PartyApi, name) for name in ("list_columns", "show_columns", "add_columns")}
    declared |= {name: getattr(PartyApi, name) for name in ("edit_columns", "search_columns", "order_columns")}
    with pytest.raises(TypeError, match="declares more_in"):
        type("Forgetful", (CrudApi,), declared | {"datamodel": PartyApi.datamodel, "more_in": {"extra": object()}})
