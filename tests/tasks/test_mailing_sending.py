"""Sending a mailing for real: a mail server that misbehaves, and each address written to once at most."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState
from app.models.suppression import ContactChannel, ContactPolicy
from app.outbox import Errand, Outbox
from app.services import access, mail_template, mailing_link, preference
from app.services import mailing as mailings
from app.services import mailing_ledger as ledger
from app.services.preference import Whom
from app.tasks import mailing as tasks
from app.tasks import registry, running
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
    server.connections = 0


@pytest.fixture
def mailing(session, made):
    us = made.organisation("Grachten Handel", email="office@grachten.example", legal_name="Канал B.V.")
    template = MailTemplate(name="Spring", channel=MailingChannel.email)
    template.texts = [
        MailTemplateText(language="en", subject="Tulips for {first name|you}"),
        MailTemplateText(language="hy", subject="Կակաչներ {first name|ձեզ}"),
    ]
    template.blocks = [
        MailTemplateBlock(language=code, kind=BlockKind.button, text="Look", address="https://tulips.example/new")
        for code in ("en", "hy")
    ]
    mail_template.save(session, template)
    found = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    parties = [made.party(f"Party {each}", email=f"p{each}@tulpen.example") for each in range(25)]
    parties[1].name, parties[1].kind, parties[1].language = "Պետրոսյան Անի", "person", "hy"
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.flush()
    return found


@pytest.fixture
def do(app, session, server):
    """Run the newest job of a topic as a worker would; it is due, and so is every row."""

    def act(topic, url=None):
        session.commit()
        row_id = session.scalars(select(Outbox.id).where(Outbox.topic == topic).order_by(Outbox.id.desc())).first()
        now = clock.now() - timedelta(seconds=1)
        for table in (Outbox, MailingRecipient):
            session.execute(update(table).where(table.due_at > now).values(due_at=now))
        session.commit()
        with app.app_context():
            done = running.run_row(row_id, settings={**app.config, "CRM_SMTP_URL": server.url if url is None else url})
        session.expire_all()
        return done

    return act


@pytest.fixture
def sending(session, mailing, do):
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert do(mailings.CHECK) is True
    assert (mailing.state, phases(session)) == (MailingState.checked, {"queued": 25})
    mailings.start(session, mailing, at=clock.now())
    return mailing


def phases(session):
    counted = select(MailingRecipient.phase, func.count()).group_by(MailingRecipient.phase)
    return {phase.value: count for phase, count in session.execute(counted)}


def test_all_get_it_once_over_one_connection_each_in_his_language(session, sending, do, server):
    sending.tracks_opens, sending.kind = True, MailingKind.service
    assert do(mailings.SEND) is True
    assert (sending.state, phases(session), len(server.taken)) == (MailingState.done, {"sent": 25}, 25)
    assert {taken.recipients[0] for taken in server.taken} == {f"p{each}@tulpen.example" for each in range(25)}
    row = session.scalars(select(MailingRecipient).where(MailingRecipient.address == "p1@tulpen.example")).one()
    message = next(taken for taken in server.taken if taken.recipients == ["p1@tulpen.example"]).message
    assert message["Subject"] == "Կակաչներ Անի"
    assert str(message["From"]) == '"Канал B.V." <office@grachten.example>'
    assert message["Message-ID"] == mailing_link.message_id(row.id, host="grachten.example")
    assert "List-Unsubscribe" not in message
    text, page = message.iter_parts()
    click = f"https://crm.example.org/m/{mailing_link.token('c', row.id, 0)}"
    assert text.get_content().replace("\r\n", "\n") == (
        f"Look\n{click}\n\n-- \nКанал B.V., Keizersgracht 1, 1015 CJ Amsterdam, NL"
    )
    assert page.get_content_type() == "text/html"
    assert f'<a href="{click}"' in page.get_content()
    assert f'src="https://crm.example.org/m/{mailing_link.token("o", row.id)}"' in page.get_content()
    assert row.answer == "250 2.0.0 queued as 4711"


def test_marketing_brings_the_way_out_in_its_head(session, sending, do, server, monkeypatch):
    monkeypatch.setattr(tasks.ledger.audience, "refused_by_gate", lambda *_given, **_more: {})
    sending.kind = MailingKind.marketing
    session.add(ContactPolicy(organisation=sending.organisation, quiet_from="00:00", quiet_until="00:00"))
    do(mailings.SEND)
    row = session.scalars(select(MailingRecipient).where(MailingRecipient.address == "p0@tulpen.example")).one()
    message = next(taken for taken in server.taken if taken.recipients == ["p0@tulpen.example"]).message
    whom = Whom(row.party_id, None, ContactChannel.email, "p0@tulpen.example")
    found = message["List-Unsubscribe"].strip()
    assert re.fullmatch(r"<https://crm\.example\.org/p/[\w-]+/one-click>", found)
    assert preference.read(found.split("/")[4]) == whom
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    [place] = re.findall(r"No more of these letters: (\S+)", message.get_body(("plain",)).get_content())
    assert preference.read(place.rpartition("/")[2]) == whom


def test_the_sandbox_keeps_everything(session, sending, do, server):
    with office(is_sandbox=True):
        assert do(mailings.SEND) is True
    assert (phases(session), server.taken, sending.state) == ({"queued": 25}, [], MailingState.sending)
    assert do(mailings.SEND) is True
    assert phases(session) == {"sent": 25}


def test_without_a_mail_server_it_waits_and_no_job_fails(session, sending, do):
    with office(problem="No mail server is set up"):
        assert do(mailings.SEND) is True
    states = session.scalars(select(Outbox.state).where(Outbox.topic == mailings.SEND).order_by(Outbox.id)).all()
    assert (phases(session), states) == ({"queued": 25}, [Errand.done, Errand.pending])


def test_each_answer_of_the_server_has_its_own_ending(session, sending, do, server):
    server.will += ["", "451 later", "550 never", "end 452 full", "end 554 spam", "hang up", "hang up at data"]
    server.will += ["hang up in text", "hang up at end"]
    assert do(mailings.SEND) is True
    assert phases(session) == {"sent": 17, "queued": 4, "refused": 2, "uncertain": 2}
    said = {row.address: (row.phase.value, row.answer) for row in session.scalars(select(MailingRecipient))}
    assert said["p1@tulpen.example"] == ("queued", "451 later")
    assert said["p2@tulpen.example"] == ("refused", "550 never")
    assert said["p4@tulpen.example"] == ("refused", "554 spam")
    assert sending.state is MailingState.sending
    assert do(mailings.SEND) is True
    assert phases(session) == {"sent": 21, "refused": 2, "uncertain": 2}
    taken = [each.recipients[0] for each in server.taken]
    assert len(taken) == len(set(taken)) == 22, "one of the doubtful has arrived"
    assert sending.state is MailingState.done


def test_a_server_that_is_away_loses_nothing_and_counts_no_try(session, sending, do, server):
    before = clock.now()
    assert do(mailings.SEND, url="smtp://127.0.0.1:1") is True
    assert phases(session) == {"queued": 25}
    assert session.scalars(select(MailingRecipient.tries).distinct()).all() == [0]
    job = session.scalars(select(Outbox).where(Outbox.state == Errand.pending)).one()
    assert timedelta(seconds=50) < job.due_at - before < timedelta(seconds=90)
    assert do(mailings.SEND) is True
    assert phases(session) == {"sent": 25}


def test_a_pause_in_the_middle_stops_and_going_on_sends_the_rest_once(session, sending, do, server, monkeypatch):
    genuine, calls = ledger.hand_over, []

    def paused(own, mailing_id, keys, *, token, at):
        calls.append(len(keys))
        if len(calls) == 2:
            mailings.pause(own, own.get(Mailing, mailing_id))
        return genuine(own, mailing_id, keys, token=token, at=at)

    monkeypatch.setattr(tasks.ledger, "hand_over", paused)
    assert do(mailings.SEND) is True
    assert (sending.state, phases(session)) == (MailingState.paused, {"sent": 10, "queued": 15})
    mailings.start(session, sending, at=clock.now())
    assert do(mailings.SEND) is True
    assert (sending.state, phases(session), len(server.taken)) == (MailingState.done, {"sent": 25}, 25)


def test_a_check_that_is_begun_again_writes_each_once(session, mailing, do):
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert do(mailings.CHECK) is True
    job = session.scalars(select(Outbox).where(Outbox.topic == mailings.CHECK)).one()
    job.state, job.done_at = Errand.pending, None
    assert do(mailings.CHECK) is True
    assert (mailing.state, phases(session)) == (MailingState.checked, {"queued": 25})
