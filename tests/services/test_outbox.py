"""The outbox and what is known of it: promises with their transaction, claims with their token, late and old work."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app import outbox
from app.db import unit_of_work
from app.errors import DomainError
from app.models.history import FieldChange, StateChange
from app.outbox import BACK_OFF, Errand, Outbox
from app.services import job as jobs

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def rung():
    found = []
    before = outbox._doorbell
    outbox.ring_with(lambda *ring: found.append(ring))
    yield found
    outbox.ring_with(before)


def make(session, *, due_at=NOON, **values):
    row = outbox.enqueue(session, "invoice.render", 7, due_at=due_at)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return row


def again(session, row):
    session.expire_all()
    return session.get(Outbox, row.id)


def test_the_worker_is_rung_after_the_commit(session, rung):
    with unit_of_work(session):
        row = outbox.enqueue(session, "invoice.render", 7, due_at=NOON, colour="red")
        assert rung == []
    assert rung == [(row.id, "invoice.render")]
    assert (row.state, row.record_id, row.payload, row.tries) == (Errand.pending, 7, {"colour": "red"}, 0)


def test_a_rollback_takes_the_work_and_the_ring_back(session, rung):
    def act():
        with unit_of_work(session):
            outbox.enqueue(session, "invoice.render", 7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    with unit_of_work(session):
        pass
    assert rung == []
    assert session.execute(select(Outbox)).all() == []


def test_a_job_is_no_part_of_the_history(session):
    row = make(session)
    row.tries = 3
    session.flush()
    for table in (FieldChange, StateChange):
        assert session.execute(select(table).where(table.entity == Outbox.__stem__)).all() == []


def test_a_claim_excludes_others_until_its_lease_has_run_out(session):
    row = make(session)
    first = outbox.claim(session, row.id, at=NOON, lease=60 * SECOND)
    assert (first.state, first.tries, first.lease_until) == (Errand.claimed, 1, NOON + 60 * SECOND)
    token = first.token
    assert outbox.claim(session, row.id, at=NOON + 60 * SECOND) is None
    second = outbox.claim(session, row.id, at=NOON + 61 * SECOND)
    assert (second.tries, second.token != token) == (2, True)
    assert outbox.finish(session, row.id, token, at=NOON) is False
    assert outbox.renew(session, row.id, token, until=NOON) is False
    assert outbox.fail(session, row.id, token, "late", tries=1, at=NOON) is False
    assert outbox.finish(session, row.id, second.token, at=NOON) is True
    done = again(session, row)
    assert (done.state, done.token, done.lease_until, done.done_at) == (Errand.done, None, None, NOON)
    assert outbox.claim(session, row.id, at=NOON + timedelta(days=1)) is None


def test_what_is_not_due_cannot_be_claimed(session):
    row = make(session, due_at=NOON + SECOND)
    assert outbox.claim(session, row.id, at=NOON) is None
    assert outbox.due(session, at=NOON) == []
    assert outbox.due(session, at=NOON + SECOND) == [(row.id, "invoice.render")]


@pytest.mark.parametrize(("tries", "delay"), list(enumerate(BACK_OFF, start=1)))
def test_a_failed_try_waits_longer_each_time(session, tries, delay):
    row = make(session)
    claimed = outbox.claim(session, row.id, at=NOON)
    assert outbox.fail(session, row.id, claimed.token, "no luck", tries=tries, at=NOON) is True
    failed = again(session, row)
    assert (failed.state, failed.due_at, failed.error) == (Errand.pending, NOON + delay, "no luck")


def test_the_last_try_fails_for_good_and_so_does_a_final_refusal(session):
    for tries, final in ((len(BACK_OFF) + 1, False), (1, True)):
        row = make(session)
        claimed = outbox.claim(session, row.id, at=NOON)
        outbox.fail(session, row.id, claimed.token, "x" * 5000, tries=tries, at=NOON, final=final)
        failed = again(session, row)
        assert (failed.state, failed.done_at, len(failed.error)) == (Errand.failed, NOON, 4000)
        assert outbox.due(session, at=NOON + timedelta(days=9)) == []


def test_only_a_failed_job_is_tried_again(session, rung):
    row = make(session, state=Errand.failed, tries=5, error="no luck", done_at=NOON)
    session.commit()
    session.info.pop("after_commit")  # the ring of its making
    with unit_of_work(session):
        jobs.retry(session, row, at=NOON + SECOND)
    assert (row.state, row.tries, row.error, row.done_at, row.due_at) == (
        Errand.pending,
        0,
        None,
        None,
        NOON + SECOND,
    )
    assert rung == [(row.id, "invoice.render")]
    for state in (Errand.pending, Errand.claimed, Errand.done):
        other = make(session, state=state)
        with pytest.raises(DomainError) as caught:
            jobs.retry(session, other, at=NOON)
        assert caught.value.field == "state"
        assert other.state is state


def test_health_is_red_when_something_has_waited_for_more_than_a_minute(session):
    assert (jobs.delay(session, at=NOON), jobs.is_late(session, at=NOON)) == (timedelta(0), False)
    make(session, due_at=NOON + timedelta(hours=1))
    make(session, state=Errand.failed, due_at=NOON - timedelta(days=1))
    make(session, state=Errand.done, due_at=NOON - timedelta(days=1))
    make(session, state=Errand.claimed, due_at=NOON - timedelta(days=1), lease_until=NOON + SECOND)
    assert jobs.delay(session, at=NOON) == timedelta(0)
    make(session, due_at=NOON - 60 * SECOND)
    assert (jobs.delay(session, at=NOON), jobs.is_late(session, at=NOON)) == (60 * SECOND, False)
    assert jobs.is_late(session, at=NOON + SECOND) is True


def test_health_is_red_when_a_dead_worker_holds_something(session):
    make(session, state=Errand.claimed, due_at=NOON - timedelta(days=1), lease_until=NOON - 61 * SECOND)
    assert (jobs.delay(session, at=NOON), jobs.is_late(session, at=NOON)) == (61 * SECOND, True)


def test_what_was_done_long_ago_is_forgotten_and_nothing_else(session):
    long_ago = NOON - timedelta(days=30, seconds=1)
    make(session, state=Errand.done, done_at=long_ago)
    kept = [
        make(session, state=Errand.done, done_at=NOON - timedelta(days=30)),
        make(session, state=Errand.failed, done_at=long_ago),
        make(session, due_at=long_ago),
    ]
    assert jobs.forget(session, at=NOON) == 1
    assert list(session.scalars(select(Outbox.id).order_by(Outbox.id))) == [row.id for row in kept]
