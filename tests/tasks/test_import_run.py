"""An import in the worker: every chunk holds the claim, and a lost claim stops it."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from app import clock
from app.db import db, unit_of_work
from app.exchange import import_running, party_import
from app.exchange.csv_file import open_csv
from app.exchange.party_csv import guess
from app.models.attachment import Attachment
from app.models.import_run import ImportProblem, ImportRun, ImportState
from app.models.party import Party
from app.outbox import Errand, Outbox
from app.services import import_run as runs
from app.tasks import registry, running
from app.tasks.registry import fresh_session

HELD = (ImportProblem, ImportRun, Attachment, Party)


@pytest.fixture
def queued(world, tmp_path):
    """A run of five rows that waits for the worker, and its job."""
    content = ("Name;Country\n" + "".join(f"Party {at};NL\n" for at in range(5))).encode()
    path = tmp_path / "parties.csv"
    path.write_bytes(content)
    table = open_csv(path)
    files = world.app.config["CRM_VAR"] / "files"
    with world.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        run = runs.make(session, io.BytesIO(content), files=files, name=path.name, at=clock.now())
        runs.set_up(
            run,
            encoding=table.encoding,
            delimiter=table.delimiter,
            total_rows=5,
            mapping=guess(table.columns),
            options=party_import.Plan({}).options,
        )
        runs.queue(session, run, at=clock.now())
        session.flush()
        run_id, row_id = run.id, session.scalar(select(Outbox.id))
    yield run_id, row_id
    with world.app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        for table in HELD:
            session.execute(delete(table))


def do(world, row_id):
    with world.app.app_context():
        return running.run_row(row_id, settings=world.app.config)


def seen(world, run_id):
    """Return the names of the counterparties and the state of the run."""
    with world.app.app_context(), fresh_session(what="test") as session:
        return list(session.scalars(select(Party.name).order_by(Party.id))), session.get(ImportRun, run_id).state


def test_a_queued_import_is_done_and_so_is_its_job(world, queued):
    run_id, row_id = queued
    assert do(world, row_id) is True
    assert seen(world, run_id) == ([f"Party {at}" for at in range(5)], ImportState.done)
    assert world.row(row_id).state is Errand.done


def test_every_chunk_holds_the_claim_and_a_lost_one_stops_the_import_for_the_next(world, queued, monkeypatch):
    run_id, row_id = queued
    monkeypatch.setattr(import_running, "CHUNK", 1)
    leases = []
    genuine = registry.Work.hold

    def hold(work):
        genuine(work)
        with db.session.session_factory() as other, unit_of_work(other):
            row = other.get(Outbox, row_id)
            leases.append(row.lease_until)
            if len(leases) == 2:
                row.token, row.lease_until = "somebody else's", clock.now() - timedelta(seconds=1)

    monkeypatch.setattr(registry.Work, "hold", hold)
    assert do(world, row_id) is False
    assert seen(world, run_id) == (["Party 0", "Party 1"], ImportState.running)
    assert len(leases) == 2
    assert leases[0] < leases[1]
    monkeypatch.setattr(registry.Work, "hold", genuine)
    assert do(world, row_id) is True
    assert seen(world, run_id) == ([f"Party {at}" for at in range(5)], ImportState.done)
