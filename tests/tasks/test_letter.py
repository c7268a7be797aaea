"""Sending letters for real: a mail server that misbehaves, workers that are killed, and every letter sent once at most.

The server and the workers are real; only the moment at which a lease runs out is moved.
"""

import os
import re
import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app import clock, outbox
from app.db import db, unit_of_work
from app.errors import DomainError
from app.exchange import smtp
from app.models.letter import Letter, LetterState
from app.models.mail_server import MailServer
from app.models.mailbox import MailboxSecurity
from app.models.organisation import Organisation
from app.models.setting import Setting
from app.models.suppression import ContactKind
from app.outbox import Errand, Outbox
from app.services import attachment as attachments
from app.services import bounce_path, chain
from app.services import invoice as invoices
from app.services import letter as letters
from app.services import letter_ledger as ledger
from app.services import mail_server as mail_servers
from app.tasks import letter as tasks
from app.tasks import registry, running
from app.tasks.registry import fresh_session
from tests.mail import mail_server, office
from tests.tasks.conftest import Nursery, World

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 300


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture(autouse=True)
def chain_key():
    before = chain.use_key(lambda: bytes(32))
    yield
    chain.use_key(before)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture(scope="module")
def server():
    with mail_server() as started:
        yield started


@pytest.fixture(autouse=True)
def forgetful(server):
    server.will.clear()
    server.taken.clear()
    server.stalled.clear()
    server.go_on.clear()
    tasks._away_until.clear()
    yield
    server.go_on.set()


# --- in this process, on the rolled-back connection -------------------------------------------------------------------


@pytest.fixture
def do(app, session, server):
    """Run the newest job of a letter as a worker would; it is due."""

    def act(letter, url=None):
        session.commit()
        newest = select(Outbox.id).where(Outbox.topic == letters.TOPIC, Outbox.record_id == letter.id)
        row_id = session.scalars(newest.order_by(Outbox.id.desc())).first()
        now = clock.now() - timedelta(seconds=1)
        for table, key in ((Outbox, row_id), (Letter, letter.id)):
            session.execute(update(table).where(table.id == key, table.due_at > now).values(due_at=now))
        session.commit()
        with app.app_context():
            done = running.run_row(row_id, settings={**app.config, "CRM_SMTP_URL": server.url if url is None else url})
        session.expire_all()
        return done

    return act


@pytest.fixture
def us(made):
    return made.organisation(
        "Grachten Handel", email="office@grachten.example", legal_name='ООО "Канал", торговля тюльпанами и луковицами'
    )


@pytest.fixture
def invoice(app, session, made, us):
    party = made.buyer("«Արարատ» ՍՊԸ", email="gnumner@ararat.example")
    return made.issued(organisation=us, party=party, language="ru")


@pytest.fixture
def give_file(app, session):
    def give(invoice):
        stored = attachments.store(
            session,
            BytesIO(PDF),
            files=app.config["CRM_VAR"] / "files",
            name=f"{invoice.number}.pdf",
            media_type="application/pdf",
            entity="invoice",
            record_id=invoice.id,
            at=NOON,
            by_id=None,
        )
        invoices.store_file(session, invoice, stored, at=NOON)
        session.refresh(invoice)
        return stored

    return give


def jobs(session, letter):
    found = select(Outbox).where(Outbox.record_id == letter.id, Outbox.topic == letters.TOPIC)
    return session.scalars(found.order_by(Outbox.id)).all()


def test_an_invoice_arrives_with_its_head_and_its_file(app, session, invoice, give_file, do, server):
    give_file(invoice)
    letter = letters.send_invoice(session, invoice, at=NOON, by=None, subject="Счёт № 1, «Тюльпаны» — 36,30 €")
    before = clock.now()
    assert do(letter) is True
    [taken] = server.taken
    assert (taken.sender, taken.recipients) == ("office@grachten.example", ["gnumner@ararat.example"])
    head = taken.content.partition(b"\r\n\r\n")[0].decode("ascii")
    assert re.findall(r"^([\w-]+):", head, re.MULTILINE) == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Language",
        "MIME-Version",
        "Content-Type",
    ]
    message = taken.message
    assert message["Subject"] == "Счёт № 1, «Тюльпаны» — 36,30 €"
    assert message["To"].addresses[0].display_name == "«Արարատ» ՍՊԸ"
    assert message["From"].addresses[0].addr_spec == "office@grachten.example"
    assert (message["Message-ID"], message["Content-Language"]) == (letter.message_id, "ru")
    assert timedelta(seconds=-2) < message["Date"].datetime - before < timedelta(seconds=30)
    text, file = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == letter.body
    assert (file.get_filename(), file.get_content_type()) == (f"{invoice.number}.pdf", "application/pdf")
    path = attachments.path_of(invoice.file, files=app.config["CRM_VAR"] / "files")
    assert file.get_content() == path.read_bytes() == PDF
    assert (letter.state, letter.tries, letter.answer) == (LetterState.sent, 1, "250 2.0.0 queued as 4711")
    assert letter.sent_at is not None
    [job] = jobs(session, letter)
    assert job.state is Errand.done


