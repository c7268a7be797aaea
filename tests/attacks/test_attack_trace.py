"""Reading without a trace: every way to the data of a person is a view in the audit, the crooked ones too."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.history import Act, FieldChange
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
FORM = {"name": "", "kind": "company", "country": "NL", "language": "nl"}


@pytest.fixture
def key(made: Made, session: Session) -> int:
    party = made.party("Sanne Geheim", owner="manager", phone="+31205551234", email="sanne@example.org")
    session.commit()
    return party.id


def views(session: Session, key: int) -> list[str]:
    session.commit()
    read = select(FieldChange.actor_name).where(
        FieldChange.act == Act.view, FieldChange.entity == "party", FieldChange.record_id == key
    )
    return list(session.scalars(read.order_by(FieldChange.id)))


@attack(58, "reading the data of a person by a way that is not noted")
@pytest.mark.parametrize(
    "way",
    [
        lambda who, key: who.get(f"/party/show/{key}"),
        lambda who, key: who.get(f"/party/{key}/archive"),
        lambda who, key: who.get(f"/party/{key}/nonsense"),
        lambda who, key: who.get(f"/party/{key}/tab/contacts"),
        lambda who, key: who.get(f"/party/edit/{key}"),
        lambda who, key: who.get(f"/party/add?copy={key}"),
        lambda who, key: who.post(f"/party/edit/{key}", FORM),
        lambda who, key: who.post(f"/party/edit/{key}", FORM | {"name": "x", "record_version": "99"}),
        lambda who, key: who.post(f"/party/{key}/note", {"text": "x" * 20_000}),
        lambda who, key: who.get(f"/api/v1/party/{key}"),
        lambda who, key: who.api("PUT", f"/api/v1/party/{key}", json={}),
    ],
    ids=["card", "verb", "no verb", "tab", "form", "copy", "refused", "stale", "note", "rest", "empty change"],
)
def test_who_sees_the_data_of_a_person_is_noted(as_user: As, session: Session, key: int, way: Any):
    office = as_user("office")
    answer = way(office, key)
    assert answer.status_code in {200, 409, 422}
    assert "Sanne" in answer.text or "+31" in answer.text or "contacts" in answer.text
    assert views(session, key) == ["office"]


@attack(59, "an entry of a view for who was refused")
def test_who_is_refused_is_no_reader(as_user: As, session: Session, key: int):
    manager2 = as_user("manager2")
    for path in ("show/{}", "edit/{}", "{}/tab/contacts", "{}/archive", "add?copy={}"):
        assert "Sanne" not in manager2.get("/party/" + path.format(key)).text
    assert views(session, key) == []
    assert session.scalar(select(func.count()).select_from(FieldChange).where(FieldChange.act == Act.view)) == 0
