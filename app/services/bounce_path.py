"""The address to which a letter comes back: with a mark of ours, by which it is known without its Message-ID.

Single letters and letters of mailings have marks of their own, so that none is taken for the other.
"""

import re

from app.services import sealing

_LETTER, _MAILING = "l", "m"
_MARK = re.compile(r"\+([lm])([1-9][0-9]{0,17})-([0-9a-f]{20})@")


def of_letter(return_path: str, letter_id: int) -> str:
    """Return the address of the envelope of one letter (VERP): "bounces+l17-…@example.com"."""
    return _marked(return_path, _LETTER, letter_id)


def of_recipient(return_path: str, recipient_id: int) -> str:
    """Return the same of a letter of a mailing: "bounces+m17-…@example.com"."""
    return _marked(return_path, _MAILING, recipient_id)


def letter_of(address: str) -> int | None:
    """Return which letter an address is of, None for one that we have not written."""
    return _key_of(address, _LETTER)


def recipient_of(address: str) -> int | None:
    """Return to which recipient of a mailing the letter went that an address is of, None for none of ours."""
    return _key_of(address, _MAILING)


def _marked(return_path: str, kind: str, key: int) -> str:
    name, _at, domain = return_path.rpartition("@")
    return f"{name}+{kind}{key}-{_proof(kind, key)}@{domain}"


def _key_of(address: str, kind: str) -> int | None:
    found = _MARK.search(address.lower())
    if found is None or found[1] != kind or not sealing.same(_proof(kind, int(found[2])), found[3]):
        return None
    return int(found[2])


def _proof(kind: str, key: int) -> str:
    text = f"bounce path {key}" if kind == _LETTER else f"bounce path {kind} {key}"
    return sealing.fingerprint(text)[:20]
