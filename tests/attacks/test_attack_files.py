"""Files that are something else: pictures that are pages, tables that are archives, names that are paths."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.attachment import Attachment
from app.models.import_run import ImportRun
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.fingerprint import unchanged

As = Callable[[str], Browser]
XXE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd"><!ENTITY l "lol">]><x>&e;&l;</x>"""
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>"""
PAGE = b"<!doctype html><script>alert(document.cookie)</script>"


def bomb() -> bytes:
    """A workbook of some kilobytes that unpacks to 100 MB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", XXE)
        parts.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 17_000_000)
    return made.getvalue()


@attack(129, "an archive that unpacks to gigabytes, as a table")
@pytest.mark.parametrize("name", ["clients.xlsx", "clients.csv", "clients.ods", "statement.xml"])
def test_an_archive_or_entity_in_a_table_is_refused_unread(as_user: As, session: Session, name: str):
    """An import takes text; what begins like an archive or a program is refused by its first bytes."""
    office = as_user("office")
    packed = bomb() if name == "clients.xlsx" else zipped(XXE)
    assert len(packed) < 300_000
    with unchanged(session):
        answer = office.post("/party/import/", {"file": (io.BytesIO(packed), name)}, content_type="multipart/form-data")
        assert answer.status_code == 422, name
    assert session.scalars(select(ImportRun)).all() == []


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("content.xml", content)
    return made.getvalue()


@attack(130, "XML entities that read files")
def test_entities_of_a_text_are_letters(as_user: As, session: Session):
    """XML that is sent as a table is read line by line, and nothing in it is resolved."""
    office = as_user("office")
    sent = {"file": (io.BytesIO(b"name;note\nTulpen;" + XXE + b"\n"), "x.csv")}
    begun = office.post("/party/import/", sent, content_type="multipart/form-data")
    assert begun.status_code == 302
    page = office.get(begun.headers["Location"]).text
    assert "root:" not in page
    assert "&lt;!ENTITY" in page or "!ENTITY" in page.replace("&lt;", "<")


@attack(126, "a page or a drawing with scripts as an attached picture")
@pytest.mark.parametrize(
    ("content", "name"),
    [(SVG, "logo.svg"), (SVG, "logo.png"), (PAGE, "photo.jpg"), (PAGE, "page.html"), (XXE, "x.xml"), (PAGE, "x.pdf")],
)
def test_a_page_or_drawing_is_kept_as_a_file_and_never_shown(
    as_user: As, made: Made, session: Session, content: bytes, name: str
):
    party = made.party("Tulpen")
    session.commit()
    office = as_user("office")
    sent = {"text": "", "files": [(io.BytesIO(content), name, "image/svg+xml")]}
    assert office.post(f"/party/{party.id}/note", sent, content_type="multipart/form-data").status_code == 302
    [file] = session.scalars(select(Attachment))
    answer = office.get(f"/party/{party.id}/file/{file.id}", buffered=True)
    assert (file.media_type, answer.mimetype) == ("application/octet-stream", "application/octet-stream")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


NAMES = [
    "../../../etc/cron.d/x", "..\\..\\windows\\x.txt", "/etc/passwd", "a/../../b.txt", "%2e%2e%2fx.txt",
    "x\r\nSet-Cookie: a=b.txt",
    'x"; filename="evil.exe', "x\u202etxt.exe", "CON.txt", ".htaccess", "a" * 300 + ".txt",
    "x;y=z.txt", "\u043e\u0442\u0447\u0451\u0442.txt",
]  # fmt: skip


@attack(128, "paths and headers in the name of a file")
def test_the_name_of_a_file_is_no_path_and_no_header(
    app: Flask, as_user: As, made: Made, session: Session, settings: Any
):
    party = made.party("Tulpen")
    session.commit()
    office, files = as_user("office"), (Path(settings["CRM_VAR"]) / "files").resolve()
    outside = set(files.parent.iterdir())
    for name in NAMES:
        sent = {"text": "", "files": [(io.BytesIO(name.encode()), name)]}
        answer = office.post(f"/party/{party.id}/note", sent, content_type="multipart/form-data")
        assert answer.status_code in {302, 400, 422}, name
    kept = session.scalars(select(Attachment)).all()
    assert len(kept) >= 9
    for file in kept:
        assert not {"/", "\\", "\r", "\n", "\0"} & set(file.name), file.name
        answer = office.get(f"/party/{party.id}/file/{file.id}", buffered=True)
        assert answer.status_code == 200
        assert "Set-Cookie: a=b" not in str(answer.headers)
        assert answer.headers.getlist("Content-Disposition")[0].count("filename=") <= 1
    stored = [path for path in files.rglob("*") if path.is_file()]
    assert {len(path.name) for path in stored} == {64}
    assert all(path.resolve().is_relative_to(files) for path in stored)
    assert set(files.parent.iterdir()) - outside <= {files}
