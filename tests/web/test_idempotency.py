"""The same creating request twice makes one record."""

from sqlalchemy import func, select

from app.models.party import Party
from tests.attack import attack

BODY = {"name": "Tulpen", "country": "NL"}


def count(session):
    return session.execute(select(func.count()).select_from(Party)).scalar_one()


def test_a_retry_with_the_same_key_gets_the_same_record(as_user, session):
    office = as_user("office")
    first = office.api("POST", "/api/v1/party/", json=BODY, headers={"Idempotency-Key": "k-1"})
    again = office.api("POST", "/api/v1/party/", json=BODY, headers={"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(session) == 1


def test_the_same_key_with_another_body_is_refused(as_user, session):
    office = as_user("office")
    office.api("POST", "/api/v1/party/", json=BODY, headers={"Idempotency-Key": "k-1"})
    other = office.api("POST", "/api/v1/party/", json=BODY | {"name": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422
    assert list(other.json["message"]) == ["Idempotency-Key"]
    assert count(session) == 1


def test_a_refused_request_may_be_sent_again_corrected_with_its_key(as_user, session):
    office = as_user("office")
    wrong = BODY | {"tax_number": "NL000000000B00"}
    headers = {"Idempotency-Key": "k-1"}
    assert office.api("POST", "/api/v1/party/", json=wrong, headers=headers).status_code == 422
    assert office.api("POST", "/api/v1/party/", json=BODY, headers=headers).status_code == 201
    assert count(session) == 1


@attack(92, "the idempotency key of another")
def test_keys_of_two_users_do_not_meet(as_user, session):
    for name in ("office", "accountant"):
        answer = as_user(name).api("POST", "/api/v1/party/", json=BODY, headers={"Idempotency-Key": "k-1"})
        assert answer.status_code == 201
    assert count(session) == 2


def test_a_double_click_on_a_form_makes_one_record(as_user, session):
    office = as_user("office")
    form = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl", "form_key": "form-1"}
    first, second = office.post("/party/add", form), office.post("/party/add", form)
    assert first.headers["Location"] == second.headers["Location"]
    assert count(session) == 1
