"""Many settle, undo, cancel and close periods at once: never more than there is, everything once, no closed day."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app import migrating
from app.db import prepare_engine, unit_of_work
from app.errors import Conflict, DomainError
from app.models.allocation import Allocation
from app.models.invoice import Invoice, Settlement
from app.models.organisation import Organisation
from app.models.payment import Payment
from app.services import access, chain
from app.services import allocation as allocations
from app.services import invoice as invoices
from app.services import payment as payments
from app.services import period as periods
from app.services.allocation import When
from tests.factories import Made

D = Decimal
WORKERS = 8
AT = datetime(2026, 4, 20, 12, tzinfo=UTC)
NOW = When(at=AT)
CLOSED = date(2026, 4, 10)
Opener = Callable[[], Session]


@pytest.fixture(scope="module")
def fresh_url(database_url: str, tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> str:
    """An empty database of its own: here transactions are real."""
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path_factory.mktemp('settling')}/real.db"
    else:
        from tests.servers import create_database

        url = create_database(database_url, f"crm_settling_{worker_name}")
    migrating.upgrade(url)
    return url


@pytest.fixture
def opened(app, fresh_url: str, tmp_path: Path) -> Iterator[Opener]:
    options = {"connect_args": {"timeout": 30, "check_same_thread": False}} if fresh_url.startswith("sqlite") else {}
    engine = create_engine(fresh_url, pool_size=WORKERS, max_overflow=2, **options)
    prepare_engine(engine)
    before = chain.use_key(lambda: b"k" * 32)

    def open_session() -> Session:
        session = Session(engine.execution_options(begins="IMMEDIATE"))
        access.act_as(session, access.SYSTEM)
        return session

    yield open_session
    chain.use_key(before)
    engine.dispose()


@pytest.fixture
def books(opened: Opener, request: pytest.FixtureRequest) -> Callable[..., tuple[list[int], int]]:
    """Make invoices of 30.00 and a receipt of 100.00 of a company of the test's own, and return their ids."""

    def make(count: int) -> tuple[list[int], int]:
        with opened() as session, unit_of_work(session):
            made = Made(session)
            ours = made.organisation(f"{request.node.name} B.V.")
            about = {"organisation": ours, "party": made.buyer(), "at_tax": made.tax("zero")}
            found = [made.issued(("1", "30.00"), **about).id for _n in range(count)]
            return found, made.payment("100.00", organisation=ours, party=about["party"]).id

    return make


def at_once(opened: Opener, act: Callable[[Session, int], object]) -> list[str]:
    """Let all workers act at the same moment; return what came of each: "done" or the field of the refusal."""
    ready = Barrier(WORKERS)

    def work(worker: int) -> str:
        ready.wait()
        with opened() as session:
            try:
                with unit_of_work(session):
                    act(session, worker)
            except DomainError as refusal:
                return str(refusal.field)
            except Conflict:
                return "conflict"
        return "done"

    with ThreadPoolExecutor(WORKERS) as pool:
        return sorted(pool.map(work, range(WORKERS)))


def test_one_receipt_settles_no_more_than_there_is_of_it(opened, books):
    keys, receipt = books(WORKERS)

    def allocate(session, worker):
        allocations.allocate(session, session.get(Payment, receipt), session.get(Invoice, keys[worker]), when=NOW)

    assert at_once(opened, allocate) == ["amount"] * 4 + ["done"] * 4
    with opened() as session:
        rows = session.scalars(select(Allocation).where(Allocation.payment_id == receipt)).all()
        assert sorted(row.amount for row in rows) == [D(10), D(30), D(30), D(30)]
        assert session.get(Payment, receipt).unallocated == 0


