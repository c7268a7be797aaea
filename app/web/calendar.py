"""`CalendarFace`: the records of a list on their days: a month, a week or a day at once.

One range query reads them through the row rule. An entry that is moved to another day is changed like a cell of the
list: where the reader may edit the column of that record in its state, with the version that he has seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from babel.dates import format_date, format_interval, format_time, get_day_names
from flask import abort, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import get_locale

from app import clock
from app.columns import Instant
from app.errors import Conflict, DomainError, NotFound
from app.i18n import gettext as _
from app.web.cells import day as told_day
from app.web.face import Faced, FaceView, day_of, overtaken
from app.web.fields import write_date
from app.web.locale import choose_time_zone
from app.web.records import version_of

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
MOST_ENTRIES = 500
SHOWN_PER_DAY = {"month": 3, "week": 12, "day": MOST_ENTRIES}


@dataclass(frozen=True)
class Calendar:
    """Which days a calendar shows: a column of days or moments, and the last day where a record lasts.

    `title` are the columns that call an entry, `kind` is a column of choices that colours it, `amount` one of money.
    """

    start: str
    end: str | None = None
    title: Sequence[str] = ()
    kind: str = ""
    amount: str = ""


@dataclass(frozen=True)
class Entry:
    """A record on a day."""

    record: Any
    title: str
    kind: str
    kind_label: str
    at: str
    version: int
    may_move: bool


@dataclass(frozen=True)
class Day:
    """A day with its entries; `more` is how many of them it has no room for, `marks` what else is to be said of it."""

    on: date
    name: str
    is_today: bool
    is_outside: bool
    entries: Sequence[Entry]
    more: int
    marks: Sequence[Any] = ()


@dataclass(frozen=True)
class Shown:
    """A calendar as it is asked for: its first and last day, what it is called, where one goes from it."""

    span: str
    on: date
    first: date
    last: date
    title: str
    before: date
    after: date


class CalendarFace(FaceView):
    """Calendars by declaration; see the module's text."""

    calendars: ClassVar[Sequence[Calendar]] = ()

    @expose("/calendar")
    @has_access
    @permission_name("see")
    def show_calendar(self) -> Any:
        """Show the records on their days."""
        wish = self.asked()
        calendar = self._calendar(wish)
        today = clock.today(choose_time_zone())
        shown = shown_of(wish.span or "month", day_of(wish.on) or today)
        rows = self._within(calendar, wish, shown)
        days = self._days(calendar, shown, rows[:MOST_ENTRIES], today)
        return self.face_page(
            "calendar",
            wish,
            count=min(len(rows), MOST_ENTRIES),
            calendar=calendar,
            shown=shown,
            today=today,
            weeks=[days[at : at + 7] for at in range(0, len(days), 7)],
            day_names=day_names("wide"),
            is_capped=len(rows) > MOST_ENTRIES,
            most=MOST_ENTRIES,
            iso=write_date,
        )

    def day_marks(self, shown: Shown) -> Mapping[date, Sequence[Any]]:  # noqa: ARG002
        """Return what is to be said of the days themselves, such as holidays; views that know of some say it."""
        return {}

    def _calendar(self, wish: Faced) -> Calendar:
        return next((each for each in self.calendars if each.start == wish.start), self.calendars[0])

    def _within(self, calendar: Calendar, wish: Faced, shown: Shown) -> Sequence[Any]:
        """Return the records that touch the days, one more than are shown."""
        entity = self.datamodel.obj
        start = getattr(entity, calendar.start)
        ends = sa.func.coalesce(getattr(entity, calendar.end), start) if calendar.end else start
        first, beyond = bounds(start, shown)
        names = [name.partition(".")[0] for name in calendar.title]
        query = self.selection(wish).filter(start < beyond, ends >= first).options(*self.loaders_of(names))
        found: Sequence[Any] = (
            query.order_by(None).order_by(start, self.datamodel.get_pk()).limit(MOST_ENTRIES + 1).all()
        )
        return found

    def _days(self, calendar: Calendar, shown: Shown, rows: Sequence[Any], today: date) -> list[Day]:
        """Return every day from the first to the last with what lies on it."""
        on_day: dict[date, list[Entry]] = {}
        for record in rows:
            start = local_day(getattr(record, calendar.start))
            end = (local_day(getattr(record, calendar.end)) if calendar.end else None) or start
            entry = self._entry(calendar, record)
            at = max(start, shown.first)
            while at <= min(end, shown.last):
                on_day.setdefault(at, []).append(entry)
                at += DAY
        most, names, marks = SHOWN_PER_DAY[shown.span], day_names("wide"), self.day_marks(shown)
        found = []
        for place in range((shown.last - shown.first).days + 1):
            at = shown.first + place * DAY
            entries = on_day.get(at, [])
            fits = len(entries) if len(entries) <= most + 1 else most  # "1 more" would take the place of that one
            outside = shown.span == "month" and at.month != shown.on.month
            name = names[place % 7] if shown.span != "day" else ""
            told = marks.get(at, ())
            found.append(Day(at, name, at == today, outside, entries[:fits], len(entries) - fits, told))
        return found

    def _entry(self, calendar: Calendar, record: Any) -> Entry:
        value = getattr(record, calendar.start)
        kind = getattr(record, calendar.kind, None) if calendar.kind else None
        has_time = isinstance(value, datetime) and not getattr(record, "is_all_day", False)
        words = [str(found) for name in calendar.title if (found := getattr(record, name, None))]
        return Entry(
            record,
            " · ".join(words) or str(record),
            str(kind.value if kind is not None else ""),
            str(self.value(record, calendar.kind).striptags()) if kind is not None else "",
            format_time(value, "short", tzinfo=zone(), locale=get_locale()) if has_time else "",
            version_of(record),
            self.may_change(record, calendar.start),
        )

    @expose("/calendar/<int:pk>", methods=["POST"])
    @has_access
    @permission_name("see")
    def move_day(self, pk: int) -> Any:
        """Move an entry to another day, or say why it stays."""
        wish = self.asked()
        calendar, record = self._calendar(wish), self._found(str(pk))
        home, to = wish.address(f"{self.route_base}/calendar"), day_of(request.form.get("to", ""))
        if to is None:
            return self.refused_move(_("This is not a date."), home)
        if not self.may_change(record, calendar.start):
            text = _(
                "%(name)s stays on its day: you may not change “%(field)s” of it now.", **self._about(record, calendar)
            )
            return self.refused_move(text, home)
        standing = getattr(record, calendar.start)
        before = local_day(standing)
        try:
            record = self.change_value(record, calendar.start, self._typed_day(standing, to))
        except NotFound:
            abort(404)
        except Conflict:
            return self.refused_move(overtaken(), home)
        except DomainError as refusal:
            return self.refused_move(str(refusal), home)
        text = _("%(name)s is now on %(day)s.", name=str(record), day=told_day(to))
        told = {"to": str(before), "record_version": str(version_of(record))}
        url = wish.address(f"{self.route_base}/calendar/{pk}")
        return self.moved(text, home, undo=(_("Undo"), url, told))

    def _about(self, record: Any, calendar: Calendar) -> Mapping[str, str]:
        return {"name": str(record), "field": self.label(calendar.start)}

    @staticmethod
    def _typed_day(standing: Any, to: date) -> str:
        """Return a day as its field reads it; a moment keeps its time of the day."""
        if not isinstance(standing, datetime):
            return to.isoformat()
        return f"{write_date(to)} {standing.astimezone(zone()):%H:%M}"


