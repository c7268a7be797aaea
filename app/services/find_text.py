"""One Latin spelling for words of every script, so that "ivanov", «Иванов» and «Իվանով» meet, and near misses.

Both what is stored and what is typed pass through `latin`. Where Latin letters are read in two ways (x as in Max or
as in Xachatryan, c as in Coca or as in Carev, j as in Jan or as in John), `spellings` tries them all.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from string import ascii_lowercase

from anyascii import anyascii

from app.search import TRIGRAM, fold, terms

LONGEST_WORD = 38
SHORTEST_MISSPELT = 4
LONG_WORD = 7  # from here on two slips are forgiven
MOST_SPELLINGS = 6

# Letters whose common romanisation differs from the one that `anyascii` has.
_LETTERS = {"ջ": "dzh", "ռ": "r", "ւ": "v", "ь": "", "ъ": "", "є": "e"}
_NO_LETTER = re.compile(r"[^a-z0-9]")
# In this order: the several ways to write a sound become one; a doubled letter is one letter.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"dj", "dzh"),
        (r"shch|sch", "sh"),
        (r"tch", "ch"),
        (r"ph", "f"),
        (r"kh", "h"),
        (r"gh", "g"),
        (r"th", "t"),
        (r"c(?!h)|q", "k"),
        (r"x", "ks"),
        (r"w", "v"),
        (r"tz", "ts"),
        (r"[yj]", "i"),
        (r"([a-z])\1+", r"\1"),
        (r"(^|[aeou])ie", r"\1e"),
        (r"([a-z])\1+", r"\1"),
    )
)
_TWO_WAYS = (("x", "h"), ("c(?!h)", "ts"), ("j", "zh"), ("(?<!d)j", "dzh"))


@lru_cache(maxsize=4096)
def _letter(char: str) -> str:
    if char.isascii():
        return char
    return _LETTERS.get(char, _NO_LETTER.sub("", anyascii(char).lower()))


def _raw(word: str) -> str:
    """Return a folded word letter by letter in Latin."""
    if word.isascii():
        return _NO_LETTER.sub("", word)
    word = word.replace("ու", "u")
    if word.startswith("ո"):
        word = f"vo{word[1:]}"  # so it is said at the beginning of a word
    return "".join(map(_letter, word))


def _plain(raw: str) -> str:
    if len(set(raw)) == 1:
        return raw  # "OOO" is a legal form, no doubled letter
    for pattern, by in _RULES:
        raw = pattern.sub(by, raw)
    return raw


@lru_cache(maxsize=65_536)
def latin_word(word: str) -> str:
    """Return the one Latin spelling of a folded word: "ivanov" for "иванов"; "" when nothing of it can be written."""
    return _plain(_raw(word))


def latin(text: str) -> str:
    """Return a text's words in Latin letters: the key by which titles are compared."""
    return " ".join(filter(None, map(latin_word, fold(text).split())))


@lru_cache(maxsize=16_384)
def spellings(word: str) -> tuple[str, ...]:
    """Return how a folded word may be meant, the likeliest first; a `c` at its end may become `ch`."""
    raw = _raw(word)
    found = [_plain(raw), *(_plain(re.sub(letter, by, raw)) for letter, by in _TWO_WAYS if re.search(letter, raw))]
    if len(raw) > 1 and raw.endswith("c"):
        found.append(_plain(raw[:-1]))
    return tuple(dict.fromkeys(filter(None, found)))[:MOST_SPELLINGS]


def stored(parts: Iterable[str]) -> tuple[str, str]:
    """Return the search text of several texts, each word behind two spaces, and the words of letters in it.

    A Latin x is stored as both of its sounds: who types the word in another script writes the one that he hears.
    """
    words: dict[str, None] = {}
    for part in parts:
        for word in fold(part).split():
            words[latin_word(word)] = None
            if "x" in word and word.isascii():
                words[_plain(word.replace("x", "h"))] = None
    words.pop("", None)
    letters = " ".join(word for word in words if word.isalpha() and SHORTEST_MISSPELT <= len(word) <= LONGEST_WORD)
    return "".join([f"  {word}" for word in words]), letters


def fragments(query: str) -> list[tuple[str, ...]]:
    """Return what must all be found: for each word of a query its spellings, of which one suffices.

    Shape: three letters and more are sought anywhere, one or two at the start of a word (`"  i"`, `" iv"`).
    """
    found = (spellings(term.strip()) for term in terms(query))
    return list(dict.fromkeys(tuple(map(_padded, each)) for each in found if each))


def _padded(word: str) -> str:
    return f"  {word}" if len(word) == 1 else word.rjust(TRIGRAM)


def slips(one: str, other: str, most: int) -> int:
    """Return how many letters are wrong, missing, too many or swapped with the next; `most` + 1 for all beyond."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        now = [i]
        for j, b in enumerate(other, 1):
            best = min(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            now.append(best)
        if min(now) > most:
            return most + 1
        before, last = last, now
    return min(last[-1], most + 1)


def neighbours(word: str) -> set[str]:
    """Return all words that one slip makes of a word: short ones share too few trigrams to be found by these."""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {begin + end[1:] for begin, end in halves if end}
    found |= {begin + end[1] + end[0] + end[2:] for begin, end in halves if len(end) > 1}
    for letter in ascii_lowercase:
        found |= {begin + letter + end[1:] for begin, end in halves if end}
        found |= {begin + letter + end for begin, end in halves}
    return found - {word}


def nearest(word: str, candidates: Iterable[str], *, most: int) -> list[str]:
    """Return the words that a misspelt one may have meant, the nearest first; it may be the beginning of a longer."""
    allowed = 1 if len(word) < LONG_WORD else 2
    found = []
    for candidate in candidates:
        if word in candidate:
            continue  # it stands there as it was written
        whole = slips(word, candidate, allowed)
        begun = {slips(word, candidate[:size], 1) for size in range(len(word) - 1, len(word) + 2)}
        if whole <= allowed:
            found.append((whole, candidate))
        elif 1 in begun:  # it may be the beginning of a longer word
            found.append((LONG_WORD, candidate))
    return [candidate for _least, candidate in sorted(found)[:most]]


def marked(text: str, wanted: Iterable[tuple[str, ...]]) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is what was sought: what a reader sees highlighted."""
    groups = [tuple(part.strip() for part in group) for group in wanted]
    pieces: list[tuple[str, bool]] = []
    at = 0
    for found in re.finditer(r"\w+", text):
        begin, end = _where(found[0], groups)
        if begin < end:
            pieces += [
                (text[at : found.start() + begin], False),
                (text[found.start() + begin : found.start() + end], True),
            ]
            at = found.start() + end
    pieces.append((text[at:], False))
    return [piece for piece in pieces if piece[0]]


def _where(word: str, groups: list[tuple[str, ...]]) -> tuple[int, int]:
    """Return the part of a word that one of the fragments stands for, (0, 0) when none does."""
    whole = latin(word)
    sought = [part for group in groups for part in group if part in whole]
    for part in sorted(sought, key=len, reverse=True):
        for begin in range(len(word) if len(part) >= TRIGRAM else 1):
            if latin(word[begin:]).startswith(part):
                ends = (end for end in range(begin + 1, len(word) + 1) if latin(word[begin:end]).startswith(part))
                return begin, next(ends)
    return 0, 0
