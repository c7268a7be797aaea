"""Letters: written with their job, one at a time per record and address, and moved on step by step under a token."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import DomainError, Refusals
from app.models.history import FieldChange, StateChange
from app.models.letter import LETTER_MOVES, Letter, LetterState
from app.models.party import ChannelKind, PartyChannel, PartyContact
from app.models.suppression import ContactKind
from app.outbox import Errand, Outbox
from app.roles import Scope
from app.services import access
from app.services import attachment as attachments
from app.services import invoice as invoices
from app.services import letter as letters
from app.services import letter_ledger as ledger
from app.services.access import SYSTEM, Actor
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def mail_is_set_up(chain_key):
    with office():
        yield


@pytest.fixture
def us(made):
    return made.organisation(email="office@grachten.example", legal_name="Grachten Handel Besloten Vennootschap")


def write(session, us, **values):
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


def jobs(session, letter=None):
    found = select(Outbox).where(Outbox.topic == "letter.send").order_by(Outbox.id)
    return session.execute(found if letter is None else found.where(Outbox.record_id == letter.id)).scalars().all()


def again(session, letter):
    session.expire_all()
    return session.get(Letter, letter.id)


def issued(made, us, **values):
    party = made.buyer(email="inkoop@tulpen.example", owner="manager") if "party" not in values else values.pop("party")
    return made.issued(organisation=us, party=party, **values)


def with_file(session, app, invoice, content=b"%PDF-1.7 of a test"):
    stored = attachments.store(
        session,
        BytesIO(content),
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


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_letter_is_written_together_with_its_job(session, made, us):
    ada = made.user("accountant")
    letter = write(
        session, us, to_address=" Inkoop@Tulpen.Example ", to_name="Jan  Jansen", by=Actor(ada.id, "ada", Scope.all)
    )
    assert (letter.state, letter.tries, letter.due_at) == (LetterState.pending, 0, NOON)
    assert (letter.to_address, letter.to_name) == ("inkoop@tulpen.example", "Jan Jansen")
    assert (letter.from_address, letter.from_name) == (
        "office@grachten.example",
        "Grachten Handel Besloten Vennootschap",
    )
    assert (letter.reply_to, letter.owner_id) == (None, ada.id)
    unique, _at, domain = letter.message_id.strip("<>").partition("@")
    assert (len(unique), domain) == (32, "crm.example.org")
    [job] = jobs(session)
    assert (job.record_id, job.due_at, job.state, job.actor_id) == (letter.id, NOON, Errand.pending, ada.id)


@pytest.mark.parametrize(
    ("host", "domain"),
    [("crm.example.org", "crm.example.org"), ("127.0.0.1", "post.example"), ("localhost", "post.example")],
)
def test_one_sender_for_all_takes_replies_to_the_organisation(session, us, host, domain):
    with office(sender="noreply@post.example", host=host):
        letter = write(session, us)
        assert (letter.from_address, letter.reply_to) == ("noreply@post.example", "office@grachten.example")
        assert letter.message_id.endswith(f"@{domain}>")
        assert write(session, us, reply_to="Ada@Grachten.example").reply_to == "ada@grachten.example"


def test_message_ids_never_repeat(session, us):
    assert len({write(session, us).message_id for _ in range(20)}) == 20


HIDDEN = ["=?utf-8?q?hello=0A?=Bcc: victim@example.org", "hello ?= there", "=?us-ascii?Q?x?="]
BROKEN = ["a\r\nBcc: b@example.org", "a\nb", "a\rb", "a\x00b", "a\tb", "a\u2028b", "a\x85b", "a\u202eb"]


@pytest.mark.parametrize("evil", HIDDEN + BROKEN)
def test_nothing_that_could_become_another_header_is_taken(session, us, evil):
    for field in ("subject", "to_name"):
        with pytest.raises(Refusals) as refused:
            write(session, us, **{field: evil})
        assert list(refused.value.errors) == [field]
    assert session.execute(select(Letter)).all() == jobs(session) == []


@pytest.mark.parametrize(
    "evil",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\nRCPT TO:<b@example.org>",
        "a@example.org, b@example.org",
        "Ada <a@example.org>",
        "a@example.org>",
        "=?utf-8?q?a=0A?=@example.org",
        '"a b"@example.org',
        "a@b",
        "",
    ],
)
def test_an_address_is_one_plain_address(session, us, evil):
    fields = ["to_address"] if not evil else ["to_address", "reply_to"]
    for field in fields:
        with pytest.raises(Refusals) as refused:
            write(session, us, **{field: evil})
        assert list(refused.value.errors) == [field]
    assert session.execute(select(Letter)).all() == []


def test_all_that_is_wrong_is_said_at_once(session, us):
    with pytest.raises(Refusals) as refused:
        write(session, us, to_address="no", subject=" ", body="\u200b", reply_to="no")
    assert set(refused.value.errors) == {"to_address", "subject", "body", "reply_to"}
    with pytest.raises(Refusals) as refused:
        write(session, us, subject="x" * 251, body="x" * 20_001)
    assert set(refused.value.errors) == {"subject", "body"}
    assert session.execute(select(Letter)).all() == []


def test_an_organisation_without_an_address_needs_a_sender(session, made):
    silent = made.organisation("Stil B.V.", series=False)
    with pytest.raises(Refusals, match=r"Stil B\.V\.") as refused:
        write(session, silent)
    assert list(refused.value.errors) == ["organisation"]
    with office(sender="noreply@post.example"):
        assert write(session, silent).reply_to is None


def test_without_a_mail_server_nothing_is_written(session, made, us):
    invoice = issued(made, us)
    with office(problem="No mail server is set up: CRM_SMTP_URL"):
        with pytest.raises(DomainError, match="CRM_SMTP_URL"):
            write(session, us)
        with pytest.raises(DomainError, match="CRM_SMTP_URL"):
            letters.send_invoice(session, invoice, at=NOON, by=None)
    assert session.execute(select(Letter)).all() == jobs(session) == []


# --- documents --------------------------------------------------------------------------------------------------------


def test_an_issued_invoice_is_sent_with_its_file(session, app, made, us):
    invoice = issued(made, us, language="en")
    file = with_file(session, app, invoice)
    letter = letters.send_invoice(session, invoice, at=NOON, by=SYSTEM)
    assert (letter.entity, letter.record_id, letter.purpose) == ("invoice", invoice.id, "invoice")
    assert (letter.attachment, letter.party, letter.organisation) == (file, invoice.party, us)
    assert (letter.owner_id, letter.team_id) == (invoice.owner_id, invoice.team_id)
    assert (letter.to_address, letter.to_name) == ("inkoop@tulpen.example", "Tulpen & Zonen B.V.")
    assert letter.subject == f"Invoice {invoice.number} from Grachten Handel Besloten Vennootschap"
    assert letter.body == (
        "Dear Sir or Madam,\n\n"
        f"Attached is our invoice {invoice.number} of 31 March 2026 for €36.30. It is due on 31 March 2026.\n\n"
        "Yours sincerely,\nGrachten Handel Besloten Vennootschap"
    )


@pytest.mark.parametrize(
    ("language", "amount", "day"),
    [
        ("ru", "36,30\xa0€", "31 марта 2026 г."),
        ("hy", "36,30\xa0€", "31 մարտի, 2026 թ."),
        ("nl", "€\xa036,30", "31 maart 2026"),
    ],
)
def test_the_letter_speaks_the_language_of_the_document(session, app, made, us, language, amount, day):
    invoice = issued(made, us, language=language)
    with app.test_request_context():
        letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    assert letter.language == language
    assert invoice.number in letter.subject
    for said in (invoice.number, amount, day, "Grachten Handel Besloten Vennootschap"):
        assert said in letter.body


def test_a_credit_note_is_called_one_and_has_no_due_day(session, made, us):
    invoice = issued(made, us, language="en")
    note = invoices.credit(session, invoice, reason="returned")
    invoices.issue(session, note, at=NOON)
    letter = letters.send_invoice(session, note, at=NOON, by=None)
    assert letter.subject == f"Credit note {note.number} from Grachten Handel Besloten Vennootschap"
    assert f"credit note {note.number} of 31 March 2026 for €36.30." in letter.body
    assert "due" not in letter.body


def test_one_may_write_oneself_and_to_somebody_else(session, made, us):
    invoice = issued(made, us)
    letter = letters.send_invoice(
        session, invoice, at=NOON, by=None, to="ada@example.com", subject="Счёт", text="Здравствуйте!\r\nВот счёт. "
    )
    assert (letter.to_address, letter.to_name) == ("ada@example.com", None)
    assert (letter.subject, letter.body) == ("Счёт", "Здравствуйте!\nВот счёт.")


def test_a_draft_is_not_sent(session, made, us):
    draft = made.invoice(organisation=us, party=made.buyer(email="a@tulpen.example"))
    with pytest.raises(DomainError) as refused:
        letters.send_invoice(session, draft, at=NOON, by=None)
    assert refused.value.field == "state"
    assert session.execute(select(Letter)).all() == jobs(session) == []


def test_refusals_stand_at_the_inputs_of_the_dialog(session, made, us):
    invoice = issued(made, us, party=made.buyer())
    with pytest.raises(DomainError, match="has no e-mail address") as missing:
        letters.send_invoice(session, invoice, at=NOON, by=None)
    assert missing.value.field == "to"
    with pytest.raises(Refusals) as refused:
        letters.send_invoice(session, invoice, at=NOON, by=None, to="x", subject="a\nb", text="a\x00b")
    assert set(refused.value.errors) == {"to", "subject", "text"}
    assert session.execute(select(Letter)).all() == []


def test_the_address_is_the_partys_own_else_a_further_one_else_a_contacts(session, made):
    party = made.buyer()
    assert letters.addressee(party) == (None, None)
    party.contacts.append(PartyContact(name="Jan Jansen", email="jan@tulpen.example"))
    assert letters.addressee(party) == ("Jan Jansen", "jan@tulpen.example")
    party.channels.append(PartyChannel(kind=ChannelKind.phone, value="+31201234567"))
    party.channels.append(PartyChannel(kind=ChannelKind.email, value="oud@tulpen.example", bounced_at=NOON))
    assert letters.addressee(party) == ("Jan Jansen", "jan@tulpen.example")
    party.channels.append(PartyChannel(kind=ChannelKind.email, value="facturen@tulpen.example"))
    assert letters.addressee(party) == ("Tulpen & Zonen B.V.", "facturen@tulpen.example")
    party.email = "oud@tulpen.example"
    assert letters.addressee(party) == ("Tulpen & Zonen B.V.", "facturen@tulpen.example")
    party.email = "info@tulpen.example"
    assert letters.addressee(party) == ("Tulpen & Zonen B.V.", "info@tulpen.example")


# --- once -------------------------------------------------------------------------------------------------------------


def test_the_same_letter_is_not_sent_twice_at_once_but_later_on_purpose(session, app, made, us):
    invoice = issued(made, us)
    with_file(session, app, invoice)
    first = letters.send_invoice(session, invoice, at=NOON, by=None)
    for step in ("pending", "claimed", "data"):
        with pytest.raises(DomainError, match="on its way already") as refused:
            letters.send_invoice(session, invoice, at=NOON, by=None)
        assert refused.value.field == "to"
        if step == "pending":
            claim = ledger.claim(session, first.id, at=NOON)
        elif step == "claimed":
            ledger.begin_data(session, claim, at=NOON)
    other = letters.send_invoice(session, invoice, at=NOON, by=None, to="else@tulpen.example")
    assert other.id != first.id
    ledger.sent(session, claim, "250 OK", at=NOON)
    second = letters.send_invoice(session, invoice, at=NOON, by=None)
    assert second.message_id != first.message_id
    assert len(session.execute(select(Letter)).all()) == 3


def test_a_letter_of_somebody_else_counts_too(session, made, us):
    invoice = issued(made, us)
    letters.send_invoice(session, invoice, at=NOON, by=None)
    maria = made.user("manager2")
    seen_by_her = Actor(maria.id, "maria", Scope.own)
    session.flush()
    with access.acting(session, seen_by_her):
        assert session.execute(select(Letter)).all() == []
        with pytest.raises(DomainError, match="on its way already"):
            letters.send_invoice(session, invoice, at=NOON, by=seen_by_her)


def test_the_database_itself_refuses_the_second_one(session, made, us):
    invoice = issued(made, us)
    letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    columns = {c.name: getattr(letter, c.name) for c in Letter.__table__.columns if c.name != "id"}
    session.add(Letter(**columns | {"message_id": "<other@example.org>"}))
    with pytest.raises(IntegrityError, match=r"ix_letter_open|letter\.to_address"):
        session.flush()


def test_the_database_refuses_a_document_that_leaves_without_its_file(session, made, us):
    letter = letters.send_invoice(session, issued(made, us), at=NOON, by=None)
    letter.state, letter.token, letter.lease_until = LetterState.claimed, "x", NOON
    with pytest.raises(IntegrityError, match="file_first"):
        session.flush()


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_a_letter_goes_from_hand_to_hand_and_its_way_is_kept(session, us):
    letter = write(session, us)
    assert ledger.claim(session, letter.id, at=NOON - timedelta(seconds=1)) is None, "it is not due yet"
    claim = ledger.claim(session, letter.id, at=NOON)
    assert (claim.tries, claim.to_address, claim.subject, claim.files) == (
        1,
        "inkoop@tulpen.example",
        "About bulbs",
        (),
    )
    assert ledger.claim(session, letter.id, at=NOON) is None, "it is taken"
    held = again(session, letter)
    assert (held.state, held.token, held.lease_until) == (LetterState.claimed, claim.token, NOON + ledger.LEASE)
    assert ledger.begin_data(session, claim, at=NOON + MINUTE) is True
    assert ledger.begin_data(session, claim, at=NOON + MINUTE) is False
    assert again(session, letter).lease_until == NOON + MINUTE + ledger.DATA_LEASE
    assert ledger.sent(session, claim, "250 queued", at=NOON + 2 * MINUTE) is True
    assert ledger.sent(session, claim, "250 queued", at=NOON + 2 * MINUTE) is False
    done = again(session, letter)
    assert (done.state, done.sent_at, done.answer) == (LetterState.sent, NOON + 2 * MINUTE, "250 queued")
    assert (done.token, done.lease_until) == (None, None)
    moves = session.execute(
        select(StateChange.before, StateChange.after).where(StateChange.entity == "letter").order_by(StateChange.id)
    ).all()
    assert moves == [(None, "pending"), ("pending", "claimed"), ("claimed", "data"), ("data", "sent")]
    told = session.execute(
        select(FieldChange.changes).where(FieldChange.entity == "letter").order_by(FieldChange.id.desc()).limit(1)
    ).scalar_one()
    assert told == {"state": ["data", "sent"], "answer": [None, "250 queued"]}


def test_a_lost_claim_changes_nothing(session, us):
    letter = write(session, us)
    lost = ledger.claim(session, letter.id, at=NOON)
    assert ledger.sweep(session, at=NOON + ledger.LEASE + MINUTE) == 1
    claim = ledger.claim(session, letter.id, at=NOON + ledger.LEASE + MINUTE)
    assert claim.token != lost.token
    at = NOON + 10 * MINUTE
    for act in (ledger.sent, ledger.refused, ledger.doubted, ledger.put_off):
        assert act(session, lost, "late", at=at) is False
    assert ledger.begin_data(session, lost, at=at) is False
    held = again(session, letter)
    assert (held.state, held.token, held.answer) == (LetterState.claimed, claim.token, None)


def test_what_is_put_off_waits_longer_each_time_and_fails_after_the_last(session, us):
    letter = write(session, us)
    at, waits = NOON, []
    for _ in range(5):
        claim = ledger.claim(session, letter.id, at=at)
        assert ledger.put_off(session, claim, "451 busy", at=at, factor=0.8) is True
        kept = again(session, letter)
        assert (kept.state, kept.answer) == (LetterState.pending, "451 busy")
        waits.append((kept.due_at - at).total_seconds() / 60)
        assert ledger.claim(session, letter.id, at=kept.due_at - timedelta(seconds=1)) is None
        assert jobs(session, letter)[-1].due_at == kept.due_at
        at = kept.due_at
    assert waits == pytest.approx([0.8, 4, 12, 48, 192])
    assert ledger.put_off(session, ledger.claim(session, letter.id, at=at), "451 still busy", at=at) is True
    failed = again(session, letter)
    assert (failed.state, failed.tries, failed.answer) == (LetterState.failed, 6, "451 still busy")
    assert len(jobs(session, letter)) == 6


def test_what_is_refused_stays_refused(session, us):
    letter = write(session, us)
    ledger.refused(session, ledger.claim(session, letter.id, at=NOON), "550 no such user", at=NOON)
    failed = again(session, letter)
    assert (failed.state, failed.answer, failed.token) == (LetterState.failed, "550 no such user", None)
    assert ledger.claim(session, letter.id, at=NOON + timedelta(days=1)) is None
    assert len(jobs(session, letter)) == 1


def test_the_sweep_takes_claims_back_and_leaves_doubts_to_people(session, us):
    claimed, reading, waiting = (write(session, us) for _ in range(3))
    ledger.claim(session, claimed.id, at=NOON)
    ledger.begin_data(session, ledger.claim(session, reading.id, at=NOON), at=NOON)
    assert ledger.sweep(session, at=NOON + ledger.LEASE) == 0, "leases run, and the waiting one has its job"
    at = NOON + ledger.DATA_LEASE + MINUTE
    for job in jobs(session):
        job.state, job.done_at = Errand.done, NOON
    assert ledger.sweep(session, at=at) == 3
    assert [again(session, letter).state for letter in (claimed, reading, waiting)] == [
        LetterState.pending,
        LetterState.uncertain,
        LetterState.pending,
    ]
    assert again(session, claimed).due_at == at
    assert [jobs(session, letter)[-1].state for letter in (claimed, waiting)] == [Errand.pending, Errand.pending]
    assert jobs(session, reading)[-1].state is Errand.done, "a doubt is never sent by itself"
    assert "stopped" in again(session, reading).answer
    assert ledger.sweep(session, at=at) == 0


def test_a_letter_that_kills_its_worker_each_time_is_given_up(session, us):
    letter = write(session, us)
    at = NOON
    for _ in range(ledger.MOST_CLAIMS):
        assert ledger.claim(session, letter.id, at=at) is not None
        at += ledger.LEASE + MINUTE
        assert ledger.sweep(session, at=at) == 1
    failed = again(session, letter)
    assert (failed.state, failed.tries) == (LetterState.failed, 10)
    assert "stopped each time" in failed.answer


def test_a_document_waits_for_its_file(session, app, made, us):
    invoice = issued(made, us)
    letter = letters.send_invoice(session, invoice, at=NOON, by=None)
    assert letter.attachment is None
    assert ledger.claim(session, letter.id, at=NOON) is None
    waits, at = [], NOON
    for waited in range(5):
        assert ledger.fetch_file(session, letter.id, at=at, waited=waited) is False
        job = jobs(session, letter)[-1]
        assert (job.payload, again(session, letter).due_at) == ({"waited": waited + 1}, job.due_at)
        waits.append((job.due_at - at).total_seconds())
        at = job.due_at
    assert waits == [2, 10, 60, 900, 900]
    stored = with_file(session, app, invoice)
    assert ledger.fetch_file(session, letter.id, at=at, waited=5) is True
    claim = ledger.claim(session, letter.id, at=at)
    assert (claim.files[0].sha256, claim.files[0].name, claim.tries) == (stored.sha256, f"{invoice.number}.pdf", 1)


def test_a_file_that_never_comes_is_said_after_a_day(session, made, us):
    letter = letters.send_invoice(session, issued(made, us), at=NOON, by=None)
    assert ledger.fetch_file(session, letter.id, at=NOON, waited=ledger.MOST_WAITS) is False
    failed = again(session, letter)
    assert failed.state == LetterState.failed
    assert "file of the document was not made" in failed.answer


def test_only_the_moves_of_the_table_are_made(session, us):
    letter = write(session, us)
    with pytest.raises(ValueError, match="no letter goes from pending to sent"):
        ledger._step(session, letter.id, LetterState.pending, LetterState.sent, at=NOON, values={})
    assert LETTER_MOVES[LetterState.uncertain] == {LetterState.pending, LetterState.sent, LetterState.cancelled}


# --- what people decide -----------------------------------------------------------------------------------------------


def uncertain(session, us, **values):
    letter = write(session, us, **values)
    claim = ledger.claim(session, letter.id, at=NOON)
    ledger.begin_data(session, claim, at=NOON)
    ledger.doubted(session, claim, "connection lost", at=NOON)
    return again(session, letter)


def failed(session, us, **values):
    letter = write(session, us, **values)
    ledger.refused(session, ledger.claim(session, letter.id, at=NOON), "550 no", at=NOON)
    return again(session, letter)


def test_a_doubtful_letter_is_sent_again_under_the_same_id(session, us):
    letter = uncertain(session, us)
    message_id = letter.message_id
    letters.resend(session, letter, at=NOON + MINUTE)
    assert (letter.state, letter.tries, letter.answer, letter.due_at) == (LetterState.pending, 0, None, NOON + MINUTE)
    assert ledger.claim(session, letter.id, at=NOON + MINUTE).message_id == message_id
    assert [job.due_at for job in jobs(session, letter)] == [NOON, NOON + MINUTE]


def test_a_doubtful_letter_is_found_to_have_arrived(session, us):
    letter = uncertain(session, us)
    letters.mark_sent(session, letter, at=NOON + MINUTE)
    assert (letter.state, letter.sent_at, letter.answer) == (LetterState.sent, NOON + MINUTE, "connection lost")
    assert len(jobs(session, letter)) == 1


def test_a_failed_letter_is_tried_again(session, us):
    letter = failed(session, us)
    letters.retry(session, letter, at=NOON + MINUTE)
    assert (letter.state, letter.tries, letter.answer) == (LetterState.pending, 0, None)
    assert jobs(session, letter)[-1].due_at == NOON + MINUTE


@pytest.mark.parametrize("make", [write, uncertain, failed])
def test_what_waits_or_has_failed_can_be_cancelled(session, us, make):
    letter = make(session, us)
    letters.cancel(session, letter)
    assert letter.state == LetterState.cancelled
    assert ledger.claim(session, letter.id, at=NOON) is None


@pytest.mark.parametrize(
    ("act", "make"),
    [
        (letters.resend, write),
        (letters.resend, failed),
        (letters.mark_sent, write),
        (letters.mark_sent, failed),
        (letters.retry, write),
        (letters.retry, uncertain),
    ],
)
def test_each_act_has_its_state(session, us, act, make):
    letter = make(session, us)
    before = (letter.state, letter.tries, letter.due_at, len(jobs(session)))
    with pytest.raises(DomainError, match="while the state is") as refused:
        act(session, letter, at=NOON + MINUTE)
    assert refused.value.field == "state"
    assert (letter.state, letter.tries, letter.due_at, len(jobs(session))) == before


def test_a_letter_that_is_being_sent_is_not_cancelled_even_by_somebody_who_saw_it_wait(session, us):
    letter = write(session, us)
    session.refresh(letter)
    ledger.claim(session, letter.id, at=NOON)
    session.expire(letter)
    with pytest.raises(DomainError, match="while the state is"):
        letters.cancel(session, letter)
    other = write(session, us)
    session.refresh(other)
    version = other.version
    claim = ledger.claim(session, other.id, at=NOON)
    assert again(session, other).version == version + 1, "whoever has read it before is too late"
    assert claim is not None


def test_an_old_letter_is_not_tried_again_while_a_new_one_is_on_its_way(session, app, made, us):
    invoice = issued(made, us)
    with_file(session, app, invoice)
    first = letters.send_invoice(session, invoice, at=NOON, by=None)
    ledger.refused(session, ledger.claim(session, first.id, at=NOON), "550 no", at=NOON)
    letters.send_invoice(session, invoice, at=NOON, by=None)
    first = again(session, first)
    with pytest.raises(DomainError, match="on its way already"):
        letters.retry(session, first, at=NOON)
    assert first.state == LetterState.failed
