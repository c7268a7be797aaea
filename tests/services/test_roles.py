"""Roles: presets and differences, what both make of rights and rows, copies, files, and nobody who raises himself."""

import itertools
import json

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app import installation
from app.errors import DomainError, NotAllowed
from app.models.history import FieldChange
from app.models.party import Party
from app.models.role import NAMES, RoleChange
from app.roles import ACTIONS, ADMIN, PRESETS, WIDTH, Reach, Scope
from app.services import access, policy, role_change, role_demand, role_file, roles
from app.services import user as users
from tests.attack import attack
from tests.factories import user

HEAD = b'{"format": "countinghouse role 1", '


@pytest.fixture
def role(session):
    def named(name):
        return session.execute(select(Role).where(Role.name == name)).unique().scalar_one()

    return named


def granted(role):
    return {(each.view_menu.name, each.permission.name.removeprefix("can_")) for each in role.permissions}


def actor(session, name):
    person = user(session, name)
    return access.actor_of(session, user_id=person.id, name=name, roles=[role.name for role in person.roles])


def seen(session, name, action="see"):
    with access.acting(session, actor(session, name)):
        cut = access.cut(session, Party, action)
        query = select(Party)
        return {party.name for party in session.scalars(query if cut is None else query.where(cut))}


@pytest.fixture
def parties(made, session):
    for owner in ("manager", "manager2", "head", "accountant", None):
        made.party(f"Of {owner}", owner=owner)
    session.commit()


def test_every_preset_has_a_name_in_all_languages():
    assert set(NAMES) == {ADMIN, *PRESETS}


def test_a_difference_is_kept_beside_the_preset_and_outlives_a_sync(app, session, role):
    manager = role("Sales manager")
    assert ("party", "delete") not in granted(manager)
    done = role_change.put(
        session, manager, rights={("party", "delete"): True, ("order", "delete"): False, ("party", "see"): True}
    )
    assert done == 2
    kept = session.scalars(select(RoleChange)).all()
    assert {(row.area, row.verb, row.is_granted) for row in kept} == {
        ("party", "delete", True),
        ("order", "delete", False),
    }
    for _again in range(2):
        assert ("party", "delete") in granted(manager)
        assert ("order", "delete") not in granted(manager)
        roles.sync(session, installation.rights_of(app), fingerprint="another")
        session.expire_all()
    found = select(FieldChange).where(FieldChange.entity == "role", FieldChange.act == "change")
    told = session.scalars(found.order_by(FieldChange.id)).all()
    assert [row.changes for row in told] == [{"party.delete": [False, True]}, {"order.delete": [True, False]}]

    assert role_change.put(session, manager, rights={("party", "delete"): False}) == 1
    assert session.scalars(select(RoleChange.area)).all() == ["order"]  # what equals the preset is no difference
    assert role_change.reset(session, manager) == 1
    assert ("order", "delete") in granted(manager)
    assert not session.scalars(select(RoleChange)).all()


def test_rows_differ_by_role_area_and_action(session, role, parties):
    manager = role("Sales manager")
    assert seen(session, "manager") == {"Of manager"}
    role_change.put(
        session,
        manager,
        rights={},
        reaches={("party", "see"): Reach(Scope.all), ("party", "change"): Reach(Scope.own), ("party", "export"): None},
    )
    assert len(seen(session, "manager")) == 5
    assert seen(session, "manager", "change") == {"Of manager"}
    assert len(seen(session, "manager", "export")) == 5
    assert actor(session, "manager").reach("order").scope is Scope.own
    foreign = session.scalars(select(Party).where(Party.name == "Of head")).one()
    with access.acting(session, actor(session, "manager")):
        assert access.visible(session, foreign)
        with pytest.raises(NotAllowed, match=r"party\.change"):
            access.require(session, foreign, "change")


def test_what_belongs_to_nobody_is_its_own_switch(session, role, parties):
    assert "Of None" not in seen(session, "head")
    role_change.put(session, role("Head of sales"), rights={}, reaches={("party", "see"): Reach(Scope.subtree, True)})
    assert seen(session, "head") == {"Of manager", "Of manager2", "Of head", "Of None"}
    role_change.put(session, role("Head of sales"), rights={}, reaches={("party", "see"): Reach(Scope.none, True)})
    assert seen(session, "head") == {"Of None"}


