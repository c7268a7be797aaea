"""Providers of text messages over HTTP: their formats, and one ending for each answer."""

import base64

import pytest

import config
from app.exchange import sms, smtp
from app.models.sms_provider import SmsProviderKind
from app.models.suppression import ContactChannel, ContactKind, NoContact
from app.services.gate import Answer
from app.services.sms_provider import Outgoing
from tests.attack import attack
from tests.sms import Asked, sms_server

TO = "+31612345678"
ACCOUNT = "AC" + "0123456789abcdef" * 2
PASSWORD = "pass&word=1 +%"
YES = Answer(ok=True, channel=ContactChannel.sms, kind=ContactKind.personal, address=TO)
TEXT = "Тюльпаны & նարդոս\nза 5 €"
KINDS = tuple(SmsProviderKind)


@pytest.fixture(scope="module")
def server():
    with sms_server() as started:
        yield started


@pytest.fixture(autouse=True)
def forgetful(server):
    server.will.clear()
    server.asked.clear()


def deliver(server, kind, *, sender="Grachten", passed=YES, place=None):
    login = "office" if kind is SmsProviderKind.smsc else ACCOUNT
    found = Outgoing(kind=kind, login=login, password=PASSWORD, sender=sender)
    where = sms.place_of(kind, server.settings) if place is None else place
    with sms.Talk(found, place=where, times=(2.0, 2.0)) as talk:
        return talk.deliver(sender=sender, passed=passed, content=TEXT.encode())


def test_smsc_is_asked_as_it_wants_to_be(server):
    assert deliver(server, SmsProviderKind.smsc) == "200 id 7"
    given = {"login": "office", "psw": PASSWORD, "phones": TO, "mes": TEXT, "charset": "utf-8", "fmt": "3"}
    assert server.asked == [Asked("/sys/send.php", None, given | {"sender": "Grachten"})]
    deliver(server, SmsProviderKind.smsc, sender="")
    assert server.asked[1].given == given


