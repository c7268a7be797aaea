"""Failed tries cost time: how long, of whom, and who can take it away."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.models.history import FieldChange
from app.models.sign_in import LoginAttempt
from app.services import lockout
from app.services.lockout import Standing, Try

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fail(session, count, *, at=NOON, **about):
    one = Try(**({"name": "marketer", "address": "10.0.0.1"} | about))
    for _number in range(count):
        lockout.begin(session, one, at=at)
    return one


def wait(session, one, *, at=NOON):
    """Try once more and return for how long that has to wait."""
    with session.begin_nested() as trial:
        found = lockout.settle(session, one, lockout.begin(session, one, at=at), at=at)
        trial.rollback()
    return found


@pytest.mark.parametrize(
    ("tries", "seconds"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (11, 900), (10_000, 900)],
)
def test_the_delay_doubles_from_half_a_minute_to_a_quarter_of_an_hour(tries, seconds):
    assert lockout.delay(tries, 5) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "Too many tries. Try again in 1 minute."), (60, "Too many tries. Try again in 1 minute."),
     (61, "Too many tries. Try again in 2 minutes."), (900, "Too many tries. Try again in 15 minutes.")],
)  # fmt: skip
def test_who_waits_is_told_for_how_long(rolled_back, app, seconds, text):
    with app.app_context():
        told = lockout.refusal(timedelta(seconds=seconds))
    assert (told.text, told.seconds) == (text, max(1, int(seconds)))


def test_a_name_is_counted_however_it_is_written(session):
    fail(session, 5)
    for name in ("marketer", " Marketer ", "MARKETER"):
        assert wait(session, Try(name=name, address="10.0.0.2")) == timedelta(seconds=30), name
    assert wait(session, Try(name="marketer2", address="10.0.0.2")) == timedelta(0)


def test_what_waits_makes_nothing_longer(session):
    one = fail(session, 5)
    for seconds in range(0, 30, 5):
        at = NOON + timedelta(seconds=seconds)
        assert lockout.settle(session, one, lockout.begin(session, one, at=at), at=at) == NOON + MINUTE / 2 - at
    assert session.scalar(select(func.count()).select_from(LoginAttempt)) == 5
    assert wait(session, one, at=NOON + MINUTE / 2) == timedelta(0)


def test_a_known_browser_waits_for_its_own_failures_only(session):
    fail(session, 50)
    own = Try(name="marketer", address="10.0.0.1", device="d" * 22)
    assert wait(session, own) == timedelta(0)
    fail(session, 5, device="d" * 22)
    assert wait(session, own) == timedelta(seconds=30)


def test_asking_for_links_and_signing_in_are_counted_apart(session):
    fail(session, 30)
    link = Try(name="marketer", address="10.0.0.1", kind=lockout.LINK)
    assert wait(session, link) == timedelta(0)
    fail(session, 3, kind=lockout.LINK)
    assert wait(session, link) == timedelta(seconds=30)
    for number in range(12):
        fail(session, 1, kind=lockout.LINK, name=f"n{number}")
    assert wait(session, Try(name="new", address="10.0.0.1", kind=lockout.LINK)) == timedelta(seconds=30)


def test_failures_are_forgotten_after_a_day(session):
    fail(session, 12)
    later = NOON + timedelta(days=1)
    assert lockout.standing(session, made_user(session), at=later - MINUTE).tries == 12
    fail(session, 1, at=later + MINUTE)
    assert session.scalar(select(func.count()).select_from(LoginAttempt)) == 1


def made_user(session):
    from tests.factories import user

    return user(session, "marketer")


def test_an_administrator_sees_all_failures_of_an_account_and_lifts_the_delay(session, made):
    user = made.user("marketer")
    fail(session, 6)
    fail(session, 2, name="Marketer@example.org")
    fail(session, 1, device="d" * 22)
    fail(session, 7, name="office")
    fail(session, 9, kind=lockout.LINK)
    assert lockout.standing(session, user, at=NOON) == Standing(9, NOON + MINUTE)
    assert lockout.standing(session, user, at=NOON + MINUTE) == Standing(9, None)
    lockout.lift(session, user, at=NOON)
    assert lockout.standing(session, user, at=NOON) == Standing(0, None)
    assert lockout.standing(session, made.user("office"), at=NOON).tries == 7
    assert wait(session, Try(name="marketer", address="10.0.0.9")) == timedelta(0)
    said = session.execute(
        select(FieldChange.changes).where(FieldChange.entity == "user", FieldChange.record_id == user.id)
    ).scalars()
    assert {"failed_tries": [9, 0]} in list(said)
