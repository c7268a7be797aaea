"""The recipe for a new entity, followed word by word: what CONTRIBUTING.md says is written, migrated and tried.

The files of the recipe go into a copy of the program; `recipe_story.py` and the tests over everything that is
registered run there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

BLOCK = re.compile(r"^ *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (app/\S+\.py)\n")
PARTS = ("app", "migrations", "tests", "tools", "translations", "config.py", "pyproject.toml")
TESTS = ("tests/scenarios/recipe_story.py", "tests/web/test_registry.py", "-k", "not answers_every_role")


def recipe(text: str) -> dict[str, str]:
    """Return the files of the recipe: their paths and what stands in them."""
    blocks = [dedent(block) for block in BLOCK.findall(text)]
    return {named[1]: block.removeprefix(named[0]) for block in blocks if (named := NAMED.match(block))}


def replaced(path: Path, what: str, by: str) -> None:
    text = path.read_text()
    assert text.count(what) == 1, f"{path.name} says {what!r} {text.count(what)} times"
    path.write_text(text.replace(what, by))


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of the program, without what is fetched or made."""
    for part in PARTS:
        if (root / part).is_dir():
            shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "lib"))
        else:
            shutil.copy(root / part, tmp_path / part)
    (tmp_path / "app/static/lib").symlink_to(root / "app/static/lib")
    return tmp_path


def run(folder: Path, *command: str, database: str | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "PYTEST"))}
    if database:
        kept["CRM_TEST_DATABASE_URL"] = database
    kept |= {"PYTHONPATH": str(folder), "CRM_TEST_WORKER": f"recipe_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.once
def test_the_recipe_for_a_new_entity_makes_one(root: Path, copy: Path):
    files = recipe((root / "CONTRIBUTING.md").read_text())
    assert sorted(files) == ["app/models/warehouse.py", "app/services/warehouse.py", "app/views/warehouse.py"]
    for path, text in files.items():
        (copy / path).write_text(text)
    replaced(copy / "app/web/labels.py", '    "city": ', '    "checked_on": _l("Checked on"),\n    "city": ')
    roles = copy / "app/roles.py"
    [rights] = re.findall(r'`("warehouse": "[^"]+")`', (root / "CONTRIBUTING.md").read_text())
    for role in ("Sales manager", "Back office"):
        text = roles.read_text()
        at = text.index('"party"', text.index(f'"{role}": Role('))
        roles.write_text(f"{text[:at]}{rights}, {text[at:]}")
    made = run(copy, "tools/new_migration.py", "warehouses")
    assert made.returncode == 0, made.stderr
    done = run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=", *TESTS,
        database=os.environ.get("CRM_TEST_DATABASE_URL"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
