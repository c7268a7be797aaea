"""Text messages: who may be written to, each sent once, doubts where nobody knows; providers and their passwords."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.errors import DomainError, Refusals
from app.models.history import FieldChange
from app.models.sms_provider import SmsProvider, SmsProviderKey, SmsProviderKind
from app.models.suppression import ContactChannel, ContactKind, ContactRefusal, NoContact, SuppressionReason
from app.models.text_message import TextMessage, TextPhase
from app.outbox import Outbox
from app.services import access, channel_desk, suppression
from app.services import sms_provider as providers
from app.services import text_ledger as ledger
from app.services import text_message as messages
from app.services.gate import NotContactedError
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TO = "+31612345678"
ACCOUNT = "AC" + "0" * 32


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel")


def provider_of(session, us, **values):
    found = SmsProvider(**{"organisation": us, "kind": SmsProviderKind.smsc, "login": "office"} | values)
    providers.save(session, found)
    session.flush()
    return found


@pytest.fixture
def provider(session, us):
    found = provider_of(session, us, sender="Grachten")
    providers.set_password(session, found, "secret word", at=NOON)
    return found


def write(session, us, **values):
    given = {"party": None, "to_address": "06 12345678", "text": "Tulips", "purpose": "test", "by": None, "at": NOON}
    return messages.write(session, organisation=us, kind=ContactKind.personal, **given | values)


@pytest.fixture
def message(session, us, provider):
    return write(session, us)


# --- providers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"login": "  "}, {"login"}),
        ({"sender": "Grachtenhandel"}, {"sender"}),
        ({"sender": "Канал"}, {"sender"}),
        ({"kind": SmsProviderKind.twilio}, {"login", "sender"}),
        ({"kind": SmsProviderKind.twilio, "login": "AC12", "sender": TO}, {"login"}),
        ({"kind": SmsProviderKind.twilio, "login": f"{ACCOUNT}/../x", "sender": TO}, {"login"}),
    ],
)
def test_what_no_provider_can_be_is_refused_at_its_field(session, us, given, fields):
    with pytest.raises(Refusals) as told:
        provider_of(session, us, **given)
    assert set(told.value.errors) == fields
    assert session.scalars(select(SmsProvider)).all() == []


def test_a_company_has_one_provider(session, us, provider):
    with pytest.raises(Refusals) as told:
        provider_of(session, us, login="second")
    assert set(told.value.errors) == {"organisation"}
    assert session.scalars(select(SmsProvider.login)).all() == ["office"]


def test_the_password_is_sealed_and_told_to_the_worker_alone(session, us, provider):
    assert providers.outgoing(session, us.id) == providers.Outgoing(
        kind=SmsProviderKind.smsc, login="office", password="secret word", sender="Grachten"
    )
    row = session.get(SmsProviderKey, provider.id)
    assert "secret" not in row.sealed
    told = session.scalars(select(FieldChange.changes).where(FieldChange.entity == "sms_provider")).all()
    assert {"password": [None, "…"]} in told
    assert "secret" not in str(told)


@attack(198, "leading the password of a provider's account to another provider, by changing the record")
@pytest.mark.parametrize(
    "change", [{"login": "other"}, {"kind": SmsProviderKind.twilio, "login": ACCOUNT, "sender": TO}]
)
def test_for_another_account_the_password_is_forgotten(session, us, provider, change):
    for name, value in change.items():
        setattr(provider, name, value)
    providers.save(session, provider)
    session.flush()
    assert (providers.has_password(session, provider), providers.outgoing(session, us.id)) == (False, None)


def test_another_sender_keeps_the_password_and_out_of_use_nothing_leaves(session, us, provider):
    provider.sender = None
    providers.save(session, provider)
    session.flush()
    assert providers.outgoing(session, us.id).sender is None
    provider.is_active = False
    session.flush()
    with pytest.raises(DomainError, match="no provider of text messages in use"):
        providers.ready(session, us)


@pytest.mark.parametrize("password", ["", "пароль", "a\nb", "x" * 251])
def test_what_no_password_can_be_is_refused(session, us, password):
    provider = provider_of(session, us)
    with pytest.raises(DomainError) as told:
        providers.set_password(session, provider, password, at=NOON)
    assert (told.value.field, providers.has_password(session, provider)) == ("password", False)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_message_is_written_to_a_number_in_one_form_and_queued_once(session, us, message):
    assert (message.to_address, message.parts, message.phase) == (TO, 1, TextPhase.queued)
    jobs = session.execute(select(Outbox.topic, Outbox.record_id)).all()
    assert jobs.count(("text_message.send", message.id)) == 1
    assert write(session, us, text="Тюльпаны " * 8).parts == 2


def test_without_a_provider_nothing_is_written(session, us):
    provider_of(session, us)  # without a password
    with pytest.raises(DomainError, match="no provider"):
        write(session, us)
    assert session.scalars(select(TextMessage)).all() == []


@pytest.mark.parametrize(
    ("given", "fields"),
    [({"to_address": "12", "text": " "}, {"to_address", "text"}), ({"text": "x" * 1001}, {"text"})],
)
def test_what_is_wrong_is_said_at_its_field(session, us, provider, given, fields):
    with pytest.raises(Refusals) as told:
        write(session, us, **given)
    assert set(told.value.errors) == fields
    assert session.scalars(select(TextMessage)).all() == []


@pytest.mark.parametrize("reason", ["blocked", "erased", "wrong"])
def test_whom_the_gate_refuses_nobody_writes_to(session, us, provider, reason):
    suppression.add(session, ContactChannel.sms, TO, SuppressionReason(reason), at=NOON)
    with pytest.raises(NotContactedError) as told:
        write(session, us)
    assert told.value.field == "to_address"
    assert session.scalars(select(TextMessage)).all() == []
    [counted] = session.scalars(select(ContactRefusal)).all()
    assert (counted.channel, counted.sender) == (ContactChannel.sms, "test")


def test_who_was_blocked_meanwhile_is_not_sent_to(session, message):
    suppression.add(session, ContactChannel.sms, TO, SuppressionReason.blocked, at=NOON)
    assert ledger.claim(session, message.id, at=NOON) is None
    session.refresh(message)
    assert (message.phase, message.token) == (TextPhase.refused, None)
    assert session.scalars(select(ContactRefusal.reason)).all() == [NoContact.blocked]


def test_a_test_message_says_at_the_number_what_is_wrong(session, us, provider):
    by = access.SYSTEM
    with pytest.raises(Refusals) as told:
        channel_desk.send_test_text(session, us, to="nobody", language="en", at=NOON, by=by)
    assert set(told.value.errors) == {"number"}
    sent = channel_desk.send_test_text(session, us, to=TO, language="en", at=NOON, by=by)
    assert (sent.text, sent.kind, sent.purpose) == ("Test message from Grachten Handel", ContactKind.personal, "test")
    desk = channel_desk.look(session, at=NOON)
    assert (desk.phases[TextPhase.queued], desk.texts) == (1, [])


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_a_message_is_claimed_once_and_sent_once(session, message):
    claim = ledger.claim(session, message.id, at=NOON)
    assert (claim.text, claim.passed.address, claim.outgoing.password, claim.tries) == ("Tulips", TO, "secret word", 1)
    assert ledger.claim(session, message.id, at=NOON) is None
    assert ledger.hand_over(session, claim, at=NOON) is True
    assert ledger.hand_over(session, claim, at=NOON) is False
    assert ledger.sent(session, claim, "200 id 7", at=NOON) is True
    session.refresh(message)
    assert (message.phase, message.sent_at, message.answer, message.token) == (TextPhase.sent, NOON, "200 id 7", None)
    assert ledger.sent(session, claim, "again", at=NOON) is False


def test_a_crash_before_the_request_costs_nothing_and_one_after_it_leaves_a_doubt(session, us, provider):
    first, second = write(session, us), write(session, us)
    ledger.claim(session, first.id, at=NOON)
    ledger.hand_over(session, ledger.claim(session, second.id, at=NOON), at=NOON)
    assert ledger.sweep(session, at=NOON + timedelta(minutes=4)) == 0
    late = NOON + timedelta(minutes=6)
    assert ledger.sweep(session, at=late) == 2
    session.expire_all()
    assert (first.phase, second.phase) == (TextPhase.queued, TextPhase.uncertain)
    assert ledger.claim(session, second.id, at=late) is None, "nobody sends it again by himself"
    messages.resend(session, second, at=late)
    assert ledger.claim(session, second.id, at=late).tries == 1


def test_who_has_lost_his_claim_changes_nothing(session, message):
    claim = ledger.claim(session, message.id, at=NOON)
    late = NOON + timedelta(minutes=6)
    ledger.sweep(session, at=late)
    again = ledger.claim(session, message.id, at=late)
    assert ledger.hand_over(session, claim, at=late) is False
    assert ledger.hand_over(session, again, at=late) is True


def test_what_is_put_off_waits_longer_each_time_and_ends(session, message):
    at, waits = NOON, []
    for _each in range(6):
        claim = ledger.claim(session, message.id, at=at)
        ledger.hand_over(session, claim, at=at)
        ledger.put_off(session, claim, "429", at=at, factor=1.0)
        session.refresh(message)
        waits.append((message.due_at - at) // timedelta(minutes=1))
        at = max(at, message.due_at)
    assert waits == [1, 5, 15, 60, 240, 0]
    assert (message.phase, message.answer) == (TextPhase.refused, "429")
    messages.retry(session, message, at=at)
    assert (message.phase, message.tries, message.answer) == (TextPhase.queued, 0, None)


def test_the_sandbox_holds_it_back_and_it_can_be_sent_later(session, us, message):
    with office(is_sandbox=True):
        claim = ledger.claim(session, message.id, at=NOON)
        assert (claim.outgoing, ledger.withheld(session, claim, at=NOON)) == (None, True)
    session.refresh(message)
    assert (message.phase, message.answer) == (TextPhase.withheld, "The sandbox is on: nothing leaves")
    messages.retry(session, message, at=NOON)
    assert ledger.claim(session, message.id, at=NOON).outgoing is not None


def test_what_people_may_do_depends_on_where_it_stands(session, message):
    for act in (messages.retry, messages.resend, messages.mark_sent):
        with pytest.raises(DomainError, match="cannot be done while the state is “Waiting”"):
            act(session, message, at=NOON)
    messages.cancel(session, message)
    assert message.phase is TextPhase.cancelled
    with pytest.raises(DomainError):
        messages.cancel(session, message)
    assert ledger.claim(session, message.id, at=NOON) is None
