"""A run whose work fails for good says so itself, its starter is told, and a further try goes on with it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock, outbox
from app.errors import DomainError
from app.models.bulk_run import EDIT, BulkRun, BulkState
from app.models.import_run import ImportRun, ImportState
from app.models.notification import Notification, NotificationKind
from app.outbox import Errand, Outbox
from app.services import access
from app.services import job as jobs
from app.tasks import bulk_run as bulk_task
from app.tasks import import_run as import_task
from app.tasks import registry, running


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture
def breaks(monkeypatch):
    """Let the work of runs fail in a way that no further try of its own will mend."""

    def broken(*_given, **_named):
        raise DomainError("the disk is full")

    monkeypatch.setattr(bulk_task.bulk, "go", broken)
    monkeypatch.setattr(import_task, "run_import", broken)


@pytest.mark.parametrize(
    ("run_class", "topic", "given", "running_state"),
    [
        (BulkRun, "bulk.run", {"entity": "party", "act": EDIT}, BulkState.running),
        (ImportRun, "import.run", {"entity": "party", "file_name": "a.csv", "mapping": {}}, ImportState.running),
    ],
)
def test_what_breaks_off_says_so_and_can_go_on(app, session, made, breaks, run_class, topic, given, running_state):
    starter = made.user("office")
    run = run_class(**given, state=running_state, owner_id=starter.id, total_rows=5)
    session.add(run)
    session.flush()
    row = outbox.enqueue(session, topic, run.id, due_at=clock.now(), actor_id=starter.id)
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=app.config) is False
    session.expire_all()
    assert session.get(Outbox, row.id).state is Errand.failed
    found = access.get(session, run_class, run.id)
    assert (found.state.value, found.is_under_way, found.ended_at is None) == ("failed", False, False)
    told = session.scalars(select(Notification).where(Notification.record_id == run.id)).all()
    assert [(one.user_id, one.kind) for one in told] == [(starter.id, NotificationKind.job_failed)]

    jobs.retry(session, session.get(Outbox, row.id), at=clock.now())
    session.commit()
    assert (found.state.value, found.ended_at, found.begin(at=clock.now())) == ("queued", None, True)
    assert found.state is running_state


def test_a_run_that_killed_every_worker_says_so_too(app, session, made):
    starter = made.user("office")
    run = BulkRun(entity="party", act=EDIT, state=BulkState.running, owner_id=starter.id, total_rows=5)
    session.add(run)
    session.flush()
    row = outbox.enqueue(session, "bulk.run", run.id, due_at=clock.now(), actor_id=starter.id)
    row.tries, row.state, row.token = running.MOST_CLAIMS, Errand.claimed, "dead"
    row.lease_until = clock.now() - timedelta(seconds=1)
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=app.config) is False
    session.expire_all()
    found = access.get(session, BulkRun, run.id)
    assert (session.get(Outbox, row.id).state, found.state) == (Errand.failed, BulkState.failed)
    assert session.scalars(select(Notification.user_id).where(Notification.record_id == run.id)).all() == [starter.id]
