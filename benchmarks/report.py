"""docs/performance.md: dated tables with floors and targets beside the figures, and what is not reached and why."""

import os
import platform
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.figures import Page, Run
from benchmarks.limits import (
    ACTS,
    COST,
    COSTS,
    FIRST,
    GESTURES,
    IMPORT,
    KILOBYTES,
    MEMORY,
    PAGES,
    PAINT,
    READERS,
    RUN,
    SCREENS,
    SERVER,
    START,
    STATEMENTS,
    WHY,
    Limit,
)

KILO = 1000
LISTS = ("list", "list_own", "deep")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_INTRODUCTION = """# Performance

How quick the product is, measured by `make bench` and written by it; nobody edits this file.

Server times are medians of {repeat} requests by one client in one process, warm, with the database on the same
machine. *× bare* says how many times longer a page takes than a bare one in the same run: Flask, one SELECT of the
same rows and columns, one template. *CPU ms* is the web process's own processor time: where it is far below the wall
clock, the database works or the machine was busy. Both are asked in turn, so a busy moment hits both: on another
machine the milliseconds differ, the ratio hardly does. *floor* is what must be reached, *target* what we want.
"""


_SCREENS = """
### Screens in Chromium

One worker, one reader, no throttling; medians. *server* is the time to the first byte, *paint* the first contentful
paint with the files of a screen kept by the browser, *first visit* the same with none; *KB* is all that a first visit
transfers; *shift* is the layout shift that a reader would see.
"""
_COSTS = """
### What the row rule costs

A tree of 50 teams with 300 people who own everything. All readers have the same rights; *all* is one whose rows are not
cut, the others see fewer rows of the same lists, and the cards of the same records. × is their time by his, asked in
turn.
"""
_GESTURES = """
What a key or a click causes until the next paint (browsers tell nothing of less than 16 ms), and until the server's
answer is shown:
"""


def write(runs: list[Run], *, on: date) -> str:
    """Return the text of the document."""
    parts = [
        _INTRODUCTION.format(repeat=runs[0].repeat),
        f"## {on.isoformat()}, {runs[0].rows:,} parties and {runs[0].invoices:,} invoices, commit {_commits(runs)}\n",
        _machine(runs),
        "### Pages and calls\n",
        *_table(_pages(runs)),
        "\nThe slowest of 20 requests (95th percentile) and what is sent, styles and scripts compressed:\n",
        *_table(_sizes(runs)),
        *_costs_part(runs),
        *_screens_part(runs),
        "\n### Acts\n",
        *_table(_acts(runs)),
        "\n### Processes\n",
        *_table(_processes(runs)),
        "\n### Not reached\n",
        *_unreached(runs),
    ]
    return "\n".join(parts) + "\n"


