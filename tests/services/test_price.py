"""Prices: lists, discounts and formulas, in a fixed order, with every step told."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import select

from app import clock
from app.errors import Refusals
from app.models.discount_rule import DiscountRule, Past
from app.models.organisation import Organisation
from app.models.party import PartyKind
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product import Product, ProductParameter
from app.models.product_category import ProductCategory
from app.models.sale_order import SaleOrder, SaleOrderLine
from app.services import discount_rule as rules
from app.services import invoice as invoices
from app.services import price as prices
from app.services import price_choice as choice
from app.services import price_list as price_lists
from app.services import price_words
from app.services import product as products
from app.services import product_category as categories
from app.services import sale_order as orders
from app.services import tag as tags
from app.services.price_choice import About, Ask, Known

D = Decimal

ON = date(2026, 3, 31)


def a_list(session, name="Prices", *items, **values) -> PriceList:
    """A list; an item is a product, a price, and a quantity where there is one."""
    made = PriceList(**({"name": name, "currency": "EUR"} | values))
    made.items = [
        PriceItem(product=product, price=D(price), from_quantity=D(least[0] if least else 0))
        for product, price, *least in items
    ]
    price_lists.save(session, made)
    session.flush()
    return made


def a_rule(session, name="Rule", **values) -> DiscountRule:
    made = DiscountRule(**({"name": name} | values))
    rules.save(session, made)
    session.flush()
    return made


def asked(session, product, party=None, quantity="1", **values) -> prices.Priced:
    about = {"currency": "EUR", "on": ON} | values
    return prices.price_of(session, product=product, party=party, quantity=D(quantity), **about)


def why(found, name) -> str:
    return next(step["why"] for step in found.others if step.get("name") == name)


def refused(save, session, record) -> dict[str, list[str]]:
    with pytest.raises(Refusals) as caught:
        save(session, record)
    return caught.value.errors


# --- categories -------------------------------------------------------------------------------------------------------


def test_categories_are_a_tree_whose_paths_follow(session, made):
    windows = ProductCategory(name=" Windows ")
    categories.save(session, windows)
    session.flush()
    wooden = ProductCategory(name="Wooden", parent=windows)
    categories.save(session, wooden)
    product = made.product("Oak 120", category=wooden)
    assert (str(wooden), wooden.parent_id) == ("Windows / Wooden", windows.id)
    windows.name = "Frames"
    categories.save(session, windows)
    session.flush()
    assert str(wooden) == "Frames / Wooden"
    assert "frames" in product.search_text


def test_a_category_is_no_part_of_itself_and_has_one_name_in_its_place(session):
    above, below = ProductCategory(name="A"), ProductCategory(name="B")
    categories.save(session, above)
    session.flush()
    below.parent = above
    categories.save(session, below)
    session.flush()
    above.parent = below
    assert list(refused(categories.save, session, above)) == ["parent"]
    session.refresh(above)
    assert (above.parent, above.path) == (None, "A")
    assert list(refused(categories.save, session, ProductCategory(name="B", parent=above))) == ["name"]


# --- lists ------------------------------------------------------------------------------------------------------------


def test_the_price_of_the_product_where_no_list_has_one(session, made):
    found = asked(session, made.product(price="10.00"))
    assert (found.price, found.discount_percent) == (D(10), D(0))
    assert price_words.told(found.steps) == ["Price of the product: €10.00"]


def test_of_the_quantities_of_a_list_the_largest_that_is_reached_counts(session, made):
    product = made.product(price="10.00")
    a_list(session, "Bulk", (product, "9.50", "10"), (product, "9.80"), (product, "8.999", "100"))
    assert [asked(session, product, quantity=one).price for one in ("1", "9.999", "10", "99", "100", "-10")] == [
        *(D("9.80"), D("9.80"), D("9.50"), D("9.50"), D("8.999"), D("9.50")),
    ]
    found = asked(session, product, quantity="100")
    assert price_words.told(found.steps) == ["Price list “Bulk”, from 100: 8.999 EUR"]


def test_the_nearest_list_goes_first_then_the_higher_priority_then_the_name(session, made):
    product, party = made.product(price="10.00"), made.buyer(kind=PartyKind.company)
    tags.add(session, party, name="VIP")
    tag = tags.of(party)
    names = {
        "own": {"audience": Audience.chosen},
        "tagged": {"audience": Audience.tag, "tag": session.scalars(tag).one()},
        "a kind": {"audience": Audience.kind, "party_kind": PartyKind.company, "priority": -1},
        "b everybody": {"priority": 9},
        "c everybody": {"priority": 9},
        "persons": {"audience": Audience.kind, "party_kind": PartyKind.person, "priority": 99},
    }
    lists = {
        name: a_list(session, name, (product, str(at)), **values) for at, (name, values) in enumerate(names.items(), 1)
    }
    assert asked(session, product, party).price == 2
    party.price_list = lists["own"]
    session.flush()
    found = asked(session, product, party)
    assert (found.price, why(found, "tagged"), why(found, "persons")) == (1, "later", "audience")
    order = []
    for name in ("own", "tagged", "a kind", "b everybody", "c everybody", "persons"):
        order.append(asked(session, product, party).steps[0].get("name"))
        lists[name].is_active = False
        session.flush()
    assert order == ["own", "tagged", "a kind", "b everybody", "c everybody", None]


def test_lists_of_other_days_currencies_and_taxes_do_not_count(session, made):
    product = made.product(price="10.00")
    a_list(session, "Past", (product, "1"), valid_until=date(2026, 3, 30))
    a_list(session, "Next", (product, "2"), valid_from=date(2026, 4, 1))
    a_list(session, "Dollars", (product, "3"), currency="USD")
    a_list(session, "Gross", (product, "4"), prices_include_tax=True)
    a_list(session, "Other goods", (made.product("Spade"), "5"))
    a_list(session, "Many", (product, "6", "5"))
    found = asked(session, product)
    assert found.price == 10
    told = {step["name"]: step["why"] for step in found.others}
    assert told == {
        "Past": "day",
        "Next": "day",
        "Dollars": "currency",
        "Gross": "tax",
        "Other goods": "no_item",
        "Many": "quantity",
    }
    assert "Price list “Many”: only from 5" in price_words.left(found.others)
    assert [asked(session, product, on=day).price for day in (date(2026, 3, 30), date(2026, 4, 1))] == [1, 2]
    assert asked(session, product, prices_include_tax=True).price == 4
    assert asked(session, product, currency="USD").price == 3
    nothing = asked(session, product, currency="AMD")
    assert (nothing.price, nothing.steps) == (None, ())


def test_two_prices_of_one_product_may_not_hold_at_once(session, made):
    product = made.product()
    prices_of_year = PriceList(name="Year", currency="eur")
    first, second = date(2026, 1, 1), date(2026, 7, 1)
    prices_of_year.items = [
        PriceItem(product=product, price=D(1), valid_from=first, valid_until=second),
        PriceItem(product=product, price=D(2), valid_from=second),
    ]
    assert refused(price_lists.save, session, prices_of_year) == {
        "items-1-from_quantity": ["Row 1 has a price of this product from the same quantity"]
    }
    assert session.scalars(select(PriceList)).all() == []
    prices_of_year.items[0].valid_until = date(2026, 6, 30)
    price_lists.save(session, prices_of_year)
    session.flush()
    assert (prices_of_year.currency, prices_of_year.items[1].from_quantity) == ("EUR", 0)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": " "}, ["name"]),
        ({"currency": "QQQ"}, ["currency"]),
        ({"audience": Audience.tag}, ["tag"]),
        ({"audience": Audience.kind}, ["party_kind"]),
        ({"valid_from": date(2026, 2, 1), "valid_until": date(2026, 1, 1)}, ["valid_until"]),
        ({"priority": 1000}, ["priority"]),
        ({"items": [PriceItem(price=D(-1))]}, ["items-0-product", "items-0-price"]),
    ],
)
def test_a_list_says_at_its_field_what_is_wrong(session, values, fields):
    assert list(refused(price_lists.save, session, PriceList(**{"name": "L", "currency": "EUR"} | values))) == fields


# --- discounts --------------------------------------------------------------------------------------------------------


def test_amounts_come_off_first_then_each_percentage_of_what_is_left(session, made):
    product = made.product(price="100.00")
    a_rule(session, "Ten percent", percent=D(10), priority=9)
    a_rule(session, "Half of it", percent=D(50))
    a_rule(session, "Twenty off", amount=D(20), currency="EUR")
    found = asked(session, product)
    assert (found.price, found.discount_percent) == (D(80), D(55))
    assert price_words.told(found.steps) == [
        "Price of the product: €100.00",
        "Twenty off: €20.00 off, €80.00 is left",
        "Ten percent: 10 % off, €72.00 is left",
        "Half of it: 50 % off, €36.00 is left",
    ]


def test_a_price_is_never_less_than_nothing(session, made):
    product = made.product(price="10.00")
    a_rule(session, "Much", amount=D(999), currency="EUR")
    a_rule(session, "All", percent=D(100))
    found = asked(session, product)
    assert (found.price, found.discount_percent) == (0, 100)


def test_a_rule_that_stands_alone_is_taken_where_the_buyer_pays_less(session, made):
    product = made.product(price="100.00")
    a_rule(session, "A", percent=D(10))
    a_rule(session, "B", percent=D(10))
    alone = a_rule(session, "Alone", percent=D(15), stacks=False)
    found = asked(session, product)
    assert (found.discount_percent, why(found, "Alone")) == (D(19), "alone")
    alone.percent = D(20)
    session.flush()
    found = asked(session, product)
    assert (found.discount_percent, why(found, "A"), why(found, "B")) == (D(20), "beaten", "beaten")


def test_every_condition_of_a_rule_must_hold_and_says_where_it_does_not(session, made):
    garden = ProductCategory(name="Garden")
    categories.save(session, garden)
    session.flush()
    bulbs = ProductCategory(name="Bulbs", parent=garden)
    categories.save(session, bulbs)
    product, spade = made.product(price="10.00", category=bulbs), made.product("Spade")
    party, other = made.buyer(), made.buyer("Other")
    tags.add(session, other, name="VIP")
    vip = session.scalars(tags.of(other)).one()
    conditions = {
        "day": {"valid_from": date(2026, 4, 1)},
        "currency": {"currency": "USD"},
        "product": {"product": spade},
        "party": {"party": other},
        "tag": {"tag": vip},
        "quantity": {"from_quantity": D(5)},
        "amount": {"from_amount": D("50.01"), "currency": "EUR"},
        "turnover": {"past": Past.turnover, "past_months": 12, "past_least": D(1), "currency": "EUR"},
        "orders": {"past": Past.orders, "past_months": 12, "past_least": D(1)},
    }
    for name, values in conditions.items():
        a_rule(session, name, percent=D(1), **values)
    a_rule(session, "category", percent=D(4), category=garden)
    found = asked(session, product, party, quantity="4", document_amount=D(50))
    assert {step["name"]: step["why"] for step in found.others} == {name: name for name in conditions}
    assert found.discount_percent == 4
    assert why(asked(session, spade), "category") == "category"
    assert len(price_words.left(found.others)) == len(conditions)
    enough = asked(session, product, other, quantity="5", document_amount=D("50.01"), on=date(2026, 4, 1))
    assert {step["name"] for step in enough.others} == {"currency", "product", "turnover", "orders"}


def test_personal_discounts_look_at_what_was_invoiced_in_the_last_months(session, made, chain_key):
    product, party = made.product(price="10.00"), made.buyer()
    made.issued(("1", "100.00"), party=party, on=date(2025, 3, 31))
    made.issued(("1", "60.00"), party=party, on=date(2025, 4, 1))
    standing = made.issued(("1", "50.00"), party=party, on=date(2026, 3, 30))
    made.invoice(("1", "500.00"), party=party)
    made.issued(("1", "900.00"), on=date(2026, 3, 30), party=made.buyer("Somebody else"))
    a_rule(session, "Turnover", percent=D(5), past=Past.turnover, past_months=12, past_least=D(110), currency="EUR")
    a_rule(session, "Orders", percent=D(2), past=Past.orders, past_months=12, past_least=D(2))
    assert asked(session, product, party).discount_percent == D("6.9")
    assert asked(session, product, None).discount_percent == 0
    note = invoices.credit(session, standing, reason="Returned")
    session.flush()
    invoices.issue(session, note, at=datetime(2026, 3, 31, 12, tzinfo=UTC))
    found = asked(session, product, party)
    assert (found.discount_percent, why(found, "Turnover")) == (D(2), "turnover")
    assert "Turnover: invoiced in 12 months: €60.00 of €110.00" in price_words.left(found.others)
    assert asked(session, product, party, on=date(2026, 6, 30)).discount_percent == 0


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": " ", "percent": D(1)}, ["name"]),
        ({}, ["percent"]),
        ({"percent": D(1), "amount": D(1), "currency": "EUR"}, ["percent"]),
        ({"percent": D("100.5")}, ["percent"]),
        ({"amount": D(1)}, ["currency"]),
        ({"percent": D(1), "from_amount": D(1)}, ["currency"]),
        ({"percent": D(1), "from_quantity": D(0)}, ["from_quantity"]),
        ({"percent": D(1), "past": Past.turnover}, ["past_months", "past_least", "currency"]),
        ({"percent": D(1), "past_months": 3}, ["past"]),
    ],
)
def test_a_rule_says_at_its_field_what_is_wrong(session, values, fields):
    assert list(refused(rules.save, session, DiscountRule(**{"name": "R"} | values))) == fields
    assert session.scalars(select(DiscountRule)).all() == []


RULES = some.builds(
    DiscountRule,
    percent=some.none() | some.decimals("0.01", "100", places=2),
    priority=some.integers(-2, 2),
    stacks=some.booleans(),
    from_quantity=some.none() | some.decimals("1", "9", places=0),
    from_amount=some.none() | some.decimals("1", "300", places=2),
)
ITEMS = some.tuples(some.integers(0, 9), some.decimals("0", "200", places=4))


@settings(max_examples=120, deadline=None)
@given(some.lists(RULES, max_size=6), some.lists(some.lists(ITEMS, max_size=3), max_size=3), some.randoms())
def test_a_price_does_not_depend_on_the_order_of_rows_and_is_never_negative(drawn, sheets, dice: random.Random):
    for at, rule in enumerate(drawn):
        rule.name = f"Rule {at}"
        rule.amount = D(at * 7 + 1) if rule.percent is None else None
        rule.currency = "EUR"
    product = Product(id=1, name="X", price=D("99.99"), currency="EUR")
    lists = [
        PriceList(
            id=at, name=f"List {at}", currency="EUR", priority=at % 2, prices_include_tax=False, audience="everybody"
        )
        for at in range(1, len(sheets) + 1)
    ]
    items = {
        (at, 1): [PriceItem(from_quantity=D(least), price=price) for least, price in dict(rows).items()]
        for at, rows in enumerate(sheets, 1)
    }
    ask, about = Ask(product, D(5)), About(None, "EUR", ON)

    def priced(known: Known) -> choice.Priced:
        return choice.discounted(choice.base(ask, about, known), ask, about, known, amount=D(100))

    straight = priced(Known(lists=lists, items=items, rules=drawn))
    shuffled = [dice.sample(each, len(each)) for each in (lists, drawn)]
    mixed = {key: dice.sample(rows, len(rows)) for key, rows in items.items()}
    other = priced(Known(lists=shuffled[0], items=mixed, rules=shuffled[1]))
    assert (other.price, other.discount_percent, other.steps) == (
        straight.price,
        straight.discount_percent,
        straight.steps,
    )
    assert straight.price is not None
    assert straight.price >= 0
    assert 0 <= straight.discount_percent <= 100


# --- formulas ---------------------------------------------------------------------------------------------------------


def a_window(made, **values) -> Product:
    parameters = [
        ProductParameter(name="width", title="Width", sign="mm", least=D(300), most=D(3000), usual=D(1000)),
        ProductParameter(name="height", title="Height", sign="mm", least=D(300), usual=D(1000)),
    ]
    given = {"formula": "width * height / 1000000 * 119.99", "parameters": parameters, "price": "0"} | values
    return made.product("Window", **given)


def test_a_formula_works_out_the_price_and_tells_with_which_numbers(session, made):
    window = a_window(made)
    found = asked(session, window, parameters={"width": "1234", "height": "1500"})
    assert found.price == D("222.10")
    assert price_words.told(found.steps) == [
        "Formula width * height / 1000000 * 119.99 with Width 1,234 mm, Height 1,500 mm: €222.10"
    ]
    assert asked(session, window).price == D("119.99")
    a_rule(session, "Tenth", percent=D(10))
    assert asked(session, window).discount_percent == 10


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"width": "299"}, "“Width” is between 300 and 3000"),
        ({"height": "1"}, "“Height” is at least 300"),
        ({"width": "1e3"}, "“Width” is a number"),
        ({"width": True}, "“Width” is a number"),
        ({"depth": "1"}, "There is no parameter “depth”"),
        ([], "Give the parameters by their names"),
    ],
)
def test_numbers_out_of_their_bounds_have_no_price(session, made, given, said):
    found = asked(session, a_window(made), parameters=given)
    assert (found.price, prices.why_refused(found.refusal)) == (None, said)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"formula": "width * depth"}, ["formula"]),
        ({"formula": "__import__('os')"}, ["formula"]),
        ({"formula": "width / (height - height)"}, ["formula"]),
        ({"formula": "-width"}, ["formula"]),
        ({"formula": None}, ["formula"]),
        ({"parameters": [ProductParameter(name="Not a name!")]}, ["parameters-0-name", "formula"]),
        ({"parameters": [ProductParameter(name="width", least=D(5), most=D(1))]}, ["parameters-0-most"]),
    ],
)
def test_a_product_with_a_wrong_formula_is_refused(session, made, values, fields):
    tax = made.tax()
    parameters = [ProductParameter(name=name, usual=D(1)) for name in ("width", "height")]
    given = {"name": "Window", "currency": "EUR", "tax": tax, "formula": "width", "parameters": parameters} | values
    assert list(refused(products.save, session, Product(**given))) == fields


# --- on documents -----------------------------------------------------------------------------------------------------


def an_order(session, made, *lines: dict, **values) -> SaleOrder:
    given = {"ordered_on": ON} | values
    given.setdefault("organisation", session.scalar(select(Organisation)) or made.organisation())
    given.setdefault("party", made.buyer())
    record = SaleOrder(**given)
    record.lines = [SaleOrderLine(**({"quantity": D(1)} | line)) for line in lines]
    orders.save(session, record)
    session.flush()
    return record


def test_a_line_takes_what_was_left_open_and_remembers_why(session, made):
    product = made.product(price="10.00")
    a_list(session, "Prices", (product, "9.00"))
    a_rule(session, "Tenth", percent=D(10))
    order = an_order(session, made, {"product": product, "quantity": D(3)}, {"product": product, "unit_price": D(9)})
    first, second = order.lines
    assert (first.unit_price, first.discount_percent, first.net) == (D(9), D(10), D("24.30"))
    assert price_words.told(first.price_steps) == ["Price list “Prices”: €9.00", "Tenth: 10 % off, €8.10 is left"]
    assert (second.discount_percent, second.price_steps) == (0, None)
    product.price = D(1)
    a_rule(session, "More", percent=D(50))
    order.note = "Later"
    orders.save(session, order)
    assert (first.unit_price, [step.get("name") for step in first.price_steps]) == (D(9), ["Prices", "Tenth"])
    first.unit_price = D(7)
    orders.save(session, order)
    assert first.price_steps is None


def test_a_rule_for_the_whole_document_counts_all_its_lines(session, made):
    product = made.product(price="10.00")
    a_rule(session, "From a hundred", percent=D(5), from_amount=D(100), currency="EUR")
    few = an_order(session, made, {"product": product, "quantity": D(9)})
    assert few.lines[0].discount_percent == 0
    lines = [{"product": product, "quantity": D(9)}, {"text": "Typed", "unit_price": D(10), "tax": made.tax()}]
    many = an_order(session, made, *lines, party=few.party)
    assert [each.discount_percent for each in many.lines] == [5, 0]


def test_a_line_with_a_formula_keeps_its_numbers_and_hands_them_on(session, made, chain_key):
    window = a_window(made)
    order = an_order(session, made, {"product": window, "parameters": {"width": "1200"}})
    [line] = order.lines
    assert (line.unit_price, line.parameters) == (D("143.99"), {"width": "1200", "height": "1000"})
    orders.confirm(session, order, at=clock.now())
    [invoiced] = orders.invoice(session, order).lines
    assert (invoiced.parameters, invoiced.price_steps) == (line.parameters, line.price_steps)
    wrong = SaleOrder(organisation=order.organisation, party=order.party)
    wrong.lines = [SaleOrderLine(product=window, quantity=D(1), parameters={"width": "9"}, unit_price=D(1))]
    assert refused(orders.save, session, wrong) == {"lines-0-unit_price": ["“Width” is between 300 and 3000"]}


def test_two_hundred_lines_are_priced_in_a_handful_of_statements(session, made, statements, chain_key):
    party = made.buyer()
    made.issued(("1", "60.00"), party=party, on=ON)
    goods = [made.product(f"Bulb {at}", price="1.00") for at in range(200)]
    a_list(session, "Prices", *[(each, "0.90") for each in goods])
    category = ProductCategory(name="Bulbs")
    categories.save(session, category)
    session.flush()
    a_rule(session, "Category", percent=D(1), category=category)
    a_rule(session, "Past", percent=D(1), past=Past.turnover, past_months=1, past_least=D(1), currency="EUR")
    tags.add(session, party, name="VIP")
    a_rule(session, "Tag", percent=D(1), tag=session.scalars(tags.of(party)).one())
    asks, about = [Ask(each, D(1)) for each in goods], About(party, "EUR", ON)
    statements.clear()
    found = prices.prices_of(session, asks, about)
    assert {(each.price, each.discount_percent) for each in found} == {(D("0.90"), D("1.99"))}
    assert len(statements) == 6


# --- what is left -----------------------------------------------------------------------------------------------------


def test_the_cost_is_noted_when_an_order_is_confirmed_and_stays(session, made, chain_key):
    product = made.product(price="10.00", cost_price=D("6.125"))
    order = an_order(session, made, {"product": product, "quantity": D(3), "discount_percent": D(10)})
    assert (order.margin, order.lines[0].unit_cost) == (None, None)
    orders.confirm(session, order, at=clock.now())
    assert (order.net, order.margin) == (D(27), D("8.62"))
    product.cost_price = D(9)
    invoice = orders.invoice(session, order)
    invoices.issue(session, invoice, at=clock.now())
    assert (invoice.lines[0].unit_cost, invoice.margin) == (D("6.125"), D("8.62"))
    note = invoices.credit(session, invoice, reason="Returned")
    session.flush()
    invoices.issue(session, note, at=clock.now())
    assert note.margin == D("8.62")


def test_without_the_cost_of_every_line_there_is_no_margin(session, made):
    known, unknown = made.product(cost_price=D(4)), made.product("Elsewhere", cost_price=D(4), currency="USD")
    lines = [{"product": known}, {"product": unknown, "unit_price": D(5)}]
    order = an_order(session, made, *lines)
    orders.confirm(session, order, at=clock.now())
    assert ([line.unit_cost for line in order.lines], order.margin) == ([D(4), None], None)
    orders.reopen(session, order)
    assert [line.unit_cost for line in order.lines] == [None, None]