# --- days -------------------------------------------------------------------------------------------------------------


def first_of_week(day: date) -> date:
    """Return the first day of a day's week in the reader's locale."""
    return day - timedelta(days=(day.weekday() - get_locale().first_week_day) % 7)


def shown_of(span: str, on: date) -> Shown:
    """Return what a calendar shows around a day."""
    locale = get_locale()
    if span == "day":
        return Shown(span, on, on, on, format_date(on, "full", locale=locale), on - DAY, on + DAY)
    if span == "week":
        first = first_of_week(on)
        last = first + WEEK - DAY
        return Shown(span, on, first, last, told_span(first, last), on - WEEK, on + WEEK)
    start = on.replace(day=1)
    next_month = (start + timedelta(days=32)).replace(day=1)
    first, end = first_of_week(start), next_month - DAY
    last = first_of_week(end) + WEEK - DAY
    title = format_date(start, "LLLL y", locale=locale)
    return Shown(span, on, first, last, title[:1].upper() + title[1:], (start - DAY).replace(day=1), next_month)


def told_span(first: date, last: date) -> str:
    """Return a span of days in words: "2 – 8 Nov 2026"."""
    return str(format_interval(first, last, "yMMMd", locale=get_locale()))


def day_names(width: Any) -> list[str]:
    """Return the names of the days in the order of the reader's week."""
    locale = get_locale()
    names = get_day_names(width, context="stand-alone", locale=locale)
    return [names[(locale.first_week_day + place) % 7] for place in range(7)]


def zone() -> ZoneInfo:
    """Return the reader's time zone."""
    return ZoneInfo(choose_time_zone())


def local_day(value: Any) -> Any:
    """Return the day of a day or of a moment, for the reader."""
    return value.astimezone(zone()).date() if isinstance(value, datetime) else value


def bounds(column: Any, shown: Shown) -> tuple[Any, Any]:
    """Return the first value within the shown days and the first one after them, in the column's type."""
    after = shown.last + DAY
    if not isinstance(column.type, Instant):
        return shown.first, after
    begins, ends = (datetime.combine(day, time(), zone()).astimezone(UTC) for day in (shown.first, after))
    return begins, ends
