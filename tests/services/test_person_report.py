"""A person's last 30 days: what he opened and took away, against his own normal of the 90 days before."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from app.models.history import Act
from app.services import access, audit, person_report
from app.services import export_run as exports
from app.services.person_report import Day
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def viewed(session: Session, made: Made, name: str, *, back: int, records: int, hour: int = 9) -> None:
    """Let the audit tell that somebody has opened records, so many days ago."""
    person, at = made.user(name), (AT - timedelta(days=back)).replace(hour=hour)
    by = {"actor_id": person.id, "actor_name": name}
    for key in range(records):
        audit.note(session, Act.view, entity="party", record_id=key + 1, name="X", at=at, **by)
    audit.note(session, Act.sign_in, entity="user", record_id=person.id, name=name, at=at, **by)


def report(session: Session, made: Made, name: str = "manager") -> person_report.Report:
    return person_report.report(session, made.user(name).id, at=AT)


def test_days_stand_against_the_median_of_the_working_days_before(session: Session, made: Made):
    for back, records in enumerate((10, 14, 12, 0, 90, 12), start=31):
        viewed(session, made, "manager", back=back, records=records)
    viewed(session, made, "manager", back=121, records=500)  # too long ago
    viewed(session, made, "manager2", back=3, records=99)  # somebody else
    viewed(session, made, "manager", back=2, records=36)
    viewed(session, made, "manager", back=1, records=37)
    viewed(session, made, "manager", back=30, records=1, hour=0)
    found = report(session, made)
    assert (found.working_days, found.usual_opened, found.limit_opened) == (6, 12, 36)
    assert [(day.on, day.opened, day.is_unusual) for day in found.told] == [
        (date(2026, 3, 30), 37, True),
        (date(2026, 3, 29), 36, False),
        (date(2026, 3, 1), 1, False),
    ]
    assert (found.days[0].on, found.days[-1].on, len(found.days)) == (date(2026, 3, 1), date(2026, 3, 31), 31)
    assert found.opened == 74


def test_a_day_on_which_somebody_worked_and_opened_nothing_counts_and_leave_does_not(session: Session, made: Made):
    for back, records in ((40, 50), (41, 0), (42, 0), (43, 0), (60, 50)):
        viewed(session, made, "manager", back=back, records=records)
    assert (report(session, made).usual_opened, report(session, made).working_days) == (0, 5)
    assert report(session, made).limit_opened == 30, "few records are never unusual"


def test_of_somebody_new_nothing_is_usual(session: Session, made: Made):
    for back in (31, 32, 33, 34):
        viewed(session, made, "manager", back=back, records=1)
    viewed(session, made, "manager", back=0, records=31)
    found = report(session, made)
    assert (found.usual_opened, found.limit_opened, found.usual_taken, found.limit_taken) == (None, 30, None, 5_000)
    assert [day.is_much_opened for day in found.told] == [True]


def test_rows_stand_against_the_days_with_exports_before(session: Session, made: Made):
    for back in range(31, 36):
        made.export_run("manager", rows=100 * (back - 30), at=AT - timedelta(days=back))
    made.export_run("manager", rows=9_999, at=AT - timedelta(days=121))
    made.export_run("manager2", rows=7, at=AT)
    person = made.user("manager")
    by = access.actor_of(session, user_id=person.id, name="manager", roles={"Sales manager"}, profile=person.profile)
    exports.note_read(session, {"party": 1_400}, by=by, at=AT)
    made.export_run("manager", rows=200, at=AT)
    made.export_run("manager", rows=1_500, at=AT - timedelta(days=1))
    found = report(session, made)
    assert (found.usual_taken, found.limit_taken, found.taken) == (300, 1_500, 3_100)
    assert found.told == [
        Day(date(2026, 3, 31), 0, 1_400, 1, 200, is_much_taken=True),
        Day(date(2026, 3, 30), 0, 0, 1, 1_500),
    ]


def test_who_does_not_see_the_exports_of_somebody_gets_none_of_them(session: Session, made: Made):
    made.export_run("manager", rows=5, at=AT)
    other = made.user("manager2")
    by = access.actor_of(session, user_id=other.id, name="manager2", roles={"Sales manager"}, profile=other.profile)
    with access.acting(session, by):
        assert report(session, made).told == []


def test_an_alarm_of_a_day_is_shown(session: Session, made: Made):
    made.export_run("manager", rows=5, at=AT, alarmed_at=AT)
    (day,) = report(session, made).told
    assert (day.was_told, day.is_unusual, day.is_much_taken) == (True, True, False)
