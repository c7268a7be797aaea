"""What providers of text messages tell: signed, once, of messages that they had; answers come where they belong."""

import base64
import hashlib
import hmac

import pytest
from sqlalchemy import func, select

from app import clock
from app.models.activity import Activity, ActivityKind, Direction
from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, RecipientPhase
from app.models.sms_provider import SmsProvider, SmsProviderKind, TextArrival
from app.models.suppression import ContactChannel, ContactKind, Suppression
from app.models.text_message import TextMessage, TextPhase, TextReport
from app.services import mail_template, sms_provider, text_answer, text_report
from app.services import mailing as mailings
from app.services.gate import Answer
from tests.attack import attack
from tests.mail import office

TO = "+31612345678"
ACCOUNT = "AC" + "0" * 32
PASSWORD = "secret word"


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office(public_url="https://crm.example.org"):
        yield


@pytest.fixture
def account(session, made):
    """Make the account of our company at a provider, and a message that it has taken."""

    def make(kind):
        us = made.organisation("Grachten Handel")
        login = ACCOUNT if kind == "twilio" else "office"
        row = SmsProvider(organisation=us, kind=SmsProviderKind(kind), login=login, sender="Grachten")
        sms_provider.save(session, row)
        session.flush()
        sms_provider.set_password(session, row, PASSWORD, at=clock.now())
        one = TextMessage(phase=TextPhase.sent, organisation=us, purpose="test", kind=ContactKind.personal, text="Hi")
        one.to_address, one.parts, one.due_at, one.sent_at = TO, 1, clock.now(), clock.now()
        session.add(one)
        session.commit()
        return row, one

    return make


@pytest.fixture
def tell(app, visitor):
    """Tell something as a provider would, signed with a password."""

    def act(token, given, *, password=PASSWORD, signed=None):
        url = f"{app.config['CRM_PUBLIC_URL'].rstrip('/')}/t/{token}"
        said = url + "".join(f"{name}{(signed or given)[name]}" for name in sorted(signed or given))
        proof = base64.b64encode(hmac.new(password.encode(), said.encode(), hashlib.sha1).digest()).decode()
        return visitor.client.post(f"/t/{token}", data=given, headers={"X-Twilio-Signature": proof}).status_code

    return act


def mark(one):
    return text_report.token(text_report.MESSAGE, one.id)


def reported(session, one):
    session.refresh(one)
    return one.report, one.report_reason


def stopped(session):
    found = session.scalars(select(Suppression).order_by(Suppression.id))
    return [(row.channel, row.address, row.reason.value) for row in found]


def test_twilio_tells_what_became_of_a_message_once(session, account, tell):
    _row, one = account("twilio")
    assert tell(mark(one), {"MessageStatus": "sent"}) == 200
    assert reported(session, one) == (None, None)
    assert tell(mark(one), {"MessageStatus": "undelivered", "ErrorCode": "30003"}) == 200
    assert reported(session, one) == (TextReport.undelivered, "undelivered 30003")
    first = one.reported_at
    assert tell(mark(one), {"MessageStatus": "delivered"}) == 200
    assert reported(session, one) == (TextReport.undelivered, "undelivered 30003")
    assert (one.reported_at, one.phase, stopped(session)) == (first, TextPhase.sent, [])


@attack(222, "a report of delivery that its provider has not signed, or has signed for something else")
def test_what_twilio_has_not_signed_is_not_there(session, account, tell, visitor):
    row, one = account("twilio")
    given = {"MessageStatus": "delivered", "ErrorCode": "21610"}
    stop = {"From": TO, "Body": "STOP", "MessageSid": "SM1"}
    assert visitor.client.post(f"/t/{mark(one)}", data=given).status_code == 404
    assert tell(mark(one), given, password="another") == 404
    assert tell(mark(one), given, signed={"MessageStatus": "undelivered"}) == 404
    assert tell(text_report.token(text_report.PROVIDER, row.id), stop, password="another") == 404
    assert (reported(session, one), stopped(session)) == ((None, None), [])
    assert session.scalar(select(func.count(TextArrival.id))) == 0


@attack(223, "reports and answers by guessed or forged addresses, or of another company's message")
def test_a_mark_that_is_none_of_ours_means_nothing(session, account, tell, made):
    row, one = account("smsc")
    good = mark(one)
    forged = [good.replace(f"t{one.id}-", f"t{one.id + 1}-"), f"p{good[1:]}", good[:-1] + "zz", good[:-1]]
    assert [tell(each, {"status": "1"}) for each in forged] == [404, 404, 404, 404]
    other = SmsProvider(organisation=made.organisation("Other"), kind=SmsProviderKind.smsc, login="other")
    session.add(other)
    session.commit()
    assert tell(text_report.token(text_report.PROVIDER, other.id), {"id": good, "status": "1"}) == 200
    assert tell(text_report.token(text_report.PROVIDER, row.id), {"id": str(one.id), "status": "1"}) == 200
    assert reported(session, one) == (None, None)
    assert tell(text_report.token(text_report.PROVIDER, row.id), {"id": good, "status": "1"}) == 200
    assert reported(session, one) == (TextReport.delivered, None)


