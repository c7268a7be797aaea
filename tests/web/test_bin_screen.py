"""The bin on the screen and over REST: deleting, the way back, and who sees what."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.deleted_record import DeletedRecord
from app.models.party import Party
from app.models.product import Product
from app.models.sale_order import SaleOrder
from tests.conftest import Browser

SignIn = Callable[[str], Browser]


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def binned(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(DeletedRecord.name).order_by(DeletedRecord.id)))


def names(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(Party.name).order_by(Party.id)))


def way_back(page: str) -> dict[str, str]:
    [form] = re.findall(r'<form method="post" action="/deleted_record/undo" class="toast-undo">.*?</form>', page)
    return dict(re.findall(r'name="(batch|back)" value="([^"]*)"', form))


def test_a_deletion_is_undone_from_its_toast(session: Session, made: Any, as_user: SignIn):
    key = made.party("Foo").id
    session.commit()
    browser = as_user("admin")
    assert "Delete Foo? It stays in the bin for 30 days." in text(browser.get(f"/party/show/{key}"))
    page = text(browser.post(f"/party/delete/{key}", follow_redirects=True))
    assert "Deleted: Foo" in page
    assert (names(session), binned(session)) == ([], ["Foo"])
    back = way_back(page)
    assert back["back"] == "/party/list/"
    answer = browser.post("/deleted_record/undo", back)
    assert (answer.status_code, answer.location) == (302, "/party/list/")
    assert "Restored: Foo" in text(browser.get("/party/list/"))
    assert (names(session), binned(session)) == (["Foo"], [])
    card = text(browser.get(f"/party/show/{key}"))
    assert card.index("Restored") < card.index("Deleted")
    again = text(browser.post("/deleted_record/undo", back, follow_redirects=True))
    assert "This was undone already, or it can no longer be." in again


def test_the_screen_lists_and_restores(session: Session, made: Any, as_user: SignIn):
    key, product = made.party("Foo").id, made.product("Spade").id
    session.commit()
    browser = as_user("admin")
    browser.post(f"/party/delete/{key}")
    browser.post(f"/product/delete/{product}")
    page = text(browser.get("/deleted_record/list/"))
    assert ("Foo" in page, "Spade" in page, "Counterparty" in page or "Party" in page) == (True, True, True)
    assert "Spade" not in text(browser.get("/deleted_record/list/?q=fo"))
    only = text(browser.get("/deleted_record/list/?flt.entity.eq=product"))
    assert ("/deleted_record/show/" in only, ">Foo<" in only) == (True, False)
    row = session.scalars(select(DeletedRecord).where(DeletedRecord.name == "Foo")).one()
    card = text(browser.get(f"/deleted_record/show/{row.id}"))
    assert ("Restore" in card, "Delete for good" in card) == (True, True)
    answer = browser.post(f"/deleted_record/{row.id}/restore")
    assert (answer.status_code, answer.location) == (302, f"/party/show/{key}")
    assert names(session) == ["Foo"]


def test_a_refusal_says_which_value_is_taken(session: Session, made: Any, as_user: SignIn):
    key = made.product("Spade", sku="S-1").id
    session.commit()
    browser = as_user("admin")
    back = way_back(text(browser.post(f"/product/delete/{key}", follow_redirects=True)))
    made.product("Shovel", sku="S-1")
    session.commit()
    page = text(browser.post("/deleted_record/undo", back, follow_redirects=True))
    assert "S-1 · Spade: “S-1” is in use by another record now: change it there first" in page
    assert session.scalars(select(Product.name)).all() == ["Shovel"]


def test_what_has_dependents_stays_and_says_so(session: Session, made: Any, as_user: SignIn):
    order = made.order()
    key = order.party_id
    session.commit()
    page = text(as_user("admin").post(f"/party/delete/{key}", follow_redirects=True))
    assert "Other records depend on this one; it cannot be deleted" in page
    assert binned(session) == []


def drafts(session: Session, made: Any) -> dict[str, int]:
    """A draft order of each of two sales managers."""
    found = {}
    for name in ("manager", "manager2"):
        person = made.user(name)
        order = made.order(
            party=made.buyer(f"Buyer of {name}", owner=name), owner=person, team_id=person.profile.team_id
        )
        found[name] = order.id
    session.commit()
    return found


def test_rows_and_areas_are_cut_as_they_were(session: Session, made: Any, as_user: SignIn):
    keys = drafts(session, made)
    party = made.party("Not his to delete", owner="manager").id
    session.commit()
    admin = as_user("admin")
    for path in (f"/order/delete/{keys['manager']}", f"/order/delete/{keys['manager2']}", f"/party/delete/{party}"):
        assert admin.post(path).status_code == 302
    mine, theirs, foreign = session.scalars(select(DeletedRecord).order_by(DeletedRecord.id)).all()
    browser = as_user("manager")
    page = text(browser.get("/deleted_record/list/"))
    assert re.findall(r'href="/deleted_record/show/(\d+)', page)[:1] == [str(mine.id)]
    assert f"/deleted_record/show/{theirs.id}" not in page
    assert "Not his to delete" not in page
    for row in (theirs, foreign):
        assert browser.get(f"/deleted_record/show/{row.id}").status_code == 404
        assert browser.post(f"/deleted_record/{row.id}/restore").status_code == 404
        assert browser.post("/deleted_record/undo", {"batch": row.batch}).status_code == 302
    assert browser.post(f"/deleted_record/{mine.id}/delete_for_good").status_code == 403
    assert browser.post(f"/deleted_record/{mine.id}/restore").location == f"/order/show/{keys['manager']}"
    assert session.scalars(select(SaleOrder.id)).all() == [keys["manager"]]
    assert len(binned(session)) == 2


@pytest.mark.parametrize("name", ["auditor", "nobody"])
def test_who_deletes_nothing_has_no_bin(session: Session, as_user: SignIn, name: str):
    browser = as_user(name)
    answer = browser.get("/deleted_record/list/")
    assert answer.status_code in {302, 403}
    assert "/deleted_record/list/" not in text(browser.get("/home/"))


def test_an_administrator_deletes_for_good(session: Session, made: Any, as_user: SignIn):
    key = made.party("Foo").id
    session.commit()
    browser = as_user("admin")
    browser.post(f"/party/delete/{key}")
    row = session.scalars(select(DeletedRecord.id)).one()
    answer = browser.post(f"/deleted_record/{row}/delete_for_good")
    assert (answer.status_code, answer.location) == (302, "/deleted_record/list/")
    assert "Done: Delete for good" in text(browser.get("/deleted_record/list/"))
    assert (names(session), binned(session)) == ([], [])


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_deletes_lists_and_restores(session: Session, made: Any, as_user: SignIn):
    key = made.party("Foo").id
    session.commit()
    browser = as_user("admin")
    answer = browser.api("DELETE", f"/api/v1/party/{key}")
    assert (answer.status_code, answer.get_json()) == (200, {"message": "OK"})
    [row] = browser.api("GET", "/api/v1/deleted_record/").get_json()["result"]
    assert (row["entity"], row["record_id"], row["name"]) == ("party", key, "Foo")
    assert "data" not in row
    answer = browser.api("POST", f"/api/v1/deleted_record/{row['id']}/restore")
    assert (answer.status_code, answer.get_json()) == (200, {"result": {"id": key}})
    assert browser.api("POST", f"/api/v1/deleted_record/{row['id']}/restore").status_code == 404
    assert (names(session), binned(session)) == (["Foo"], [])


def test_rest_says_why_it_does_not_restore(session: Session, made: Any, as_user: SignIn):
    key = made.product("Spade", sku="S-1").id
    session.commit()
    browser = as_user("admin")
    browser.api("DELETE", f"/api/v1/product/{key}")
    made.product("Shovel", sku="S-1")
    session.commit()
    row = session.scalars(select(DeletedRecord.id)).one()
    answer = browser.api("POST", f"/api/v1/deleted_record/{row}/restore")
    told = {"message": {"sku": ["“S-1” is in use by another record now: change it there first"]}}
    assert (answer.status_code, answer.get_json()) == (422, told)
    assert binned(session) == ["S-1 · Spade"]
