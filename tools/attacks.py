"""Write docs/attacks.md from the tests: every attack has a number at the test that tries it (`tests/attack.py`).

python tools/attacks.py          writes the table
"""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "attacks.md"
HEAD = """# Attacks that are tried

Each is a test: it tries the attack against the program as it runs, on both databases where a database takes part, and
asserts that nothing has changed. This table is written by `python tools/attacks.py` from the tests themselves; a test
fails when it is stale, when a number is missing, or when one stands twice.

| number | attack | test |
|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Attack:
    """One attack: its number, what is tried, and the test that tries it."""

    number: int
    what: str
    test: str


def attacks(root: Path = ROOT) -> list[Attack]:
    """Return all attacks that tests declare, by number."""
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "attack":
                    number, what = (ast.literal_eval(given) for given in mark.args)
                    found.append(Attack(number, what, f"{path.relative_to(root).as_posix()}::{node.name}"))
    return sorted(found)


def table(found: list[Attack]) -> str:
    """Return the page."""
    rows = []
    for one in found:
        place, _colons, name = one.test.partition("::")
        rows.append(f"| A{one.number:03} | {one.what} | [`{name}`](../{place}) |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(attacks()), encoding="utf-8")
    print(f"{TABLE.relative_to(ROOT)}: {len(attacks())} attacks")
