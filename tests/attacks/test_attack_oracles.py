"""Answers that would tell of what one does not see: rows of others, fields without the right, ids that exist."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.services import role_change
from app.web.crud import CrudView
from tests.attack import attack
from tests.attacks.world import steady
from tests.conftest import Browser
from tests.factories import Made
from tests.fingerprint import unchanged
from tests.web.test_registry import entity_views, filled, guard_of, rules

As = Callable[[str], Browser]
CHANGES_BY_ITSELF = re.compile(
    r'nonce="[^"]*"|name="csrf_token" value="[^"]*"|"csrf[^,}]*|content="Im[^"]*"|<!-- \S* -->'
    r'|name="form_key" value="[^"]*"|data-draft="[^"]*"|"key": ?"[^"]*"|value="[\w-]{20,}"'
    r"|\d\d:\d\d · [^<]*</p>"  # when a page was printed, and by whom
)
KINDS = ("party", "order", "invoice", "payment")


def said(browser: Browser, path: str) -> tuple[int, str]:
    """Return a page without what differs each time."""
    answer = browser.get(path, buffered=True)
    return answer.status_code, CHANGES_BY_ITSELF.sub("", answer.get_data(as_text=True))


def business(made: Made, owner: str, name: str) -> dict[str, Any]:
    """A party of somebody's with an order, an invoice and a payment of the same person."""
    party = made.buyer(name, owner=owner)
    whose = {"party": party, "owner_id": party.owner_id, "team_id": party.team_id}
    found = {"order": made.order(("7", "11.00"), **whose), "invoice": made.invoice(**whose)}
    found |= {"party": party, "payment": made.payment("123.00", **whose)}
    made.session.commit()
    return found


def lists(app: Flask) -> list[str]:
    """Return every address that shows many records or figures of them."""
    found = []
    for view in entity_views(app):
        if isinstance(view, CrudView) and view.stem in KINDS:
            base = view.route_base
            found += [f"{base}/list/{path}" for path in ("", "count", "totals", "?size=1", "?last=1", "?group=state")]
            found += [f"{base}/list/?group={name}" for name in ("party", "owner", "country")]
            found += [
                f"{base}/{face}" for face in ("board", "calendar", "gallery", "chart") if hasattr(view, face + "s")
            ]
            found += [f"{base}/list/export?format=csv", f"/lookup/{view.stem}", f"/lookup/{view.stem}?q=zwaluw"]
            found += [f"/api/v1/{view.stem}/", f"/api/v1/{view.stem}/_info"]
    return [*found, "/home/", "/find/?q=zwaluw", "/find/results?q=zwaluw", "/find/results?q=", "/notification/recent"]


@attack(48, "counts, totals, groups, figures and suggestions over hidden rows")
def test_what_others_have_changes_no_answer(app: Flask, as_user: As, made: Made):
    """Counts, totals, groups, figures, pages and suggestions are the same before and after others got records."""
    business(made, "manager", "Zwaluw mine")
    manager, paths = as_user("manager"), lists(app)
    manager.get("/home/")
    before = {path: said(manager, path) for path in paths}
    assert sum(status == 200 for status, _text in before.values()) >= 40
    for owner, name in (("manager2", "Zwaluw theirs"), ("accountant", "Zwaluw of the books")):
        business(made, owner, name)
    made.party("Zwaluw of nobody")
    made.session.commit()
    assert [path for path in paths if said(manager, path) != before[path]] == []
    assert said(as_user("accountant"), "/api/v1/party/")[1].count("Zwaluw") > said(manager, "/api/v1/party/")[1].count(
        "Zwaluw"
    )


@attack(49, "which ids exist, by every route and method: status, words, length")
def test_a_foreign_id_gets_the_very_answer_of_an_unknown_one(app: Flask, as_user: As, made: Made, session: Session):
    """By every route and method that names a record: status, words and length."""
    foreign = business(made, "accountant", "Foreign")
    wrong, tried = [], 0
    for name in ("manager", "head"):
        browser = steady(as_user(name))
        with unchanged(session, but={"idempotency_key", "form_draft"}):
            for rule in rules(app):
                view = app.view_functions[rule.endpoint].__self__ if guard_of(app, rule.endpoint) else None
                stem = getattr(getattr(getattr(view, "datamodel", None), "obj", None), "__stem__", None)
                if stem not in KINDS or "pk" not in rule.arguments or "/list/views" in rule.rule:
                    continue
                for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                    answers = []
                    for key in (foreign[stem].id, 987654321):
                        others = dict.fromkeys(("key", "file_id", "note_id", "tag_id"), "5555")
                        path = filled(rule, pk=str(key), name="note", verb="share", **others)
                        answer = browser.api(method, path, json={"name": "x"})
                        text = CHANGES_BY_ITSELF.sub("", answer.get_data(as_text=True))
                        text = re.sub(rf"(/|%2F){key}\b", r"\1KEY", text)
                        answers.append(
                            (answer.status_code, re.sub(r'"[^"]*request[^"]*": *"[^"]*"|[\w-]{36}', "", text))
                        )
                    tried += 1
                    if answers[0] != answers[1] or answers[0][0] not in {
                        403,
                        404,
                        405,
                        422,
                    }:  # 422: the body comes first
                        wrong.append(f"{name} {method} {path}: {answers[0][0]} {answers[1][0]}")
    assert wrong == []
    assert tried > 150


