"""Measuring time fairly on a machine that does other things too: medians, and both sides in turn."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

SLOW = 0.95
_ROOM = 0.5  # of the machine may be busy with other things
_LOOK_S = 5.0
_ADDITIONS = 3_000_000


@dataclass
class Times:
    """What one act took, time after time.

    Units: milliseconds of wall clock, and of this process's own processor.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median by the wall clock."""
        return statistics.median(self.wall)

    @property
    def slow(self) -> float:
        """Return the 95th percentile by the wall clock."""
        return sorted(self.wall)[int(SLOW * (len(self.wall) - 1))]

    @property
    def work(self) -> float:
        """Return the median of processor time: nearly the same on a busy machine and on an idle one."""
        return statistics.median(self.cpu)


def in_turn(acts: list[Callable[[], Any]], *, repeat: int, warm: int) -> list[Times]:
    """Run acts in turn, so that a busy moment hits all alike, and return the times of each."""
    for _ in range(warm):
        for act in acts:
            act()
    gc.collect()
    taken = [Times() for _ in acts]
    for _ in range(repeat):
        for act, times in zip(acts, taken, strict=True):
            begun, used = time.perf_counter(), time.process_time()
            act()
            times.cpu.append((time.process_time() - used) * 1000)
            times.wall.append((time.perf_counter() - begun) * 1000)
    return taken


def calm(*, most_s: float) -> float:
    """Wait for a calm moment, but not for ever; return the load average then."""
    until = time.monotonic() + most_s
    while (load := os.getloadavg()[0]) > _ROOM * len(os.sched_getaffinity(0)) and time.monotonic() < until:
        time.sleep(min(_LOOK_S, max(until - time.monotonic(), 0)))
    return load


def pace() -> float:
    """Return how long a fixed piece of plain Python takes now, in seconds: how quick the machine itself is."""
    begun, total = time.process_time(), 0
    for each in range(_ADDITIONS):
        total += each
    return time.process_time() - begun


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Collect the SQL statements that run meanwhile, those that only begin or end a transaction left out."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
