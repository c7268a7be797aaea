"""Notifications: who follows, who is told what, once, and not of his own doing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import outbox
from app.models.notification import Notification, NotificationKind
from app.models.party import Party
from app.outbox import Errand
from app.services import access, colleague
from app.services import activity as activities
from app.services import notification as notifications
from app.services.access import Actor
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
MENTION, NOTE = NotificationKind.mention, NotificationKind.note


def actor(session: Session, made: Made, name: str) -> Actor:
    person = made.user(name)
    return access.actor_of(session, user_id=person.id, name=name, roles={role.name for role in person.roles})


def write(session: Session, made: Made, party: Party, text: str, *, by: str, at: datetime = AT) -> Any:
    return activities.write(session, party, text=text, by=actor(session, made, by), at=at)


def told(session: Session) -> list[tuple[str, str]]:
    rows = session.scalars(select(Notification).order_by(Notification.id))
    from flask_appbuilder.security.sqla.models import User

    return [(session.get(User, row.user_id).username, row.kind.value) for row in rows]


def test_a_note_is_told_to_followers_and_the_owner_but_not_to_its_author(session: Session, made: Made):
    party = made.party(owner="manager")
    notifications.follow(session, party, user_id=made.user("accountant").id)
    write(session, made, party, "Called", by="office")
    assert sorted(told(session)) == [("accountant", "note"), ("manager", "note")]
    write(session, made, party, "Called again", by="accountant")
    assert sorted(told(session)[2:]) == [("manager", "note"), ("office", "note")]


def test_who_is_mentioned_is_told_once_and_not_as_a_follower_too(session: Session, made: Made):
    party = made.party(owner="manager")
    note = write(session, made, party, "@manager and @head: look, @manager", by="office")
    assert sorted(told(session)) == [("head", "mention"), ("manager", "mention")]
    by = actor(session, made, "office")
    activities.edit(session, note, party, text="@manager @marketer", version=note.version, by=by, at=AT)
    assert sorted(told(session)) == [("head", "mention"), ("manager", "mention"), ("marketer", "mention")]
    write(session, made, party, "Note to myself: @office", by="office", at=AT)
    assert ("office", "mention") not in told(session)


def test_who_stops_following_is_told_nothing_though_he_owns_it_until_he_writes_again(session: Session, made: Made):
    party = made.party(owner="manager")
    owner = made.user("manager").id
    notifications.unfollow(session, party, user_id=owner)
    assert notifications.followers(session, party) == set()
    write(session, made, party, "Unheard", by="office")
    assert told(session) == []
    write(session, made, party, "Back again", by="manager")
    assert notifications.followers(session, party) == {owner, made.user("office").id}


def test_a_follower_who_lost_the_record_is_told_nothing(session: Session, made: Made):
    """Mark followed while it was his; now it is Maria's, and her rows are not his."""
    party = made.party(owner="manager")
    notifications.follow(session, party, user_id=made.user("manager").id)
    party.owner, party.team = made.user("manager2"), made.user("manager2").profile.team
    session.flush()
    write(session, made, party, "Secret", by="office")
    assert told(session) == [("manager2", "note")]


def test_what_is_switched_off_is_not_told(session: Session, made: Made):
    party = made.party(owner="manager")
    owner = made.user("manager").id
    notifications.want(session, set(NotificationKind) - {NOTE}, user_id=owner)
    assert notifications.wanted(session, owner) == set(NotificationKind) - {NOTE}
    write(session, made, party, "Quiet", by="office")
    write(session, made, party, "Loud @manager", by="office")
    assert told(session) == [("manager", "mention")]
    notifications.want(session, NotificationKind, user_id=owner)
    assert notifications.wanted(session, owner) == set(NotificationKind)


def test_a_new_owner_is_told_unless_he_took_it_himself_or_a_job_gave_it(session: Session, made: Made):
    first, second = made.party("First"), made.party("Second")
    with access.acting(session, actor(session, made, "office")):
        first.owner = made.user("manager")
        second.owner = made.user("office")
        session.flush()
        session.flush()
    assert told(session) == [("manager", "assigned")]
    second.owner = made.user("manager")  # the system does it
    session.flush()
    session.flush()
    assert told(session) == [("manager", "assigned")]


