"""The stage: an installation of its own in a temporary folder, filled with the demo company, and who looks at it."""

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import clock, create_app, demo, installation
from app.db import db, unit_of_work
from app.services import access
from benchmarks import selling

PASSWORD = "a password for measuring"
ROOT = Path(__file__).resolve().parent.parent


def settings(url: str, var: Path) -> dict[str, str]:
    """Return the environment of an installation on a database, for this process and for its children.

    Children find modules compiled, as they do where the product was installed and started once.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return kept | {
        "CRM_DATABASE_URL": url,
        "CRM_VAR": str(var),
        "CRM_DEMO": "0",  # filled by `build`, which takes the time
        "CRM_ADMIN_PASSWORD": PASSWORD,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(var / "compiled"),
    }


def opened(env: dict[str, str]) -> Flask:
    """Return the application over an installation, made ready."""
    os.environ.update(env)
    sys.path.insert(0, str(ROOT))
    import config

    app = create_app(config.load(env))
    installation.prepare(app)
    return app


def build(env: dict[str, str], rows: int, *, progress: demo.Progress | None = None) -> tuple[Flask, float]:
    """Make the installation ready and fill it; return the application and the seconds that filling took."""
    app = opened(env)
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        begun = time.perf_counter()
        with unit_of_work(session):
            demo.fill(session, size=rows, password=PASSWORD, today=clock.today(), progress=progress)
            selling.fill(session, rows=rows)
        taken = time.perf_counter() - begun
        db.session.remove()
        tidy()
    return app, taken


def tidy() -> None:
    """Do what PostgreSQL's autovacuum does within a minute, and SQLite when the program that filled it ends."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        return
    raw = db.engine.raw_connection()  # outside of a transaction; the connection keeps its settings
    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


def commit() -> str:
    """Return which state of the program is measured."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def count_of(app: Flask, table: str) -> int:
    """Return how many rows a table has."""
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def version_of(app: Flask) -> str:
    """Return the database's version."""
    with app.app_context(), db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            return str(connection.execute(text("SELECT sqlite_version()")).scalar())
        return str(connection.execute(text("SHOW server_version")).scalar()).split()[0]


def browser(app: Flask, username: str) -> FlaskClient:
    """Return a client that is signed in."""
    client = app.test_client()
    page = client.get("/login/").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    form = {"username": username, "password": PASSWORD, "csrf_token": token[1] if token else ""}
    answer = client.post("/login/", data=form)
    if answer.status_code != 302:  # noqa: PLR2004
        raise RuntimeError(f"{username} cannot sign in: {answer.status_code}")
    return client


def token(app: Flask, username: str) -> str:
    """Return an access token for REST."""
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=4)
    given: dict[str, Any] = {"username": username, "password": PASSWORD, "provider": "db"}
    answer = app.test_client().post("/api/v1/security/login", json=given)
    return str(answer.get_json()["access_token"])
