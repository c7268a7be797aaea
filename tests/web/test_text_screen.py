"""Text messages on the screen and over REST: the provider and its password, a message to try it, the way out."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, RecipientPhase
from app.models.sms_provider import SmsProvider
from app.models.suppression import ContactChannel
from app.models.text_message import TextMessage, TextPhase
from app.services import mail_template, mailing_link, preference
from app.services import mailing as mailings
from app.services import sms_provider as providers
from app.services.preference import Whom
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
PASSWORD = "told-to-nobody-1"


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel")


def test_a_provider_is_made_its_password_kept_and_a_message_tried(as_user, session, us):
    admin = as_user("admin")
    given = {"organisation": us.id, "kind": "smsc", "login": "office", "sender": "Grachten", "is_active": "y"}
    assert admin.post("/sms_provider/add", given).status_code == 302
    provider = session.scalars(select(SmsProvider)).one()
    place = f"/sms_provider/{provider.id}/password"
    refused = admin.post(place, {"password": ""})
    assert (refused.status_code, providers.has_password(session, provider)) == (422, False)
    assert "Type the password of the account" in refused.get_data(as_text=True)
    assert admin.post(place, {"password": PASSWORD}).status_code == 302
    told = [admin.get(f"/sms_provider/show/{provider.id}").get_data(as_text=True)]
    told.append(admin.api("get", f"/api/v1/sms_provider/{provider.id}").get_data(as_text=True))
    assert [PASSWORD in each for each in told] == [False, False]
    assert admin.post("/channel/test_text", {"number": "06 1234 5678"}).status_code == 302
    message = session.scalars(select(TextMessage)).one()
    assert (message.to_address, message.phase, message.owner.username) == ("+31612345678", TextPhase.queued, "admin")


def test_a_wrong_number_is_said_at_its_field_and_stays(as_user, session, us):
    answer = as_user("admin").post("/channel/test_text", {"number": "12<x>"})
    page = answer.get_data(as_text=True)
    assert (answer.status_code, session.scalars(select(TextMessage)).all()) == (422, [])
    assert 'id="number-error"' in page
    assert 'value="12&lt;x&gt;"' in page


@pytest.fixture
def recipient(session, made, us):
    template = MailTemplate(name="Spring", channel=MailingChannel.sms)
    template.texts = [MailTemplateText(language="en", message="Tulips")]
    mail_template.save(session, template)
    given = {"name": "Spring", "channel": MailingChannel.sms, "kind": MailingKind.marketing}
    mailing = Mailing(organisation=us, template=template, **given)
    mailings.save(session, mailing)
    mailing.version_id = mail_template.latest(session, template).id
    session.flush()
    party = made.party(phone="+31612345678")
    row = MailingRecipient(mailing_id=mailing.id, party_id=party.id, address="+31612345678", due_at=NOON, words={})
    row.phase, row.handed_at, row.sent_at = RecipientPhase.sent, NOON, NOON
    session.add(row)
    session.commit()
    return row


def test_the_way_out_of_a_message_leads_to_the_preferences_of_its_number(app, session, recipient):
    answer = app.test_client().get(f"/m/{mailing_link.token('u', recipient.id)}")
    assert answer.status_code == 302
    whom = Whom(recipient.party_id, None, ContactChannel.sms, "+31612345678")
    assert preference.read(answer.headers["Location"].rpartition("/p/")[2]) == whom


@attack(199, "the way out of somebody else's text message, by a link that was changed")
def test_a_changed_way_out_leads_nowhere(app, recipient):
    good = mailing_link.token("u", recipient.id)
    changed = [good.replace("u", "c", 1), good[:-1] + ("0" if good[-1] != "0" else "1"), good.replace("-", "1-", 1)]
    assert [app.test_client().get(f"/m/{each}").status_code for each in changed] == [404, 404, 404]
