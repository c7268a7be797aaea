"""Places of a template: `{first name|customer}` stands for what we know of a recipient, or else for the words given.

The names are a fixed list. Nothing in a template is worked out, and what a name holds is never a place itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.i18n import gettext as _

# The last two are known in automatic letters alone: the order, contract or holiday, and its day.
PLACES = ("name", "first name", "company", "city", "manager", "organisation", "occasion", "day")
KNOWN_OF_ALL = frozenset({"organisation"})  # these need no words for whoever has none
LONGEST_FALLBACK = 120
_PLACE = re.compile(r"\{([^{}|\n]{0,40})(?:\|([^{}\n]*))?\}")
_PATRONYMIC = re.compile(r".*(вич|вна|ична|оглы|кызы)$", re.IGNORECASE)
_FAMILY = re.compile(r".*(ов|ев|ёв|ин|ын|ова|ева|ёва|ина|ына|ский|цкий|ская|цкая|енко|ян|յան|եան)$", re.IGNORECASE)
_WHOLE = 3  # words of family name, first name and patronymic


@dataclass(frozen=True)
class Slot:
    """A place in a text, with the words for whoever has none of it."""

    name: str
    fallback: str = ""


Part = str | Slot


def parts(text: str) -> tuple[Part, ...]:
    """Return a text taken apart at its places."""
    found: list[Part] = []
    at = 0
    for match in _PLACE.finditer(text):
        if match[1].strip() not in PLACES:
            continue
        found += [text[at : match.start()], Slot(match[1].strip(), (match[2] or "").strip())]
        at = match.end()
    return tuple(part for part in [*found, text[at:]] if part != "")


def filled(text: tuple[Part, ...], words: Mapping[str, str], *, write: Callable[[str], str] = str) -> str:
    """Return a text with words in its places; `write` makes each fit for where it stands."""
    return "".join(part if isinstance(part, str) else write(words.get(part.name) or part.fallback) for part in text)


def wrong(text: str) -> str | None:
    """Say what is wrong with the places of a text, None when nothing is."""
    known = ", ".join(f"{{{each}}}" for each in PLACES)
    for match in _PLACE.finditer(text):
        name, fallback = match[1].strip(), match[2]
        if name not in PLACES:
            return _("“{%(name)s}” stands for nothing; these do: %(known)s", name=name, known=known)
        if name not in KNOWN_OF_ALL and not (fallback or "").strip():
            return _("Say what stands there for whoever has none: {%(name)s|…}", name=name)
        if len(fallback or "") > LONGEST_FALLBACK:
            return _("At most %(most)s characters", most=LONGEST_FALLBACK)
    return None


def first_name(name: str) -> str | None:
    """Return the first name out of a person's whole name, None when it cannot be told."""
    family, comma, given = name.partition(",")
    if comma:
        return next(iter(given.split()), None) if family.strip() else None
    words = name.split()
    if len(words) == _WHOLE and _PATRONYMIC.fullmatch(words[2]):
        return words[1]
    if len(words) == _WHOLE and _PATRONYMIC.fullmatch(words[1]):
        return words[0]
    if len(words) == 1 or "." in words[0]:
        return None
    is_family = [_FAMILY.fullmatch(word) is not None for word in (words[0], words[-1])]
    if is_family == [True, True]:
        return None
    return words[-1] if is_family[0] and len(words) == 2 else words[0]  # noqa: PLR2004 -- family name, first name
