"""`python -m benchmarks.drill`: the proofs of reliability at full size, written into docs/reliability.md.

Every part runs in processes of its own, on databases of its own. The stories of the clerk take what time is left of
`--minutes`; everything else has its bound.
"""

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from app import clock
from benchmarks import drill_report, post, stage
from benchmarks.drill_report import Drill, Fire, Stories, Suite
from tests.servers import create_database, postgres

DOCUMENT = stage.ROOT / "docs" / "reliability.md"
BATCH = 10
STORY_ACTS = 60
HYPOTHESIS_ACTS = 15
SUITES = {
    "planted bugs that the clerk finds": ["tests/property/test_money.py", "-k", "planted"],
    "worker: killed, hung, its broker away": ["tests/tasks/test_worker.py", "tests/tasks/test_running.py"],
    "mail: what the server refuses, or forgets": ["tests/services/test_letter.py"],
}
REST = "REST by its description, as each role"
INTAKE = "leads: 50 a second for a minute through both doors, one in five malformed (SQLite)"
WALKS = "every route as every role, every version with rows in it"
CRAWLS = ("tests/browser/test_crawl.py", "tests/browser/test_crawl_small.py")
WALKED = ["tests/web/test_leak_matrix.py", "tests/web/test_registry.py", "tests/migrations/test_filled.py"]
PAGES = "every page, as every role, in four languages (SQLite)"


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drill", description=__doc__)
    parser.add_argument("--minutes", type=float, default=25, help="how long the whole may take (25)")
    parser.add_argument("--stories", type=int, default=500, help="of the clerk, on each database (500)")
    parser.add_argument("--each", type=int, default=300, help="documents of each of the eight processes (300)")
    parser.add_argument("--kills", type=int, default=20, help="of processes (20)")
    parser.add_argument("--recipients", type=int, default=10_000, help="of the mailings (10,000)")
    parser.add_argument("--seed", type=int, help="of the stories and blows; one at random unless it is given")
    parser.add_argument("--out", type=Path, default=DOCUMENT, help="where to write the document")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "JSON"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the parts, write the document, and return 1 when something did not hold."""
    asked = options(arguments)
    if asked.child:
        what, told = asked.child
        print(json.dumps(CHILDREN[what](**json.loads(told))))
        return 0
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**9)
    until = time.monotonic() + asked.minutes * 60
    drill = Drill(seed=seed)
    with tempfile.TemporaryDirectory(prefix="countinghouse-drill-") as folder, ExitStack() as stack:
        place = Path(folder)
        drill.fires = [fire_on(name, place, asked, seed) for name in ("sqlite", "postgresql")]
        server = stack.enter_context(postgres())
        drill.postings = postings(server.url, asked, seed)
        both: list[dict[str, str]] = [{}, {"CRM_TEST_DATABASE_URL": server.url}]
        drill.suites = [suite(what, files, both) for what, files in SUITES.items()]
        whole = [env | {"CRM_PROOF": "full"} for env in both]
        drill.suites.append(suite(WALKS, [*WALKED, "--timeout=3600"], whole))
        many = [env | {"CRM_REST_EXAMPLES": "25"} for env in whole]
        drill.suites.append(suite(REST, ["tests/web/test_schemathesis.py", "--timeout=3600"], many))
        drill.suites.append(suite(PAGES, [*CRAWLS, "--timeout=3600"], ({"CRM_CRAWL": "full"},)))
        under_fire = {"CRM_INTAKE_SECONDS": "60", "CRM_INTAKE_RATE": "50"}
        drill.suites.append(suite(INTAKE, ["tests/fire/test_intake_under_fire.py", "--timeout=900"], (under_fire,)))
        drill.stories = stories(place, server.url, asked, seed, until)
    text = drill_report.write(drill, on=clock.today(), commit=commit())
    asked.out.write_text(text, encoding="utf-8")
    print(f"written: {asked.out.name}; {'all holds' if drill.holds else 'SOMETHING DOES NOT HOLD'}")
    return 0 if drill.holds else 1


def tell(text: str) -> None:
    """Say what is going on."""
    print(text, file=sys.stderr, flush=True)


def commit() -> str:
    """Return the commit that was tried, and whether the files differed from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=stage.ROOT, capture_output=True, text=True, check=False).stdout

    changed = " with changes that are not committed" if git("status", "--porcelain").strip() else ""
    return (git("rev-parse", "--short=12", "HEAD").strip() or "unknown") + changed


# --- processes that are killed --------------------------------------------------------------------------------------


def fire_on(name: str, place: Path, asked: argparse.Namespace, seed: int) -> Fire:
    """Let eight processes issue and settle, and kill them; PostgreSQL itself crashes twice."""
    from tests.fire.fire import burn

    tell(f"{name}: processes that are killed")
    var = place / f"fire-{name}"
    var.mkdir()
    told: dict[str, Any] = {"processes": 8, "each": asked.each, "kills": asked.kills, "dice": Random(seed)}
    if name == "sqlite":
        return Fire(database=name, **asdict(burn(f"sqlite:///{var}/fire.db", var, **told)))
    with postgres(durable=True) as server:
        url = create_database(server.url, "crm_fire")

        def crash() -> None:
            server.kill()
            server.start()

        return Fire(database=name, **asdict(burn(url, var, crash=crash, crashes=2, **told)))


