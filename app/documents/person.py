"""Everything about a person on paper: one section per place of the register, in the reader's language.

The file beside it (`person.json`) is complete; here long texts are cut and many rows counted, so that it can be read.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Enum, Table

from app.columns import Exact
from app.db import metadata
from app.documents import engine
from app.documents.person_words import LABELS, LEFT_OUT
from app.i18n import gettext as _
from app.i18n import in_language, label_of, written_day
from app.money import format_decimal
from app.services.personal_places import PLACES

MOST_ROWS = 200  # of one section
MOST_TEXT = 1_500  # characters of one value
_NOTHING: tuple[Any, ...] = (None, "", [], {}, False)


def pdf(data: Mapping[str, Any], *, language: str, seller: str, timeout: float = 60.0) -> bytes:
    """Return the file. Raises engine.DocumentError when it cannot be made."""
    return engine.render(
        "person.html", printed(data, language=language, seller=seller), language=language, timeout=timeout
    )


def printed(data: Mapping[str, Any], *, language: str, seller: str) -> dict[str, Any]:
    """Return what the template places: plain texts only."""
    with in_language(language):
        before, rest = _("Page %(page)s of %(pages)s", page="\0", pages="\1").split("\0")
        between, after = rest.split("\1")
        name, day = data["person"]["name"], date.fromisoformat(data["made_at"][:10])
        doc = {
            "heading": _("Everything about %(name)s", name=name),
            "seller": {"name": seller},
            "issued_on": day.isoformat(),
            "foot": f"{seller} · {written_day(day, language)}" if seller else written_day(day, language),
            "pages": [before, between, after],
            "intro": [
                _("What our records say of this person · %(day)s", day=written_day(day, language)),
                _("The file person.json holds the same, complete and for machines; files stand in the folder “files”."),
            ],
            "sections": _sections(data["places"], language),
            "files": _file_section(data["files"]),
            "empty": _("Nothing is kept in any place."),
        }
    return {"doc": doc}


def _sections(places: Mapping[str, list[dict[str, Any]]], language: str) -> list[dict[str, Any]]:
    found = []
    for place in PLACES:
        rows = places.get(place.table) or []
        if not rows:
            continue
        cut = len(rows) - MOST_ROWS
        found.append(
            {
                "title": str(place.what),
                "rows": [
                    facts for row in rows[:MOST_ROWS] if (facts := _facts(row, metadata.tables[place.table], language))
                ],
                "more": _("and %(count)s more in person.json", count=cut) if cut > 0 else "",
            }
        )
    return found


def _file_section(files: list[dict[str, Any]]) -> dict[str, Any]:
    return {"title": _("Files in this parcel"), "paths": [each["path"] for each in files]}


def _facts(row: Mapping[str, Any], table: Table, language: str) -> list[list[str]]:
    return [
        [str(LABELS.get(name, name)), _text(value, table.c.get(name), language)]
        for name, value in row.items()
        if name not in LEFT_OUT and not any(value is each or value == each for each in _NOTHING)
    ]


def _text(value: Any, column: Column[Any] | None, language: str) -> str:  # noqa: ANN401 -- what JSON can hold
    if value is True:
        return _("Yes")
    kind = column.type if column is not None else None
    if isinstance(kind, Enum) and kind.enum_class is not None and value in set(kind.enum_class):
        return label_of(kind.enum_class(value))
    if isinstance(kind, Exact):
        return format_decimal(Decimal(value), language)
    text = _told(value) if isinstance(value, dict | list) else _moment(str(value), language)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"


def _told(value: Any) -> str:  # noqa: ANN401
    """Return before-and-after pairs and lists as words."""
    if isinstance(value, dict):
        return "; ".join(f"{LABELS.get(name, name)}: {_told(each)}" for name, each in value.items())
    if isinstance(value, list):
        return " → ".join("—" if each is None else _told(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _moment(text: str, language: str) -> str:
    """Return a day or moment as the language writes it, anything else as it is."""
    if len(text) < len("2026-01-01") or text[4:5] != "-" or not text[:4].isdigit():
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    day = written_day(at.date(), language)
    return day if len(text) == len("2026-01-01") else f"{day}, {at:%H:%M} UTC"
