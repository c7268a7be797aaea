"""A mailing under fire: workers that are killed while a moody mail server answers; nobody lost or written to twice.

`CRM_MAILING_RECIPIENTS` and `CRM_MAILING_KILLS` make it larger: the drill sends to 10,000 over 20 kills.
"""

import os
import signal
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import delete, func, select, update

from app import clock, outbox
from app.db import unit_of_work
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.organisation import Organisation
from app.models.setting import Setting
from app.outbox import Outbox
from app.services import mail_template
from app.services import mailing as mailings
from app.tasks.registry import fresh_session
from tests.mail import mail_server
from tests.tasks.conftest import Nursery, World

RECIPIENTS = int(os.environ.get("CRM_MAILING_RECIPIENTS", "150"))
KILLS = int(os.environ.get("CRM_MAILING_KILLS", "3"))
SEED = int(os.environ.get("CRM_MAILING_SEED", "7"))
WAIT = 60 + RECIPIENTS / 10  # seconds until it must be done
MOODS = ("451 later", "550 never", "end 452 full", "hang up", "hang up at data", "hang up in text", "hang up at end")


class Moods:
    """What the server does next: mostly well, one time in twelve not."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> str:
        return self._random.choice(MOODS) if self._random.random() < 1 / 12 else ""

    def clear(self) -> None:
        """Keep the moods."""


@pytest.fixture(scope="module")
def moody():
    with mail_server() as started:
        started.will = Moods(SEED)
        yield started


@pytest.fixture(scope="module")
def fire_nursery(place, moody):
    made = Nursery(place | {"CRM_SMTP_URL": moody.url, "CRM_MAIL_FROM": "office@grachten.example"})
    yield made
    made.close()


class Fire(World):
    """The world of workers, with a mailing in it."""

    @contextmanager
    def writing(self):
        with self.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
            yield session

    def prepare(self, count):
        """A mailing that is checked, to so many addresses of five domains."""
        with self.writing() as session:
            us = Organisation(name="Fire", country="NL", currency="EUR", email="office@grachten.example")
            template = MailTemplate(name="Fire", channel=MailingChannel.email)
            template.texts = [MailTemplateText(language="en", subject="Tulips")]
            template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|customer}")]
            session.add(us)
            mail_template.save(session, template)
            version = mail_template.latest(session, template)
            mailing = Mailing(name="Fire", kind=MailingKind.service, organisation=us, template=template)
            mailings.save(session, mailing)
            session.flush()
            mailing.state, mailing.version_id = MailingState.checked, version.id
            session.flush()
            session.add_all(
                MailingRecipient(
                    mailing_id=mailing.id,
                    address=f"p{number}@d{number % 5}.example",
                    domain=f"d{number % 5}.example",
                    words={"name": f"Party {number}"},
                    due_at=clock.now(),
                )
                for number in range(count)
            )
            session.flush()
            mailings.start(session, mailing, at=clock.now())
            return mailing.id

    def state(self, mailing_id):
        with self.app.app_context(), fresh_session(what="test") as session:
            return session.get(Mailing, mailing_id).state

    def hurry(self):
        """Let an hour pass: leases run out, and what waits is due."""
        past = clock.now() - timedelta(seconds=1)
        with self.writing() as session:
            for table in (MailingRecipient, Outbox):
                session.execute(update(table).where(table.lease_until.is_not(None)).values(lease_until=past))
                session.execute(update(table).where(table.due_at > past).values(due_at=past))

    def rows(self, mailing_id):
        columns = MailingRecipient.address, MailingRecipient.phase
        with self.app.app_context(), fresh_session(what="test") as session:
            return session.execute(select(*columns).where(MailingRecipient.mailing_id == mailing_id)).all()


@pytest.fixture
def fire(background, place, request, tmp_path):
    before = outbox._doorbell
    outbox.ring_with(None)
    with background.app_context():
        from app.services import letter_office

        kept = letter_office.use(lambda: letter_office.Office(problem=None, sender="", host="crm.example.org"))
    made = Fire(background, place, lambda: request.getfixturevalue("fire_nursery"), tmp_path / "logs")
    yield made
    letter_office.use(kept)
    outbox.ring_with(before)
    with made.writing() as session:
        for table in (MailingRecipient, Mailing, MailTemplate, Outbox, Setting):
            session.execute(delete(table))


@pytest.mark.slow
def test_workers_die_and_everybody_is_written_to_once_at_most(fire, moody):
    random = Random(SEED)
    mailing_id = fire.prepare(RECIPIENTS)
    until = time.monotonic() + WAIT
    for _kill in range(KILLS):
        with fire.worker() as worker:
            sent = len(moody.taken)
            while len(moody.taken) < sent + random.randint(1, max(RECIPIENTS // (2 * KILLS), 2)):
                assert time.monotonic() < until, "the worker sends nothing"
                time.sleep(0.02)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        fire.hurry()
    with fire.worker():
        while fire.state(mailing_id) is not MailingState.done:
            assert time.monotonic() < until, Counter(row.phase.value for row in fire.rows(mailing_id))
            time.sleep(0.3)
            fire_due(fire, mailing_id)
    rows = fire.rows(mailing_id)
    taken = Counter(each.recipients[0] for each in moody.taken)
    by_phase = {phase: {row.address for row in rows if row.phase is phase} for phase in RecipientPhase}
    assert sum(map(len, by_phase.values())) == RECIPIENTS, "nobody is lost"
    assert set(taken.values()) == {1}, "nobody is written to twice"
    assert by_phase[RecipientPhase.sent] <= set(taken)
    assert set(taken) <= by_phase[RecipientPhase.sent] | by_phase[RecipientPhase.uncertain]
    ended = (RecipientPhase.sent, RecipientPhase.refused, RecipientPhase.uncertain)
    assert {phase for phase, found in by_phase.items() if found} <= set(ended)
    print({phase.value: len(found) for phase, found in by_phase.items() if found}, "taken", len(taken))  # noqa: T201


def fire_due(fire, mailing_id):
    """Let what was put off be due, without taking anything from the worker that lives."""
    past = clock.now() - timedelta(seconds=1)
    waiting = MailingRecipient.mailing_id == mailing_id, MailingRecipient.phase == RecipientPhase.queued
    with fire.writing() as session:
        session.execute(update(MailingRecipient).where(*waiting).values(due_at=past))
        session.execute(update(Outbox).where(Outbox.state == outbox.Errand.pending).values(due_at=past))
        assert session.scalar(select(func.count(Mailing.id))) == 1
