"""One row from claim to end, in this process: races, fences, refusals, delays."""

import threading
from datetime import timedelta

import pytest

from app import clock, outbox
from app.db import db, unit_of_work
from app.errors import DomainError
from app.models.setting import Setting
from app.outbox import BACK_OFF, Errand
from app.tasks import running
from app.tasks.registry import LostClaim, Work, fresh_session, handler_of, handles
from app.tasks.sweeper import HEARTBEAT, Sweeper, enqueue_daily, slot_days
from tests.tasks import handlers  # noqa: F401 -- registers them


def run(world, row_id):
    with world.app.app_context():
        return running.run_row(row_id, settings=world.app.config)


def test_a_row_is_done_once_however_often_it_is_rung(world):
    row_id = world.enqueue("test.count", 7)
    assert [run(world, row_id) for _ in range(3)] == [True, False, False]
    row = world.row(row_id)
    assert (row.state, row.tries, row.token, row.error) == (Errand.done, 1, None, None)
    assert row.done_at is not None
    assert world.effect("count 7") == 1


def test_of_eight_workers_that_are_rung_at_once_one_does_the_row(world):
    rows = [world.enqueue("test.count", number) for number in range(100, 105)]
    start = threading.Barrier(8)
    done = []

    def ring():
        start.wait()
        done.extend(row_id for row_id in rows if run(world, row_id))

    threads = [threading.Thread(target=ring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == rows
    assert [world.effect(f"count {number}") for number in range(100, 105)] == [1] * 5


def test_who_lost_the_claim_stores_nothing(world):
    row_id = world.enqueue("test.count", 8)
    with world.app.app_context():
        first, _handler = running._claimed(row_id, world.app.config)
        world.change(row_id, lease_until=clock.now() - timedelta(seconds=1))
        second, _handler = running._claimed(row_id, world.app.config)
        assert (first.tries, second.tries) == (1, 2)
        for late in (first.storing, first.step):
            with pytest.raises(LostClaim), late() as session:
                session.add(Setting(name="late", value=1))
        assert not outbox_fails(first)
        with second.storing() as session:
            session.add(Setting(name="in time", value=1))
    assert (world.effect("late"), world.effect("in time")) == (None, 1)
    assert world.row(row_id).state is Errand.done


def outbox_fails(work):
    with fresh_session(what="test") as session, unit_of_work(session):
        return outbox.fail(session, work.row_id, work.token, "too late", tries=work.tries, at=clock.now())


def test_a_step_holds_the_claim_for_another_lease(world):
    row_id = world.enqueue("test.count", 9)
    with world.app.app_context():
        work, _handler = running._claimed(row_id, world.app.config)
        world.change(row_id, lease_until=clock.now() - timedelta(seconds=1))
        with work.step() as session:
            session.add(Setting(name="half", value=1))
    assert world.row(row_id).lease_until > clock.now()
    assert world.effect("half") == 1
    assert run(world, row_id) is False


def test_a_handler_that_raises_is_tried_again_later_and_later_and_then_seen_as_failed(world):
    row_id = world.enqueue("test.raises", 10)
    for number, delay in enumerate(BACK_OFF, start=1):
        before = clock.now()
        assert run(world, row_id) is False
        row = world.row(row_id)
        assert (row.state, row.tries) == (Errand.pending, number)
        assert before + delay <= row.due_at <= clock.now() + delay
        assert row.error.startswith("ZeroDivisionError: no such luck (handlers.py:")
        assert run(world, row_id) is False  # not due yet
        assert world.row(row_id).tries == number
        world.change(row_id, due_at=clock.now())
    assert run(world, row_id) is False
    row = world.row(row_id)
    assert (row.state, row.tries) == (Errand.failed, len(BACK_OFF) + 1)
    assert world.effect("raises 10") is None  # what the handler wrote was rolled back every time


def test_a_failed_row_runs_again_when_a_person_says_so_and_only_then(world):
    row_id = world.enqueue("test.refused", 11)
    assert run(world, row_id) is False
    row = world.row(row_id)
    assert (row.state, row.tries, row.error) == (Errand.failed, 1, "this cannot be done")
    rung = []
    outbox.ring_with(lambda *ring: rung.append(ring))
    with world.app.app_context(), unit_of_work(db.session()) as session:
        outbox.retry(session, session.get(outbox.Outbox, row_id), at=clock.now())
        assert rung == []
    assert rung == [(row_id, "test.refused")]
    row = world.row(row_id)
    assert (row.state, row.tries, row.error, row.done_at) == (Errand.pending, 0, None, None)
    with world.app.app_context(), pytest.raises(DomainError), unit_of_work(db.session()) as session:
        outbox.retry(session, session.get(outbox.Outbox, row_id), at=clock.now())


def test_work_that_nobody_handles_is_seen_as_failed(world):
    row_id = world.enqueue("test.unknown", 12)
    assert run(world, row_id) is False
    row = world.row(row_id)
    assert (row.state, row.error) == (Errand.failed, "nothing handles test.unknown")


def test_a_row_that_kills_every_worker_ends_as_failed(world):
    row_id = world.enqueue("test.count", 13)
    with world.app.app_context():
        for _ in range(running.MOST_CLAIMS):
            work, _handler = running._claimed(row_id, world.app.config)
            assert work is not None
            world.change(row_id, lease_until=clock.now() - timedelta(seconds=1))
    assert run(world, row_id) is False
    row = world.row(row_id)
    assert (row.state, row.error) == (Errand.failed, "the worker died 10 times over this")
    assert world.effect("count 13") is None


def test_a_topic_has_one_handler():
    assert handler_of("test.count") is not None
    with pytest.raises(ValueError, match="has a handler already"):

        @handles("test.count")
        def another(work: Work) -> None:
            raise AssertionError


def test_the_sweeper_rings_what_is_due_once_in_a_while_and_nothing_else(world):
    due = world.enqueue("test.count", 20)
    world.enqueue("test.count", 21, due_at=clock.now() + timedelta(hours=1))
    crashed, busy = world.enqueue("test.count", 22), world.enqueue("test.count", 23)
    with world.app.app_context():
        for row_id in (crashed, busy):
            running._claimed(row_id, world.app.config)
    world.change(crashed, lease_until=clock.now() - timedelta(seconds=1))
    rung = []
    sweeper = Sweeper(world.app, lambda *ring: rung.append(ring))
    now = clock.now()
    with world.app.app_context(), fresh_session(what="test") as session:
        daily = len(enqueue_daily(session, at=now))
    assert sweeper.round(now) == 2 + daily
    assert rung[:2] == [(due, "test.count"), (crashed, "test.count")]
    assert sweeper.round(now + timedelta(seconds=1)) == 0
    assert sweeper.round(now + timedelta(seconds=16)) == 3 + daily  # by now the busy one's lease has run out too
    assert world.effect(HEARTBEAT) == (now + timedelta(seconds=16)).isoformat()


def test_daily_work_is_enqueued_once_a_day_by_whichever_sweeper_comes_first(world):
    from app.tasks.registry import schedule

    assert "job.tidy" in dict(schedule())
    noon = clock.now().replace(hour=12, minute=0)
    found = []
    for at in (noon, noon, noon + timedelta(days=1)):
        with world.app.app_context(), fresh_session(what="test") as session:
            found.append(enqueue_daily(session, at=at))
    topics = [topic for topic, _when in schedule()]
    assert found == [topics, [], topics]
    with world.app.app_context(), fresh_session(what="test") as session:
        assert slot_days(session, "job.tidy") == [(noon + timedelta(days=1)).date()]  # the former one is forgotten
        midnight = noon.replace(hour=0)
        assert enqueue_daily(session, at=midnight + timedelta(days=9)) == []


def test_a_hung_handler_is_noticed(world):
    row_id = world.enqueue("test.hangs", 30)
    thread = threading.Thread(target=run, args=(world, row_id), daemon=True)
    thread.start()
    world.wait(lambda: running.hung(clock.now() + timedelta(seconds=2)) is not None, 5)
    assert running.hung(clock.now() - timedelta(hours=1)) is None
    assert running.hung(clock.now() + timedelta(seconds=2)).row_id == row_id
