"""Mailboxes: their rules, and that a password is told to the server that it was given for and to no other."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.models.history import FieldChange
from app.models.lead_source import LeadChannel, LeadSource
from app.models.mailbox import Mailbox, MailboxAfter, MailboxKey, MailboxSecurity
from app.outbox import Outbox
from app.services import lead_source as sources
from app.services import mailbox as mailboxes
from tests.attack import attack

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture
def source(session: Session) -> LeadSource:
    found = LeadSource(name="Mail", channel=LeadChannel.email, language="nl", country="NL")
    sources.save(session, found)
    session.flush()
    return found


@pytest.fixture
def mailbox(session: Session, source: LeadSource) -> Mailbox:
    found = Mailbox(name="Sales", host="IMAP.example.com", port=993, login="sales@us.example", source=source)
    mailboxes.save(session, found)
    session.flush()
    return found


def test_a_mailbox_begins_with_what_most_want(mailbox: Mailbox):
    assert (mailbox.host, mailbox.folder, mailbox.security) == ("imap.example.com", "INBOX", MailboxSecurity.tls)
    assert (mailbox.after, mailbox.every_minutes, mailbox.last_uid, mailbox.is_active) == (
        MailboxAfter.seen,
        5,
        0,
        True,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": "http://127.0.0.1/"}, "host"),
        ({"host": ""}, "host"),
        ({"login": " "}, "login"),
        ({"port": 0}, "port"),
        ({"security": MailboxSecurity.none}, "security"),
        ({"every_minutes": 0}, "every_minutes"),
        ({"after": MailboxAfter.moved}, "move_to"),
        ({"after": MailboxAfter.moved, "move_to": "INBOX"}, "move_to"),
    ],
)
def test_what_no_mailbox_can_be_is_refused_at_its_field(session: Session, mailbox: Mailbox, change, field):
    for name, value in change.items():
        setattr(mailbox, name, value)
    with pytest.raises(Refusals) as refused:
        mailboxes.save(session, mailbox)
    assert list(refused.value.errors) == [field]


def test_leads_come_by_a_source_of_the_channel_mail(session: Session, mailbox: Mailbox, source: LeadSource):
    source.channel = LeadChannel.form
    with pytest.raises(Refusals) as refused:
        mailboxes.save(session, mailbox)
    assert refused.value.errors == {"source": ["Choose a source of the channel “E-mail”"]}


def test_in_the_clear_this_machine_alone_is_spoken_with(session: Session, mailbox: Mailbox):
    mailbox.security, mailbox.host = MailboxSecurity.none, "127.0.0.1"
    mailboxes.save(session, mailbox)
    assert mailbox.security is MailboxSecurity.none


@attack(153, "the password of a mailbox sent to a server of one's own, by changing where the mailbox is")
@pytest.mark.parametrize("change", [{"host": "evil.example"}, {"port": 143}, {"login": "x"}, {"security": "starttls"}])
def test_a_password_is_told_to_the_server_that_it_was_given_for(session: Session, mailbox: Mailbox, change):
    mailboxes.set_password(session, mailbox, "tulip-4711", at=NOON)
    sealed = session.get_one(MailboxKey, mailbox.id).sealed
    assert "tulip" not in sealed
    assert mailboxes.password_of(session, mailbox.id) == "tulip-4711"
    mailbox.folder = "Archive"
    mailboxes.save(session, mailbox)
    session.flush()
    assert mailboxes.password_of(session, mailbox.id) == "tulip-4711"
    for name, value in change.items():
        setattr(mailbox, name, MailboxSecurity(value) if name == "security" else value)
    mailboxes.save(session, mailbox)
    session.flush()
    assert mailboxes.password_of(session, mailbox.id) is None
    told = session.scalars(select(FieldChange).where(FieldChange.entity == "mailbox")).all()
    assert told
    assert not any("tulip" in str(one.changes) for one in told)


@pytest.mark.parametrize("password", ["", "a\nb", "x" * 251])
def test_what_is_no_password_is_not_kept(session: Session, mailbox: Mailbox, password: str):
    with pytest.raises(DomainError) as refused:
        mailboxes.set_password(session, mailbox, password, at=NOON)
    assert refused.value.field == "password"
    assert session.scalar(select(func.count()).select_from(MailboxKey)) == 0


def test_a_mailbox_is_looked_at_in_its_time_and_once_at_a_time(session: Session, mailbox: Mailbox):
    assert mailboxes.enqueue_due(session, at=NOON) == 0  # it has no password
    mailboxes.set_password(session, mailbox, "tulip-4711", at=NOON)
    assert [mailboxes.enqueue_due(session, at=NOON) for _ in range(2)] == [1, 0]
    [job] = session.scalars(select(Outbox).where(Outbox.topic == mailboxes.TOPIC)).all()
    assert job.record_id == mailbox.id
    session.delete(job)
    version = mailbox.version
    mailboxes.noted(session, mailbox.id, error="away", at=NOON)
    session.refresh(mailbox)
    assert (mailbox.looked_at, mailbox.error, mailbox.version) == (NOON, "away", version)
    assert mailboxes.enqueue_due(session, at=NOON + timedelta(minutes=4)) == 0
    assert mailboxes.enqueue_due(session, at=NOON + timedelta(minutes=5)) == 1
    mailbox.is_active = False
    with pytest.raises(DomainError):
        mailboxes.look_now(session, mailbox)
