"""Sharing of one record: who reaches it then, for what, until when; who may share, and what is refused."""

from datetime import date

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app import clock
from app.errors import NotReached, Refusals
from app.models.history import FieldChange
from app.models.notification import Notification
from app.models.party import Party
from app.models.record_share import RecordShare, ShareLevel
from app.roles import ACTIONS, Reach, Scope
from app.services import access, role_change
from app.services import find as finds
from app.services import share as shares
from app.services import xray as looks
from tests.attack import attack
from tests.factories import user

LATER = date(2099, 12, 31)


def actor(session, name):
    person = user(session, name)
    return access.actor_of(session, user_id=person.id, name=name, roles=[role.name for role in person.roles])


@pytest.fixture
def party(made, session):
    found = made.party("Kade Vijf", owner="manager")
    made.party("Not shared", owner="manager")
    session.commit()
    return found


@pytest.fixture
def give(session, party):
    def share(to="manager2", level=ShareLevel.see, by="manager", **about):
        person = {"user": user(session, to)} if isinstance(to, str) else {}
        one = actor(session, by)
        with access.acting(session, one):
            shares.share(session, party, level=level, at=clock.now(), by=one, **person, **about)

    return share


def reached(session, name, party):
    """For which actions somebody reaches a party, by the statement and by the loaded record: both must agree."""
    one = actor(session, name)
    with access.acting(session, one):
        seen = session.scalars(select(Party.id)).all()
        by_sql = {
            action
            for action in ACTIONS
            if session.scalars(
                select(Party.id).where(*([cut] if (cut := access.cut(session, Party, action)) is not None else []))
            ).all()
            == [party.id]
        }
        assert by_sql == {action for action in ACTIONS if access.allowed(session, party, action)}
    assert ("see" in by_sql) is (seen == [party.id])
    return by_sql


def test_who_is_given_a_record_sees_it_and_nothing_else(session, party, give):
    assert reached(session, "manager2", party) == set()
    give()
    assert reached(session, "manager2", party) == {"see"}
    give(level=ShareLevel.change)
    assert reached(session, "manager2", party) == {"see", "change", "act"}
    assert len(session.scalars(select(RecordShare)).all()) == 1
    give(level=ShareLevel.none)
    assert reached(session, "manager2", party) == set()
    assert not session.scalars(select(RecordShare)).all()
    found = select(FieldChange).where(FieldChange.record_id == party.id, FieldChange.act == "change")
    told = session.scalars(found.order_by(FieldChange.id))
    name = str(user(session, "manager2"))
    kept = [row.changes["shared_with"] for row in told if "shared_with" in row.changes]
    assert kept == [["", name], [name, f"{name} (+)"], [f"{name} (+)", ""]]


def test_it_ends_by_itself(session, party, give, time_machine):
    time_machine.move_to("2026-03-10T12:00:00Z")
    give(ends_on=date(2026, 3, 12))
    time_machine.move_to("2026-03-12T12:00:00Z")
    assert reached(session, "manager2", party) == {"see"}
    time_machine.move_to("2026-03-13T12:00:00Z")
    assert reached(session, "manager2", party) == set()


def test_a_team_and_its_head_reach_what_is_shared_with_it(session, party, give):
    south = user(session, "manager2").profile.team
    south.head = user(session, "marketer")
    marketing = session.execute(select(Role).where(Role.name == "Marketer")).unique().scalar_one()
    role_change.put(
        session, marketing, rights={("party", "change"): True}, reaches={("party", "see"): Reach(Scope.own)}
    )
    assert reached(session, "marketer", party) == set()
    give(to=None, team=south, level=ShareLevel.change)
    assert reached(session, "manager2", party) == {"see", "change", "act"}
    assert reached(session, "marketer", party) == {"see", "change", "act"}
    told = session.scalars(select(Notification.user_id).where(Notification.kind == "shared")).all()
    assert set(told) == {user(session, "manager2").id, user(session, "marketer").id}


def test_who_is_given_a_record_is_told_and_finds_it(session, party, give):
    give()
    person = user(session, "manager2")
    told = session.scalars(select(Notification).where(Notification.user_id == person.id)).all()
    assert [(one.kind.value, one.entity, one.record_id) for one in told] == [("shared", "party", party.id)]
    for name, expected in (("manager2", ["Kade Vijf"]), ("manager", ["Kade Vijf"]), ("warehouse", [])):
        one = actor(session, name)
        with access.acting(session, one):
            found = finds.search(session, "kade", among={"party"})
        assert [hit.title for hit in found.hits] == expected


@attack(33, "a share passed on")
def test_what_is_shared_with_him_nobody_passes_on(session, party, give):
    give(level=ShareLevel.change)
    with pytest.raises(NotReached):
        give(to="marketer", by="manager2")
    assert len(session.scalars(select(RecordShare)).all()) == 1


@pytest.mark.parametrize(
    ("about", "field"),
    [
        ({"to": None}, "user"),
        ({"to": "manager"}, "user"),
        ({"to": "warehouse"}, "user"),
        ({"to": "nobody"}, "user"),
        ({"ends_on": date(2020, 1, 1)}, "ends_on"),
        ({"level": ShareLevel.none}, "user"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(session, party, give, about, field):
    with pytest.raises(Refusals) as refused:
        give(**about)
    assert list(refused.value.errors) == [field]
    assert not session.scalars(select(RecordShare)).all()
    assert not session.scalars(select(Notification).where(Notification.kind == "shared")).all()


@attack(32, "a share for more than one has")
def test_nobody_gives_more_than_he_has(session, party, give):
    manager = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    role_change.put(session, manager, rights={}, reaches={("party", "change"): Reach(Scope.none)})
    with pytest.raises(Refusals) as refused:
        give(to="marketer", level=ShareLevel.change)
    assert list(refused.value.errors) == ["level"]
    give(to="marketer")


def test_only_so_many_are_shared_one_by_one(session, made, party, give, monkeypatch):
    monkeypatch.setattr(shares, "MOST", 1)
    other = made.party("Another", owner="manager")
    give()
    one = actor(session, "manager")
    with access.acting(session, one), pytest.raises(Refusals) as refused:
        shares.share(session, other, user=user(session, "manager2"), level=ShareLevel.see, at=clock.now(), by=one)
    assert list(refused.value.errors) == ["user"]
    give(level=ShareLevel.change)  # the one that stands is not counted against itself


def test_the_x_ray_says_that_it_is_shared(session, party, give):
    give(ends_on=LATER)
    answer = looks.explain(session, user(session, "manager2"), "party", "see", party.id)
    assert answer.allowed
    assert answer.steps[-1].because is looks.Because.shared
    assert not looks.explain(session, user(session, "manager2"), "party", "change", party.id).allowed


def test_a_deleted_record_is_shared_no_longer(session, party, give):
    give()
    session.delete(party)
    session.flush()
    assert not session.scalars(select(RecordShare)).all()
