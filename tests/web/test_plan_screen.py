"""Plans on screens and over REST: plan against fact, the start page, the day of the team, made ahead, foreign ones."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.organisation import Organisation
from app.models.product_category import ProductCategory
from app.models.sales_plan import PlanMetric, PlanSubject, SalesPlan
from app.models.team import Team
from app.services import invoice as invoices
from app.services import party_metric, sales_plan
from app.services import product_category as categories
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
D = Decimal
AT = datetime(2026, 3, 16, 12, tzinfo=UTC)
MARCH = date(2026, 3, 1)


def text_of(page: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(AT, tick=True)


@pytest.fixture
def plans(session: Session, made: Made) -> dict[str, int]:
    """Plans of two managers, of one's team and of the company; one has issued 500, the other 30."""
    ours = made.organisation()
    found = {}
    north = session.scalar(select(Team).where(Team.name == "north"))
    for name, subject, about in (
        ("manager", PlanSubject.person, {"owner": made.user("manager")}),
        ("manager2", PlanSubject.person, {"owner": made.user("manager2")}),
        ("north", PlanSubject.team, {"team": north}),
        ("company", PlanSubject.company, {}),
    ):
        plan = SalesPlan(month=MARCH, subject=subject, metric=PlanMetric.turnover, target_amount=D(1000), **about)
        sales_plan.save(session, plan)
        session.flush()
        found[name] = plan.id
    for name, amount in (("manager", "500.00"), ("manager2", "30.00")):
        person = made.user(name)
        about = {"owner_id": person.id, "team_id": person.profile.team_id, "organisation": ours}
        made.issued(("1", amount), on=date(2026, 3, 16), **about)
    session.commit()
    return found


def test_the_page_tells_what_is_reached_and_leads_to_it(
    as_user: As, plans: dict[str, int], made: Made, statements: list[str]
):
    head, mark = as_user("head"), made.user("manager").id
    head.get("/plans/")
    statements.clear()
    page = head.get("/plans/").text
    assert len(statements) <= 13, statements
    told = text_of(page)
    assert "March 2026" in told
    assert "All people here Turnover 2 people €2,000.00 €530.00 26 %" in told
    assert "Mark Manager Turnover €1,000.00 €500.00 50 %" in told
    days = "flt.issued_on.ge=2026-03-01&flt.issued_on.lt=2026-04-01"
    source = f"/invoice/list/?{days}&flt.state.neq=draft&flt.owner.eq={mark}"
    assert f'href="{source.replace("&", "&amp;")}"' in page
    listed = text_of(head.get(source).text)
    assert "1–1 of 1" in listed
    assert "company" not in told.casefold().split("all people here")[1].split("plans")[0]
    assert "Nothing is planned for this month." in text_of(head.get("/plans/?month=2026-02").text)
    wrong = head.get("/plans/?month=2026-13")
    assert (wrong.status_code, "Write a month as 2026-03" in text_of(wrong.text)) == (422, True)


def test_figures_by_category_and_of_new_clients_lead_to_what_makes_them_up(
    as_user: As, session: Session, plans: dict[str, int], made: Made
):
    garden = ProductCategory(name="Garden")
    categories.save(session, garden)
    session.flush()
    tools = ProductCategory(name="Tools", parent=garden)
    categories.save(session, tools)
    session.flush()
    spade, bulb = made.product("Spade", category=tools), made.product("Bulb")
    ours = {"organisation": session.scalar(select(Organisation)), "owner_id": made.user("manager").id}
    for product in (spade, bulb):
        sold = made.invoice(("1", "50.00"), party=made.buyer(f"Buyer of a {product.name}"), **ours)
        sold.lines[0].product = product
        invoices.issue(session, sold, at=AT)
    for metric, about in (
        (PlanMetric.turnover, {"category": garden, "target_amount": D(100)}),
        (PlanMetric.new_clients, {"target_count": 9}),
    ):
        plan = SalesPlan(month=MARCH, subject=PlanSubject.company, metric=metric, **about)
        sales_plan.save(session, plan)
    session.flush()
    party_metric.count_marked(session, at=AT)
    session.commit()
    admin = as_user("admin")
    page = admin.get("/plans/").text
    links = [unescape(each) for each in re.findall(r'href="(/[a-z]+/list/[^"]*)"', page)]
    by_category = next(each for each in links if "category" in each)
    assert by_category.endswith(f"&flt.category.in={garden.id},{tools.id}")
    listed = text_of(admin.get(by_category).text)
    assert ("1–1 of 1" in listed, "Buyer of a Spade" in listed, "Buyer of a Bulb" in listed) == (True, True, False)
    new = next(each for each in links if each.startswith("/party/list/?flt"))
    assert new == "/party/list/?flt.client_since.ge=2026-03-01&flt.client_since.lt=2026-04-01"
    assert "New clients 9 4 44 %" in text_of(page)
    assert "1–4 of 4" in text_of(admin.get(new).text)


