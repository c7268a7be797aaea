"""Looking as somebody else: what he sees, nothing changed by any way, the audit, and who may not."""

import pytest
from sqlalchemy import select

from app.models.export_run import ExportKind, ExportRun
from app.models.history import Act, FieldChange
from app.models.party import Party
from app.web import rows_read
from tests.attack import attack
from tests.factories import user

REFUSED = "You look at the program as somebody else"


@pytest.fixture
def party(made, session):
    found = made.party("Kade Vijf", owner="manager")
    made.party("Of nobody")
    session.commit()
    return found


@pytest.fixture
def look(as_user, session):
    def begin(name="manager", by="admin"):
        browser = as_user(by)
        answer = browser.post(f"/look_as/{user(session, name).id}")
        return browser, answer

    return begin


def test_an_administrator_sees_what_the_other_sees(look, party):
    browser, answer = look()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/home/")
    page = browser.get("/party/list/").text
    assert "Kade Vijf" in page
    assert "Of nobody" not in page
    assert "You see the program as Mark Manager does" in page
    assert browser.get("/user/list/").status_code == 403
    assert "/party/edit" in browser.get(f"/party/show/{party.id}").text
    assert browser.get("/api/v1/party/").get_json()["count"] == 1
    for path in ("/home/", "/profile/", "/order/list/", "/notification/list/", "/find/?q=kade", "/party/add"):
        assert browser.get(path).status_code == 200, path


@attack(38, "changing while one looks as somebody else")
def test_nothing_can_be_changed(look, party, session):
    browser, _answer = look()
    assert REFUSED in browser.post(f"/party/edit/{party.id}", {"name": "Taken"}).text
    for path in (f"/party/delete/{party.id}", f"/party/{party.id}/note", "/profile/", "/notification/read", "/key/add"):
        assert browser.post(path, {"text": "x", "name": "x"}).status_code == 422, path
    for method, path in (
        ("PUT", f"/api/v1/party/{party.id}"),
        ("POST", "/api/v1/party/"),
        ("DELETE", "/api/v1/party/1"),
    ):
        assert browser.api(method, path, json={"name": "Taken"}).status_code == 422, path
    session.expire_all()
    assert session.get(Party, party.id).name == "Kade Vijf"
    assert session.query(Party).count() == 2


def test_rows_that_are_read_while_looking_count_for_who_looks(look, party, made, session, monkeypatch):
    monkeypatch.setattr(rows_read, "LEAST", 3)
    made.party("Kade Zes", owner="manager")
    session.commit()
    browser, _answer = look()
    for _time in range(2):
        assert browser.get("/api/v1/party/").get_json()["count"] == 2
    session.expire_all()
    (run,) = session.scalars(select(ExportRun))
    assert (run.owner_id, run.entity, run.rows, run.kind) == (user(session, "admin").id, "party", 4, ExportKind.rest)
    assert REFUSED in browser.post(f"/party/edit/{party.id}", {"name": "Taken"}).text
    assert browser.get("/api/v1/party/").get_json()["count"] == 2


def test_the_audit_names_both(look, party, session):
    browser, _answer = look()
    browser.get(f"/party/show/{party.id}")
    admin, manager = user(session, "admin"), user(session, "manager")
    (begun,) = session.scalars(select(FieldChange).where(FieldChange.act == Act.look_as))
    assert (begun.actor_id, begun.record_id, begun.name) == (admin.id, manager.id, "manager")
    (view,) = session.scalars(select(FieldChange).where(FieldChange.act == Act.view))
    assert (view.actor_id, view.actor_name, view.seen_as) == (admin.id, "admin", "manager")


def test_one_is_oneself_again(look, party, session):
    browser, _answer = look()
    assert browser.post("/look_as/end").headers["Location"] == f"/user/show/{user(session, 'manager').id}"
    page = browser.get("/party/list/").text
    assert "Of nobody" in page
    assert "You see the program as" not in page


@attack(37, "looking as somebody who may do more")
def test_only_who_has_the_right_looks(look, session):
    for name in ("head", "accountant", "auditor"):
        _browser, answer = look(by=name)
        assert answer.status_code == 403, name
    browser, answer = look("admin")
    assert answer.status_code == 422
    assert browser.post("/look_as/99999").status_code == 404
    user(session, "nobody").active = False
    session.commit()
    assert look("nobody")[1].status_code == 404


def test_a_look_ends_with_the_right_to_it(look, session, party):
    browser, _answer = look()
    user(session, "manager").active = False
    session.commit()
    page = browser.get("/party/list/").text
    assert "Of nobody" in page
    assert "You see the program as" not in page


def test_a_session_that_looks_writes_nothing(session, party):
    from app.errors import DomainError

    session.info["looking"] = (1, "admin")
    party.name = "Taken"
    with pytest.raises(DomainError):
        session.flush()
    session.info["looking"] = None
    session.expire_all()
    assert session.scalars(select(Party.name).where(Party.id == party.id)).one() == "Kade Vijf"