def test_a_role_counts_where_it_has_the_right(session, role, parties):
    both = access.actor_of(session, user_id=user(session, "manager").id, name="x", roles=["Sales manager", "Marketer"])
    assert (both.reach("party").scope, both.reach("order").scope) == (Scope.all, Scope.own)
    assert both.reach("party", "change").scope is Scope.own
    assert both.reach("number_series").scope is Scope.none


@pytest.mark.parametrize("name", ["manager", "manager2", "head", "accountant", "nobody"])
def test_sql_and_python_agree_about_every_reach(session, role, parties, name):
    everybody = session.scalars(select(Party)).all()
    person = actor(session, name)
    for scope, unassigned, action in itertools.product(WIDTH, (False, True), ACTIONS):
        reaches = frozenset({("party", "see", Reach(Scope.all)), ("party", action, Reach(scope, unassigned))})
        if action == "see":
            reaches = frozenset({("party", "see", Reach(scope, unassigned))})
        teams = session.execute(select(access.Team.id, access.Team.parent_id, access.Team.head_id)).all()
        own = {team.id for team in teams if team.head_id == person.user_id} | {person.team_id} - {None}
        one = access.Actor(
            person.user_id,
            name,
            scope,
            frozenset(),
            person.team_id,
            frozenset(own),
            frozenset(access.subtree(teams, own)),
            reaches,
        )
        with access.acting(session, one):
            cut = access.cut(session, Party, action)
            by_sql = set(session.scalars(select(Party.id) if cut is None else select(Party.id).where(cut)))
            by_python = {party.id for party in everybody if access.allowed(session, party, action)}
        assert by_sql == by_python, (scope, unassigned, action)


def test_a_copy_grows_with_its_base(app, session, role, monkeypatch):
    role_change.put(session, role("Accountant"), rights={("invoice", "issue"): False})
    made = roles.copy(session, role("Accountant"), "Junior accountant", note="No issuing")
    assert granted(made) == granted(role("Accountant"))
    assert roles.base_of(session, made) == "Accountant"
    more = PRESETS["Accountant"].grants["tag"] + " export"
    monkeypatch.setitem(PRESETS, "Accountant", roles_with(PRESETS["Accountant"], tag=more))
    policy.policy.cache_clear()
    roles.sync(session, installation.rights_of(app), fingerprint="newer")
    session.expire_all()
    assert ("tag", "export") in granted(made)
    assert ("invoice", "issue") not in granted(made)
    policy.policy.cache_clear()


def roles_with(preset, **grants):
    from dataclasses import replace

    return replace(preset, grants={**preset.grants, **grants})


def test_names_and_deleting(session, role, made):
    mine = roles.make(session, "  Night   shift ", base=None)
    assert (mine.name, granted(mine)) == ("Night shift", set())
    for name in ("", "x" * 65, "night SHIFT", "Accountant", "Administrator", "public"):
        with pytest.raises(DomainError):
            roles.make(session, name, base=None)
    with pytest.raises(DomainError):
        roles.rename(session, role("Accountant"), "Bookkeeper")
    with pytest.raises(DomainError):
        roles.remove(session, role("Accountant"))
    person = made.user("nobody")
    person.roles = [mine]
    session.flush()
    with pytest.raises(DomainError, match="1 people"):
        roles.remove(session, mine)
    person.roles = []
    session.flush()
    roles.remove(session, mine)
    for name in (ADMIN,):
        with pytest.raises(DomainError):
            role_change.put(session, role(name), rights={("party", "see"): False})
        with pytest.raises(DomainError):
            roles.copy(session, role(name), "Another administrator")


def test_a_role_goes_through_a_file(session, role, app):
    offered = set(installation.rights_of(app))
    role_change.put(
        session,
        role("Marketer"),
        rights={("party", "export"): False},
        reaches={("party", "see"): Reach(Scope.team, unassigned=True)},
    )
    file = role_file.of(session, role("Marketer"))
    content = json.dumps(file | {"name": "From afar"}).encode()
    made, left_out = role_file.take_in(session, role_file.read(content, most=10_000), offered=offered)
    assert left_out == []
    one, other = (roles.policy_of(session, each) for each in (made, role("Marketer")))
    assert one == other
    assert role_file.differences(one, other, rights=offered, owned=["party"]) == []
    unknown = file | {"name": "From afar", "changes": [{"area": "rocket", "verb": "launch", "granted": True}]}
    again, left_out = role_file.take_in(session, unknown, offered=offered)
    assert (again.id, left_out) == (made.id, ["rocket.launch"])
    found = role_file.differences(
        roles.policy_of(session, again), roles.policy_of(session, role("Marketer")), rights=offered, owned=["party"]
    )
    assert ("party", "export", True, False) in found
    assert ("party", "see.rows", Reach(Scope.all), Reach(Scope.team, unassigned=True)) in found


