"""The doors of leads: signed requests and messages, the form in a foreign page, and the screens to sort them."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.models.lead import HeldBecause, Lead, LeadArrival, LeadRejection, LeadState
from app.models.lead_source import (
    Assignment,
    LeadChannel,
    LeadField,
    LeadForm,
    LeadFormField,
    LeadFormText,
    LeadReceiver,
    LeadSource,
)
from app.models.work_schedule import WorkSchedule
from app.services import lead_form as forms
from app.services import lead_source as sources
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.fingerprint import unchanged

As = Callable[[str], Browser]


@pytest.fixture
def source(session: Session, made: Made) -> LeadSource:
    made.organisation()
    found = LeadSource(name="Website", code="website", channel=LeadChannel.api, norm_minutes=30, language="nl")
    found.country, found.assignment = "NL", Assignment.in_turn
    found.receivers.append(LeadReceiver(user=made.user("manager")))
    sources.save(session, found)
    session.commit()
    return found


@pytest.fixture
def secret(session: Session, source: LeadSource) -> str:
    shown = sources.new_secret(session, source, at=clock.now())
    session.commit()
    return shown


@pytest.fixture
def form(session: Session, source: LeadSource) -> LeadForm:
    found = LeadForm(name="Contact", code="contact", source=source, colour="#1a2b3c", sites="https://shop.example")
    fields = ((LeadField.name, True), (LeadField.email, True), (LeadField.phone, False), (LeadField.text, False))
    found.fields = [
        LeadFormField(position=at, field=each, is_required=needed) for at, (each, needed) in enumerate(fields)
    ]
    found.texts = [LeadFormText(language="nl", title="Vraag het ons", thanks="Dank u wel!")]
    forms.save(session, found)
    session.commit()
    return found


def signed(secret: str, body: bytes, number: str, at: datetime | None = None) -> dict[str, str]:
    moment = str(int((at or clock.now()).timestamp()))
    return {
        "webhook-id": number,
        "webhook-timestamp": moment,
        "webhook-signature": sources.sign(secret, number, moment, body),
    }


def send(visitor: Browser, secret: str, body: bytes, number: str = "n-1", path: str = "/intake/website") -> Any:
    kind = {"Content-Type": "application/json"}
    return visitor.client.post(path, data=body, headers=kind | signed(secret, body, number))


def leads_of(session: Session) -> list[Lead]:
    session.expire_all()
    return list(session.scalars(select(Lead).order_by(Lead.id)))


# --- programs ---------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_stored_once_and_says_where(visitor: Browser, session: Session, secret: str):
    body = json.dumps({"name": "Anna", "phone": "020 624 1111"}).encode()
    first, again = send(visitor, secret, body), send(visitor, secret, body)
    [lead] = leads_of(session)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json() == {"id": lead.arrivals[0].id, "state": "new"}
    assert (lead.phone, lead.owner.username) == ("+31206241111", "manager")


@pytest.mark.parametrize("body", [b"{broken", b"\xff\x00", b'{"a": "\\u0000"}', b"[" * 200, b""])
def test_what_is_broken_is_stored_and_answered_with_202(visitor: Browser, session: Session, secret: str, body: bytes):
    answer = send(visitor, secret, body)
    [lead] = leads_of(session)
    assert (answer.status_code, answer.get_json()["state"]) == (202, "new")
    assert answer.get_json()["error"] == lead.error
    assert lead.error


def test_over_the_limit_it_is_held_and_answered_with_202(
    visitor: Browser, session: Session, source: LeadSource, secret: str
):
    source.per_minute = 1
    session.commit()
    answers = [send(visitor, secret, b'{"email": "a@b.example"}', f"n-{at}") for at in range(2)]
    assert [each.status_code for each in answers] == [201, 202]
    assert [each.get_json()["state"] for each in answers] == ["new", "held"]
    assert [lead.held_because for lead in leads_of(session)] == [None, HeldBecause.limit]


@attack(144, "a request to the intake of leads that is unsigned, signed by another, old, or to an unknown source")
def test_without_the_signature_nothing_is_stored_and_nothing_told(visitor: Browser, session: Session, secret: str):
    body = b'{"email": "a@b.example"}'
    old = signed(secret, body, "n-1", clock.now() - timedelta(minutes=10))
    other = signed("whsec_AAAA", body, "n-1")
    tried = [("/intake/website", each) for each in ({}, old, other)] + [("/intake/nowhere", signed(secret, body, "n"))]
    with unchanged(session):
        answers = [visitor.client.post(path, data=body, headers=headers) for path, headers in tried]
    assert [each.status_code for each in answers] == [401] * 4
    assert len({each.get_data() for each in answers}) == 1


def test_a_source_that_is_switched_off_takes_nothing(
    visitor: Browser, session: Session, source: LeadSource, secret: str
):
    source.is_active = False
    session.commit()
    assert send(visitor, secret, b"{}").status_code == 401
    assert leads_of(session) == []


def test_messages_of_one_number_are_one_lead(visitor: Browser, session: Session, secret: str):
    for at, text in enumerate(("Hello", "Are you there?")):
        body = json.dumps({"channel": "chat", "from": {"phone": "+31612345678"}, "text": text}).encode()
        assert send(visitor, secret, body, f"m-{at}", "/intake/website/message").status_code == 201
    [lead] = leads_of(session)
    assert (lead.channel, lead.channel_name, len(lead.arrivals)) == (LeadChannel.message, "chat", 2)


# --- the form ---------------------------------------------------------------------------------------------------------


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def fill_in(visitor: Browser, **typed: str) -> dict[str, str]:
    """Open the form and return what a browser would send that has done its work."""
    page = visitor.get("/form/contact?utm_source=fair").get_data(as_text=True)
    ticket = hidden(page, "ticket")
    number = re.search(r'data-number="(\w+)"', page)[1]
    proof = forms.solve(number, forms.BITS)
    given = {"name": "Anna", "email": "anna@bloem.example", "ticket": ticket, "proof": proof, "utm_source": "fair"}
    return given | typed


@pytest.mark.usefixtures("form")
def test_the_page_of_a_form_may_be_framed_by_its_sites_alone(visitor: Browser):
    answer = visitor.get("/form/contact?page=https://shop.example/x")
    page, policy = answer.get_data(as_text=True), answer.headers["Content-Security-Policy"]
    assert "frame-ancestors https://shop.example;" in policy
    assert "unsafe-inline'; script" not in policy
    assert "X-Frame-Options" not in answer.headers
    assert answer.headers.get("Set-Cookie") is None
    assert "Vraag het ons" in page
    assert hidden(page, "page") == "https://shop.example/x"
    assert visitor.get("/login/").headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in visitor.get("/login/").headers["Content-Security-Policy"]


@pytest.mark.usefixtures("form")
def test_the_snippet_is_a_script_for_other_sites(visitor: Browser):
    answer = visitor.get("/form/contact.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert '/form/contact"' in answer.get_data(as_text=True)
    assert visitor.get("/form/nothing.js").status_code == 404


@pytest.mark.usefixtures("form")
def test_a_form_that_was_filled_in_becomes_a_lead(visitor: Browser, session: Session, time_machine: Any):
    start = clock.now()
    time_machine.move_to(start, tick=False)
    typed = fill_in(visitor, text="2,000 bulbs", phone="")
    time_machine.move_to(start + timedelta(seconds=20), tick=False)
    answer = visitor.client.post("/form/contact", data=typed)
    assert (answer.status_code, "Dank u wel!" in answer.get_data(as_text=True)) == (200, True)
    [lead] = leads_of(session)
    assert (lead.state, lead.channel, lead.email, lead.text) == (
        *(LeadState.new, LeadChannel.form, "anna@bloem.example", "2,000 bulbs"),
    )
    assert (lead.utm_source, lead.language, lead.owner.username) == ("fair", "nl", "manager")
    visitor.client.post("/form/contact", data=typed)
    assert len(leads_of(session)) == 1
    visitor.client.post("/form/contact", data=typed | {"text": "Another wish"})
    assert [each.held_because for each in leads_of(session)] == [None, HeldBecause.stale]


@attack(145, "a form of leads filled in by a program: the trap, no work done, too quick, a forged ticket")
@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"website_url": "https://spam.example"}, HeldBecause.trap),
        ({"proof": ""}, HeldBecause.no_proof),
        ({"proof": "1"}, HeldBecause.no_proof),
        ({"ticket": "contact.1.1.x.forged"}, HeldBecause.stale),
        ({"ticket": ""}, HeldBecause.stale),
        ({}, HeldBecause.too_quick),
    ],
)
def test_what_no_person_sends_is_held(visitor: Browser, session: Session, change: dict[str, str], why: HeldBecause):
    answer = visitor.client.post("/form/contact", data=fill_in(visitor) | change)
    assert answer.status_code == 200
    [lead] = leads_of(session)
    assert (lead.state, lead.held_because, lead.owner_id, lead.respond_by) == (LeadState.held, why, None, None)


@pytest.mark.usefixtures("form")
def test_what_nobody_could_answer_comes_back_with_what_was_typed(visitor: Browser, session: Session):
    typed = fill_in(visitor, name="", email="nobody", text="<b>2,000</b>")
    answer = visitor.client.post("/form/contact", data=typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="ask-name-wrong"' in page
    assert 'id="ask-email-wrong"' in page
    assert "&lt;b&gt;2,000&lt;/b&gt;" in page
    assert leads_of(session) == []


# --- the screens ------------------------------------------------------------------------------------------------------


@pytest.fixture
def lead(session: Session, visitor: Browser, secret: str) -> Lead:
    send(visitor, secret, json.dumps({"name": "Anna", "email": "anna@bloem.example", "text": "2,000 bulbs"}).encode())
    return leads_of(session)[0]


def test_the_unsorted_show_the_clock_and_are_sorted_by_their_buttons(as_user: As, session: Session, lead: Lead):
    manager = as_user("manager")
    page = manager.get("/unsorted/").get_data(as_text=True)
    assert "2,000 bulbs" in page
    assert 'class="lead-clock lead-' in page
    answer = manager.post(f"/lead/{lead.id}/accept", {"back": "/unsorted/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/unsorted/")
    [found] = leads_of(session)
    assert (found.state, found.response_minutes is not None) == (LeadState.accepted, True)
    assert "2,000 bulbs" not in manager.get("/unsorted/").get_data(as_text=True)


def test_a_colleague_of_another_team_sees_nothing_of_it(as_user: As, lead: Lead):
    other = as_user("manager2")
    assert "2,000 bulbs" not in other.get("/unsorted/").get_data(as_text=True)
    assert other.get(f"/lead/show/{lead.id}").status_code == 404
    assert other.post(f"/lead/{lead.id}/reject", {"reason": "junk"}).status_code == 404


def test_a_card_costs_few_statements_and_shows_what_arrived(
    as_user: As, session: Session, lead: Lead, statements: list[str]
):
    session.add(WorkSchedule(name="Office", is_default=True, time_zone="Europe/Amsterdam", monday="09:00-17:00"))
    session.commit()
    manager = as_user("manager")
    manager.get(f"/lead/show/{lead.id}")
    statements.clear()
    page = manager.get(f"/lead/show/{lead.id}").get_data(as_text=True)
    assert len(statements) <= 12, "\n".join(statements)
    assert "2,000 bulbs" in page
    tab = manager.get(f"/lead/{lead.id}/tab/arrivals").get_data(as_text=True)
    assert "anna@bloem.example" in tab


def test_rejecting_without_a_reason_comes_back(as_user: As, session: Session, lead: Lead):
    manager = as_user("manager")
    assert manager.post(f"/lead/{lead.id}/reject").status_code == 422
    assert leads_of(session)[0].state is LeadState.new
    manager.post(f"/lead/{lead.id}/reject", {"reason": "junk"})
    assert leads_of(session)[0].rejected_reason is LeadRejection.junk


def test_a_secret_is_shown_once_to_whoever_may_change_the_source(as_user: As, session: Session, source: LeadSource):
    head = as_user("head")
    page = head.post(f"/lead_source/{source.id}/secret").get_data(as_text=True)
    secret = re.search(r"whsec_[\w+/=]+", page)[0]
    assert secret not in head.get(f"/lead_source/show/{source.id}").get_data(as_text=True)
    assert as_user("manager").post(f"/lead_source/{source.id}/secret").status_code == 403
    body, moment = b"{}", str(int(clock.now().timestamp()))
    headers = {"webhook-id": "x", "webhook-timestamp": moment}
    headers["webhook-signature"] = sources.sign(secret, "x", moment, body)
    session.expire_all()
    assert sources.require_signed(session, source, headers, body, at=clock.now()) == "x"


def test_a_source_and_a_form_are_made_by_their_forms(as_user: As, session: Session):
    head = as_user("head")
    given = {"name": "Fair", "channel": "form", "priority": "normal", "assignment": "in_turn", "language": "nl"}
    given |= {"is_active": "y", "norm_minutes": "20", "per_minute": "60", "per_address": "5"}
    answer = head.post("/lead_source/add", given)
    assert answer.status_code == 302, answer.get_data(as_text=True)[:2000]
    source = session.scalars(select(LeadSource).where(LeadSource.name == "Fair")).one()
    assert (source.norm_minutes, len(source.code)) == (20, 20)
    given = {"name": "At the fair", "source": str(source.id), "theme": "dark", "colour": "blue", "is_active": "y"}
    assert head.post("/lead_form/add", given).status_code == 422
    answer = head.post("/lead_form/add", given | {"colour": "#0000AA", "sites": "shop.example"})
    assert answer.status_code == 302
    form = session.scalars(select(LeadForm).where(LeadForm.name == "At the fair")).one()
    assert (form.colour, form.sites) == ("#0000aa", "https://shop.example")
    assert [each.field for each in form.fields] == [
        *(LeadField.name, LeadField.email, LeadField.phone, LeadField.text),
    ]
    assert f"/form/{form.code}.js" in head.get(f"/lead_form/show/{form.id}").get_data(as_text=True)


def test_rest_makes_and_moves_leads(as_user: As, session: Session, source: LeadSource):
    manager = as_user("manager")
    answer = manager.api("POST", "/api/v1/lead/", json={"name": "Anna", "email": "a@b.example", "source": source.id})
    assert answer.status_code == 201, answer.get_json()
    key = answer.get_json()["id"]
    assert manager.api("POST", f"/api/v1/lead/{key}/accept", json={}).status_code == 200
    told = manager.api("GET", f"/api/v1/lead/{key}").get_json()["result"]
    assert (told["state"], told["channel"]) == ("accepted", "api")
    assert session.scalar(select(func.count()).select_from(LeadArrival)) == 0
