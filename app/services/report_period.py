"""Periods of reports: named ones that move with the day, those typed in, what came before them, and their parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.services.sales_plan import month_after

DAY = timedelta(days=1)
GRAINS = ("day", "week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
NAMED = (
    *("this_month", "last_month", "this_quarter", "last_quarter", "this_year", "last_year"),
    *("last_12_months", "last_30_days"),
)
OWN = "own"  # from a day to a day
YEARS = (1970, 2199)


@dataclass(frozen=True)
class Span:
    """Days from the first to the last, both within."""

    first: date
    last: date

    @property
    def months(self) -> int:
        """Return how many whole months it is, 0 where it begins or ends within one."""
        after = self.last + DAY
        if self.first.day != 1 or after.day != 1:
            return 0
        return (after.year - self.first.year) * 12 + after.month - self.first.month

    def starts(self, grain: str) -> Iterator[date]:
        """Yield the first days of the parts that it touches."""
        start = start_of(self.first, grain)
        while start <= self.last:
            yield start
            start = next_of(start, grain)

    def part(self, start: date, grain: str) -> "Span":
        """Return the days of a part that lie within."""
        return Span(max(start, self.first), min(next_of(start, grain) - DAY, self.last))


@dataclass(frozen=True)
class Former:
    """What a span is compared with, and how far its days lie before it: months, else days."""

    span: Span
    months: int = 0
    days: int = 0

    def moved(self, day: date) -> date:
        """Return the day of the later span that stands for one of the former."""
        return shifted(day, self.months) if self.months else day + timedelta(days=self.days)


def named(name: str, today: date) -> Span:
    """Return a named period on a day; KeyError for a name that is none."""
    month, quarter, year = (start_of(today, grain) for grain in ("month", "quarter", "year"))
    return {
        "this_month": Span(month, month_after(month, 1) - DAY),
        "last_month": Span(month_after(month, -1), month - DAY),
        "this_quarter": Span(quarter, month_after(quarter, 3) - DAY),
        "last_quarter": Span(month_after(quarter, -3), quarter - DAY),
        "this_year": Span(year, month_after(year, 12) - DAY),
        "last_year": Span(month_after(year, -12), year - DAY),
        "last_12_months": Span(month_after(month, -11), month_after(month, 1) - DAY),
        "last_30_days": Span(today - 29 * DAY, today),
    }[name]


def before(span: Span) -> Former:
    """Return the period of the same length that ends where one begins: whole months where it is of whole months."""
    if span.months:
        return Former(Span(month_after(span.first, -span.months), span.first - DAY), months=span.months)
    days = (span.last - span.first).days + 1
    return Former(Span(span.first - days * DAY, span.first - DAY), days=days)


def year_ago(span: Span) -> Former:
    """Return the same days a year before; a February that ends a span does so in both years."""
    last = shifted(span.last, -12)
    if (span.last + DAY).day == 1:
        last = month_after(span.last.replace(day=1), -11) - DAY
    return Former(Span(shifted(span.first, -12), last), months=12)


def shifted(day: date, months: int) -> date:
    """Return the same day of another month, its last one where it has no such day."""
    start = month_after(day.replace(day=1), months)
    return min(start.replace(day=1) + timedelta(days=day.day - 1), month_after(start, 1) - DAY)


def start_of(day: date, grain: str) -> date:
    """Return the first day of the part that a day lies in; weeks begin on Monday."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    if grain == "day":
        return day
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[grain]
    return date(day.year, month, 1)


def next_of(start: date, grain: str) -> date:
    """Return the first day of the next part."""
    if grain in MONTHS:
        return month_after(start, MONTHS[grain])
    return start + (7 * DAY if grain == "week" else DAY)
