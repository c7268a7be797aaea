"""Run every test on SQLite, on PostgreSQL and in the browser, and say at the end how many passed where.

    python tools/test.py [sqlite] [postgres] [browser] [options of pytest]

The last line is "N passed, N failed, N skipped"; the exit code is 0 only when nothing failed. A missing part of the
machine skips its tests; with CI=true that is a failure.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers import CannotStart, missing, postgres, run  # noqa: E402

RESULTS = ROOT / "var" / "test"
WORKERS = "2"
STEAL = ["--dist", "worksteal"]  # the last long tests do not all fall to one of them
NO_TESTS = 5
INTERRUPTED = 130


@dataclass
class Row:
    """What one round of tests came to."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""
    left_out: bool = False


def environment() -> dict[str, str]:
    """Return our environment without settings that would lead the tests to somebody's installation."""
    kept = ("CRM_TEST_", "CRM_CHROMIUM")
    return {name: value for name, value in os.environ.items() if not name.startswith("CRM_") or name.startswith(kept)}


def count(report: Path) -> tuple[int, int, int]:
    """Return passed, failed and skipped as pytest reported them."""
    suites = ET.parse(report).getroot().iter("testsuite")
    totals = [0, 0, 0, 0]
    for suite in suites:
        for place, name in enumerate(("tests", "errors", "failures", "skipped")):
            totals[place] += int(suite.get(name, "0"))
    tests, errors, failures, skipped = totals
    return max(tests - errors - failures - skipped, 0), errors + failures, skipped


def pytest(name: str, env: dict[str, str], arguments: list[str]) -> Row:
    """Run one round and read its report."""
    print(f"\n--- {name}", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    report = RESULTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    code = run([sys.executable, "-m", "pytest", "-rfEsR", f"--junitxml={report}", *arguments], env)
    row = Row(name, seconds=time.monotonic() - began)
    if report.exists():
        row.passed, row.failed, row.skipped = count(report)
    if code == NO_TESTS:
        row.remark = "no tests"
    elif code and not row.failed:
        row.failed = 1
        row.remark = f"pytest ended with {code}"
    return row


def on_sqlite(arguments: list[str]) -> Row:
    """Run everything but the browser on SQLite."""
    env = environment()
    env.pop("CRM_TEST_DATABASE_URL", None)
    return pytest("sqlite", env, ["-n", WORKERS, *STEAL, "-m", "not browser and not postgres", *arguments])


def on_postgres(arguments: list[str]) -> Row:
    """Run what asks a database on PostgreSQL: the server named by CRM_TEST_DATABASE_URL, else a private one."""
    env = environment()
    options = ["-n", WORKERS, *STEAL, "-m", "not browser and not once", *arguments]
    if env.get("CRM_TEST_DATABASE_URL"):
        return pytest("postgres", env, options)
    if why := missing().get("postgres"):
        return Row("postgres", remark=why, left_out=True)
    try:
        with postgres() as server:
            return pytest("postgres", env | {"CRM_TEST_DATABASE_URL": server.url}, options)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return Row("postgres", failed=1, remark="the server did not start")


def in_browser(arguments: list[str]) -> Row:
    """Walk the journeys in Chromium, on SQLite; what fails is tried once more, and named as rerun at the end."""
    if why := missing().get("browser"):
        return Row("browser", remark=why, left_out=True)
    env = environment()
    env.pop("CRM_TEST_DATABASE_URL", None)
    again = ["--reruns", "1"]
    by_file = ["-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder"]
    return pytest("browser", env, [*by_file, *again, "-m", "browser", *arguments])


ROUNDS = {"sqlite": on_sqlite, "postgres": on_postgres, "browser": in_browser}


def show(rows: list[Row]) -> None:
    """Print the counts of each round and, as the last line, their sum."""
    print(f"\n{'':12}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>8}")
    for row in rows:
        took = f"{int(row.seconds // 60)}:{int(row.seconds % 60):02}"
        print(f"{row.name:12}{row.passed:8}{row.failed:8}{row.skipped:9}{took:>8}  {row.remark}".rstrip())
    passed, failed, skipped = (sum(getattr(row, name) for row in rows) for name in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)


def verdict(rows: list[Row], *, ci: bool) -> int:
    """Return the exit code; with `ci`, a round that was left out counts as failed.

    A run without a single passed test is no proof of anything and fails too.
    """
    for row in rows:
        if row.left_out and ci:
            row.failed = 1
            row.remark += " (CI=true: a failure)"
    return 1 if any(row.failed for row in rows) or not any(row.passed for row in rows) else 0


def main(arguments: list[str]) -> int:
    """Run the rounds, show what came of them and return the exit code."""
    names = [name for name in arguments if name in ROUNDS] or list(ROUNDS)
    options = [argument for argument in arguments if argument not in ROUNDS]
    os.chdir(ROOT)
    rows: list[Row] = []
    try:
        rows.extend(ROUNDS[name](options) for name in names)
    except KeyboardInterrupt:
        print("\ninterrupted")
        show(rows)
        return INTERRUPTED
    code = verdict(rows, ci=os.environ.get("CI") == "true")
    show(rows)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