def test_a_manager_sees_himself_and_his_team_and_no_other(as_user: As, plans: dict[str, int]):
    manager = as_user("manager")
    told = text_of(manager.get("/plans/").text)
    assert ("Mark Manager Turnover" in told, "north Turnover" in told, "Maria" in told) == (True, True, False)
    answers = {name: manager.get(f"/sales_plan/show/{key}").status_code for name, key in plans.items()}
    assert answers == {"manager": 200, "north": 200, "manager2": 404, "company": 404}
    assert manager.get("/plans/ahead").status_code == 403
    rows = manager.api("GET", "/api/v1/sales_plan/fact?month=2026-03").get_json()["result"]["plans"]
    assert [(row["subject"], row["target"], row["fact"], row["percent"]) for row in rows] == [
        ("team", "1000.00", "500.00", 50),
        ("person", "1000.00", "500.00", 50),
    ]
    assert manager.api("GET", "/api/v1/sales_plan/fact?month=x").status_code == 422
    assert as_user("marketer").api("GET", "/api/v1/sales_plan/fact").status_code == 403


def test_the_start_page_shows_ones_own_month_and_the_team_day_everybodys(
    as_user: As, plans: dict[str, int], statements: list[str]
):
    manager = as_user("manager")
    manager.get("/home/")
    statements.clear()
    page = text_of(manager.get("/home/").text)
    assert len(statements) <= 17, statements
    assert "My month March 2026 Turnover 50 % €500.00 of €1,000.00 · forecast €1,000.00" in page
    assert "My month" not in as_user("head").get("/home/").text
    head = as_user("head")
    statements.clear()
    team = text_of(head.get("/day/team").text)
    assert len(statements) <= 16, statements
    assert "Plan of the month" in team
    assert "50 % Turnover" in team
    assert "3 % Turnover" in team
    assert plans["manager"] > 0


def test_plans_are_typed_in_copied_and_refused(as_user: As, session: Session, plans: dict[str, int], made: Made):
    head = as_user("head")
    about = {"month": "2026-04-09", "subject": "person", "metric": "calls", "owner": str(made.user("manager").id)}
    refused = head.post("/sales_plan/add", about)
    assert (refused.status_code, "This field is required" in refused.text) == (422, True)
    assert head.post("/sales_plan/add", about | {"target_count": "40"}).status_code == 302
    assert session.scalar(select(SalesPlan.target_count).where(SalesPlan.month == date(2026, 4, 1))) == 40
    asked = {"source": "month", "of": "2026-03", "first": "2026-05", "months": "2", "percent": "10"}
    preview = text_of(head.get("/plans/ahead", query_string=asked).text)
    assert "6 plans would be made" in preview
    assert "May 2026 Mark Manager Turnover €1,000.00 €1,100.00" in preview
    assert head.post("/plans/ahead", asked).headers["Location"] == "/plans/?month=2026-05"
    made_ahead = select(SalesPlan.month, SalesPlan.target_amount).where(SalesPlan.month > date(2026, 4, 30))
    assert sorted(map(tuple, session.execute(made_ahead))) == [
        *([(date(2026, 5, 1), D(1100))] * 3),
        *([(date(2026, 6, 1), D(1100))] * 3),
    ]
    key = session.scalar(select(SalesPlan.id).where(SalesPlan.target_count == 40))
    assert head.post(f"/sales_plan/{key}/repeat", {"percent": "5"}).status_code == 422
    assert head.post(f"/sales_plan/{key}/repeat", {"months": "2"}).status_code == 302
    assert session.scalars(
        select(SalesPlan.month).where(SalesPlan.target_count == 40).order_by(SalesPlan.month)
    ).all() == [date(2026, month, 1) for month in (4, 5, 6)]
    wrong = head.post("/plans/ahead", asked | {"first": "soon"})
    assert (wrong.status_code, 'id="first-error"' in wrong.text, 'value="soon"' in wrong.text) == (422, True, True)


def test_rest_makes_changes_repeats_and_deletes_plans(as_user: As, session: Session, plans: dict[str, int], made: Made):
    head = as_user("head")
    body = {"month": "2026-04-01", "owner": made.user("manager2").id, "metric": "turnover", "target_amount": "700"}
    answer = head.api("POST", "/api/v1/sales_plan/", json=body)
    assert (answer.status_code, answer.get_json()["result"]["currency"]) == (201, "EUR")
    key = answer.get_json()["id"]
    again = head.api("POST", "/api/v1/sales_plan/", json=body)
    assert (again.status_code, again.get_json()["message"]) == (422, {"month": ["There is such a plan already"]})
    changed = head.api("PUT", f"/api/v1/sales_plan/{key}", json={"target_amount": "750"})
    assert (changed.status_code, changed.get_json()["result"]["target_amount"]) == (200, "750.00")
    repeated = head.api("POST", f"/api/v1/sales_plan/{key}/repeat", json={"months": 2})
    assert repeated.status_code == 200
    later = select(SalesPlan.target_amount).where(SalesPlan.month > date(2026, 4, 1))
    assert session.scalars(later).all() == [D(750)] * 2
    assert head.api("DELETE", f"/api/v1/sales_plan/{key}").status_code == 200
    manager = as_user("manager")
    assert manager.api("PUT", f"/api/v1/sales_plan/{plans['manager']}", json={"target_amount": "1"}).status_code == 403
    assert manager.api("DELETE", f"/api/v1/sales_plan/{plans['north']}").status_code == 403
    assert manager.api("POST", "/api/v1/sales_plan/", json=body).status_code == 403
    session.expire_all()
    assert session.get_one(SalesPlan, plans["manager"]).target == D(1000)
