"""Terms of what tells who was written to: addresses and words go, figures stay what they were."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.models.contact_rule import ContactRule, Occasion, OccurrenceState, RuleOccurrence
from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.suppression import AddressFailure, ContactChannel, ContactKind, ContactMade, ContactRefusal, NoContact
from app.models.text_message import TextMessage, TextPhase
from app.services import contact_rule, mail_template, mailing_count, retention
from app.services import mailing as mailings
from app.services.mailing_count import Numbers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=2_000), NOW - timedelta(days=20)


def take(session, name):
    session.flush()
    count = retention.take_some(session, name, at=NOW)
    session.expire_all()
    return count


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", email="office@grachten.example")


@pytest.fixture
def template(session):
    found = MailTemplate(name="Spring", texts=[MailTemplateText(language="en", subject="Tulips")])
    found.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|customer}")]
    mail_template.save(session, found)
    return found


@pytest.mark.parametrize(("ended", "taken"), [(OLD, 3), (YOUNG, 0), (None, 0)])
def test_a_mailing_keeps_its_numbers_without_addresses(session, us, template, made, ended, taken):
    mailing = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    mailings.save(session, mailing)
    session.flush()
    mailing.state, mailing.version_id = MailingState.done, mail_template.latest(session, template).id
    mailing.started_at = mailing.ended_at = ended
    for number, phase in enumerate(("sent", "bounced", "excluded")):
        row = MailingRecipient(mailing=mailing, phase=RecipientPhase(phase), address=f"a{number}@tulpen.example")
        row.domain, row.name, row.words, row.zones = "tulpen.example", "Anna", {"name": "Anna"}, "Europe/Amsterdam"
        row.due_at, row.sent_at, row.handed_at, row.opened_at, row.answer = OLD, OLD, OLD, OLD, "250 ok"
        row.reason = NoContact.no_consent if phase == "excluded" else None
        row.party, row.digest = made.party(f"Party {number}"), "0" * 64
        session.add(row)
    session.flush()
    before = mailing_count.numbers(session, mailing)
    assert (before.total, before.opened, before.delivered) == (3, 3, 1)
    assert take(session, "mailing_recipient") == taken
    found = session.scalars(select(MailingRecipient)).all()
    said = [(row.address, row.domain, row.digest, row.name, row.words, row.zones, row.answer) for row in found]
    assert (said == [(None, None, None, None, {}, None, None)] * 3) is bool(taken)
    assert isinstance(before, Numbers)
    assert mailing_count.numbers(session, mailing) == before
    assert take(session, "mailing_recipient") == 0


def test_a_text_message_keeps_to_whom_and_what_became_of_it(session, us):
    retention.set_term(session, "text_message", days=365)
    for phase in (TextPhase.sent, TextPhase.queued):
        one = TextMessage(phase=phase, organisation=us, purpose="test", kind=ContactKind.personal, text="Tulips")
        one.to_address, one.parts, one.due_at, one.created_at = "+31612345678", 1, OLD, OLD
        one.sent_at, one.answer = (OLD, "200 id 7") if phase is TextPhase.sent else (None, None)
        session.add(one)
    assert take(session, "text_message") == 1
    found = session.scalars(select(TextMessage).order_by(TextMessage.id)).all()
    assert [(one.text, one.to_address, one.answer, one.parts) for one in found] == [
        ("—", "+31612345678", None, 1),
        ("Tulips", "+31612345678", None, 1),
    ]
    assert take(session, "text_message") == 0


def test_an_occasion_stays_without_its_words(session, us, template, made):
    rule = ContactRule(name="Birthdays", organisation=us, template=template, occasion=Occasion.birthday)
    rule.kind = MailingKind.service
    contact_rule.save(session, rule)
    for number, at in enumerate((OLD, YOUNG)):
        one = RuleOccurrence(rule=rule, occasion=rule.occasion, party=made.party(f"P {number}"), slot="one order")
        one.state, one.done_at, one.due_at, one.happens_on = OccurrenceState.written, at, at, at.date()
        one.words = {"name": "Anna"}
        session.add(one)
    assert take(session, "rule_occurrence") == 1
    found = session.scalars(select(RuleOccurrence).order_by(RuleOccurrence.id)).all()
    assert [(one.words, one.slot) for one in found] == [(None, "one order"), ({"name": "Anna"}, "one order")]
    assert take(session, "rule_occurrence") == 0


def test_what_only_serves_the_gate_goes_whole(session, made):
    party = made.party("Bloem")
    for at in (OLD, YOUNG):
        email = ContactChannel.email
        refusal = ContactRefusal(refused_at=at, channel=email, kind=ContactKind.marketing, sender="rule")
        refusal.reason = NoContact.no_consent
        session.add_all(
            [
                refusal,
                AddressFailure(channel=email, digest="0" * 64, is_hard=False, at=at),
                ContactMade(party_id=party.id, channel=email, at=at),
            ]
        )
    for name, entity in (
        ("contact_refusal", ContactRefusal),
        ("address_failure", AddressFailure),
        ("contact_made", ContactMade),
    ):
        assert take(session, name) == 1
        assert session.scalar(select(func.count()).select_from(entity)) == 1
