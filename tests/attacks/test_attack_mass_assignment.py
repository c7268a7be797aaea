"""Fields that nobody asked for: in bodies of REST, forms, cells, bulk changes and imports, for every kind of record."""

import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import Table, func, inspect, select
from sqlalchemy.orm import Session

from app.models.import_run import ImportRun
from app.models.party import Party
from app.models.team import UserProfile
from app.web.api import CrudApi
from app.web.crud import CrudView
from tests.attack import attack
from tests.attacks.world import steady
from tests.conftest import PASSWORD, Browser
from tests.factories import Made, user
from tests.fingerprint import changed, fingerprint, unchanged
from tests.web.test_registry import entity_views

As = Callable[[str], Browser]
CLAIMED = {
    "id": 1, "number": "R-1", "state": "done", "allocated": "9999", "created_by": 1, "created_at": "2020-01-01",
    "is_admin": True, "admin": True, "roles": [1], "role": "Admin", "active": True, "password": "x" * 12,
    "_sa_instance_state": {}, "__class__": "Admin", "query": "x", "metadata": {}, "owner.username": "admin",
    "owner": {"id": 1, "roles": [1]}, "team": {"id": 1}, "owner_id": 1, "team_id": 1, "$set": {"x": 1},
}  # fmt: skip


def table_of(view: Any) -> Table:
    return inspect(view.datamodel.obj).local_table


def undeclared(view: Any, declared: Any) -> list[str]:
    """Return the names that a resource does not take: its other columns and relations, and what people try."""
    about = inspect(view.datamodel.obj)
    names = {*table_of(view).c.keys(), *about.relationships.keys(), *CLAIMED} - {*declared, "version"}
    return sorted(name for name in names if name not in getattr(view, "more_in", ()))


def newest(session: Session, view: Any) -> int:
    return session.scalar(select(func.max(inspect(view.datamodel.obj).primary_key[0]))) or 0


def resources(app: Flask) -> Iterator[Any]:
    return (view for view in entity_views(app) if isinstance(view, CrudApi))


def screens(app: Flask) -> Iterator[Any]:
    return (view for view in entity_views(app) if isinstance(view, CrudView))


@attack(19, "fields that a resource does not declare, for every resource")
def test_rest_takes_no_field_that_a_resource_does_not_declare(app: Flask, as_user: As, world: Any, session: Session):
    admin, tried = steady(as_user("admin")), 0
    with unchanged(session, but={"idempotency_key"}):
        for view in resources(app):
            base = f"/api/v1/{view.datamodel.obj.__stem__}/"
            for method, path, declared, needs in (
                ("POST", base, view.add_columns, "post"),
                ("PUT", f"{base}{newest(session, view)}", view.edit_columns, "put"),
            ):
                if needs in view.exclude_route_methods:
                    continue
                names = undeclared(view, declared)
                answer = admin.api(method, path, json={name: CLAIMED.get(name, "1") for name in names})
                assert answer.status_code == 422, (method, path, answer.text)
                missing = set(names) - set(answer.json["message"])
                assert missing == set(), (method, path)
                tried += len(names)
    assert tried > 300


@attack(21, "fields that a form does not show, for every form")
def test_a_form_stores_no_field_that_it_does_not_show(app: Flask, as_user: As, world: Any, session: Session):
    """A form with its own values and everything else besides: what it does not ask for stays as it was."""
    admin, tried = steady(as_user("admin")), 0
    for view in screens(app):
        if "edit" in view.exclude_route_methods or view.datamodel.obj is User:
            continue
        key = newest(session, view)
        table = table_of(view)
        keys = {column.name for name in view.edit_columns for column in columns_behind(view, name)}
        moved = {"version", "changed_at", "search_text", "name_key", *keys}
        others = [column for column in table.c if column.name not in moved]
        read = select(*others).where(table.c.id == key)
        before = session.execute(read).one_or_none()
        names = set(undeclared(view, view.edit_columns))
        form = {name: str(CLAIMED.get(name, "1")) for name in names} | {"record_version": "1"}
        session.commit()
        answer = admin.post(f"{view.route_base}/edit/{key}", form | standing(admin, f"{view.route_base}/edit/{key}"))
        assert answer.status_code in {302, 404, 409, 422}, view
        session.expire_all()
        worked_out = set(session.execute(read).one_or_none() or ()) ^ set(before or ())
        assert not {"done", "R-1", "9999"} & {str(value) for value in worked_out}, view
        assert (session.execute(read).one_or_none() or [None])[0] == (before or [None])[0], view
        tried += answer.status_code == 302
    assert tried >= 5


def columns_behind(view: Any, name: str) -> list[Any]:
    """Return the columns that a field of a form stores in: its own, or the key of the link."""
    relations = inspect(view.datamodel.obj).relationships
    return list(relations[name].local_columns) if name in relations else [view.datamodel.obj.__table__.c.get(name)]