def _machine(runs: list[Run]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    databases = ", ".join(f"{NAMES[run.database]} {run.version}" for run in runs)
    cores = len(os.sched_getaffinity(0))
    return (
        f"Machine: {cores} cores, {memory:.0f} GB of memory, {platform.system()} on {platform.machine()}; "
        f"Python {platform.python_version()}; {databases}. Load average before each part of the run (1 is one core "
        f"busy with something else): {_each(runs, 'load', 1)}. Seconds of a plain loop of 3,000,000 additions there "
        f"(0.2 where this machine is left alone; floors and targets are for that): {_each(runs, 'pace', 2)}.\n"
    )


def _commits(runs: list[Run]) -> str:
    return " and ".join(dict.fromkeys(run.commit for run in runs))


def _each(runs: list[Run], name: str, digits: int) -> str:
    return "; ".join(
        f"{NAMES[run.database]} {', '.join(f'{each:.{digits}f}' for each in getattr(run, name))}" for run in runs
    )


def _table(rows: Iterator[list[str]]) -> Iterator[str]:
    head = next(rows)
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _pages(runs: list[Run]) -> Iterator[list[str]]:
    yield [
        "page or call",
        *[f"{NAMES[run.database]} {of}" for run in runs for of in ("ms", "CPU ms", "× bare", "SQL")],
        *_LIMITS,
    ]
    for key, limit in PAGES.items():
        found = [run.page(key) for run in runs]
        if any(found):
            yield [limit.what, *[cell for page in found for cell in _figures(page)], *_limits(limit)]


_LIMITS = ["floor", "target"]


def _figures(page: Page | None) -> list[str]:
    if page is None:
        return ["", "", "", ""]
    return [f"{page.ms:.1f}", f"{page.cpu_ms:.1f}", f"{page.ratio:.1f}", str(page.statements)]


def _limits(limit: Limit) -> list[str]:
    return [f"{value:g}" if value is not None else "" for value in (limit.floor, limit.target)]


def _sizes(runs: list[Run]) -> Iterator[list[str]]:
    yield ["page or call", *[f"{NAMES[run.database]} p95 ms" for run in runs], "KB", "KB with static files", *_LIMITS]
    for key, limit in PAGES.items():
        found = [page for run in runs if (page := run.page(key))]
        if found:
            size = max(page.bytes for page in found)
            whole = max(page.bytes + page.static_bytes for page in found)
            slow = [f"{page.slow_ms:.1f}" for page in found]
            yield [limit.what, *slow, f"{size / KILO:.1f}", f"{whole / KILO:.0f}", *_limits(KILOBYTES)]


def _costs_part(runs: list[Run]) -> Iterator[str]:
    """Return what the row rule costs, nothing where it was not measured."""
    if any(run.costs for run in runs):
        yield _COSTS
        yield from _table(_costs(runs))


def _costs(runs: list[Run]) -> Iterator[list[str]]:
    of = ["all, ms", *[f"× {who}" for who in READERS.values()], "SQL"]
    yield ["page", *[f"{NAMES[run.database]} {what}" for run in runs for what in of], "floor"]
    for key, what in COSTS.items():
        yield [what, *[cell for run in runs for cell in _cost(run, key)], f"{COST.floor:g}"]


def _cost(run: Run, key: str) -> Iterator[str]:
    bare = run.cost(key, "everything")
    found = [run.cost(key, reader) for reader in READERS]
    yield "" if bare is None else f"{bare.ms:.1f}"
    yield from ["" if one is None or bare is None else f"{one.ms / bare.ms:.2f}" for one in found]
    yield str(max((one.statements for one in found if one), default=""))


def _screens_part(runs: list[Run]) -> Iterator[str]:
    """Return what was measured in Chromium, nothing where there is none."""
    if not any(run.screens for run in runs):
        return
    yield _SCREENS
    yield from _table(_screens(runs))
    yield _GESTURES
    yield from _table(_gestures(runs))


def _screens(runs: list[Run]) -> Iterator[list[str]]:
    of = ("server ms", "paint ms", "first visit ms")
    yield ["screen", *[f"{NAMES[run.database]} {what}" for run in runs for what in of], "KB", "shift"]
    for key, what in SCREENS.items():
        found = [one for run in runs for one in run.screens if one.key == key]
        if found:
            figures = [f"{value:.0f}" for one in found for value in (one.server_ms, one.paint_ms, one.first_ms)]
            size, shift = max(one.bytes for one in found), max(one.shift for one in found)
            yield [what, *figures, f"{size / KILO:.0f}", f"{shift:g}"]
    limits = [f"{limit.floor:g}" if limit.floor else "" for limit in (SERVER, PAINT, FIRST)]
    yield ["floor", *limits * len(runs), f"{KILOBYTES.floor:g}", ""]


def _gestures(runs: list[Run]) -> Iterator[list[str]]:
    yield ["what", *[f"{NAMES[run.database]} {of}" for run in runs for of in ("ms", "slowest ms")], *_LIMITS]
    for key, limit in GESTURES.items():
        found = [act for run in runs for act in run.gestures if act.key == key]
        if found:
            told = [f"{value:.0f}" if value else "< 16" for act in found for value in (act.ms, act.slow_ms)]
            yield [limit.what, *told, *_limits(limit)]


def _acts(runs: list[Run]) -> Iterator[list[str]]:
    yield ["act", *[f"{NAMES[run.database]} {of}" for run in runs for of in ("ms", "CPU ms", "p95 ms")], *_LIMITS]
    for key, limit in ACTS.items():
        found = [act for run in runs for act in run.acts if act.key == key]
        yield [
            limit.what,
            *[f"{value:.1f}" for act in found for value in (act.ms, act.cpu_ms, act.slow_ms)],
            *_limits(limit),
        ]


def _processes(runs: list[Run]) -> Iterator[list[str]]:
    yield ["what", *[NAMES[run.database] for run in runs], *_LIMITS]
    yield ["building the application (`create_app`), s", *[f"{run.app_start_s:.2f}" for run in runs], *_limits(START)]
    servers = [run.server for run in runs if run.server]
    if servers:
        yield ["start of the web server until it answers, s", *[f"{one.start_s:.2f}" for one in servers], "", ""]
        yield ["its worker's memory, warm, MB", *[f"{one.warm_mb:.0f}" for one in servers], *_limits(MEMORY)]
        count = servers[0].requests
        yield [f"… after {count} more requests, MB", *[f"{one.after_mb:.0f}" for one in servers], *_limits(MEMORY)]
        yield ["median request over HTTP, ms", *[f"{one.request_ms:.1f}" for one in servers], "", ""]
        yield [RUN.what + ", s", *[f"{run.run_start_s:.1f}" for run in runs], *_limits(RUN)]
    imports = [run.imported for run in runs if run.imported]
    if imports:
        rows = f"{imports[0].rows:,}"
        yield [f"import of {rows} parties, s", *[f"{one.wall_s:.1f}" for one in imports], *_limits(IMPORT)]
        yield ["… of which its own processor time, s", *[f"{one.cpu_s:.1f}" for one in imports], "", ""]
        yield ["… memory at its peak, MB", *[f"{one.peak_mb:.0f}" for one in imports], "", ""]
    of_demo = f"demo of {runs[0].rows:,} parties and {runs[0].invoices:,} invoices"
    yield [f"{of_demo}, s", *[f"{run.build_s:.0f}" for run in runs], "", ""]
    yield ["… memory at its peak, MB", *[f"{run.build_mb:.0f}" for run in runs], "", ""]


def _unreached(runs: list[Run]) -> Iterator[str]:
    lines = [line for run in runs for line in _behind(run)]
    if lines and any(load > len(os.sched_getaffinity(0)) for run in runs for load in run.load):
        yield "The machine was busy with other work during the run (see the load); that alone makes figures miss.\n"
    yield from lines or ["Every floor and every target is reached."]


def _behind(run: Run) -> Iterator[str]:
    name = NAMES[run.database]
    for page in run.pages:
        limit = PAGES[page.key]
        yield from _line(name, limit.what, page.ms, limit, "ms", why=WHY.get(page.key, ""))
        if page.key in LISTS:
            yield from _line(name, f"{limit.what}: SQL statements", page.statements, STATEMENTS, "")
        yield from _line(name, f"{limit.what}: size", page.bytes / KILO, KILOBYTES, "KB", why=WHY.get("size", ""))
    yield from _dear(run)
    for one in run.screens:
        what = f"in Chromium, {SCREENS[one.key]}"
        for limit, value in ((SERVER, one.server_ms), (PAINT, one.paint_ms), (FIRST, one.first_ms)):
            yield from _line(name, f"{what}: {limit.what}", value, limit, "ms")
        yield from _line(name, f"{what}: size of a first visit", one.bytes / KILO, KILOBYTES, "KB")
    for act in run.gestures:
        yield from _line(name, GESTURES[act.key].what, act.ms, GESTURES[act.key], "ms")
    for act in run.acts:
        yield from _line(name, ACTS[act.key].what, act.ms, ACTS[act.key], "ms", why=WHY.get(act.key, ""))
    yield from _line(name, START.what, run.app_start_s, START, "s", why=WHY.get("start", ""))
    if run.server:
        yield from _line(name, RUN.what, run.run_start_s, RUN, "s", why=WHY.get("run", ""))
        yield from _line(name, MEMORY.what, run.server.after_mb, MEMORY, "MB", why=WHY.get("memory", ""))
    if run.imported:
        yield from _line(name, IMPORT.what, run.imported.wall_s, IMPORT, "s", why=WHY.get("import", ""))


def _dear(run: Run) -> Iterator[str]:
    """Say where the row rule costs more than it may."""
    for cost in run.costs:
        bare = run.cost(cost.key, "everything")
        if bare is not None and cost.reader in READERS:
            what = f"{COST.what}, {COSTS[cost.key]}, {READERS[cost.reader]}"
            yield from _line(NAMES[run.database], what, cost.ms / bare.ms, COST, "times")


def _line(name: str, what: str, value: float, limit: Limit, unit: str, *, why: str = "") -> Iterator[str]:
    """Say that a figure stays behind its floor or, less bad, its target."""
    for word, bound in (("floor", limit.floor), ("target", limit.target)):
        if bound is not None and round(value, 1) > bound:
            text = f"- {name}, {what}: {value:.3g} {unit}".rstrip() + f", {word} {bound:g}"
            yield f"{text}: {why}." if why else f"{text}."
            return


def save(text: str, to: Path) -> None:
    """Write the document."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text, encoding="utf-8")
