"""What a search compares: text folded to one spelling, and a query cut into the fragments to look for.

Every searchable table keeps a column made by `search_text`. Folding happens here, in one place, so both databases
find the same rows with a plain LIKE, whatever they know of Armenian or Cyrillic letters. Each word of the column
stands behind two spaces: a trigram index then answers one- and two-letter queries too, by the start of a word.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, false

QUERY_LENGTH = 200  # longer queries are cut: nobody types them, and each word costs an index look-up
TRIGRAM = 3
# Digit groups of this total length are also kept and sought in one piece: from a local telephone number without its
# area code up to the longest E.164 number. A tax number next to its branch number stays two words.
JOINED_DIGITS = range(6, 16)

_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")  # "+31 (0)20 …": the zero is not dialled after the country code
_INTERNATIONAL = re.compile(r"^\s*00(?=(?:[\s()-]*\d){3})")  # 00 374 … means +374 …
_DIALLED = re.compile(r"\+[\d\s().-]+")  # after a plus even a few digits are one number
_DIGIT_GROUPS = re.compile(r"(?<!\S)\d+(?: \d+)*(?!\S)")

# ё, and Latin letters whose stroke or ligature is no accent that Unicode could take off.
_LETTERS = {
    "ё": "е",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ħ": "h",
    "ŧ": "t",
}
# Signs that stand inside a word and are no part of its spelling: apostrophes and the Armenian stress marks.
_INSIDE_A_WORD = frozenset("'’‘ʼʹ`´՚՛՜՞՟")


class _Folding(dict[int, str | None]):
    """A table for `str.translate` that learns each character when it first meets it."""

    def __missing__(self, code: int) -> str | None:
        self[code] = found = _folded(chr(code))
        return found


def _folded(char: str) -> str | None:
    """Return what stands for one casefolded character: itself, other letters, a space, or None for nothing."""
    if char in _LETTERS:
        return _LETTERS[char]
    category = unicodedata.category(char)
    if char.isspace():
        return " "
    # Format characters (bidi marks, zero-width), other controls, halves of pairs; loose accents and emoji variants.
    if (
        char in _INSIDE_A_WORD
        or category in {"Cc", "Cf", "Cs", "Sk"}
        or "\u0300" <= char <= "\u036f"
        or "\ufe00" <= char <= "\ufe0f"
    ):
        return None
    if category[0] == "L":
        base = unicodedata.normalize("NFD", char)[0]
        return base if "a" <= base <= "z" else char  # only Latin loses accents: й is no и
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return char if category[0] in "NM" or category == "So" else " "


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return the one spelling that compares equal for a reader: "ՕՀԱՆԻ և Ко." is "օհանի եվ ко".

    The Armenian և, եւ and եվ become եվ, so that "վան" is still found inside Երևան.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_FOLDING)
    return " ".join(plain.replace("եւ", "եվ").split())


def search_text(parts: Iterable[str | None]) -> str:
    """Return what a record is found by: every different word of its parts, each behind two spaces.

    Digit groups that read like one number ("010 12-34-56") are added in one piece as well.
    """
    words: dict[str, None] = {}
    for part in parts:
        if part:
            folded = fold(part)
            words.update(dict.fromkeys(folded.split()))
            joined = _join_digits(folded)
            if joined != folded:
                words.update(dict.fromkeys(joined.split()))
    return "".join([f"  {word}" for word in words])


def terms(query: str) -> list[str]:
    """Return the fragments that must all stand in the search text.

    Shape: three letters and more are sought anywhere, one or two at the start of a word (`"  и"`, `" ив"`);
    digit groups that read like one number, as a telephone number does, are sought in one piece.
    """
    dialled = _TRUNK_ZERO.sub("", _INTERNATIONAL.sub("+", query[:QUERY_LENGTH]))
    joined = _DIALLED.sub(lambda number: re.sub(r"\D", "", number.group()) + " ", dialled)
    words = _join_digits(fold(joined)).split()
    return list(dict.fromkeys(word.rjust(TRIGRAM) if len(word) > 1 else f"  {word}" for word in words))


def like_clauses(column: SQLColumnExpression[Any], query: str) -> list[ColumnElement[bool]]:
    """Return the conditions, all to be met, under which a search column answers a query.

    A blank query sets no condition; one of signs only ("***") finds nothing. The patterns need no ESCAPE, which
    would keep SQLite's trigram index out: `fold` leaves no wildcard in a fragment.
    """
    fragments = terms(query)
    if not fragments:
        return [false()] if query.strip() else []
    return [column.like(f"%{fragment}%") for fragment in fragments]


def escape_like(text: str) -> str:
    r"""Return text in which LIKE's wildcards mean themselves, for `like(…, escape="\\")` on a column not folded."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _join_digits(folded: str) -> str:
    """Write neighbouring digit groups in one piece where together they make a number that people type in pieces."""
    return _DIGIT_GROUPS.sub(_joined, folded)


def _joined(run: re.Match[str]) -> str:
    number = run.group().replace(" ", "")
    return number if len(number) in JOINED_DIGITS else run.group()
