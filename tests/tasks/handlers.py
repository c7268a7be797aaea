"""Handlers that misbehave on request, for the tests of the worker; run as a program it is a worker that knows them.

What a handler achieves is a number in the table of settings, raised in the fenced transaction: 1 is exactly once.
"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from app.errors import DomainError
from app.models.setting import Setting
from app.tasks.registry import Work, handles

SHORT = timedelta(seconds=2)


def raise_effect(session, name):
    kept = session.get(Setting, name) or Setting(name=name, value=0)
    kept.value += 1
    session.add(kept)


def say_begun(work):
    path = Path(work.payload["begun"])
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").replace(path)


@handles("test.count", lease=SHORT)
def count(work: Work) -> None:
    with work.storing() as session:
        raise_effect(session, f"count {work.record_id}")


@handles("test.slow", lease=SHORT)
def slow(work: Work) -> None:
    """Say that the slow part has begun, then take the time that a kill needs; the second try is quick."""
    say_begun(work)
    time.sleep(60 if work.tries == 1 else 0)
    with work.storing() as session:
        raise_effect(session, f"slow {work.record_id}")


@handles("test.dies_storing", lease=SHORT)
def dies_storing(work: Work) -> None:
    """Reach the very last moment before the commit, and wait there at the first try."""
    with work.storing() as session:
        raise_effect(session, f"dies_storing {work.record_id}")
        session.flush()
        say_begun(work)
        time.sleep(60 if work.tries == 1 else 0)


@handles("test.raises", lease=SHORT)
def raises(work: Work) -> None:
    with work.storing() as session:
        raise_effect(session, f"raises {work.record_id}")
        raise ZeroDivisionError("no such luck")


@handles("test.refused", lease=SHORT)
def refused(work: Work) -> None:
    raise DomainError("this cannot be done")


@handles("test.hangs", lease=SHORT, limit=timedelta(seconds=1))
def hangs(work: Work) -> None:
    if work.tries == 1:
        time.sleep(60)


def nursery() -> None:
    """Load the program once, then make a worker of a copy of this process for every line that names a log file.

    Loading takes seconds, and a test of a crash needs two workers. Nothing is open yet when the copy is made.
    """
    from app import load_settings
    from app.tasks import registry
    from app.tasks.celery import work

    registry.load()
    settings = load_settings()
    for line in sys.stdin:
        command, _blank, argument = line.strip().partition(" ")
        if command == "start":
            pid = os.fork()
            if pid == 0:
                log = os.open(argument, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(log, 1)
                os.dup2(log, 2)
                os._exit(work(settings, sweep_every=0.3, warm=False))
            answer = str(pid)
        else:
            found, status = os.waitpid(int(argument), os.WNOHANG)
            answer = str(os.waitstatus_to_exitcode(status)) if found else ""
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":  # pragma: no cover
    nursery()
