"""Working time: hours, holidays, summer time, who is away."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.models.substitution import Substitution
from app.models.work_schedule import Absence, AbsenceKind, CompanyHoliday, WorkSchedule
from app.services import work_schedule as schedules
from app.services import working_time
from app.services.working_time import Calendar
from tests.factories import Made

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE = ((540, 780), (840, 1080))  # nine to one, two to six
WEEK = (OFFICE,) * 5 + ((),) * 2
NIGHTS = (((0, 360), (1320, 1440)),) * 7  # ten in the evening to six: over the hours in which clocks change


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)


def dutch() -> Calendar:
    return Calendar(AMSTERDAM, WEEK, "NL")


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-03-30T09:00", 30, "2026-03-30T09:30"),
        ("2026-03-30T12:30", 60, "2026-03-30T14:30"),  # lunch does not count
        ("2026-03-30T12:30", 30, "2026-03-30T13:00"),  # the earliest moment by which they have passed
        ("2026-03-30T17:30", 60, "2026-03-31T09:30"),
        ("2026-03-27T17:30", 60, "2026-03-30T09:30"),  # a weekend, and summer time begins
        ("2026-03-28T10:00", 480, "2026-03-30T18:00"),
        ("2026-04-02T17:00", 61, "2026-04-07T09:01"),  # from Good Friday to Easter Monday
        ("2026-04-24T17:00", 120, "2026-04-28T10:00"),  # King's Day is on Monday the 27th
        ("2026-03-30T20:00", 0, "2026-03-30T20:00"),
    ],
)
def test_minutes_are_counted_in_working_time_and_back(start: str, minutes: int, end: str):
    assert dutch().add(at(start), minutes) == at(end)
    assert dutch().between(at(start), at(end)) == minutes
    assert dutch().between(at(end), at(start)) == -minutes


@pytest.mark.parametrize(
    ("day", "minutes"),
    [("2026-03-28", 480), ("2026-03-29", 420), ("2026-10-25", 540)],  # usual, clocks put forward, and back
)
def test_hours_last_as_long_as_they_do_when_clocks_change(day: str, minutes: int):
    night = Calendar(AMSTERDAM, NIGHTS)
    begins = at(f"{day}T00:00")
    ends = at(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00")
    assert night.between(begins, ends) == minutes
    assert night.add(begins, minutes) == ends


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2025, 12, 20), datetime(2026, 11, 5)),  # noqa: DTZ001 -- made aware below
    minutes=st.integers(1, 6_000),
    week=st.sampled_from([WEEK, NIGHTS]),
    zone=st.sampled_from(["Europe/Amsterdam", "Asia/Yerevan", "America/Sao_Paulo", "Australia/Lord_Howe"]),
)
def test_what_is_added_lies_between(start: datetime, minutes: int, week: tuple, zone: str):
    calendar = Calendar(ZoneInfo(zone), week, "NL")
    begins = start.replace(tzinfo=UTC)
    ends = calendar.add(begins, minutes)
    assert calendar.between(begins, ends) == minutes
    assert calendar.between(begins, ends - timedelta(seconds=1)) == minutes - 1
    middle = begins + (ends - begins) / 2
    both = calendar.between(begins, middle) + calendar.between(middle, ends)
    assert minutes - 1 <= both <= minutes  # each half counts whole minutes


def test_a_schedule_without_hours_never_ends_and_says_so():
    with pytest.raises(DomainError, match="has no hours"):
        Calendar(AMSTERDAM, ((),) * 7).add(at("2026-03-30T09:00"), 1)


def test_holidays_have_names_in_the_language_of_the_reader():
    calendar = Calendar(ZoneInfo("Asia/Yerevan"), WEEK, "AM")
    independence = date(2026, 9, 21)
    assert calendar.holiday(independence) == "Independence Day"
    assert calendar.holiday(independence, language="hy") == "Անկախության օր"
    assert Calendar(AMSTERDAM, WEEK, "XX").holiday(date(2026, 1, 1)) == ""


def test_everybody_has_the_schedule_that_is_chosen_for_him_or_the_one_for_all(session: Session, made: Made):
    made.organisation()  # Amsterdam
    manager = made.user("manager")
    monday = at("2026-03-30T08:00")
    assert working_time.add(session, monday, 60) == at("2026-03-30T10:00")  # nobody has said when we work
    office = WorkSchedule(name=" Office ", time_zone="Asia/Yerevan", country="AM", monday="9-13,14.00–18:30")
    early = WorkSchedule(name="Early", time_zone="Europe/Amsterdam", monday="06:00-14:00")
    for schedule in (office, early):
        schedules.save(session, schedule)
        session.flush()
    manager.profile.work_schedule = early
    session.flush()
    assert (office.name, office.is_default, office.monday, early.is_default) == (
        *("Office", True, "09:00-13:00, 14:00-18:30", False),
    )
    assert working_time.add(session, monday, 60) == datetime(2026, 3, 30, 7, tzinfo=UTC)  # eleven in Yerevan
    assert working_time.add(session, monday, 60, user_id=manager.id) == at("2026-03-30T09:00")
    week = at("2026-04-06T00:00")
    assert working_time.between(session, monday, week, user_id=manager.id) == 360
    both = working_time.load_all(session, [None, manager.id])
    assert [both[each].zone.key for each in (None, manager.id)] == ["Asia/Yerevan", "Europe/Amsterdam"]


def test_another_schedule_for_all_takes_the_place_of_the_first(session: Session):
    first = WorkSchedule(name="First", time_zone="UTC", monday="9-17")
    second = WorkSchedule(name="Second", time_zone="UTC", monday="9-17", is_default=True)
    for schedule in (first, second):
        schedules.save(session, schedule)
        session.flush()
    session.refresh(first)
    assert (first.is_default, second.is_default) == (False, True)
    with pytest.raises(DomainError, match="another schedule"):
        schedules.remove(session, second)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("nine to five", "Write hours like"),
        ("9-25", "Write hours like"),
        ("9:70-12", "Write hours like"),
        ("18-9", "The end comes before the beginning"),
        ("9-13, 12-18", "These hours overlap"),
        ("", "Somebody must work at some time"),
    ],
)
def test_hours_that_nobody_can_read_are_refused_at_their_day(session: Session, hours: str, said: str):
    with pytest.raises(Refusals, match=said) as refusal:
        schedules.save(session, WorkSchedule(name="Odd", time_zone="UTC", monday=hours))
    assert list(refusal.value.errors) == ["monday"]


def test_the_company_has_days_of_its_own(session: Session):
    schedules.save(session, WorkSchedule(name="Office", time_zone="UTC", country="NL", thursday="9-17", friday="9-17"))
    for holiday in (
        CompanyHoliday(held_on=date(2026, 4, 9), name="Outing"),
        CompanyHoliday(held_on=date(2026, 4, 11), name="Inventory", country="NL", is_working=True),
        CompanyHoliday(held_on=date(2026, 4, 10), name="Elsewhere", country="AM"),
    ):
        schedules.save_holiday(session, holiday)
    session.flush()
    calendar = working_time.load(session)
    assert [calendar.hours(date(2026, 4, day)) for day in (9, 10, 11, 12)] == [(), ((540, 1020),), ((540, 1020),), ()]
    assert calendar.holiday(date(2026, 4, 9)) == "Outing"
    with pytest.raises(DomainError, match="noted already") as refusal:
        schedules.save_holiday(session, CompanyHoliday(held_on=date(2026, 4, 9), name="Again"))
    assert refusal.value.field == "held_on"


# --- absences ---------------------------------------------------------------------------------------------------------


def absent(made: Made, name: str = "manager", **about: object) -> Absence:
    given = {"begins_on": date(2026, 3, 30), "ends_on": date(2026, 4, 3), "kind": AbsenceKind.illness}
    return Absence(**{"user": made.user(name)} | given | about)


def test_an_absence_ends_by_itself_and_somebody_stands_in(session: Session, made: Made):
    away = absent(made, substitute=made.user("manager2"), note=" flu ")
    schedules.save_absence(session, away)
    session.flush()
    manager = made.user("manager").id
    days = [date(2026, 3, 29), date(2026, 3, 30), date(2026, 4, 3), date(2026, 4, 4)]
    assert [working_time.is_absent(session, manager, day) for day in days] == [False, True, True, False]
    assert working_time.absent(session, date(2026, 4, 1)) == {manager}
    [standing] = session.query(Substitution)
    assert (standing.absent_id, standing.substitute_id, standing.begins_on, standing.ends_on, standing.note) == (
        *(manager, made.user("manager2").id, date(2026, 3, 30), date(2026, 4, 3), "flu"),
    )
    away.ends_on = date(2026, 4, 10)
    schedules.save_absence(session, away)
    session.flush()
    assert standing.ends_on == date(2026, 4, 10)
    away.substitute = None
    schedules.save_absence(session, away)
    session.flush()
    assert session.query(Substitution).all() == []


def test_ending_an_absence_ends_the_substitution(session: Session, made: Made):
    away = absent(made, substitute=made.user("manager2"))
    schedules.save_absence(session, away)
    session.flush()
    schedules.remove_absence(session, away)
    session.delete(away)
    session.flush()
    assert session.query(Substitution).all() == []
    assert working_time.absent(session, date(2026, 4, 1)) == set()


def test_days_that_make_no_sense_are_refused(session: Session, made: Made):
    schedules.save_absence(session, absent(made))
    session.flush()
    with pytest.raises(Refusals, match="away on some of these days") as twice:
        schedules.save_absence(session, absent(made, begins_on=date(2026, 4, 3), ends_on=date(2026, 4, 5)))
    with pytest.raises(Refusals, match="last day comes before the first") as order:
        schedules.save_absence(session, absent(made, begins_on=date(2026, 5, 3), ends_on=date(2026, 5, 1)))
    assert (list(twice.value.errors), list(order.value.errors)) == (["begins_on"], ["ends_on"])
    assert len(session.query(Absence).all()) == 1
