"""Celery, our runner: it brings a row's id to a thread that does the row.

One process with a pool of threads, on purpose: what is slow or dangerous (PDF, parsing of spreadsheets) happens in
child processes of its own anyway, so a pool of processes would only multiply the memory (a Python with all tables is
90 MB) and fork beside open database connections. What Celery's threads cannot do, time limits and recycling, the
sweeper does: a hung or overgrown worker ends itself, the supervisor starts it anew, and the lease of what it was doing
runs out. No results are kept, and no due times: both are in the database.
"""

import logging
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery import Celery, bootsteps
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from flask import Flask
from flask_babel import Babel
from kombu import Queue

from app.documents import engine as documents
from app.tasks import dispatch, folder, registry, running
from app.tasks.sweeper import Sweeper

CONCURRENCY = 2
POLL_SECONDS = 0.2


def make(settings: Mapping[str, Any]) -> Celery:
    """Return the Celery application for an installation's broker."""
    url = str(settings["CRM_BROKER_URL"])
    made = Celery("countinghouse", set_as_current=False)
    made.conf.update(
        broker_url=url,
        broker_transport_options=_transport_options(url),
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_pool_limit=2,
        task_queues=[Queue(name) for name in dispatch.QUEUES],
        task_default_queue=dispatch.QUEUES[0],
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
    )
    if url.startswith("filesystem://"):
        folder.install()
        made.conf.broker_url = "filesystem://localhost"  # the path goes by the options
    return made


def _transport_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "filesystem":
        place = Path(parts.netloc + parts.path)
        return {"folder": str(place), "control_folder": str(place), "polling_interval": POLL_SECONDS}
    if parts.scheme.startswith("redis"):
        return {"socket_connect_timeout": 2, "socket_keepalive": True}
    return {}


def lean_app(settings: Mapping[str, Any]) -> Flask:
    """Return an application without screens: database, row rule, history, languages."""
    from app import models  # noqa: F401 -- registers every table
    from app.db import db, prepare_engine
    from app.exchange import smtp
    from app.services import access, chain, find, history, letter_office, notification, password, sealing

    app = Flask("app")
    app.config.from_mapping(settings)
    db.init_app(app)
    Babel(app)
    chain.use_key(lambda: chain.key_in(app.config["CRM_VAR"] / "keys"))
    sealing.use_key(lambda: str(app.config["SECRET_KEY"]))
    letter_office.use(lambda: smtp.office(app.config))
    password.use(lambda: password.policy_of(app.config))
    access.install()
    history.install()
    notification.install()
    find.install()
    with app.app_context():
        prepare_engine(db.engine)
    return app


def worker(
    settings: Mapping[str, Any],
    *,
    concurrency: int = CONCURRENCY,
    queues: Sequence[str] = dispatch.QUEUES,
    sweep_every: float = 5.0,
    warm: bool = True,
) -> Any:  # noqa: ANN401 -- Celery has no types
    """Return a worker, ready to be started, with its sweeper; `warm` starts the maker of PDFs before it is needed."""
    registry.load()
    app = lean_app(settings)
    celery_app = make(settings)

    def ring(row_id: int, topic: str) -> None:
        dispatch.send(celery_app, row_id, topic)

    @celery_app.task(name=dispatch.TASK)
    def run(row_id: int) -> None:
        with app.app_context():
            running.run_row(row_id, settings=settings)

    class SweeperStep(bootsteps.StartStopStep):
        """Starts the sweeper with the worker and stops it with it."""

        def __init__(self, parent: Any, **options: Any) -> None:  # noqa: ANN401
            super().__init__(parent, **options)
            self.sweeper = Sweeper(app, ring, every=sweep_every)

        def start(self, _parent: Any) -> None:  # noqa: ANN401
            self.sweeper.start()
            if warm and "pdf" in queues:
                threading.Thread(target=_warm, name="warm", daemon=True).start()

        def stop(self, _parent: Any) -> None:  # noqa: ANN401
            self.sweeper.stop()

    celery_app.steps["worker"].add(SweeperStep)
    dispatch.install(settings)
    return celery_app.Worker(
        pool="threads",
        concurrency=concurrency,
        queues=list(queues),
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        hostname=f"worker-{os.getpid()}@countinghouse",
    )


def _warm() -> None:
    try:
        documents.warm()
    except documents.DocumentError as problem:
        logging.getLogger(__name__).warning("documents cannot be made: %s", problem.reason)


def work(settings: Mapping[str, Any], **options: Any) -> int:  # noqa: ANN401 -- those of worker()
    """Run a worker in the foreground until it is told to stop; return the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s worker %(levelname)s %(message)s")
    warnings.filterwarnings("ignore", category=SecurityWarning)  # about root and pickle: we take JSON only
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)  # a lost ring is no lost work here
    running_worker = worker(settings, **options)
    running_worker.start()
    return int(running_worker.exitcode or 0)
