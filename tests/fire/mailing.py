"""Mailings under fire: what is sent, what strikes workers and broker meanwhile, and what must hold after it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import unit_of_work
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.organisation import Organisation
from app.outbox import Outbox
from app.services import mail_template
from app.services import mailing as mailings
from app.supervisor import Patience, supervise
from app.tasks.registry import fresh_session
from tests.mail import Taken
from tests.servers import Server

ROOT = Path(__file__).resolve().parents[2]
MOODS = ("451 later", "550 never", "end 452 full", "hang up", "hang up at data", "hang up in text", "hang up at end")
SOON = Patience(first_wait=1, quick=0)  # who is killed on purpose is started again however often
CHUNK = 10_000
QUIET = 20.0  # seconds
Phase = RecipientPhase


class Moods:
    """What a mail server does next: mostly well, one time in twelve not."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> str:
        return self._random.choice(MOODS) if self._random.random() < 1 / 12 else ""

    def clear(self) -> None:
        """Keep the moods."""


def begin(session: Session, *, name: str, count: int) -> int:
    """Start a mailing that is checked, to so many addresses of five domains; return its key."""
    us = Organisation(name=name, country="NL", currency="EUR", email="office@grachten.example")
    template = MailTemplate(name=name, channel=MailingChannel.email)
    template.texts = [MailTemplateText(language="en", subject="Tulips")]
    template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|customer}")]
    session.add(us)
    mail_template.save(session, template)
    version = mail_template.latest(session, template)
    mailing = Mailing(name=name, kind=MailingKind.service, organisation=us, template=template)
    mailings.save(session, mailing)
    session.flush()
    mailing.state, mailing.version_id = MailingState.checked, version.id
    session.flush()
    for first in range(0, count, CHUNK):
        session.add_all(_recipient(mailing, number) for number in range(first, min(first + CHUNK, count)))
        session.flush()
        session.expunge_all()
    mailing = session.get_one(Mailing, mailing.id)
    mailings.start(session, mailing, at=clock.now())
    return mailing.id


def _recipient(mailing: Mailing, number: int) -> MailingRecipient:
    domain = f"d{number % 5}.example"
    return MailingRecipient(
        mailing_id=mailing.id,
        address=f"p{number}.{mailing.id}@{domain}",
        domain=domain,
        words={"name": f"Party {number}"},
        due_at=clock.now(),
    )


# --- blows ------------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What became of the recipients of some mailings, by rows and by what the mail server has taken."""

    recipients: int
    sent: int
    refused: int
    uncertain: int
    lost: int  # rows that did not end, or that are gone
    twice: int  # addresses that the server has taken more than once
    untold: int  # taken by the server, although their row says neither sent nor uncertain, or the other way round

    @property
    def holds(self) -> bool:
        """Say whether nobody was lost and nobody written to twice."""
        return (self.lost, self.twice, self.untold) == (0, 0, 0)


def judged(session: Session, keys: Sequence[int], taken: Sequence[Taken], *, count: int) -> Found:
    """Compare the rows of mailings with what arrived."""
    columns = select(MailingRecipient.address, MailingRecipient.phase).where(MailingRecipient.mailing_id.in_(keys))
    by_phase: dict[Phase, set[str]] = {phase: set() for phase in Phase}
    for address, phase in session.execute(columns):
        by_phase[phase].add(address)
    arrived = Counter(each.recipients[0] for each in taken)
    sent, uncertain = by_phase[Phase.sent], by_phase[Phase.uncertain]
    ended = len(sent) + len(uncertain) + len(by_phase[Phase.refused])
    return Found(
        recipients=count,
        sent=len(sent),
        refused=len(by_phase[Phase.refused]),
        uncertain=len(uncertain),
        lost=count - ended,
        twice=sum(1 for times in arrived.values() if times > 1),
        untold=len(sent - set(arrived)) + len(set(arrived) - sent - uncertain),
    )


