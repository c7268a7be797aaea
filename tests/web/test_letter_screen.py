"""Letters on screen and over REST: what became of each, and who may decide where the program cannot."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from sqlalchemy import select, update

from app.models.letter import Letter, LetterState
from app.models.suppression import ContactKind
from app.outbox import Outbox
from app.services import attachment as attachments
from app.services import invoice as invoices
from app.services import letter as letters
from app.services import letter_ledger as ledger
from app.web.records import Records
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
VERBS = ("resend", "mark_sent", "retry", "cancel")


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def invoice(app, session, made):
    us = made.organisation(email="office@grachten.example")
    party = made.buyer(email="inkoop@tulpen.example", owner="manager")
    made_of = made.issued(organisation=us, party=party, owner_id=party.owner_id, team_id=party.team_id, language="en")
    stored = attachments.store(
        session,
        BytesIO(b"%PDF-1.7 of a test"),
        files=app.config["CRM_VAR"] / "files",
        name=f"{made_of.number}.pdf",
        media_type="application/pdf",
        entity="invoice",
        record_id=made_of.id,
        at=NOON,
        by_id=None,
    )
    invoices.store_file(session, made_of, stored, at=NOON)
    session.refresh(made_of)
    return made_of


@pytest.fixture
def letter(session, invoice):
    """A letter of which nobody knows whether it arrived."""
    written = letters.send_invoice(
        session, invoice, at=NOON, by=None, text="Good day,\n\n<b>here</b> is the invoice.\n\n" + "Long. " * 30
    )
    claim = ledger.claim(session, written.id, at=NOON)
    ledger.begin_data(session, claim, at=NOON)
    ledger.doubted(session, claim, "connection <lost>", at=NOON)
    session.commit()
    return written


def state(session, letter):
    session.expire_all()
    return session.get(Letter, letter.id).state


def fail(session, letter):
    record = session.get(Letter, letter.id)
    record.state = LetterState.failed
    session.commit()


def test_the_list_and_the_card_say_what_became_of_a_letter(as_user, session, invoice, letter):
    accountant = as_user("accountant")
    page = accountant.get("/letter/list/").text
    assert "Perhaps sent" in page
    assert "inkoop@tulpen.example" in page
    assert f'href="/invoice/show/{invoice.id}"' in page
    assert "connection &lt;lost&gt;" in page
    card = accountant.get(f"/letter/show/{letter.id}").text
    assert "&lt;b&gt;here&lt;/b&gt; is the invoice." in card
    assert f'<a href="/invoice/pdf/{invoice.id}">{invoice.number}.pdf</a>' in card
    assert letter.message_id.strip("<>") in card
    shown = [verb for verb in VERBS if f'action="/letter/{letter.id}/{verb}"' in card]
    assert shown == ["resend", "mark_sent", "cancel"]
    assert 'href="/letter/list/"' in page
    assert f'href="/letter/show/{letter.id}?from=q%3Dtulpen"' in accountant.get("/letter/list/?q=tulpen").text
    assert f'href="/letter/show/{letter.id}?' not in accountant.get("/letter/list/?q=rozen").text


def test_buttons_do_what_they_say(as_user, session, made, letter):
    accountant = as_user("accountant")
    assert accountant.post(f"/letter/{letter.id}/resend").status_code == 302
    assert state(session, letter) == LetterState.pending
    jobs = session.scalars(select(Outbox).where(Outbox.topic == "letter.send").order_by(Outbox.id)).all()
    assert [job.record_id for job in jobs] == [letter.id, letter.id]
    assert [job.actor_id for job in jobs] == [None, made.user("accountant").id]
    accountant.post(f"/letter/{letter.id}/cancel")
    assert state(session, letter) == LetterState.cancelled
    page = accountant.post(f"/letter/{letter.id}/retry", follow_redirects=True).text
    assert "This cannot be done while the state is “Cancelled”" in page


def test_rest_shows_letters_and_has_the_same_verbs(as_user, session, invoice, letter):
    accountant = as_user("accountant")
    shown = accountant.api("GET", f"/api/v1/letter/{letter.id}").json["result"]
    assert (shown["state"], shown["entity"], shown["record_id"]) == ("uncertain", "invoice", invoice.id)
    assert (shown["message_id"], shown["answer"]) == (letter.message_id, "connection <lost>")
    assert {"token", "lease_until", "search_text"} & set(shown) == set()
    listed = accountant.api("GET", "/api/v1/letter/").json
    assert (listed["count"], listed["result"][0]["subject"]) == (1, letter.subject)
    assert accountant.api("POST", f"/api/v1/letter/{letter.id}/mark_sent").status_code == 200
    assert state(session, letter) == LetterState.sent
    answer = accountant.api("POST", f"/api/v1/letter/{letter.id}/mark_sent")
    assert (answer.status_code, list(answer.json["message"])) == (422, ["state"])


def test_many_failed_letters_are_tried_again_at_once(as_user, session, letter):
    fail(session, letter)
    answer = as_user("accountant").post("/letter/many/retry", {"rowid": str(letter.id)})
    assert answer.status_code == 302
    assert state(session, letter) == LetterState.pending


def test_without_a_mail_server_the_button_says_so(as_user, session, letter):
    with office(problem="No mail server is set up: CRM_SMTP_URL"):
        page = as_user("accountant").post(f"/letter/{letter.id}/resend", follow_redirects=True).text
    assert "No mail server is set up: CRM_SMTP_URL" in page
    assert state(session, letter) == LetterState.uncertain


def test_letters_are_not_written_here(as_user, letter):
    admin = as_user("admin")
    for path in ("/letter/add", f"/letter/edit/{letter.id}"):
        assert admin.get(path).status_code == 404
    assert admin.post(f"/letter/delete/{letter.id}").status_code == 404
    assert admin.api("POST", "/api/v1/letter/", json={}).status_code in {404, 405}
    assert admin.api("DELETE", f"/api/v1/letter/{letter.id}").status_code in {404, 405}
    assert admin.api("PUT", f"/api/v1/letter/{letter.id}", json={}).status_code in {404, 405}


@pytest.mark.parametrize("name", ["head", "auditor"])
def test_who_may_look_may_not_decide(as_user, session, letter, name):
    person = as_user(name)
    assert person.get("/letter/list/").status_code == 200
    card = person.get(f"/letter/show/{letter.id}")
    assert card.status_code == 200
    for verb in VERBS:
        assert f'action="/letter/{letter.id}/{verb}"' not in card.text
        assert person.post(f"/letter/{letter.id}/{verb}").status_code == 403
        assert person.api("POST", f"/api/v1/letter/{letter.id}/{verb}").status_code == 403
    assert state(session, letter) == LetterState.uncertain


@pytest.mark.parametrize("name", ["manager", "manager2", "marketer", "office"])
def test_others_see_no_letters(as_user, session, letter, name):
    person = as_user(name)
    for path in ("/letter/list/", f"/letter/show/{letter.id}"):
        assert person.get(path).status_code == 403
    assert person.api("GET", "/api/v1/letter/").status_code == 403
    for verb in VERBS:
        assert person.post(f"/letter/{letter.id}/{verb}").status_code == 403
    assert state(session, letter) == LetterState.uncertain


def test_the_head_sees_the_letters_of_his_people_only(as_user, session, made, letter):
    other = letters.write(
        session,
        organisation=letter.organisation,
        party=None,
        to_address="a@elsewhere.example",
        subject="Elsewhere",
        body="Text",
        language="en",
        entity=None,
        record_id=None,
        purpose="letter",
        kind=ContactKind.personal,
        at=NOON,
        by=None,
    )
    session.commit()
    head = as_user("head")
    page = head.get("/letter/list/").text
    assert letter.subject in page
    assert "Elsewhere" not in page
    assert head.get(f"/letter/show/{other.id}").status_code == 404
    assert head.api("GET", f"/api/v1/letter/{other.id}").status_code == 404


def test_a_decision_that_comes_too_late_is_told(as_user, session, letter, monkeypatch):
    """Between looking and deciding a worker has taken the letter: the reader is told, and nothing is changed."""
    record = session.get(Letter, letter.id)
    letters.resend(session, record, at=NOON)
    session.commit()
    accountant = as_user("accountant")
    genuine = Records.one

    def one(records, key, filters=None):
        found = genuine(records, key, filters)
        taken = update(Letter).values(state="claimed", token="x", lease_until=NOON, version=Letter.version + 1)
        records.session().execute(taken.execution_options(synchronize_session=False))
        return found

    monkeypatch.setattr(Records, "one", one)
    answer = accountant.api("POST", f"/api/v1/letter/{letter.id}/cancel")
    monkeypatch.undo()
    assert answer.status_code == 409
    assert state(session, letter) == LetterState.pending, "the worker's claim was in the same transaction"
