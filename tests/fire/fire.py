"""Money under fire: processes that issue and settle at once, killed at random, on a database that may crash too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from app import migrating
from app.db import prepare_engine, unit_of_work
from app.models.allocation import Allocation
from app.models.invoice import Invoice, InvoiceState
from app.models.payment import Payment
from app.outbox import Outbox
from app.services import access, chain, history, verify
from tests.factories import Made
from tests.fire.issuer import lines

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60  # seconds until a fire must be out, and a quarter of one more for each document


@dataclass
class Outcome:
    """What a fire left."""

    processes: int
    documents: int
    kills: int = 0
    crashes: int = 0
    acknowledged: int = 0
    hidden: int = 0  # committed, but killed before it could be said
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def expect(self, holds: bool, text: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.problems.append(text)


def engine_of(url: str) -> Engine:
    """Return an engine as the product prepares it."""
    access.install()
    history.install()
    found = create_engine(url)
    prepare_engine(found)
    return found


def opened(engine: Engine) -> Session:
    """Open a session of the system that writes."""
    session = Session(engine.execution_options(begins="IMMEDIATE"))
    access.act_as(session, access.SYSTEM)
    return session


class Nursery:
    """The process that makes workers, and ends with all of them."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fire.issuer", str(folder)],
            env=kept | env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        """Say a line and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def start(self, worker: int) -> int:
        return int(self.ask(f"start {worker}"))

    def code(self, pid: int) -> int | None:
        """Return the exit code of a worker that ended."""
        answer = self.ask(f"poll {pid}")
        return int(answer) if answer else None

    def end(self) -> None:
        self.process.communicate(timeout=30)


def burn(
    url: str,
    var: Path,
    *,
    processes: int,
    each: int,
    kills: int,
    crash: Callable[[], None] | None = None,
    crashes: int = 0,
    dice: Random,
) -> Outcome:
    """Let processes issue and settle `each` drafts, kill them so often, and see what is left.

    `crash` ends the database server at once and starts it again.
    """
    outcome = Outcome(processes, processes * each)
    migrating.upgrade(url)
    folder = var / "fire"
    folder.mkdir(parents=True)
    engine = engine_of(url)
    prepare(engine, folder, processes, each)
    begun = time.monotonic()
    nursery = Nursery({"CRM_DATABASE_URL": url, "CRM_VAR": str(var), "CRM_DEMO": "0"}, folder)
    try:
        _keep_burning(nursery, outcome, kills, crash, crashes, dice)
    finally:
        nursery.end()
    outcome.seconds = time.monotonic() - begun
    engine.dispose()  # its connections did not outlive a crash
    with opened(engine) as session:
        _look(session, folder, var, outcome)
    engine.dispose()
    return outcome


def prepare(engine: Engine, folder: Path, processes: int, each: int) -> None:
    """Make the drafts of one organisation and deal them out."""
    with opened(engine) as session, unit_of_work(session):
        made = Made(session)
        given = {"party": made.buyer(), "organisation": made.organisation(), "at_tax": made.tax()}
        drafts = [made.invoice(("3", "10.00"), ("1", "5.55"), **given).id for _n in range(processes * each)]
    for worker in range(processes):
        own = drafts[worker::processes]
        (folder / f"{worker}.drafts").write_text("\n".join(map(str, own)))


def _keep_burning(
    nursery: Nursery, outcome: Outcome, kills: int, crash: Callable[[], None] | None, crashes: int, dice: Random
) -> None:
    """Keep the processes running until all is done; blows fall whenever so much more has been acknowledged."""
    alive = {worker: nursery.start(worker) for worker in range(outcome.processes)}
    whole = 2 * outcome.documents
    blows = ["kill"] * kills + ["crash"] * crashes
    dice.shuffle(blows)
    due = [(at + 1) * whole // (len(blows) + 1) for at in range(len(blows))]
    until = time.monotonic() + WAIT + outcome.documents / 4
    while alive:
        assert time.monotonic() < until, "the fire does not go out"
        if blows and _done(nursery.folder, outcome.processes) >= due[0]:
            due.pop(0)
            time.sleep(dice.random() / 50)  # anywhere in an act
            if blows.pop() == "crash" and crash is not None:
                crash()
                outcome.crashes += 1
            else:
                _kill(nursery, alive, outcome, dice)
        for worker, pid in list(alive.items()):
            code = nursery.code(pid)
            if code is not None:
                del alive[worker]
                outcome.expect(code == 0, f"worker {worker} ended with {code}")
        time.sleep(0.005)


def _kill(nursery: Nursery, alive: dict[int, int], outcome: Outcome, dice: Random) -> None:
    """Kill one of the processes without warning and put another one in its place."""
    worker = dice.choice(sorted(alive))
    if outcome.kills % 2:  # every other one falls between a commit and its acknowledgement, if somebody is there soon
        until = time.monotonic() + 1
        silent: list[int] = []
        while not silent and time.monotonic() < until:
            silent = [each for each in alive if (nursery.folder / f"{each}.silent").exists()]
        worker = silent[0] if silent else worker
    if nursery.code(alive[worker]) is not None:
        alive[worker] = nursery.start(worker)  # it had just ended by itself: the next one finds nothing to do
        return
    os.kill(alive[worker], signal.SIGKILL)
    while nursery.code(alive[worker]) is None:
        time.sleep(0.001)
    outcome.kills += 1
    alive[worker] = nursery.start(worker)


def _done(folder: Path, processes: int) -> int:
    return sum(len(lines(folder / f"{worker}.done")) for worker in range(processes))


def _look(session: Session, folder: Path, var: Path, outcome: Outcome) -> None:
    """Compare what was acknowledged with what is there, and prove the books."""
    rows = session.scalars(select(Invoice).order_by(Invoice.number_n)).all()
    outcome.expect(all(row.state == InvoiceState.issued for row in rows), "a draft is left")
    outcome.expect(len(rows) == outcome.documents, f"{len(rows)} documents are there")
    outcome.expect([row.number_n for row in rows] == list(range(1, len(rows) + 1)), "a number is missing or twice")
    outcome.expect([row.chain_position for row in rows] == list(range(1, len(rows) + 1)), "the chain has a gap")
    numbers = {row.id: row.number for row in rows}
    paid = {row.invoice_id: row.payment_id for row in session.scalars(select(Allocation))}
    told = [line.split() for worker in range(outcome.processes) for line in lines(folder / f"{worker}.done")]
    outcome.acknowledged = len(told)
    outcome.hidden = sum(result == "before" for _what, result in told)
    outcome.expect(len({what for what, _result in told}) == len(told) == 2 * outcome.documents, "not all was done once")
    for what, result in told:
        act, _dash, key = what.partition("-")
        found = numbers.get(int(key)) if act == "issue" else paid.get(int(key))
        outcome.expect(found is not None and result in {"before", str(found)}, f"{what} {result} was lost: {found}")
    for row in rows:
        outcome.expect(row.settlement == "paid", f"{row.number} is {row.settlement}")
    payments = session.scalars(select(Payment)).all()
    outcome.expect(len(payments) == outcome.documents, f"{len(payments)} payments are there")
    outcome.expect(all(each.allocated == each.amount for each in payments), "a payment is not allocated")
    ordered = sorted(session.scalars(select(Outbox.record_id).where(Outbox.topic == "invoice.render")).all())
    outcome.expect(ordered == sorted(numbers), "a file was not ordered exactly once")
    report = verify.verify(session, key=chain.key_in(var / "keys"), files=var / "files")
    outcome.expect(report.problems == [], f"the proof fails: {report.problems[:3]}")
    outcome.expect(report.documents == outcome.documents, f"{report.documents} documents are chained")
