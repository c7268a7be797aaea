"""Spans of time in words: "2 days 3 hr", in the reader's language."""

from babel.units import format_unit
from flask_babel import get_locale

_UNITS = (("duration-day", 86_400), ("duration-hour", 3_600), ("duration-minute", 60), ("duration-second", 1))
_SHOWN = 2  # units: who reads of days does not look at seconds


def told(seconds: int) -> str:
    """Return a span in its two largest units, nothing rounded up."""
    parts: list[tuple[str, int]] = []
    left = max(0, seconds)
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((unit, count))
    found = parts[:_SHOWN] or [("duration-second", 0)]
    locale = get_locale() or "en"
    return " ".join(
        format_unit(count, unit, "short", locale=locale) for unit, count in found if count or len(found) == 1
    )
