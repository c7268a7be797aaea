"""What a first start leaves behind when it is stopped half-way: nothing that a second start would take for done."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PREPARE = """
from app import create_app, installation
print(sorted(installation.prepare(create_app()).passwords))
"""
STOPPED = """
import os
from app import installation
installation.fill_demo = lambda *given: os._exit(9)  # power fails once the administrator is written
"""


def start(folder: Path, script: str, *, demo: bool) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    env |= {"CRM_VAR": str(folder), "CRM_DEMO": str(int(demo)), "PYTHONPATH": str(ROOT)}
    url = f"sqlite:///{folder}/own.db"
    return subprocess.run(
        [sys.executable, "-c", script], env=env | {"CRM_DATABASE_URL": url}, capture_output=True, text=True, check=False
    )


def users(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "own.db") as connection:
        return [row[0] for row in connection.execute("SELECT username FROM ab_user")]


def test_a_first_start_that_is_stopped_begins_anew(tmp_path: Path) -> None:
    assert start(tmp_path, STOPPED + PREPARE, demo=True).returncode == 9
    assert users(tmp_path) == []
    again = start(tmp_path, PREPARE, demo=False)
    assert again.stdout.strip() == "['admin']", again.stderr
    assert users(tmp_path) == ["admin"]
