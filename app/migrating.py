"""Bringing a database to the newest schema: Alembic without an ini file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

ROOT = Path(__file__).resolve().parent.parent


def config_for(url: str) -> Config:
    """Return Alembic's settings for a database."""
    config = Config()
    settings = {
        "script_location": str(ROOT / "migrations"),
        "path_separator": "os",
        "file_template": "%(rev)s_%(slug)s",
        "sqlalchemy.url": url,
    }
    for name, value in settings.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def newest() -> str:
    """Return the newest revision that the program knows."""
    return ScriptDirectory.from_config(config_for("")).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Say whether the program has the step of a revision: a newer program's database has others."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(config_for("")).walk_revisions())


def standing(engine: Engine) -> str | None:
    """Return the revision of a database, None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(url: str, to: str = "head") -> None:
    """Run the migrations that a database lacks."""
    command.upgrade(config_for(url), to)
