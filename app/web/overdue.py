"""Lateness in words, in the reader's language with its plural forms, and when something is due."""

from datetime import date, datetime, timedelta

from flask_babel import format_date, format_time
from flask_babel import get_timezone as reader_zone

from app.i18n import gettext as _
from app.i18n import ngettext
from app.web.cells import day, moment

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_AHEAD = timedelta(days=7)


def overdue(late: timedelta) -> str:
    """Return how late something is ("2 days overdue"), "" when it is not: days, else hours, else minutes."""
    if late < timedelta():
        return ""
    if late >= DAY:
        return ngettext("%(num)s day overdue", "%(num)s days overdue", late // DAY)
    if late >= HOUR:
        return ngettext("%(num)s hour overdue", "%(num)s hours overdue", late // HOUR)
    minutes = max(late // timedelta(minutes=1), 1)
    return ngettext("%(num)s minute overdue", "%(num)s minutes overdue", minutes)


def overdue_at(due_at: datetime | None, *, at: datetime, is_all_day: bool = False) -> str:
    """Return how late at a moment something is that was due at another, "" when it is not.

    What was due on a day is late by days: since the day has ended.
    """
    if due_at is None or due_at >= at:
        return ""
    if not is_all_day:
        return overdue(at - due_at)
    days = (_day(at) - _day(due_at)).days
    return overdue(max(days, 1) * DAY)


def _day(at: datetime) -> date:
    return at.astimezone(reader_zone()).date()


def due(due_at: datetime | None, *, at: datetime, is_all_day: bool = False) -> str:
    """Return when something is due as one says it: "Today, 14:30", "Tomorrow", "Thursday, 09:00", else its day."""
    if due_at is None:
        return _("Without a date")
    on, today = _day(due_at), _day(at)
    near = {0: _("Today"), 1: _("Tomorrow"), -1: _("Yesterday")}.get((on - today).days)
    if near is None and timedelta() < on - today < WEEK_AHEAD:
        near = str(format_date(on, "EEEE", rebase=False))
        near = near[:1].upper() + near[1:]
    if near is None:
        return day(on) if is_all_day else moment(due_at)
    return near if is_all_day else f"{near}, {format_time(due_at.astimezone(reader_zone()), 'HH:mm', rebase=False)}"


__all__ = ["due", "overdue", "overdue_at"]
