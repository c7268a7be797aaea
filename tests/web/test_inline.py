"""Values changed in the list: by the same door as the form, with its rules, rights and conflicts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.history import FieldChange
from app.models.party import Party
from app.services import access
from tests.conftest import Browser
from tests.factories import Made


@pytest.fixture
def party(session: Session, made: Made) -> Party:
    found = made.party("Alpha", owner="manager", country="NL")
    session.commit()
    return found


def send(browser: Browser, party: Party, name: str, value: str, version: int = 1) -> Any:
    return browser.post(
        f"/party/cell/{party.id}/{name}?cols=name,{name}", {name: value, "record_version": str(version)}
    )


def standing(session: Session, party: Party) -> Party:
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    return session.get_one(Party, party.id)


def test_a_cell_is_changed_and_its_row_comes_back(as_user: Callable[[str], Browser], session: Session, party: Party):
    office = as_user("office")
    field = office.get(f"/party/cell/{party.id}/source").text
    assert re.search(r'name="record_version" value="1"', field)
    answer = send(office, party, "source", "Fair")
    assert answer.status_code == 200
    assert re.findall(r'data-label="([^"]+)"', answer.text) == ["Name", "Source"]
    assert "is-changed" in answer.text
    assert standing(session, party).source == "Fair"
    [change] = session.execute(
        select(FieldChange).where(
            FieldChange.entity == "party", FieldChange.record_id == party.id, FieldChange.act == "change"
        )
    ).scalars()
    assert change.changes["source"] == [None, "Fair"]


@pytest.mark.parametrize(
    ("name", "value", "text"), [("name", " ", "required"), ("credit_limit", "abc", "abc"), ("tax_number", "NL1", "")]
)
def test_a_refused_cell_keeps_what_was_typed(
    as_user: Callable[[str], Browser], session: Session, party: Party, name: str, value: str, text: str
):
    answer = send(as_user("office"), party, name, value)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert text in answer.text
    assert f'value="{value}"' in answer.text
    assert (standing(session, party).name, party.version) == ("Alpha", 1)


def test_somebody_elses_change_is_shown_and_not_overwritten(
    as_user: Callable[[str], Browser], session: Session, party: Party
):
    office, admin = as_user("office"), as_user("admin")
    assert send(admin, party, "source", "Fair").status_code == 200
    answer = send(office, party, "source", "Website")
    assert answer.status_code == 409
    assert "Fair" in answer.text
    assert 'value="Website"' in answer.text
    assert standing(session, party).source == "Fair"
    assert send(office, party, "source", "Website", version=2).status_code == 200
    assert standing(session, party).source == "Website"


def test_cells_are_for_those_who_may_change_the_record(
    as_user: Callable[[str], Browser], session: Session, party: Party, made: Made
):
    hidden = made.party("Bravo", owner="manager2")
    session.commit()
    manager, marketer = as_user("manager"), as_user("marketer")
    for name in ("id", "search_text", "name_key", "contacts", "owner_id", "nonsense"):
        assert as_user("office").get(f"/party/cell/{party.id}/{name}").status_code == 404, name
    assert manager.get(f"/party/cell/{hidden.id}/source").status_code == 404
    assert send(manager, hidden, "source", "Fair").status_code == 404
    assert manager.get(f"/party/row/{hidden.id}").status_code == 404
    assert marketer.get(f"/party/cell/{party.id}/source").status_code == 403
    assert send(marketer, party, "source", "Fair").status_code == 403
    assert "data-cell" not in marketer.get("/party/list/").text
    assert "data-cell" in manager.get("/party/list/").text
    assert (standing(session, party).source, standing(session, hidden).source) == (None, None)


def test_issued_invoices_and_users_have_no_such_cells(as_user: Callable[[str], Browser]):
    assert "data-cell" not in as_user("admin").get("/user/list/").text