def test_one_invoice_takes_no_more_than_it_is_worth(opened, books):
    (key,), _receipt = books(1)

    def pay(session, _worker):
        payments.pay(session, session.get(Invoice, key), amount=D(20), when=NOW)

    assert at_once(opened, pay) == ["done"] * WORKERS
    with opened() as session:
        invoice = session.get(Invoice, key)
        assert (invoice.allocated, invoice.settlement) == (D(30), Settlement.paid)
        rows = session.scalars(select(Allocation).where(Allocation.invoice_id == key)).all()
        assert sorted(row.amount for row in rows) == [D(10), D(20)]


def test_one_allocation_is_undone_once(opened, books):
    (key,), receipt = books(1)
    with opened() as session, unit_of_work(session):
        row = allocations.allocate(session, session.get(Payment, receipt), session.get(Invoice, key), when=NOW).id

    def reverse(session, _worker):
        allocations.reverse(session, session.get(Allocation, row), when=NOW)

    assert at_once(opened, reverse) == ["done"] + ["state"] * (WORKERS - 1)
    with opened() as session:
        assert session.get(Invoice, key).allocated == session.get(Payment, receipt).allocated == 0


def test_a_credit_note_is_refunded_once(opened, books):
    (key,), _receipt = books(1)
    with opened() as session, unit_of_work(session):
        invoice = session.get(Invoice, key)
        payments.pay(session, invoice, when=NOW)
        note = invoices.credit(session, invoice, reason="Returned")
        invoices.issue(session, note, at=AT)
        noted = note.id

    def refund(session, _worker):
        payments.refund(session, session.get(Invoice, noted), when=NOW)

    assert at_once(opened, refund) == ["amount"] * (WORKERS - 1) + ["done"]
    with opened() as session:
        assert session.get(Invoice, noted).rest == 0
        assert len(session.scalars(select(Payment).where(Payment.kind == "refund", Payment.amount == 30)).all()) == 1


def test_a_payment_is_cancelled_once_and_settles_nothing_meanwhile(opened, books):
    keys, receipt = books(WORKERS - 1)

    def act(session, worker):
        payment = session.get(Payment, receipt)
        if worker == 0:
            payments.cancel(session, payment, reason="Bounced", when=NOW)
        else:
            allocations.allocate(session, payment, session.get(Invoice, keys[worker - 1]), when=NOW)

    answers = at_once(opened, act)
    with opened() as session:
        payment = session.get(Payment, receipt)
        rests = [session.get(Invoice, key).rest for key in keys]
        if payment.is_recorded:  # it settled something that had not been there when the cancelling looked
            assert answers.count("on") == 1
            assert sum(rests) == 30 * len(keys) - payment.allocated
        else:
            assert (payment.allocated, set(rests)) == (0, {D(30)})


@pytest.mark.parametrize("first", ["the allocation", "the lock"])
def test_a_period_is_not_closed_over_an_act_that_is_under_way(opened, books, first):
    """Whoever comes second waits for the first, and is judged by what that left."""
    (key,), receipt = books(1)
    finished, answer = Event(), []

    def allocate(session):
        when = When(at=AT, on=CLOSED)
        allocations.allocate(session, session.get(Payment, receipt), session.get(Invoice, key), when=when)

    def close(session):
        ours = session.get(Organisation, session.get(Invoice, key).organisation_id)
        periods.lock(session, ours, until=CLOSED, at=AT)
        session.flush()

    def second():
        with opened() as other:
            try:
                with unit_of_work(other):
                    (close if first == "the allocation" else allocate)(other)
                answer.append("done")
            except DomainError as refusal:
                answer.append(refusal.text)
        finished.set()

    with opened() as session:
        with unit_of_work(session):
            (allocate if first == "the allocation" else close)(session)
            thread = Thread(target=second)
            thread.start()
            waited = not finished.wait(0.7)
        thread.join(30)
    assert waited, "the second did not wait for the first"
    assert answer == ["done" if first == "the allocation" else f"The period up to {CLOSED} is closed"]
    with opened() as session:
        rows = session.scalars(select(Allocation).where(Allocation.payment_id == receipt)).all()
        assert len(rows) == (1 if first == "the allocation" else 0)