GUARDED = ("credit_limit", "phone", "email", "tax_number", "birthday", "bank_accounts")


@pytest.fixture
def without_fields(session: Session) -> None:
    """Sales managers see neither the limits nor the personal data of parties."""
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    areas = {"party.personal", "party.credit_limit", "party.bank_account"}
    role_change.put(session, role, rights={(area, verb): False for area in areas for verb in ("see", "change")})
    session.commit()


@attack(47, "order, filter, group, count and bulk acts by a field without the right")
@pytest.mark.usefixtures("without_fields")
def test_no_order_filter_group_or_cursor_tells_a_guarded_value(as_user: As, made: Made, session: Session):
    """Whatever one asks about the field, by whichever way, the rows come as if it had not been asked."""
    for name, limit, mail in (("Zwaluw a", "30", "c@x.example"), ("Zwaluw b", "10", "a@x.example")):
        made.party(name, owner="manager", credit_limit=limit, email=mail, is_customer=True)
    session.commit()
    manager = as_user("manager")
    plain = re.findall(r"/party/show/(\d+)", manager.get("/party/list/").text)
    hidden = [name for name in GUARDED if name in {"credit_limit", "email", "phone", "birthday"}]
    tried = 0
    for name in hidden:
        asked = [f"order={name}", f"order=-{name}", f"order=-{name},name", f"group={name}", f"cols=name,{name}"]
        asked += [f"flt.{name}.{how}=20" for how in ("eq", "ge", "le", "ct", "sw", "ne")]
        asked += [f"flt.{name}.empty={yes}" for yes in (0, 1)]
        asked += [f"any1.{name}.ge=20&any1.name.eq=nothing-else"]
        for query in asked:
            for face in ("list/", "gallery", "list/export"):
                answer = manager.get(f"/party/{face}?{query}")
                if face == "list/" and not query.startswith("any1"):
                    assert re.findall(r"/party/show/(\d+)", answer.text) == plain, query
                assert not {"30.00", "10.00", "c@x.example"} & set(re.findall(r"[\w@.]+", answer.text)), query
            assert manager.get(f"/party/list/count?{query}").text == manager.get("/party/list/count").text or (
                query.startswith("any1")
            )
            tried += 1
        for ask in (f"(order_column:{name},order_direction:asc)", f"(filters:!((col:{name},opr:gt,value:20)))"):
            answer = manager.api("GET", f"/api/v1/party/?q={ask}")
            assert answer.status_code == 400, ask
        answer = manager.api("GET", f"/api/v1/party/?q=(columns:!(name,{name}))")
        assert name not in answer.json["result"][0]
    assert tried >= 50
    # what matches is not told by an act on everything that matches either
    sure = {"all": "1", "how.source": "set", "source": "x", "step": "preview"}
    counted = [manager.post(f"/party/many/edit?flt.credit_limit.ge={least}", sure).text for least in (20, 1000)]
    assert [re.findall(r"Zwaluw \w", page) for page in counted] == [re.findall(r"Zwaluw \w", counted[0])] * 2
    assert session.scalars(select(Party.source).distinct()).all() == [None]


@attack(7, "a foreign id in a filter, a prefilled form, a copy")
def test_a_filter_by_a_foreign_record_neither_finds_nor_names_it(as_user: As, made: Made):
    foreign, mine = business(made, "accountant", "Hidden name")["party"], business(made, "manager", "Mine")["party"]
    manager = as_user("manager")
    for kind in ("order", "invoice", "payment"):
        for how in ("eq", "ne"):
            page = manager.get(f"/{kind}/list/?flt.party.{how}={foreign.id}")
            assert page.status_code == 200
            assert "Hidden name" not in page.text, kind
        count = manager.api("GET", f"/api/v1/{kind}/?q=(filters:!((col:party,opr:eq,value:{foreign.id})))")
        assert (count.status_code, count.json.get("count", 0)) in {(200, 0), (400, 0)}
        own = manager.api("GET", f"/api/v1/{kind}/?q=(filters:!((col:party,opr:eq,value:{mine.id})))")
        assert own.json["count"] == 1
    for path in (f"/order/add?party={foreign.id}", f"/order/quick?party={foreign.id}", f"/party/add?copy={foreign.id}"):
        assert "Hidden name" not in manager.get(path).text, path