def test_smsc_tells_why_a_number_gets_nothing(session, account, tell):
    row, one = account("smsc")
    place = text_report.token(text_report.PROVIDER, row.id)
    assert tell(place, {"id": mark(one), "status": "22", "err": "255"}) == 200
    assert reported(session, one) == (TextReport.undelivered, "smsc 22 255")
    assert stopped(session) == [(ContactChannel.sms, TO, "bounced")]


def test_a_doubt_is_over_when_the_message_has_arrived(session, account, tell):
    _row, one = account("twilio")
    one.phase, one.sent_at = TextPhase.uncertain, None
    session.commit()
    assert tell(mark(one), {"MessageStatus": "delivered"}) == 200
    assert (reported(session, one)[0], one.phase) == (TextReport.delivered, TextPhase.sent)
    assert one.sent_at is not None


def test_a_recipient_of_a_mailing_comes_back_too(session, account, tell):
    row, _one = account("twilio")
    template = MailTemplate(name="Spring", channel=MailingChannel.sms)
    template.texts = [MailTemplateText(language="en", message="Tulips")]
    mail_template.save(session, template)
    mailing = Mailing(name="Spring", kind=MailingKind.service, organisation=row.organisation, template=template)
    mailing.channel = MailingChannel.sms
    mailings.save(session, mailing)
    one = MailingRecipient(mailing=mailing, phase=RecipientPhase.sent, address=TO, due_at=clock.now())
    one.sent_at = one.handed_at = clock.now()
    session.add(one)
    session.commit()
    assert tell(text_report.token("r", one.id), {"MessageStatus": "failed", "ErrorCode": "21610"}) == 200
    session.refresh(one)
    assert (one.phase, one.answer) == (RecipientPhase.bounced, "failed 21610")
    assert stopped(session) == [(ContactChannel.sms, TO, "unsubscribed")]


@attack(224, "the same answer told again and again, and an answer that hides signs")
def test_an_answer_stands_at_its_party_once_and_stop_is_heard(session, account, tell, made):
    row, _one = account("twilio")
    party = made.party("Bloem", phone=TO, owner="manager")
    session.commit()
    place = text_report.token(text_report.PROVIDER, row.id)
    call = {"From": TO, "Body": "Please stop by\ntomorrow\x1b[2J", "MessageSid": "SM1"}
    for _again in (1, 2):
        assert tell(place, call) == 200
    [said] = session.scalars(select(Activity)).all()
    assert (said.record_id, said.kind, said.direction) == (party.id, ActivityKind.message, Direction.incoming)
    assert (said.subject, said.body) == (f"Text message from {TO}", "Please stop by\ntomorrow[2J")
    assert stopped(session) == []
    assert tell(place, {"From": TO, "Body": " Стоп! ", "MessageSid": "SM2"}) == 200
    assert stopped(session) == [(ContactChannel.sms, TO, "unsubscribed")]
    assert tell(place, {"From": "+31687654321", "Body": "Stop", "MessageSid": "SM3"}) == 200  # nobody whom we know
    assert len(stopped(session)) == 2
    assert session.scalar(select(func.count(Activity.id))) == 2
    assert tell(place, {"From": "<script>", "Body": "x", "MessageSid": "SM4"}) == 200
    assert session.scalar(select(func.count(TextArrival.id))) == 3


def test_smsc_brings_answers_too(session, account, tell, made):
    row, _one = account("smsc")
    made.party("Bloem", phone=TO)
    session.commit()
    place = text_report.token(text_report.PROVIDER, row.id)
    for _again in (1, 2):
        assert tell(place, {"phone": "31612345678", "mes": "STOP", "time": "31.03.2026 12:00"}) == 200
    assert (stopped(session), session.scalar(select(func.count(Activity.id)))) == (
        [(ContactChannel.sms, TO, "unsubscribed")],
        1,
    )


@pytest.mark.parametrize(
    ("text", "is_stop"),
    [("STOP", True), ("stop.", True), ("Отписаться", True), ("ՍՏՈՊ", True), ("do not stop", False), ("", False)],
)
def test_a_word_alone_asks_for_no_more(text, is_stop):
    assert text_answer.is_stop(text) is is_stop


def test_who_has_said_stop_to_the_provider_is_left_alone(session):
    passed = Answer(ok=True, channel=ContactChannel.sms, kind=ContactKind.personal, address=TO)
    text_report.refused(session, passed, "21211 Invalid To", at=clock.now())
    assert stopped(session) == []
    text_report.refused(session, passed, "21610 Has said STOP", at=clock.now())
    assert stopped(session) == [(ContactChannel.sms, TO, "unsubscribed")]


def test_the_address_for_reports_is_shown_to_who_may_change_the_account(as_user, account):
    row, _one = account("smsc")
    place = f"/t/{text_report.token(text_report.PROVIDER, row.id)}"
    assert place in as_user("admin").get(f"/sms_provider/show/{row.id}").get_data(as_text=True)
