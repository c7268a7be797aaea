"""Files of banks: read by a child process, what is wrong told in the reader's words."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from app.errors import DomainError
from app.i18n import gettext as _
from app.services.bank_entry import MOST_ENTRIES, Parsed

PROGRAM: Final = Path(__file__).resolve().parent / "bank_child.py"
MOST_BYTES: Final = 10 << 20
TIMEOUT: Final = 30  # seconds


def read(content: bytes, profile: dict[str, Any] | None = None) -> list[Parsed] | None:
    """Return the statements of a file; None for a table whose columns nobody has said yet.

    Shape: `profile` as exchange.bank_csv reads it. Raises DomainError at "file", with the line and the field.
    """
    told = _ask(content, profile, peek=False)
    return None if "table" in told else [Parsed.of(each) for each in told["statements"]]


def peek(content: bytes, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return how a table is written: {"encoding", "delimiter", "skip_rows", "columns", "rows", "digest"}."""
    found: dict[str, Any] = _ask(content, asked, peek=True)["table"]
    return found


def _ask(content: bytes, profile: dict[str, Any] | None, *, peek: bool) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        raise DomainError(_("A statement has at most %(most)s MB", most=MOST_BYTES >> 20), field="file")
    about = {"content": base64.b64encode(content).decode(), "profile": profile, "peek": peek, "seconds": TIMEOUT}
    try:
        ran = subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-s", "-P", str(PROGRAM)],
            input=json.dumps(about).encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            cwd="/",
            env={name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
            | {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        raise DomainError(_("Reading this file takes too long"), field="file") from None
    if ran.returncode != 0:
        raise DomainError(_("Reading this file needs too much memory or time"), field="file")
    told: dict[str, Any] = json.loads(ran.stdout)
    if "problem" in told:
        raise DomainError(said(told["problem"]), field="file")
    return told


def said(about: dict[str, Any]) -> str:
    """Return what is wrong with a file, and where, in the reader's language."""
    value, field = str(about.get("value", "")), str(about.get("field", ""))
    why = {
        "account": _("“%(value)s” is no account of this statement", value=value),
        "amount": _("“%(value)s” is no amount", value=value),
        "archive": _("the archive is broken, or too large when it is unpacked"),
        "balance": _("“%(value)s” is no balance", value=value),
        "camt": _("this XML is no statement of the kind camt.053, versions 2 to 13"),
        "column": _("no column holds this"),
        "currency": _("the currency differs from that of the statement"),
        "cut": _("the file is cut off: its end is missing"),
        "date": _("“%(value)s” is no day", value=value),
        "empty": _("there is no statement in it"),
        "encoding": _("the letters are not written in the chosen way"),
        "entities": _("it declares a document type or entities, which no statement needs"),
        "entry": _("“%(value)s” is no entry", value=value),
        "many": _("one file may have %(most)s entries at most", most=MOST_ENTRIES),
        "memory": _("it needs too much memory"),
        "missing": _("this is missing"),
        "order": _("this stands in the wrong place"),
        "sign": _("it does not say whether money came in or went out"),
        "table": _("this is no table with a row of names"),
        "tag": _("a statement has no such field"),
        "xml": _("the XML is broken: %(value)s", value=value),
    }.get(str(about.get("code")), _("it is no statement that can be read: camt.053, MT940, 1C or CSV"))
    place = [str(about["file"])] if about.get("file") else []
    place += [_("line %(line)s", line=about["line"])] if about.get("line") else []
    place += [_("entry %(entry)s", entry=about["entry"])] if about.get("entry") else []
    place += [field] if field else []
    if not place:
        return _("This file cannot be read: %(why)s", why=why)
    return _("This file cannot be read (%(place)s): %(why)s", place=", ".join(place), why=why)
