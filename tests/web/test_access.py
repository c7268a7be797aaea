"""Who sees which rows: the same on every way to them, and at the session itself."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Group, Role, User
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from app.errors import NotAllowed, NotFound
from app.models.party import Party, PartyContact
from app.models.team import Team
from app.roles import PRESETS, Scope
from app.services import access
from app.web.records import Records
from tests.conftest import Browser
from tests.factories import user

OWNERS = ("manager", "manager2", "head", "accountant", None)
EVERYONE = frozenset(OWNERS)
SEES: dict[str, frozenset[str | None]] = {
    "manager": frozenset({"manager"}),
    "manager2": frozenset({"manager2"}),
    "head": frozenset({"manager", "manager2", "head"}),
    "accountant": EVERYONE,
    "marketer": EVERYONE,
    "office": EVERYONE,
    "auditor": EVERYONE,
    "admin": EVERYONE,
}


BIRDS = {"manager": "Merel", "manager2": "Spreeuw", "head": "Kraai", "accountant": "Uil", None: "Reiger"}


def name_of(owner: str | None) -> str:
    return f"Zwaluw {BIRDS[owner]} B.V."


@pytest.fixture
def parties(made: Any, session: Session) -> dict[str | None, Party]:
    found = {owner: made.party(name_of(owner), owner=owner) for owner in OWNERS}
    session.commit()
    return found


def actor(session: Session, username: str) -> access.Actor:
    person = user(session, username)
    return access.actor_of(session, user_id=person.id, name=person.username, roles={role.name for role in person.roles})


# --- on every way -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", list(SEES))
def test_each_role_sees_its_rows_and_no_others_on_every_way(
    as_user: Callable[[str], Browser], parties: dict[str | None, Party], username: str
):
    browser = as_user(username)
    sees = SEES[username]
    mine = {parties[owner].id for owner in sees}
    may_change = username == "admin" or "change" in PRESETS[ROLE[username]].grants["party"].split()
    for path in ("/party/list/", "/party/list/?q=zwaluw", "/party/list/?order=-name&size=100"):
        text = browser.get(path).text
        assert {owner for owner in OWNERS if name_of(owner) in text} == sees, path
    rest = browser.get("/api/v1/party/").json
    assert (set(rest["ids"]), rest["count"]) == (mine, len(mine))
    assert browser.get("/api/v1/party/?search=zwaluw").json["count"] == len(mine)
    lookup = browser.get("/lookup/party?q=zwaluw").json["results"]
    assert {one["id"] for one in lookup} == mine
    assert {one["id"] for one in browser.get("/lookup/party").json["results"]} == mine
    home = browser.get("/home/").text
    assert {owner for owner in OWNERS if name_of(owner) in home} == sees
    for owner, party in parties.items():
        seen = owner in sees
        assert browser.get(f"/party/show/{party.id}").status_code == (200 if seen else 404)
        assert browser.get(f"/api/v1/party/{party.id}").status_code == (200 if seen else 404)
        edit = browser.get(f"/party/edit/{party.id}").status_code
        assert edit == ((200 if seen else 404) if may_change else 403)
        only = browser.get(f"/api/v1/party/?search={name_of(owner)}").json
        assert only["count"] == (1 if seen else 0)


ROLE = {
    "manager": "Sales manager",
    "manager2": "Sales manager",
    "head": "Head of sales",
    "accountant": "Accountant",
    "marketer": "Marketer",
    "office": "Back office",
    "auditor": "Read-only auditor",
}


def test_somebody_without_a_role_sees_nothing_anywhere(as_user: Callable[[str], Browser], parties: Any):
    browser = as_user("nobody")
    party = parties["manager"]
    for path in (
        "/home/",
        "/party/list/",
        "/party/list/?q=zwaluw",
        f"/party/show/{party.id}",
        f"/party/edit/{party.id}",
        "/party/add",
        "/api/v1/party/",
        f"/api/v1/party/{party.id}",
        "/api/v1/party/_info",
        "/lookup/party",
        "/lookup/user",
    ):
        answer = browser.get(path)
        assert answer.status_code == 403, path
        assert "Zwaluw" not in answer.text


def test_a_role_made_by_hand_gives_rights_but_no_rows(
    app: Flask, as_user: Callable[[str], Browser], parties: Any, session: Session
):
    see = session.execute(select(Role).where(Role.name == "Marketer")).unique().scalar_one().permissions
    role = Role(name="Curious", permissions=list(see))
    session.add(role)
    user(session, "nobody").roles = [role]
    session.commit()
    browser = as_user("nobody")
    assert browser.get("/party/list/").status_code == 200
    assert "Zwaluw" not in browser.get("/party/list/").text
    assert browser.get("/api/v1/party/").json["ids"] == []
    assert browser.get("/lookup/party").json["results"] == []
    assert browser.get(f"/party/show/{parties['manager'].id}").status_code == 404


def test_two_roles_give_the_wider_scope_and_a_groups_role_counts(
    as_user: Callable[[str], Browser], parties: Any, session: Session
):
    marketer = session.execute(select(Role).where(Role.name == "Marketer")).unique().scalar_one()
    group = Group(name="Readers", label="Readers", description="", roles=[marketer], users=[user(session, "manager")])
    session.add(group)
    session.commit()
    assert as_user("manager").get("/api/v1/party/").json["count"] == len(OWNERS)


def test_what_one_makes_belongs_to_oneself_and_ones_team(as_user: Callable[[str], Browser], session: Session):
    manager = as_user("manager")
    form = {"name": "Made by form", "kind": "company", "country": "NL", "language": "nl"}
    assert manager.post("/party/add", form).status_code == 302
    rest = manager.api("POST", "/api/v1/party/", json={"name": "Made by REST", "country": "NL"})
    assert rest.status_code == 201
    found = session.scalars(select(Party).order_by(Party.name)).all()
    assert [(p.name, p.owner.username, p.team.name) for p in found] == [
        ("Made by REST", "manager", "north"),
        ("Made by form", "manager", "north"),
    ]
    assert manager.get("/api/v1/party/").json["count"] == 2
    assert as_user("manager2").get("/api/v1/party/").json["count"] == 0


def test_a_named_owner_is_kept(as_user: Callable[[str], Browser], session: Session):
    other = user(session, "manager2")
    body = {"name": "For Maria", "country": "NL", "owner": other.id}
    assert as_user("head").api("POST", "/api/v1/party/", json=body).status_code == 201
    assert session.scalars(select(Party)).one().owner.username == "manager2"


def test_moving_to_another_team_moves_what_one_sees(as_user: Callable[[str], Browser], parties: Any, session: Session):
    session.execute(select(Team).where(Team.name == "south")).scalar_one().parent = None
    session.commit()
    assert set(as_user("head").get("/api/v1/party/").json["ids"]) == {parties["manager"].id, parties["head"].id}


def test_a_circle_of_teams_ends(as_user: Callable[[str], Browser], parties: Any, session: Session):
    teams = {team.name: team for team in session.scalars(select(Team))}
    teams["sales"].parent = teams["north"]
    session.commit()
    assert as_user("head").get("/api/v1/party/").json["count"] == 3


def test_a_visible_record_names_its_owner_and_team_though_one_may_see_neither(
    as_user: Callable[[str], Browser], made: Any, session: Session
):
    """A link to somebody who has left or to a foreign team is shown and is not lost on saving."""
    party = made.party("Shared", owner="manager")
    party.team = session.execute(select(Team).where(Team.name == "south")).scalar_one()
    user(session, "manager").active = True
    session.commit()
    manager = as_user("manager")
    card = manager.get(f"/party/show/{party.id}").text
    assert "Mark Manager" in card
    assert "south" in card
    form = {
        "name": "Shared",
        "kind": "company",
        "country": "NL",
        "language": "en",
        "record_version": str(party.version),
    }
    form |= {"owner": str(party.owner_id), "team": str(party.team_id), "note": "kept"}
    assert manager.post(f"/party/edit/{party.id}", form).status_code == 302
    session.expire_all()
    assert (party.note, party.team.name, party.owner.username) == ("kept", "south", "manager")


# --- at the session ---------------------------------------------------------------------------------------------------


def test_every_kind_of_question_is_cut(session: Session, parties: Any):
    own = parties["manager"].id
    other = aliased(Party)
    with access.acting(session, actor(session, "manager")):
        assert session.scalars(select(Party.id)).all() == [own]
        assert [party.id for party in session.query(Party)] == [own]
        assert session.query(Party).count() == 1
        assert session.scalars(select(other.id)).all() == [own]
        assert session.scalar(select(func.count(Party.id))) == 1
        assert session.scalar(select(func.count()).select_from(select(Party.id).subquery())) == 1
        assert session.scalars(select(User.username).join(Party, Party.owner_id == User.id)).all() == ["manager"]
        owners = select(User.username).where(exists().where(Party.owner_id == User.id))
        assert session.scalars(owners).all() == ["manager"]
        assert session.scalars(select(User.username).where(User.id.in_(select(Party.owner_id)))).all() == ["manager"]
        both = select(Party.id).union_all(select(other.id))
        assert session.scalars(both).all() == [own, own]
        assert session.get(Party, own) is not None


def test_changes_and_deletions_in_bulk_touch_only_ones_own_rows(session: Session, parties: Any):
    with access.acting(session, actor(session, "manager")):
        assert session.execute(update(Party).values(note="mine")).rowcount == 1
        assert session.query(Party).update({"source": "mine"}) == 1
    session.expire_all()
    assert [owner for owner, party in parties.items() if party.note == party.source == "mine"] == ["manager"]
    with access.acting(session, actor(session, "manager2")):
        assert session.execute(delete(Party)).rowcount == 1
        assert session.query(Party).delete() == 0
    assert session.scalar(select(func.count(Party.id))) == len(OWNERS) - 1


@pytest.mark.parametrize(
    "statement",
    [
        select(Party),
        select(Party.id),
        select(func.count(Party.id)),
        update(Party).values(note="x"),
        delete(Party),
    ],
    ids=str,
)
def test_without_an_actor_everything_owned_is_refused(session: Session, parties: Any, statement: Any):
    session.info.pop("actor", None)
    with pytest.raises(NotAllowed):
        session.execute(statement)
    access.act_as(session, lambda: None)
    with pytest.raises(NotAllowed):
        session.execute(statement)
    access.act_as(session, access.SYSTEM)
    assert session.scalar(select(func.count(Party.id)).where(Party.note.is_(None))) == len(OWNERS)


def test_without_an_actor_a_hidden_question_finds_nothing(session: Session, parties: Any):
    """In a join or a subquery the table is not named at the top: the answer is empty, never everything."""
    session.info.pop("actor", None)
    assert session.scalar(select(func.count()).select_from(select(Party.id).subquery())) == 0
    assert session.scalars(select(User.id).join(Party, Party.owner_id == User.id)).all() == []
    assert session.scalars(select(User.id).where(User.id.in_(select(Party.owner_id)))).all() == []


def test_a_new_session_knows_nobody(rolled_back: Any, parties: Any):
    with Session(rolled_back, join_transaction_mode="create_savepoint") as fresh, pytest.raises(NotAllowed):
        fresh.scalars(select(Party)).all()


def test_a_scope_of_none_sees_nothing(session: Session, parties: Any):
    with access.acting(session, access.Actor(1, "x", Scope.none)):
        assert session.scalars(select(Party)).all() == []


def test_a_record_that_is_loaded_already_is_not_revealed(session: Session, parties: Any, app: Flask):
    """What a rule has loaded over all rows stays in the session's identity map; asking by id still asks the rule."""
    foreign = parties["manager2"].id
    with access.acting(session, actor(session, "manager")):
        with access.everything(session, why="a rule looks over all rows"):
            loaded = session.get(Party, foreign)
        assert loaded in session
        assert access.get(session, Party, foreign) is None
        assert access.visible(session, loaded) is False
        assert session.scalars(select(Party).where(Party.id == foreign)).all() == []
        assert access.visible(session, parties["manager"]) is True


