"""The only reader of the wall clock: everything else is told the time."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return this instant, aware, in UTC."""
    return datetime.now(UTC)


def today(tz: str | ZoneInfo = "UTC") -> date:
    """Return the calendar day of this instant in a time zone ("Asia/Yerevan")."""
    zone = tz if isinstance(tz, ZoneInfo) else ZoneInfo(tz)
    return now().astimezone(zone).date()
