"""`python -m benchmarks`: measure each database in a process of its own, then write the document."""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from app import clock
from app.db import db
from benchmarks import report, stage
from benchmarks.clock import calm, pace
from benchmarks.figures import Run
from benchmarks.processes import MEGABYTE
from tests.servers import missing

DOCUMENT = stage.ROOT / "docs" / "performance.md"
QUICK_ROWS = 300
FILLED = "filled.json"
KEPT = "crm_bench_kept"


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} parties on SQLite, printed only")
    parser.add_argument("--rows", type=int, help="how many parties (100,000)")
    parser.add_argument("--repeat", type=int, help="requests per page (60)")
    parser.add_argument("--databases", default="", help="sqlite,postgresql")
    parser.add_argument("--out", type=Path, help="where to write the document (docs/performance.md)")
    parser.add_argument("--pages-only", action="store_true", help="no servers, no import")
    parser.add_argument("--patience", type=int, default=120, help="seconds to wait for a calm machine (120)")
    parser.add_argument("--built", type=Path, help="a folder where filled databases are kept, and taken from again")
    parser.add_argument("--child", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    found.rows = found.rows or (QUICK_ROWS if found.quick else 100_000)
    found.repeat = found.repeat or (3 if found.quick else 60)
    found.databases = (found.databases or ("sqlite" if found.quick else "sqlite,postgresql")).split(",")
    return found


def main(arguments: list[str]) -> int:
    """Measure, then print or write the document."""
    asked = options(arguments)
    if asked.child:
        url, folder = asked.child
        print(json.dumps(measure(url, Path(folder), asked).as_json()))
        return 0
    runs = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countinghouse-bench-")))
        for database in asked.databases:
            var = folder / database
            var.mkdir()
            kept = asked.built / f"{database}-{asked.rows}" if asked.built else None
            runs.append(_child(_url(database, var, stack, kept=kept), var, arguments))
    text = report.write(runs, on=clock.today())
    out = asked.out or (None if asked.quick else DOCUMENT)
    if out is not None:
        report.save(text, out)
        print(f"written: {out.name}")
    else:
        print(text)
    return 0


def _url(database: str, var: Path, stack: ExitStack, *, kept: Path | None) -> str:
    """Return the address of an empty database, or of a copy of the kept one."""
    has_kept = kept is not None and (kept / FILLED).exists()
    if kept is not None and has_kept:
        shutil.copytree(kept, var, dirs_exist_ok=True)
    if database == "sqlite":
        return f"sqlite:///{var / 'bench.db'}"
    from tests.servers import create_database, postgres

    server = os.environ.get("CRM_TEST_DATABASE_URL") or stack.enter_context(postgres()).url
    if has_kept and not os.environ.get("CRM_TEST_DATABASE_URL"):
        raise SystemExit("--built keeps PostgreSQL's databases on the server of CRM_TEST_DATABASE_URL")
    return create_database(server, "crm_bench", template=KEPT if has_kept else None)


def _keep(url: str, folder: Path, kept: Path, filled: dict[str, float]) -> None:
    """Keep a filled database for the next time."""
    db.engine.dispose()
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    if not url.startswith("sqlite"):
        from tests.servers import create_database

        create_database(url, KEPT, template=url.rpartition("/")[2])
    (kept / FILLED).write_text(json.dumps(filled))


def _child(url: str, var: Path, arguments: list[str]) -> Run:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--child", url, str(var)]
    done = subprocess.run(command, cwd=stage.ROOT, stdout=subprocess.PIPE, check=True)
    return Run.of_json(json.loads(done.stdout.splitlines()[-1]))


def measure(url: str, folder: Path, asked: argparse.Namespace) -> Run:
    """Build one database and take all its figures."""
    from benchmarks import acts, pages, policy, processes, screens

    env = stage.settings(url, folder)
    begun = time.perf_counter()

    def tell(done: int, total: int) -> None:
        print(f"{done:,} of {total:,} parties, {time.perf_counter() - begun:.0f} s", file=sys.stderr)

    commit = stage.commit()  # before: the checkout may move on while this runs
    if (folder / FILLED).exists():
        app, filled = stage.opened(env), json.loads((folder / FILLED).read_text())
    else:
        app, build_s = stage.build(env, asked.rows, progress=tell)
        filled = {"build_s": build_s, "build_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE}
        if asked.built:
            with app.app_context():
                _keep(url, folder, asked.built / f"{folder.name}-{asked.rows}", filled)
    database = url.partition(":")[0].partition("+")[0]
    run = Run(database, stage.version_of(app), asked.rows, asked.repeat, **filled)
    run.commit = commit
    run.invoices = stage.count_of(app, "invoice")

    def settle() -> None:
        run.load.append(calm(most_s=0 if asked.quick else asked.patience))
        run.pace.append(pace())

    settle()
    run.pages = pages.measure(app, rows=asked.rows, repeat=asked.repeat)
    settle()
    run.acts = acts.measure(app, repeat=asked.repeat)
    settle()
    run.app_start_s = processes.app_start(env, repeat=1 if asked.quick else 3)
    if not asked.pages_only:
        run.server = processes.serve(env, requests=20 if asked.quick else 500)
        settle()
        if "browser" not in missing():
            run.screens, run.gestures = screens.measure(env, repeat=1 if asked.quick else 7, few=asked.quick)
        settle()
        count = min(10_000, asked.rows)
        run.imported = processes.import_parties(env, folder, first=asked.rows, count=count)
        run.run_start_s = processes.second_run(env)
    settle()
    few = {"people": policy.TEAMS} if asked.quick else {}
    run.costs = policy.measure(app, repeat=asked.repeat, **few)
    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
