"""A database of its own for the worker: what a job commits is really committed, and a worker is a real process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from app import outbox
from app.db import db, unit_of_work
from app.models.setting import Setting
from app.outbox import Errand, Outbox
from app.services import access
from app.tasks.registry import fresh_session

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> dict[str, str]:
    """The environment of an installation with tables and nothing in them."""
    from app import migrating

    var = tmp_path_factory.mktemp("background")
    server = os.environ.get("CRM_TEST_DATABASE_URL")
    url = f"sqlite:///{var}/crm.db"
    if server:
        from tests.servers import create_database

        url = create_database(server, f"crm_tasks_{worker_name}")
    migrating.upgrade(url)
    return {"CRM_VAR": str(var), "CRM_DATABASE_URL": url, "CRM_DEMO": "0"}


@pytest.fixture(scope="session")
def background(place: dict[str, str]) -> Iterator[Flask]:
    """The worker's application on that database."""
    import config
    from app.tasks import registry
    from app.tasks.celery import lean_app
    from tests.tasks import handlers  # noqa: F401 -- registers them

    registry.load()
    made = lean_app(config.load(place) | {"TESTING": True})
    yield made
    with made.app_context():
        db.engine.dispose()


class Nursery:
    """A process that has loaded the program and becomes a worker as often as one is wanted."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.tasks.handlers"],
            env=os.environ | env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate(timeout=10)


class Worker:
    """One real worker process."""

    def __init__(self, nursery: Nursery, log: Path) -> None:
        self._nursery = nursery
        self._code: int | None = None
        self.log = log
        self.pid = int(nursery.ask(f"start {log}"))

    def poll(self) -> int | None:
        if self._code is None:
            answer = self._nursery.ask(f"poll {self.pid}")
            self._code = int(answer) if answer else None
        return self._code

    def send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 15) -> int | None:
        until = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        return self.poll()


@pytest.fixture(scope="session")
def nursery(place: dict[str, str]) -> Iterator[Nursery]:
    made = Nursery(place)
    yield made
    made.close()


class World:
    """What the tests do with the outbox: commit work into it and look what became of it."""

    def __init__(self, app: Flask, env: dict[str, str], nursery: Callable[[], Nursery], logs: Path) -> None:
        self.app = app
        self.env = env
        self._nursery = nursery
        self._logs = logs

    def enqueue(self, topic: str, record_id: int = 1, **about: Any) -> int:
        with self.app.app_context():
            access.act_as(db.session(), access.SYSTEM)
            with unit_of_work(db.session()) as session:
                return outbox.enqueue(session, topic, record_id, **about).id

    def change(self, row_id: int, **values: Any) -> None:
        with self.app.app_context(), unit_of_work(db.session()) as session:
            row = session.get(Outbox, row_id)
            for name, value in values.items():
                setattr(row, name, value)

    def row(self, row_id: int) -> Outbox:
        with self.app.app_context(), fresh_session(what="test") as session:
            row = session.get(Outbox, row_id)
            session.expunge(row)
            return row

    def effect(self, name: str) -> int | None:
        with self.app.app_context(), fresh_session(what="test") as session:
            kept = session.get(Setting, name)
            return kept.value if kept else None

    def wait(self, what: Callable[[], bool], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.05)

    def wait_done(self, row_id: int) -> None:
        self.wait(lambda: self.row(row_id).state is Errand.done)

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Run a real worker that goes its round three times a second."""
        self._logs.mkdir(exist_ok=True)
        worker = Worker(self._nursery(), self._logs / f"{len(list(self._logs.iterdir()))}.log")
        try:
            yield worker
        finally:
            worker.send(signal.SIGTERM)
            if worker.wait() is None:
                worker.send(signal.SIGKILL)
                worker.wait()


@pytest.fixture
def world(background: Flask, place: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty outbox, and nobody at the doorbell."""
    before = outbox._doorbell
    outbox.ring_with(None)
    yield World(background, place, lambda: request.getfixturevalue("nursery"), tmp_path / "logs")
    outbox.ring_with(before)
    with background.app_context(), unit_of_work(db.session()) as session:
        session.execute(delete(Outbox))
        session.execute(delete(Setting))
    with background.app_context():
        db.session.remove()
