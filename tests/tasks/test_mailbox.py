"""Mails from a real IMAP server: each is taken in once and filed where it belongs, and nothing is lost on the way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.models.activity import Activity, ActivityKind, ActivityState, Direction
from app.models.attachment import Attachment
from app.models.lead import Lead, LeadArrival, LeadState
from app.models.lead_source import LeadChannel, LeadSource
from app.models.letter import Letter, LetterState
from app.models.mailbox import Mailbox, MailboxAfter, MailboxSecurity, MailKind, ReceivedMail
from app.models.notification import Notification, NotificationKind
from app.models.organisation import Organisation
from app.models.party import PartyContact
from app.models.suppression import ContactKind, Suppression
from app.outbox import Outbox
from app.services import attachment, bounce_path, chain, mail_intake, received_mail
from app.services import lead_source as sources
from app.services import letter as letters
from app.services import mailbox as mailboxes
from app.tasks import registry, running
from tests.attack import attack
from tests.factories import Made
from tests.imap import LOGIN, Post, dovecot
from tests.mail import office
from tests.servers import need

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    need("imap")
    registry.load()
    with dovecot() as started:
        yield started


@pytest.fixture(autouse=True)
def empty(post: Post) -> Iterator[None]:
    before = chain.use_key(lambda: bytes(32))
    with office():
        yield
    chain.use_key(before)
    post.clear("Taken in")


@pytest.fixture
def mailbox(session: Session, made: Made, post: Post) -> Mailbox:
    made.organisation("Grachten Handel", email="office@grachten.example")
    source = LeadSource(name="Mail", channel=LeadChannel.email, norm_minutes=30, language="nl", country="NL")
    source.per_address = 2
    sources.save(session, source)
    found = Mailbox(name="Sales", host="127.0.0.1", port=post.port, login=LOGIN, source=source)
    found.security, found.since = MailboxSecurity.none, date(2020, 1, 1)
    mailboxes.save(session, found)
    session.flush()
    mailboxes.set_password(session, found, post.password, at=NOON)
    session.commit()
    return found


@pytest.fixture
def look(app: Any, session: Session, mailbox: Mailbox) -> Any:
    """Look into the mailbox as a worker would, and return what came of it, the oldest first."""

    def act(topic: str = mailboxes.TOPIC, key: int | None = None) -> list[ReceivedMail]:
        job = Outbox(topic=topic, record_id=key or mailbox.id, due_at=clock.now(), payload={})
        session.add(job)
        session.commit()
        with app.app_context():
            assert running.run_row(job.id, settings=app.config) is True
        session.expire_all()
        return list(session.scalars(select(ReceivedMail).order_by(ReceivedMail.id)))

    return act


def mail(sender: str = "Anna de Vries <anna@bloem.example>", text: str = "2,000 bulbs?", **head: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, LOGIN, head.pop("Subject", "Tulips")
    for name, value in head.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


def count(session: Session, of: type[Any]) -> int:
    return int(session.scalar(select(func.count()).select_from(of)) or 0)


def kinds(rows: list[ReceivedMail]) -> list[str]:
    return [row.kind.value for row in rows]


def letter_to(session: Session, address: str, record: Any = None, party: Any = None) -> Letter:
    about = {"entity": record.__stem__, "record_id": record.id} if record is not None else {}
    written = letters.write(
        session,
        organisation=session.scalars(select(Organisation).where(Organisation.email == "office@grachten.example")).one(),
        party=party,
        to_address=address,
        subject="Our prices",
        body="…",
        language="en",
        purpose="letter",
        kind=ContactKind.personal,
        at=NOON,
        by=None,
        **({"entity": None, "record_id": None} | about),
    )
    session.flush()
    return written


# --- once, and to whom ------------------------------------------------------------------------------------------------


def test_somebody_unknown_makes_a_lead_once_and_the_mail_is_kept_as_it_came(look, post: Post, session, mailbox, app):
    sent = mail(Message_ID="<1@bloem.example>", Date="Tue, 31 Mar 2026 11:00:00 +0200")
    post.put(sent)
    [row] = look()
    assert (row.kind, row.error, row.number) == (MailKind.lead, None, "<1@bloem.example>")
    assert (row.from_address, row.from_name, row.subject) == ("anna@bloem.example", "Anna de Vries", "Tulips")
    assert row.sent_at == datetime(2026, 3, 31, 9, tzinfo=UTC)
    lead = row.lead
    assert (lead.name, lead.email, lead.text) == ("Anna de Vries", "anna@bloem.example", "Tulips\n\n2,000 bulbs?")
    assert (lead.state, lead.channel, lead.source) == (LeadState.new, LeadChannel.email, mailbox.source)
    assert lead.respond_by is not None
    place = attachment.path_of(row.raw, files=app.config["CRM_VAR"] / "files")
    assert place.read_bytes() == sent.replace(b"\n", b"\r\n")
    assert (mailbox.error, mailbox.looked_at is not None, mailbox.last_uid, post.flags()) == (
        None,
        True,
        row.uid,
        ["\\Seen"],
    )
    assert len(look()) == 1
    assert (count(session, Lead), count(session, LeadArrival)) == (1, 1)


def test_the_next_mail_of_an_unknown_address_joins_its_open_lead(look, post: Post, session):
    post.put(mail(), mail(text="And hyacinths", Subject="More"))
    first, second = look()
    assert (first.lead_id, kinds([first, second])) == (second.lead_id, ["lead", "lead"])
    [said] = session.scalars(select(Activity)).all()
    assert (said.kind, said.direction, said.subject, said.body) == (
        ActivityKind.letter,
        Direction.incoming,
        "More",
        "More\n\nAnd hyacinths",
    )


def test_the_same_message_twice_is_one_lead(look, post: Post, session):
    post.put(mail(Message_ID="<1@bloem.example>"), mail(Message_ID="<1@bloem.example>"))
    first, second = look()
    assert kinds([first, second]) == ["lead", "double"]
    assert (second.lead_id, count(session, Lead), count(session, Activity)) == (first.lead_id, 1, 0)


def test_a_known_address_is_filed_to_its_party_and_contact_and_the_owner_is_told(look, post: Post, session, made: Made):
    party = made.party("Bloem", owner="manager")
    party.contacts.append(PartyContact(name="Anna", email="anna@bloem.example"))
    session.flush()
    post.put(mail())
    [row] = look()
    assert (row.kind, row.party_id, row.entity, row.record_id) == (MailKind.party, party.id, "party", party.id)
    [said] = session.scalars(select(Activity)).all()
    assert (said.entity, said.record_id, said.owner_id) == ("party", party.id, made.user("manager").id)
    assert (said.kind, said.state, said.direction) == (ActivityKind.letter, ActivityState.done, Direction.incoming)
    assert (said.subject, said.body) == ("Tulips", "2,000 bulbs?")
    assert [one.contact_id for one in said.participants] == [party.contacts[0].id]
    [told] = session.scalars(select(Notification)).all()
    assert (told.kind, told.user_id) == (NotificationKind.letter_came, made.user("manager").id)
    assert count(session, Lead) == 0


def test_an_answer_goes_to_what_our_letter_was_about_whoever_writes_it(look, post: Post, session, made: Made):
    party = made.party("Bloem", owner="manager")
    order = made.order(party=party, owner=made.user("manager"))
    letter = letter_to(session, "anna@bloem.example", order, party)
    post.put(
        mail("private@elsewhere.example", In_Reply_To=letter.message_id),
        mail("private@elsewhere.example", References=f"<x@y.example> {letter.message_id}", Subject="Again"),
    )
    rows = look()
    assert kinds(rows) == ["reply", "reply"]
    assert {(row.letter_id, row.party_id, row.entity, row.record_id) for row in rows} == {
        (letter.id, party.id, "order", order.id)
    }
    said = session.scalars(select(Activity).order_by(Activity.id)).all()
    assert [(one.entity, one.record_id, one.subject) for one in said] == [
        ("order", order.id, "Tulips"),
        ("order", order.id, "Again"),
    ]
    assert [(link.entity, link.record_id) for link in said[0].links] == [("party", party.id)]


@pytest.mark.parametrize(
    "head",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Auto_Response_Suppress": "All"},
        {"List_Id": "<news.example>"},
        {"sender": "MAILER-DAEMON@mail.example"},
    ],
)
def test_machines_make_no_leads(look, post: Post, session, head):
    post.put(mail(**head))
    [row] = look()
    assert (row.kind, row.lead_id, row.raw is not None) == (MailKind.automatic, None, True)
    assert (count(session, Lead), count(session, Activity)) == (0, 0)


@pytest.mark.parametrize("sender", [LOGIN, "Office@Grachten.example"])
def test_our_own_letters_make_no_leads(look, post: Post, session, sender: str):
    post.put(mail(sender))
    assert kinds(look()) == ["own"]
    assert (count(session, Lead), count(session, Activity)) == (0, 0)


def test_a_letter_that_came_back_says_so_where_its_record_is(look, post: Post, session, made: Made):
    party = made.party("Bloem", owner="manager")
    letter = letter_to(session, "anna@bloem.example", party, party)
    letter.state, letter.sent_at = LetterState.sent, NOON
    session.flush()
    report = (
        "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; anna@bloem.example\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 no such user\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nSubject: Our prices\nMessage-ID: {letter.message_id}\n\n--b--\n"
    )
    post.put(report.encode())
    [row] = look()
    assert (row.kind, row.letter_id) == (MailKind.bounce, letter.id)
    assert (letter.state, letter.bounced_at is not None) == (LetterState.sent, True)
    assert letter.answer == "rfc822; anna@bloem.example · 5.1.1 · smtp; 550 no such user"
    [said] = session.scalars(select(Activity)).all()
    assert (said.record_id, said.subject) == (party.id, "This letter came back: “Our prices”")
    assert count(session, Lead) == 0


@attack(221, "a complaint that somebody has written himself, to silence another address")
def test_who_calls_a_letter_unwanted_is_left_alone_and_nobody_else(look, post: Post, session, made: Made):
    party = made.party("Bloem", owner="manager")
    letter = letter_to(session, "anna@bloem.example", party, party)
    letter.state, letter.sent_at = LetterState.sent, NOON
    session.flush()

    def complaint(kind, number):
        return (
            f"From: feedback@isp.example\nSubject: Complaint {kind} {number}\nMIME-Version: 1.0\n"
            f"Message-ID: <{kind}.{len(number)}@isp.example>\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
            "--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
            "--b\nContent-Type: message/feedback-report\n\n"
            f"Feedback-Type: {kind}\nUser-Agent: Isp/1\nVersion: 1\nOriginal-Rcpt-To: ivan@elsewhere.example\n\n"
            f"--b\nContent-Type: message/rfc822\n\nSubject: Our prices\nMessage-ID: {number}\n\nDear Anna\n\n--b--\n"
        ).encode()

    post.put(
        complaint("not-spam", letter.message_id),
        complaint("abuse", "<0123456789abcdef0123456789abcdef@grachten.example>"),
        complaint("abuse", letter.message_id),
    )
    rows = look()
    assert [row.kind.value for row in rows][-1] == "complaint"
    assert [row.kind.value == "complaint" for row in rows] == [False, False, True]
    [kept] = session.scalars(select(Suppression)).all()
    assert (kept.address, kept.reason, kept.channel.value) == ("anna@bloem.example", "complained", "email")
    assert letter.bounced_at is None
    told = session.scalars(select(Activity.subject).where(Activity.record_id == party.id)).all()
    assert told.count("This letter was reported as unwanted: “Our prices”") == 1


# --- files ------------------------------------------------------------------------------------------------------------


def test_attached_files_stand_at_the_record_and_programs_do_not(look, post: Post, session, made: Made):
    party = made.party("Bloem", email="anna@bloem.example")
    session.flush()
    sent = EmailMessage()
    sent["From"], sent["Subject"] = "anna@bloem.example", "Files"
    sent.set_content("See")
    sent.add_attachment(b"%PDF-1.7 x", maintype="text", subtype="html", filename="../../etc/offer.pdf")
    sent.add_attachment(b"MZ", maintype="image", subtype="png", filename="invoice.pdf.exe")
    post.put(sent.as_bytes())
    [row] = look()
    about = Attachment.entity == "party", Attachment.record_id == party.id
    [kept] = session.scalars(select(Attachment).where(*about)).all()
    assert (kept.name, kept.media_type, kept.size) == ("offer.pdf", "application/pdf", 10)
    assert row.error == "“invoice.pdf.exe” is a program; programs are not kept"


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_a_worker_that_dies_in_the_middle_loses_nothing_and_takes_nothing_twice(look, post: Post, session, monkeypatch):
    post.put(mail("a@x.example"), mail("b@x.example"), mail("c@x.example"))
    from app.tasks import mailbox as tasks

    real, seen = mail_intake.take, []

    def dies(*given: Any, **about: Any) -> Any:
        row = real(*given, **about)
        seen.append(row.from_address)
        if len(seen) == 2:
            raise registry.LostClaim("the worker is killed before its commit")
        return row

    monkeypatch.setattr(tasks.mail_intake, "take", dies)
    with pytest.raises(AssertionError):
        look()
    session.expire_all()
    assert [row.from_address for row in session.scalars(select(ReceivedMail))] == ["a@x.example"]
    assert post.flags() == ["", "", ""]
    monkeypatch.undo()
    rows = look()
    assert [row.from_address for row in rows] == ["a@x.example", "b@x.example", "c@x.example"]
    assert (count(session, Lead), post.flags()) == (3, ["\\Seen"] * 3)


def test_a_mailbox_that_is_numbered_anew_brings_nothing_twice(look, post: Post, session, mailbox):
    post.put(mail(Message_ID="<1@bloem.example>"))
    [first] = look()
    mailboxes.write(session, mailbox.id, validity=first.validity + 1)
    first.validity += 1
    session.flush()
    rows = look()
    assert (kinds(rows), count(session, Lead)) == (["lead", "double"], 1)


def test_a_mail_that_breaks_the_program_is_seen_and_hinders_no_other(look, post: Post, session, monkeypatch):
    post.put(mail("a@x.example"), mail("b@x.example"))
    from app.tasks import mailbox as tasks

    real = mail_intake.take

    def breaks(session: Session, item: Any, **about: Any) -> Any:
        if b"a@x.example" in item.content:
            raise ZeroDivisionError("a fault of ours")
        return real(session, item, **about)

    monkeypatch.setattr(tasks.mail_intake, "take", breaks)
    first, second = look()
    assert (kinds([first, second]), first.error.partition(" (")[0]) == (
        ["failed", "lead"],
        "ZeroDivisionError: a fault of ours",
    )
    monkeypatch.undo()
    received_mail.refuse_again(first)
    look(received_mail.AGAIN, first.id)
    assert (first.kind, first.lead.email, first.error) == (MailKind.lead, "a@x.example", None)


def test_a_mailbox_that_cannot_be_opened_says_why_without_the_password(look, session, mailbox, post: Post):
    mailboxes.set_password(session, mailbox, "wrong-4711", at=NOON)
    assert look() == []
    assert mailbox.error.startswith("127.0.0.1: ")
    assert "wrong-4711" not in mailbox.error
    assert mailbox.looked_at is not None


@pytest.mark.parametrize(
    ("after", "flags", "moved"),
    [(MailboxAfter.nothing, [""], None), (MailboxAfter.flagged, ["\\Flagged"], None), (MailboxAfter.moved, [], [""])],
)
def test_nothing_is_deleted_in_the_mailbox(look, post: Post, session, mailbox, after, flags, moved):
    mailbox.after, mailbox.move_to = after, "Taken in" if moved is not None else None
    session.flush()
    post.put(mail())
    assert (kinds(look()), post.flags()) == (["lead"], flags)
    if moved is not None:
        assert post.flags("Taken in") == moved


@attack(154, "thousands of mails from an address that we know, to bury everything else")
def test_a_flood_from_a_known_address_is_kept_and_not_filed(look, post: Post, session, made: Made):
    made.party("Bloem", email="anna@bloem.example")
    session.flush()
    post.put(*(mail(Subject=f"No. {number}") for number in range(12)))
    rows = look()
    assert kinds(rows) == ["party"] * 10 + ["too_many"] * 2
    assert (count(session, Activity), all(row.raw_id for row in rows)) == (10, True)


@attack(155, "a mail larger than anybody reads")
def test_a_mail_that_is_too_large_is_noted_and_not_fetched(look, post: Post, session, monkeypatch):
    from app.exchange import imap

    monkeypatch.setattr(imap, "LONGEST", 10_000)
    monkeypatch.setattr(imap, "HEAD", 2_000)
    post.put(mail(text="x" * 70 + "\n" + "bulbs\n" * 3_000))
    [row] = look()
    assert (row.kind, row.from_address, row.lead_id) == (MailKind.too_large, "anna@bloem.example", None)
    assert (row.size > 10_000, row.raw.size) == (True, 2_000)
    assert row.error == "It is larger than 24 MB: read it in the mailbox"


def test_a_letter_that_comes_back_by_its_own_way_is_known_without_its_number(look, post: Post, session, made):
    party = made.party("Bloem", email="anna@bloem.example", owner="manager")
    session.commit()
    letter = letter_to(session, "anna@bloem.example", party, party)
    session.commit()
    way = bounce_path.of_letter("bounces@grachten.example", letter.id)
    forged = bounce_path.of_letter("bounces@grachten.example", letter.id + 1).replace(f"l{letter.id + 1}", "l1")
    post.put(
        mail(Auto_Submitted="auto-replied", Delivered_To=forged, Message_ID="<f@x.example>"),
        mail(Auto_Submitted="auto-replied", Delivered_To=way, Message_ID="<h@x.example>"),  # somebody's holiday
        mail("MAILER-DAEMON@mx.example", Delivered_To=way, Message_ID="<b@x.example>"),
    )
    rows = look()
    assert [(row.kind.value, row.letter_id) for row in rows] == [
        ("automatic", None),
        ("automatic", letter.id),
        ("bounce", letter.id),
    ]
    session.refresh(letter)
    assert letter.bounced_at is not None
