"""Legal numbers: without gaps, without duplicates, in the order of their dates.

A number is taken as the last thing of the transaction that issues the document. It locks the series and its counter
until the commit, so the next one waits; a rollback gives it back, so none can be missing. On SQLite the whole
transaction has been alone since its BEGIN IMMEDIATE.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NoReturn

from sqlalchemy import Dialect, exists, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.number_series import NumberCounter, NumberSeries, Restart, SeriesKind
from app.models.organisation import Organisation
from app.services import period as periods
from app.services.collected import Collected
from app.services.text import line

LONGEST = 60
_PLACE = re.compile(r"\{(prefix|year|yy|month|n)(?::0(\d))?\}")
_PREFIXES = {
    SeriesKind.sale_order: "SO-",
    SeriesKind.invoice: "INV-",
    SeriesKind.credit_note: "CN-",
    SeriesKind.quote: "Q-",
    SeriesKind.delivery: "D-",
    SeriesKind.contract: "C-",
}
_FROZEN = ("organisation_id", "kind", "prefix", "pattern", "restart")
_MOST_PADDING = 9


@dataclass(frozen=True, slots=True)
class Number:
    """A taken number: the printed text, and the period and count behind it."""

    text: str
    period: str
    n: int


def take(session: Session, series: NumberSeries, *, on: date, today: date) -> Number:
    """Take the next number of a series for a document of a day.

    Raises DomainError at "on" for a day after today, in a closed period, or before the last number's day.
    """
    refuse_day(series.organisation, on=on, today=today)
    lock(session, series)
    period = period_of(series.restart, on)
    n = session.execute(
        _next(session.get_bind().dialect),
        {"series_id": series.id, "period": period, "first": 1, "last": 1, "last_on": on},
    ).scalar()
    if n is None:
        _refuse_earlier(_last_day(session, series, period))
    return Number(written(series, on=on, n=n), period, n)


def check(session: Session, series: NumberSeries, *, on: date, today: date) -> None:
    """Raise what `take` would raise now, without taking or locking anything."""
    refuse_day(series.organisation, on=on, today=today)
    last_on = _last_day(session, series, period_of(series.restart, on))
    if last_on is not None and on < last_on:
        _refuse_earlier(last_on)


def lock(session: Session, series: NumberSeries) -> None:
    """Let nobody else number or chain in this series before the transaction ends."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(NumberSeries.id).where(NumberSeries.id == series.id).with_for_update(key_share=True))


def refuse_day(organisation: Organisation, *, on: date, today: date) -> None:
    """Raise DomainError at "on" for a day after today or in a closed period."""
    if on > today:
        raise DomainError(_("The date cannot be after today, %(day)s", day=today.isoformat()), field="on")
    periods.refuse_locked(organisation, on, "on")


def _next(dialect: Dialect) -> ReturningInsert[int]:
    """Return the statement that counts on, or begins with 1; it returns no row for a day before the last one."""
    insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    statement = insert(NumberCounter.__table__)  # type: ignore[arg-type]  # the table itself: no flush before it
    return statement.on_conflict_do_update(
        index_elements=[NumberCounter.series_id, NumberCounter.period],
        set_={"last": NumberCounter.last + 1, "last_on": statement.excluded.last_on},
        where=NumberCounter.last_on <= statement.excluded.last_on,
    ).returning(NumberCounter.last)


def _last_day(session: Session, series: NumberSeries, period: str) -> date | None:
    """Return the day of the last number of a period."""
    counter = (NumberCounter.series_id == series.id, NumberCounter.period == period)
    return session.scalar(select(NumberCounter.last_on).where(*counter))


def _refuse_earlier(last_on: date | None) -> NoReturn:
    raise DomainError(
        _("The last number of this series is of %(day)s; the next cannot be of an earlier day", day=str(last_on)),
        field="on",
    )


def period_of(restart: Restart, on: date) -> str:
    """Return the period in which a day's documents are counted: "2026", "2026-03" or ""."""
    if restart == Restart.never:
        return ""
    return f"{on:%Y}" if restart == Restart.yearly else f"{on:%Y-%m}"


def written(series: NumberSeries, *, on: date, n: int) -> str:
    """Write a number by the pattern of its series."""
    values = {"prefix": series.prefix, "year": f"{on:%Y}", "yy": f"{on:%y}", "month": f"{on:%m}", "n": str(n)}
    return _PLACE.sub(lambda place: values[place[1]].zfill(int(place[2] or 0)), series.pattern)