def test_a_job_that_comes_twice_sends_once(session, invoice, give_file, do, server):
    give_file(invoice)
    letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    do(letter)
    [job] = jobs(session, letter)
    job.state, job.done_at = Errand.pending, None
    assert do(letter) is True
    outbox.enqueue(session, letters.TOPIC, letter.id, due_at=NOON)
    assert do(letter) is True
    assert len(server.taken) == 1


def test_a_document_never_leaves_without_its_file(session, invoice, give_file, do, server):
    letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    for waited in (1, 2, 3):
        assert do(letter) is True
        assert (letter.state, letter.tries, jobs(session, letter)[-1].payload) == (
            LetterState.pending,
            0,
            {"waited": waited},
        )
    assert server.taken == []
    give_file(invoice)
    do(letter)
    assert letter.state == LetterState.sent
    assert next(server.taken[0].message.iter_attachments()).get_content() == PDF


def test_a_file_that_is_gone_from_the_disk_is_said(app, session, invoice, give_file, do, server):
    stored = give_file(invoice)
    letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    path = attachments.path_of(stored, files=app.config["CRM_VAR"] / "files")
    kept = path.read_bytes()
    path.unlink()
    try:
        do(letter)
    finally:
        path.write_bytes(kept)
    assert (letter.state, letter.answer) == (LetterState.failed, f"The attached file is gone: {stored.name}")
    assert server.taken == []


def plain(session, us, **values):
    given = {
        "organisation": us,
        "party": None,
        "to_address": "inkoop@tulpen.example",
        "subject": "About bulbs",
        "body": "Good day.",
        "language": "en",
        "entity": None,
        "record_id": None,
        "purpose": "letter",
        "kind": ContactKind.personal,
        "at": NOON,
        "by": None,
    }
    return letters.write(session, **given | values)


def test_not_now_is_tried_again_after_a_while(session, us, do, server):
    letter = plain(session, us)
    for tries, minutes in enumerate((1, 5, 15), start=1):
        server.will.append("451 4.3.0 busy")
        before = clock.now()
        assert do(letter) is True
        assert (letter.state, letter.tries, letter.answer) == (LetterState.pending, tries, "451 4.3.0 busy")
        wait = letter.due_at - before
        assert timedelta(minutes=minutes * 0.8) <= wait <= timedelta(minutes=minutes * 1.2, seconds=10)
        assert jobs(session, letter)[-1].due_at == letter.due_at
    do(letter)
    assert (letter.state, letter.tries) == (LetterState.sent, 4)
    assert len(server.taken) == 1


def test_never_is_final_and_keeps_the_words_of_the_server(session, us, do, server):
    for will in ("550 5.1.1 no such user", "end 554 5.7.1 spam"):
        server.will.append(will)
        letter = plain(session, us, to_address=f"{will[4:7].strip()}@tulpen.example")
        assert do(letter) is True
        assert (letter.state, letter.answer) == (LetterState.failed, will.removeprefix("end "))
        assert len(jobs(session, letter)) == 1
    assert server.taken == []


@pytest.mark.parametrize(
    ("will", "state", "taken"),
    [
        ("hang up", LetterState.pending, 0),
        ("hang up at data", LetterState.pending, 0),
        ("hang up in text", LetterState.uncertain, 0),
        ("hang up at end", LetterState.uncertain, 1),
        ("end 452 full", LetterState.pending, 0),
    ],
)
def test_a_server_that_hangs_up_leaves_a_doubt_only_after_the_text(session, us, do, server, will, state, taken):
    server.will.append(will)
    letter = plain(session, us)
    assert do(letter) is True
    assert (letter.state, letter.token, len(server.taken)) == (state, None, taken)
    assert len(jobs(session, letter)) == (2 if state == LetterState.pending else 1)


def test_a_server_that_is_away_is_tried_again(session, us, do):
    letter = plain(session, us)
    do(letter, url="smtp://127.0.0.1:1")
    assert (letter.state, letter.answer) == (LetterState.pending, "127.0.0.1:1: [Errno 111] Connection refused")


def test_a_server_that_is_away_is_left_alone_for_a_minute(session, us, do, server):
    """Each try would keep a thread of the worker until its time-out: the other letters wait without one."""
    first, second = plain(session, us), plain(session, us)
    do(first, url="smtp://127.0.0.1:1")
    before = clock.now()
    assert do(second, url="smtp://127.0.0.1:1") is True
    assert (second.state, second.tries, second.answer) == (LetterState.pending, 0, None)
    assert timedelta(seconds=50) < second.due_at - before < timedelta(seconds=75)
    assert jobs(session, second)[-1].due_at == second.due_at
    do(second)
    assert second.state == LetterState.sent, "another server is no part of it"
    tasks._away_until["smtp://127.0.0.1:1"] = clock.now()
    do(first, url="smtp://127.0.0.1:1")
    assert first.tries == 2


