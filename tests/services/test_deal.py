"""Deals: stored, moved from stage to stage with a log, won, lost and reopened; what stages ask for."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import installation
from app.errors import DomainError, Refusals
from app.models.activity import ActivityKind
from app.models.deal import Deal, DealContact, DealLine, DecisionRole
from app.models.history import StateChange
from app.models.lost_reason import LostReason
from app.models.party import PartyContact
from app.models.pipeline import Pipeline, Stage, StageCheck, StageMove, StageType
from app.models.sale_order import OrderState, SaleOrder
from app.models.stage_log import StageLog
from app.services import deal as deals
from app.services import deal_contact, deal_documents, deal_forecast, deal_rot, document_chain, planned, working_time
from app.services.access import SYSTEM
from app.services.deal_forecast import Outlook
from app.services.working_time import Calendar
from tests.factories import Made

D = Decimal
AT = datetime(2026, 3, 31, 10, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def stage(deal: Deal, name: str) -> Stage:
    return next(each for each in deal.pipeline.stages if each.name == name)


def log(session: Session, deal: Deal) -> list[tuple[str | None, str, str, int | None, int | None]]:
    rows = session.scalars(select(StageLog).where(StageLog.deal_id == deal.id).order_by(StageLog.id))
    return [(row.from_name, row.to_name, row.state.value, row.seconds, row.working_minutes) for row in rows]


def refused(act, *arguments, **named) -> dict[str, list[str]]:
    with pytest.raises(DomainError) as caught:
        act(*arguments, **named)
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [refusal.text]}


def lost(session: Session, deal: Deal, at: datetime = AT + DAY) -> LostReason:
    reason = LostReason(name="Price")
    session.add(reason)
    session.flush()
    deals.lose(session, deal, reason=reason, note=" Too dear ", by=SYSTEM, at=at)
    return reason


# --- storing ----------------------------------------------------------------------------------------------------------


def test_a_deal_begins_in_the_first_stage_of_the_default_pipeline(session: Session, made: Made):
    made.organisation()
    deal = made.deal("  Bulbs  for the park ", at=AT + timedelta(microseconds=5), currency=None)
    assert (deal.title, deal.stage.name, deal.state, deal.currency) == ("Bulbs for the park", "New", "open", "EUR")
    assert (deal.entered_at, deal.last_touch_at, deal.closed_at) == (AT, AT + timedelta(microseconds=5), None)
    assert deal.owner_id == made.user("manager").id
    assert log(session, deal) == [(None, "New", "open", None, None)]


def test_what_a_deal_lacks_is_said_at_its_fields(session: Session, made: Made):
    made.pipeline()
    deal = Deal(title=" ", amount=D("-1"), currency="EUR")
    assert refused(deals.save, session, deal) == {
        "title": ["A deal needs a title"],
        "party": ["Say whom this is for"],
        "amount": ["An amount is not below zero"],
    }
    assert session.scalars(select(Deal)).all() == []


def test_without_a_pipeline_there_are_no_deals(session: Session, made: Made):
    deal = Deal(title="Bulbs", party=made.party(), currency="EUR")
    assert refused(deals.save, session, deal) == {"pipeline": ["There is no pipeline yet: an administrator makes one"]}


def test_the_amount_is_the_sum_of_the_lines(session: Session, made: Made):
    product = made.product("Tulip", price="12.50")
    lines = [
        DealLine(product=product, quantity=D(3)),
        DealLine(text="Work", quantity=D("1.5"), unit_price=D("33.33"), discount_percent=D(10)),
    ]
    deal = made.deal(amount=D(7), lines=lines)
    assert [(line.position, line.text, line.unit_price, line.net) for line in deal.lines] == [
        (1, "Tulip", D("12.5"), D("37.50")),
        (2, "Work", D("33.33"), D("45.00")),  # 44.9955
    ]
    assert deal.amount == D("82.50")
    assert deal.lines[0].tax == product.tax


def test_lines_are_judged_one_by_one(session: Session, made: Made):
    lines = [DealLine(quantity=D(0), unit_price=D(1)), DealLine(text="Work", quantity=D(1), discount_percent=D(101))]
    assert refused(made.deal, lines=lines) == {
        "lines-0-text": ["A line needs a product or a text"],
        "lines-0-quantity": ["A quantity is above zero"],
        "lines-1-unit_price": ["Give the price"],
        "lines-1-discount_percent": ["A discount is between 0 and 100 percent"],
    }


def test_the_form_does_not_change_the_stage(session: Session, made: Made):
    deal = made.deal()
    deal.stage = stage(deal, "Offer")
    assert list(refused(deals.save, session, deal)) == ["stage"]


def test_a_closed_deal_keeps_what_was_agreed(session: Session, made: Made):
    deal = made.deal(amount=D(100), at=AT)
    deals.win(session, deal, by=SYSTEM, at=AT + DAY)
    deal.note = "Paid in advance"
    deals.save(session, deal)
    session.flush()
    deal.amount = D(50)
    assert refused(deals.save, session, deal) == {"amount": ["The deal is closed; reopen it first"]}


def test_contacts_are_those_of_the_party(session: Session, made: Made):
    ours, other = made.party("Ours"), made.party("Other", country="BE")
    ours.contacts, other.contacts = [PartyContact(name="Anna")], [PartyContact(name="Bart")]
    session.flush()
    strange = DealContact(contact=other.contacts[0], role=DecisionRole.decides)
    assert refused(made.deal, party=ours, contacts=[strange]) == {
        "contacts-0-contact": ["Choose somebody of the deal's party"]
    }
    session.rollback()


def test_somebody_gets_a_part_in_the_decision_and_another_one(session: Session, made: Made):
    party = made.party()
    party.contacts = [PartyContact(name="Anna")]
    deal = made.deal(party=party)
    anna = party.contacts[0]
    deal_contact.involve(session, deal, contact=anna, role=DecisionRole.decides)
    deal_contact.involve(session, deal, contact=anna, role=DecisionRole.blocks)
    assert [(each.contact.name, each.role) for each in deal.contacts] == [("Anna", DecisionRole.blocks)]
    deal_contact.leave_out(session, deal, contact=anna)
    assert deal.contacts == []


# --- moving -----------------------------------------------------------------------------------------------------------


def test_a_move_is_logged_with_the_time_in_the_former_stage(session: Session, made: Made):
    deal = made.deal(at=AT)
    later = AT + DAY + timedelta(minutes=30)
    deals.move(session, deal, stage(deal, "Offer"), by=SYSTEM, at=later)
    deals.move(session, deal, stage(deal, "Talks"), by=SYSTEM, at=later + HOUR)
    worked = working_time.between(session, AT, later, user_id=deal.owner_id)
    assert worked > 0
    assert log(session, deal) == [
        (None, "New", "open", None, None),
        ("New", "Offer", "open", 88_200, worked),
        ("Offer", "Talks", "open", 3_600, working_time.between(session, later, later + HOUR, user_id=deal.owner_id)),
    ]
    assert (deal.stage.name, deal.entered_at, deal.last_touch_at) == ("Talks", later + HOUR, later + HOUR)


def test_a_stage_names_what_it_needs_and_nothing_is_changed(session: Session, made: Made):
    deal = made.deal(at=AT)
    offer = stage(deal, "Offer")
    offer.needs_on_entry = ["amount", "expected_on"]
    deal.stage.needs_on_exit = ["source"]
    deal.stage.checks = [StageCheck(position=1, text="Called back")]
    session.flush()
    assert refused(deals.move, session, deal, offer, by=SYSTEM, at=AT + DAY) == {
        "checks": ["Not done yet: Called back"],
        "amount": ["“Offer” needs this: Amount"],
        "expected_on": ["“Offer” needs this: Expected close"],
        "source": ["“New” needs this: Source"],
    }
    assert (deal.stage.name, deal.entered_at, len(log(session, deal))) == ("New", AT, 1)
    deal.amount, deal.expected_on, deal.source = D(10), date(2026, 5, 1), "Fair"
    deals.tick(session, deal, check=deal.stage.checks[0], by=SYSTEM, at=AT)
    deals.tick(session, deal, check=deal.stage.checks[0], by=SYSTEM, at=AT)
    assert len(deal.checked) == 1
    deals.move(session, deal, offer, by=SYSTEM, at=AT + DAY)
    assert deal.stage.name == "Offer"


def test_a_table_of_moves_holds_for_all(session: Session, made: Made):
    deal = made.deal(at=AT)
    new, talks = deal.stage, stage(deal, "Talks")
    new.moves = [StageMove(to_id=stage(deal, "Offer").id, pipeline_id=deal.pipeline_id)]
    session.flush()
    assert refused(deals.move, session, deal, talks, by=SYSTEM, at=AT) == {
        "stage": ["A deal cannot go from “New” to “Talks”"]
    }
    deals.move(session, deal, stage(deal, "Offer"), by=SYSTEM, at=AT + HOUR)
    deals.move(session, deal, talks, by=SYSTEM, at=AT + 2 * HOUR)
    assert deal.stage is talks


def test_the_owner_needs_the_role_of_the_stage(session: Session, made: Made):
    deal = made.deal(at=AT)
    offer = stage(deal, "Offer")
    offer.owner_role = "Head of sales"
    session.flush()
    assert refused(deals.move, session, deal, offer, by=SYSTEM, at=AT) == {
        "owner": ["The owner of a deal in “Offer” has the role Head of sales"]
    }
    deal.owner = made.user("head")
    session.flush()
    deals.move(session, deal, offer, by=SYSTEM, at=AT + HOUR)
    assert deal.stage is offer


def test_a_stage_of_another_pipeline_is_refused_by_the_database_too(session: Session, made: Made):
    deal = made.deal(at=AT)
    strange = made.pipeline("Other").stages[0]
    assert refused(deals.move, session, deal, strange, by=SYSTEM, at=AT) == {
        "stage": ["“New” is a stage of another pipeline"]
    }
    with pytest.raises(DBAPIError):
        session.execute(update(Deal).where(Deal.id == deal.id).values(stage_id=strange.id))


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_won_deal_is_closed_and_reopened_where_it_was(session: Session, made: Made):
    deal = made.deal(at=AT)
    deals.move(session, deal, stage(deal, "Talks"), by=SYSTEM, at=AT + HOUR)
    deals.win(session, deal, by=SYSTEM, at=AT + DAY)
    assert (deal.stage.name, deal.state, deal.closed_at) == ("Won", StageType.won, AT + DAY)
    assert refused(deals.move, session, deal, stage(deal, "New"), by=SYSTEM, at=AT + DAY) == {
        "stage": ["The deal is closed; reopen it first"]
    }
    deals.reopen(session, deal, by=SYSTEM, at=AT + 2 * DAY)
    assert (deal.stage.name, deal.state, deal.closed_at) == ("Talks", StageType.open, None)
    moves = session.scalars(select(StateChange).where(StateChange.entity == "deal").order_by(StateChange.id))
    assert [(each.before, each.after) for each in moves] == [(None, "open"), ("open", "won"), ("won", "open")]


def test_losing_needs_a_reason_and_words(session: Session, made: Made):
    deal = made.deal(at=AT)
    idle = LostReason(name="Old", is_active=False)
    session.add(idle)
    session.flush()
    assert refused(deals.lose, session, deal, reason=idle, note="  ", by=SYSTEM, at=AT) == {
        "reason": ["Choose a reason that is in use"],
        "note": ["Say in a few words how the deal was lost"],
    }
    assert refused(deals.move, session, deal, stage(deal, "Lost"), by=SYSTEM, at=AT) == {
        "reason": ["Say why the deal was lost"]
    }
    assert (deal.state, deal.lost_from_id, len(log(session, deal))) == (StageType.open, None, 1)


def test_a_lost_deal_keeps_its_stage_and_goes_back_there(session: Session, made: Made):
    deal = made.deal(at=AT)
    deals.move(session, deal, stage(deal, "Offer"), by=SYSTEM, at=AT + HOUR)
    reason = lost(session, deal)
    assert (deal.state, deal.lost_reason, deal.lost_note, deal.lost_from.name) == ("lost", reason, "Too dear", "Offer")
    assert deal.closed_at == AT + DAY
    deals.reopen(session, deal, by=SYSTEM, at=AT + 2 * DAY)
    assert (deal.stage.name, deal.lost_reason, deal.lost_note, deal.lost_from) == ("Offer", None, None, None)
    assert refused(deals.reopen, session, deal, by=SYSTEM, at=AT) == {"stage": ["The deal is open"]}


@pytest.mark.parametrize(
    "values",
    [
        {"state": "lost"},
        {"closed_at": AT},
        {"lost_note": "Too dear"},
        {"amount": D(-1)},
    ],
)
def test_the_database_refuses_what_no_deal_can_be(session: Session, made: Made, values):
    deal = made.deal(at=AT)
    with pytest.raises(DBAPIError):
        session.execute(update(Deal).where(Deal.id == deal.id).values(values))


def test_the_log_is_only_added_to_and_goes_with_its_deal(session: Session, made: Made):
    deal = made.deal(at=AT)
    for statement in (
        update(StageLog).values(to_name="Other"),
        delete(StageLog),
        text("UPDATE stage_log SET seconds = 5, from_name = 'x', working_minutes = 5"),
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(statement)
    session.execute(update(StageLog).values(by_id=None))
    session.execute(delete(Deal).where(Deal.id == deal.id))
    assert session.scalars(select(StageLog.id)).all() == []


# --- what follows from a deal -----------------------------------------------------------------------------------------


def test_an_order_copies_the_lines_and_knows_its_deal(session: Session, made: Made):
    made.organisation()
    product = made.product("Tulip", price="12.50")
    line = DealLine(product=product, quantity=D(4), discount_percent=D(20))
    deal = made.deal(party=made.buyer(), lines=[line])
    order = deal_documents.make_order(session, deal)
    assert (order.deal_id, order.party_id, order.owner_id, order.state) == (
        deal.id,
        deal.party_id,
        deal.owner_id,
        OrderState.draft,
    )
    assert [(each.product_id, each.quantity, each.discount_percent, each.net) for each in order.lines] == [
        (product.id, D(4), D(20), D("40.00"))
    ]
    [tree] = document_chain.chain(session, order)
    assert (tree.record, tree.is_here, [each.record for each in tree.after]) == (deal, False, [order])
    [same] = document_chain.chain(session, deal)
    assert (same.record, same.is_here, [each.record for each in same.after]) == (deal, True, [order])


def test_a_deal_without_lines_makes_no_order(session: Session, made: Made):
    deal = made.deal()
    assert refused(deal_documents.make_order, session, deal) == {"lines": ["The deal has no lines yet"]}
    assert session.scalars(select(SaleOrder.id)).all() == []


def test_what_is_planned_touches_its_deal(session: Session, made: Made):
    deal, other = made.deal(at=AT - 90 * DAY), made.deal("Other", at=AT - 90 * DAY)
    about = {"kind": ActivityKind.call, "subject": "Call", "due_at": AT + DAY, "owner_id": deal.owner_id}
    planned.plan(session, deal, by=SYSTEM, at=AT, **about)
    session.expire_all()
    assert deal.last_touch_at == AT
    assert other.last_touch_at == AT - 90 * DAY


# --- rot and forecast -------------------------------------------------------------------------------------------------


def test_the_limit_of_a_norm_is_the_inverse_of_working_time(session: Session, made: Made):
    made.organisation()
    calendar = working_time.load(session)
    for minutes in (1, 60, 480, 2_400):
        limit = deal_rot.since(calendar, AT, minutes)
        assert calendar.between(limit, AT) == minutes
        assert calendar.between(limit + timedelta(minutes=1), AT) == minutes - 1


def test_a_schedule_without_hours_never_rots():
    empty = Calendar(ZoneInfo("UTC"), ((),) * 7)
    assert deal_rot.since(empty, AT, 1) == AT - deal_rot.FURTHEST


def test_deals_rot_by_the_norm_of_their_stage(session: Session, made: Made):
    made.organisation()
    fresh, old, free, closed = (made.deal(name, at=AT - 10 * DAY) for name in ("Fresh", "Old", "Free", "Closed"))
    deals.move(session, free, stage(free, "Talks"), by=SYSTEM, at=AT - 10 * DAY + HOUR)
    deals.win(session, closed, by=SYSTEM, at=AT - 9 * DAY)
    fresh.last_touch_at = AT - HOUR
    session.flush()
    found = session.scalars(select(Deal).where(deal_rot.rotting(session, now=AT)))
    assert [deal.title for deal in found] == [old.title]


def test_the_forecast_adds_up_by_month_and_currency(session: Session, made: Made):
    may, june = date(2026, 5, 3), date(2026, 6, 30)
    made.deal("A", amount=D(100), expected_on=may)
    second = made.deal("B", amount=D("50.01"), expected_on=may.replace(day=31))
    deals.move(session, second, stage(second, "Offer"), by=SYSTEM, at=AT + 400 * DAY)
    made.deal("C", amount=D(1000), currency="USD", expected_on=june)
    made.deal("D")
    deals.win(session, made.deal("E", amount=D(7), expected_on=may), by=SYSTEM, at=AT + 400 * DAY)
    assert deal_forecast.outlook(session) == [
        Outlook(date(2026, 5, 1), "EUR", 2, D("150.01"), D("35.01")),  # 10.00 + 25.005
        Outlook(date(2026, 6, 1), "USD", 1, D(1000), D("100.00")),
        Outlook(None, "EUR", 1, D(0), D("0.00")),
    ]


def test_a_company_of_an_earlier_version_gets_a_pipeline_with_the_upgrade_once(session: Session, made: Made):
    installation.complete(session)
    assert session.scalars(select(Pipeline)).all() == [], "nobody has set up a company yet"
    made.organisation(language="nl")
    for _again in range(2):
        installation.complete(session)
    [pipeline] = session.scalars(select(Pipeline))
    assert (pipeline.is_default, len(pipeline.stages)) == (True, 6)
