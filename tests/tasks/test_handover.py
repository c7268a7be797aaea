"""A hand-over in the worker: done whole with the end of its job, or not at all and said why."""

import pytest
from sqlalchemy import delete, select

from app import clock
from app.db import unit_of_work
from app.models.handover import Handover, HandoverLine, HandoverState
from app.models.history import FieldChange
from app.models.notification import Notification
from app.models.party import Party
from app.models.search_entry import SearchEntry
from app.outbox import Errand, Outbox
from app.roles import ADMIN
from app.services import handover as handovers
from app.services import roles
from app.services import user as users
from app.services.handover_plan import Wish
from app.tasks import running
from app.tasks.registry import fresh_session
from tests.tampering import without_triggers

HELD = (HandoverLine, Handover, Notification, SearchEntry, FieldChange, Party)


@pytest.fixture
def queued(world, monkeypatch):
    """A hand-over of three parties that waits for the worker, and its job."""
    monkeypatch.setattr(handovers, "AT_ONCE", 2)
    with world.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        roles.sync(session, [("party", "see")], fingerprint="test")
        about = {"last_name": "X", "password": "correct horse battery", "roles": [ADMIN]}
        people = [
            users.make(session, username=name, first_name=name, email=f"{name}@example.org", **about)
            for name in ("leaver", "heir")
        ]
        session.add_all(Party(name=f"His {at}", owner=people[0]) for at in range(3))
        session.flush()
        wish = Wish(leaver_id=people[0].id, to=(people[1].id,))
        seen = handovers.plan(session, wish).fingerprint
        made = handovers.start(session, wish, fingerprint=seen, reason="Left", at=clock.now())
        keys = made.id, session.scalar(select(Outbox.id)), people[1].id
    yield keys
    with world.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        for table in HELD:
            with without_triggers(session.connection()):
                session.execute(delete(table))
        for name in ("leaver", "heir"):
            session.delete(session.scalars(select(users.User).where(users.User.username == name)).unique().one())


def do(world, row_id):
    with world.app.app_context():
        return running.run_row(row_id, settings=world.app.config)


def seen(world, handover_id):
    """Return the owners of the parties, and the state and message of the hand-over."""
    with world.app.app_context(), fresh_session(what="test") as session:
        made = session.get(Handover, handover_id)
        return set(session.scalars(select(Party.owner_id))), made.state, made.message


def test_it_is_done_and_so_is_its_job(world, queued):
    handover_id, row_id, heir = queued
    assert do(world, row_id) is True
    assert seen(world, handover_id) == ({heir}, HandoverState.done, None)
    assert world.row(row_id).state is Errand.done


def test_what_has_changed_since_is_not_handed_over_and_said(world, queued):
    handover_id, row_id, heir = queued
    with world.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        session.scalars(select(Party).limit(1)).one().owner_id = None
    assert do(world, row_id) is True
    owners, state, message = seen(world, handover_id)
    assert (heir in owners, state) == (False, HandoverState.failed)
    assert message == "Something has changed since the preview. Nothing was handed over: look at it again."
    assert world.row(row_id).state is Errand.done
