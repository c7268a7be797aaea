"""Every sender passes the gate: found by walking the code, and tried with people who must not be written to."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.documents.rule_letter import composed
from app.errors import DomainError
from app.exchange import smtp
from app.models.activity import Activity, ActivityKind
from app.models.consent import Consent
from app.models.contact_rule import ContactRule
from app.models.document_template import DocumentTemplate, PaperKind
from app.models.letter import Letter, LetterState
from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.models.organisation import Organisation
from app.models.reminder_level import ReminderLevel, ReminderText
from app.models.setting import Setting
from app.models.suppression import (
    ContactChannel,
    ContactKind,
    ContactPolicy,
    ContactRefusal,
    NoContact,
    SuppressionReason,
)
from app.services import (
    access,
    channel_desk,
    document_make,
    gate,
    letter_card,
    letter_contract,
    letter_invoice,
    letter_quote,
    made_document,
    mail_template,
    overdue,
    password_link,
    reminder,
    reminder_level,
    rule_occurrence,
    sale_order,
    suppression,
)
from app.services import document_template as templates
from app.services import letter as letters
from app.services import letter_ledger as ledger
from app.services.gate import Answer, NotContactedError
from tests.attack import attack
from tests.mail import office
from tests.services.test_document_studio import with_file

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)
APP = Path(gate.__file__).parents[1]
EMAIL = ContactChannel.email
TO = "inkoop@tulpen.example"
# Who writes letters, and of which kind; who hands them to a mail server.
WRITERS = {
    "app/services/channel_desk.py": "personal",
    "app/services/letter_card.py": "personal",
    "app/services/letter_contract.py": "transactional",
    "app/services/letter_invoice.py": "transactional",
    "app/services/letter_overdue.py": "service",
    "app/services/letter_quote.py": "transactional",
    "app/services/letter_rule.py": "kind_of(rule)",  # marketing or service, as the rule says
    "app/services/made_document.py": "transactional",
    "app/services/reminder.py": "transactional",
}
PASSING_ON = {"app/services/letter_writing.py", "app/services/letter_bring.py"}
MAKERS = {"app/services/letter_writing.py", "app/services/password_link.py"}
TEXT_WRITERS = {"app/services/channel_desk.py": "personal", "app/services/letter_rule.py": "kind_of(rule)"}
SENDERS = {
    "app/tasks/letter.py",
    "app/tasks/mailing.py",
    "app/tasks/mailing_trial.py",
    "app/tasks/password.py",
    "app/tasks/text_message.py",
}
NETWORK = {
    "smtplib": {"app/exchange/smtp.py", "app/exchange/smtp_talk.py"},
    "requests": {"app/exchange/sms.py", "app/web/oidc_client.py"},  # the latter signs people in
}


def calls():
    """Every call in the program: the file, the name that is called, the node."""
    for path in sorted(APP.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        where = path.relative_to(APP.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield where, ast.unparse(node.func), node


def imports(name):
    found = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if name in names:
                found.add(path.relative_to(APP.parent).as_posix())
    return found


def test_every_writer_of_letters_says_of_which_kind_they_are():
    given = {}
    for where, _called, node in calls():
        named = {each.arg: each.value for each in node.keywords}
        wrote = {"purpose", "kind", "subject"} <= named.keys() and ("to_address" in named or "to" in named)
        if wrote and where not in PASSING_ON:
            given[where] = ast.unparse(named["kind"]).removeprefix("ContactKind.")
    assert given == WRITERS


def test_every_writer_of_text_messages_says_of_which_kind_they_are():
    given = {}
    for where, _called, node in calls():
        named = {each.arg: each.value for each in node.keywords}
        wrote = {"to_address", "purpose", "kind", "text"} <= named.keys()
        if wrote and where != "app/services/text_message.py":
            given[where] = ast.unparse(named["kind"]).removeprefix("ContactKind.")
    assert given == TEXT_WRITERS


def test_text_messages_are_made_in_one_place_and_it_asks_the_gate():
    made = {where for where, called, _node in calls() if called == "TextMessage"}
    asking = {where for where, called, _node in calls() if called == "gate.may_contact"}
    assert made == {"app/services/text_message.py"}
    assert made | {"app/services/text_ledger.py"} <= asking  # and once more before it leaves


def test_letters_are_made_in_two_places_and_both_ask_the_gate():
    made = {where for where, called, _node in calls() if called == "Letter"}
    asking = {where for where, called, _node in calls() if called == "gate.may_contact"}
    refusing = {where for where, called, _node in calls() if called == "gate.refuse"}
    assert made == MAKERS
    assert made <= asking
    assert made <= refusing
    assert "app/services/letter_ledger.py" in asking  # and once more before it leaves


def test_one_module_speaks_with_mail_servers_and_is_given_what_the_gate_has_passed():
    assert {name: imports(name) for name in NETWORK} == NETWORK
    delivering = {where: node for where, called, node in calls() if called in {"smtp.deliver", "talk.deliver"}}
    assert set(delivering) == SENDERS
    for node in delivering.values():
        assert "passed" in {each.arg for each in node.keywords}
    answers = {where for where, called, _node in calls() if called in {"Answer", "gate.Answer"}}
    assert answers == {
        "app/services/gate.py",
        "app/services/mailing_ledger.py",  # for rows that gate.of_many has passed in the same transaction
        "app/services/xray.py",
    }  # the latter has answers of its own: nobody else makes an answer


@attack(179, "a letter handed to the mail server although the gate has said no")
def test_the_mail_server_is_not_even_called_without_a_yes():
    no = Answer(ok=False, channel=EMAIL, kind=ContactKind.personal, reason=NoContact.bounced, address=TO)
    server = smtp.Server.of("smtp://127.0.0.1:9")  # nobody listens: a call would be an SmtpError
    for passed in (no, Answer(ok=True, channel=EMAIL, kind=ContactKind.personal)):
        with pytest.raises(ValueError, match="the gate has not passed"):
            smtp.deliver(server, sender="a@b.example", passed=passed, content=b"", before_data=lambda: None)


# --- people who must not be written to --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def party(session, made):
    made.organisation(email="office@grachten.example")
    return made.buyer(email=TO, owner="manager", language="nl")


@pytest.fixture
def by(session, made):
    person = made.user("manager")
    return access.actor_of(session, user_id=person.id, name="manager", roles={role.name for role in person.roles})


def document(session, order):
    """Return an issued document with its file."""
    template = DocumentTemplate(name="Our order", kind=PaperKind.order, language="nl", body="<p>Order</p>")
    templates.save(session, template)
    session.flush()
    templates.publish(session, template, by=None, at=NOON)
    paper = document_make.make(session, order, template, language="nl", by=None, at=NOON)
    with_file(session, paper)
    return paper


@pytest.fixture
def senders(session, made, party, by):
    """Each sender as a call that writes to one address."""
    person = made.user("manager")
    person.email = TO
    invoice = made.issued(("1", "10.00"), party=party)
    quote = made.quote(("1", "10.00"), party=party)
    contract = made.contract(state="approved", language="nl", party=party)
    us = session.scalars(select(Organisation)).one()
    order = made.order(("1", "10.00"), party=party)
    sale_order.confirm(session, order, at=NOON)
    paper = document(session, order)
    tomorrow = NOON + timedelta(days=1)

    def card():
        with access.acting(session, by):
            said = {"subject": "Tulips", "text": "…", "key": "one"}
            return letter_card.send(session, party, to=TO, **said, by=by, at=NOON)

    def remind():
        person.profile.reminders_by_mail = True
        kind, due = ActivityKind.call, {"due_at": tomorrow, "remind_at": NOON}
        session.add(
            Activity(
                entity="party", record_id=party.id, kind=kind, state="planned", subject="x", owner_id=person.id, **due
            )
        )
        session.flush()
        reminder.remind(session, at=NOON)
        return session.scalars(select(Letter)).one_or_none()

    def late():
        level = ReminderLevel(organisation=us, position=1, days=1, gap_days=0, since=NOON.date())
        level.texts.append(ReminderText(language="nl", subject="Factuur {number}", text="{rest}"))
        reminder_level.save(session, level)
        return overdue.remind_now(session, invoice, at=NOON + timedelta(days=60), by=None)

    def rule():
        template = MailTemplate(name="Wishes", texts=[MailTemplateText(language="nl", subject="Gefeliciteerd")])
        template.blocks = [MailTemplateBlock(language="nl", kind=BlockKind.text, text="Vandaag")]
        mail_template.save(session, template)
        party.birthday = NOON.date().replace(year=1980)
        given = {"name": "Birthdays", "kind": MailingKind.service, "since": NOON.date(), "is_active": True, "hour": 9}
        session.add(ContactRule(organisation=us, template=template, **given))
        session.flush()
        rule_occurrence.plan(session, session.scalars(select(ContactRule.id)).one(), at=NOON)
        [(_due, key)] = rule_occurrence.due(session, at=NOON)
        return rule_occurrence.fulfil(session, key, compose=composed, at=NOON)

    return {
        "card": card,
        "contract": lambda: letter_contract.send_contract(session, contract, at=NOON, by=None),
        "document": lambda: made_document.send(session, paper, at=NOON, by=None),
        "invoice": lambda: letter_invoice.send_invoice(session, invoice, at=NOON, by=None),
        "quote": lambda: letter_quote.send_quote(session, quote, at=NOON, by=None),
        "overdue": late,
        "password.link": lambda: password_link.write(session, person, public_url="https://crm.example.org", at=NOON),
        "reminder": remind,
        "rule": rule,
        "test": lambda: channel_desk.send_test(session, us, to=TO, language="en", at=NOON, by=by),
    }


EACH = ("card", "contract", "document", "invoice", "overdue", "quote", "password.link", "reminder", "rule", "test")


def test_these_are_all_senders(senders):
    assert set(senders) == set(EACH)
    writers = {
        Path(where).stem.replace("letter_", "").replace("channel_desk", "test").replace("made_", "")
        for where in WRITERS
    }
    assert writers | {"password.link"} == set(EACH)


@pytest.mark.parametrize("sender", EACH)
@pytest.mark.parametrize("reason", ["bounced", "erased", "wrong"])
def test_whom_nothing_reaches_no_sender_writes_to(session, senders, sender, reason):
    suppression.add(session, EMAIL, TO, SuppressionReason(reason), at=NOON)
    try:
        assert senders[sender]() is None  # a reminder tells in the program alone, a rule in its list
    except NotContactedError as refusal:
        assert refusal.answer.address == TO  # noqa: PT017 -- one of both
    assert session.scalars(select(Letter)).all() == []
    [counted] = session.scalars(select(ContactRefusal)).all()
    told = {"bounced": NoContact.bounced, "erased": NoContact.erased, "wrong": NoContact.suppressed}
    assert (counted.sender, counted.reason) == (sender, told[reason])


@pytest.mark.parametrize("sender", EACH)
def test_who_has_unsubscribed_from_marketing_still_gets_what_was_agreed(session, senders, sender):
    suppression.add(session, EMAIL, TO, SuppressionReason.unsubscribed, at=NOON)
    letter = senders[sender]()
    assert letter.to_address == TO
    assert session.scalars(select(ContactRefusal)).all() == []


@pytest.mark.parametrize("sender", ["card", "contract", "invoice", "quote"])
def test_who_was_erased_is_written_to_by_nobody(session, party, senders, sender):
    party.anonymised_at = NOON
    session.flush()
    with pytest.raises(DomainError):
        senders[sender]()
    assert session.scalars(select(Letter)).all() == []


@pytest.mark.parametrize("reason", ["bounced", "erased"])
def test_a_letter_that_waits_is_judged_anew_when_it_leaves(session, party, senders, reason):
    letter = senders["card"]()
    suppression.add(session, EMAIL, TO, SuppressionReason(reason), at=NOON)
    assert ledger.claim(session, letter.id, at=NOON) is None
    session.refresh(letter)
    told = {"bounced": "letters to this address come back", "erased": "the person was erased"}
    assert (letter.state, letter.answer) == (LetterState.failed, f"Not sent: {told[reason]}")
    [counted] = session.scalars(select(ContactRefusal)).all()
    assert (counted.party_id, counted.kind, counted.sender) == (party.id, ContactKind.personal, "card")


def test_marketing_that_comes_in_the_quiet_time_waits_and_does_not_fail(session, party, senders):
    letter = senders["card"]()
    letter.kind = ContactKind.marketing
    suppression.find(session, EMAIL, TO)
    given = {"purpose": "marketing_mail", "state": "given", "source": "form", "wording": "1"}
    session.add(Consent(party_id=party.id, said_at=NOON, noted_at=NOON, **given))
    session.flush()
    night = datetime(2026, 3, 31, 20, tzinfo=UTC)
    assert ledger.claim(session, letter.id, at=night) is None
    session.refresh(letter)
    assert (letter.state, letter.due_at) == (LetterState.pending, datetime(2026, 4, 1, 7, tzinfo=UTC))
    assert ledger.claim(session, letter.id, at=letter.due_at).passed.address == TO


def test_in_the_sandbox_a_letter_is_held_back_and_can_be_sent_later(session, senders):
    letter = senders["card"]()
    with office(is_sandbox=True):
        claim = ledger.claim(session, letter.id, at=NOON)
    assert (claim.is_sandboxed, ledger.withheld(session, claim, at=NOON)) == (True, True)
    session.refresh(letter)
    assert (letter.state, letter.answer, letter.sent_at) == (
        LetterState.withheld,
        "The sandbox is on: nothing leaves",
        None,
    )
    letters.retry(session, letter, at=NOON)
    assert ledger.claim(session, letter.id, at=NOON).is_sandboxed is False


@pytest.mark.parametrize(
    ("answer", "stands"),
    [("550 5.1.1 no such user", True), ("550 5.7.1 looks like spam", False), ("552 5.2.2 full 5.1.10x", False)],
)
def test_a_server_that_knows_no_such_address_ends_it(session, senders, answer, stands):
    letter = senders["card"]()
    claim = ledger.claim(session, letter.id, at=NOON)
    ledger.refused(session, claim, answer, at=NOON)
    assert (suppression.find(session, EMAIL, TO) is not None) is stands


def test_temporary_failures_count_only_when_there_are_many(session, made):
    us = made.organisation()
    session.add(ContactPolicy(organisation_id=us.id, soft_count=3, soft_days=10))
    session.flush()
    days = [NOON - timedelta(days=each) for each in (20, 9, 5, 0)]
    found = [suppression.bounced(session, EMAIL, TO, is_hard=False, at=at) for at in days]
    assert found == [False, False, False, True]
    row = suppression.find(session, EMAIL, TO)
    assert row.reason is SuppressionReason.bounced
    suppression.lift(session, row, why="Their server was down", at=NOON)
    assert suppression.bounced(session, EMAIL, TO, is_hard=False, at=NOON) is False  # it begins anew


def test_lifting_needs_a_reason_and_is_done_once(session):
    row = suppression.add(session, EMAIL, TO, SuppressionReason.blocked, at=NOON)
    with pytest.raises(DomainError, match="Say why"):
        suppression.lift(session, row, why="  ", at=NOON)
    assert suppression.find(session, EMAIL, TO) is row
    suppression.lift(session, row, why="He asked", at=NOON)
    with pytest.raises(DomainError, match="lifted already"):
        suppression.lift(session, row, why="He asked", at=NOON)
    assert suppression.find(session, EMAIL, TO) is None


def test_a_refusal_outlives_the_unit_of_work_that_it_undoes(session):
    no = Answer(ok=False, channel=EMAIL, kind=ContactKind.personal, reason=NoContact.bounced, address=TO)

    def act():
        with unit_of_work(session) as work:
            work.add(Setting(name="undone", value=1))
            gate.refuse(work, no, sender="card", at=NOON)

    with pytest.raises(NotContactedError):
        act()
    found = session.scalars(select(ContactRefusal)).all()
    assert [(each.sender, each.reason) for each in found] == [("card", NoContact.bounced)]
    assert session.get(Setting, "undone") is None
