"""Many issue at once, each with a connection of his own: no gap, no duplicate, no error that reaches anybody."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app import migrating
from app.db import prepare_engine, unit_of_work
from app.errors import DomainError
from app.models.chain import ChainLink
from app.models.invoice import Invoice, InvoiceState
from app.outbox import Outbox
from app.services import access, verify
from app.services import invoice as invoices
from tests.factories import Made

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
WORKERS, EACH = 8, 10


@pytest.fixture(scope="module")
def fresh_url(database_url: str, tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> str:
    """An empty database beside the one that the other tests share: here transactions are real."""
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path_factory.mktemp('at_once')}/real.db"
    else:
        from tests.servers import create_database

        url = create_database(database_url, f"crm_at_once_{worker_name}")
    migrating.upgrade(url)
    return url


@pytest.fixture
def engine(app, fresh_url: str) -> Iterator[Engine]:
    options = {"connect_args": {"timeout": 30, "check_same_thread": False}} if fresh_url.startswith("sqlite") else {}
    found = create_engine(fresh_url, pool_size=WORKERS, max_overflow=2, **options)
    prepare_engine(found)
    yield found
    found.dispose()


@pytest.fixture
def opened(engine: Engine) -> Callable[[], Session]:
    def open_session() -> Session:
        session = Session(engine.execution_options(begins="IMMEDIATE"))
        access.act_as(session, access.SYSTEM)
        return session

    return open_session


def prepared(opened: Callable[[], Session], count: int, organisation: str) -> list[int]:
    """Make drafts of a new organisation, which has its own numbers, and return their ids."""
    with opened() as session, unit_of_work(session):
        made = Made(session)
        given = {"party": made.buyer(), "organisation": made.organisation(organisation), "at_tax": made.tax()}
        return [made.invoice(("3", "10.00"), ("1", "5.55"), **given).id for _n in range(count)]


def test_eight_workers_issue_without_gap_or_duplicate(opened, chain_key, tmp_path: Path):
    drafts = prepared(opened, WORKERS * EACH, "Eight B.V.")
    ready = Barrier(WORKERS)
    late: list[str] = []

    def work(worker: int) -> list[str]:
        numbers = []
        ready.wait()
        for turn, key in enumerate(drafts[worker * EACH : (worker + 1) * EACH]):
            on = date(2026, 3, 1) + timedelta(days=turn)
            with opened() as session:
                try:
                    with unit_of_work(session):
                        invoices.issue(session, session.get(Invoice, key), at=NOON, on=on)
                except DomainError as refusal:  # somebody was faster with a later day: his day is taken instead
                    late.append(refusal.field)
                    with unit_of_work(session):
                        invoices.issue(session, session.get(Invoice, key), at=NOON, on=NOON.date())
                numbers.append(session.get(Invoice, key).number)
        return numbers

    with ThreadPoolExecutor(WORKERS) as pool:
        numbers = [number for found in pool.map(work, range(WORKERS)) for number in found]
    assert set(late) <= {"on"}
    assert sorted(numbers) == [f"INV-2026-{n:05}" for n in range(1, WORKERS * EACH + 1)]
    with opened() as session:
        rows = session.query(Invoice).filter(Invoice.id.in_(drafts)).order_by(Invoice.number_n).all()
        days = [row.issued_on for row in rows]
        assert days == sorted(days)
        assert [row.chain_position for row in rows] == list(range(1, WORKERS * EACH + 1))
        report = verify.verify(session, key=chain_key, files=tmp_path)
        assert report.problems == []
        assert report.documents == report.not_made >= WORKERS * EACH
        assert session.query(Outbox).filter(Outbox.record_id.in_(drafts)).count() == WORKERS * EACH


def test_one_document_is_issued_once_by_whoever_is_first(opened, chain_key):
    (key,) = prepared(opened, 1, "Once B.V.")
    ready = Barrier(WORKERS)

    def work(_worker: int) -> str:
        with opened() as session:
            draft = session.get(Invoice, key)
            assert draft.state == InvoiceState.draft
            session.commit()
            ready.wait()
            try:
                with unit_of_work(session):
                    invoices.issue(session, draft, at=NOON)
            except DomainError as refusal:
                return refusal.field
            return "issued"

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = sorted(pool.map(work, range(WORKERS)))
    assert answers == ["issued"] + ["state"] * (WORKERS - 1)
    with opened() as session:
        assert session.query(ChainLink).filter_by(invoice_id=key).count() == 1


def test_one_invoice_is_credited_once_however_many_try(opened, chain_key):
    (key,) = prepared(opened, 1, "Back B.V.")
    with opened() as session, unit_of_work(session):
        original = session.get(Invoice, key)
        invoices.issue(session, original, at=NOON)
        notes = [invoices.credit(session, original, reason="Returned").id for _worker in range(WORKERS)]
    ready = Barrier(WORKERS)

    def work(note: int) -> str:
        ready.wait()
        with opened() as session:
            try:
                with unit_of_work(session):
                    invoices.issue(session, session.get(Invoice, note), at=NOON)
            except DomainError as refusal:
                return refusal.field
            return "issued"

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = sorted(pool.map(work, notes))
    assert answers == ["issued"] + ["lines-0-quantity"] * (WORKERS - 1)
    with opened() as session:
        original = session.get(Invoice, key)
        assert invoices.credited(session, original) == original.gross