def standing(browser: Browser, path: str) -> dict[str, str]:
    """Return what a form holds, as its page says it."""
    import re
    from html import unescape

    page = browser.get(path).text
    found = dict(re.findall(r'<input[^>]*?name="([\w.-]+)"[^>]*?value="([^"]*)"', page))
    for name, body in re.findall(r'<select[^>]*?name="([\w.-]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected|selected[^>]*value="([^"]*)"', body)
        if chosen:
            found[name] = chosen[1] or chosen[2]
    return {name: unescape(value) for name, value in found.items() if name != "csrf_token"}


@attack(22, "columns that are no cell to be edited, for every list")
def test_no_cell_stores_a_column_that_the_list_does_not_let_edit(app: Flask, as_user: As, world: Any, session: Session):
    admin, tried = steady(as_user("admin")), 0
    with unchanged(session):
        for view in screens(app):
            key, names = newest(session, view), set(view.inline_names())
            for name in sorted(({*CLAIMED, *view.show_columns, "version", "state", "search_text"}) - names)[::2]:
                answer = admin.post(f"{view.route_base}/cell/{key}/{name}", {name: "1", "record_version": "1"})
                assert answer.status_code == 404, (view, name)
                tried += 1
    assert tried > 200


@attack(23, "fields that a bulk change does not offer")
def test_no_bulk_change_stores_a_field_that_its_form_does_not_offer(
    app: Flask, as_user: As, world: Any, session: Session
):
    admin, tried = steady(as_user("admin")), 0
    with unchanged(session):
        for view in screens(app):
            offered = set(view.inline_names())
            names = sorted(set(undeclared(view, ())) - offered)
            form = {"rowid": str(newest(session, view)), "step": "do"} | {f"how.{name}": "set" for name in names}
            form |= {name: str(CLAIMED.get(name, "1")) for name in names}
            answer = admin.post(f"{view.route_base}/many/edit", form)
            assert answer.status_code in {404, 405, 422}, (view, answer.status_code)
            tried += answer.status_code == 422
    assert tried >= 8


@attack(24, "columns that an import does not offer")
def test_an_import_fills_no_column_that_it_does_not_offer(as_user: As, made: Made, session: Session):
    office = as_user("office")
    file = {"file": (io.BytesIO(b"Name;id;owner\nTulpen;7;1\n"), "x.csv")}
    begun = office.post("/party/import/", file, content_type="multipart/form-data")
    settings = {"encoding": "utf-8", "delimiter": ";", "mode": "create", "country": "", "owner": "", "act": "start"}
    for name in ("id", "owner_id", "team_id", "version", "search_text", "state", "__class__", "owner.password"):
        fields = {"field-0": "name", "field-1": name, "field-2": ""}
        answer = office.post(begun.headers["Location"], settings | fields)
        assert answer.status_code == 422, name
    assert session.scalars(select(Party)).all() == []
    assert session.scalar(select(ImportRun.created_rows)) == 0


@attack(25, "roles, team and password among one's own settings")
def test_ones_own_settings_give_no_right_and_no_team(as_user: As, session: Session):
    manager = as_user("manager")
    person = user(session, "manager")
    admin_role = session.scalar(select(Role.id).where(Role.name == "Admin"))
    claimed = {"roles": str(admin_role), "is_admin": "1", "active": "1", "team": "1", "team_id": "1", "user_id": "1"}
    claimed |= {"username": "admin", "password": PASSWORD, "email": "evil@example.org", "must_change_password": ""}
    session.commit()
    before = fingerprint(session)
    answer = manager.post("/profile/", claimed | {"theme": "dark"})
    assert answer.status_code == 302
    assert changed(before, fingerprint(session)) == ["field_change", "user_profile"]
    kept = session.scalars(select(UserProfile).where(UserProfile.user_id == person.id)).one()
    assert (kept.theme.value, kept.team.name) == ("dark", "north")


@attack(20, "number, state, sums and seals of a document, and of its rows")
def test_a_record_made_over_rest_gets_no_number_state_or_settled_sum(as_user: As, made: Made, session: Session):
    """What the program works out is refused at its name, one by one, with everything else right."""
    us, buyer, tax = made.organisation(), made.buyer(owner="accountant"), made.tax()
    session.commit()
    line = {"text": "Bulbs", "quantity": "1", "unit_price": "10.00", "tax": tax.id}
    good = {"party": buyer.id, "organisation": us.id, "currency": "EUR", "lines": [line]}
    accountant = as_user("accountant")
    with unchanged(session):
        for name in (
            "number",
            "state",
            "issued_on",
            "net",
            "gross",
            "allocated",
            "open",
            "content_sha256",
            "chain_link",
        ):
            answer = accountant.api("POST", "/api/v1/invoice/", json=good | {name: "1"})
            assert (answer.status_code, list(answer.json["message"])) == (422, [name])
        for name in ("invoice_id", "net", "gross", "position", "invoice"):
            answer = accountant.api("POST", "/api/v1/invoice/", json=good | {"lines": [line | {name: 1}]})
            assert answer.status_code == 422, name
    assert accountant.api("POST", "/api/v1/invoice/", json=good).status_code == 201
