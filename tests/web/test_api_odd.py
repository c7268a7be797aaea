"""What was found by sending REST what nobody sends: each once more, by its plain request. Nothing is stored."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from app.models.deleted_record import DeletedRecord
from app.models.party import Party
from app.models.payment_term import PaymentTerm
from app.services import access
from app.services import bin as bins
from tests.conftest import Browser
from tests.factories import user

PARTIES, TERMS = "/api/v1/party/", "/api/v1/payment_term/"
NESTS = [
    "[" * 100_000,
    '{"name":' * 5000 + "1" + "}" * 5000,
    '{"name": ' + "[" * 900 + "]" * 900 + "}",
    '{"name": ' + "[" * 60 + "]" * 60 + "}",
]


@pytest.fixture
def admin(as_user: Any) -> Browser:
    return as_user("admin")


def described(admin: Browser, path: str, method: str, status: str) -> Any:
    found = admin.get("/api/v1/_openapi").json
    return found["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("body", NESTS, ids=["lists", "objects", "at the limit of the parser", "too deep for us"])
def test_a_body_that_is_nested_without_end_is_no_body(admin, made, session, body):
    party = made.party("Tulpen")
    session.commit()
    addresses = [("POST", PARTIES), ("PUT", f"{PARTIES}{party.id}"), ("POST", f"{PARTIES}{party.id}/archive")]
    for method, path in addresses:
        answer = admin.api(method, path, data=body, content_type="application/json")
        assert (answer.status_code, list(answer.json)) == (400, ["message"])
    signing_in = admin.client.post("/api/v1/security/login", data=body, content_type="application/json")
    assert signing_in.status_code == 400
    session.expire_all()
    assert [(one.name, one.archived_at) for one in session.scalars(select(Party))] == [("Tulpen", None)]


@pytest.mark.parametrize("sign", ["(", "[", "{", "!("])
def test_a_question_that_is_nested_without_end_is_refused(admin, made, session, sign):
    party = made.party("Tulpen")
    session.commit()
    for path in (PARTIES, f"{PARTIES}{party.id}", f"{PARTIES}_info"):
        answer = admin.get(f"{path}?q={quote(sign * 3000)}")
        assert (answer.status_code, list(answer.json)) == (400, ["message"])
    wanted = json.dumps({"filters": [{"col": "name", "opr": "ct", "value": "((Tul"}]})
    assert admin.get(f"{PARTIES}?q={quote(wanted)}").json["count"] == 0


def test_names_in_the_question_of_info_are_no_arguments_of_ours(admin):
    plain = admin.get(f"{PARTIES}_info").json
    for question in (
        "(self:1)",
        "(response:1,func:2)",
        "(add_columns:(cols:(page:1)))",
        "(add_columns:(name:(page:9)))",
    ):
        answer = admin.get(f"{PARTIES}_info?q={quote(question)}")
        assert (answer.status_code, answer.json) == (200, plain), question
    assert list(admin.get(f"{PARTIES}_info?q={quote('(keys:!(permissions))')}").json) == ["permissions"]


NO_STEPS = [140, "days", {"days": 1}, ["days", 30], [[]], [["days", "30"]], [["days", 1, 2]], [[None]]]


@pytest.mark.parametrize("steps", NO_STEPS)
def test_steps_that_are_none_are_refused_at_their_field(admin, session, steps):
    before = session.scalar(select(func.count(PaymentTerm.id)))
    answer = admin.api("POST", TERMS, json={"name": "Odd", "steps": steps})
    assert (answer.status_code, list(answer.json["message"])) == (422, ["steps"])
    assert session.scalar(select(func.count(PaymentTerm.id))) == before


def test_steps_are_given_and_taken_as_described(admin, session):
    steps = [["days", 30], ["month_end"]]
    answer = admin.api("POST", TERMS, json={"name": "End of next month", "steps": steps})
    assert (answer.status_code, answer.json["result"]["steps"]) == (201, steps)
    shape = admin.get("/api/v1/_openapi").json["components"]["schemas"]["PaymentTermIn"]["properties"]["steps"]
    assert shape["items"]["items"]["anyOf"][0]["enum"] == ["days", "months", "month_end", "month_day"]


def test_an_address_that_is_no_number_is_unknown_whatever_one_does(admin, made, session):
    made.party("Tulpen")
    session.commit()
    for method in ("GET", "PUT", "DELETE"):
        assert admin.api(method, f"{PARTIES}null", json={"name": "x"}).status_code == 404
    assert session.scalar(select(func.count(Party.id))) == 1


def test_a_verb_that_makes_another_record_is_described_by_what_it_answers(admin, made, session):
    made.organisation()
    order = made.order(party=made.buyer(), owner=user(session, "admin"))
    session.commit()
    assert admin.api("POST", f"/api/v1/order/{order.id}/confirm").status_code == 200
    answer = admin.api("POST", f"/api/v1/order/{order.id}/invoice").json
    assert list(answer) == ["result"]
    assert list(answer["result"]) == ["id"]
    shape = described(admin, "/api/v1/order/{pk}/invoice", "post", "200")
    assert shape["required"] == ["result"]
    assert shape["properties"]["result"]["properties"] == {"id": {"type": "integer", "description": "id of a invoice"}}
    same = described(admin, "/api/v1/invoice/{pk}/copy", "post", "200")
    assert same["properties"]["result"] == {"$ref": "#/components/schemas/InvoiceOut"}


def test_what_is_deleted_for_good_answers_as_described(admin, made, session):
    actor = access.actor_of(session, user_id=user(session, "admin").id, name="admin", roles=["Admin"])
    thrown = bins.discard(session, made.party("Thrown"), actor=actor, at=made.party("Other").created_at)
    session.commit()
    answer = admin.api("POST", f"/api/v1/deleted_record/{thrown.id}/delete_for_good")
    assert (answer.status_code, answer.json) == (200, {"message": "OK"})
    shape = described(admin, "/api/v1/deleted_record/{pk}/delete_for_good", "post", "200")
    assert (shape["required"], shape["properties"]) == (["message"], {"message": {"type": "string"}})
    assert session.scalar(select(func.count(DeletedRecord.id))) == 0


def test_refusals_of_lines_are_described_as_they_come(admin, made, session):
    order = made.order()
    session.commit()
    body = {"lines": [{"text": "x", "quantity": "a"}]}
    answer = admin.api("PUT", f"/api/v1/order/{order.id}", json=body)
    assert answer.status_code == 422
    assert answer.json["message"]["lines"]["0"]["quantity"] == ["A decimal number as a string with a dot is expected."]
    shape = described(admin, "/api/v1/order/{pk}", "put", "422")
    assert shape["properties"]["message"]["additionalProperties"] == {"$ref": "#/components/schemas/Texts"}


def test_every_refusal_that_the_door_may_give_is_described(admin):
    for path, methods in admin.get("/api/v1/_openapi").json["paths"].items():
        for method, operation in methods.items():
            needed = {"400", "401"} | (set() if path.startswith("/api/v1/security") else {"403"})
            has_body = method in {"post", "put"} and not path.startswith("/api/v1/security")
            needed |= {"413", "415", "422"} if has_body else set()
            assert needed <= set(operation["responses"]), f"{method} {path}"


@pytest.mark.parametrize("question", ["2.1300244404083782e+195", "-1.7976931348623155e+", "(page:1.2.3)", "1-2"])
def test_a_question_that_flask_appbuilder_cannot_read_is_refused(admin, question):
    for path in (PARTIES, f"{PARTIES}_info"):
        assert admin.get(f"{path}?q={quote(question)}").status_code in {200, 400}, path
    assert admin.get(f"{PARTIES}_info?q={quote('1.2.3')}").status_code == 400


@pytest.mark.parametrize("number", [2**31, 2**33, 2**63, -(2**31) - 1])
def test_a_key_that_no_column_holds_is_unknown(admin, number):
    """Keys of users are of 32 bits, those of records of 64."""
    body = {"name": "Fair", "channel": "form", "receivers": [{"user": number}]}
    answer = admin.api("POST", "/api/v1/lead_source/", json=body)
    assert (answer.status_code, "Unknown id." in answer.text) == (422, True)
    wanted = json.dumps({"filters": [{"col": "owner", "opr": "eq", "value": number}]})
    assert admin.get(f"{PARTIES}?q={quote(wanted)}").status_code in {200, 400, 422}
    assert admin.get(f"{PARTIES}{abs(number)}").status_code == 404
    assert admin.get(f"/users/show/{abs(number)}").status_code == 404
    steps = json.dumps({"filters": [{"col": "version", "opr": "eq", "value": number}]})
    assert admin.get(f"/api/v1/payment_term/?q={quote(steps)}").status_code < 500


@pytest.mark.parametrize("month", ["Ü", "2026-13", "1969-12", "2026", "2026-1"])
def test_a_month_that_is_none_is_refused_as_described(admin, month):
    answer = admin.get(f"/api/v1/sales_plan/fact?month={quote(month)}")
    assert (answer.status_code, list(answer.json["message"])) == (422, ["month"])
    assert described(admin, "/api/v1/sales_plan/fact", "get", "422")
