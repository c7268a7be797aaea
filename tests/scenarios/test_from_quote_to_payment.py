"""Selling as a story: a quote that is accepted by its link, an order in two deliveries, two invoices, and the money."""

import re
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from app import clock
from app.models.delivery import Delivery
from app.models.invoice import Invoice
from app.models.quote import Quote, QuoteState
from app.models.sale_order import OrderState, SaleOrder
from app.services import chain
from app.services import delivery as deliveries
from app.services import quote_link as links
from app.services.document_chain import chain as chain_of
from tests.scenarios.test_from_client_to_invoice import download, text_of, work_off

D = Decimal


def test_from_a_quote_by_link_to_the_money_of_two_invoices(  # noqa: PLR0915 -- one story
    app, as_user, visitor, session, made, settings
):
    chain.use_key(lambda: chain.key_in(settings["CRM_VAR"] / "keys"))
    us, party = made.organisation(), made.buyer(language="nl", owner="manager")
    product = made.product("Tulpenbol", price="25.00")
    session.commit()

    # The manager writes a quote of four and releases it; the worker makes its file.
    manager = as_user("manager")
    form = {"party": str(party.id), "organisation": str(us.id), "currency": "EUR", "language": "nl"}
    line = {"lines-0-product": str(product.id), "lines-0-quantity": "4"}
    assert manager.post("/quote/add", form | line).status_code == 302
    quote = session.execute(select(Quote)).scalar_one()
    manager.post(f"/quote/{quote.id}/release")
    session.expire_all()
    work_off(app, session, settings, "quote.render")
    assert "Tulpenbol" in text_of(download(manager, f"/quote/pdf/{quote.id}"))

    # The customer reads it by the link, and accepts.
    address = links.url(quote, public_url="")
    assert "121,00" in visitor.get(address).text
    agreed = {"name": "Anna de Vries", "agreed": "y", "csrf_token": visitor.token("/login/")}
    assert visitor.client.post(f"{address}/accept", data=agreed).status_code == 200
    session.expire_all()
    assert (quote.state, quote.answered_name) == (QuoteState.accepted, "Anna de Vries")

    # It becomes an order; three of the four go out, the warehouse ships them and they arrive.
    manager.post(f"/quote/{quote.id}/order")
    order = session.execute(select(SaleOrder)).scalar_one()
    manager.post(f"/order/{order.id}/confirm")
    session.expire_all()
    key = order.lines[0].id
    too_many = manager.post(f"/order/deliver_some/{order.id}", {f"take-{key}": "5"})
    assert too_many.status_code == 422
    assert 'value="5"' in too_many.text
    made_one = manager.post(f"/order/deliver_some/{order.id}", {f"take-{key}": "3"})
    first = session.execute(select(Delivery)).scalar_one()
    assert made_one.headers["Location"] == f"/delivery/show/{first.id}"
    warehouse = as_user("warehouse")
    warehouse.post(f"/delivery/{first.id}/ship", {"carrier": "PostNL", "tracking_number": "3S1"})
    warehouse.post(f"/delivery/{first.id}/deliver")
    session.expire_all()
    assert (first.state, order.state) == ("delivered", OrderState.in_progress)
    work_off(app, session, settings, deliveries.FILE)
    note = text_of(download(warehouse, f"/delivery/pdf/{first.id}"))
    assert "Tulpenbol" in note
    assert "25,00" not in note

    # What was delivered is invoiced and paid.
    accountant = as_user("accountant")
    offered = accountant.get(f"/order/invoice_some/{order.id}").text
    assert re.search(rf'name="take-{key}"[^>]*value="3"', offered)
    accountant.post(f"/order/invoice_some/{order.id}", {f"take-{key}": "3"})
    pay(accountant, session, "90.75")

    # The rest follows: delivered, invoiced, paid, and the order closes by itself.
    warehouse.post(f"/order/{order.id}/finish")
    session.expire_all()
    assert order.state == OrderState.fulfilled
    accountant.post(f"/order/{order.id}/invoice")
    pay(accountant, session, "30.25")
    session.expire_all()
    assert order.state == OrderState.closed
    bills = session.execute(select(Invoice).order_by(Invoice.id)).scalars().all()
    assert [(one.gross, one.settlement) for one in bills] == [(D("90.75"), "paid"), (D("30.25"), "paid")]

    # The chain tells all of it, from the quote on.
    [root] = chain_of(session, bills[1])
    assert root.record is quote
    assert [(node.record.__stem__, len(node.after)) for node in root.after[0].after] == [
        *(("delivery", 0), ("delivery", 0), ("invoice", 1), ("invoice", 1))
    ]
    assert clock.now() - quote.answered_at < timedelta(minutes=5)


def pay(accountant, session, amount: str) -> None:
    draft = session.execute(select(Invoice).order_by(Invoice.id.desc())).scalars().first()
    accountant.post(f"/invoice/{draft.id}/issue")
    answer = accountant.api("POST", f"/api/v1/invoice/{draft.id}/pay", json={"amount": amount})
    assert answer.status_code == 200, answer.json
    session.expire_all()