def test_that_a_role_demands_a_second_factor_goes_with_copies_and_files(session, role, app):
    offered = set(installation.rights_of(app))
    assert "second_factor" not in role_file.of(session, role("Marketer"))
    assert role_demand.put(session, role("Marketer"), is_demanded=True) is True
    assert role_demand.put(session, role("Marketer"), is_demanded=True) is False
    copy = roles.copy(session, role("Marketer"), "Fairs")
    file = role_file.of(session, copy)
    assert (role_demand.of_role(session, copy), file["second_factor"]) == (True, True)
    content = json.dumps(file | {"name": "From afar"}).encode()
    made, _left_out = role_file.take_in(session, role_file.read(content, most=10_000), offered=offered)
    assert role_demand.of_role(session, made) is True
    silent = {name: value for name, value in file.items() if name != "second_factor"} | {"name": "From afar"}
    again, _left_out = role_file.take_in(session, silent, offered=offered)
    assert (again.id, role_demand.of_role(session, again)) == (made.id, True), "silence takes no demand back"
    with pytest.raises(DomainError, match="does not hold a role"):
        role_file.read(json.dumps(file | {"second_factor": "yes"}).encode(), most=10_000)


def test_nobody_frees_a_role_that_has_more_than_he(session, role):
    role_demand.put(session, role("Accountant"), is_demanded=True)
    access.act_as(session, actor(session, "head"))
    with pytest.raises(DomainError, match="rights that you do not have yourself"):
        role_demand.put(session, role("Accountant"), is_demanded=False)
    assert role_demand.of_role(session, role("Accountant")) is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        HEAD + b'"base": null}',
        HEAD + b'"name": "x", "base": "Emperor", "changes": []}',
        HEAD + b'"name": "x", "changes": [{"area": "party", "verb": "see", "scope": "world"}]}',
        HEAD + b'"name": "x", "changes": [{"area": "party", "verb": "add", "scope": "own"}]}',
        HEAD + b'"name": "x", "changes": [{"area": 7, "verb": "see", "granted": true}]}',
        HEAD + b'"name": "x", "changes": [{"area": "party", "verb": "see"}]}',
    ],
)
def test_what_is_no_role_is_refused_with_a_text(content):
    with pytest.raises(DomainError):
        role_file.read(content, most=200_000)


@attack(30, "rights and rows that one does not have, at the service")
def test_nobody_gives_what_he_does_not_have(session, role, made):
    """A keeper of roles and accounts who is no administrator raises neither himself nor others."""
    keeper = roles.make(session, "Keeper", base=None)
    role_change.put(
        session, keeper, rights={("role", "change"): True, ("user", "change"): True, ("party", "see"): True}
    )
    person = made.user("nobody")
    person.roles = [keeper]
    session.commit()
    with access.acting(session, actor(session, "nobody")):
        for rights in ({("party", "delete"): True}, {("user", "see"): True}):
            with pytest.raises(DomainError, match="do not have yourself"), session.begin_nested():
                role_change.put(session, keeper, rights=rights)
        for wider in (Reach(Scope.all), Reach(Scope.own, unassigned=True)):
            with pytest.raises(DomainError, match="do not have yourself"), session.begin_nested():
                role_change.put(session, keeper, rights={}, reaches={("party", "see"): wider})
        with pytest.raises(DomainError, match="do not have yourself"), session.begin_nested():
            role_change.put(session, role("Accountant"), rights={("invoice", "issue"): False})
        for raised in (ADMIN, "Accountant"):
            with session.no_autoflush:
                person.roles = [keeper, role(raised)]
                with pytest.raises(DomainError):
                    users.save(session, person)
                person.roles = [keeper]
        with session.no_autoflush, pytest.raises(DomainError):
            users.save(session, made.user("accountant"))  # his password or roles are not the keeper's to change
        assert role_change.put(session, keeper, rights={("party", "see"): False}) == 1
