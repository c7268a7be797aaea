"""The drill: its document says what was tried and what did not hold, and it tells stories on databases of its own."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks.drill import STORY_ACTS, suite
from benchmarks.drill_report import Drill, Fire, Posting, Stories, Suite, write


def drill(**changed) -> Drill:
    told = {"by_dice": 240, "by_hypothesis": 260, "done": 12_345, "refused": 6_789, "seconds": 61.4}
    fire = {"processes": 8, "documents": 2400, "kills": 20, "acknowledged": 4800, "hidden": 3, "seconds": 60.0}
    post = {"recipients": 10_000, "kills": 20, "seconds": 300.0, "problems": []}
    found = Drill(
        seed=7,
        stories=[Stories("sqlite", **told), Stories("postgresql", **told)],
        fires=[Fire("sqlite", crashes=0, problems=[], **fire), Fire("postgresql", crashes=2, problems=[], **fire)],
        postings=[
            Posting(database="sqlite", restarts=0, sent=9000, uncertain=400, refused=600, **post),
            Posting(database="postgresql", restarts=5, sent=9100, uncertain=300, refused=600, **post),
        ],
        suites=[Suite("planted bugs", passed=38, seconds=30)],
    )
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def test_the_document_says_what_was_tried():
    found = drill()
    text = write(found, on=date(2026, 4, 1), commit="abc123")
    assert found.holds
    assert "## 2026-04-01" in text
    assert "Commit abc123. Seed 7." in text
    assert "| acts that were done | 12,345 | 12,345 |" in text
    assert "| crashes of the database server | 0 | 2 |" in text
    assert "| acts per second | 80 | 80 |" in text
    assert "|  | SQLite | PostgreSQL and Redis |" in text
    assert "| uncertain | 400 | 300 |" in text
    assert "| planted bugs | 38 | 0 | 30 |" in text
    assert text.endswith("Everything held.\n")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"suites": [Suite("planted bugs", passed=37, failed=1)]}, "- planted bugs: 1 failed, 37 passed"),
        ({"suites": [Suite("planted bugs")]}, "- planted bugs: 0 failed, 0 passed"),
        (
            {"stories": [Stories("sqlite", by_dice=20, broken=["seed 3: a number is twice"])]},
            "- SQLite, stories: seed 3: a number is twice",
        ),
        (
            {"fires": [Fire("postgresql", 8, 8, 1, 2, 9, 0, 1.0, ["issue-4 was lost"])]},
            "- PostgreSQL, killed processes: issue-4 was lost",
        ),
        (
            {
                "postings": [
                    Posting(database="sqlite", recipients=9, kills=1, restarts=0, seconds=1.0, problems=["E lost=1"])
                ]
            },
            "- SQLite, mailings: E lost=1",
        ),
    ],
)
def test_what_did_not_hold_is_named(changed, line):
    found = drill(**changed)
    assert not found.holds
    assert write(found, on=date(2026, 4, 1), commit="abc123").endswith(f"{line}\n")


def test_a_drill_that_tried_nothing_does_not_hold():
    assert not drill(stories=[Stories("sqlite")]).holds


def test_tests_are_counted_on_both_databases(tmp_path: Path):
    tests = tmp_path / "test_two.py"
    tests.write_text("def test_one():\n    pass\n\n\ndef test_other():\n    assert False\n")
    settings = ({}, {"CRM_TEST_DATABASE_URL": "postgresql://nowhere"})
    found = suite("two", [str(tests), "--rootdir", str(tmp_path), "-c", "/dev/null"], settings)
    assert (found.what, found.passed, found.failed) == ("two", 2, 2)


def test_stories_are_told_on_a_database_of_their_own(tmp_path: Path, root: Path):
    told = {"url": f"sqlite:///{tmp_path}/stories.db", "var": str(tmp_path), "seed": 1, "most": 10, "seconds": 60}
    command = [sys.executable, "-m", "benchmarks.drill", "--child", "stories", json.dumps(told)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=200, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["by_dice"], found["by_hypothesis"], found["broken"]) == (10, 0, [])
    assert found["done"] + found["refused"] > 10 * STORY_ACTS * 0.8  # waiting is an act too, and not counted
