"""Text messages for real: single ones and a mailing of them, by a provider that misbehaves, each sent once at most."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app import clock
from app.errors import DomainError
from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState
from app.models.sms_provider import SmsProvider, SmsProviderKind
from app.models.suppression import ContactKind, ContactPolicy
from app.models.text_message import TextPhase
from app.outbox import Outbox
from app.services import access, mail_template, mailing_link
from app.services import mailing as mailings
from app.services import sms_provider as providers
from app.services import text_message as messages
from app.tasks import registry, running
from tests.mail import office
from tests.sms import sms_server


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office(public_url="https://crm.example.org"):
        yield


@pytest.fixture(scope="module")
def server():
    with sms_server() as started:
        yield started


@pytest.fixture(autouse=True)
def forgetful(server):
    server.will.clear()
    server.asked.clear()


@pytest.fixture
def us(made):
    ours = made.organisation("Grachten Handel")
    made.session.add(ContactPolicy(organisation=ours, quiet_from="00:00", quiet_until="00:00"))  # never quiet
    return ours


@pytest.fixture
def provider(session, us):
    row = SmsProvider(organisation=us, kind=SmsProviderKind.smsc, login="office", sender="Grachten")
    providers.save(session, row)
    session.flush()
    providers.set_password(session, row, "secret word", at=clock.now())
    return row


@pytest.fixture
def do(app, session, server):
    """Run the newest job of a topic as a worker would; it is due, and so is every row."""

    def act(topic):
        session.commit()
        row_id = session.scalars(select(Outbox.id).where(Outbox.topic == topic).order_by(Outbox.id.desc())).first()
        now = clock.now() - timedelta(seconds=1)
        for table in (Outbox, MailingRecipient):
            session.execute(update(table).where(table.due_at > now).values(due_at=now))
        session.commit()
        with app.app_context():
            done = running.run_row(row_id, settings={**app.config, **server.settings})
        session.expire_all()
        return done

    return act


def write(session, us):
    given = {"party": None, "to_address": "+31612345678", "text": "Tulips", "purpose": "test", "by": None}
    return messages.write(session, organisation=us, kind=ContactKind.personal, at=clock.now(), **given)


@pytest.mark.parametrize(
    ("will", "phase", "answer"),
    [
        ((200, {"id": 5, "cnt": 1}), TextPhase.sent, "200 id 5"),
        ((200, {"error": "invalid number", "error_code": 7}), TextPhase.refused, "7 invalid number"),
        ((200, {"error": "no money", "error_code": 3}), TextPhase.queued, "3 no money"),
    ],
)
def test_what_the_provider_says_stands_in_the_ledger(session, us, provider, do, server, will, phase, answer):
    message = write(session, us)
    server.will.append(will)
    assert do(messages.TOPIC) is True
    assert (message.phase, message.answer, len(server.asked)) == (phase, answer, 1)


def test_no_answer_is_a_doubt_and_is_not_sent_again(session, us, provider, do, server):
    message = write(session, us)
    server.will.append("hang up")
    assert do(messages.TOPIC) is True
    assert (message.phase, message.token) == (TextPhase.uncertain, None)
    assert [each.given["mes"] for each in server.asked] == ["Tulips"]


def test_the_sandbox_asks_nobody(session, us, provider, do, server):
    message = write(session, us)
    with office(is_sandbox=True):
        assert do(messages.TOPIC) is True
    assert (message.phase, server.asked) == (TextPhase.withheld, [])


@pytest.fixture
def mailing(session, made, us):
    template = MailTemplate(name="Spring", channel=MailingChannel.sms)
    template.texts = [
        MailTemplateText(language="en", message="Tulips for {name|you}"),
        MailTemplateText(language="hy", message="Կակաչներ {name|ձեզ}"),
    ]
    mail_template.save(session, template)
    found = Mailing(
        name="Spring", channel=MailingChannel.sms, kind=MailingKind.service, organisation=us, template=template
    )
    parties = [made.party(f"Party {each}", phone=f"+3161234567{each}") for each in range(4)]
    parties[1].language = "hy"
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.flush()
    return found


def start(session, mailing, do):
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert do(mailings.CHECK) is True
    mailings.start(session, mailing, at=clock.now())


def rows(session):
    found = session.scalars(select(MailingRecipient).order_by(MailingRecipient.address))
    return {each.address[-1]: (each.phase.value, each.answer) for each in found}


def test_a_mailing_of_text_messages_reaches_each_in_his_language(session, mailing, provider, do, server):
    start(session, mailing, do)
    server.will += [(200, {"id": 5}), (200, {"error": "denied", "error_code": 6}), "hang up", (200, {"id": 8})]
    assert do(mailings.SEND) is True
    assert rows(session) == {
        "0": ("sent", "200 id 5"),
        "1": ("refused", "6 denied"),
        "2": ("uncertain", rows(session)["2"][1]),
        "3": ("sent", "200 id 8"),
    }
    asked = [(each.given["phones"], each.given["mes"], each.given["sender"]) for each in server.asked]
    assert asked == [
        ("+31612345670", "Tulips for you", "Grachten"),
        ("+31612345671", "Կակաչներ ձեզ", "Grachten"),
        ("+31612345672", "Tulips for you", "Grachten"),
        ("+31612345673", "Tulips for you", "Grachten"),
    ]
    assert mailing.state is MailingState.done


def test_an_account_without_money_stops_the_mailing_and_loses_nobody(session, mailing, provider, do, server):
    start(session, mailing, do)
    server.will += [(200, {"error": "no money", "error_code": 3})]
    assert do(mailings.SEND) is True
    assert {phase for phase, _answer in rows(session).values()} == {"queued"}
    assert (len(server.asked), mailing.state) == (1, MailingState.sending)
    assert do(mailings.SEND) is True
    assert {phase for phase, _answer in rows(session).values()} == {"sent"}
    assert len({each.given["phones"] for each in server.asked}) == 4


def test_without_a_provider_a_mailing_does_not_start(session, mailing, do):
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert do(mailings.CHECK) is True
    with pytest.raises(DomainError, match="no provider of text messages in use"):
        mailings.start(session, mailing, at=clock.now())
    assert mailing.state is MailingState.checked


def test_marketing_ends_with_a_short_way_out(session, mailing, provider, do, server, monkeypatch):
    from app.tasks import mailing as tasks

    monkeypatch.setattr(tasks.ledger.audience, "refused_by_gate", lambda *_given, **_more: {})
    mailing.kind = MailingKind.marketing
    start(session, mailing, do)
    assert do(mailings.SEND) is True
    first = session.scalars(select(MailingRecipient).order_by(MailingRecipient.address)).first()
    place = f"https://crm.example.org/m/{mailing_link.token('u', first.id)}"
    assert server.asked[0].given["mes"] == f"Tulips for you\n{place}"
