"""What repeats: rules of RFC 5545 ("FREQ=WEEKLY;BYDAY=MO"), read strictly and counted in the owner's own days."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from app.errors import DomainError
from app.i18n import gettext as _

LONGEST = 200
MOST_BETWEEN = 999
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "BYDAY",
        "BYMONTHDAY",
        "BYMONTH",
        "BYSETPOS",
        "WKST",
        "BYYEARDAY",
        "BYWEEKNO",
    }
)
_PART = re.compile(r"([A-Z]+)=([A-Z0-9,+-]{1,60})")
_START = datetime(2020, 1, 1)  # noqa: DTZ001 -- rules are counted on the clock of the wall
_SOME_YEARS = timedelta(days=10 * 366)


def read(text: str) -> str:
    """Return a rule in its usual spelling. Raises DomainError at "recurrence"."""
    typed = "".join(text.split()).upper().removeprefix("RRULE:").rstrip(";")
    parts = [_PART.fullmatch(part) for part in typed.split(";")]
    names = [part[1] for part in parts if part is not None]
    known = {part[1]: part[2] for part in parts if part is not None}
    sound = None not in parts and len(set(names)) == len(names) and _PARTS.issuperset(names)
    interval = known.get("INTERVAL", "1")
    sound = sound and interval.isdecimal() and 1 <= int(interval) <= MOST_BETWEEN
    if not sound or len(typed) > LONGEST or known.get("FREQ") not in FREQUENCIES or {"COUNT", "UNTIL"} <= set(names):
        raise _refusal()
    try:
        _rule(typed, _START)
        bare = ";".join(part for part in typed.split(";") if not part.startswith(("COUNT", "UNTIL")))
        first = next(iter(_rule(bare, _START).replace(until=_START + _SOME_YEARS)), None)
    except (ValueError, OverflowError):
        raise _refusal() from None
    if first is None:  # the thirtieth of February: nobody waits until the calendar ends
        raise _refusal()
    return typed


def _refusal() -> DomainError:
    return DomainError(_("Nobody can read this repetition; FREQ=WEEKLY;BYDAY=MO is every Monday"), field="recurrence")


def _rule(text: str, start: datetime) -> rrule:
    found = rrulestr(_local_until(text), dtstart=start)
    if not isinstance(found, rrule):
        raise ValueError(text)  # noqa: TRY004 -- several rules at once are as wrong as none
    return found


def _local_until(text: str) -> str:
    """Return a rule whose last day is told as the wall clock tells it: dateutil wants both or none with a zone."""
    return re.sub(r"(UNTIL=\d{8})T?(\d{6})?Z?", lambda found: f"{found[1]}T{found[2] or '235959'}", text)


def next_after(text: str, due_at: datetime, after: datetime, zone: ZoneInfo) -> tuple[datetime, str] | None:
    """Return when it is due next, later than `after`, and the rule from then on; None when it was the last time.

    The clock on the wall stays the same when summer begins. A rule that counts has one time less with every one that
    has passed.
    """
    start = due_at.astimezone(zone).replace(tzinfo=None)
    limit = after.astimezone(zone).replace(tzinfo=None)
    for passed, at in enumerate(_rule(text, start)):
        if at > limit and at > start:
            counted = re.search(r"COUNT=(\d+)", text)
            rest = text.replace(counted[0], f"COUNT={int(counted[1]) - passed}") if counted else text
            return at.replace(tzinfo=zone).astimezone(UTC), rest
    return None
