"""Rings the worker after a commit: the message says which row of the outbox to look at, and nothing else.

A ring may be lost, repeated or late without harm: the row is the truth and the sweeper finds it. That is why ringing
never waits and never fails: requests leave their rings to a thread of their own, which also keeps Celery out of the
start of a web process.
"""

import logging
import os
import queue
import threading
from collections.abc import Mapping
from typing import Any

from app import outbox

QUEUES = ("urgent", "mail", "pdf", "import")
TASK = "outbox.run"
_MOST_WAITING = 1000
_log = logging.getLogger(__name__)


def queue_of(topic: str) -> str:
    """Return the queue of a topic: slow kinds of work do not hold up the quick ones."""
    noun, _dot, act = topic.partition(".")
    if act == "render":
        return "pdf"
    if noun.startswith("import"):
        return "import"
    return "mail" if noun in {"mail", "mailing"} or act in {"send", "mail"} else "urgent"


def send(celery_app: Any, row_id: int, topic: str) -> None:  # noqa: ANN401 -- Celery has no types
    """Put one ring into the broker, now. Raises whatever the broker's client raises."""
    celery_app.send_task(TASK, args=[row_id], queue=queue_of(topic), retry=False, ignore_result=True)


class Doorbell:
    """Sends rings from a thread, so that whoever commits does not wait for a broker."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._rings: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._owner = 0
        self._lock = threading.Lock()
        self._celery: Any = None

    def ring(self, row_id: int, topic: str) -> None:
        """Leave a ring to the thread; with too many waiting the sweeper will find the row."""
        if self._owner != os.getpid():  # the first ring, or the first after a fork, which takes no threads along
            with self._lock:
                self._start()
        if self._rings.qsize() < _MOST_WAITING:
            self._rings.put((row_id, topic))

    def _start(self) -> None:
        if self._owner == os.getpid():
            return
        self._rings, self._celery = queue.SimpleQueue(), None
        threading.Thread(target=self._serve, args=(self._rings,), name="doorbell", daemon=True).start()
        self._owner = os.getpid()

    def _serve(self, rings: "queue.SimpleQueue[tuple[int, str]]") -> None:
        while True:
            row_id, topic = rings.get()
            try:
                if self._celery is None:
                    from app.tasks.celery import make

                    self._celery = make(self._settings)
                send(self._celery, row_id, topic)
            except Exception as problem:  # noqa: BLE001 -- the outermost edge of this thread; the row is safe
                _log.warning("the worker could not be rung (%s); it will find the work by itself", problem)
                while not rings.empty():
                    rings.get()


def install(settings: Mapping[str, Any]) -> None:
    """Ring the worker of this installation after every commit that enqueued work."""
    outbox.ring_with(Doorbell(settings).ring)