def test_without_a_server_a_letter_that_waits_fails_and_says_why(session, us, do):
    for url, why in (("", "No mail server is set up: CRM_SMTP_URL"), ("ftp://x", "CRM_SMTP_URL is wrong")):
        letter = plain(session, us)
        do(letter, url=url)
        assert letter.state == LetterState.failed
        assert letter.answer.startswith(why)


def test_a_letter_sent_again_keeps_its_message_id(session, us, do, server):
    server.will.append("hang up at end")
    letter = plain(session, us)
    do(letter)
    letters.resend(session, letter, at=NOON)
    do(letter)
    assert letter.state == LetterState.sent
    assert [taken.message["Message-ID"] for taken in server.taken] == [letter.message_id] * 2


def test_a_cancelled_letter_is_not_sent(session, us, do, server):
    letter = plain(session, us)
    letters.cancel(session, letter)
    assert do(letter) is True
    assert (letter.state, server.taken, server.will) == (LetterState.cancelled, [], server.will)


def test_a_claim_that_is_lost_before_the_text_stops_the_conversation(session, us, do, server, monkeypatch):
    """The lease ran out while the server was thinking; whoever has the letter now sends it."""
    letter = plain(session, us)
    genuine = ledger.begin_data

    def late(own, claim, *, at):
        ledger.sweep(own, at=at + timedelta(hours=1))
        return genuine(own, claim, at=at)

    monkeypatch.setattr(tasks.ledger, "begin_data", late)
    assert do(letter) is False
    assert server.taken == []
    assert letter.state == LetterState.claimed, "the look of the sweeper was rolled back with the rest"


def test_what_the_server_took_is_known_even_when_the_job_was_taken_over(session, us, do, server, monkeypatch):
    letter = plain(session, us)
    genuine = smtp.deliver

    def slow(*args, **options):
        answer = genuine(*args, **options)
        session.execute(update(Outbox).where(Outbox.record_id == letter.id).values(token="somebody else's"))
        session.commit()
        return answer

    monkeypatch.setattr(tasks.smtp, "deliver", slow)
    assert do(letter) is False
    assert (letter.state, letter.answer) == (LetterState.sent, "250 2.0.0 queued as 4711")
    assert jobs(session, letter)[0].state is Errand.claimed


# --- real workers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mail_nursery(place, server):
    made = Nursery(place | {"CRM_SMTP_URL": server.url, "CRM_MAIL_FROM": "office@grachten.example"})
    yield made
    made.close()


class Post(World):
    """The world of workers, with letters in it."""

    def write(self, to: str = "inkoop@tulpen.example", **values) -> int:
        with self.writing() as session:
            us = session.scalars(select(Organisation).where(Organisation.name == "Post")).first()
            if us is None:
                us = Organisation(name="Post", country="NL", currency="EUR", email="office@grachten.example")
                session.add(us)
            return plain(session, us, to_address=to, at=clock.now(), **values).id

    @contextmanager
    def writing(self):
        with self.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
            yield session

    def letter(self, letter_id: int) -> Letter:
        with self.app.app_context(), fresh_session(what="test") as session:
            letter = session.get(Letter, letter_id)
            session.expunge(letter)
            return letter

    def state(self, letter_id: int) -> LetterState:
        return self.letter(letter_id).state

    def let_leases_run_out(self) -> None:
        past = clock.now() - timedelta(seconds=1)
        with self.writing() as session:
            for table in (Letter, Outbox):
                session.execute(update(table).where(table.lease_until.is_not(None)).values(lease_until=past))


@pytest.fixture
def post(background, place, request, tmp_path):
    before = outbox._doorbell
    outbox.ring_with(None)
    made = Post(background, place, lambda: request.getfixturevalue("mail_nursery"), tmp_path / "logs")
    yield made
    outbox.ring_with(before)
    with made.writing() as session:
        for table in (Letter, Outbox, Setting):  # what its jobs have counted too: others count in the same database
            session.execute(delete(table))


