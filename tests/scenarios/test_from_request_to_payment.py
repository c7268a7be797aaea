"""Selling as a story: a request by form that waited too long, a call, a deal, a quote, two invoices, the money."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.models.activity import Activity
from app.models.deal import Deal
from app.models.delivery import Delivery
from app.models.invoice import Invoice
from app.models.lead import Lead, LeadState
from app.models.lead_source import (
    LeadChannel,
    LeadField,
    LeadForm,
    LeadFormField,
    LeadFormText,
    LeadReceiver,
    LeadSource,
)
from app.models.party import PartyAddress
from app.models.quote import Quote, QuoteState
from app.models.sale_order import OrderState, SaleOrder
from app.models.stage_log import StageLog
from app.services import chain, letter_office
from app.services import lead_form as forms
from app.services import lead_source as sources
from app.services import letter as letters
from app.services.document_chain import chain as chain_of
from app.services.letter_office import Office
from app.tasks import lead as lead_tasks
from tests.mail import mail_server
from tests.scenarios.test_from_client_to_invoice import work_off
from tests.scenarios.test_from_quote_to_payment import pay

D = Decimal
TUESDAY = datetime(2026, 3, 31, 9, tzinfo=UTC)  # eleven in Amsterdam
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def post():
    """A mail server, and an office that believes in it."""
    address = "https://crm.example.org"
    before = letter_office.use(lambda: Office(problem=None, sender="", host="crm.example.org", public_url=address))
    with mail_server() as server:
        yield server
    letter_office.use(before)


def a_form(session, made) -> LeadForm:
    source = LeadSource(name="Website", code="website", channel=LeadChannel.form, norm_minutes=30, language="nl")
    source.receivers.append(LeadReceiver(user=made.user("manager")))
    sources.save(session, source)
    form = LeadForm(name="Quote", code="quote", source=source)
    wanted = (LeadField.name, LeadField.company, LeadField.email, LeadField.text)
    form.fields = [LeadFormField(position=at, field=each) for at, each in enumerate(wanted)]
    form.texts = [LeadFormText(language="nl", title="Vraag een offerte aan")]
    forms.save(session, form)
    return form


def worked_out(page: str) -> dict[str, str]:
    """What the script of the form adds to what is typed: the ticket of the page and the work that it asks for."""
    number = re.search(r'data-number="(\w+)"', page)[1]
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)[1]
    return {"ticket": ticket, "proof": forms.solve(number, forms.BITS)}


def unread(browser) -> str:
    return re.sub(r"<[^>]+>", " ", browser.get("/notification/list/").text)


def test_from_a_request_by_form_to_the_money_of_two_invoices(  # noqa: PLR0915 -- one story
    app, as_user, visitor, session, made, settings, time_machine, post
):
    time_machine.move_to(TUESDAY)
    chain.use_key(lambda: chain.key_in(settings["CRM_VAR"] / "keys"))
    made.organisation(email="post@grachten.example")
    product, pipeline = made.product("Stroopwafels", price="25.00"), made.pipeline()
    a_form(session, made)
    session.commit()

    # Somebody asks on the website; it is the manager's turn, and thirty minutes of working time run.
    page = visitor.get("/form/quote?utm_source=fair&language=nl").text
    assert "Vraag een offerte aan" in page
    time_machine.shift(20)
    typed = {"name": "Anna de Vries", "company": "Bakkerij Anna", "email": "anna@bakkerij.example"}
    asked = typed | {"text": "Vier dozen stroopwafels\nGraag deze maand", "utm_source": "fair"}
    assert visitor.client.post("/form/quote", data=asked | worked_out(page)).status_code == 200
    lead = session.scalars(select(Lead)).one()
    assert (lead.state, lead.owner.username, lead.utm_source) == (LeadState.new, "manager", "fair")

    # Nobody answers: he is reminded after twenty minutes, and his head is told after thirty.
    lead_tasks.look(session, lead.received_at + 19 * MINUTE)
    session.commit()
    assert "A lead waits" not in unread(as_user("manager"))
    lead_tasks.look(session, lead.received_at + 21 * MINUTE)
    lead_tasks.look(session, lead.received_at + 31 * MINUTE)
    session.commit()
    assert "A lead waits for your answer" in unread(as_user("manager"))
    told = unread(as_user("head"))
    assert "A lead was not answered in time" in told
    assert "Waiting for 31 minutes of working time" in told

    # He calls after forty minutes, which is the answer; what came of it stands at the lead.
    time_machine.move_to(lead.received_at + 40 * MINUTE)
    manager = as_user("manager")
    call = {"kind": "call", "subject": "Ask what she needs", "due_at": "2026-03-31 15:00"}
    assert manager.post(f"/lead/{lead.id}/plan", call).status_code == 302
    planned = session.scalars(select(Activity).where(Activity.subject == "Ask what she needs")).one()
    assert (
        manager.post(f"/activity/{planned.id}/finish", {"result": "Four boxes, as soon as possible"}).status_code == 302
    )
    lead_tasks.look(session, lead.received_at + 41 * MINUTE)
    session.commit()
    session.expire_all()
    assert lead.response_minutes == 40
    assert "Four boxes" in manager.get(f"/lead/{lead.id}/timeline").text

    # The lead becomes a customer with a contact person and a deal that is called what was asked.
    manager.post(f"/lead/{lead.id}/accept")
    made_deal = manager.post(f"/lead/{lead.id}/convert")
    deal = session.scalars(select(Deal)).one()
    session.expire_all()
    assert made_deal.headers["Location"] == f"/deal/show/{deal.id}"
    assert (deal.title, deal.party.name, deal.owner.username) == (
        *("Vier dozen stroopwafels", "Bakkerij Anna", "manager"),
    )
    assert [each.name for each in deal.party.contacts] == ["Anna de Vries"]
    assert lead.state is LeadState.converted

    # Two days later the deal has lines and goes on a stage; its quote goes out by mail, with its file and its link.
    time_machine.move_to(TUESDAY + 2 * DAY)
    manager = as_user("manager")
    line = {"product": product.id, "quantity": "4"}
    changed = manager.api("PUT", f"/api/v1/deal/{deal.id}", json={"version": deal.version, "lines": [line]})
    assert changed.status_code == 200, changed.json
    offer = next(each for each in pipeline.stages if each.name == "Offer")
    manager.post(f"/deal/{deal.id}/move", {"stage": str(offer.id)})
    home = PartyAddress(street="Dorpsstraat 2", postal_code="2161 AB", city="Lisse", country="NL")
    deal.party.addresses.append(home)
    session.commit()
    manager.post(f"/deal/{deal.id}/quote")
    quote = session.scalars(select(Quote)).one()
    assert (quote.deal_id, quote.gross) == (deal.id, D("121.00"))
    sent = manager.post(f"/quote/{quote.id}/send", {"to": "anna@bakkerij.example"})
    assert sent.status_code == 302, sent.text
    work_off(app, session, settings, "quote.render")
    work_off(app, session, settings | {"CRM_SMTP_URL": post.url}, letters.TOPIC)
    [letter] = post.taken
    text = letter.message.get_body(("plain",)).get_content()
    assert [part.get_filename() for part in letter.message.iter_attachments()] == [f"{quote.number}.pdf"]
    [path] = re.findall(r"https://crm\.example\.org(/q/[0-9a-f]{64})", text)

    # The customer accepts by the link, from where she is; it becomes an order.
    assert "121,00" in visitor.get(path).text
    agreed = {"name": "Anna de Vries", "agreed": "y", "csrf_token": visitor.token("/login/")}
    assert visitor.client.post(f"{path}/accept", data=agreed).status_code == 200
    session.expire_all()
    assert (quote.state, quote.answered_name) == (QuoteState.accepted, "Anna de Vries")
    manager.post(f"/quote/{quote.id}/order")
    order = session.scalars(select(SaleOrder)).one()
    manager.post(f"/order/{order.id}/confirm")
    manager.post(f"/deal/{deal.id}/win")

    # Three of the four boxes go out, and are invoiced and paid; the last one follows a week later.
    session.expire_all()
    key = order.lines[0].id
    manager.post(f"/order/deliver_some/{order.id}", {f"take-{key}": "3"})
    first = session.scalars(select(Delivery)).one()
    as_user("warehouse").post(f"/delivery/{first.id}/deliver")
    accountant = as_user("accountant")
    accountant.post(f"/order/invoice_some/{order.id}", {f"take-{key}": "3"})
    pay(accountant, session, "90.75")
    assert order.state == OrderState.in_progress
    time_machine.move_to(TUESDAY + 9 * DAY)
    as_user("warehouse").post(f"/order/{order.id}/finish")
    accountant = as_user("accountant")
    accountant.post(f"/order/{order.id}/invoice")
    pay(accountant, session, "30.25")
    session.expire_all()
    bills = session.scalars(select(Invoice).order_by(Invoice.id)).all()
    assert [(one.gross, one.settlement) for one in bills] == [(D("90.75"), "paid"), (D("30.25"), "paid")]
    assert order.state == OrderState.closed

    # The chain tells all of it from the deal on, and the log of its stages how long it took.
    [root] = chain_of(session, bills[1])
    assert root.record is deal
    assert [node.record for node in root.after] == [quote]
    assert [node.record for node in root.after[0].after] == [order]
    followed = root.after[0].after[0].after
    assert [(node.record.__stem__, len(node.after)) for node in followed] == [
        *(("delivery", 0), ("delivery", 0), ("invoice", 1), ("invoice", 1))
    ]
    steps = session.scalars(select(StageLog).where(StageLog.deal_id == deal.id).order_by(StageLog.id)).all()
    assert [pipeline_name(pipeline, step.to_id) for step in steps] == ["New", "Offer", "Won"]
    assert sum(step.seconds or 0 for step in steps) == int((deal.entered_at - steps[0].at).total_seconds())


def pipeline_name(pipeline, stage_id: int) -> str:
    return next(each.name for each in pipeline.stages if each.id == stage_id)
