"""The main job on screen and over REST: set up, order, invoice, issue."""

import re
from decimal import Decimal

import pytest
from sqlalchemy import select

from app import clock
from app.models.invoice import Invoice, InvoiceState
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.party import AddressUsage, Party, PartyAddress
from app.models.sale_order import OrderState, SaleOrder
from app.models.tax import Tax
from app.outbox import Outbox
from app.services import set_up

COMPANY = {
    "country": "NL",
    "name": "Tulpenhandel Zuid",
    "tax_number": "NL854502130B01",
    "street": "Herengracht 1",
    "postal_code": "1015 BA",
    "city": "Amsterdam",
    "iban": "NL91ABNA0417164300",
}


@pytest.fixture
def company(session) -> Organisation:
    values = {name: COMPANY[name] for name in ("country", "name", "tax_number", "street", "postal_code", "city")}
    ours = set_up.set_up(session, Organisation(**values), account=OrganisationBankAccount(iban=COMPANY["iban"]))
    session.commit()
    return ours


@pytest.fixture
def buyer(session, made) -> Party:
    party = made.party("Koster Elektrotechniek", owner="manager")
    party.addresses.append(PartyAddress(usage=AddressUsage.legal, street="Dorpsstraat 2", city="Utrecht", country="NL"))
    session.commit()
    return party


def standard(session) -> Tax:
    return session.execute(select(Tax).where(Tax.country == "NL", Tax.rate == Decimal("0.21"))).scalar_one()


def line(session, number=0, **values):
    about = {"text": "Bulbs", "quantity": "4", "unit_price": "12.50", "tax": str(standard(session).id)} | values
    return {f"lines-{number}-{name}": value for name, value in about.items()}


def head(company, buyer):
    return {"party": str(buyer.id), "organisation": str(company.id), "currency": "EUR", "language": "en"}


def test_the_set_up_page_makes_everything_the_first_invoice_needs(as_user, session):
    answer = as_user("admin").post("/setup/", COMPANY)
    assert answer.status_code == 302, re.findall(r'class="error"[^>]*>([^<]+)', answer.text)
    ours = session.execute(select(Organisation)).scalar_one()
    assert (ours.currency, ours.time_zone, ours.payment_term.name) == ("EUR", "Europe/Amsterdam", "30 days")
    assert standard(session).name


def test_the_set_up_page_keeps_what_was_typed_when_a_number_is_wrong(as_user, session):
    answer = as_user("admin").post("/setup/", COMPANY | {"iban": "NL91ABNA041716430"})
    assert answer.status_code == 422
    assert 'id="iban-error"' in answer.text
    assert 'value="Herengracht 1"' in answer.text
    assert session.execute(select(Organisation)).all() == []


def test_an_order_becomes_an_invoice_that_is_issued(as_user, session, company, buyer):
    accountant = as_user("accountant")
    assert accountant.post("/order/add", head(company, buyer) | line(session)).status_code == 302
    order = session.execute(select(SaleOrder)).scalar_one()
    assert (order.net, order.tax, order.gross) == (Decimal(50), Decimal("10.5"), Decimal("60.5"))
    assert accountant.post(f"/order/{order.id}/confirm").status_code == 302
    answer = accountant.post(f"/order/{order.id}/invoice")
    session.expire_all()
    assert order.state == OrderState.confirmed
    invoice = session.execute(select(Invoice)).scalar_one()
    assert answer.headers["Location"] == f"/invoice/show/{invoice.id}"
    accountant.post(f"/invoice/{invoice.id}/issue", {"on": clock.today("Europe/Amsterdam").isoformat()})
    session.expire_all()
    year = clock.today("Europe/Amsterdam").year
    assert (invoice.state, invoice.number, invoice.gross) == (InvoiceState.issued, f"{year}-00001", Decimal("60.5"))
    rung = session.execute(select(Outbox.record_id).where(Outbox.topic == "invoice.render")).scalars().all()
    assert rung == [invoice.id]
    assert accountant.get(f"/invoice/edit/{invoice.id}").status_code == 302, "an issued document has no form"