def save(session: Session, series: NumberSeries) -> None:
    """Bring a series into its normal form and add it to the session.

    The default of its kind is the one saved last as such. What was numbered with is not changed any more.
    Raises Refusals at the fields.
    """
    with session.no_autoflush:
        found = Collected()
        prefix = found.take("prefix", partial(line, series.prefix or "", limit=20))
        pattern = found.take("pattern", partial(line, series.pattern or "", limit=LONGEST))
        restart = series.restart or Restart.yearly
        if pattern is not None:
            found.take("pattern", lambda: _refuse_pattern(pattern, restart))
        found.settle()
        series.prefix, series.pattern, series.restart = prefix or "", pattern or "", restart
        if inspect(series).persistent and is_used(session, series):
            for name in _FROZEN:
                if inspect(series).attrs[name].history.has_changes():
                    found.refuse(name.removesuffix("_id"), _("This series has numbers already; make a new one"))
        found.settle()
        if series.is_default or series.is_default is None:
            _be_the_default(session, series)
        session.add(series)


def _refuse_pattern(pattern: str, restart: Restart) -> None:
    places = [place[1] for place in _PLACE.finditer(pattern)]
    if places.count("n") != 1:
        raise DomainError(_("The pattern needs {n} once, the place of the number"))
    if re.search(r"[{}]", _PLACE.sub("", pattern)):
        raise DomainError(_("The pattern may hold {prefix}, {year}, {yy}, {month} and {n} or {n:05}"))
    if any(place[2] and place[1] != "n" for place in _PLACE.finditer(pattern)):
        raise DomainError(_("Only the number itself can be padded with zeros"))
    if restart != Restart.never and not {"year", "yy"} & set(places):
        raise DomainError(_("Numbers that begin again every year need the year in them"))
    if restart == Restart.monthly and "month" not in places:
        raise DomainError(_("Numbers that begin again every month need the month in them"))


def _be_the_default(session: Session, series: NumberSeries) -> None:
    organisation_id = series.organisation_id or (series.organisation.id if series.organisation else None)
    if organisation_id is None:
        return
    others = (
        NumberSeries.organisation_id == organisation_id,
        NumberSeries.kind == series.kind,
        NumberSeries.is_default,
        NumberSeries.id != (series.id or 0),
    )
    # at once, before the new default is stored: there is only one at any time
    session.execute(update(NumberSeries).where(*others).values(is_default=False))
    series.is_default = True


def is_used(session: Session, series: NumberSeries) -> bool:
    """Say whether a series has given a number."""
    return bool(session.scalar(select(exists().where(NumberCounter.series_id == series.id))))


def default(session: Session, organisation: Organisation, kind: SeriesKind) -> NumberSeries | None:
    """Return the series that documents of a kind are numbered from when they name none."""
    with session.no_autoflush:
        return session.scalar(
            select(NumberSeries).where(
                NumberSeries.organisation_id == organisation.id, NumberSeries.kind == kind, NumberSeries.is_default
            )
        )


def ensured(session: Session, organisation: Organisation, kind: SeriesKind) -> NumberSeries:
    """Return the default series of a kind, making it where it is lacking: for documents that need no legal number."""
    return default(session, organisation, kind) or _make_default(session, organisation, kind)


def make_defaults(session: Session, organisation: Organisation) -> list[NumberSeries]:
    """Make the series that an organisation lacks, one for each kind of document, and return all defaults."""
    return [ensured(session, organisation, kind) for kind in SeriesKind]


def _make_default(session: Session, organisation: Organisation, kind: SeriesKind) -> NumberSeries:
    series = NumberSeries(organisation=organisation, kind=kind, prefix=_PREFIXES[kind])
    series.pattern, series.restart, series.is_default = "{prefix}{year}-{n:05}", Restart.yearly, True
    save(session, series)
    session.flush()
    return series


def start_at(session: Session, series: NumberSeries, *, next_n: int, on: date) -> None:
    """Let a series that has given no number in a day's period begin there with `next_n`: one that moved here.

    Raises DomainError at "next_n".
    """
    period = period_of(series.restart, on)
    if _last_day(session, series, period) is not None:
        raise DomainError(_("This series has numbers already; make a new one"), field="next_n")
    if not 1 < next_n < 10**_MOST_PADDING:
        raise DomainError(_("This is no number to go on with"), field="next_n")
    session.add(NumberCounter(series_id=series.id, period=period, first=next_n, last=next_n - 1, last_on=on))
    session.flush()
