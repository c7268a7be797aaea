"""Typed text as it may be stored: without stray blanks and control characters, and no longer than its column."""

import unicodedata

from app.errors import DomainError
from app.i18n import gettext as _

_BREAKS = "\t\n\r\v\f"


def line(text: str, *, limit: int, field: str | None = None) -> str:
    """Return one line: trimmed, runs of blanks and line breaks made one space.

    Letters, emoji and bidi marks stay as typed. Raises DomainError on control characters and on what is too long.
    """
    _refuse_controls(text, field)
    return _short(" ".join(text.split()), limit, field)


def lines(text: str, *, limit: int, field: str | None = None) -> str:
    """Return text of several lines: trimmed, with plain line ends."""
    _refuse_controls(text, field)
    return _short("\n".join(part.rstrip() for part in text.splitlines()).strip(), limit, field)


def is_blank(text: str) -> bool:
    """Say whether nothing of a text can be seen: blanks, bidi marks and zero-width characters only."""
    return all(unicodedata.category(char)[0] in "CZ" for char in text)


def _refuse_controls(text: str, field: str | None) -> None:
    # Halves of surrogate pairs cannot be stored at all, the other controls only harm whoever prints them.
    if not text.isprintable() and any(
        unicodedata.category(char) in {"Cc", "Cs"} and char not in _BREAKS for char in text
    ):
        raise DomainError(_("There are control characters in this text; retype it"), field=field)


def _short(text: str, limit: int, field: str | None) -> str:
    if len(text) > limit:
        raise DomainError(
            _("At most %(limit)s characters are possible here; this has %(found)s", limit=limit, found=len(text)),
            field=field,
        )
    return text
