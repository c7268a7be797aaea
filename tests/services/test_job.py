"""Looking at background work: which job of a record has failed for good."""

from datetime import UTC, datetime, timedelta

import pytest

from app import outbox
from app.outbox import Errand
from app.services import job as jobs

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def failed(session, record_id=7, topic="invoice.render"):
    """A job that failed at its first try, for good."""
    row = outbox.enqueue(session, topic, record_id, due_at=NOON)
    claimed = outbox.claim(session, row.id, at=NOON)
    assert outbox.fail(session, row.id, claimed.token, "no such font", tries=1, at=NOON, final=True)
    session.expire_all()
    return row


def test_a_job_that_failed_for_good_is_found_with_its_reason(session):
    row = failed(session)
    found = jobs.failed_of(session, "invoice.render", 7)
    assert (found.id, found.error, found.state) == (row.id, "no such font", Errand.failed)
    assert jobs.failed_of(session, "invoice.render", 8) is None
    assert jobs.failed_of(session, "invoice.send", 7) is None


def test_a_job_that_is_tried_again_has_not_failed_for_good(session):
    row = outbox.enqueue(session, "invoice.render", 7, due_at=NOON)
    claimed = outbox.claim(session, row.id, at=NOON)
    assert outbox.fail(session, row.id, claimed.token, "too busy", tries=1, at=NOON)
    session.expire_all()
    assert (row.state, row.error) == (Errand.pending, "too busy")
    assert jobs.failed_of(session, "invoice.render", 7) is None


@pytest.mark.parametrize("state", [Errand.pending, Errand.claimed, Errand.done])
def test_a_newer_job_counts_more_than_one_that_failed(session, state):
    failed(session)
    newer = outbox.enqueue(session, "invoice.render", 7, due_at=NOON + timedelta(hours=1))
    newer.state = state
    session.flush()
    assert jobs.failed_of(session, "invoice.render", 7) is None


def test_a_job_tried_again_by_hand_has_not_failed_any_more(session):
    row = failed(session)
    jobs.retry(session, row, at=NOON)
    assert jobs.failed_of(session, "invoice.render", 7) is None
