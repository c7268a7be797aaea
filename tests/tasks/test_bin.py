"""The bin is emptied by the worker: rows after their days, then the bytes that nothing needs any more."""

import io
import os
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from app import clock, outbox
from app.models.deleted_record import DeletedRecord
from app.outbox import Errand, Outbox
from app.services import access, attachment
from app.services import bin as bins
from app.tasks import registry, running

OLD = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture
def place(app, tmp_path):
    """The installation's settings, with a folder of the test's own and a bin of ten days."""
    return dict(app.config) | {"CRM_VAR": tmp_path, "CRM_BIN_DAYS": 10}


def work(app, session, place, row):
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=place) is True
    session.expire_all()
    assert session.get(Outbox, row.id).state is Errand.done


def with_file(session, made, name, place, *, stored_at):
    """A party with a file that was stored at a moment; return the party and where the bytes lie."""
    files = place["CRM_VAR"] / "files"
    party = made.party(name)
    row = attachment.store(
        session, io.BytesIO(name.encode()), files=files, name="a.txt", media_type="text/plain",
        entity="party", record_id=party.id, at=OLD, by_id=None,
    )  # fmt: skip
    path = attachment.path_of(row, files=files)
    os.utime(path, (stored_at.timestamp(), stored_at.timestamp()))
    return party, path


def test_the_bin_is_emptied_every_day():
    assert ("bin.purge", time(2, 45)) in registry.schedule()


def test_rows_and_bytes_go_after_their_days(app, session, made, place):
    now = clock.now()
    old, gone = with_file(session, made, "Old", place, stored_at=OLD)
    young, kept = with_file(session, made, "Young", place, stored_at=OLD)
    again, stored_again = with_file(session, made, "Again", place, stored_at=now)
    for party, days in ((old, 10), (young, 9), (again, 11)):
        bins.discard(session, party, actor=access.SYSTEM, at=now - timedelta(days=days))
    work(app, session, place, outbox.enqueue(session, "bin.purge", due_at=now))
    assert session.scalars(select(DeletedRecord.name)).all() == ["Young"]
    [sweep] = session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP)).all()
    assert gone.exists()
    work(app, session, place, sweep)
    assert (gone.exists(), kept.exists(), stored_again.exists()) == (False, True, True)
