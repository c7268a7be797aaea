"""Texts that are kept and told in the language of whoever reads them: what went wrong with something that arrived.

Kept is what was translated and its values, not the translation: `[["“%(name)s” is no text", {"name": "phone"}]]`. What
cannot be kept so (too long, or told by somebody else) is kept as it was told.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import String, TypeDecorator
from sqlalchemy.engine import Dialect

from app.i18n import Noted, gettext

LENGTH = 500
BEGIN = "[["
BETWEEN = "; "
_LONGEST_VALUE = 120


class Told(str):
    """A text in the language of its reader that knows how it is told in another one; `kept` is how it is stored."""

    __slots__ = ("kept",)
    kept: str


def told(texts: Sequence[str], noted: Noted) -> str | None:
    """Return texts that were told while `noting` as one that can be told again; None without any.

    A text may begin with a name and a colon: "phone: This is no number".
    """
    if not texts:
        return None
    whole = BETWEEN.join(texts)
    parts = [_part(text, noted) for text in texts]
    kept = _written(parts)
    while len(kept) > LENGTH and len(parts) > 1:
        parts.pop()
        kept = _written(parts)
    if len(kept) > LENGTH or all(len(part) == 1 for part in parts):
        return whole[:LENGTH]
    found = Told(whole[:LENGTH])
    found.kept = kept
    return found


def read(stored: str) -> str:
    """Return a stored text in the language of the reader."""
    if not stored.startswith(BEGIN):
        return stored
    try:
        texts = [_text(part) for part in json.loads(stored)]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return stored
    found = Told(BETWEEN.join(texts))
    found.kept = stored
    return found


def _part(text: str, noted: Noted) -> list[Any]:
    """Return how a text was made: [what was translated, its values, what stands before], or the text alone."""
    name, colon, rest = text.partition(": ")
    before = f"{name}{colon}" if text not in noted and rest in noted else ""
    made = noted.get(rest if before else text)
    if made is None:
        return [text]
    key, values = made
    plain = {each: _value(value, noted) for each, value in values.items()}
    return [key, plain, before] if before else [key, plain]


def _value(value: Any, noted: Noted) -> Any:  # noqa: ANN401 -- whatever a text prints
    if isinstance(value, str) and value in noted:
        return _part(value, noted)
    return value if isinstance(value, int) else str(value)[:_LONGEST_VALUE]


def _text(part: list[Any]) -> str:
    if len(part) == 1:
        return str(part[0])
    values = {name: _text(value) if isinstance(value, list) else value for name, value in part[1].items()}
    key = str(part[0])
    return "".join(part[2:]) + gettext(key, **values)


def _written(parts: list[list[Any]]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


class Retold(TypeDecorator[str]):
    """A column of such texts."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(LENGTH)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Keep how a text is made, where it says so."""
        return value.kept if isinstance(value, Told) else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Tell it in the language of the reader."""
        return None if value is None else read(value)
