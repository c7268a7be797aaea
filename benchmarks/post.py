"""Mailings under fire, for the drill: both tests at full size, and what they say of themselves."""

import os
import re
import subprocess
import sys
import time

from benchmarks import stage
from benchmarks.drill_report import Posting

EMBEDDED = "tests/tasks/test_mailing_fire.py"
BROKER = "tests/fire/test_mailing_over_redis.py"


def posted(database: str, *, recipients: int, kills: int, restarts: int, seed: int, server: str = "") -> Posting:
    """Send a mailing while workers (and over Redis, with `server`, their broker) are killed; say what came of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    size = {"RECIPIENTS": recipients, "KILLS": kills, "RESTARTS": restarts, "SEED": seed % 1000}
    env = kept | {f"CRM_MAILING_{name}": str(value) for name, value in size.items()}
    if server:
        env["CRM_TEST_DATABASE_URL"] = server
    command = [sys.executable, "-m", "pytest", "-n", "0", "-s", "--timeout=7200", BROKER if restarts else EMBEDDED]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=stage.ROOT, env=env, capture_output=True, text=True, check=False)
    told = re.search(r"^\.?Found\((.+)\)$", done.stdout, re.MULTILINE)
    counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", told[1] if told else "")}
    problems = [] if done.returncode == 0 and told else [_reason(done.stdout)]
    return Posting(
        database=database,
        kills=kills,
        restarts=restarts,
        seconds=time.monotonic() - begun,
        problems=problems,
        **(counts or {"recipients": recipients}),
    )


def _reason(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("E ", "FAILED", "ERROR"))]
    return " ".join(lines[:1]).strip() or "the test did not come to its end"
