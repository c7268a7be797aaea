"""Working time: the hours that somebody's schedule has, without holidays, and who is away.

A due time in working time (`add`) and the working time between two moments (`between`) are inverse: what is added to a
moment stands between it and the result. Hours are those of the wall clock in the schedule's time zone; on the day on
which clocks change they last as long as they really do. Being away moves no due time: whoever waits, waits.
In loops load a `Calendar` once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from sqlalchemy import and_, select, union
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.substitution import Substitution
from app.models.team import UserProfile
from app.models.work_schedule import Absence, CompanyHoliday, Hours, WorkSchedule

FURTHEST_DAYS = 3_660  # a schedule without hours would be walked for ever
USUAL = ((9 * 60, 18 * 60),)  # where nobody has said otherwise: Monday to Friday
_MINUTE = timedelta(minutes=1)
_NIGHT = time()
Span = tuple[datetime, datetime]


@dataclass
class Calendar:
    """The working days of one schedule, loaded once.

    Shape: `week` holds the hours of Monday to Sunday; `own` the company's days: date → (name, whether one works).
    """

    zone: ZoneInfo
    week: tuple[tuple[Hours, ...], ...]
    country: str | None = None
    region: str | None = None
    own: Mapping[date, tuple[str, bool]] = field(default_factory=dict)
    _known: dict[date, list[Span]] = field(default_factory=dict)

    def holiday(self, day: date, *, language: str = "en") -> str:
        """Return the name of the holiday that a day is, "" when it is none."""
        if day in self.own:
            name, is_working = self.own[day]
            return "" if is_working else name
        return public_holidays(self.country, self.region, day.year, language).get(day, "")

    def hours(self, day: date) -> tuple[Hours, ...]:
        """Return the hours of a day as the clock on the wall shows them, none on a day off."""
        usual = self.week[day.weekday()]
        if day in self.own and self.own[day][1]:  # at work although it is Saturday, or a holiday
            return usual or next((each for each in self.week if each), ())
        return () if self.holiday(day) else usual

    def spans(self, day: date) -> list[Span]:
        """Return the hours of a day as moments, in order, none within another."""
        found = self._known.get(day)
        if found is None:
            night, found = datetime.combine(day, _NIGHT), []
            for begin, end in sorted(self.hours(day)):
                first = self._moment(night, begin)
                last = self._moment(night, end)
                first = max(first, found[-1][1]) if found else first
                if first < last:  # else the clocks were put forward over it
                    found.append((first, last))
            self._known[day] = found
        return found

    def _moment(self, night: datetime, minute: int) -> datetime:
        return (night + minute * _MINUTE).replace(tzinfo=self.zone).astimezone(UTC)

    def _from(self, start: datetime, days: int) -> Iterator[Span]:
        """Give the spans from a moment on, the first cut to it, of so many days."""
        first = start.astimezone(self.zone).date() - timedelta(days=1)  # hours may reach over midnight of UTC
        for ahead in range(days + 2):
            for begin, end in self.spans(first + timedelta(days=ahead)):
                if end > start:
                    yield max(begin, start), end

    def add(self, start: datetime, minutes: int) -> datetime:
        """Return the moment by which so many minutes of working time have passed since another.

        Raises DomainError when the schedule has too few hours for it.
        """
        left = minutes * _MINUTE
        if left <= timedelta():
            return start.astimezone(UTC)
        for begin, end in self._from(start.astimezone(UTC), FURTHEST_DAYS):
            if end - begin >= left:
                return begin + left
            left -= end - begin
        raise DomainError(_("The work schedule has no hours"))

    def between(self, start: datetime, end: datetime) -> int:
        """Return the whole minutes of working time between two moments, negative when the second is earlier."""
        if end < start:
            return -self.between(end, start)
        until = end.astimezone(UTC)
        passed = timedelta()
        for first, last in self._from(start.astimezone(UTC), (end - start).days + 1):
            if first >= until:
                break
            passed += min(last, until) - first
        return passed // _MINUTE

    def is_working(self, at: datetime) -> bool:
        """Say whether a moment lies within working time."""
        local = at.astimezone(self.zone).date()
        return any(begin <= at < end for begin, end in self.spans(local))


@lru_cache(maxsize=512)
def public_holidays(country: str | None, region: str | None, year: int, language: str = "en") -> dict[date, str]:
    """Return the public holidays of a country in a year by day, none of a country that nobody has written down."""
    if country is None or country not in _supported():
        return {}
    regions = _supported()[country]
    part = region if region is not None and region in regions else None
    kind = getattr(holidays, country, None)
    languages = getattr(kind, "supported_languages", ())
    spoken = next((each for each in (language, "en_US", "en_GB") if each in languages), None)
    return dict(holidays.country_holidays(country, subdiv=part, years=year, language=spoken).items())


@lru_cache(maxsize=1)
def _supported() -> Mapping[str, Iterable[str]]:
    found: Mapping[str, Iterable[str]] = holidays.list_supported_countries()
    return found


# --- loading ----------------------------------------------------------------------------------------------------------


def load(session: Session, *, user_id: int | None = None) -> Calendar:
    """Return the calendar of somebody, or of the company."""
    return load_all(session, [user_id])[user_id]


def load_all(session: Session, user_ids: Iterable[int | None]) -> dict[int | None, Calendar]:
    """Return the calendars of several people, None standing for the company; two or three statements, however many."""
    wanted = set(user_ids)
    theirs = and_(
        UserProfile.work_schedule_id == WorkSchedule.id,
        UserProfile.user_id.in_(sorted(each for each in wanted if each is not None)),
    )
    rows = session.execute(
        select(WorkSchedule, UserProfile.user_id).outerjoin(UserProfile, theirs).order_by(WorkSchedule.id)
    ).all()
    schedules: dict[int, WorkSchedule] = {schedule.id: schedule for schedule, _user_id in rows}
    chosen = {user_id: schedule.id for schedule, user_id in rows if user_id is not None}
    usual = next((one for one in schedules.values() if one.is_default), None)
    own = list(session.execute(select(CompanyHoliday).order_by(CompanyHoliday.id)).scalars())
    made: dict[int | None, Calendar] = {}
    found: dict[int | None, Calendar] = {}
    for user_id in wanted:
        schedule = schedules.get(chosen.get(user_id, 0) if user_id is not None else 0, usual)
        key = schedule.id if schedule is not None else None
        if key not in made:
            made[key] = _calendar(schedule, own) if schedule is not None else _without_schedule(session, own)
        found[user_id] = made[key]
    return found


def _calendar(schedule: WorkSchedule, own: Iterable[CompanyHoliday]) -> Calendar:
    week = tuple(schedule.hours(weekday) for weekday in range(7))
    return Calendar(ZoneInfo(schedule.time_zone), week, schedule.country, schedule.region, _own(own, schedule.country))


def _without_schedule(session: Session, own: Iterable[CompanyHoliday]) -> Calendar:
    """Return Monday to Friday, nine to six, where our first company is."""
    found = session.execute(
        select(Organisation.time_zone, Organisation.country).order_by(Organisation.id).limit(1)
    ).first()
    zone, country = (found.time_zone, found.country) if found is not None else ("UTC", None)
    return Calendar(ZoneInfo(zone), (USUAL,) * 5 + ((),) * 2, country, None, _own(own, country))


def _own(own: Iterable[CompanyHoliday], country: str | None) -> dict[date, tuple[str, bool]]:
    return {one.held_on: (one.name, one.is_working) for one in own if one.country in {None, country}}


def add(session: Session, start: datetime, minutes: int, *, user_id: int | None = None) -> datetime:
    """Return when so many minutes of somebody's working time, or the company's, have passed since a moment."""
    return load(session, user_id=user_id).add(start, minutes)


def between(session: Session, start: datetime, end: datetime, *, user_id: int | None = None) -> int:
    """Return the minutes of somebody's working time, or of the company's, between two moments."""
    return load(session, user_id=user_id).between(start, end)


# --- who is away ------------------------------------------------------------------------------------------------------


def absent(session: Session, day: date) -> set[int]:
    """Return who is away on a day: whose absence is noted, or for whom somebody stands in."""
    away = select(Absence.user_id).where(Absence.begins_on <= day, Absence.ends_on >= day)
    stood_for = select(Substitution.absent_id).where(Substitution.begins_on <= day, Substitution.ends_on >= day)
    return set(session.execute(union(away, stood_for)).scalars())


def is_absent(session: Session, user_id: int, day: date) -> bool:
    """Say whether somebody is away on a day."""
    return user_id in absent(session, day)
