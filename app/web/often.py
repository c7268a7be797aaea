"""How often an address asks for what is not there: counted in this process alone, since reading writes nothing."""

from collections import OrderedDict
from datetime import datetime, timedelta
from math import ceil

from flask import current_app

from app.services import lockout

WINDOW = timedelta(minutes=10)
FREE = 100  # in a window; a link of 64 digits is not guessed with them
MOST = 10_000  # addresses that are kept
_KEPT = "dead_links"


def refuse_too_often(address: str, *, at: datetime) -> None:
    """Count a miss of an address. Raises TooManyTries after too many in one window."""
    kept: OrderedDict[str, tuple[datetime, int]] = current_app.extensions.setdefault(_KEPT, OrderedDict())
    since, count = kept.pop(address, (at, 0))
    if at - since >= WINDOW:
        since, count = at, 0
    kept[address] = (since, count + 1)
    if len(kept) > MOST:
        kept.popitem(last=False)
    if count >= FREE:
        wait = since + WINDOW - at
        raise lockout.refusal(timedelta(seconds=ceil(wait.total_seconds())))
