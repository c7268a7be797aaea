"""What is heard back of a mailing: an answer, a report that a letter did not arrive, and somebody who wants no more."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from app.models.activity import Activity, ActivityLink
from app.models.lead_source import LeadChannel, LeadSource
from app.models.mail_server import MailServer
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailbox import Mailbox, MailboxSecurity, MailKind
from app.models.mailing import Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.suppression import AddressFailure, ContactChannel, Suppression
from app.services import bounce_path, mail_intake, mail_template, mailing_frame, mailing_link, preference
from app.services import lead_source as sources
from app.services import mail_server as mail_servers
from app.services import mailbox as mailboxes
from app.services import mailing as mailings
from app.services.mail_intake import Item
from app.services.preference import How, Whom
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
OURS = "grachten.example"


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def row(session, made):
    us = made.organisation("Grachten Handel", email=f"office@{OURS}")
    template = MailTemplate(name="Spring", channel=MailingChannel.email)
    template.texts = [MailTemplateText(language="en", subject="Tulips")]
    template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Tulips")]
    mail_template.save(session, template)
    mailing = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    mailings.save(session, mailing)
    session.flush()
    mailing.version_id = mail_template.latest(session, template).id
    mailing.state, mailing.started_at, mailing.seed = MailingState.sending, NOON, "0" * 32
    party = made.party("Bloem", email="info@bloem.example", owner="manager")
    found = MailingRecipient(mailing=mailing, party=party, address="info@bloem.example", due_at=NOON)
    found.phase, found.handed_at, found.sent_at = RecipientPhase.sent, NOON, NOON
    session.add(found)
    session.flush()
    return found


@pytest.fixture
def take(session, row, tmp_path):
    """Take a mail in as the worker does, with the next number of its mailbox."""
    source = LeadSource(name="Mail", channel=LeadChannel.email, norm_minutes=30, language="nl", country="NL")
    sources.save(session, source)
    mailbox = Mailbox(name="Sales", host="127.0.0.1", port=143, login=f"sales@{OURS}", source=source)
    mailbox.security, mailbox.since = MailboxSecurity.none, date(2020, 1, 1)
    mailboxes.save(session, mailbox)
    session.flush()

    def act(content: str, uid: int = 1, at: datetime = LATER):
        head = f"Message-ID: <{uid}@bloem.example>\nTo: sales@{OURS}\nSubject: Re: Tulips\n"
        item = Item(mailbox_id=mailbox.id, validity=1, uid=uid, size=len(content), content=(head + content).encode())
        taken = mail_intake.take(session, item, files=tmp_path, at=at)
        session.expire_all()
        return taken

    return act


def answer(row, *, number=None, sender="Jan <jan@elsewhere.example>", more=""):
    named = number or mailing_link.message_id(row.id, host=OURS)
    return f"From: {sender}\nIn-Reply-To: {named}\n{more}\nSend me two thousand.\n"


def report(row, status):
    return (
        "From: MAILER-DAEMON@mx.example\nAuto-Submitted: auto-replied\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; info@bloem.example\nAction: failed\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {status.replace('.', '')} {status} no such user\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {mailing_link.message_id(row.id, host=OURS)}\n\n--b--\n"
    )


def test_an_answer_is_noted_and_stands_in_the_history_of_the_counterparty(session, row, take):
    taken = take(answer(row))
    assert (taken.kind, taken.party_id, taken.lead_id) == (MailKind.reply, row.party_id, None)
    assert (row.answered_at, row.phase) == (LATER, RecipientPhase.sent)
    told = session.scalars(select(Activity).where(Activity.entity == "party")).one()
    assert (told.record_id, told.subject, told.body) == (row.party_id, "Re: Tulips", "Send me two thousand.")
    assert session.scalars(select(ActivityLink)).all() == []
    take(answer(row), uid=2, at=LATER + timedelta(days=1))
    assert row.answered_at == LATER


def test_an_automatic_answer_is_none(session, row, take):
    assert take(answer(row, more="Auto-Submitted: auto-replied\n")).kind is MailKind.automatic
    assert (row.answered_at, session.scalars(select(Activity)).all()) == (None, [])


def test_a_letter_that_came_back_is_noted_once_and_its_address_left_alone(session, row, take):
    taken = take(report(row, "5.1.1"))
    assert (taken.kind, taken.party_id) == (MailKind.bounce, row.party_id)
    assert (row.phase, "no such user" in row.answer) == (RecipientPhase.bounced, True)
    assert [(each.channel, each.is_hard) for each in session.scalars(select(AddressFailure))] == [
        (ContactChannel.email, True)
    ]
    assert len(session.scalars(select(Suppression)).all()) == 1
    take(report(row, "5.1.1"), uid=2)
    assert len(session.scalars(select(AddressFailure)).all()) == 1


def test_what_comes_back_while_it_is_handed_over_ends_the_claim(session, row, take):
    row.phase, row.token, row.lease_until, row.sent_at = RecipientPhase.handed_over, "t", LATER, None
    session.flush()
    take(report(row, "5.1.1"))
    assert (row.phase, row.token, row.lease_until) == (RecipientPhase.bounced, None, None)


@attack(194, "answering, or bouncing, letters of a mailing by Message-IDs that one has made up")
def test_a_message_id_of_a_stranger_names_no_letter(session, row, take):
    real = mailing_link.message_id(row.id, host=OURS)
    other, made_up = real.replace(f".{row.id}.", f".{row.id + 1}."), f"<mailing.{row.id}.{'0' * 24}@x>"
    for uid, forged in ((1, other), (2, made_up)):
        assert take(answer(row, number=forged), uid=uid).kind is not MailKind.reply
        assert take(report(row, "5.1.1").replace(real, forged), uid=uid + 10).kind is MailKind.bounce
    row.handed_at, row.phase, row.sent_at = None, RecipientPhase.queued, None
    session.flush()
    assert take(answer(row), uid=21).kind is not MailKind.reply
    assert (row.answered_at, row.phase) == (None, RecipientPhase.queued)
    assert session.scalars(select(AddressFailure)).all() == []


def test_who_unsubscribes_by_a_letter_is_counted_at_the_last_one_that_he_got(session, row):
    other = Mailing(
        name="Later",
        kind=MailingKind.service,
        organisation=row.mailing.organisation,
        template=row.mailing.template,
        state=MailingState.cancelled,
    )
    last = MailingRecipient(mailing=other, party=row.party, address=row.address, due_at=NOON)
    last.phase, last.handed_at, last.sent_at = RecipientPhase.sent, LATER, LATER
    waiting = MailingRecipient(mailing=other, party=row.party, address="else@bloem.example", due_at=NOON)
    session.add_all([last, waiting])
    session.flush()
    whom = Whom(row.party_id, None, ContactChannel.email, "info@bloem.example")
    at = LATER + timedelta(hours=1)
    assert preference.unsubscribe(session, whom, how=How(way="one click"), at=at) is True
    assert preference.unsubscribe(session, whom, how=How(way="one click"), at=at + timedelta(hours=1)) is False
    assert (row.unsubscribed_at, last.unsubscribed_at, waiting.unsubscribed_at) == (None, at, None)


# --- what comes back by its own way, without the head of our letter ---------------------------------------------------


def way_of(row):
    return bounce_path.of_recipient(f"bounces@{OURS}", row.id)


POSTFIX = """From: MAILER-DAEMON@mx.example (Mail Delivery System)
Delivered-To: {way}
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="A/1"

