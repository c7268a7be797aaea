"""docs/reliability.md: what the drill did, how often, and what did not hold."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from benchmarks.report import NAMES

_INTRODUCTION = """# Reliability

What was tried with the money of the product, by `make drill`, which writes this file; nobody edits it. A smaller
version of every part runs with `make test`.
"""
_STORIES = """### Stories of a clerk who does anything

Each story does some dozens of acts at random (issue, pay, allocate, undo, write off, credit, refund, cancel, close a
period, send a request twice, …) for two companies, two counterparties and two currencies, on days of the past too.
Before each act a plain model works out from the rows what must come of it. After each act: the numbers are 1, 2, 3 …
in the order of their days; no issued document has changed; on every day each document and payment is allocated
between nothing and all; balances are the sums of open items; closed periods show what they showed; no credit note
takes back more than its invoice; each file was ordered once. At the end the chain verifies and the recorded history
leads to what stands in the tables.
"""
_FIRE = """### Processes that are killed

Eight processes issue and pay invoices of one series at once. They are killed without warning, at random, and
restarted, every other one between a commit and its acknowledgement; PostgreSQL itself crashes too. An act is
acknowledged, on the disk, after its commit. *Hidden* acts were committed, but their process or connection was gone
before it could say so: they are found done, not done twice.
"""
_POSTINGS = """### Mailings under fire

A mail server that answers one letter in twelve with 4xx or 5xx, hangs up before or after the text, or says nothing
takes a mailing, while the workers are killed without warning at random moments; over Redis two workers send four
mailings at once, and the broker is killed and comes back empty. *Uncertain* are letters of which nobody can know
whether the server has taken them: they are shown, and not written again unless a person says so. *Lost* are
recipients whose row did not come to its end, *untold* letters of which the rows say something else than the mail
server.
"""
_SUITES = """### Tests that are drills

Run on both databases, where nothing else is said.
"""


@dataclass
class Stories:
    """Stories on one database."""

    database: str
    by_dice: int = 0
    by_hypothesis: int = 0
    done: int = 0
    refused: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


@dataclass
class Fire:
    """Killed processes on one database; see tests.fire.fire.Outcome."""

    database: str
    processes: int
    documents: int
    kills: int
    crashes: int
    acknowledged: int
    hidden: int
    seconds: float
    problems: list[str]


@dataclass(kw_only=True)
class Posting:
    """Mailings that were sent under fire on one database; see tests.fire.mailing.Found."""

    database: str
    recipients: int
    kills: int
    restarts: int
    seconds: float
    problems: list[str]
    sent: int = 0
    refused: int = 0
    uncertain: int = 0
    lost: int = 0
    twice: int = 0
    untold: int = 0


@dataclass
class Suite:
    """Tests on both databases."""

    what: str
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass
class Drill:
    """One run of the drill."""

    seed: int
    stories: list[Stories] = field(default_factory=list)
    fires: list[Fire] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)
    suites: list[Suite] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Say whether everything held, and something was tried at all."""
        return not list(_broken(self)) and all(each.by_dice or each.by_hypothesis for each in self.stories)


def write(drill: Drill, *, on: date, commit: str) -> str:
    """Return the text of the document."""
    parts = [
        _INTRODUCTION,
        f"## {on.isoformat()}\n",
        f"Commit {commit}. Seed {drill.seed}. {_machine()}\n",
        _STORIES,
        *_table(_stories(drill)),
        "",
        _FIRE,
        *_table(_fires(drill)),
        "",
        _POSTINGS,
        *_table(_postings(drill)),
        "",
        _SUITES,
        *_table(_suites(drill)),
        "",
        "### What did not hold\n",
        *(list(_broken(drill)) or ["Everything held."]),
    ]
    return "\n".join(parts) + "\n"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}."


def _table(rows: Iterator[list[str]]) -> Iterator[str]:
    head = next(rows)
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _stories(drill: Drill) -> Iterator[list[str]]:
    yield ["", *[NAMES[each.database] for each in drill.stories]]
    yield ["stories by dice", *[str(each.by_dice) for each in drill.stories]]
    yield ["stories by Hypothesis", *[str(each.by_hypothesis) for each in drill.stories]]
    yield ["acts that were done", *[f"{each.done:,}" for each in drill.stories]]
    yield ["acts that were refused, leaving no trace", *[f"{each.refused:,}" for each in drill.stories]]
    yield ["broken rules", *[str(len(each.broken)) for each in drill.stories]]
    yield ["seconds", *[f"{each.seconds:.0f}" for each in drill.stories]]


def _fires(drill: Drill) -> Iterator[list[str]]:
    yield ["", *[NAMES[each.database] for each in drill.fires]]
    yield ["processes", *[str(each.processes) for each in drill.fires]]
    yield ["documents, each issued and paid", *[f"{each.documents:,}" for each in drill.fires]]
    yield ["kills of a process", *[str(each.kills) for each in drill.fires]]
    yield ["crashes of the database server", *[str(each.crashes) for each in drill.fires]]
    yield ["acknowledged acts", *[f"{each.acknowledged:,}" for each in drill.fires]]
    yield ["… of which hidden by a kill or crash", *[str(each.hidden) for each in drill.fires]]
    yield ["gaps, duplicates, losses", *[str(len(each.problems)) for each in drill.fires]]
    yield ["acts per second", *[f"{each.acknowledged / max(each.seconds, 0.1):.0f}" for each in drill.fires]]
    yield ["seconds", *[f"{each.seconds:.0f}" for each in drill.fires]]


def _postings(drill: Drill) -> Iterator[list[str]]:
    yield ["", *[NAMES[each.database] + (" and Redis" if each.restarts else "") for each in drill.postings]]
    yield ["recipients", *[f"{each.recipients:,}" for each in drill.postings]]
    yield ["kills of the workers", *[str(each.kills) for each in drill.postings]]
    yield ["kills of the broker", *[str(each.restarts) for each in drill.postings]]
    for name in ("sent", "refused", "uncertain", "lost", "twice", "untold"):
        yield [name, *[f"{getattr(each, name):,}" for each in drill.postings]]
    yield ["seconds", *[f"{each.seconds:.0f}" for each in drill.postings]]


def _suites(drill: Drill) -> Iterator[list[str]]:
    yield ["tests", "passed", "failed", "seconds"]
    for each in drill.suites:
        yield [each.what, str(each.passed), str(each.failed), f"{each.seconds:.0f}"]


def _broken(drill: Drill) -> Iterator[str]:
    for story in drill.stories:
        yield from (f"- {NAMES[story.database]}, stories: {text}" for text in story.broken)
    for fire in drill.fires:
        yield from (f"- {NAMES[fire.database]}, killed processes: {text}" for text in fire.problems)
    for posting in drill.postings:
        yield from (f"- {NAMES[posting.database]}, mailings: {text}" for text in posting.problems)
    for suite in drill.suites:
        if suite.failed or not suite.passed:
            yield f"- {suite.what}: {suite.failed} failed, {suite.passed} passed"
