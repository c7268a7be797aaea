"""How the words of a booking are compared with the numbers of documents: by runs of letters and digits, joined."""

import re

from app.search import fold

LEAST_KEY = 4  # signs of a number that is looked for in words; "17" stands in too many of them
LEAST_DIGITS = 6  # of a number whose letters may be left out: "INV-2026-00007" is written "2026-00007"
MOST_RUNS = 7  # neighbouring runs that may be one number
_RUNS = re.compile(r"\d+|[^\W\d_]+")
_CREDITOR = re.compile(r"RF(\d\d)([A-Z0-9]{1,21})", re.ASCII)


def key(number: str) -> str:
    """Return a number as it is compared: "INV-2026/00007" is "inv202600007"."""
    return "".join(_RUNS.findall(fold(number)))


def digits(number: str) -> str:
    """Return the digits of a number where they are enough to know it by, else nothing."""
    found = "".join(re.findall(r"\d+", fold(number)))
    return found if len(found) >= LEAST_DIGITS else ""


def keys(text: str) -> frozenset[str]:
    """Return every number that may stand in a text, as it is compared."""
    runs = _RUNS.findall(fold(text))[:200]
    found = set()
    for start in range(len(runs)):
        joined = ""
        for run in runs[start : start + MOST_RUNS]:
            joined += run
            if len(joined) >= LEAST_KEY and any(sign.isdigit() for sign in joined):
                found.add(joined)
    return frozenset(found)


def creditor_reference(text: str) -> str:
    """Return what a structured reference says, in the form that numbers are compared in.

    Source: ISO 11649: "RF", two check digits, and the reference; one whose check digits are wrong is no such reference.
    """
    plain = re.sub(r"[^A-Za-z0-9]", "", text).upper()
    found = _CREDITOR.fullmatch(plain)
    if found is None:
        return key(text)
    told = f"{found.group(2)}RF{found.group(1)}"
    number = int("".join(str(int(sign, 36)) for sign in told))
    return key(found.group(2).lstrip("0") or "0") if number % 97 == 1 else ""


def is_near(one: str, other: str) -> bool:
    """Say whether two names in Latin letters share their words, but for one."""
    first, second = set(one.split()), set(other.split())
    shared = {word for word in first & second if len(word) > 2}  # noqa: PLR2004 -- "de", "&"
    return bool(shared) and len(first ^ second) <= max(len(shared), 1)