@pytest.mark.parametrize(("sender", "by"), [("Grachten", "From"), ("MG" + "0" * 32, "MessagingServiceSid")])
def test_twilio_is_asked_as_it_wants_to_be(server, sender, by):
    assert deliver(server, SmsProviderKind.twilio, sender=sender) == "201 SM1 queued"
    basic = "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
    given = {"To": TO, by: sender, "Body": TEXT}
    assert server.asked == [Asked(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", basic, given)]


def test_without_a_setting_the_provider_is_where_it_says():
    assert sms.place_of(SmsProviderKind.smsc, {"CRM_SMSC_URL": ""}) == "https://smsc.ru"
    assert sms.place_of(SmsProviderKind.twilio, {}) == "https://api.twilio.com"
    assert sms.place_of(SmsProviderKind.smsc, {"CRM_SMSC_URL": "https://sms.example/"}) == "https://sms.example"


@pytest.mark.parametrize(
    ("will", "ending", "words"),
    [
        ((200, {"error": "no money", "error_code": 3}), smtp.Away, "3 no money"),
        ((200, {"error": "authorise error", "error_code": 2}), smtp.Away, "2 authorise error"),
        ((200, {"error": "duplicate request", "error_code": 9}), smtp.Later, "9 duplicate request"),
        ((200, {"error": "invalid number", "error_code": 7, "id": 5}), smtp.Refused, "7 invalid number"),
        ((200, {"strange": True}), smtp.Unclear, '200: {"strange": true}'),
    ],
)
def test_each_number_of_smsc_has_its_ending(server, will, ending, words):
    server.will.append(will)
    with pytest.raises(smtp.SmtpError) as told:
        deliver(server, SmsProviderKind.smsc)
    assert (type(told.value), str(told.value)) == (ending, words)


@pytest.mark.parametrize(
    ("will", "ending", "words"),
    [
        ((401, {"code": 20003, "message": "Authenticate"}), smtp.Away, "20003 Authenticate"),
        ((400, {"code": 21211, "message": "Invalid To"}), smtp.Refused, "21211 Invalid To"),
        ((400, {"code": 21610, "message": "Has said STOP"}), smtp.Refused, "21610 Has said STOP"),
        ((400, {"code": 14107, "message": "Too fast"}), smtp.Later, "14107 Too fast"),
        ((500, {"code": 20500, "message": "Broken"}), smtp.Unclear, '500: {"code": 20500, "message": "Broken"}'),
    ],
)
def test_each_answer_of_twilio_has_its_ending(server, will, ending, words):
    server.will.append(will)
    with pytest.raises(smtp.SmtpError) as told:
        deliver(server, SmsProviderKind.twilio)
    assert (type(told.value), str(told.value)) == (ending, words)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("will", "ending"),
    [
        ((429, {}), smtp.Later),
        ((503, "<html>"), smtp.Later),
        ((200, "<html>"), smtp.Unclear),
        ((200, "[" * 50_000), smtp.Unclear),
        ((502, "<html>"), smtp.Unclear),
        ((404, "<html>"), smtp.Refused),
        ((403, "<html>"), smtp.Away),
        ("hang up", smtp.Unclear),
    ],
)
def test_what_says_nothing_of_the_message_is_never_taken_for_a_yes(server, kind, will, ending):
    server.will.append(will)
    with pytest.raises(smtp.SmtpError) as told:
        deliver(server, kind)
    assert type(told.value) is ending
    assert len(server.asked) == 1, "it is not asked twice"


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_not_reached_has_read_nothing(server, kind):
    with pytest.raises(smtp.Away):
        deliver(server, kind, place="http://127.0.0.1:1")
    assert server.asked == []


@attack(195, "a redirect of a provider's address that takes the password of the account elsewhere")
@pytest.mark.parametrize("kind", KINDS)
def test_no_redirect_is_followed(server, kind):
    server.will.append("elsewhere")
    with pytest.raises(smtp.Away, match="leads elsewhere"):
        deliver(server, kind)
    assert [each.path for each in server.asked if each.path == "/elsewhere"] == []
    assert len(server.asked) == 1


@attack(196, "the password of a provider's account in an error that people see")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("will", ["hang up", (200, "<html>"), (404, "<html>"), (429, {})])
def test_no_error_tells_the_password(server, kind, will):
    server.will.append(will)
    with pytest.raises(smtp.SmtpError) as told:
        deliver(server, kind)
    found = Outgoing(kind=kind, login="office", password=PASSWORD, sender=None)
    for text in (str(told.value), repr(told.value), repr(found)):
        assert PASSWORD not in text
        assert TO not in text


@attack(197, "a text message handed to the provider although the gate has said no")
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_yes_of_the_gate_nobody_is_asked(server, kind):
    no = Answer(ok=False, channel=ContactChannel.sms, kind=ContactKind.personal, reason=NoContact.blocked, address=TO)
    for passed in (no, Answer(ok=True, channel=ContactChannel.sms, kind=ContactKind.personal)):
        with pytest.raises(ValueError, match="the gate has not passed"):
            deliver(server, kind, passed=passed)
    assert server.asked == []


@attack(200, "a provider's password sent over the net in the clear, by a setting")
@pytest.mark.parametrize("name", ["CRM_SMSC_URL", "CRM_TWILIO_URL"])
@pytest.mark.parametrize("url", ["http://sms.example.org", "ftp://127.0.0.1", "sms.example.org", "https://"])
def test_a_provider_in_the_clear_is_refused(tmp_path, name, url):
    with pytest.raises(config.UnsafeSettingError, match=name):
        config.load({name: url, "CRM_VAR": str(tmp_path)})
    assert config.load({name: "https://sms.example.org", "CRM_VAR": str(tmp_path)})[name] == "https://sms.example.org"
