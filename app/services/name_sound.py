"""How a name is compared across scripts, legal forms and slips of the pen: two keys, each for an index."""

import re
from functools import lru_cache

from app.services.find_text import latin_word
from app.services.legal_form import name_key

LONGEST = 120
# Latin letters as `find_text` writes them, by how they sound: what people mix up falls together.
_SOUNDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"dzh|zh|sh|ch|ts", "s"),
        (r"[bp]", "p"),
        (r"[dt]", "t"),
        (r"[gk]", "k"),
        (r"[fv]", "f"),
        (r"[sz]", "s"),
        (r"[mn]", "n"),
        (r"(?<=.)[aeiouh]", ""),
        (r"^[aeiouh]+", "a"),
        (r"([a-z])\1+", r"\1"),
    )
)


def latin_key(name: str) -> str:
    """Return a name in Latin letters without its legal form, its words in order: «Ромашка, ООО» is "romashka"."""
    return " ".join(sorted(filter(None, map(latin_word, name_key(name).split()))))[:LONGEST].rstrip()


def sound_key(name: str) -> str:
    """Return how a name sounds: the consonants of its words, in order; numbers stay as they are."""
    return " ".join(sorted(filter(None, map(_sound, latin_key(name).split()))))[:LONGEST].rstrip()


@lru_cache(maxsize=16_384)
def _sound(word: str) -> str:
    if not word.isalpha():
        return word
    for letters, by in _SOUNDS:
        word = letters.sub(by, word)
    return word
