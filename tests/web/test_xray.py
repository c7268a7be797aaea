"""The access X-ray: its answer is what then happens, for every person, and it says which rule decided."""

from collections.abc import Callable
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.roles import Reach, Scope
from app.services import role_change, xray
from app.services.xray import Because, Rule
from tests.attack import attack
from tests.factories import PEOPLE, Made

As = Callable[[str], Any]


def why(answer: xray.Answer, rule: Rule) -> list[Because]:
    return [step.because for step in answer.steps if step.rule is rule]


@pytest.mark.parametrize("name", [*PEOPLE, "admin"])
def test_the_answer_is_what_happens(as_user: As, made: Made, session: Session, name: str) -> None:
    owners = ("manager", "manager2", "head", "accountant", None)
    parties = [made.party(f"Of {owner}", owner=owner) for owner in owners]
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    role_change.put(
        session,
        role,
        rights={("party", "archive"): True},
        reaches={("party", "see"): Reach(Scope.all), ("party", "change"): Reach(Scope.team)},
    )
    session.commit()
    browser, person = as_user(name), made.user(name)
    for party in parties:
        for verb, path in (("see", "show"), ("change", "edit")):
            answer = xray.explain(session, person, "party", verb, party.id)
            assert (browser.get(f"/party/{path}/{party.id}").status_code == 200) == answer.allowed, (verb, party.name)


def test_it_says_which_rule_decided(made: Made, session: Session) -> None:
    mine, foreign, nobodys = (made.party(f"Of {owner}", owner=owner) for owner in ("manager", "head", None))
    manager, head, nobody, admin = (made.user(name) for name in ("manager", "head", "nobody", "admin"))
    session.flush()

    def asked(person: Any, verb: str, record: Any = None) -> xray.Answer:
        return xray.explain(session, person, "party", verb, None if record is None else record.id)

    assert why(asked(manager, "change", mine), Rule.rows) == [Because.own, Because.own]
    assert why(asked(manager, "see", foreign), Rule.rows) == [Because.elsewhere]
    assert why(asked(head, "see", mine), Rule.rows) == [Because.team_below]
    assert why(asked(admin, "see", nobodys), Rule.rows) == [Because.all_rows]
    assert why(asked(admin, "delete"), Rule.role) == [Because.administrator]
    assert why(asked(nobody, "see"), Rule.role) == [Because.no_role]
    assert why(asked(manager, "delete"), Rule.role) == [Because.not_in_preset]
    assert why(xray.explain(session, manager, "party", "see", 10**9), Rule.record) == [Because.not_found]
    role = manager.roles[0]
    reach = {("party", "see"): Reach(Scope.none, unassigned=True)}
    role_change.put(session, role, rights={("party", "delete"): True, ("party", "add"): False}, reaches=reach)
    assert why(asked(manager, "delete"), Rule.role) == [Because.added]
    assert why(asked(manager, "add"), Rule.role) == [Because.taken_away]
    assert why(asked(manager, "see", nobodys), Rule.rows) == [Because.nobodys]
    manager.active = False
    locked = asked(manager, "see", nobodys)
    assert (locked.allowed, why(locked, Rule.account)) == (False, [Because.inactive])


def test_the_page_answers_and_keeps_what_was_asked(as_user: As, made: Made, session: Session) -> None:
    party, manager = made.party("Ararat", owner="head"), made.user("manager")
    session.commit()
    admin = as_user("admin")
    page = admin.get(f"/access/?user={manager.id}&right=party.see&record=/party/show/{party.id}?q=x").text
    assert "Mark Manager may not do this: Parties: See" in page
    assert "rows: Own; it belongs to others, who are not reached" in page
    assert f'value="/party/show/{party.id}?q=x"' in page
    assert "may do this" in admin.get(f"/access/?user={manager.id}&right=party.see&record=").text
    for bad, said in (
        ("user=999999&right=party.see", "Choose a person"),
        (f"user={manager.id}&right=party.fly", "Choose a right"),
        (f"user={manager.id}&right=party.see&record=Ararat", "Paste the address"),
        (f"user={manager.id}&right=party.see&record={'9' * 18}", "There is no such record"),
    ):
        answer = admin.get(f"/access/?{bad}")
        assert (answer.status_code, said in answer.text) == (200, True), bad


@attack(39, "the access X-ray as a list of who may what")
def test_only_administrators_look_through(as_user: As) -> None:
    for name in PEOPLE:
        assert as_user(name).get("/access/").status_code == 403
