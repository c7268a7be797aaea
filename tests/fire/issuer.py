"""A process that issues and settles invoices one after the other until it is killed; run as a program it makes them.

What was committed is acknowledged by a line in a file that is on the disk before the next act begins: whatever was
acknowledged may never be lost.
"""

import ctypes
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
_PR_SET_PDEATHSIG = 1
LINGER = (0, 0, 0, 0.08)  # seconds
_PATIENCE = 60  # seconds for a database that is away


class Issuer:
    """One worker's part of the drafts, and the file of what it has acknowledged."""

    def __init__(self, settings: Mapping[str, Any], folder: Path, worker: int) -> None:
        from app.tasks.celery import lean_app

        self.app: Flask = lean_app(settings)
        self.drafts = [int(line) for line in (folder / f"{worker}.drafts").read_text().split()]
        self.acknowledged = folder / f"{worker}.done"
        self.silent = folder / f"{worker}.silent"

    def work(self) -> None:
        """Issue and settle what is not acknowledged yet."""
        known = {line.split()[0] for line in lines(self.acknowledged)}
        for key in self.drafts:
            for act in (self.issue, self.pay):
                if f"{act.__name__}-{key}" not in known:
                    result = self.persist(act, key)
                    self.linger()
                    self.acknowledge(f"{act.__name__}-{key}", result)

    def linger(self) -> None:
        """Wait now and then between commit and acknowledgement, and let it be seen: a blow may fall just there."""
        seconds = random.choice(LINGER)
        if seconds:
            self.silent.touch()
            time.sleep(seconds)
        self.silent.unlink(missing_ok=True)

    def persist(self, act: Any, key: int) -> str:
        """Do an act; again and again while the database is away."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.app.app_context():
                    return str(act(key))
            except DBAPIError:
                if time.monotonic() > until:
                    raise
                with self.app.app_context():
                    self.dispose()
                time.sleep(0.1)

    def dispose(self) -> None:
        from app.db import db

        db.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        from app.db import unit_of_work
        from app.tasks.registry import fresh_session

        with fresh_session(what="fire") as session, unit_of_work(session):
            yield session

    def issue(self, key: int) -> str:
        """Issue a draft; one that was issued before a kill that hid it is found so."""
        from app.errors import DomainError
        from app.models.invoice import Invoice
        from app.services import invoice as invoices

        try:
            with self.session() as session:
                invoice = session.get(Invoice, key)
                invoices.issue(session, invoice, at=NOON)
                number = invoice.number
        except DomainError as refusal:
            if refusal.field != "state":
                raise
            return "before"
        return str(number)

    def pay(self, key: int) -> str:
        """Pay what is open of an invoice; nothing is when a kill hid that it was paid."""
        from app.errors import DomainError
        from app.models.invoice import Invoice
        from app.services import payment as payments
        from app.services.allocation import When

        try:
            with self.session() as session:
                payment = payments.pay(session, session.get(Invoice, key), when=When(at=NOON))
                paid = payment.id
        except DomainError as refusal:
            if refusal.field != "amount":
                raise
            return "before"
        return str(paid)

    def acknowledge(self, what: str, result: str) -> None:
        """Write a line that is on the disk when this returns."""
        file = os.open(self.acknowledged, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_SYNC, 0o600)
        try:
            os.write(file, f"{what} {result}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)


def lines(file: Path) -> list[str]:
    """Return the whole lines of a file; one that a kill cut off was never acknowledged."""
    text = file.read_text() if file.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def nursery(folder: Path) -> None:
    """Load the program once, then make a worker of a copy of this process for every "start" of a worker's number."""
    from app import load_settings
    from app.tasks import registry

    registry.load()
    settings = load_settings()
    for line in sys.stdin:
        command, _blank, argument = line.strip().partition(" ")
        if command == "start":
            pid = os.fork()
            if pid == 0:
                _become(settings, folder, int(argument))
            answer = str(pid)
        else:
            found, status = os.waitpid(int(argument), os.WNOHANG)
            answer = str(os.waitstatus_to_exitcode(status)) if found else ""
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _become(settings: Mapping[str, Any], folder: Path, worker: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    log = os.open(folder / f"{worker}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        Issuer(settings, folder, worker).work()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    nursery(Path(sys.argv[1]))