def test_visible_agrees_with_the_cut_for_every_role_and_record(session: Session, parties: Any):
    for username in (*SEES, "nobody"):
        who = actor(session, username)
        with access.acting(session, who):
            ids = set(session.scalars(select(Party.id)))
            assert {p.id for p in parties.values() if access.visible(session, p)} == ids, username
            assert {owner for owner, p in parties.items() if p.id in ids} == SEES.get(username, frozenset())


def test_the_link_of_a_visible_record_is_loaded_even_when_foreign(session: Session, parties: Any):
    contact = PartyContact(party_id=parties["manager2"].id, name="Sanne")
    session.add(contact)
    session.commit()
    with access.acting(session, actor(session, "manager")):
        for option in ((), (selectinload(PartyContact.party),)):
            session.expunge_all()
            found = session.scalars(select(PartyContact).options(*option)).one()
            assert found.party.name == name_of("manager2")


def test_rows_reached_through_the_owner_are_cut(session: Session, parties: Any):
    session.add_all(PartyContact(party_id=party.id, name=f"Of {owner}") for owner, party in parties.items())
    session.commit()
    with access.acting(session, actor(session, "manager")):
        assert session.scalars(select(PartyContact.name).join(PartyContact.party)).all() == ["Of manager"]
        found = session.scalars(select(Party).options(joinedload(Party.contacts))).unique().all()
        assert [[contact.name for contact in party.contacts] for party in found] == [["Of manager"]]