@pytest.mark.slow
@pytest.mark.parametrize("will", ["stall", "stall at end"])
def test_a_worker_killed_while_it_sends_loses_no_letter_and_sends_none_twice(post, server, will):
    server.will.append(will)
    letter_id = post.write()
    with post.worker() as worker:
        assert server.stalled.wait(60)
        assert post.state(letter_id) == (LetterState.claimed if will == "stall" else LetterState.data)
        with post.writing() as session:  # nobody holds a transaction while he speaks with the server
            session.execute(select(Letter).where(Letter.id == letter_id).with_for_update(nowait=True)).scalar_one()
            outbox.enqueue(session, "test.count", 1)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    server.go_on.set()
    assert len(server.taken) == (0 if will == "stall" else 1)
    post.let_leases_run_out()
    with post.worker():
        if will == "stall":
            post.wait(lambda: post.state(letter_id) == LetterState.sent)
            assert post.letter(letter_id).tries == 2
        else:
            post.wait(lambda: post.state(letter_id) == LetterState.uncertain)
            after = post.write("later@tulpen.example")
            post.wait(lambda: post.state(after) == LetterState.sent)
            assert post.state(letter_id) == LetterState.uncertain, "nobody sends it again but a person"
    assert [taken.recipients for taken in server.taken].count(["inkoop@tulpen.example"]) == 1
    if will != "stall":
        with post.writing() as session:
            letters.resend(session, session.get(Letter, letter_id), at=clock.now())
        with post.worker():
            post.wait(lambda: post.state(letter_id) == LetterState.sent)
        same = [taken.message["Message-ID"] for taken in server.taken if "inkoop" in taken.recipients[0]]
        assert same == [post.letter(letter_id).message_id] * 2


@pytest.mark.slow
def test_two_workers_send_each_letter_once(post, server):
    addresses = [f"reader{number}@tulpen.example" for number in range(20)]
    written = [post.write(address) for address in addresses]
    with post.writing() as session:  # every letter is rung for by three jobs
        for letter_id in written:
            for _ in range(2):
                outbox.enqueue(session, letters.TOPIC, letter_id)
    with post.worker(), post.worker():
        post.wait(lambda: all(post.state(letter_id) == LetterState.sent for letter_id in written), 120)
    assert sorted(taken.recipients[0] for taken in server.taken) == sorted(addresses)
    assert {post.letter(letter_id).tries for letter_id in written} == {1}


def test_of_two_threads_at_the_same_letter_one_sends_it(post, server):
    """Both hold a job for it at the same moment; the ledger lets one of them speak."""
    letter_id = post.write()
    with post.writing() as session:
        rows = [outbox.enqueue(session, letters.TOPIC, letter_id).id for _ in range(6)]
    settings = {**post.app.config, "CRM_SMTP_URL": server.url}
    start = threading.Barrier(len(rows))

    def work(row_id):
        with post.app.app_context():
            start.wait()
            running.run_row(row_id, settings=settings)
            db.session.remove()

    threads = [threading.Thread(target=work, args=(row_id,)) for row_id in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(server.taken) == 1
    assert (post.state(letter_id), post.letter(letter_id).tries) == (LetterState.sent, 1)


def test_of_two_requests_at_the_same_moment_one_is_refused(post):
    """Both look before either has written: the unique index of the database decides."""
    about = {"entity": "party", "record_id": 4711}
    post.write("warm@tulpen.example")
    start, outcomes = threading.Barrier(4), []

    def ask():
        start.wait()
        try:
            outcomes.append(type(post.write(**about)).__name__)
        except (DomainError, IntegrityError) as refusal:
            outcomes.append(type(refusal).__name__)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes.count("int") == 1
    assert set(outcomes) <= {"int", DomainError.__name__, "IntegrityError"}


def test_the_sweeper_calls_for_letters_that_were_left(post, server):
    """A job that was lost, a claim of a worker that is no more: the next round brings both back."""
    letter_id = post.write()
    with post.writing() as session:
        session.execute(delete(Outbox))
        claim = ledger.claim(session, letter_id, at=clock.now())
        assert claim is not None
    post.let_leases_run_out()
    with post.writing() as session:
        for look in registry.rounds():
            look(session, clock.now())
    with post.app.app_context(), fresh_session(what="test") as session:
        found = session.execute(select(Outbox.topic, Outbox.record_id)).all()
    assert (post.state(letter_id), found) == (LetterState.pending, [(letters.TOPIC, letter_id)])


def test_a_company_with_a_server_of_its_own_sends_by_it_signed_and_with_its_own_way_back(session, us, do, server):
    place = MailServer(organisation=us, host="127.0.0.1", port=server.port, security=MailboxSecurity.none)
    place.dkim_domain, place.dkim_selector = "grachten.example", "crm1"
    place.return_path = "bounces@grachten.example"
    mail_servers.save(session, place)
    session.flush()
    mail_servers.make_key(session, place, at=NOON)
    letter = plain(session, us)
    do(letter, url="")  # the installation has none
    [taken] = server.taken
    assert (letter.state, taken.sender) == (
        LetterState.sent,
        bounce_path.of_letter("bounces@grachten.example", letter.id),
    )
    assert "d=grachten.example" in taken.message["DKIM-Signature"]
