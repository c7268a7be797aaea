"""One application for the run, one database per worker, every test in a transaction that is rolled back.

`CRM_TEST_DATABASE_URL` decides the database: absent for SQLite, else a PostgreSQL server on which a database is
made for each worker.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Connection, event, select
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from tests.factories import Made, make_users

PASSWORD = "correct horse battery"
HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")
TESTS = Path(__file__).resolve().parent
# What asks no database, or both by itself, is run once and not again on PostgreSQL.
ONCE = ("unit", "documents", "architecture", "benchmarks", "property/test_drill.py")
LONGEST = {"test_crawl.py", "test_crawl_small.py", "test_leak_matrix.py", "test_registry.py"}
ON_BOTH = {"test_backup.py", "test_cli_company.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    once = tuple(str(TESTS / place) for place in ONCE)
    for item in items:
        asks = "database_url" in getattr(item, "fixturenames", ())
        if str(item.path).startswith(once) and item.path.name not in ON_BOTH and not asks:
            item.add_marker("once")
    # What takes minutes begins first, so that no process waits for another at the end; all else in its random order.
    items.sort(key=lambda item: not (item.path.name in LONGEST or item.get_closest_marker("slow")))


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> str:
    server = os.environ.get("CRM_TEST_DATABASE_URL")
    if server:
        from tests.servers import create_database

        return create_database(server, f"crm_test_{worker_name}")
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.db"


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    given = os.environ.get("CRM_TEST_WORKER", "main")  # a run within a run names itself
    return getattr(request.config, "workerinput", {}).get("workerid", given)


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import config

    var = tmp_path_factory.mktemp("var")
    env = {"CRM_DATABASE_URL": database_url, "CRM_VAR": str(var), "CRM_DEMO": "0"}
    return config.load(env) | {"TESTING": True, "PROPAGATE_EXCEPTIONS": False}


@pytest.fixture(scope="session")
def app(settings: dict[str, Any]) -> Iterator[Flask]:
    os.environ["CRM_ADMIN_PASSWORD"] = PASSWORD
    from app import create_app, installation

    made = create_app(settings)
    installation.prepare(made)
    with made.app_context():
        from app.db import db, unit_of_work
        from app.services import access

        access.act_as(db.session(), access.SYSTEM)
        with unit_of_work(db.session()) as session:
            make_users(session, PASSWORD)
            for account in session.execute(select(User)).unique().scalars():
                account.password = HASH  # thousands of sign-ins by tests cost what one does in life
        db.session.remove()
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def rolled_back(app: Flask) -> Iterator[Connection]:
    """Bind every session to one connection in an outer transaction; what requests commit becomes a savepoint."""
    from app.db import db

    for kept in ("rows_read", "dead_links"):  # what another test has read or missed
        app.extensions.pop(kept, None)
    with app.app_context():
        engines = db.engines
        engine = engines[None]
        connection = engine.connect()
        outer = connection.begin()
        engines[None] = connection  # type: ignore[assignment]
        db.session.remove()
        db.session.session_factory.configure(join_transaction_mode="create_savepoint")
    try:
        yield connection
    finally:
        with app.app_context():
            db.session.remove()
            outer.rollback()
            connection.close()
            engines[None] = engine
            db.session.session_factory.configure(join_transaction_mode="conditional_savepoint")


@pytest.fixture
def session(rolled_back: Connection) -> Iterator[Session]:
    """A session of its own that acts for the system, on the connection that requests use too.

    Commit before a request is made: its session is another one, as in life.
    """
    from app.services import access

    work = Session(rolled_back, join_transaction_mode="create_savepoint", info={"writes": True})
    access.act_as(work, access.SYSTEM)
    yield work
    work.close()


@pytest.fixture
def made(session: Session) -> Made:
    """Factories over the session."""
    return Made(session)


class Browser:
    """A test client that signs in like a person and sends the form's token with every post."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def token(self, path: str = "/login/") -> str:
        """Return the form's token as it stands on a page."""
        page = self.client.get(path).get_data(as_text=True)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found, f"no form token on {path}"
        return found[1]

    def signed(self) -> str:
        """Return a token as any form of this session's would have it, without asking for a page."""
        with self.client.session_transaction() as kept:
            raw = kept.setdefault("csrf_token", secrets.token_hex(20))
        secret = self.client.application.secret_key
        return str(URLSafeTimedSerializer(secret, salt="wtf-csrf-token").dumps(raw))  # as Flask-WTF signs it

    def sign_in(self, username: str, password: str = PASSWORD) -> "Browser":
        answer = self.client.post(
            "/login/", data={"username": username, "password": password, "csrf_token": self.signed()}
        )
        assert answer.status_code == 302, answer.status_code
        return self

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        return self.client.post(path, data=dict(data or {}) | {"csrf_token": self.signed()}, **options)

    def export(self, path: str, reason: str = "The spring fair") -> Any:
        """Send the dialog of an export: the answer is the file."""
        return self.post(path, {"reason": reason}, buffered=True)

    def api(self, method: str, path: str, **options: Any) -> Any:
        headers = {"X-CSRFToken": self.signed()} | options.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **options)


@pytest.fixture
def as_user(app: Flask, rolled_back: Connection) -> Callable[[str], Browser]:
    """Return a signed-in browser for a user name."""

    def sign_in(username: str) -> Browser:
        return Browser(app.test_client()).sign_in(username)

    return sign_in


@pytest.fixture
def visitor(app: Flask, rolled_back: Connection) -> Browser:
    """A browser of somebody who is not signed in."""
    return Browser(app.test_client())


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the SQL statements that run meanwhile."""
    from app.db import db

    found: list[str] = []
    with app.app_context():
        engine = db.engines[None]
    engine = getattr(engine, "engine", engine)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent
