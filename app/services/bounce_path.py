"""The address to which a letter comes back: with a mark of ours, by which it is known without its Message-ID."""

import re

from app.services import sealing

_MARK = re.compile(r"\+l([1-9][0-9]{0,17})-([0-9a-f]{20})@")


def of_letter(return_path: str, letter_id: int) -> str:
    """Return the address of the envelope of one letter (VERP): "bounces+l17-…@example.com"."""
    name, _at, domain = return_path.rpartition("@")
    return f"{name}+l{letter_id}-{_proof(letter_id)}@{domain}"


def letter_of(address: str) -> int | None:
    """Return which letter an address is of, None for one that we have not written."""
    found = _MARK.search(address.lower())
    if found is None or not sealing.same(_proof(int(found[1])), found[2]):
        return None
    return int(found[1])


def _proof(letter_id: int) -> str:
    return sealing.fingerprint(f"bounce path {letter_id}")[:20]