def test_everything_reaches_over_all_rows_and_ends_with_its_block(session: Session, parties: Any):
    with access.acting(session, actor(session, "manager")):
        with access.everything(session, why="counting"):
            with access.everything(session, why="a rule within a rule"):
                assert session.scalar(select(func.count(Party.id))) == len(OWNERS)
            assert session.scalar(select(func.count(Party.id))) == len(OWNERS)
        assert session.scalar(select(func.count(Party.id))) == 1
        with pytest.raises(ZeroDivisionError), access.everything(session, why="it breaks"):
            1 / 0  # noqa: B018
        assert session.scalar(select(func.count(Party.id))) == 1
    with pytest.raises(AssertionError), access.everything(session, why=""):
        pass


def test_the_door_of_screens_and_rest_asks_the_rule(session: Session, app: Flask, parties: Any):
    with app.app_context():
        from app.db import db

        work = db.session()
        access.act_as(work, actor(session, "manager"))
        door = Records(Party)
        assert door.one(parties["manager2"].id) is None
        assert door.one(parties["manager"].id).name == name_of("manager")
        for key in (None, "", "x", "1; drop table party", 2**70, -1, "9" * 40):
            assert door.one(key) is None
        with pytest.raises(NotFound):
            door.store(lambda party: setattr(party, "note", "taken over"), parties["manager2"].id)
        with pytest.raises(NotFound):
            door.erase(parties["manager2"].id)
    session.expire_all()
    assert parties["manager2"].note is None


def test_the_rule_is_installed_once(app: Flask, statements: list[str], session: Session, parties: Any):
    access.install()
    access.install()
    with access.acting(session, actor(session, "manager")):
        statements.clear()
        session.scalars(select(Party.id)).all()
        assert [statement.count("owner_id =") for statement in statements] == [1]
