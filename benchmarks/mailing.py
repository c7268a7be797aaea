"""How many letters of mailings leave in a second, and whether the worker's memory stays flat meanwhile.

    python -m benchmarks.mailing                                            SQLite, one embedded worker
    python -m tests.servers postgres redis -- python -m benchmarks.mailing  PostgreSQL, Redis, two workers

Aims: 60 a second embedded, 200 with Redis on two cores, where the mail server (a small one in Python, which shares the
cores) takes each letter and forgets it; memory the same after 100,000 as after the first thousand.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from app import migrating
from app.db import unit_of_work
from app.models.mailing import MailingRecipient, RecipientPhase
from app.tasks import registry
from app.tasks.celery import lean_app
from app.tasks.registry import fresh_session
from benchmarks.clock import pace
from benchmarks.stage import settings
from tests.fire.mailing import begin, workers
from tests.mail import Taken, mail_server
from tests.servers import create_database

FIRST = 1000  # letters, after which memory is looked at for the first time
PATIENCE = 3600.0  # seconds


class Counted(list[Taken]):
    """What the mail server has taken: how many letters, and none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def append(self, _letter: Taken) -> None:
        """Count a letter and forget it."""
        self.count += 1


@dataclass
class Rate:
    """What one run came to; units: letters, seconds, megabytes of all workers together."""

    letters: int
    seconds: float
    early_mb: float = 0.0
    late_mb: float = 0.0
    phases: dict[str, int] = field(default_factory=dict)


def memory(pids: list[int]) -> float:
    """Return the resident memory of processes in MB."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(env: dict[str, str], folder: Path, taken: Counted, *, mailings: int, each: int, processes: int) -> Rate:
    """Send mailings at once; the clock runs from the first letter to the last one."""
    import config

    registry.load()
    app = lean_app(config.load(env))
    with app.app_context(), fresh_session(what="benchmark") as session, unit_of_work(session):
        keys = [begin(session, name=f"Rate {number}", count=each) for number in range(mailings)]
    rate = Rate(letters=mailings * each, seconds=0.0)
    until = time.monotonic() + PATIENCE
    with workers(env, folder / "workers.log", count=processes) as living:
        while not taken.count:
            _in_time(until, folder)
            time.sleep(0.01)
        first, begun = taken.count, time.monotonic()
        while taken.count < rate.letters:
            _in_time(until, folder)
            time.sleep(0.02)
            if not rate.early_mb and taken.count >= min(FIRST, rate.letters // 2):
                rate.early_mb = memory(living())
        rate.seconds = (time.monotonic() - begun) * rate.letters / (rate.letters - first)
        rate.late_mb = memory(living())
    with app.app_context(), fresh_session(what="benchmark") as session:
        for phase in RecipientPhase:
            found = session.query(MailingRecipient).filter(MailingRecipient.mailing_id.in_(keys))
            rate.phases[phase.value] = found.filter(MailingRecipient.phase == phase).count()
    return rate


def _in_time(until: float, folder: Path) -> None:
    if time.monotonic() > until:
        raise TimeoutError((folder / "workers.log").read_text()[-2000:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mailing", description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--mailings", type=int, help="at once (1, with Redis 2)")
    asked = parser.parse_args()
    server, broker = os.environ.get("CRM_TEST_DATABASE_URL"), os.environ.get("CRM_TEST_REDIS_URL")
    mailings = asked.mailings or (2 if broker else 1)
    with tempfile.TemporaryDirectory(prefix="countinghouse-bench-") as place, mail_server() as post:
        folder = Path(place)
        url = create_database(server, f"crm_rate_{Random().randrange(10**6)}") if server else f"sqlite:///{folder}/a.db"
        migrating.upgrade(url)
        env = settings(url, folder) | {"CRM_SMTP_URL": post.url, "CRM_MAIL_FROM": "office@grachten.example"}
        env |= {"CRM_BROKER_URL": broker} if broker else {}
        post.taken = taken = Counted()
        each = asked.recipients // mailings
        before = pace()
        rate = measure(env, folder, taken, mailings=mailings, each=each, processes=2 if broker else 1)
    where = "PostgreSQL, Redis, two workers" if broker else "one worker"
    print(f"{where}: {rate.letters} letters of {mailings} mailings in {rate.seconds:.1f} s, pace {before:.2f}")
    print(f"{rate.letters / rate.seconds:.0f} a second; memory {rate.early_mb:.0f} MB → {rate.late_mb:.0f} MB")
    print({name: count for name, count in rate.phases.items() if count})


if __name__ == "__main__":
    main()
