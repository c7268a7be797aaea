"""Orders that a shop sends over REST: the same number makes one order, the customer comes along."""

import pytest
from sqlalchemy import func, select

from app.models.party import Party
from app.models.sale_order import SaleOrder


@pytest.fixture
def body(session, made) -> dict:
    made.organisation()
    tax = made.tax()
    session.commit()
    return {
        "external_source": "webshop",
        "external_id": "100024",
        "customer": {"external_id": "C-17", "name": "Bloemen Jansen", "country": "NL", "email": "j@example.org"},
        "currency": "EUR",
        "lines": [{"text": "Tulips", "quantity": "2", "unit_price": "10.00", "tax": tax.id}],
    }


def count(session) -> tuple[int, int]:
    return tuple(session.scalar(select(func.count()).select_from(of)) for of in (SaleOrder, Party))


def test_a_number_makes_one_order_and_one_customer(as_user, session, body):
    robot = as_user("robot")
    first = robot.api("POST", "/api/v1/order/", json=body)
    assert first.status_code == 201, first.json
    again = robot.api("POST", "/api/v1/order/", json=body)
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(session) == (1, 1)
    other = robot.api("POST", "/api/v1/order/", json=body | {"external_id": "100025"})
    assert other.status_code == 201
    assert count(session) == (2, 1)
    order = session.get(SaleOrder, first.json["id"])
    assert (order.external_source, order.party.name, order.party.is_customer) == ("webshop", "Bloemen Jansen", True)


def test_another_order_with_the_same_number_is_a_conflict_and_changes_nothing(as_user, session, body):
    robot = as_user("robot")
    robot.api("POST", "/api/v1/order/", json=body)
    refused = robot.api("POST", "/api/v1/order/", json=body | {"note": "Other"})
    assert refused.status_code == 409
    assert "belongs to another order" in refused.json["message"]
    assert (count(session), session.scalars(select(SaleOrder.note)).all()) == ((1, 1), [None])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"external_source": None}, "external_id"),
        ({"customer": {"external_id": "C-18"}}, "customer"),
        ({"customer": None}, "customer"),
        ({"lines": [{"text": "Tulips", "quantity": "0", "unit_price": "1", "tax": 1}]}, "lines-0-quantity"),
    ],
)
def test_what_is_wrong_makes_neither_order_nor_customer(as_user, session, body, change, field):
    refused = as_user("robot").api("POST", "/api/v1/order/", json=body | change)
    assert refused.status_code == 422, refused.json
    assert field in refused.json["message"] or "lines" in refused.json["message"], refused.json
    assert count(session) == (0, 0)
