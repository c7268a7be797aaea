"""What a new entity gets by itself: run by `test_recipe.py` in a copy of the program that has warehouses."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from app.models.warehouse import Warehouse, WarehouseState  # type: ignore[import-not-found]
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.bulk_run import BulkRun
from app.models.deleted_record import DeletedRecord
from app.models.history import FieldChange, StateChange
from app.services import access
from app.services import warehouse as warehouses  # type: ignore[attr-defined]
from tests.conftest import Browser
from tests.factories import user

Sign = Callable[[str], Browser]
NAMES = {
    "Quay 4": ("NL", "manager"),
    "Склад № 2": ("RU", "manager"),
    "Պահեստ": ("AM", "manager2"),
    "Attic": (None, None),
}


@pytest.fixture
def stock(session: Session) -> dict[str, Any]:
    """Warehouses of two managers, and one of nobody."""
    made = {}
    for name, (country, owner) in NAMES.items():
        one = Warehouse(name=name, country=country, owner=user(session, owner) if owner else None)
        if one.owner is not None:
            one.team_id = one.owner.profile.team_id
        warehouses.save(session, one)
        made[name] = one
    session.commit()
    return made


def standing(session: Session, one: Any) -> Any:
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    return session.get_one(Warehouse, one.id)


def shown(browser: Browser, query: str = "") -> list[str]:
    answer = browser.get(f"/warehouse/list/?cols=name&{query}")
    assert answer.status_code == 200
    return re.findall(r'<a class="row-link"[^>]*>([^<]+)</a>', answer.text)


def test_each_sees_his_own(as_user: Sign, stock: Any):
    assert shown(as_user("office")) == ["Attic", "Quay 4", "Склад № 2", "Պահեստ"]
    manager = as_user("manager")
    assert shown(manager) == ["Quay 4", "Склад № 2"]
    assert manager.get(f"/warehouse/show/{stock['Պահեստ'].id}").status_code == 404
    assert as_user("marketer").get("/warehouse/list/").status_code in {302, 403}


def test_the_list_searches_filters_and_orders(as_user: Sign, stock: Any):
    office = as_user("office")
    assert shown(office, "q=qua") == ["Quay 4"]
    assert shown(office, "flt.country.eq=RU") == ["Склад № 2"]
    assert shown(office, "any1.country.eq=RU&any1.country.eq=NL&order=-name") == ["Склад № 2", "Quay 4"]
    assert shown(as_user("manager"), "flt.owner.eq=mine&flt.state.eq=open") == ["Quay 4", "Склад № 2"]


def test_it_is_made_changed_and_kept_from_two_editors(as_user: Sign, session: Session, stock: Any):
    office = as_user("office")
    empty = office.post("/warehouse/add", {"name": " "})
    assert (empty.status_code, 'id="name-error"' in empty.text) == (422, True)
    made = office.post("/warehouse/add", {"name": "Shed", "country": "NL", "checked_on": "2026-04-01"})
    assert made.status_code == 302, made.text
    one = session.execute(select(Warehouse).where(Warehouse.name == "Shed")).scalar_one()
    late = office.post(f"/warehouse/edit/{one.id}", {"name": "Barn", "record_version": "0"})
    assert late.status_code == 409
    changed = office.post(f"/warehouse/cell/{one.id}/country?cols=name", {"country": "BE", "record_version": "1"})
    assert changed.status_code == 200
    assert (standing(session, one).name, standing(session, one).country) == ("Shed", "BE")
    acts = session.execute(
        select(FieldChange.changes).where(FieldChange.entity == "warehouse", FieldChange.act == "change")
    )
    assert [set(changes) for changes in acts.scalars()] == [{"country"}]


def test_a_verb_is_a_button_a_bulk_act_and_a_resource(as_user: Sign, session: Session, stock: Any):
    office, quay, attic = as_user("office"), stock["Quay 4"], stock["Attic"]
    assert office.post(f"/warehouse/{quay.id}/close").status_code == 302
    assert standing(session, quay).state is WarehouseState.closed
    again = office.api("POST", f"/api/v1/warehouse/{quay.id}/close")
    assert (again.status_code, "This warehouse is closed." in str(again.json)) == (422, True)
    assert office.post("/warehouse/many/close", {"rowid": [str(attic.id)]}).status_code == 302
    assert standing(session, attic).state is WarehouseState.closed
    moves = session.execute(select(StateChange.after).where(StateChange.entity == "warehouse"))
    assert sorted(moves.scalars()) == ["closed"] * 2 + ["open"] * 4
    assert as_user("auditor").post(f"/warehouse/{quay.id}/reopen").status_code in {302, 403}
    assert standing(session, quay).state is WarehouseState.closed


def test_rest_lists_makes_and_refuses(as_user: Sign, stock: Any):
    office = as_user("office")
    listed = office.get("/api/v1/warehouse/")
    assert {row["name"] for row in listed.json["result"]} == set(NAMES)
    assert office.api("POST", "/api/v1/warehouse/", json={"name": "Loft"}).status_code == 201
    refused = office.api("POST", "/api/v1/warehouse/", json={"name": ""})
    assert (refused.status_code, "name" in str(refused.json)) == (422, True)
    assert "/api/v1/warehouse/{pk}/close" in office.get("/api/v1/_openapi").json["paths"]


def test_it_is_exported_found_grouped_and_kept_as_a_view(as_user: Sign, stock: Any):
    office = as_user("office")
    answer = office.export("/warehouse/list/export?format=csv&cols=name&flt.country.eq=NL")
    assert list(csv.reader(io.StringIO(answer.get_data().decode().removeprefix("\ufeff")))) == [["Name"], ["Quay 4"]]
    found = office.get("/find/results", query_string={"q": "sklad"}).json
    assert "Склад № 2" in str(found) or "Склад" in str(found)
    assert office.get("/warehouse/list/?group=country").status_code == 200
    kept = office.post("/warehouse/list/views?flt.country.eq=AM", {"name": "Armenia", "is_pinned": "y"})
    assert kept.status_code == 302
    assert "Armenia" in office.get("/warehouse/list/").text


def test_it_takes_notes_and_tells_followers(as_user: Sign, stock: Any):
    office, quay = as_user("office"), stock["Quay 4"]
    said = office.post(f"/warehouse/{quay.id}/note", {"text": "The roof leaks"})
    assert said.status_code in {200, 302}
    assert "The roof leaks" in office.get(f"/warehouse/show/{quay.id}").text


def test_it_has_a_board_a_calendar_a_gallery_and_a_chart(as_user: Sign, session: Session, stock: Any):
    office, quay = as_user("office"), stock["Quay 4"]
    board = office.get("/warehouse/board?flt.country.eq=NL")
    assert (board.status_code, "Quay 4" in board.text, "Attic" in board.text) == (200, True, False)
    moved = office.post(f"/warehouse/board/{quay.id}", {"to": "closed", "version": str(quay.version)})
    assert moved.status_code in {200, 302, 303}, moved.text
    assert standing(session, quay).state is WarehouseState.closed
    for face in ("calendar", "gallery", "chart", "chart?chart=by_country"):
        assert office.get(f"/warehouse/{face}").status_code == 200, face
    assert "Quay 4" in office.get("/warehouse/gallery").text


def test_many_are_changed_at_once_and_put_back(as_user: Sign, session: Session, stock: Any):
    office = as_user("office")
    ids = [str(stock[name].id) for name in ("Quay 4", "Attic")]
    asked = {"rowid": ids, "how.country": "set", "country": "BE"}
    preview = office.post("/warehouse/many/edit", asked | {"step": "preview"})
    assert (preview.status_code, "Quay 4" in preview.text) == (200, True)
    assert office.post("/warehouse/many/edit", asked | {"step": "do"}).status_code == 302
    assert [standing(session, stock[name]).country for name in ("Quay 4", "Attic")] == ["BE", "BE"]
    run = session.execute(select(BulkRun)).scalar_one()
    assert office.post(f"/bulk_run/undo/{run.id}").status_code in {302, 303}
    assert [standing(session, stock[name]).country for name in ("Quay 4", "Attic")] == ["NL", None]


def test_it_is_tagged_and_filtered_by_its_tag(as_user: Sign, stock: Any):
    office, quay = as_user("office"), stock["Quay 4"]
    added = office.post(f"/warehouse/{quay.id}/tag", {"tag": "cold"})
    assert added.status_code in {200, 302, 303}, added.text
    assert shown(office, "flt.tags.eq=cold") == ["Quay 4"]


def test_it_comes_back_from_the_bin(as_user: Sign, session: Session, stock: Any):
    admin, attic = as_user("admin"), stock["Attic"]
    assert admin.post(f"/warehouse/delete/{attic.id}").status_code == 302
    assert shown(admin) == ["Quay 4", "Склад № 2", "Պահեստ"]
    [binned] = session.execute(select(DeletedRecord).where(DeletedRecord.entity == "warehouse")).scalars()
    assert admin.post(f"/deleted_record/{binned.id}/restore").status_code == 302
    assert shown(admin) == ["Attic", "Quay 4", "Склад № 2", "Պահեստ"]
