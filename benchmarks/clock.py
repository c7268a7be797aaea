"""Measuring time fairly on a machine that does other things too: medians, and both sides in turn."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

SLOW = 0.95


def in_turn(acts: list[Callable[[], Any]], *, repeat: int, warm: int) -> list[tuple[float, float]]:
    """Run acts in turn, so that a busy moment hits all alike; return (median, 95th percentile) of each.

    Units: milliseconds.
    """
    for _ in range(warm):
        for act in acts:
            act()
    gc.collect()
    taken: list[list[float]] = [[] for _ in acts]
    for _ in range(repeat):
        for act, times in zip(acts, taken, strict=True):
            begun = time.perf_counter()
            act()
            times.append((time.perf_counter() - begun) * 1000)
    return [(statistics.median(times), sorted(times)[int(SLOW * (len(times) - 1))]) for times in taken]


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
