"""A price that a list and three rules make: tried, offered, ordered, told on each card, and carried to the invoice."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

from sqlalchemy import select

from app.models.discount_rule import DiscountRule, Past
from app.models.invoice import Invoice
from app.models.party import PartyKind
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product_category import ProductCategory
from app.models.quote import Quote
from app.models.sale_order import SaleOrder
from app.services import chain, price_words
from app.services import discount_rule as rules
from app.services import price_list as price_lists
from app.services import product_category as categories

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
WHY = [
    "Price list “Companies”: €9.00",
    "Spring: €0.50 off, €8.50 is left",
    "From ten: 10 % off, €7.65 is left",
    "Good customers: 5 % off, 7.2675 EUR is left",
]


def text_of(page: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def test_a_price_of_three_rules_is_carried_to_the_invoice(as_user, session, made, settings, time_machine):
    time_machine.move_to(NOON, tick=False)
    chain.use_key(lambda: chain.key_in(settings["CRM_VAR"] / "keys"))
    us, party = made.organisation(), made.buyer("Bakkerij Anna", owner="manager", kind=PartyKind.company)
    made.issued(("1", "500.00"), party=party, on=NOON.date() - timedelta(days=30))
    bulbs = ProductCategory(name="Bulbs")
    categories.save(session, bulbs)
    product = made.product("Tulip bulb", price="10.00", category=bulbs)
    companies = PriceList(name="Companies", currency="EUR", audience=Audience.kind, party_kind=PartyKind.company)
    companies.items = [PriceItem(product=product, price=D(9), from_quantity=D(0))]
    price_lists.save(session, companies)
    spring = DiscountRule(name="Spring", amount=D("0.50"), currency="EUR", category=bulbs)
    ten = DiscountRule(name="From ten", percent=D(10), from_quantity=D(10), priority=9)
    good = DiscountRule(name="Good customers", percent=D(5), past=Past.turnover, past_months=12, past_least=D(400))
    good.currency = "EUR"
    for each in (spring, ten, good):
        rules.save(session, each)
    session.commit()

    # The manager tries the price before he promises it.
    manager = as_user("manager")
    asked = f"/price/?product={product.id}&party={party.id}&quantity=12&currency=EUR"
    tried = text_of(manager.get(asked).text)
    assert "Price 7.2675 EUR €8.50 less 14.5 %" in tried
    assert [why for why in WHY if why not in tried] == []

    # He offers twelve; the card says why. The customer agrees, and the rule of spring ends.
    form = {"party": party.id, "organisation": us.id, "currency": "EUR", "language": "en"}
    line = {"lines-0-product": product.id, "lines-0-quantity": "12"}
    assert manager.post("/quote/add", form | line).status_code == 302
    quote = session.scalars(select(Quote)).one()
    shown = text_of(manager.get(f"/quote/show/{quote.id}").text)
    assert [why for why in WHY if why not in shown] == []
    manager.post(f"/quote/{quote.id}/release")
    manager.post(f"/quote/{quote.id}/accept", {"name": "Anna"})
    session.delete(spring)
    session.commit()

    # The order and its invoice are at the price that was agreed, with every step.
    manager.post(f"/quote/{quote.id}/order")
    order = session.scalars(select(SaleOrder)).one()
    manager.post(f"/order/{order.id}/confirm")
    accountant = as_user("accountant")
    accountant.post(f"/order/{order.id}/invoice")
    session.expire_all()
    bill = session.scalars(select(Invoice).where(Invoice.order_id == order.id)).one()
    for document in (quote, order, bill):
        [each] = document.lines
        assert (each.unit_price, each.discount_percent, each.net) == (D("8.5"), D("14.5"), D("87.21"))
        assert price_words.told(each.price_steps) == WHY
    shown = text_of(accountant.get(f"/invoice/show/{bill.id}").text)
    assert [why for why in WHY if why not in shown] == []
    accountant.post(f"/invoice/{bill.id}/issue")
    session.expire_all()
    assert (bill.gross, bill.number) == (D("105.52"), "INV-2026-00002")
