"""The program that reads a bank's file, in a process of its own that may be killed any time.

It is run by path and does not load the product: no settings, no secrets, no database. The package is entered by its
folder alone, so that only the readers of formats are loaded.

Shape: it reads JSON from its standard input, {"content": base64, "profile": {…} or null, "peek": true or false,
"seconds"}, and writes {"statements": […]}, {"table": {…}} for a table whose columns nobody has said yet, or
{"problem": {…}}.
"""

import base64
import io
import json
import resource
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    package = types.ModuleType("app")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["app"] = package

from app.exchange import bank_1c, bank_camt, bank_csv, bank_mt940
from app.services.bank_entry import Parsed, Unreadable, refuse_many

MOST_MEMORY = 1 << 30  # address space
MOST_PARTS = 200
MOST_UNPACKED = 50 << 20


def parts(content: bytes) -> list[tuple[str, bytes]]:
    """Return the files of an archive, or the file itself."""
    if not content.startswith(b"PK\x03\x04"):
        return [("", content)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            inside = [each for each in packed.infolist() if not each.is_dir()]
            if len(inside) > MOST_PARTS or sum(each.file_size for each in inside) > MOST_UNPACKED:
                raise Unreadable("archive", value=str(len(inside)))
            found = []
            for each in inside:
                with packed.open(each) as part:
                    found.append((each.filename, part.read(MOST_UNPACKED + 1)))
                if sum(len(text) for _name, text in found) > MOST_UNPACKED:
                    raise Unreadable("archive", value=each.filename)
            return found
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError):
        raise Unreadable("archive") from None


def read(content: bytes, profile: dict[str, Any] | None) -> list[Parsed] | None:
    """Return the statements of one file, None for a table whose columns nobody has said. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("empty")
    if content.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x7fELF", b"MZ")):
        raise Unreadable("format")
    if bank_camt.is_xml(content):
        return bank_camt.read(content)
    if bank_1c.is_1c(content):
        return bank_1c.read(content)
    text = decoded(content)
    if bank_mt940.is_mt940(text):
        return bank_mt940.read(text)
    return bank_csv.read(content, profile) if profile is not None else None


def decoded(content: bytes) -> str:
    """Return the text of a message: UTF-8, or the alphabet of Western banks."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what comes of a request."""
    try:
        content = base64.b64decode(asked["content"])
        if asked.get("peek"):
            return {"table": bank_csv.peek(content, asked.get("profile"))}
        return _statements(parts(content), asked.get("profile"))
    except Unreadable as problem:
        return {"problem": problem.about}
    except MemoryError:
        return {"problem": {"code": "memory"}}
    except Exception as problem:  # noqa: BLE001 -- the outermost edge: whatever is wrong, the file is
        return {"problem": {"code": "format", "value": type(problem).__name__}}


def _statements(files: list[tuple[str, bytes]], profile: dict[str, Any] | None) -> dict[str, Any]:
    found: list[Parsed] = []
    for name, content in files:
        try:
            statements = read(content, profile)
            if statements is None and len(files) > 1:
                raise Unreadable("format")
            if statements is None:
                return {"table": bank_csv.peek(content)}
            found += statements
            refuse_many(sum(len(each.entries) for each in found))
        except Unreadable as problem:
            problem.about["file"] = name[-80:]
            raise
    if not found:
        raise Unreadable("empty")
    return {"statements": [each.told() for each in found]}


def confine(seconds: int) -> None:
    """Give up what reading never needs."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    confine(given["seconds"])
    sys.stdout.write(json.dumps(answer(given)))
