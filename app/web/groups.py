"""Groups of a list by days: the periods that they fall into, on both databases, and how a reader calls them."""

import calendar
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import format_date

from app.i18n import gettext as _
from app.web import cells

UNITS = ("day", "week", "month", "quarter", "year")
MONTHS_OF_QUARTER = 3
SIX_DAYS = timedelta(days=6)
_PATTERN = {"month": "LLLL y", "quarter": "QQQ y", "year": "y"}


def start_of(day: Any, unit: str, dialect: str) -> Any:
    """Return the SQL expression for the first day of the week, month, quarter or year that a day falls into.

    Nothing in it is a bound value: PostgreSQL must find it equal in SELECT and GROUP BY. Weeks begin on Monday.
    """
    if unit == "day":
        return day
    if dialect != "sqlite":
        return sa.cast(sa.func.date_trunc(sa.literal_column(f"'{UNITS[UNITS.index(unit)]}'"), day), sa.Date)
    steps = {
        "week": ("'-6 days'", "'weekday 1'"),
        "month": ("'start of month'",),
        "quarter": ("'start of month'",),
        "year": ("'start of year'",),
    }[unit]
    modifiers: list[Any] = [sa.literal_column(step) for step in steps]
    if unit == "quarter":
        month = sa.cast(sa.func.strftime(sa.literal_column("'%m'"), day), sa.Integer)
        back = (month - sa.literal_column("1")) % sa.literal_column(str(MONTHS_OF_QUARTER))
        modifiers.append(sa.func.printf(sa.literal_column("'-%d months'"), back))
    return sa.type_coerce(sa.func.date(day, *modifiers), sa.Date)


def days_of(first: date, unit: str) -> tuple[date, date]:
    """Return the first and the last day of a period that begins on a day."""
    if unit == "day":
        return first, first
    if unit == "week":
        return first, first + min(SIX_DAYS, date.max - first)
    month = {"month": first.month, "quarter": first.month + MONTHS_OF_QUARTER - 1, "year": 12}[unit]
    return first, date(first.year, month, calendar.monthrange(first.year, month)[1])


def told_span(first: date | None, unit: str) -> str:
    """Return how a reader calls a period: "March 2026", "16 Mar 2026 – 22 Mar 2026"."""
    if first is None:
        return _("empty")
    if unit in _PATTERN:
        text = str(format_date(first, _PATTERN[unit]))
        return text[:1].upper() + text[1:]
    begins, ends = days_of(first, unit)
    return cells.day(begins) if begins == ends else f"{cells.day(begins)} – {cells.day(ends)}"