def postings(server: str, asked: argparse.Namespace, seed: int) -> list[drill_report.Posting]:
    """Send mailings while workers are killed: by the embedded one, and by two over Redis, which is killed too."""
    tell("mailings under fire")
    told: dict[str, Any] = {"recipients": asked.recipients, "kills": asked.kills, "seed": seed}
    return [post.posted("sqlite", **told, restarts=0), post.posted("postgresql", **told, restarts=5, server=server)]


# --- suites of tests that are drills --------------------------------------------------------------------------------


def suite(what: str, arguments: list[str], settings: Sequence[dict[str, str]]) -> Suite:
    """Run tests once with each of these settings and count them."""
    tell(what)
    found = Suite(what=what)
    begun = time.monotonic()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    for env in settings:
        command = [sys.executable, "-m", "pytest", "-n", "0", *arguments]
        done = subprocess.run(command, cwd=stage.ROOT, env=kept | env, capture_output=True, text=True, check=False)
        last = done.stdout.strip().splitlines()[-1:] or [""]
        found.passed += int((re.findall(r"(\d+) passed", last[0]) or [0])[0])
        found.failed += sum(int(count) for count in re.findall(r"(\d+) (?:failed|error)", last[0]))
        if done.returncode and not found.failed:
            found.failed = 1
    found.seconds = time.monotonic() - begun
    return found


# --- stories of the clerk -------------------------------------------------------------------------------------------


def stories(place: Path, server: str, asked: argparse.Namespace, seed: int, until: float) -> list[Stories]:
    """Tell stories on both databases at the same time."""
    tell("stories of the clerk")
    running = []
    for name in ("sqlite", "postgresql"):
        var = place / f"stories-{name}"
        var.mkdir()
        url = f"sqlite:///{var}/stories.db" if name == "sqlite" else create_database(server, "crm_stories")
        told = {"url": url, "var": str(var), "seed": seed, "most": asked.stories, "seconds": until - time.monotonic()}
        command = [sys.executable, "-m", "benchmarks.drill", "--child", "stories", json.dumps(told)]
        running.append((name, subprocess.Popen(command, cwd=stage.ROOT, stdout=subprocess.PIPE, text=True)))
    found = []
    for name, process in running:
        said, _nothing = process.communicate()
        if process.returncode:
            found.append(Stories(database=name, broken=[f"the process ended with {process.returncode}"]))
        else:
            found.append(Stories(database=name, **json.loads(said.splitlines()[-1])))
    return found


def tell_stories(url: str, var: str, seed: int, most: int, seconds: float) -> dict[str, Any]:
    """Tell as many stories as the time allows, half of them by dice and half by Hypothesis; return the counts."""
    from tests.property.stories import by_dice, by_hypothesis

    until = time.monotonic() + seconds
    begun = time.monotonic()
    broken: list[str] = []
    with staged(url, Path(var)) as played:
        counts: Counter[str] = Counter()
        for batch in range(seed, seed + most // BATCH):
            if time.monotonic() > until or broken:
                break
            try:
                if batch % 2:
                    numbers = [batch * BATCH + at for at in range(BATCH)]
                    by_dice(played, numbers, acts=STORY_ACTS)
                    counts["dice"] += BATCH
                else:
                    by_hypothesis(played, stories=BATCH, acts=HYPOTHESIS_ACTS, with_seed=batch)
                    counts["hypothesis"] += BATCH
            except AssertionError as found:
                broken.append(f"seed {batch}: {str(found).splitlines()[0]}")
                tell(str(found))
        return {
            "by_dice": counts["dice"],
            "by_hypothesis": counts["hypothesis"],
            "done": sum(played.done.values()),
            "refused": sum(played.refused.values()),
            "seconds": time.monotonic() - begun,
            "broken": broken,
        }


@contextmanager
def staged(url: str, var: Path) -> Iterator[Any]:
    """Make an installation with users, and the stage of the clerk on one connection that is rolled back."""
    env = stage.settings(url, var)
    os.environ.update(env)
    import config
    from app import create_app, installation
    from app.db import db, unit_of_work
    from app.services import access, chain
    from tests.factories import make_users
    from tests.property.stage import KEY, Stage

    app = create_app(config.load(env) | {"TESTING": True})
    installation.prepare(app)
    chain.use_key(lambda: KEY)
    with app.app_context():
        access.act_as(db.session(), access.SYSTEM)
        with unit_of_work(db.session()) as session:
            make_users(session, stage.PASSWORD)
        db.session.remove()
        with db.engine.connect() as connection, connection.begin() as outer:
            yield Stage(connection, var / "files")
            outer.rollback()


CHILDREN = {"stories": tell_stories}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