--A/1
Content-Type: text/plain

<info@bloem.example>: host mx.bloem.example said: 550 5.1.1 User unknown (in reply to RCPT TO command)

--A/1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; info@bloem.example
Action: failed
Status: 5.1.1

--A/1--
"""
EXCHANGE = """From: "Microsoft Outlook" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@bloem.example>
Delivered-To: {way}
Content-Type: multipart/report; report-type=delivery-status; boundary="_000_"

--_000_
Content-Type: text/html

<p>Your message couldn't be delivered.</p>

--_000_
Content-Type: message/delivery-status

Reporting-MTA: dns;bloem.example

Original-recipient: rfc822;info@bloem.example
Final-recipient: rfc822;info@bloem.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found

--_000_--
"""
QMAIL = """From: MAILER-DAEMON@mx.example
Delivered-To: {way}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.

<info@bloem.example>:
Sorry, no mailbox here by that name. (#5.1.1)
"""
EXIM = """From: Mail Delivery System <Mailer-Daemon@mx.example>
X-Failed-Recipients: info@bloem.example
Auto-Submitted: auto-replied
Delivered-To: {way}

A message that you sent could not be delivered to one or more of its recipients.

  info@bloem.example
    SMTP error: 452 4.2.2 mailbox full, retry timeout exceeded
"""


@pytest.mark.parametrize(
    ("text", "is_hard", "said"),
    [
        (POSTFIX, True, "rfc822; info@bloem.example · 5.1.1"),
        (EXCHANGE, True, "rfc822;info@bloem.example · 5.1.10"),
        (QMAIL, True, "Sorry, no mailbox here by that name. (#5.1.1)"),
        (EXIM, False, "SMTP error: 452 4.2.2 mailbox full, retry timeout exceeded"),
    ],
)
def test_what_takes_the_way_back_of_a_letter_is_known_without_its_number(session, row, take, text, is_hard, said):
    taken = take(text.format(way=way_of(row)))
    assert (taken.kind, taken.party_id) == (MailKind.bounce, row.party_id)
    assert row.phase is RecipientPhase.bounced
    assert row.answer.startswith(said)
    assert [each.is_hard for each in session.scalars(select(AddressFailure))] == [is_hard]


def test_a_holiday_and_a_letter_that_is_only_late_have_not_come_back(session, row, take):
    holiday = f"From: info@bloem.example\nDelivered-To: {way_of(row)}\nAuto-Submitted: auto-replied\n\nUntil Monday.\n"
    assert take(holiday).kind is MailKind.automatic
    late = POSTFIX.format(way=way_of(row)).replace("Action: failed", "Action: delayed").replace("5.1.1", "4.4.1")
    assert take(late, uid=2).kind is MailKind.automatic
    late = report(row, "4.4.1").replace("Action: failed", "Action: delayed")
    assert take(late, uid=3).kind is MailKind.automatic
    assert row.phase is RecipientPhase.sent
    assert session.scalars(select(AddressFailure)).all() == []


@attack(208, "ending the addresses of others by a way back that one has made up")
def test_a_way_back_that_we_have_not_written_is_nobodys(session, row, take):
    real = way_of(row)
    for uid, forged in enumerate(
        (
            real.replace(f"+m{row.id}-", f"+m{row.id + 1}-"),
            real.replace(f"+m{row.id}-", f"+l{row.id}-"),
            bounce_path.of_letter(f"bounces@{OURS}", row.id).replace("+l", "+m"),
            f"bounces+m{row.id}-{'0' * 20}@{OURS}",
        ),
        start=1,
    ):
        assert bounce_path.recipient_of(forged) is None
        take(QMAIL.format(way=forged), uid=uid)
    row.handed_at, row.phase, row.sent_at = None, RecipientPhase.queued, None
    session.flush()
    take(QMAIL.format(way=real), uid=9)
    assert row.phase is RecipientPhase.queued
    assert session.scalars(select(AddressFailure)).all() == []


def test_each_letter_has_a_way_back_of_its_own_where_its_company_has_one(session, row):
    us = row.mailing.organisation
    frame = mailing_frame.framed(session, row.mailing, {})
    assert frame.envelope_of(row.id) == f"office@{OURS}"
    place = MailServer(organisation=us, host="127.0.0.1", port=25, security=MailboxSecurity.none)
    place.return_path = f"bounces@{OURS}"
    mail_servers.save(session, place)
    session.flush()
    frame = mailing_frame.framed(session, row.mailing, {})
    assert (frame.envelope_of(row.id), frame.envelope) == (way_of(row), f"bounces@{OURS}")
    assert bounce_path.recipient_of(way_of(row)) == row.id
    assert bounce_path.letter_of(way_of(row)) is None
