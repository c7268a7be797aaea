"""What happened to a record: who, when, in which request, before and after; nothing secret, nothing that did not."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.history import FieldChange, StateChange
from app.models.import_run import ImportRun, ImportState
from app.models.party import Party, PartyKind
from app.models.team import Team
from app.services import access, history
from tests.conftest import PASSWORD, Browser
from tests.factories import user


def changes(session: Session, record: Any) -> list[FieldChange]:
    found = select(FieldChange).where(FieldChange.entity == record.__stem__, FieldChange.record_id == record.id)
    return list(session.scalars(found.order_by(FieldChange.id)))


def test_adding_changing_and_deleting_are_written_with_before_and_after(session: Session, made: Any):
    party = made.party("Before", owner="manager", credit_limit=Decimal("10.50"), birthday=date(1990, 5, 1))
    session.commit()
    party.name, party.credit_limit, party.kind = "After", None, PartyKind.person
    session.commit()
    session.delete(party)
    session.commit()
    added, changed, deleted = changes(session, party)
    assert [row.act for row in (added, changed, deleted)] == ["add", "change", "delete"]
    assert added.changes["name"] == [None, "Before"]
    assert added.changes["birthday"] == [None, "1990-05-01"]
    assert added.changes["owner_id"] == [None, user(session, "manager").id]
    assert changed.changes == {
        "name": ["Before", "After"],
        "credit_limit": ["10.5000", None],
        "kind": ["company", "person"],
    }
    assert deleted.changes["name"] == ["After", None]


def test_what_stood_before_is_known_though_the_record_was_not_read_again(session: Session, made: Any):
    """After a commit attributes are stale; setting one without reading it must not lose the old value."""
    party = made.party("First")
    session.commit()
    party.note = "one"
    session.commit()
    party.note = "two"
    session.commit()
    assert changes(session, party)[-1].changes == {"note": ["one", "two"]}


def test_saving_without_a_change_writes_nothing(session: Session, made: Any):
    party = made.party("Same")
    session.commit()
    party.name = "Same"
    session.commit()
    assert len(changes(session, party)) == 1


def test_a_rollback_takes_its_history_along(session: Session, made: Any):
    party = made.party("Stays")
    session.commit()
    party.name = "Goes"
    session.flush()
    assert len(changes(session, party)) == 2
    session.rollback()
    assert len(changes(session, party)) == 1


def test_two_flushes_of_one_act_are_two_rows_that_join_up(session: Session, made: Any):
    party = made.party("a")
    session.commit()
    for name in ("b", "c"):
        party.name = name
        session.flush()
    session.commit()
    assert [row.changes["name"] for row in changes(session, party)] == [[None, "a"], ["a", "b"], ["b", "c"]]


def test_a_move_of_state_is_written_for_processes_too(session: Session):
    run = ImportRun(entity="party", file_name="parties.csv")
    session.add(run)
    session.commit()
    run.state = ImportState.queued
    session.commit()
    found = session.scalars(select(StateChange).where(StateChange.entity == "import_run").order_by(StateChange.id))
    assert [(row.before, row.after) for row in found] == [(None, "draft"), ("draft", "queued")]


def test_a_request_writes_who_asked_and_its_number(as_user: Callable[[str], Browser], session: Session):
    before = clock.now()
    office = as_user("office")
    answer = office.api("POST", "/api/v1/party/", json={"name": "By request", "country": "NL"})
    row = changes(session, session.get(Party, answer.json["id"]))[0]
    assert row.actor_id == user(session, "office").id
    assert row.request_id == answer.headers["X-Request-Id"]
    assert before <= row.at <= clock.now()


def test_the_system_is_nobody(session: Session, made: Any):
    party = made.party("By a job")
    session.commit()
    assert (changes(session, party)[0].actor_id, access.current(session)) == (None, access.SYSTEM)


def test_the_card_tells_it_in_words_and_the_rest_is_silent(
    as_user: Callable[[str], Browser], made: Any, session: Session
):
    party = made.party("Told", owner="manager")
    session.commit()
    office = as_user("office")
    form = {"name": "Told <b>anew</b>", "kind": "company", "country": "NL", "language": "en", "record_version": "1"}
    assert office.post(f"/party/edit/{party.id}", form).status_code == 302
    card = office.get(f"/party/show/{party.id}").text
    assert "Olga Office" in card
    assert "<del>Told</del>" in card
    assert "<ins>Told &lt;b&gt;anew&lt;/b&gt;</ins>" in card
    assert "search_text" not in card


def test_signing_in_and_passwords_leave_no_secret(as_user: Callable[[str], Browser], session: Session):
    browser = as_user("marketer")
    browser.post("/profile/password", {"old": PASSWORD, "new": "another fine password"})
    rows = session.scalars(select(FieldChange)).all()
    assert [row for row in rows if "password" in row.changes or "scrypt" in str(row.changes)] == []
    assert [row for row in rows if row.entity == "sign_in"] == []


def test_history_of_a_foreign_record_is_not_shown(as_user: Callable[[str], Browser], made: Any, session: Session):
    party = made.party("Secret", owner="manager2")
    session.commit()
    answer = as_user("manager").get(f"/party/show/{party.id}")
    assert answer.status_code == 404
    assert "Secret" not in answer.text


def test_a_link_is_written_by_its_id(session: Session):
    sales = session.scalars(select(Team).where(Team.name == "sales")).one()
    team = Team(name="east", parent=sales)
    session.add(team)
    session.commit()
    team.parent = None
    session.commit()
    assert [row.changes.get("parent_id") for row in changes(session, team)] == [[None, sales.id], [sales.id, None]]


def test_installing_again_writes_once(session: Session, made: Any):
    history.install()
    party = made.party("Once")
    session.commit()
    assert len(changes(session, party)) == 1


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Decimal("1.50"), "1.50"),
        (date(2026, 3, 31), "2026-03-31"),
        (PartyKind.person, "person"),
        (None, None),
        (True, True),
        ({"a": [1]}, {"a": [1]}),
    ],
)
def test_values_are_kept_as_json_has_them(value: object, kept: object):
    assert history.plain(value) == kept
