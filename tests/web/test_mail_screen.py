"""Screens of mailboxes and of letters from a card: who may, what is refused, and that no password is ever shown."""

import re
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.lead_source import LeadChannel, LeadSource
from app.models.letter import Letter, LetterTemplate
from app.models.mailbox import Mailbox, MailboxKey, MailKind, ReceivedMail
from app.outbox import Outbox
from app.services import lead_source as sources
from app.services import mailbox as mailboxes
from tests.attack import attack
from tests.factories import Made
from tests.fingerprint import unchanged
from tests.mail import office

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture
def mailbox(session: Session) -> Mailbox:
    source = LeadSource(name="Mail", channel=LeadChannel.email, language="nl")
    sources.save(session, source)
    found = Mailbox(name="Sales", host="imap.example.com", login="sales@us.example", source=source)
    found.since = date(2026, 1, 1)
    mailboxes.save(session, found)
    session.commit()
    return found


def count(session: Session, of: type[Any]) -> int:
    session.expire_all()
    return int(session.scalar(select(func.count()).select_from(of)) or 0)


def test_an_administrator_makes_a_mailbox_and_gives_its_password_which_is_never_shown(as_user, session, mailbox):
    admin = as_user("admin")
    given = {"name": "Info", "host": "imap.example.org", "port": "993", "security": "tls", "login": "info@us.example"}
    given |= {"folder": "INBOX", "source": str(mailbox.source_id), "since": "2026-03-01", "every_minutes": "5"}
    given |= {"after": "seen", "is_active": "y"}
    assert admin.post("/mailbox/add", given | {"port": "0"}).status_code == 422
    answer = admin.post("/mailbox/add", given)
    assert answer.status_code == 302, re.findall(r'class="error".*?</p>', answer.text)
    made = session.scalars(select(Mailbox).where(Mailbox.name == "Info")).one()
    assert "not looked at" in admin.get(f"/mailbox/show/{made.id}").text
    assert admin.post(f"/mailbox/{made.id}/password", {"password": ""}).status_code == 422
    assert admin.post(f"/mailbox/{made.id}/password", {"password": "tulip-4711"}).status_code == 302
    session.expire_all()
    assert mailboxes.password_of(session, made.id) == "tulip-4711"
    for path in (f"/mailbox/show/{made.id}", f"/mailbox/edit/{made.id}", f"/api/v1/mailbox/{made.id}"):
        answer = admin.get(path)
        assert (answer.status_code, "tulip-4711" in answer.text) == (200, False), path
    assert admin.post(f"/mailbox/{made.id}/look_now", {}).status_code == 302
    assert [job.record_id for job in session.scalars(select(Outbox).where(Outbox.topic == mailboxes.TOPIC))] == [
        made.id
    ]


@attack(159, "a mailbox, its password or its mails reached by somebody who is no administrator")
@pytest.mark.parametrize("person", ["manager", "head", "auditor"])
def test_mailboxes_are_the_administrators_alone(as_user, session, mailbox, person: str):
    mailboxes.set_password(session, mailbox, "tulip-4711", at=NOON)
    row = ReceivedMail(mailbox=mailbox, validity=1, uid=1, number="x", kind=MailKind.own, received_at=NOON, size=1)
    session.add(row)
    session.commit()
    browser = as_user(person)
    with unchanged(session):
        for path in (
            "/mailbox/list/",
            f"/mailbox/show/{mailbox.id}",
            f"/received_mail/show/{row.id}",
            "/received_mail/list/",
        ):
            assert browser.get(path).status_code == 403, path
        for path in (
            f"/mailbox/{mailbox.id}/password",
            f"/mailbox/{mailbox.id}/try",
            f"/mailbox/{mailbox.id}/look_now",
        ):
            assert browser.post(path, {"password": "mine"}).status_code == 403, path
        assert browser.api("GET", f"/api/v1/received_mail/{row.id}").status_code == 403
    assert count(session, MailboxKey) == 1


def test_what_came_in_stands_in_a_list_with_what_it_was_taken_for(as_user, session, mailbox, statements):
    for at in range(3):
        row = ReceivedMail(mailbox=mailbox, validity=1, uid=at, number=f"{at}", kind=MailKind.automatic, size=1)
        row.received_at, row.subject = NOON, f"<b>Out of office {at}</b>"
        session.add(row)
    session.commit()
    admin = as_user("admin")
    admin.get("/received_mail/list/")
    statements.clear()
    page = admin.get("/received_mail/list/")
    assert page.text.count("&lt;b&gt;Out of office") >= 3
    assert "An automatic answer or a mailing" in page.text
    assert len(statements) <= 12


# --- a letter from a card ---------------------------------------------------------------------------------------------


