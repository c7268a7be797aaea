"""The work of automatic letters, as workers do it: in portions, and killed in the middle it goes on where it was."""

import signal
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from app import clock, outbox
from app.db import unit_of_work
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.letter import Letter
from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.models.organisation import Organisation
from app.models.party import Party, PartyKind
from app.models.setting import Setting
from app.outbox import Errand, Outbox
from app.services import contact_rule, mail_template, rule_occurrence
from app.services import party as parties
from app.tasks import registry, running
from app.tasks.registry import fresh_session
from tests.mail import office
from tests.tasks.conftest import Nursery, World

MANY = 40


@pytest.fixture(autouse=True)
def mail_is_set_up():
    registry.load()
    with office():
        yield


def fill(session, us, count):
    """A rule for birthdays that is in use, and so many whose birthday is today, one of them without an address."""
    today = clock.today("UTC")
    born = today.replace(year=1984 if (today.month, today.day) == (2, 29) else 1980)
    template = MailTemplate(name="Wishes", texts=[MailTemplateText(language="en", subject="For you")])
    template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Today")]
    mail_template.save(session, template)
    for number in range(count):
        party = Party(name=f"Guest {number}", kind=PartyKind.person, birthday=born)
        party.email = f"guest{number}@bloem.example" if number else None
        parties.save(session, party)
    rule = ContactRule(name="Birthdays", organisation=us, template=template, occasion=Occasion.birthday)
    rule.kind, rule.hour, rule.since, rule.is_active = MailingKind.service, 0, today, True
    contact_rule.save(session, rule)
    rule.is_active = True
    session.flush()


def states(session):
    found = session.execute(select(RuleOccurrence.state, func.count()).group_by(RuleOccurrence.state))
    return {state.value: count for state, count in found}


def test_the_work_plans_and_writes_what_is_due_and_is_done(app, session, made):
    fill(session, made.organisation(time_zone="UTC", email="office@grachten.example"), 3)
    assert rule_occurrence.tend(session, at=clock.now()) is True
    row = session.scalars(select(Outbox).where(Outbox.topic == rule_occurrence.TOPIC)).one()
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=app.config) is True
    session.expire_all()
    assert row.state is Errand.done
    assert states(session) == {"written": 2, "left_out": 1}
    [left] = session.scalars(select(RuleOccurrence).where(RuleOccurrence.state == OccurrenceState.left_out))
    assert left.reason is LeftOut.no_address
    written = select(Letter.to_address).order_by(Letter.to_address)
    assert session.scalars(written).all() == ["guest1@bloem.example", "guest2@bloem.example"]


# --- real workers, killed ---------------------------------------------------------------------------------------------


class Guests(World):
    """The world of workers, with people who have a birthday."""

    @contextmanager
    def writing(self):
        with self.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
            yield session

    def states(self):
        with self.app.app_context(), fresh_session(what="test") as session:
            return states(session)

    def let_go(self):
        """What a dead worker holds is free again."""
        with self.writing() as session:
            held = update(Outbox).where(Outbox.state == Errand.claimed)
            session.execute(held.values(lease_until=clock.now() - timedelta(seconds=1)))


@pytest.fixture
def guests(background, place, tmp_path):
    nursery = Nursery(place | {"CRM_SMTP_URL": "smtp://127.0.0.1:9", "CRM_SANDBOX": "1"})
    before = outbox._doorbell
    outbox.ring_with(None)
    made = Guests(background, place, lambda: nursery, tmp_path / "logs")
    yield made
    nursery.close()
    outbox.ring_with(before)
    with made.writing() as session:
        for table in (RuleOccurrence, ContactRule, Letter, MailTemplate, Party, Outbox, Setting):
            session.execute(delete(table))
        session.execute(delete(Organisation).where(Organisation.name == "Guests"))


@pytest.mark.slow
def test_workers_that_are_killed_write_each_letter_once(guests):
    with guests.writing() as session:
        us = Organisation(name="Guests", country="NL", currency="EUR", email="us@grachten.example", time_zone="UTC")
        session.add(us)
        fill(session, us, MANY)
    for least in (3, 12):
        with guests.worker() as worker:
            guests.wait(lambda least=least: guests.states().get("written", 0) >= least)
            worker.send(signal.SIGKILL)
            assert worker.wait() is not None
        assert guests.states()["planned"] > 0  # it was in the middle of it
        guests.let_go()
    with guests.worker():
        guests.wait(lambda: guests.states() == {"written": MANY - 1, "left_out": 1})
    with guests.writing() as session:
        addresses = session.scalars(select(Letter.to_address)).all()
        named = session.scalar(select(func.count(func.distinct(RuleOccurrence.letter_id))))
    assert (len(addresses), len(set(addresses)), named) == (MANY - 1, MANY - 1, MANY - 1)
