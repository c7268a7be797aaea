"""Ids of others: in addresses, bodies, relations, lists of ids, and of things that belong to one person."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.notification import Notification
from app.models.saved_view import SavedView
from app.models.sign_in import SignIn
from app.services import api_key as api_keys
from tests.attack import attack
from tests.attacks.world import steady
from tests.conftest import Browser
from tests.factories import Made, user
from tests.fingerprint import unchanged
from tests.web.test_registry import filled, guard_of, rules

As = Callable[[str], Browser]


@attack(3, "every changing route with the ids of a company that one does not see")
def test_no_route_acts_on_the_records_of_another(app: Flask, as_user: As, world: Any, session: Session):
    """Everything that changes, with the ids of a whole company, by somebody whose rows are elsewhere."""
    for name in ("manager2", "nobody"):
        browser, wrong, tried = steady(as_user(name)), [], 0
        with unchanged(session, but={"record_share"}):
            for rule in rules(app):
                view = app.view_functions[rule.endpoint].__self__ if guard_of(app, rule.endpoint) else None
                stem = getattr(getattr(getattr(view, "datamodel", None), "obj", None), "__stem__", None)
                if stem not in {"party", "order", "invoice", "payment", "letter"} or "pk" not in rule.arguments:
                    continue
                record = world.get(stem)
                if record is None or (stem == "party" and name == "manager2"):
                    continue  # it is shared with him
                for method in sorted(rule.methods - {"HEAD", "OPTIONS", "GET"}):
                    for verb in {each.name for each in view.verbs} if "verb" in rule.arguments else {"x"}:
                        path = filled(rule, pk=str(record.id), verb=verb, name="note")
                        answer = browser.api(method, path, json={"note": "taken"})
                        tried += 1
                        if answer.status_code not in {403, 404, 422}:  # 422: a body is judged before its record is read
                            wrong.append(f"{name} {method} {path}: {answer.status_code}")
        assert wrong == []
        assert tried >= 60


@attack(4, "a foreign id in a relation of a form, a short form and a body of REST")
def test_a_foreign_party_in_a_relation_is_unknown_in_forms_and_rest(as_user: As, made: Made, session: Session):
    foreign, mine, us, tax = (
        made.buyer("F", owner="manager2"),
        made.buyer(owner="manager"),
        made.organisation(),
        made.tax(),
    )
    session.commit()
    manager = as_user("manager")
    line = {"text": "x", "quantity": "1", "unit_price": "1", "tax": tax.id}
    body = {"organisation": us.id, "currency": "EUR", "lines": [line]}
    form = {"organisation": str(us.id), "currency": "EUR"} | {f"lines-0-{name}": str(v) for name, v in line.items()}
    with unchanged(session):
        answers = []
        for key in (foreign.id, 987654321):
            rest = manager.api("POST", "/api/v1/order/", json=body | {"party": key})
            page = manager.post("/order/add", form | {"party": str(key)})
            quick = manager.post("/order/quick", form | {"party": str(key)})
            answers.append((rest.status_code, rest.json, page.status_code, 'id="party-error"' in page.text))
            assert quick.status_code in {404, 405}
        assert answers[0] == answers[1]
        assert (answers[0][0], list(answers[0][1]["message"]), *answers[0][2:]) == (422, ["party"], 422, True)
    assert manager.api("POST", "/api/v1/order/", json=body | {"party": mine.id}).status_code == 201


@attack(5, "one's own document moved to a foreign party, by REST, in bulk, in a cell")
def test_an_order_is_not_moved_to_a_foreign_party(as_user: As, made: Made, session: Session):
    foreign, mine = made.buyer("Foreign", owner="manager2"), made.buyer("Mine", owner="manager")
    order = made.order(party=mine, owner_id=mine.owner_id, team_id=mine.team_id)
    session.commit()
    manager = as_user("manager")
    with unchanged(session):
        answer = manager.api("PUT", f"/api/v1/order/{order.id}", json={"party": foreign.id})
        assert (answer.status_code, list(answer.json["message"])) == (422, ["party"])
        many = {"rowid": str(order.id), "how.party": "set", "party": str(foreign.id), "step": "do"}
        assert manager.post("/order/many/edit", many).status_code == 422
        cell = {"party": str(foreign.id), "record_version": str(order.version)}
        assert manager.post(f"/order/cell/{order.id}/party", cell).status_code in {404, 422}


@attack(9, "views, notifications, sign-ins, devices and keys of another by their ids")
def test_what_belongs_to_one_person_is_no_one_elses(app: Flask, as_user: As, made: Made, session: Session):
    """Views, notifications, sign-ins, devices, keys: by their ids, of somebody else."""
    party = made.party("Tulpen", owner="manager")
    api_keys.make(
        session, user(session, "manager"), name="shop", scopes=["*.see"], at=clock.now(), lasts=timedelta(days=9)
    )
    session.commit()
    manager, thief = as_user("manager"), steady(as_user("manager2"))
    assert manager.post("/party/list/views?q=tulpen", {"name": "Mine", "query": "q=tulpen"}).status_code == 302
    as_user("office").post(f"/party/{party.id}/note", {"text": "Dear @manager"})
    view = session.scalars(select(SavedView.id)).one()
    note = session.scalars(select(Notification.id)).one()
    key = session.scalar(select(ApiKey.id))
    mine = session.scalars(select(SignIn.key).where(SignIn.user_id == user(session, "manager").id)).all()
    with unchanged(session, but={"sign_in"}):
        for path in (f"/party/list/views/{view}/delete", f"/notification/{note}/open", f"/key/{key}/revoke"):
            assert thief.post(path).status_code == 404, path
        for one in mine:
            assert thief.post(f"/profile/sign_ins/{one}/end").status_code in {302, 404}
        assert thief.post(f"/user/{user(session, 'manager').id}/sign_in/{mine[0]}/end").status_code == 403
        assert thief.post("/profile/sign_ins/device/1/forget").status_code in {302, 404}
        assert f"view={view}" not in thief.get("/party/list/").text
        assert "Mine" not in thief.get(f"/party/list/?view={view}").text
    assert manager.get("/home/").status_code == 200
