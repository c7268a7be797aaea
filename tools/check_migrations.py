"""Check that the migrations have one head and that a database made by them is what the models say."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "migrations"


def config_for(url: str, folder: Path = FOLDER) -> Config:
    """Return Alembic's settings for a database; there is no alembic.ini."""
    config = Config()
    settings = {
        "script_location": str(folder),
        "path_separator": "os",
        "file_template": "%(rev)s_%(slug)s",
        "sqlalchemy.url": url,
    }
    for name, value in settings.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


@contextlib.contextmanager
def fresh_sqlite(folder: Path = FOLDER) -> Iterator[Config]:
    """Lend settings for an empty SQLite database that is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="countinghouse-migrations-") as place:
        yield config_for(f"sqlite:///{place}/check.db", folder)


def problem(folder: Path = FOLDER) -> str:
    """Upgrade an empty database, compare it with the models and return what is wrong; "" when all is well."""
    with fresh_sqlite(folder) as config:
        heads = sorted(ScriptDirectory.from_config(config).get_heads())
        if len(heads) != 1:
            return f"one head expected, found {len(heads)}: {', '.join(heads)}"
        command.upgrade(config, "head")
        try:
            command.check(config)
        except CommandError as difference:
            return f"the models say something else: {difference}"
    return ""


def main() -> int:
    """Check, and say what is wrong."""
    wrong = problem()
    if wrong:
        print(f"migrations: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
