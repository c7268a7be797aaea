"""How much of a long proof is tried: a share of it in every run, all of it with `CRM_PROOF=full` (`make drill`)."""

import os

FULL = os.environ.get("CRM_PROOF") == "full"
SHARES = 1 if FULL else 3


def falls_to(place: int, number: int) -> bool:
    """Say whether the role at a place tries the thing with a number: each is tried by every third role."""
    return (place + number) % SHARES == 0