@pytest.fixture
def party(session: Session, made: Made) -> Any:
    made.organisation("Grachten Handel", email="office@grachten.example", legal_name="Grachten Handel B.V.")
    found = made.party("Bloem", owner="manager", email="info@bloem.example")
    session.add(
        LetterTemplate(name="Thanks", language="en", subject="Thank you, {party}", text="Dear {contact},\n{me}")
    )
    session.commit()
    return found


def test_a_letter_is_written_on_the_card_and_stands_in_its_history(as_user, session, party):
    manager = as_user("manager")
    assert f'href="/letter_writing/party/{party.id}"' in manager.get(f"/party/show/{party.id}").text
    page = manager.get(f"/letter_writing/party/{party.id}")
    assert 'value="info@bloem.example"' in page.text
    key = re.search(r'name="form_key" value="([^"]+)"', page.text)[1]
    template = session.scalars(select(LetterTemplate.id)).one()
    typed = {"to": "info@bloem.example", "subject": "", "text": "mine", "form_key": key, "template": str(template)}
    filled = manager.post(f"/letter_writing/party/{party.id}", typed | {"fill": "1"})
    assert 'value="Thank you, Bloem"' in filled.text
    assert "Nothing is known that could stand for {contact}: write it yourself" in filled.text
    with office():
        refused = manager.post(f"/letter_writing/party/{party.id}", typed | {"text": "Dear {contact}"})
        assert (refused.status_code, "Dear {contact}</textarea>" in refused.text) == (422, True)
        assert count(session, Letter) == 0
        sent = typed | {"subject": "Tulips", "text": "They are here."}
        for _ in range(2):
            file = (BytesIO(b"%PDF-1.7"), "list.pdf")
            answer = manager.post(
                f"/letter_writing/party/{party.id}", sent | {"files": file}, content_type="multipart/form-data"
            )
            assert answer.headers["Location"] == f"/party/show/{party.id}#history"
    assert (count(session, Letter), count(session, Activity), count(session, Attachment)) == (1, 1, 1)
    [letter] = session.scalars(select(Letter)).all()
    assert [each.attachment.name for each in letter.files] == ["list.pdf"]
    card = manager.get(f"/party/show/{party.id}").text
    assert card.count("<strong>Tulips</strong>") == 1
    assert "Waiting" in card
    assert f"/letter/show/{letter.id}" not in card


def test_a_program_is_not_sent_and_nothing_changed(as_user, session, party):
    typed = {"to": "info@bloem.example", "subject": "x", "text": "y", "form_key": "k" * 22}
    typed["files"] = (BytesIO(b"MZ"), "x.exe")
    manager = as_user("manager")
    with office(), unchanged(session):
        answer = manager.post(f"/letter_writing/party/{party.id}", typed, content_type="multipart/form-data")
        assert (answer.status_code, "“x.exe” is a program; programs are not kept" in answer.text) == (422, True)


@attack(160, "a letter about somebody else's record, or with the file of another one")
def test_a_letter_is_about_what_one_reaches_and_brings_its_files_alone(as_user, session, made, party):
    other = made.party("Foreign", owner="manager2", email="x@foreign.example")
    session.flush()
    secret = Attachment(
        entity="party", record_id=other.id, name="secret.pdf", media_type="x/y", size=1, sha256="a" * 64
    )
    secret.created_at = NOON
    session.add(secret)
    session.commit()
    manager = as_user("manager")
    typed = {"to": "info@bloem.example", "subject": "x", "text": "y", "form_key": "k" * 22, "file": str(secret.id)}
    with office(), unchanged(session):
        for path in (f"/letter_writing/party/{other.id}", "/letter_writing/party/999999", "/letter_writing/invoice/1"):
            assert (manager.get(path).status_code, manager.post(path, typed).status_code) == (404, 404), path
        assert as_user("auditor").get(f"/letter_writing/party/{party.id}").status_code == 403
    with office():
        assert manager.post(f"/letter_writing/party/{party.id}", typed).status_code == 302
    [letter] = session.scalars(select(Letter)).all()
    assert letter.files == []


def test_heads_write_templates_and_unknown_places_are_refused_at_their_field(as_user, session, party):
    given = {"name": "Offer", "language": "en", "subject": "Offer", "text": "Dear {name}", "is_active": "y"}
    assert as_user("manager").post("/letter_template/add", given).status_code == 403
    refused = as_user("head").post("/letter_template/add", given)
    assert (refused.status_code, "“{name}” stands for nothing" in refused.text) == (422, True)
    assert as_user("head").post("/letter_template/add", given | {"text": "Dear {contact}"}).status_code == 302
    assert count(session, LetterTemplate) == 2