def test_the_same_is_not_told_twice_before_it_is_read(session: Session, made: Made):
    party = made.party()
    for at in (AT, AT + timedelta(hours=1)):
        kind, by = NotificationKind.assigned, actor(session, made, "office")
        notifications.tell(session, kind, party, [made.user("manager").id], at=at, by=by)
        session.flush()
    assert told(session) == [], "he does not see it"
    party.owner = made.user("manager")
    session.flush()
    for at in (AT, AT + timedelta(hours=1)):
        notifications.tell(session, kind, party, [made.user("manager").id], at=at, by=by)
        session.flush()
    [row] = session.scalars(select(Notification))
    assert row.made_at == AT + timedelta(hours=1)
    notifications.read(session, row.id, user_id=made.user("manager").id, at=AT + timedelta(hours=2))
    session.flush()
    notifications.tell(session, kind, party, [made.user("manager").id], at=AT + timedelta(hours=3), by=by)
    session.flush()
    assert told(session) == [("manager", "assigned")] * 2


def test_followers_learn_of_a_change_of_state_that_a_person_made(session: Session, made: Made):
    order = made.order(owner=made.user("manager"))
    from app.services import sale_order as orders

    with access.acting(session, actor(session, made, "office")):
        orders.confirm(session, order, at=AT)
        session.flush()
        session.flush()
    [row] = session.scalars(select(Notification))
    assert (row.user_id, row.kind.value, row.entity, row.said) == (
        made.user("manager").id, "change_of_state", "order", "confirmed",
    )  # fmt: skip
    assert row.by_id == made.user("office").id


def test_a_second_change_of_state_stands_in_place_of_the_first_that_nobody_has_read(session: Session, made: Made):
    order = made.order(owner=made.user("manager"))
    from app.services import sale_order as orders

    with access.acting(session, actor(session, made, "office")):
        orders.confirm(session, order, at=AT)
        session.commit()
        orders.cancel(session, order, reason="Too late")
        session.commit()
    session.expire_all()
    [row] = session.scalars(select(Notification))
    assert row.said == "cancelled"


def test_a_failed_job_is_told_to_who_started_it_at_its_record(session: Session, made: Made):
    party = made.party(owner="manager")
    job = outbox.enqueue(session, "party.something", party.id, due_at=AT, actor_id=made.user("manager").id)
    notifications.job_failed(session, job.id, at=AT)
    session.flush()
    assert told(session) == [], "it has not failed"
    job.state = Errand.failed
    session.flush()
    notifications.job_failed(session, job.id, at=AT)
    session.flush()
    [row] = session.scalars(select(Notification))
    assert (row.entity, row.record_id, row.said, row.by_id) == ("party", party.id, "party.something", None)


def test_unread_ones_are_counted_up_to_a_hundred_and_read_one_by_one_or_all(session: Session, made: Made):
    reader, other = made.user("manager").id, made.user("office").id
    rows = [Notification(user_id=reader, kind=NOTE, entity="party", record_id=at, made_at=AT) for at in range(1, 131)]
    session.add_all([*rows, Notification(user_id=other, kind=NOTE, entity="party", record_id=1, made_at=AT)])
    session.flush()
    assert (notifications.unread(session, reader), notifications.unread(session, other)) == (100, 1)
    assert notifications.read(session, rows[0].id, user_id=other, at=AT) is None
    assert notifications.read(session, rows[0].id, user_id=reader, at=AT) is rows[0]
    assert rows[0].read_at == AT
    session.flush()
    assert notifications.read_all(session, user_id=reader, at=AT) == 129
    assert (notifications.unread(session, reader), notifications.unread(session, other)) == (0, 1)
    newest = [row.id for row in session.scalars(notifications.of(reader).limit(2))]
    assert newest == [rows[-1].id, rows[-2].id]
    assert next(iter(session.scalars(notifications.of(reader, before=newest[1]).limit(1)))).id == rows[-3].id


def test_what_was_read_long_ago_is_forgotten(session: Session, made: Made):
    reader = made.user("manager").id
    about = {"user_id": reader, "kind": NOTE, "entity": "party", "made_at": AT}
    session.add_all([Notification(record_id=1, read_at=AT, **about), Notification(record_id=2, **about)])
    session.flush()
    assert notifications.forget(session, at=AT + timedelta(days=180)) == 0
    assert notifications.forget(session, at=AT + timedelta(days=180, seconds=1)) == 1
    assert list(session.scalars(select(Notification.record_id))) == [2]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["Ada", "Aram", "Helena", "Mark", "Max", "Olga", "Robin", "Saskia"]),
        ("ma", ["Mark", "Max"]),
        ("MANAGER", ["Mark"]),
        ("helena h", ["Helena"]),
        ("zz", []),
    ],
)
def test_colleagues_are_offered_who_see_the_record(session: Session, made: Made, typed: str, found: list[str]):
    party = made.party(owner="manager")
    admin = made.user("admin").id
    assert [user.first_name for user in colleague.offered(session, party, typed, but=admin)] == found
