"""Prices on screens and over REST: trying one, offers while one types, and what is for some only."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from app import clock
from app.models.discount_rule import DiscountRule
from app.models.party import Party
from app.models.price_list import PriceItem, PriceList
from app.models.product import ProductParameter
from app.models.sale_order import SaleOrder
from app.services import discount_rule as rules
from app.services import price_list as price_lists
from app.services import sale_order as orders

D = Decimal


@pytest.fixture
def shop(session, made):
    """A product at 10.00 that costs 6.00, on a list for 9.00 from ten, and a rule that takes off a tenth."""
    product = made.product("Tulip bulb", price="10.00", cost_price=D(6))
    prices = PriceList(name="Spring prices", currency="EUR")
    prices.items = [PriceItem(product=product, from_quantity=D(10), price=D(9))]
    price_lists.save(session, prices)
    rules.save(session, DiscountRule(name="A tenth", percent=D(10), from_quantity=D(20)))
    party = made.buyer(owner="manager")
    organisation = made.organisation()
    session.commit()
    return {"product": product, "list": prices, "party": party, "organisation": organisation}


def window(made, session):
    width = ProductParameter(name="width", title="Width", sign="mm", least=D(10), most=D(5000))
    product = made.product("Window", formula="width * 2", price="0", parameters=[width])
    session.commit()
    return product


def test_a_price_is_tried_and_told_with_every_step(as_user, shop):
    manager, product = as_user("manager"), shop["product"].id
    page = manager.get("/price/").get_data(as_text=True)
    assert "Show the price" in page
    assert "What did not count" not in page
    asked = f"/price/?product={product}&party={shop['party'].id}&currency=EUR&on=2026-03-31"
    few = manager.get(f"{asked}&quantity=10").get_data(as_text=True)
    assert "Price list “Spring prices”, from 10: €9.00" in few
    assert "A tenth: only from 20" in few
    many = manager.get(f"{asked}&quantity=20").get_data(as_text=True)
    assert "A tenth: 10 % off, €8.10 is left" in many
    assert manager.get(f"{asked}&quantity=lots").status_code == 422
    assert manager.get("/price/?product=999999&quantity=1").status_code == 422
    assert as_user("warehouse").get("/price/").status_code == 403


def test_a_price_by_a_formula_asks_for_its_numbers(as_user, made, session):
    product = window(made, session)
    asked = f"/price/?product={product.id}&quantity=1&currency=EUR"
    manager = as_user("manager")
    assert "Give “Width”" in manager.get(asked).get_data(as_text=True)
    assert "Width 1,200.5 mm: €2,401.00" in manager.get(f"{asked}&p-width=1,200.5").get_data(as_text=True)
    assert "“Width” is between 10 and 5000" in manager.get(f"{asked}&p-width=9").get_data(as_text=True)
    assert "“Width” is a number" in manager.get(f"{asked}&p-width=__import__").get_data(as_text=True)


def sent(shop, **cells) -> dict[str, str]:
    line = {"product": str(shop["product"].id), "quantity": "20", "text": ""} | cells
    return {
        "party": str(shop["party"].id),
        "organisation": str(shop["organisation"].id),
        "currency": "EUR",
        "ordered_on": "2026-03-31",
        **{f"lines-0-{name}": value for name, value in line.items()},
    }


def test_while_one_types_the_price_is_offered(as_user, shop, made, session):
    manager = as_user("manager")
    offer = manager.post("/order/price", sent(shop)).get_json()["offers"][0]
    assert (offer["unit_price"], offer["discount_percent"], offer["is_offered"]) == ("9.00", "10", False)
    assert len(offer["steps"]) == 2
    same = manager.post("/order/price", sent(shop, unit_price="9", discount_percent="10")).get_json()["offers"][0]
    assert same["is_offered"] is True
    foreign = manager.post("/order/price", sent(shop) | {"currency": "USD"}).get_json()["offers"][0]
    assert (foreign["unit_price"], foreign["hint"]) == ("", "No list and no product has a price in USD; type one.")
    product = str(window(made, session).id)
    shaped = manager.post("/order/price", sent(shop, product=product, parameters='{"width": "1,000"}')).get_json()
    assert shaped["offers"][0]["unit_price"] == "2,000.00"
    assert shaped["offers"][0]["parameters"] == [
        {"name": "width", "title": "Width", "sign": "mm", "value": "1,000", "bounds": "10 – 5,000"}
    ]
    for odd in ("[", "[[[[", '"x"', "{}", '{"width": {"a": 1}}', "[" * 5000):
        assert manager.post("/order/price", sent(shop, product=product, parameters=odd)).status_code == 200


def test_a_form_keeps_the_steps_while_the_price_is_the_offered_one(as_user, shop, session):
    manager = as_user("manager")
    tax = str(shop["product"].tax_id)
    assert manager.post("/order/add", sent(shop, tax=tax, unit_price="9.00", discount_percent="10")).status_code == 302
    order = session.scalars(select(SaleOrder)).one()
    page = manager.get(f"/order/show/{order.id}").get_data(as_text=True)
    assert "Why this price" in page
    assert "A tenth: 10 % off, €8.10 is left" in page
    changed = sent(shop, tax=tax, unit_price="8.00", discount_percent="10", id=str(order.lines[0].id))
    version = {"record_version": str(order.version)}
    assert manager.post(f"/order/edit/{order.id}", changed | version).status_code == 302
    session.expire_all()
    assert order.lines[0].price_steps is None
    assert "Why this price" not in manager.get(f"/order/show/{order.id}").get_data(as_text=True)


def test_rest_takes_what_is_left_open_from_the_lists_and_no_steps(as_user, shop, session):
    manager = as_user("manager")
    body = {"party": shop["party"].id, "lines": [{"product": shop["product"].id, "quantity": "20"}]}
    made = manager.api("POST", "/api/v1/order/", json=body)
    assert made.status_code == 201
    line = manager.api("GET", f"/api/v1/order/{made.get_json()['id']}").get_json()["result"]["lines"][0]
    assert (line["unit_price"], line["discount_percent"], line["net"]) == ("9", "10", "162.00")
    assert [step["name"] for step in line["price_steps"]] == ["Spring prices", "A tenth"]
    before = session.scalar(select(SaleOrder.id))
    forged = {"price_steps": [{"kind": "list", "name": "x"}]}
    body["lines"][0] |= forged
    assert manager.api("POST", "/api/v1/order/", json=body).status_code in {400, 422}
    assert session.scalars(select(SaleOrder.id)).all() == [before]


def test_what_is_left_of_an_order_is_for_some(as_user, shop, made, session):
    order = made.order(
        ("3", "10.00"), party=shop["party"], owner_id=shop["party"].owner_id, team_id=shop["party"].team_id
    )
    order.lines[0].product = shop["product"]
    orders.save(session, order)
    orders.confirm(session, order, at=clock.now())
    session.commit()
    assert order.margin == D(12)
    card, rest = f"/order/show/{order.id}", f"/api/v1/order/{order.id}"
    assert "Margin" in as_user("accountant").get(card).get_data(as_text=True)
    assert as_user("accountant").api("GET", rest).get_json()["result"]["margin"] == "12.00"
    manager = as_user("manager")
    assert "Margin" not in manager.get(card).get_data(as_text=True)
    assert "margin" not in manager.api("GET", rest).get_json()["result"]
    assert "unit_cost" not in manager.api("GET", rest).get_data(as_text=True)
    assert "Margin" not in manager.get("/order/list/").get_data(as_text=True)
    history = manager.get(f"{card}?tab=history").get_data(as_text=True)
    assert "6.0" not in history
    assert "margin" not in history


def test_which_list_a_party_is_given_has_a_right_of_its_own(as_user, shop, session):
    party, key = shop["party"].id, shop["list"].id
    refused = as_user("manager").api("PUT", f"/api/v1/party/{party}", json={"price_list": key})
    assert refused.status_code in {400, 403, 422}
    session.expire_all()
    assert session.get(Party, party).price_list_id is None
    assert as_user("office").api("PUT", f"/api/v1/party/{party}", json={"price_list": key}).status_code == 200
    session.expire_all()
    assert session.get(Party, party).price_list_id == key


def test_lists_and_rules_are_changed_by_some_and_seen_by_managers(as_user, shop, session):
    product = shop["product"].id
    list_of = {"name": "Wholesale", "currency": "EUR", "items": [{"product": product, "price": "8.5"}]}
    assert as_user("manager").api("POST", "/api/v1/price_list/", json=list_of).status_code == 403
    made = as_user("accountant").api("POST", "/api/v1/price_list/", json=list_of)
    assert made.status_code == 201
    found = as_user("manager").api("GET", f"/api/v1/price_list/{made.get_json()['id']}").get_json()["result"]
    assert [(item["price"], item["from_quantity"]) for item in found["items"]] == [("8.5", "0")]
    form = {"name": "Kilo prices", "currency": "EUR", "audience": "everybody", "priority": "0", "is_active": "y"}
    rows = {
        "items-0-product": str(product),
        "items-0-price": "7",
        "items-1-product": str(product),
        "items-1-price": "6",
    }
    answer = as_user("office").post("/price_list/add", form | rows)
    assert answer.status_code == 422
    assert "Row 1 has a price of this product from the same quantity" in answer.get_data(as_text=True)
    assert as_user("office").post("/price_list/add", form | rows | {"items-1-from_quantity": "10"}).status_code == 302
    kilo = session.scalars(select(PriceList).where(PriceList.name == "Kilo prices")).one()
    page = as_user("manager").get(f"/price_list/show/{kilo.id}?tab=items").get_data(as_text=True)
    assert "Tulip bulb" in page
    rule = {"name": "Late", "percent": "5", "valid_until": date(2026, 1, 1).isoformat(), "valid_from": "2026-02-01"}
    assert list(as_user("office").api("POST", "/api/v1/discount_rule/", json=rule).get_json()["message"]) == [
        "valid_until"
    ]
