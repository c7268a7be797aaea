"""The screens of roles: the table of rights, copies, files, comparing; and what a missing right says."""

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.role import RoleChange
from app.roles import Reach, Scope
from app.services import role_change, roles
from tests.factories import Made

As = Callable[[str], Any]


def named(session: Session, name: str) -> Any:
    session.commit()
    session.expire_all()
    return session.execute(select(Role).where(Role.name == name)).unique().scalar_one()


def filled(page: str) -> dict[str, Any]:
    """Return what a browser would send of the table as it stands."""
    form = page[page.index("roles-form") : page.index("form-foot")]
    boxes = [tag for tag in re.findall(r"<input[^>]+>", form) if " checked" in tag and " disabled" not in tag]
    given: dict[str, Any] = {"right": [], "reach": []}
    for tag in boxes:
        name, value = re.findall(r'(?:name|value)="([^"]*)"', tag)
        given[name].append(value)
    for name, inner in re.findall(r'<select[^>]+name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inner)
        given[name] = chosen[1] if chosen else ""
    return given


def test_the_table_saves_what_is_ticked_and_nothing_else(as_user: As, session: Session, made: Made) -> None:
    admin, role = as_user("admin"), named(session, "Sales manager")
    given = filled(admin.get(f"/role/show/{role.id}").text)
    assert ("party.see" in given["right"], "party.delete" in given["right"]) == (True, False)
    assert (given["reach.party.see"], given["reach.party.change"]) == ("own", "")
    admin.post(f"/role/{role.id}/save", given)
    assert "Nothing was changed" in admin.get("/role/list/").text
    assert not session.scalars(select(RoleChange)).all()

    given["right"] = [each for each in given["right"] if each != "order.delete"] + ["party.delete"]
    given["reach.party.see"], given["reach.party.change"] = "team", "own"
    assert admin.post(f"/role/{role.id}/save", given).location.endswith(f"/role/show/{role.id}")
    page = admin.get(f"/role/show/{role.id}").text
    assert "Saved: 4 changes" in page
    assert page.count('is-changed"') + page.count("is-changed ") == 4
    assert "Parties: Delete: <del>no</del> → <ins>yes</ins>" in re.sub(r"\s+", " ", page)
    assert filled(page)["reach.party.change"] == "own"
    manager = as_user("manager")
    mine = made.party("Mine", owner="manager")
    session.commit()
    assert f"/party/delete/{mine.id}" in manager.get(f"/party/show/{mine.id}").text
    assert manager.post("/order/delete/1").status_code == 403
    admin.post(f"/role/{role.id}/reset")
    assert not session.scalars(select(RoleChange)).all()


def kept(session: Session) -> set[tuple[Any, ...]]:
    session.expire_all()
    found = session.scalars(select(RoleChange))
    return {(one.role_id, one.area, one.verb, one.is_granted, one.scope, one.unassigned) for one in found}


def undo_of(page: str) -> tuple[str, dict[str, str]]:
    found = re.search(r'<form[^>]+action="(/role/\d+/undo)".*?</form>', page, re.DOTALL)
    assert found
    return found[1], {"request": re.findall(r'name="request" value="([^"]+)"', found[0])[0]}


def test_what_was_saved_of_the_table_is_undone_by_its_toast(as_user: As, session: Session) -> None:
    admin, role = as_user("admin"), named(session, "Sales manager")
    role_change.put(
        session,
        role,
        rights={("party", "delete"): True, ("party.personal", "change"): False},
        reaches={("party", "change"): Reach(Scope.team, unassigned=True)},
    )
    session.commit()
    before = kept(session)
    given = filled(admin.get(f"/role/show/{role.id}").text)
    given["right"] = [each for each in given["right"] if each not in {"order.delete", "party.delete"}]
    given["right"] += ["party.archive", "party.personal.change"]
    given |= {"reach.party.see": "all", "reach.party.change": "", "reach.order.delete": "own"}
    admin.post(f"/role/{role.id}/save", given)
    page = admin.get(f"/role/show/{role.id}").text
    assert "Saved: 7 changes" in page
    after = kept(session)
    assert after != before
    path, fields = undo_of(page)
    assert as_user("manager").post(path, fields).status_code == 403
    assert kept(session) == after
    assert admin.post(path, fields | {"back": f"/role/show/{role.id}"}).location.endswith(f"/role/show/{role.id}")
    assert kept(session) == before
    page = admin.get(f"/role/show/{role.id}").text
    assert "The role is as it was before" in page
    assert "Parties: Archive: <del>yes</del> → <ins>no</ins>" in re.sub(r"\s+", " ", page)


def test_what_somebody_has_changed_since_is_not_undone(as_user: As, session: Session) -> None:
    admin, role = as_user("admin"), named(session, "Sales manager")
    given = filled(admin.get(f"/role/show/{role.id}").text)
    given["right"] += ["party.delete", "party.archive"]
    admin.post(f"/role/{role.id}/save", given)
    path, fields = undo_of(admin.get(f"/role/show/{role.id}").text)
    role_change.put(session, named(session, "Sales manager"), rights={("party", "archive"): False})
    session.commit()
    standing = kept(session)
    for sent, said in (
        (fields, "Somebody has changed these rights since; nothing was undone"),
        ({"request": "x"}, "There is nothing to undo here"),
        ({}, "There is nothing to undo here"),
    ):
        admin.post(path, sent)
        assert said in admin.get(f"/role/show/{role.id}").text
        assert kept(session) == standing
    other = named(session, "Marketer")
    admin.post(f"/role/{other.id}/undo", fields)
    assert kept(session) == standing


def test_what_one_may_only_see_has_no_buttons_and_takes_no_changes(as_user: As, session: Session, made: Made) -> None:
    role_change.put(
        session,
        named(session, "Sales manager"),
        rights={("party", "delete"): True, ("party", "archive"): True, ("party", "export"): True},
        reaches={
            ("party", "see"): Reach(Scope.all),
            **{("party", action): Reach(Scope.own) for action in ("change", "delete", "act", "export")},
        },
    )
    mine, foreign = made.party("My own", owner="manager"), made.party("Her own", owner="manager2")
    session.commit()
    manager = as_user("manager")
    card, other = (manager.get(f"/party/show/{each.id}").text for each in (mine, foreign))
    for address in ("edit", "delete"):
        assert f"/party/{address}/{mine.id}" in card
        assert f"/party/{address}/{foreign.id}" not in other
    assert (f"/party/{mine.id}/archive" in card, f"/party/{foreign.id}/archive" in other) == (True, False)
    refused = [
        manager.get(f"/party/edit/{foreign.id}"),
        manager.post(f"/party/edit/{foreign.id}", {"name": "Taken", "country": "NL"}),
        manager.post(f"/party/delete/{foreign.id}"),
        manager.post(f"/party/{foreign.id}/archive"),
        manager.api("PUT", f"/api/v1/party/{foreign.id}", json={"name": "Taken"}),
        manager.api("POST", f"/api/v1/party/{foreign.id}/archive", json={}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 6
    assert "your role does not reach it" in refused[0].text
    assert manager.post(f"/party/cell/{foreign.id}/name", {"name": "Taken"}).status_code in {403, 404}
    manager.post("/party/many/archive", {"rowid": [str(mine.id), str(foreign.id)]})
    assert "You see this record, but may not do this to it" in manager.get("/party/list/").text
    session.expire_all()
    kept = session.get_one(Party, foreign.id)
    assert (kept.name, kept.archived_at) == ("Her own", None)
    assert session.get_one(Party, mine.id).archived_at is not None
    sent = manager.export("/party/list/export?format=csv&include_archived=1").get_data().decode("utf-8-sig")
    assert "Her own" not in sent


def test_a_role_is_copied_renamed_and_deleted(as_user: As, session: Session) -> None:
    admin, source = as_user("admin"), named(session, "Marketer")
    again = admin.post("/role/copy", {"name": "Accountant", "source": str(source.id)})
    assert (again.status_code, "This name is taken" in again.text) == (422, True)
    assert 'value="Accountant"' in again.text
    admin.post("/role/copy", {"name": "Fair visitor", "source": str(source.id), "note": "For fairs"})
    made = named(session, "Fair visitor")
    page = admin.get(f"/role/show/{made.id}").text
    assert "based on “Marketer”" in page
    admin.post(f"/role/{made.id}/rename", {"name": "Fairs", "note": ""})
    assert named(session, "Fairs").id == made.id
    admin.post(f"/role/{source.id}/rename", {"name": "Boss"})
    assert named(session, "Marketer").id == source.id
    for role_id, stays in ((source.id, True), (made.id, False)):
        admin.post(f"/role/{role_id}/delete")
        session.expire_all()
        assert (session.get(Role, role_id) is not None) == stays


def test_a_role_goes_out_and_comes_in_as_a_file(as_user: As, session: Session) -> None:
    admin, role = as_user("admin"), named(session, "Marketer")
    role_change.put(session, role, rights={("order", "see"): True})
    session.commit()
    answer = admin.get(f"/role/{role.id}/file")
    assert "attachment" in answer.headers["Content-Disposition"]
    content = answer.json | {"name": "From elsewhere"}
    file = {"file": (io.BytesIO(json.dumps(content).encode()), "role.json")}
    admin.post("/role/import", file, content_type="multipart/form-data")
    assert ("order", "see") in roles.policy_of(session, named(session, "From elsewhere")).rights
    broken = admin.post("/role/import", {"file": (io.BytesIO(b"{}"), "role.json")}, content_type="multipart/form-data")
    assert (broken.status_code, "This file does not hold a role" in broken.text) == (422, True)
    assert admin.post("/role/import", {}).status_code == 422
    compared = admin.get(f"/role/compare?a={role.id}&b={named(session, 'Accountant').id}").text
    assert "differences" in compared
    assert "the same" in admin.get(f"/role/compare?a={role.id}&b={role.id}").text


@pytest.mark.parametrize("path", ["/role/list/", "/role/show/1", "/role/compare", "/role/1/file"])
def test_roles_are_the_administrators_affair(as_user: As, path: str) -> None:
    for name in ("office", "head", "nobody"):
        assert as_user(name).get(path).status_code == 403


def test_bad_addresses_and_values_break_nothing(as_user: As, session: Session) -> None:
    admin, role = as_user("admin"), named(session, "Marketer")
    for path in ("/role/show/999999", f"/role/show/{2**40}", f"/role/show/{named(session, 'Public').id}"):
        assert admin.get(path).status_code == 404
    given = filled(admin.get(f"/role/show/{role.id}").text) | {"reach.party.see": "world"}
    admin.post(f"/role/{role.id}/save", given)
    assert not session.scalars(select(RoleChange)).all()
    admin.post(f"/role/{named(session, 'Admin').id}/save", given | {"reach.party.see": "own"})
    assert not session.scalars(select(RoleChange)).all()


def test_a_missing_right_is_named_with_the_people_who_can_give_it(as_user: As) -> None:
    office = as_user("office")
    answer = office.get("/user/list/")
    assert answer.status_code == 403
    assert "You lack the right “Users: See”." in answer.text
    assert "Admin Countinghouse can give it to you." in answer.text
    assert "Invoices: Issue" in office.post("/invoice/1/issue").text
    assert "can give" not in office.get("/nowhere/").text


def test_roles_are_named_in_the_language_of_the_reader(as_user: As, session: Session, made: Made) -> None:
    roles.make(session, "Ночная смена", base=None)
    session.commit()
    admin = as_user("admin")
    admin.get("/lang/ru")
    for path in ("/role/list/", "/user/list/", f"/user/edit/{made.user('accountant').id}", "/party/list/"):
        page = admin.get(path).text
        assert "Бухгалтер" in page, path
        assert "Head of sales" not in page.replace('value="Head of sales"', ""), path
    assert "Ночная смена" in page  # a list may begin with a view for it
    admin.get("/lang/en")
