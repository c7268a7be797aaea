"""Products, units and payment terms as they are stored and found."""

from datetime import date
from decimal import Decimal

import pytest

from app import money
from app.errors import DomainError, Refusals
from app.models.payment_term import PaymentTerm, PaymentTermText
from app.models.product import Product
from app.models.product_category import ProductCategory
from app.models.unit import KNOWN_UNITS, Unit
from app.services import payment_term as terms
from app.services import product as products
from app.services import search
from app.services import unit as units

D = Decimal


def refused(save, session, record) -> dict[str, list[str]]:
    with pytest.raises(Refusals) as caught:
        save(session, record)
    return caught.value.errors


def test_a_product_is_stored_in_its_normal_form_and_found_by_any_part(session):
    product = Product(
        name="  Тюльпан  «Ёлка» ",
        sku=" TU-01\n",
        price=D("12.345678"),
        currency="eur",
        category=ProductCategory(name="Bulbs"),
    )
    products.save(session, product)
    session.flush()
    assert (product.name, product.sku, product.currency) == ("Тюльпан «Ёлка»", "TU-01", "EUR")
    assert product.unit.code == "C62"
    assert str(product) == "TU-01 · Тюльпан «Ёлка»"
    for query in ("елка", "ТЮЛЬП", "tu 01", "ёл"):
        found = session.query(Product).filter(*search.conditions(session, Product, query)).all()
        assert found == [product], query


def test_a_service_is_counted_in_hours(session):
    product = Product(name="Advice", kind="service")
    products.save(session, product)
    assert product.unit.code == "HUR"


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"name": " \u200f "}, {"name": ["A product needs a name"]}),
        ({"price": D("-1"), "currency": "EUR"}, {"price": ["A price cannot be less than zero"]}),
        ({"price": D("1")}, {"currency": ["A price needs its currency"]}),
        ({"currency": "XXX1"}, {"currency": ["“XXX1” is not a currency code"]}),
        (
            {"price": D("1.00000001"), "currency": "EUR"},
            {"price": ["At most 6 decimals are possible here"]},
        ),
        ({"price": D("1e12"), "currency": "EUR"}, {"price": ["This number is too large"]}),
    ],
)
def test_what_a_product_may_not_say(session, values, errors):
    assert refused(products.save, session, Product(**{"name": "Tulip"} | values)) == errors


def test_an_article_number_is_unique(session, made):
    made.product(sku="A-1")
    assert refused(products.save, session, Product(name="Other", sku="A-1")) == {
        "sku": ["This value is already in use"]
    }


def test_products_out_of_use_are_offered_on_demand_only(session, made):
    old, new = made.product("Old tulip", is_active=False), made.product("New tulip")
    assert session.scalars(products.named("tulip")).all() == [new]
    assert session.scalars(products.named("tulip", inactive=True)).all() == [new, old]


def test_known_units_are_made_once(session):
    first = units.make_known(session)
    assert [unit.code for unit in first] == list(KNOWN_UNITS)
    assert units.make_known(session) == first
    assert units.known(session, "KGM") in first
    with pytest.raises(ValueError, match="ZZZ"):
        units.known(session, "ZZZ")


def test_a_unit_of_our_own_needs_a_name(session):
    with pytest.raises(DomainError) as caught:
        units.save(session, Unit(code="x9"))
    assert caught.value.field == "name"
    unit = Unit(code="x9", name="Wagon", decimals=2)
    units.save(session, unit)
    assert (unit.code, unit.label, unit.short) == ("X9", "Wagon", "Wagon")


@pytest.mark.parametrize(("code", "decimals", "field"), [("C-6", 0, "code"), ("", 0, "code"), ("KGM", 7, "decimals")])
def test_units_that_are_refused(session, code, decimals, field):
    with pytest.raises(DomainError) as caught:
        units.save(session, Unit(code=code, decimals=decimals))
    assert caught.value.field == field


def test_pieces_are_not_cut(session):
    piece, kilo = units.known(session), units.known(session, "KGM")
    units.refuse_parts(piece, D("2.000000"))
    units.refuse_parts(kilo, D("2.125"))
    with pytest.raises(DomainError, match="whole numbers"):
        units.refuse_parts(piece, D("2.5"))
    with pytest.raises(DomainError, match="At most 3 decimals"):
        units.refuse_parts(kilo, D("2.1255"))


def test_payment_terms_say_when_and_what(session):
    term = PaymentTerm(
        name=" 14 dagen, 2 % ",
        steps=[["days", 14], ["month_end"]],
        discount_percent=D(2),
        discount_days=7,
        texts=[PaymentTermText(language="nl", text="Binnen 14 dagen\n")],
    )
    terms.save(session, term)
    session.flush()
    assert term.name == "14 dagen, 2 %"
    assert terms.due_on(term, date(2026, 3, 20)) == date(2026, 4, 30)
    assert terms.early_until(term, date(2026, 3, 20)) == date(2026, 3, 27)
    assert terms.text_in(term, "nl") == "Binnen 14 dagen"
    assert terms.text_in(term, "en") == "in 14 days, at the end of the month"
    assert terms.due_on(None, date(2026, 3, 20)) == date(2026, 3, 20)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([["days", 1]], "in 1 day"),
        ([["days", 2]], "in 2 days"),
        ([["months", 1]], "in 1 month"),
        ([["months", 2], ["month_end"]], "in 2 months, at the end of the month"),
        ([], "at once"),
    ],
)
def test_one_day_is_no_plural(steps, words):
    assert terms.described(money.read_steps(steps)) == words


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"steps": [["weeks", 1]]}, ["steps"]),
        ({"steps": [["days", 1]] * 9}, ["steps"]),
        ({"steps": [["days", 4000]]}, ["steps"]),
        ({"discount_percent": D(2)}, ["discount_days"]),
        ({"discount_days": 2}, ["discount_percent"]),
        ({"discount_percent": D(101), "discount_days": 367}, ["discount_percent", "discount_days"]),
        (
            {"texts": [PaymentTermText(language="en", text="a"), PaymentTermText(language="en", text="b")]},
            ["texts-1-language"],
        ),
    ],
)
def test_payment_terms_that_are_refused(session, values, fields):
    assert list(refused(terms.save, session, PaymentTerm(**{"name": "Terms", "steps": []} | values))) == fields
