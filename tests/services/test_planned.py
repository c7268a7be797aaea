"""What is planned: who reaches it, how it is finished, moved, repeated, and what is the next step of a record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed
from app.models.activity import Activity, ActivityKind, ActivityState, Direction, Participant, Priority
from app.models.history import FieldChange
from app.models.notification import Notification, NotificationKind
from app.models.party import Party
from app.services import access, planned
from app.services import activity as activities
from app.services.access import Actor
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def actor(session: Session, made: Made, name: str) -> Actor:
    person = made.user(name)
    return access.actor_of(session, user_id=person.id, name=name, roles={role.name for role in person.roles})


def plan(session: Session, made: Made, record: Any = None, *, who: str = "manager", **about: Any) -> Activity:
    """Plan a call for somebody, by himself, in an hour."""
    given: dict[str, Any] = {
        "kind": ActivityKind.call,
        "subject": "Call back",
        "due_at": AT + HOUR,
        "owner_id": made.user(who).id,
        "by": actor(session, made, about.pop("by", who)),
        "at": AT,
    }
    return planned.plan(session, record, **given | about)


def seen(session: Session, made: Made, name: str) -> list[str | None]:
    with access.acting(session, actor(session, made, name)):
        found = session.scalars(select(Activity).where(Activity.kind != ActivityKind.note).order_by(Activity.id))
        return [one.subject for one in found]


# --- planning ---------------------------------------------------------------------------------------------------------


def test_what_is_planned_stands_on_its_record_and_belongs_to_who_does_it(session: Session, made: Made):
    party = made.party()
    call = plan(session, made, party, subject="  Call \n back ", body="", direction=Direction.outgoing)
    assert (call.entity, call.record_id, call.kind, call.state) == ("party", party.id, "call", ActivityState.planned)
    assert (call.subject, call.body, call.direction, call.priority) == ("Call back", None, "outgoing", Priority.normal)
    manager = made.user("manager")
    assert (call.owner_id, call.team_id, call.author_id) == (manager.id, manager.profile.team_id, manager.id)
    assert (call.done_at, call.version, call.search_text) == (None, 1, "  call  back")
    assert session.scalars(select(Notification)).all() == []


def test_who_is_given_something_to_do_is_told(session: Session, made: Made):
    call = plan(session, made, made.party(), who="manager", by="head")
    [told] = session.scalars(select(Notification))
    assert (told.user_id, told.kind, told.entity) == (made.user("manager").id, NotificationKind.assigned, "activity")
    assert (told.record_id, told.by_id) == (call.id, made.user("head").id)


@pytest.mark.parametrize(
    ("about", "field", "said"),
    [
        ({"subject": " \n "}, "subject", "Say in a few words what is to be done"),
        ({"subject": "x" * 251}, "subject", "At most 250 characters are possible here; this has 251"),
        ({"body": "x" * 10_001}, "body", "At most 10000 characters are possible here; this has 10001"),
        ({"kind": ActivityKind.note}, "kind", "A note is written on the card of its record"),
        ({"duration_minutes": -1}, "duration_minutes", "Between no time at all and a month is possible"),
        ({"duration_minutes": 44_641}, "duration_minutes", "Between no time at all and a month is possible"),
        ({"due_at": None, "is_all_day": True}, "due_at", "Choose the day"),
        ({"due_at": None, "recurrence": "FREQ=DAILY"}, "due_at", "What repeats needs a first day"),
        ({"recurrence": "FREQ=SECONDLY"}, "recurrence", "Nobody can read this repetition"),
    ],
)
def test_what_cannot_be_planned_is_refused_at_its_field(
    session: Session, made: Made, about: dict[str, Any], field: str, said: str
):
    with pytest.raises(DomainError, match=said) as refusal:
        plan(session, made, made.party(), **about)
    assert refusal.value.field == field
    assert session.scalars(select(Activity)).all() == []


def test_a_record_that_one_does_not_see_gets_nothing_planned(session: Session, made: Made):
    theirs = made.party(owner="manager2")
    with access.acting(session, actor(session, made, "manager")), pytest.raises(DomainError, match="no such") as no:
        plan(session, made, theirs)
    assert no.value.field == "record_id"
    assert session.scalars(select(Activity)).all() == []


def test_a_whole_day_ends_with_the_day_of_who_does_it(session: Session, made: Made):
    made.user("manager").profile.time_zone = "Asia/Yerevan"
    session.flush()
    task = plan(session, made, due_at=datetime(2026, 3, 31, 21, tzinfo=UTC), is_all_day=True)  # 01:00 of April there
    assert task.due_at == datetime(2026, 4, 1, 19, 59, tzinfo=UTC)


def test_what_was_done_at_once_is_kept_as_done(session: Session, made: Made):
    by = actor(session, made, "manager")
    call = planned.log(session, made.party(), kind=ActivityKind.call, subject="Asked", result="Yes", by=by, at=AT)
    assert (call.state, call.done_at, call.due_at, call.result) == (ActivityState.done, AT, AT, "Yes")
    assert call.owner_id == made.user("manager").id


# --- who reaches it ---------------------------------------------------------------------------------------------------


def test_each_reaches_his_own_the_head_his_people_and_who_takes_part_sees_it(session: Session, made: Made):
    plan(session, made, who="manager", subject="Mine")
    plan(session, made, who="manager2", subject="Theirs")
    plan(session, made, who="accountant", subject="Both", participants=[made.user("manager").id])
    assert seen(session, made, "manager") == ["Mine", "Both"]
    assert seen(session, made, "manager2") == ["Theirs"]
    assert seen(session, made, "head") == ["Mine", "Theirs"]
    assert seen(session, made, "auditor") == ["Mine", "Theirs", "Both"]


def test_who_takes_part_sees_but_does_not_change(session: Session, made: Made):
    both = plan(session, made, who="accountant", participants=[made.user("manager").id])
    with access.acting(session, actor(session, made, "manager")):
        assert [access.allowed(session, both, action) for action in ("see", "change", "act", "delete")] == [
            *(True, False, False, False)
        ]
    with access.acting(session, actor(session, made, "manager2")):
        assert not access.allowed(session, both, "see")


def test_notes_belong_to_nobody_and_are_reached_by_their_record_alone(session: Session, made: Made):
    party = made.party(owner="manager")
    by = actor(session, made, "manager")
    note = activities.write(session, party, text="Called", by=by, at=AT)
    assert (note.owner_id, note.team_id, note.state) == (None, None, ActivityState.done)
    with access.acting(session, actor(session, made, "manager2")):
        assert session.scalars(select(Activity)).all() == []
    with access.acting(session, by):
        assert activities.one(session, party, note.id) is note
    session.expunge(note)
    call = plan(session, made, party)
    assert activities.one(session, party, call.id) is None
    for verb in (planned.finish, planned.cancel, planned.reopen):
        with pytest.raises(NotAllowed):
            verb(session, note, by=by, at=AT)


# --- verbs ------------------------------------------------------------------------------------------------------------


def test_finishing_keeps_when_and_what_came_of_it_and_is_recorded(session: Session, made: Made):
    by = actor(session, made, "manager")
    call = plan(session, made, made.party())
    assert planned.finish(session, call, result=" He agrees ", by=by, at=AT + HOUR) is None
    assert (call.state, call.done_at, call.result) == (ActivityState.done, AT + HOUR, "He agrees")
    assert call.search_text == "  call  back  he  agrees"
    [move] = session.scalars(select(FieldChange).where(FieldChange.entity == "activity", FieldChange.act == "move"))
    assert move.changes["state"] == ["planned", "done"]
    with pytest.raises(DomainError, match="while the state is “Done”"):
        planned.finish(session, call, by=by, at=AT + DAY)
    assert call.done_at == AT + HOUR


def test_cancelling_and_reopening(session: Session, made: Made):
    by = actor(session, made, "manager")
    call = plan(session, made, made.party())
    planned.cancel(session, call, reason="He is ill", by=by, at=AT)
    assert (call.state, call.result, call.done_at) == (ActivityState.cancelled, "He is ill", None)
    planned.reopen(session, call, by=by, at=AT)
    assert call.state is ActivityState.planned
    planned.finish(session, call, by=by, at=AT)
    planned.reopen(session, call, by=by, at=AT)
    assert (call.state, call.done_at, call.result) == (ActivityState.planned, None, "He is ill")


def test_postponing_moves_the_reminder_along_and_never_into_the_past(session: Session, made: Made):
    by = actor(session, made, "manager")
    call = plan(session, made, remind_at=AT + HOUR / 2)
    call.reminded_at = AT + HOUR / 2
    planned.postpone(session, call, due_at=AT + DAY, by=by, at=AT + HOUR)
    assert (call.due_at, call.remind_at, call.reminded_at) == (AT + DAY, AT + DAY - HOUR / 2, None)
    with pytest.raises(DomainError, match="past already") as refusal:
        planned.postpone(session, call, due_at=AT - HOUR, by=by, at=AT)
    assert (refusal.value.field, call.due_at) == ("due_at", AT + DAY)
    planned.cancel(session, call, by=by, at=AT)
    with pytest.raises(DomainError, match="“Cancelled”"):
        planned.postpone(session, call, due_at=AT + 2 * DAY, by=by, at=AT)


def test_what_repeats_is_planned_anew_with_all_that_belongs_to_it(session: Session, made: Made):
    by, other = actor(session, made, "manager"), made.user("manager2").id
    party = made.party()
    weekly = plan(
        session, made, party, recurrence="RRULE:FREQ=WEEKLY;COUNT=3", remind_at=AT, participants=[other], links=[party]
    )
    again = planned.finish(session, weekly, result="Done", by=by, at=AT + 8 * DAY)  # a week late: one time is left out
    assert again is not None
    assert (again.state, again.due_at, again.recurrence) == (
        ActivityState.planned,
        weekly.due_at + 14 * DAY if weekly.due_at else None,
        "FREQ=WEEKLY;COUNT=1",
    )
    assert (again.previous_id, again.remind_at, again.result) == (weekly.id, AT + 14 * DAY, None)
    assert ([one.user_id for one in again.participants], [one.record_id for one in again.links]) == (
        [other],
        [party.id],
    )
    assert planned.finish(session, again, by=by, at=AT + 14 * DAY) is None
    planned.reopen(session, weekly, by=by, at=AT)
    assert planned.finish(session, weekly, by=by, at=AT) is None  # the one after it stands already
    assert len(session.scalars(select(Activity)).all()) == 2


def test_the_clock_on_the_wall_stays_when_summer_begins(session: Session, made: Made):
    made.user("manager").profile.time_zone = "Europe/Amsterdam"
    session.flush()
    start = datetime(2026, 3, 23, 8, tzinfo=UTC)  # nine in the morning, six days before summer time
    weekly = plan(session, made, due_at=start, recurrence="FREQ=WEEKLY")
    again = planned.finish(session, weekly, by=actor(session, made, "manager"), at=start)
    assert again is not None
    assert again.due_at == datetime(2026, 3, 30, 7, tzinfo=UTC)


# --- the next step ----------------------------------------------------------------------------------------------------


def test_the_next_step_is_the_earliest_that_is_planned_whoever_does_it(session: Session, made: Made):
    first, second, third = (made.party(name, owner="manager") for name in ("First", "Second", "Third"))
    plan(session, made, first, subject="Some day", due_at=None)
    plan(session, made, first, subject="Later", due_at=AT + DAY)
    soon = plan(session, made, first, subject="Soon", who="manager2")
    done = plan(session, made, second, subject="Done")
    planned.finish(session, done, by=actor(session, made, "manager"), at=AT)
    plan(session, made, third, subject="Late", due_at=AT - HOUR)
    step = planned.next_of("party")
    with access.acting(session, actor(session, made, "manager")):
        rows = session.execute(
            select(Party.name, step.c.subject, step.c.owner_id, step.c.due_at, step.c.activity_id)
            .outerjoin(step, step.c.record_id == Party.id)
            .order_by(Party.id)
        ).all()
        without = session.scalars(select(Party.name).where(planned.without_next(Party))).all()
        late = session.scalars(select(Party.name).where(planned.with_overdue(Party, AT))).all()
        overdue = session.scalars(select(Activity.subject).where(planned.overdue(AT))).all()
        week = session.scalars(select(Activity.subject).where(planned.due_within(AT, 7))).all()
    assert rows[0] == ("First", "Soon", made.user("manager2").id, AT + HOUR, soon.id)
    assert [tuple(row)[:2] for row in rows[1:]] == [("Second", None), ("Third", "Late")]
    assert (without, late, overdue, week) == (["Second"], ["Third"], ["Late"], ["Later"])


def test_what_is_planned_goes_with_its_record(session: Session, made: Made):
    party = made.party()
    plan(session, made, party, participants=[made.user("head").id])
    session.delete(party)
    session.flush()
    session.expire_all()
    assert session.scalars(select(Activity)).all() == []
    assert session.scalars(select(Participant)).all() == []
