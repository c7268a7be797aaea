"""Screens and REST of deals: the card with its stages, the board of a pipeline, what needs attention, the forecast."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.activity import ActivityKind
from app.models.deal import Deal
from app.models.history import Act, FieldChange
from app.models.lost_reason import LostReason
from app.models.party import PartyContact
from app.models.pipeline import Pipeline, Stage, StageCheck, StageMove
from app.models.sale_order import SaleOrder
from app.models.stage_log import StageLog
from app.models.work_schedule import WorkSchedule
from app.services import access, planned
from app.services import work_schedule as schedules
from app.services.access import SYSTEM
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
D = Decimal
DAY = timedelta(days=1)
MOST = 12  # statements of a page


def asks(deal: Deal) -> str:
    """Return where one is asked for the next step."""
    return f"/deal/show/{deal.id}?plan=1#history"


@pytest.fixture
def deal(session: Session, made: Made) -> Deal:
    made.organisation()
    found = made.deal(amount=D(1000), expected_on=date(2026, 5, 3), at=clock.now() - DAY)
    session.commit()
    return found


def stage_named(deal: Deal, name: str) -> Stage:
    return next(each for each in deal.pipeline.stages if each.name == name)


def text_of(page: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def standing(session: Session, deal: Deal) -> Deal:
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    return session.get_one(Deal, deal.id)


def columns(page: str) -> dict[str, tuple[str, list[str], list[str]]]:
    """Return what the columns say by their names: their count, sums and cards."""
    found = {}
    for part in page.split('<section class="board-column"')[1:]:
        name = re.search(r"<h2>([^<]+)</h2>", part)
        count = re.search(r'class="count[^"]*"[^>]*>([\d,]+)', part)
        sums = re.findall(r'class="num[^"]*"[^>]*>(?:<svg.*?</svg>)?([^<]+)<', part.partition("<ul")[0])
        assert name
        assert count
        found[name[1]] = (count[1], sums, re.findall(r'class="bcard-title"[^>]*>([^<]+)<', part))
    return found


def move(browser: Browser, deal: Deal, to: Stage) -> Any:
    answer = browser.post(f"/deal/board/{deal.id}", {"to": str(to.id)}, headers={"X-Part": "1"})
    return answer.get_json()


# --- the board --------------------------------------------------------------------------------------------------------


def test_the_columns_are_the_stages_of_one_pipeline(as_user: As, session: Session, made: Made, deal: Deal):
    other = made.pipeline("Service")
    made.deal("Repair", pipeline=other)
    session.commit()
    page = as_user("manager").get("/deal/board").text
    assert columns(page) == {
        "New": ("1", ["1,000.00 EUR", "100.00"], ["Bulbs for the park"]),
        "Offer": ("0", [], []),
        "Talks": ("0", [], []),
        "Won": ("0", [], []),
        "Lost": ("0", [], []),
    }
    assert columns(as_user("manager").get(f"/deal/board?flt.pipeline.eq={other.id}").text)["New"][2] == ["Repair"]


def test_a_card_is_moved_by_the_rules_of_its_buttons(as_user: As, session: Session, deal: Deal):
    offer, talks = stage_named(deal, "Offer"), stage_named(deal, "Talks")
    told = move(as_user("manager"), deal, offer)
    assert told["said"] == "Bulbs for the park is now in “Offer”."
    assert standing(session, deal).stage_id == offer.id
    assert len(session.scalars(select(StageLog).where(StageLog.deal_id == deal.id)).all()) == 2
    offer.needs_on_exit = ["source"]
    session.commit()
    assert move(as_user("manager"), deal, talks) == {"refused": "“Offer” needs this: Source"}
    assert standing(session, deal).stage_id == offer.id
    assert move(as_user("manager"), deal, stage_named(deal, "Lost")) == {"open": f"/deal/{deal.id}/lose"}
    assert move(as_user("auditor"), deal, talks)["refused"] == "You may look at these cards but not move them."


def test_a_board_and_a_card_cost_at_most_twelve_statements(
    as_user: As, session: Session, made: Made, deal: Deal, statements: list[str]
):
    schedules.save(session, WorkSchedule(name="Office", time_zone="UTC", monday="9-17", tuesday="9-17"))
    party = deal.party
    for at in range(8):
        made.deal(f"More {at}", party=party, stage=deal.pipeline.stages[at % 3])
    offer = stage_named(deal, "Offer")
    offer.needs_on_entry, deal.stage.checks = ["amount", "source"], [StageCheck(position=1, text="Call")]
    session.commit()
    costs = {}
    for name, path in (("board", "/deal/board"), ("card", f"/deal/show/{deal.id}"), ("forecast", "/deal/forecast")):
        reader = as_user("head")
        reader.get(path)
        statements.clear()
        assert reader.get(path).status_code == 200
        costs[name] = len(statements)
    assert {name: cost for name, cost in costs.items() if cost > MOST} == {}


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_offers_the_stages_and_says_what_is_missing(as_user: As, session: Session, deal: Deal):
    offer, talks = stage_named(deal, "Offer"), stage_named(deal, "Talks")
    offer.needs_on_entry = ["source"]
    deal.stage.moves = [StageMove(to_id=offer.id, pipeline_id=deal.pipeline_id)]
    session.commit()
    page = as_user("manager").get(f"/deal/show/{deal.id}").text
    assert f'<a href="/deal/edit/{deal.id}#source">“Offer” needs this: Source</a>' in page
    assert "A deal cannot go from “New” to “Talks”" in unescape(page)
    assert f'name="stage" value="{offer.id}"' not in page
    assert f'name="stage" value="{talks.id}"' not in page
    assert "No next step is planned" in page


def test_a_press_moves_and_a_refusal_is_told(as_user: As, session: Session, deal: Deal):
    offer = stage_named(deal, "Offer")
    browser = as_user("manager")
    browser.post(f"/deal/{deal.id}/move", {"stage": str(offer.id)})
    assert standing(session, deal).stage_id == offer.id
    answer = browser.post(f"/deal/{deal.id}/move", {"stage": str(offer.id)})
    assert answer.status_code in {302, 422}
    assert len(session.scalars(select(StageLog).where(StageLog.deal_id == deal.id)).all()) == 2
    page = browser.get(f"/deal/show/{deal.id}?tab=stages").text
    assert "1 day" in text_of(page)


def test_losing_asks_for_a_reason_and_keeps_what_was_typed(as_user: As, session: Session, deal: Deal):
    reason = LostReason(name="Price", position=1)
    session.add(reason)
    session.commit()
    browser = as_user("manager")
    answer = browser.post(f"/deal/{deal.id}/lose", {"note": "Too dear"})
    assert answer.status_code == 422
    assert "Too dear" in answer.text
    assert standing(session, deal).state == "open"
    browser.post(f"/deal/{deal.id}/lose", {"reason": str(reason.id), "note": "Too dear"})
    kept = standing(session, deal)
    assert (kept.state, kept.lost_reason_id, kept.lost_note, kept.lost_from.name) == (
        "lost",
        reason.id,
        "Too dear",
        "New",
    )
    assert "Lost: Price" in browser.get(f"/deal/show/{deal.id}").text


def test_a_step_is_planned_from_the_card_and_stands_at_its_head(as_user: As, deal: Deal):
    browser = as_user("manager")
    answer = browser.post(f"/deal/{deal.id}/move", {"stage": str(stage_named(deal, "Offer").id), "back": asks(deal)})
    assert answer.location == asks(deal)
    assert '<details class="planner" open>' in browser.get(answer.location).text
    tomorrow = (clock.today() + DAY).isoformat()
    browser.post(f"/deal/{deal.id}/plan", {"kind": "call", "subject": "Call Anna", "due_at": f"{tomorrow} 14:30"})
    page = text_of(browser.get(f"/deal/show/{deal.id}").text)
    assert "Next step Call Anna · Mark Manager · Tomorrow, 14:30" in page
    assert "No next step is planned" not in page


def test_a_form_makes_a_deal_with_lines(as_user: As, session: Session, made: Made, deal: Deal):
    tax, browser = made.tax(), as_user("manager")
    session.commit()
    about = {
        "title": "Spades",
        "party": str(deal.party_id),
        "pipeline": str(deal.pipeline_id),
        "currency": "EUR",
        "lines-0-text": "Spade",
        "lines-0-quantity": "2",
        "lines-0-unit_price": "12.50",
        "lines-0-tax": str(tax.id),
        "lines-0-tax-text": str(tax),
    }
    browser.post("/deal/add", about)
    access.act_as(session, access.SYSTEM)
    found = session.scalars(select(Deal).where(Deal.title == "Spades")).one()
    assert (found.amount, found.stage.name, found.owner.username) == (D("25.00"), "New", "manager")
    browser.post(f"/deal/{found.id}/order", {})
    order = session.scalars(select(SaleOrder).where(SaleOrder.deal_id == found.id)).one()
    assert (order.net, order.party_id) == (D("25.00"), deal.party_id)


def test_who_looks_at_the_contacts_is_noted(as_user: As, session: Session, deal: Deal):
    deal.party.contacts = [PartyContact(name="Anna", phone="+31206241111")]
    session.commit()
    key, browser = deal.party.contacts[0].id, as_user("manager")
    browser.post(f"/deal/{deal.id}/involve", {"contact": str(key), "role": "decides"})
    assert "Anna" in browser.get(f"/deal/{deal.id}/tab/contacts").text
    noted = select(FieldChange.entity, FieldChange.record_id).where(FieldChange.act == Act.view)
    assert session.execute(noted).all() == [("party", deal.party_id)]
    assert "Anna" not in as_user("warehouse").get(f"/deal/{deal.id}/tab/contacts").text


# --- what needs attention ---------------------------------------------------------------------------------------------


def test_lists_find_what_needs_somebody(as_user: As, session: Session, made: Made, deal: Deal):
    now = clock.now()
    deal.stage.norm_minutes = 5 * 8 * 60  # a week of work: yesterday is not too long ago, whatever the hour
    late, old = made.deal("Late", at=now - DAY), made.deal("Old", at=now - 60 * DAY)
    for one, due in ((late, now - DAY), (old, now + DAY)):
        planned.plan(
            session,
            one,
            kind=ActivityKind.call,
            subject="Call",
            due_at=due,
            owner_id=made.user("manager").id,
            by=SYSTEM,
            at=now - 60 * DAY,
        )
    session.commit()
    browser = as_user("manager")
    names = {}
    for operator in ("alone", "late", "rots"):
        page = browser.get(f"/deal/list/?flt.stage.{operator}=1").text
        names[operator] = re.findall(r'class="row-link"[^>]*>([^<]+)<', page)
    assert names == {"alone": ["Bulbs for the park"], "late": ["Late"], "rots": ["Old"]}
    assert browser.get("/deal/list/count?flt.stage.rots=1").text == "1"
    assert "Untouched for too long" in browser.get("/deal/list/?flt.stage.rots=1").text


def test_the_forecast_leads_to_its_rows(as_user: As, deal: Deal):
    browser = as_user("manager")
    page = unescape(browser.get("/deal/forecast").text)
    assert "May 2026 EUR 1 €100.00 €1,000.00" in text_of(page)
    url = (
        "/deal/list/?flt.state.eq=open&flt.currency.eq=EUR&flt.expected_on.ge=2026-05-01&flt.expected_on.lt=2026-06-01"
    )
    assert url in page
    assert deal.title in browser.get(url).text


# --- pipelines --------------------------------------------------------------------------------------------------------


def test_an_administrator_makes_a_pipeline_with_stages(as_user: As, session: Session):
    browser = as_user("admin")
    stages = [("Request", "open", "20"), ("Signed", "won", ""), ("Refused", "lost", "")]
    about = {"name": "Contracts", "currency": "EUR"}
    for at, (name, kind, chance) in enumerate(stages):
        about |= {f"stages-{at}-name": name, f"stages-{at}-type": kind, f"stages-{at}-probability": chance}
        about |= {f"stages-{at}-colour": "blue"}
    browser.post("/pipeline/add", about)
    made = session.scalars(select(Pipeline).where(Pipeline.name == "Contracts")).one()
    assert [(each.name, each.type.value, each.probability) for each in made.stages] == [
        ("Request", "open", 20),
        ("Signed", "won", 100),
        ("Refused", "lost", 0),
    ]
    page = browser.get(f"/pipeline/show/{made.id}").text
    assert "Request" in page
    stage = made.stages[0]
    form = {"name": "Request", "type": "open", "probability": "25", "colour": "teal", "needs_on_entry": "amount"}
    version = re.search(r'name="record_version"[^>]*value="(\d+)"', browser.get(f"/stage/edit/{stage.id}").text)
    assert version
    browser.post(f"/stage/edit/{stage.id}", form | {"checks-0-text": "Call", "record_version": version[1]})
    session.expire_all()
    assert (stage.probability, stage.needs_on_entry, [each.text for each in stage.checks]) == (25, ["amount"], ["Call"])


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_makes_moves_and_loses_a_deal(as_user: As, session: Session, made: Made, deal: Deal):
    reason = LostReason(name="Price")
    session.add(reason)
    session.commit()
    browser = as_user("admin")
    given = {
        "title": "Spades",
        "party": deal.party_id,
        "lines": [{"text": "Spade", "quantity": "2", "unit_price": "5"}],
    }
    answer = browser.api("POST", "/api/v1/deal/", json=given)
    key = answer.get_json()["id"]
    offer = stage_named(deal, "Offer")
    browser.api("POST", f"/api/v1/deal/{key}/move", json={"stage": offer.id})
    told = browser.api("GET", f"/api/v1/deal/{key}").get_json()["result"]
    assert (told["stage"]["text"], told["state"], told["amount"]) == ("Offer", "open", "10.00")
    refused = browser.api("POST", f"/api/v1/deal/{key}/lose", json={"reason": reason.id, "note": " "})
    assert (refused.status_code, refused.get_json()["message"]) == (
        422,
        {"note": ["Say in a few words how the deal was lost"]},
    )
    browser.api("POST", f"/api/v1/deal/{key}/lose", json={"reason": reason.id, "note": "Gone"})
    told = browser.api("GET", f"/api/v1/deal/{key}").get_json()["result"]
    assert (told["state"], told["lost_from"]["text"]) == ("lost", "Offer")


def test_a_manager_sees_his_own_deals_alone(as_user: As, session: Session, made: Made, deal: Deal):
    made.deal("Theirs", owner="manager2")
    made.deal("Nobody's", owner=None)
    session.commit()
    page = as_user("manager").get("/deal/list/").text
    assert re.findall(r'class="row-link"[^>]*>([^<]+)<', page) == ["Bulbs for the park"]


def test_a_quote_links_its_deal_for_who_may_see_deals_alone(as_user: As, session: Session, made: Made, deal: Deal):
    quote = made.quote(("1", "10.00"), party=deal.party, deal=deal)
    session.commit()
    there = f'<a href="/deal/show/{deal.id}">{deal.title}</a>'
    assert there in as_user("admin").get(f"/quote/show/{quote.id}").text
    page = as_user("accountant").get(f"/quote/show/{quote.id}").text
    assert (deal.title in page, f"/deal/show/{deal.id}" in page) == (True, False)
