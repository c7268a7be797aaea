"""Standing in: the rows of somebody who is away, for the time that he is, and no right more."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.substitution import Substitution
from app.services import xray
from app.services.xray import Because, Rule
from tests.attack import attack
from tests.factories import Made

As = Callable[[str], Any]
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(f"{TODAY}T12:00:00Z", tick=True)


def away(made: Made, absent: str, substitute: str, *, begins: int = 0, ends: int = 0) -> Substitution:
    first, last = (clock.today() + timedelta(days=days) for days in (begins, ends))
    record = Substitution(absent=made.user(absent), substitute=made.user(substitute), begins_on=first, ends_on=last)
    made.session.add(record)
    made.session.commit()
    return record


@pytest.mark.parametrize(("begins", "ends", "reached"), [(0, 0, True), (-5, 5, True), (1, 5, False), (-5, -1, False)])
def test_rows_are_reached_on_the_days_of_absence_only(
    as_user: As, made: Made, session: Session, begins: int, ends: int, reached: bool
) -> None:
    hers, his = made.party("Hers", owner="manager2"), made.party("His", owner="manager")
    nobodys = made.party("Of the head", owner="head")
    away(made, "manager2", "manager", begins=begins, ends=ends)
    manager = as_user("manager")
    for path in ("show", "edit"):
        assert (manager.get(f"/party/{path}/{hers.id}").status_code == 200) == reached
    assert ("Hers" in manager.get("/party/list/").text) == reached
    assert (manager.api("GET", f"/api/v1/party/{hers.id}").status_code == 200) == reached
    assert (f"/party/show/{hers.id}" in manager.get("/find/results?q=hers").text) == reached
    assert manager.get(f"/party/show/{nobodys.id}").status_code == 404
    assert as_user("manager2").get(f"/party/show/{his.id}").status_code == 404  # not the other way round
    answer = xray.explain(session, made.user("manager"), "party", "see", hers.id)
    because = [step.because for step in answer.steps if step.rule is Rule.rows]
    assert because == [Because.stands_in if reached else Because.elsewhere]


@attack(35, "the rights of whom one stands in for")
def test_standing_in_gives_rows_and_no_right(as_user: As, made: Made) -> None:
    away(made, "accountant", "manager")
    made.invoice(owner=made.user("accountant"))
    made.session.commit()
    manager = as_user("manager")
    assert manager.get("/invoice/add").status_code == 403
    assert manager.get("/invoice/list/").status_code == 200


def test_who_stands_in_for_a_head_reaches_his_teams_if_his_role_reaches_teams(as_user: As, made: Made) -> None:
    party = made.party("Of the north", owner="manager")
    away(made, "head", "manager2")
    assert as_user("manager2").get(f"/party/show/{party.id}").status_code == 404


def test_what_does_not_fit_is_said_at_its_field(as_user: As, made: Made, session: Session) -> None:
    admin = as_user("admin")
    one, other = made.user("manager"), made.user("manager2")
    given = {"absent": one.id, "substitute": other.id, "begins_on": "2026-11-20", "ends_on": "2026-11-27"}
    for wrong, said in (
        ({"substitute": one.id}, "Nobody stands in for himself"),
        ({"ends_on": "2026-11-19"}, "The last day comes before the first"),
        ({"ends_on": "2028-11-19"}, "At most a year"),
        ({"absent": ""}, "required"),
    ):
        answer = admin.post("/substitution/add", given | wrong)
        assert (answer.status_code, said in answer.text) == (422, True), wrong
    assert not session.scalars(select(Substitution)).all()
    assert admin.post("/substitution/add", given).status_code == 302
    assert len(session.scalars(select(Substitution)).all()) == 1


def test_a_head_arranges_it_among_his_own_people_only(as_user: As, made: Made, session: Session) -> None:
    head = as_user("head")
    days = {"begins_on": "2026-11-20", "ends_on": "2026-11-27"}
    mine = {"absent": made.user("manager").id, "substitute": made.user("manager2").id}
    assert head.post("/substitution/add", days | mine).status_code == 302
    for foreign in (
        {"absent": made.user("accountant").id, "substitute": made.user("head").id},
        {"absent": made.user("manager").id, "substitute": made.user("nobody").id},
    ):
        answer = head.post("/substitution/add", days | foreign)
        assert (answer.status_code, "somebody of your own teams" in answer.text) == (422, True)
        sent = head.api("POST", "/api/v1/substitution/", json=days | foreign)
        assert sent.status_code == 422, sent.json
    others = away(made, "accountant", "office")
    head.post(f"/substitution/delete/{others.id}")
    assert head.api("DELETE", f"/api/v1/substitution/{others.id}").status_code in {403, 404, 405, 422}
    session.expire_all()
    assert session.get(Substitution, others.id) is not None
    assert as_user("manager").get("/substitution/list/").status_code == 403
