"""Days named from today: "last month", "next 7 days"; what they mean moves on with the calendar."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.i18n import lazy_gettext as _l

DAYS_OF_WEEK = 7
MONTHS_OF_YEAR = 12
MONTHS_OF_QUARTER = 3
Span = tuple[date, date]  # the first day, and the first one after the last


def _days(first: int, count: int) -> Callable[[date], Span]:
    def span(today: date) -> Span:
        begins = today + timedelta(days=first)
        return begins, begins + timedelta(days=count)

    return span


def _weeks(shift: int) -> Callable[[date], Span]:
    def span(today: date) -> Span:
        begins = today - timedelta(days=today.weekday()) + timedelta(weeks=shift)
        return begins, begins + timedelta(days=DAYS_OF_WEEK)

    return span


def _month(day: date, shift: int) -> date:
    number = day.year * MONTHS_OF_YEAR + day.month - 1 + shift
    return date(number // MONTHS_OF_YEAR, number % MONTHS_OF_YEAR + 1, 1)


def _months(shift: int, count: int = 1) -> Callable[[date], Span]:
    def span(today: date) -> Span:
        begins = _month(today.replace(month=(today.month - 1) // count * count + 1), shift * count)
        return begins, _month(begins, count)

    return span


PERIODS: dict[str, tuple[Any, Callable[[date], Span]]] = {
    "today": (_l("Today"), _days(0, 1)),
    "yesterday": (_l("Yesterday"), _days(-1, 1)),
    "tomorrow": (_l("Tomorrow"), _days(1, 1)),
    "this_week": (_l("This week"), _weeks(0)),
    "last_week": (_l("Last week"), _weeks(-1)),
    "next_week": (_l("Next week"), _weeks(1)),
    "this_month": (_l("This month"), _months(0)),
    "last_month": (_l("Last month"), _months(-1)),
    "next_month": (_l("Next month"), _months(1)),
    "this_quarter": (_l("This quarter"), _months(0, MONTHS_OF_QUARTER)),
    "last_quarter": (_l("Last quarter"), _months(-1, MONTHS_OF_QUARTER)),
    "this_year": (_l("This year"), _months(0, MONTHS_OF_YEAR)),
    "last_year": (_l("Last year"), _months(-1, MONTHS_OF_YEAR)),
    "last_7_days": (_l("Last 7 days"), _days(-6, 7)),
    "last_30_days": (_l("Last 30 days"), _days(-29, 30)),
    "last_90_days": (_l("Last 90 days"), _days(-89, 90)),
    "next_7_days": (_l("Next 7 days"), _days(0, 7)),
    "next_30_days": (_l("Next 30 days"), _days(0, 30)),
}


def span(name: str, *, today: date) -> Span:
    """Return the days of a period: the first one, and the first one after it. Raises KeyError for an unknown name."""
    return PERIODS[name][1](today)
