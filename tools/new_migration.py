"""Write the next numbered migration from the difference between the models and the migrations so far.

python tools/new_migration.py "what it does"
"""

import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from check_migrations import ROOT, fresh_sqlite


def next_number(revisions: list[str]) -> str:
    """Return the number after the highest: ["0001", "0002"] → "0003"."""
    return f"{max((int(name) for name in revisions if name.isdigit()), default=0) + 1:04}"


def main(arguments: list[str]) -> int:
    """Bring an empty database to the newest state and let Alembic write down what the models have on top."""
    message = " ".join(arguments).strip()
    if not message:
        print('usage: make migration m="what it does"', file=sys.stderr)
        return 2
    with fresh_sqlite() as config:
        number = next_number([script.revision for script in ScriptDirectory.from_config(config).walk_revisions()])
        command.upgrade(config, "head")
        made = command.revision(config, message, autogenerate=True, rev_id=number)
    tidy(Path(made.path))
    print(f"{made.path}: say why in its docstring, and what a downgrade loses")
    return 0


def tidy(path: Path) -> None:
    """Drop Alembic's own remarks and format the file."""
    lines = [line for line in path.read_text().splitlines() if "###" not in line]
    path.write_text("\n".join(lines) + "\n")
    ruff = str(Path(sys.executable).parent / "ruff")
    subprocess.run([ruff, "check", "--quiet", "--fix", str(path)], check=False)
    subprocess.run([ruff, "format", "--quiet", str(path)], check=False)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
