"""Reminders: told once, to whom they concern, by mail to who wishes it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.activity import Activity, ActivityKind
from app.models.letter import Letter
from app.models.notification import Notification, NotificationKind
from app.services import access, planned, reminder
from tests.factories import Made
from tests.mail import office as mail_office

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(session: Session, made: Made, **about: Any) -> Activity:
    person = made.user("manager")
    by = access.actor_of(session, user_id=person.id, name="manager", roles={role.name for role in person.roles})
    given: dict[str, Any] = {
        "kind": ActivityKind.call,
        "subject": "Secret subject",
        "remind_at": AT,
        "due_at": AT + HOUR,
    }
    return planned.plan(session, made.party(), owner_id=person.id, by=by, at=AT - HOUR, **given | about)


def told(session: Session) -> list[tuple[int, NotificationKind]]:
    session.flush()
    return [(one.user_id, one.kind) for one in session.scalars(select(Notification).order_by(Notification.user_id))]


def test_everybody_concerned_is_told_once_when_the_time_has_come(session: Session, made: Made):
    call = plan(session, made, participants=[made.user("head").id])
    assert (reminder.remind(session, at=AT - timedelta(seconds=1)), told(session)) == (0, [])
    assert reminder.remind(session, at=AT) == 1
    reminded = {(made.user(name).id, NotificationKind.reminder) for name in ("manager", "head")}
    assert set(told(session)) == reminded
    assert (call.reminded_at, call.version) == (AT, 1)
    assert reminder.remind(session, at=AT + HOUR) == 0
    assert len(told(session)) == 2


@pytest.mark.parametrize("verb", [planned.finish, planned.cancel])
def test_nobody_is_reminded_of_what_is_over(session: Session, made: Made, verb: Any):
    verb(session, plan(session, made), by=access.SYSTEM, at=AT)
    assert reminder.remind(session, at=AT + HOUR) == 0


def test_who_wishes_it_gets_a_letter_that_says_nothing_of_the_business(session: Session, made: Made, smtp_office: None):
    made.organisation(email="post@example.org")
    made.user("manager").profile.reminders_by_mail = True
    call = plan(session, made)
    assert reminder.remind(session, at=AT) == 1
    [letter] = session.scalars(select(Letter))
    assert (letter.to_address, letter.purpose, letter.entity, letter.record_id) == (
        *("manager@example.org", "reminder", "activity", call.id),
    )
    assert letter.subject.startswith("Reminder: Call, ")
    assert "Secret" not in letter.subject + letter.body
    assert letter.owner_id == made.user("manager").id


def test_without_a_mail_server_the_program_alone_tells(session: Session, made: Made):
    made.organisation()
    made.user("manager").profile.reminders_by_mail = True
    plan(session, made)
    assert reminder.remind(session, at=AT) == 1
    assert (len(told(session)), session.scalars(select(Letter)).all()) == (1, [])


@pytest.fixture
def smtp_office() -> Any:
    with mail_office():
        yield
