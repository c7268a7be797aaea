"""Days of charts: moments as days of the reader in SQL, periods without gaps, and how long ago a day is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.i18n import gettext as _
from app.web.filters import Wanted
from app.web.groups import MONTHS_OF_QUARTER, UNITS, days_of

MOST_PERIODS = 400
STEP = timedelta(days=7)  # no zone changes its clocks twice within it
_FIRST_CHANGE = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_CHANGE = datetime(2100, 1, 1, tzinfo=UTC)


# --- moments ----------------------------------------------------------------------------------------------------------


def day_of(moment: Any, *, zone: str, first: datetime, last: datetime, dialect: str) -> Any:
    """Return the SQL expression for the reader's day of a moment between two.

    PostgreSQL knows time zones, and finds the expression equal wherever it stands: the zone is no bound value. SQLite
    is told how far the zone's clocks were from UTC, and until when.
    """
    if dialect != "sqlite":
        return sa.cast(sa.func.timezone(sa.literal(zone, sa.Text, literal_execute=True), moment), sa.Date)
    *changing, (_until, rest) = offsets(ZoneInfo(zone), first, last)
    shift: Any = f"{rest:+d} seconds"
    if changing:
        shift = sa.case(*((moment < until, f"{seconds:+d} seconds") for until, seconds in changing), else_=shift)
    return sa.type_coerce(sa.func.date(moment, shift), sa.Date)


def day_in(moment: Any, zone: str) -> date:
    """Return the day that a moment is on for a reader."""
    return moment.astimezone(ZoneInfo(zone)).date()


def offsets(zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[datetime, int]]:
    """Return how many seconds a zone's clocks are ahead of UTC, each with the moment up to which they are."""
    found: list[tuple[datetime, int]] = []
    at, end = max(first, _FIRST_CHANGE), min(last, _LAST_CHANGE)
    while at < end:
        after = min(at + STEP, end)
        if _ahead(zone, at) != _ahead(zone, after):
            found.append((_change(zone, at, after), _ahead(zone, at)))
        at = after
    return [*found, (last, _ahead(zone, max(at, _FIRST_CHANGE)))]


def _ahead(zone: ZoneInfo, at: datetime) -> int:
    return int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the moment between two, to the second, at which the clocks are changed."""
    begins, ends = int(before.timestamp()), int(after.timestamp())
    was = _ahead(zone, before)
    while ends - begins > 1:
        middle = (begins + ends) // 2
        begins, ends = (middle, ends) if _ahead(zone, datetime.fromtimestamp(middle, UTC)) == was else (begins, middle)
    return datetime.fromtimestamp(ends, UTC)


# --- periods ----------------------------------------------------------------------------------------------------------


def begin_of(day: date, grain: str) -> date:
    """Return the first day of the period that a day falls into."""
    if grain == "week":
        return day - min(timedelta(days=day.weekday()), day - date.min)
    month = {"month": day.month, "quarter": (day.month - 1) // MONTHS_OF_QUARTER * MONTHS_OF_QUARTER + 1, "year": 1}
    return day if grain == "day" else date(day.year, month[grain], 1)


def periods(first: date, last: date, grain: str) -> Iterator[date]:
    """Yield the first days of all periods between two days."""
    at = begin_of(first, grain)
    while at <= last:
        yield at
        ends = days_of(at, grain)[1]
        if ends == date.max:
            return
        at = ends + timedelta(days=1)


def fitting(first: date, last: date, grain: str) -> str:
    """Return the grain, or the next coarser one by which the days make few enough periods to be looked at."""
    days = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
    wider = UNITS[UNITS.index(grain) :]
    return next((unit for unit in wider if (last - first).days // days[unit] < MOST_PERIODS), wider[-1])


# --- ages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Age:
    """A span of days by how long ago they are: from `least` to `most` days, negative for days to come."""

    text: str
    least: int | None
    most: int | None

    def filters(self, column: str, today: date) -> tuple[Wanted, ...]:
        """Return the filters that find these days."""
        found = [] if self.most is None else [Wanted(column, "ge", str(today - timedelta(days=self.most)))]
        if self.least is not None:
            found.append(Wanted(column, "le", str(today - timedelta(days=self.least))))
        return tuple(found)


def ages() -> tuple[Age, ...]:
    """Return the spans that debts are usually sorted by, those to come first."""
    return (
        Age(_("Still to come"), None, -1),
        Age(_("0–30 days ago"), 0, 30),
        Age(_("31–60 days ago"), 31, 60),
        Age(_("61–90 days ago"), 61, 90),
        Age(_("Over 90 days ago"), 91, None),
    )


def age_of(day: Any, today: date) -> Any:
    """Return the SQL expression for the place of a day's age among `ages`."""
    ends = [(at, one.most) for at, one in enumerate(ages()) if one.most is not None]
    spans = [(day >= today - timedelta(days=most), at) for at, most in ends]
    return sa.case(*spans, (day.is_not(None), len(spans)))
