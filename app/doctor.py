"""What is wrong with an installation and how to mend it; what is unsafe refuses to start."""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app import migrating
from app.exchange import smtp

LEAST_FREE = 500 * 1024 * 1024  # bytes
OWNER_ONLY = 0o077


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `unsafe` ones refuse to start."""

    what: str
    fine: bool
    remedy: str = ""
    unsafe: bool = False


def look(settings: dict[str, Any]) -> list[Finding]:
    """Look at everything and return what was found."""
    return [*runtime(), *places(settings), *database(settings), *programs()]


def refuse_unsafe() -> list[Finding]:
    """Return what must keep the program from starting."""
    return [finding for finding in runtime() if finding.unsafe and not finding.fine]


def runtime() -> Iterator[Finding]:
    """Look at the interpreter and its library."""
    right = sys.version_info[:2] == (3, 11)
    yield Finding(f"Python {sys.version.split()[0]}", right, "Install Python 3.11")
    yield Finding(
        "Header injection through encoded words is refused",
        encoded_words_are_safe(),
        "This Python writes a line break that hides in an encoded word (CVE-2024-6923); mail text is checked by us, "
        "a newer 3.11 closes it for good",
    )
    trigrams = sqlite3.sqlite_version_info >= (3, 34)
    yield Finding(f"SQLite {sqlite3.sqlite_version}", trigrams, "SQLite 3.34 or newer is needed", unsafe=True)


def encoded_words_are_safe() -> bool:
    """Say whether the standard library refuses a subject whose encoded word hides a line break."""
    message = EmailMessage(policy=SMTP)
    try:
        message["Subject"] = "=?utf-8?q?hello=0A?=Bcc: victim@example.org"
        flat = message.as_bytes().decode("ascii", "replace")
    except Exception:  # noqa: BLE001 -- any refusal is the right answer
        return True
    return "\nBcc:" not in flat


def places(settings: dict[str, Any]) -> Iterator[Finding]:
    """Look at `var`: its rights and its room."""
    var: Path = settings["CRM_VAR"]
    keys = var / "keys"
    if keys.exists():
        closed = all(path.stat().st_mode & OWNER_ONLY == 0 for path in keys.iterdir() if path.is_file())
        yield Finding("Keys are readable by their owner only", closed, f"chmod 600 {keys}/*")
    var.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(var).free
    yield Finding(f"{free // 1024**2} MB free", free > LEAST_FREE, "Make room on the disk")
    https = settings["CRM_PUBLIC_URL"].startswith("https://")
    local = settings["CRM_BIND"] in {"127.0.0.1", "::1", "localhost"}
    yield Finding(
        "Reached over https, or from this machine only",
        https or local,
        "Put a server with a certificate in front and set CRM_PUBLIC_URL to its https address",
    )
    if settings["CRM_LDAP_URL"]:
        from app.exchange import directory

        away = directory.problem(settings)
        yield Finding("The directory answers", away is None, f"{away}. See docs/sign-in.md")
    problem = smtp.problem(settings["CRM_SMTP_URL"])
    yield Finding(
        "Mail can be sent",
        problem is None,
        f"{problem}. Set it, for example, to smtp://user:password@host:587",
    )


def database(settings: dict[str, Any]) -> Iterator[Finding]:
    """Look at the database: reached, and at the newest revision."""
    engine = create_engine(settings["SQLALCHEMY_DATABASE_URI"])
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        standing = migrating.standing(engine)
    except SQLAlchemyError as error:
        yield Finding("The database answers", fine=False, remedy=str(error.__cause__ or error).splitlines()[0])
        return
    finally:
        engine.dispose()
    yield Finding("The database answers", fine=True)
    newest = migrating.newest()
    yield Finding(f"The database is at revision {standing}", standing == newest, "Run: crm init")


def programs() -> Iterator[Finding]:
    """Look at what documents need."""
    from ctypes.util import find_library

    found = bool(find_library("pango-1.0") and find_library("pangoft2-1.0"))
    yield Finding("Pango, which draws documents", found, "apt-get install libpango-1.0-0 libpangoft2-1.0-0")
