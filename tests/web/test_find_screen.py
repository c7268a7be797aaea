"""The palette's answers over HTTP: who may find what, screens and acts by name, what was opened last."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.search_entry import RecentRecord
from tests.factories import PEOPLE, Made

Sign = Callable[[str], Any]


def said(pieces: list[list[Any]]) -> str:
    return "".join(text for text, _is_sought in pieces)


def groups(browser: Any, query: str) -> dict[str, list[str]]:
    answer = browser.get("/find/results", query_string={"q": query})
    assert answer.status_code == 200
    return {group["label"]: [said(item["title"]) for item in group["items"]] for group in answer.json["groups"]}


@pytest.fixture
def company(session: Session, made: Made) -> dict[str, Any]:
    """Records named alike of two managers, and of nobody."""
    of = {name: made.buyer(f"Halm {name}", owner=name) for name in ("manager", "manager2")}
    of["nobody"] = made.buyer("Halm nobody")
    mine = {name: {"owner": party.owner, "team_id": party.team_id} for name, party in of.items()}
    for name, party in of.items():
        made.order(party=party, **mine[name])
        made.issued(party=party, **mine[name])
        made.payment(party=party, reference=f"Halm {name}", **mine[name])
    made.product("Halm bread")
    session.commit()
    return of


# person → parties, then how many orders, invoices and payments he finds, and whether products
SEEN: dict[str, tuple[list[str], int, int, int]] = {
    "head": (["Halm manager", "Halm manager2"], 2, 2, 2),
    "manager": (["Halm manager"], 1, 1, 1),
    "manager2": (["Halm manager2"], 1, 1, 1),
    "accountant": (["Halm manager", "Halm manager2", "Halm nobody"], 3, 3, 3),
    "marketer": (["Halm manager", "Halm manager2", "Halm nobody"], 0, 0, 0),
    "office": (["Halm manager", "Halm manager2", "Halm nobody"], 3, 3, 3),
    "auditor": (["Halm manager", "Halm manager2", "Halm nobody"], 3, 3, 3),
    "admin": (["Halm manager", "Halm manager2", "Halm nobody"], 3, 3, 3),
}


@pytest.mark.parametrize("person", SEEN)
def test_each_role_finds_what_it_may_see_and_no_foreign_row(person: str, company: dict[str, Any], as_user: Sign):
    found = groups(as_user(person), "halm")
    parties, orders, invoices, payments = SEEN[person]
    assert sorted(found.get("Parties", [])) == parties
    assert [len(found.get(label, [])) for label in ("Orders", "Invoices", "Payments")] == [orders, invoices, payments]
    assert found["Products"] == ["Halm bread"]
    assert sorted(groups(as_user(person), "hlam").get("Parties", [])) == parties


def test_who_has_no_role_and_who_is_not_signed_in_finds_nothing(as_user: Sign, visitor: Any):
    assert "nobody" in PEOPLE
    assert as_user("nobody").get("/find/results?q=halm").status_code == 403
    assert as_user("nobody").get("/find/?q=halm").status_code == 403
    assert visitor.get("/find/results?q=halm").status_code == 401
    assert visitor.get("/find/?q=halm").status_code == 302


def test_a_match_comes_with_its_kind_its_second_line_and_what_was_sought(
    company: dict[str, Any], as_user: Sign, session: Session
):
    answer = as_user("manager").get("/find/results?q=халм").json
    by_label = {group["label"]: group for group in answer["groups"]}
    party = company["manager"]
    assert by_label["Parties"]["items"] == [
        {
            "title": [["Halm", True], [" manager", False]],
            "url": f"/party/show/{party.id}",
            "icon": "building-2",
            "detail": [],
            "act": "",
        }
    ]
    assert by_label["Orders"]["items"][0]["detail"] == [["Halm", True], [" manager", False]]
    assert by_label["Parties"]["more"] == "/party/list/?q=%D1%85%D0%B0%D0%BB%D0%BC"
    assert answer["meant"] == []
    assert as_user("manager").get("/find/results?q=hlam").json["meant"] == ["halm"]


@pytest.mark.parametrize("query", ["invoices", "счета", "հաշիվներ", "facturen"])
def test_screens_are_found_by_their_label_in_every_language(query: str, as_user: Sign):
    assert "Invoices" in groups(as_user("accountant"), query)["Go to"]


def test_the_beginning_of_a_screens_name_is_no_slip(session: Session, made: Made, as_user: Sign):
    made.party("Bloem", email="info@bloem.example")
    session.commit()
    assert groups(as_user("accountant"), "inof")["Parties"] == ["Bloem"]
    assert groups(as_user("accountant"), "invo") == {"Go to": ["Invoices"], "Actions": ["New: Invoice"]}


def test_acts_are_those_that_the_reader_may_do(as_user: Sign):
    assert groups(as_user("manager"), "new")["Actions"] == [
        "New: Lead",
        "New: Deal",
        "New: Activity",
        "New: Party",
        "New: Quote",
        "New: Order",
    ]
    assert "New: Invoice" in groups(as_user("accountant"), "new invoice")["Actions"]
    assert "Actions" not in groups(as_user("manager"), "new invoice")
    acts = as_user("manager").get("/find/results?q=dark").json["groups"][0]["items"]
    assert [(said(act["title"]), act["act"]) for act in acts] == [("Theme: Dark", "theme:dark")]
    [way] = (
        as_user("manager")
        .get("/find/results?q=nederlands", headers={"Referer": "http://localhost/order/list/?q=x"})
        .json["groups"][0]["items"]
    )
    assert (said(way["title"]), way["url"]) == ("Language: Nederlands", "/lang/nl?next=%2Forder%2Flist%2F%3Fq%3Dx")
    assert groups(as_user("manager"), "sign out")["Actions"] == ["Sign out"]


def test_what_one_has_opened_comes_first_where_nothing_is_typed(
    company: dict[str, Any], as_user: Sign, session: Session
):
    browser = as_user("manager")
    assert list(groups(browser, "")) == ["Go to"]
    for name in ("manager", "manager2", "nobody"):
        assert browser.post("/find/opened", {"entity": "party", "record_id": company[name].id}).status_code == 204
    for entity, key in (("tax", "1"), ("party", "x"), ("party", "9" * 30), ("no_such", "1"), ("", "")):
        assert browser.post("/find/opened", {"entity": entity, "record_id": key}).status_code == 204
    session.expire_all()
    assert session.scalars(select(RecentRecord.record_id)).all() == [company["manager"].id]
    recent = browser.get("/find/results").json["groups"][0]
    assert recent["label"] == "Opened last"
    assert [(said(item["title"]), said(item["detail"])) for item in recent["items"]] == [("Halm manager", "Party")]
    assert "Opened last" not in groups(as_user("manager2"), "")


def test_opening_is_remembered_only_with_the_forms_token(company: dict[str, Any], as_user: Sign, session: Session):
    browser = as_user("manager")
    about = {"entity": "party", "record_id": str(company["manager"].id)}
    assert browser.client.post("/find/opened", data=about).status_code == 400
    assert session.scalars(select(RecentRecord.id)).all() == []


def test_the_page_says_the_same_without_scripts(company: dict[str, Any], as_user: Sign):
    page = as_user("manager").get("/find/?q=halm").get_data(as_text=True)
    assert f'href="/party/show/{company["manager"].id}"' in page
    assert "<mark>Halm</mark> manager" in page
    assert f'href="/party/show/{company["manager2"].id}"' not in page
    assert 'href="/party/list/?q=halm"' in page
    page = as_user("manager").get("/find/?q=%3Cscript%3Exyzzy").get_data(as_text=True)
    assert "Nothing found" in page
    assert "&lt;script&gt;xyzzy" in page


def test_a_search_costs_few_statements_and_writes_nothing(
    company: dict[str, Any], as_user: Sign, statements: list[str]
):
    browser = as_user("manager")
    browser.get("/find/results?q=halm")
    statements.clear()
    browser.get("/find/results?q=halm")
    assert len(statements) <= 8, statements
    assert [s for s in statements if s.split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"}] == []
