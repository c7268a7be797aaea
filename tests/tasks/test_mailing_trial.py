"""Trying a mailing out: to our own accounts alone, by the gate, once, and nothing of it is counted."""

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select

from app import clock
from app.errors import DomainError
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient
from app.models.suppression import ContactChannel, SuppressionReason
from app.outbox import Errand, Outbox
from app.services import access, mail_template, mailing_audience, mailing_link, suppression
from app.services import mailing as mailings
from app.services import mailing_preview as previews
from app.services import mailing_trial as trials
from app.tasks import registry, running
from tests.attack import attack
from tests.mail import mail_server, office


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


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


@pytest.fixture
def mailing(session, made):
    us = made.organisation("Grachten Handel", email="office@grachten.example")
    template = MailTemplate(name="Spring", channel=MailingChannel.email)
    template.texts = [MailTemplateText(language="en", subject="Tulips for {company|you}")]
    template.blocks = [
        MailTemplateBlock(language="en", kind=BlockKind.button, text="Look", address="https://tulips.example/new")
    ]
    mail_template.save(session, template)
    found = Mailing(name="Spring", kind=MailingKind.marketing, organisation=us, template=template)
    found.tracks_opens = found.tracks_clicks = True
    found.parties = [MailingParty(party_id=made.party("Bloem", email="info@bloem.example", language="en").id)]
    mailings.save(session, found)
    session.flush()
    return found


@pytest.fixture
def by(session):
    user = session.scalars(select(User).where(User.username == "marketer")).unique().one()
    return access.actor_of(session, user_id=user.id, name="marketer", roles=["Marketer"])


@pytest.fixture
def shown(session, mailing):
    of = previews.chosen(session, mailing, at=clock.now())
    return previews.party(session, mailing, of=of, sees_people=False)


@pytest.fixture
def ask(session, shown, by):
    def act(record, to="", at=None):
        return trials.ask(session, record, to=to, who=shown, language="en", by=by, at=at or clock.now())

    return act


@pytest.fixture
def do(app, session, server):
    def act():
        session.commit()
        row_id = session.scalars(
            select(Outbox.id).where(Outbox.topic == trials.TOPIC).order_by(Outbox.id.desc())
        ).first()
        with app.app_context():
            done = running.run_row(row_id, settings={**app.config, "CRM_SMTP_URL": server.url})
        session.expire_all()
        return done, session.get(Outbox, row_id)

    return act


def waiting(session):
    return session.scalar(select(func.count()).where(Outbox.topic == trials.TOPIC))


def own_address(session, by):
    return session.get(User, by.user_id).email


def test_the_letter_is_that_of_the_recipient_and_harmless(session, mailing, ask, do, server, by):
    assert ask(mailing) == 1
    done, job = do()
    assert (done, job.state, job.record_id) == (True, Errand.done, mailing.id)
    [taken] = server.taken
    assert taken.recipients == [own_address(session, by).lower()]
    assert taken.message["Subject"] == "[Test] Tulips for Bloem"
    assert "List-Unsubscribe" not in taken.message
    text, page = taken.message.iter_parts()
    assert "https://tulips.example/new" in text.get_content()
    shown = page.get_content()
    assert 'href="https://tulips.example/new"' in shown
    assert 'href="#">No more of these letters</a>' in shown
    assert "/m/" not in shown
    assert "/p/" not in shown
    assert "bloem.example" not in str(taken.content)
    assert mailing_link.of_message_id(taken.message["Message-ID"]) is None
    assert session.scalars(select(MailingRecipient)).all() == []


def test_a_template_and_a_recipient_of_the_ledger_are_tried_alike(session, mailing, ask, do, server, by):
    assert ask(mailing.template) == 1
    assert do()[0] is True
    mailing.kind = MailingKind.service
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    mailing_audience.begin(session, mailing.id)
    mailing_audience.take(session, mailing.id, by=access.SYSTEM, after=0, at=clock.now())
    mailing_audience.finish(session, mailing.id, at=clock.now())
    who = previews.recipient(session, mailing)
    before = (who.record.phase, who.record.tries, who.record.handed_at)
    trials.ask(session, mailing, to="", who=who, language="en", by=by, at=clock.now())
    assert do()[0] is True
    assert [each.message["Subject"] for each in server.taken] == ["[Test] Tulips for Bloem"] * 2
    row = session.scalars(select(MailingRecipient)).one()
    assert (row.phase, row.tries, row.handed_at) == before


@attack(207, "letters to strangers by trying a mailing out")
def test_nobody_but_our_own_accounts_gets_one(session, mailing, ask, by, server):
    own = own_address(session, by)
    for to in ("info@bloem.example", f"{own}, info@bloem.example", "%", f"{own}\r\nBcc:info@bloem.example"):
        with pytest.raises(DomainError, match="belongs to none of our accounts") as caught:
            ask(mailing, to)
        assert caught.value.field == "to"
    with pytest.raises(DomainError, match="At most 5 addresses at once"):
        ask(mailing, " ".join(f"a{each}@x.example" for each in range(6)))
    assert waiting(session) == 0
    assert ask(mailing, f" {own.upper()} ;{own}") == 1


def test_a_locked_account_and_one_whose_letters_come_back_get_none(session, mailing, ask, by):
    other = session.scalars(select(User).where(User.username == "manager")).unique().one()
    other.active = False
    session.flush()
    with pytest.raises(DomainError, match="belongs to none of our accounts"):
        ask(mailing, other.email)
    suppression.add(
        session,
        ContactChannel.email,
        own_address(session, by),
        reason=SuppressionReason.bounced,
        at=clock.now(),
    )
    with pytest.raises(DomainError, match="Not sent"):
        ask(mailing)
    assert waiting(session) == 0


def test_only_so_many_in_an_hour(session, mailing, ask):
    at = clock.now()
    for _each in range(trials.MOST_AN_HOUR):
        ask(mailing)
    with pytest.raises(DomainError, match="At most 30 letters to try in an hour"):
        ask(mailing)
    assert waiting(session) == 30
    assert ask(mailing, at=at + trials.HOUR * 2) == 1


def test_the_sandbox_and_text_messages_are_refused(session, mailing, ask):
    with office(is_sandbox=True), pytest.raises(DomainError, match="The sandbox is on"):
        ask(mailing)
    with office(problem="No mail server"), pytest.raises(DomainError, match="No mail server"):
        ask(mailing)
    mailing.channel = MailingChannel.sms
    with pytest.raises(DomainError, match="Only mails"):
        ask(mailing)
    assert waiting(session) == 0


def test_what_the_server_refuses_fails_with_its_words_and_is_not_repeated(session, mailing, ask, do, server):
    server.will.append("550 5.1.1 no such user")
    ask(mailing)
    done, job = do()
    assert (done, job.state, "no such user" in job.error) == (False, Errand.failed, True)


def test_after_a_crash_it_is_not_sent_again(session, mailing, ask, do, server):
    ask(mailing)
    session.scalars(select(Outbox).where(Outbox.topic == trials.TOPIC)).one().tries = 1
    done, job = do()
    assert (done, job.state, job.error) == (
        False,
        Errand.failed,
        "The program was stopped while the letter was being sent",
    )
    assert server.taken == []


def test_whoever_has_lost_the_right_or_whose_account_is_locked_sends_none(session, mailing, ask, do, server, by):
    ask(mailing)
    session.get(User, by.user_id).active = False
    done, job = do()
    assert (done, job.state, job.error, server.taken) == (False, Errand.failed, "You may not do this any more", [])