def test_what_is_missing_is_said_with_links_and_nothing_is_issued(as_user, session, company, made):
    party = made.party("No Address", owner="accountant")
    session.commit()
    accountant = as_user("accountant")
    accountant.post("/invoice/add", head(company, party) | line(session))
    invoice = session.execute(select(Invoice)).scalar_one()
    page = accountant.get(f"/invoice/show/{invoice.id}").text
    assert f'href="/party/edit/{party.id}#addresses"' in page
    accountant.post(f"/invoice/{invoice.id}/issue")
    session.expire_all()
    assert (invoice.state, invoice.number) == (InvoiceState.draft, None)


def test_rest_makes_and_issues_an_invoice_and_refuses_bad_lines(as_user, session, company, buyer):
    accountant = as_user("accountant")
    tax = standard(session).id
    good = {"text": "Bulbs", "quantity": "4", "unit_price": "12.50", "tax": tax}
    for bad, field in (
        ({"quantity": "0"}, "quantity"),
        ({"unit_price": "-1"}, "unit_price"),
        ({"unit_price": "1.23456789"}, "unit_price"),
        ({"quantity": "1 234,56"}, "quantity"),
        ({"quantity": "abc"}, "quantity"),
        ({"quantity": "1e12"}, "quantity"),
    ):
        answer = accountant.api("POST", "/api/v1/invoice/", json={"party": buyer.id, "lines": [good | bad]})
        assert answer.status_code == 422, (bad, answer.json)
        assert field in str(answer.json["message"]), answer.json
    assert session.execute(select(Invoice)).all() == []
    made = accountant.api("POST", "/api/v1/invoice/", json={"party": buyer.id, "lines": [good]})
    assert made.status_code == 201, made.json
    assert (made.json["result"]["net"], made.json["result"]["gross"]) == ("50.00", "60.50")
    assert made.json["result"]["lines"][0]["unit_price"] == "12.5"
    pk = made.json["id"]
    assert accountant.get(f"/api/v1/invoice/{pk}/pdf").status_code == 409
    today = clock.today("Europe/Amsterdam")
    issued = accountant.api("POST", f"/api/v1/invoice/{pk}/issue", json={"on": today.isoformat()})
    assert issued.status_code == 200, issued.json
    assert issued.json["result"]["number"] == f"{today.year}-00001"
    waiting = accountant.get(f"/api/v1/invoice/{pk}/pdf")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    again = accountant.api("POST", f"/api/v1/invoice/{pk}/issue", json={})
    assert again.status_code == 422
    credited = accountant.api("POST", f"/api/v1/invoice/{pk}/credit", json={"reason": "Returned"})
    assert credited.status_code == 200, credited.json
    assert credited.json["result"]["kind"] == "credit_note"


def test_the_form_shows_what_the_server_computes(as_user, session, company, buyer):
    answer = as_user("accountant").post("/invoice/price", head(company, buyer) | line(session) | line(session, 1))
    assert answer.json["lines"] == ["50.00", "50.00"]
    assert (answer.json["net"], answer.json["gross"]) == ("€100.00", "€121.00")


def test_a_manager_sees_the_invoices_of_his_clients_only_and_issues_none(as_user, session, company, buyer):
    as_user("accountant").post("/invoice/add", head(company, buyer) | line(session))
    invoice = session.execute(select(Invoice)).scalar_one()
    invoice.owner, invoice.team = buyer.owner, buyer.team
    session.commit()
    assert as_user("manager").get(f"/invoice/show/{invoice.id}").status_code == 200
    assert as_user("manager2").get(f"/invoice/show/{invoice.id}").status_code == 404
    assert as_user("manager").post(f"/invoice/{invoice.id}/issue").status_code == 403
