"""A real worker process: rung, killed, its doorbell broken, and still every row is done once."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from app import outbox
from app.outbox import Errand
from app.tasks import dispatch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("topic", ["test.slow", "test.dies_storing"])
def test_a_worker_killed_in_the_middle_of_a_job_leaves_it_to_another_which_does_it_once(world, tmp_path, topic):
    effect = f"{topic.partition('.')[2]} 1"
    begun = tmp_path / "begun"
    row_id = world.enqueue(topic, 1, begun=str(begun))
    with world.worker(), world.worker():
        world.wait(begun.exists)
        victim = int(begun.read_text())
        os.kill(victim, signal.SIGKILL)
        world.wait_done(row_id)
        assert int(begun.read_text()) != victim
    assert world.effect(effect) == 1
    assert world.row(row_id).tries == 2


def test_a_ring_starts_the_work_and_neither_a_lost_ring_nor_a_deleted_broker_stops_it(world):
    broker = Path(world.env["CRM_VAR"]) / "broker"
    with world.worker():
        unrung = world.enqueue("test.count", 1)  # nobody is at the doorbell: only the sweeper can find it
        world.wait_done(unrung)
        dispatch.install(world.app.config)
        rung = world.enqueue("test.count", 2)
        world.wait_done(rung)
        shutil.rmtree(broker)
        after = [world.enqueue("test.count", 3), world.enqueue("test.count", 4)]
        for row_id in after:
            world.wait_done(row_id)
    assert [world.effect(f"count {number}") for number in (1, 2, 3, 4)] == [1, 1, 1, 1]


def test_a_worker_that_hangs_ends_itself_and_the_job_is_done_by_another(world):
    row_id = world.enqueue("test.hangs", 1)
    with world.worker() as first, world.worker() as second:
        world.wait_done(row_id)
        assert sorted(worker.poll() or 0 for worker in (first, second)) == [0, 70]
    assert world.row(row_id).tries == 2


def test_a_worker_that_is_asked_to_stop_does_so_with_nothing_to_complain_of(world):
    row_id = world.enqueue("test.count", 1)
    with world.worker() as worker:
        world.wait_done(row_id)
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0
    assert worker.log.read_text().strip() == "worker: Warm shutdown (MainProcess)"


def test_a_broker_that_is_away_neither_delays_nor_breaks_the_commit(world, caplog):
    dispatch.install({**world.app.config, "CRM_BROKER_URL": "redis://127.0.0.1:1/0"})
    began = time.monotonic()
    row_id = world.enqueue("test.count", 1)
    assert time.monotonic() - began < 1
    world.wait(lambda: "could not be rung" in caplog.text, 20)
    assert world.row(row_id).state is Errand.pending
    outbox.ring_with(None)
    with world.worker():
        world.wait_done(row_id)
    assert world.effect("count 1") == 1
