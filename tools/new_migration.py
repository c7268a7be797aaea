"""Write the next numbered migration from the difference between the models and the migrations so far.

python tools/new_migration.py "what it does"
"""

import sys

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
        command.revision(config, message, autogenerate=True, rev_id=number)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
