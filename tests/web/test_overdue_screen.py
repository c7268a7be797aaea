"""Reminders on screen and over REST: levels in a form, and what an invoice's card says and offers."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.models.invoice import Invoice
from app.models.letter import Letter
from app.models.reminder_level import ReminderLevel
from app.services import invoice as invoices
from tests.mail import office

LEVEL = {
    "position": "1",
    "days": "7",
    "gap_days": "0",
    "since": "2026-01-01",
    "is_active": "y",
    "fee": "5",
    "texts-0-language": "en",
    "texts-0-subject": "Invoice {number}",
    "texts-0-text": "Please pay {rest}.",
}


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def us(made, session):
    found = made.organisation(email="office@grachten.example")
    session.commit()
    return found


@pytest.fixture
def invoice(made, session, us):
    """An invoice that was due ten days ago."""
    at = clock.now() - timedelta(days=10)
    party = made.buyer(email="inkoop@tulpen.example", owner="manager")
    found = made.invoice(("1", "100.00"), at_tax=made.tax("zero"), organisation=us, party=party)
    invoices.issue(session, found, at=at)
    session.commit()
    return found


def test_a_level_is_written_and_a_wrong_place_is_said_at_its_row(as_user, session, us):
    accountant = as_user("accountant")
    given = LEVEL | {"organisation": str(us.id)}
    page = accountant.post("/reminder_level/add", given | {"texts-0-text": "Pay, {nobody}"})
    assert (page.status_code, session.scalars(select(ReminderLevel)).all()) == (422, [])
    assert "“{nobody}” stands for nothing" in page.text
    assert "Pay, {nobody}" in page.text
    answer = accountant.post("/reminder_level/add", given)
    assert answer.status_code == 302, answer.text
    level = session.scalars(select(ReminderLevel)).one()
    assert (level.days, level.fee, [each.text for each in level.texts]) == (7, 5, ["Please pay {rest}."])
    assert as_user("manager").get("/reminder_level/list/").status_code == 403
    assert accountant.api("GET", f"/api/v1/reminder_level/{level.id}").json["result"]["days"] == 7


def test_the_card_says_what_comes_next_reminds_blocks_and_allows(as_user, session, us, invoice):
    accountant = as_user("accountant")
    tab = f"/invoice/{invoice.id}/tab/reminders"
    assert "No reminder is planned: no level is left for it" in accountant.get(tab).text
    assert accountant.post("/reminder_level/add", LEVEL | {"organisation": str(us.id)}).status_code == 302
    assert "because that is the day of this level" in accountant.get(tab).text
    session.expire_all()
    assert accountant.post(f"/invoice/{invoice.id}/block_reminders", {"reason": "Asked"}).status_code == 302
    assert "Blocked because: Asked" in accountant.get(tab).text
    assert accountant.api("POST", f"/api/v1/invoice/{invoice.id}/remind", json={}).status_code == 422
    assert accountant.post(f"/invoice/{invoice.id}/allow_reminders", {}).status_code == 302
    assert accountant.post(f"/invoice/{invoice.id}/remind", {}).status_code == 302
    session.expire_all()
    letter = session.scalars(select(Letter)).one()
    assert (letter.purpose, letter.body) == ("overdue 1", "Please pay €100.00.")
    assert session.get_one(Invoice, invoice.id).reminder_block_why is None
    assert 'data-label="Letter">Waiting' in accountant.get(tab).text
    assert as_user("manager").post(f"/invoice/{invoice.id}/remind", {}).status_code == 403