def hurry(session: Session) -> None:
    """Let an hour pass for those who are gone: leases have run out, and what waits is due."""
    past = clock.now() - timedelta(seconds=1)
    for table in (MailingRecipient, Outbox):
        session.execute(update(table).where(table.lease_until.is_not(None)).values(lease_until=past))
        session.execute(update(table).where(table.due_at > past).values(due_at=past))


def fall_due(session: Session) -> None:
    """Let what was put off be due, without taking anything from a worker that lives."""
    past = clock.now() - timedelta(seconds=1)
    session.execute(update(MailingRecipient).where(MailingRecipient.phase == Phase.queued).values(due_at=past))
    session.execute(update(Outbox).where(Outbox.state == outbox.Errand.pending).values(due_at=past))


@contextmanager
def workers(env: dict[str, str], log: Path, *, count: int) -> Iterator[Callable[[], list[int]]]:
    """Run workers under the product's supervisor; give what lists the processes that live."""
    command = [sys.executable, "-W", "error", "-m", "tests.fire.mailing", str(count)]
    with log.open("ab") as told:
        process = subprocess.Popen(command, env=os.environ | env, cwd=ROOT, stdout=told, stderr=told)
        try:
            yield lambda: _children(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _children(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with_words = Path(f"/proc/{child}/cmdline")
        if with_words.exists() and b"\0worker\0" in with_words.read_bytes():
            found.append(int(child))
    return found


def burn(
    app: Flask,
    env: dict[str, str],
    taken: list[Taken],
    broker: Server,
    *,
    folder: Path,
    mailings_at_once: int,
    each: int,
    kills: int,
    restarts: int,
    dice: Random,
    seconds: float,
) -> Found:
    """Send mailings at once by two workers, kill both again and again and the broker too, and see what came of it."""
    count = mailings_at_once * each
    until = time.monotonic() + seconds
    blows = ["workers"] * kills + ["broker"] * restarts
    dice.shuffle(blows)
    with _writing(app) as session:
        keys = [begin(session, name=f"Fire {number}", count=each) for number in range(mailings_at_once)]
    with workers(env, folder / "workers.log", count=2) as living:
        for blow in blows:
            before = len(taken)
            step = dice.randint(1, max(count // (2 * len(blows)), 2))
            while len(taken) < before + step and not _are_done(app, keys):
                _in_time(until)
                time.sleep(0.02)
            if blow == "broker":
                broker.kill()
                time.sleep(dice.random())
                broker.start()
            else:
                _strike(app, living())
        quiet_since, before = time.monotonic(), len(taken)
        while not _are_done(app, keys):
            _in_time(until)
            time.sleep(0.5)
            if len(taken) != before:
                quiet_since, before = time.monotonic(), len(taken)
            with _writing(app) as session:
                fall_due(session)
            if time.monotonic() - quiet_since > QUIET:  # the lease of one who is gone: its hour passes
                _strike(app, living())
                quiet_since = time.monotonic()
    with app.app_context(), fresh_session(what="test") as session:
        return judged(session, keys, taken, count=count)


def _strike(app: Flask, pids: Sequence[int]) -> None:
    """Kill workers and let the hour pass after which others take their work over."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with _writing(app) as session:
        hurry(session)


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError("the mailings do not come to their end")


def _are_done(app: Flask, keys: Sequence[int]) -> bool:
    left = select(func.count(Mailing.id)).where(Mailing.id.in_(keys), Mailing.state != MailingState.done)
    with app.app_context(), fresh_session(what="test") as session:
        return session.scalar(left) == 0


@contextmanager
def _writing(app: Flask) -> Iterator[Session]:
    with app.app_context(), fresh_session(what="test") as session, unit_of_work(session):
        yield session


if __name__ == "__main__":  # pragma: no cover -- run by `workers`
    each_one = [sys.executable, "-m", "app.cli", "worker"]
    sys.exit(supervise({f"worker {number}": each_one for number in range(int(sys.argv[1]))}, patience=SOON))
