"""A mailing under fire: workers that are killed while a moody mail server answers; nobody lost or written to twice.

`CRM_MAILING_RECIPIENTS` and `CRM_MAILING_KILLS` make it larger: the drill sends to 10,000 over 20 kills.
"""

import os
import signal
import time
from contextlib import contextmanager
from random import Random

import pytest
from sqlalchemy import delete

from app import outbox
from app.db import unit_of_work
from app.models.mail_template import MailTemplate
from app.models.mailing import Mailing, MailingRecipient, MailingState
from app.models.setting import Setting
from app.outbox import Outbox
from app.tasks.registry import fresh_session
from tests.fire.mailing import Moods, begin, fall_due, hurry, judged
from tests.mail import mail_server
from tests.tasks.conftest import Nursery, World

RECIPIENTS = int(os.environ.get("CRM_MAILING_RECIPIENTS", "150"))
KILLS = int(os.environ.get("CRM_MAILING_KILLS", "3"))
SEED = int(os.environ.get("CRM_MAILING_SEED", "7"))
WAIT = 60 + RECIPIENTS / 10  # seconds until it must be done


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

    def state(self, mailing_id):
        with self.app.app_context(), fresh_session(what="test") as session:
            return session.get(Mailing, mailing_id).state


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
    with fire.writing() as session:
        mailing_id = begin(session, name="Fire", count=RECIPIENTS)
    until = time.monotonic() + WAIT
    for _kill in range(KILLS):
        with fire.worker() as worker:
            sent = len(moody.taken)
            while len(moody.taken) < sent + random.randint(1, max(RECIPIENTS // (2 * KILLS), 2)):
                assert time.monotonic() < until, "the worker sends nothing"
                time.sleep(0.02)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        with fire.writing() as session:
            hurry(session)
    with fire.worker():
        while fire.state(mailing_id) is not MailingState.done:
            assert time.monotonic() < until, "it does not come to its end"
            time.sleep(0.3)
            with fire.writing() as session:
                fall_due(session)
    with fire.writing() as session:
        found = judged(session, [mailing_id], moody.taken, count=RECIPIENTS)
    print(found)  # noqa: T201 -- the drill reads it
    assert found.holds, found
    assert found.sent > RECIPIENTS / 2
