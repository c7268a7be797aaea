"""Mailings and quiet time: whoever has it now is put off to its end by his own time zone, and is shown as waiting."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState
from app.models.suppression import ContactChannel, ContactPolicy, SuppressionReason
from app.outbox import Outbox
from app.services import mail_template, mailing_audience, mailing_count, mailing_quiet, suppression
from app.services import mailing as mailings
from app.services import mailing_ledger as ledger
from app.services.access import SYSTEM
from tests.mail import office

NINE = datetime(2026, 1, 14, 9, tzinfo=UTC)  # ten in Amsterdam, four at night in Bogota
PLACES = {"NL": "Europe/Amsterdam", "AM": "Asia/Yerevan", "JP": "Asia/Tokyo", "CO": "America/Bogota"}


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def sending(session, made):
    """A mailing to one in each of four countries, being sent at nine."""
    us = made.organisation("Grachten Handel", email="office@grachten.example", time_zone="Europe/Amsterdam")
    template = MailTemplate(name="Spring", texts=[MailTemplateText(language="en", subject="Tulips")])
    template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|customer}")]
    mail_template.save(session, template)
    found = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    parties = [made.party(f"In {code}", email=f"{code.lower()}@tulpen.example", country=code) for code in PLACES]
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.flush()
    mailings.check(session, found, by=SYSTEM, at=NINE)
    mailing_audience.begin(session, found.id)
    after = 0
    while after is not None:
        after = mailing_audience.take(session, found.id, by=SYSTEM, after=after, at=NINE)
    mailing_audience.finish(session, found.id, at=NINE)
    found.kind = MailingKind.marketing  # without the consents that this is not about
    mailings.start(session, found, at=NINE)
    return found


@pytest.fixture(autouse=True)
def consented(monkeypatch):
    monkeypatch.setattr(ledger.audience, "refused_by_gate", lambda *_given, **_more: {})


def rows(session):
    session.expire_all()
    return session.scalars(select(MailingRecipient).order_by(MailingRecipient.id)).all()


def claimed(session, mailing, at, most=200):
    token = ledger.new_token()
    return [one.passed.address for one in ledger.claim(session, mailing, token=token, at=at, most=most)]


def test_the_check_notes_where_each_may_live(session, sending):
    assert [row.zones for row in rows(session)] == list(PLACES.values())


@pytest.mark.parametrize("most", [200, 1])
def test_who_has_night_is_put_off_to_his_morning_and_the_others_are_written_to(session, sending, most):
    found = []
    for _portion in PLACES:
        found += claimed(session, sending, NINE, most)
    assert found == ["nl@tulpen.example", "am@tulpen.example", "jp@tulpen.example"]
    bogota = rows(session)[-1]
    morning = datetime(2026, 1, 14, 14, tzinfo=UTC)  # nine in Bogota
    assert (bogota.phase.value, bogota.due_at, bogota.quiet_until, bogota.tries) == ("queued", morning, morning, 0)
    assert mailing_count.course(session, sending, at=NINE).quiet == 1
    assert mailing_count.course(session, sending, at=morning).quiet == 0
    assert claimed(session, sending, morning - timedelta(minutes=1)) == []
    assert claimed(session, sending, morning) == ["co@tulpen.example"]


def test_the_next_job_comes_in_the_morning_and_the_mailing_is_not_done(session, sending):
    for one in rows(session)[:3]:
        session.delete(one)
    session.flush()
    assert claimed(session, sending, NINE) == []
    assert ledger.go_on(session, sending.id, at=NINE) is MailingState.sending
    jobs = session.scalars(select(Outbox.due_at).where(Outbox.topic == mailings.SEND).order_by(Outbox.id.desc()))
    assert jobs.first() == datetime(2026, 1, 14, 14, tzinfo=UTC)


def test_service_mails_wait_for_nobody(session, sending):
    sending.kind = MailingKind.service
    assert len(claimed(session, sending, NINE)) == 4


def test_of_whom_nothing_is_known_waits_by_our_own_clock_and_quiet_days_count(session, sending):
    for row in rows(session):
        row.zones = None
    session.add(ContactPolicy(organisation=sending.organisation, quiet_days="3"))  # that day is a Wednesday
    session.flush()
    assert claimed(session, sending, NINE) == []
    assert {row.quiet_until for row in rows(session)} == {datetime(2026, 1, 15, 8, tzinfo=UTC)}


def test_where_a_number_is_says_when_a_text_message_may_come(session, made):
    party = made.party("Anna", country="NL", phone="+37491123456")
    found = [
        mailing_quiet.places_of(channel, party, address)
        for channel, address in ((ContactChannel.sms, "+37491123456"), (ContactChannel.email, "a@b.example"))
    ]
    assert found == ["Asia/Yerevan", "Europe/Amsterdam"]


def test_who_has_unsubscribed_by_the_morning_gets_nothing(session, sending, monkeypatch):
    claimed(session, sending, NINE)
    monkeypatch.undo()
    suppression.add(session, ContactChannel.email, "co@tulpen.example", SuppressionReason.unsubscribed, at=NINE)
    assert claimed(session, sending, NINE + timedelta(hours=6)) == []
    assert rows(session)[-1].phase.value == "excluded"
