"""Sales plans: what they obey, what was reached of each metric to the cent, what may come of it, and who sees it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.payment import PaymentKind
from app.models.product_category import ProductCategory
from app.models.sales_plan import PlanMetric, PlanSubject, SalesPlan
from app.models.team import Team
from app.models.work_schedule import CompanyHoliday
from app.roles import CHANGE, DELETE, SEE
from app.services import access, handover_kinds, invoice_credit, plan_fact, sales_fact, sales_plan
from app.services import invoice as invoices
from app.services import payment as payments
from app.services import product_category as categories
from app.services import sale_order as orders
from app.services import work_schedule as schedules
from app.services.access import SYSTEM, Actor
from app.services.allocation import When
from app.services.plan_fact import Standing
from app.services.sales_plan import Ahead
from tests.factories import Made, user

D = Decimal
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)  # a Monday: eleven of March's 22 working days are gone


def actor(session: Session, name: str) -> Actor:
    person = user(session, name)
    return access.actor_of(
        session, user_id=person.id, name=name, roles=[role.name for role in person.roles], profile=person.profile
    )


def plan(session: Session, owner: str | None = "manager", *, team: str | None = None, **values: Any) -> SalesPlan:
    """A plan of a person, a team or the company, 1000 of turnover in March when nothing else is said."""
    subject = PlanSubject.person if owner and team is None else PlanSubject.team if team else PlanSubject.company
    metric = values.get("metric", PlanMetric.turnover)
    target: dict[str, Any] = {"target_count": 10} if metric in {PlanMetric.new_clients, PlanMetric.calls} else {}
    target = target or {"target_amount": D(1000)}
    record = SalesPlan(**{"month": MARCH, "subject": subject, "metric": metric} | target | values)
    record.owner = user(session, owner) if subject is PlanSubject.person and owner else None
    record.team = session.scalar(select(Team).where(Team.name == team)) if team else None
    sales_plan.save(session, record)
    session.flush()
    return record


def owned(made: Made, name: str) -> dict[str, Any]:
    person = made.user(name)
    return {"owner_id": person.id, "team_id": person.profile.team_id}


def facts(session: Session, *, month: date = MARCH, at: datetime = NOON) -> dict[str, Decimal | None]:
    """What is reached of each plan of a month that the actor sees, by whose it is and what is counted."""
    found = plan_fact.of_month(session, month, at=at)
    return {f"{one.plan.subject_name or 'company'} {one.plan.metric.value}": one.fact for one in found}


def only(session: Session, *, month: date = MARCH, at: datetime = NOON) -> Standing:
    [one] = plan_fact.of_month(session, month, at=at)
    return one


@pytest.fixture(autouse=True)
def chained(chain_key: bytes) -> bytes:
    """Issuing needs the key of the chain."""
    return chain_key


@pytest.fixture
def ours(made: Made) -> Any:
    return made.organisation()


# --- storing ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ours")
def test_a_plan_is_of_a_month_and_its_team_is_that_of_the_person(session: Session):
    made = plan(session, month=date(2026, 3, 17), target_amount=D("1000.5"), target_count=4)
    assert (made.month, made.team.name, made.currency, made.target_count) == (MARCH, "north", "EUR", None)
    assert (made.target, made.slot) == (D("1000.5"), f"person {made.owner_id} 0 EUR")
    assert str(made) == "Turnover 2026-03 Mark Manager"
    counted = plan(session, metric=PlanMetric.calls, target_amount=D(5), currency="EUR")
    assert (counted.target_amount, counted.currency, counted.target) == (None, None, D(10))


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"month": None}, "month", "This field is required"),
        ({"month": date(9999, 12, 31)}, "month", "Years from 1970 to 2199 are possible"),
        ({"target_amount": None}, "target_amount", "This field is required"),
        ({"target_amount": D(0)}, "target_amount", "This must be above zero"),
        ({"target_amount": D("1.005")}, "target_amount", "At most 2 decimals are possible here"),
        ({"currency": "GBP"}, "currency", "Choose a currency of your own companies: EUR"),
        ({"metric": PlanMetric.calls, "target_count": 0}, "target_count", "From 1 to 1000000 are possible"),
        ({"metric": PlanMetric.calls, "target_count": None}, "target_count", "This field is required"),
    ],
)
def test_what_is_no_plan_is_refused_at_its_field(session: Session, values: dict[str, Any], field: str, text: str):
    with pytest.raises(Refusals) as refused:
        plan(session, **values)
    assert list(refused.value.errors) == [field]
    assert refused.value.errors[field][0].startswith(text)
    assert session.scalars(select(SalesPlan)).all() == []


@pytest.mark.usefixtures("ours")
def test_calls_are_not_planned_by_category_and_there_is_one_plan_of_a_kind(session: Session):
    category = ProductCategory(name="Bulbs")
    categories.save(session, category)
    session.flush()
    with pytest.raises(Refusals) as refused:
        plan(session, metric=PlanMetric.calls, category=category)
    assert list(refused.value.errors) == ["category"]
    for kind in ({}, {"category": category}, {"month": APRIL}, {"metric": PlanMetric.payments}):
        plan(session, **kind)
    for kind in ({"team": "north"}, {"owner": None}):
        plan(session, **kind)
        with pytest.raises(DomainError, match="There is such a plan already"):
            plan(session, **kind)
    with pytest.raises(DomainError, match="There is such a plan already"):
        plan(session, month=date(2026, 3, 31), category=category)
    assert len(session.scalars(select(SalesPlan)).all()) == 6


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    "values",
    [
        {"month": date(2026, 3, 2)},
        {"owner_id": None},
        {"subject": "company"},
        {"metric": "calls"},
        {"target_count": 3},
        {"target_amount": D(0)},
        {"currency": None},
    ],
)
def test_the_database_refuses_what_no_plan_can_be(session: Session, values: dict[str, Any]):
    made = plan(session)
    for name, value in values.items():
        setattr(made, name, value)
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


@pytest.mark.usefixtures("ours")
def test_the_database_keeps_one_plan_of_a_kind(session: Session):
    made = plan(session, owner=None)
    twin = SalesPlan(month=MARCH, subject=PlanSubject.company, metric=PlanMetric.turnover, currency="EUR")
    twin.target_amount = D(5)
    session.add(twin)
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    assert made.slot == "company 0 EUR"


# --- turnover and margin ----------------------------------------------------------------------------------------------


def test_turnover_is_what_was_issued_in_the_month_less_its_credit_notes(session: Session, made: Made, ours: Any):
    buyer, mine = made.buyer(), owned(made, "manager")
    plan(session)
    plan(session, "manager2")
    first = made.issued(("2", "100.00"), on=date(2026, 3, 1), party=buyer, organisation=ours, **mine)
    made.issued(("1", "50.55"), on=date(2026, 3, 31), party=buyer, organisation=ours, **mine)
    made.issued(("1", "3.00"), on=date(2026, 3, 31), party=buyer, organisation=ours, **owned(made, "manager2"))
    made.issued(("1", "7.00"), on=date(2026, 4, 1), party=buyer, organisation=ours, **mine)
    made.invoice(("1", "900.00"), party=buyer, organisation=ours, **mine)  # a draft
    note = invoice_credit.credit(session, first, reason="Broken")
    invoices.issue(session, note, at=datetime(2026, 4, 2, 12, tzinfo=UTC))
    assert facts(session) == {"Mark Manager turnover": D("250.55"), "Maria Manager turnover": D("3.00")}
    plan(session, month=APRIL)
    assert facts(session, month=APRIL) == {"Mark Manager turnover": D("-193.00")}
    assert only(session, month=APRIL).percent == -20


def test_a_document_in_another_currency_counts_at_its_rate(session: Session, made: Made, ours: Any):
    buyer, mine = made.buyer(), owned(made, "manager")
    plan(session)
    about = {"party": buyer, "organisation": ours, "currency": "USD", "exchange_rate": D("0.9137")}
    made.issued(("3", "33.33"), **about, **mine)
    made.issued(("1", "10.00"), party=buyer, organisation=ours, **mine)
    assert facts(session) == {"Mark Manager turnover": D("101.36")}  # 99.99 × 0.9137 = 91.360863


def test_by_category_the_lines_count_with_the_parts_of_the_category(session: Session, made: Made, ours: Any):
    windows, wooden, doors = ProductCategory(name="Windows"), ProductCategory(name="Wooden"), ProductCategory(name="D")
    wooden.parent = windows
    for each in (windows, wooden, doors):
        categories.save(session, each)
        session.flush()
    wares = [made.product(name, category=of, cost_price=cost) for name, of, cost in (
        ("Plain", windows, D(6)), ("Oak", wooden, D("3.3333")), ("Door", doors, D(1)))]  # fmt: skip
    draft = made.invoice(("2", "10.00"), ("3", "20.00"), ("5", "30.00"), organisation=ours, **owned(made, "manager"))
    for line, ware in zip(draft.lines, wares, strict=True):
        line.product = ware
    draft.discount = D(30)
    invoices.save(session, draft)
    invoices.issue(session, draft, at=NOON)
    plan(session, category=windows)
    plan(session, category=wooden, metric=PlanMetric.margin)
    plan(session)
    found = plan_fact.of_month(session, MARCH, at=NOON)
    told = [(str(one.plan.category or ""), one.plan.metric.value, one.fact) for one in found]
    assert told == [
        ("", "turnover", D("200.00")),  # 230 less the discount of the document
        ("Windows", "turnover", D("80.00")),
        ("Windows / Wooden", "margin", D("50.00")),  # 60.00 - 3 × 3.3333
    ]


def test_margin_leaves_out_what_nobody_knows_and_is_told_to_who_may_see_it(session: Session, made: Made, ours: Any):
    ware, mine = made.product("Bulb", cost_price=D("6.50")), owned(made, "manager")
    known = made.invoice(("4", "10.00"), organisation=ours, **mine)
    known.lines[0].product = ware
    invoices.save(session, known)
    invoices.issue(session, known, at=NOON)
    made.issued(("1", "99.00"), on=date(2026, 3, 16), organisation=ours, **mine)
    plan(session, metric=PlanMetric.margin)
    one = only(session)
    assert (one.fact, one.unknown) == (D("14.00"), 1)
    with access.acting(session, actor(session, "head")):
        assert only(session).fact == D("14.00")
    with access.acting(session, actor(session, "manager")):
        assert (only(session).fact, only(session).percent, only(session).forecast) == (None, None, None)


# --- payments, clients, calls -----------------------------------------------------------------------------------------


def test_payments_are_receipts_less_refunds_by_the_day_of_the_money(session: Session, made: Made, ours: Any):
    buyer, mine = made.buyer(), owned(made, "manager")
    plan(session, metric=PlanMetric.payments)
    about = {"party": buyer, "organisation": ours, **mine}
    made.payment("100.00", on=date(2026, 3, 1), **about)
    made.payment("20.10", on=date(2026, 3, 31), kind=PaymentKind.refund, **about)
    made.payment("10.00", on=date(2026, 3, 2), currency="USD", exchange_rate=D("0.5"), **about)
    made.payment("7.00", on=date(2026, 4, 1), **about)
    bounced = made.payment("70.00", on=date(2026, 3, 3), **about)
    payments.cancel(session, bounced, reason="Bounced", when=When(at=NOON, on=date(2026, 3, 4), by=SYSTEM))
    assert facts(session) == {"Mark Manager payments": D("84.90")}


def test_new_clients_have_their_first_order_or_invoice_in_the_month(session: Session, made: Made, ours: Any):
    plan(session, metric=PlanMetric.new_clients)
    old, by_order, by_bill, both = (made.buyer(f"Buyer {n}", owner="manager") for n in range(4))
    foreign = made.buyer("Foreign", owner="manager2")
    for party, day in ((old, date(2026, 2, 28)), (old, date(2026, 3, 5)), (by_order, date(2026, 3, 31))):
        orders.confirm(session, made.order(party=party, organisation=ours, ordered_on=day), at=NOON)
    orders.confirm(session, made.order(party=both, organisation=ours, ordered_on=date(2026, 3, 8)), at=NOON)
    made.order(party=made.buyer("Draft", owner="manager"), organisation=ours, ordered_on=date(2026, 3, 8))
    for party, day in ((by_bill, date(2026, 3, 1)), (both, date(2026, 3, 9)), (foreign, date(2026, 3, 9))):
        made.issued(on=day, party=party, organisation=ours)
    made.issued(on=date(2026, 4, 1), party=made.buyer("Later", owner="manager"), organisation=ours)
    assert facts(session) == {"Mark Manager new_clients": D(3)}


def test_calls_belong_to_the_month_where_the_company_is(session: Session, made: Made, ours: Any):
    person = made.user("manager")

    def call(at: datetime, **values: Any) -> None:
        about = {"kind": ActivityKind.call, "state": ActivityState.done, "subject": "Call", "done_at": at}
        session.add(Activity(**about | {"owner_id": person.id, "team_id": person.profile.team_id} | values))

    plan(session, metric=PlanMetric.calls)
    assert ours.time_zone == "Europe/Amsterdam"  # an hour before UTC in winter, two from 29 March on
    call(datetime(2026, 2, 28, 22, 59, tzinfo=UTC))
    call(datetime(2026, 2, 28, 23, 0, tzinfo=UTC))
    call(datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
    call(datetime(2026, 3, 31, 22, 0, tzinfo=UTC))
    call(NOON, kind=ActivityKind.meeting)
    call(NOON, deleted_at=NOON)
    call(NOON, state=ActivityState.planned, done_at=None, due_at=NOON)
    call(NOON, owner_id=made.user("manager2").id)
    session.flush()
    assert facts(session) == {"Mark Manager calls": D(2)}


def test_facts_are_found_within_the_indexes_by_day(session: Session):
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        pytest.skip("SQLite tells how it would look for rows of an empty table too")
    asked = {(metric, False) for metric in PlanMetric} | {(PlanMetric.turnover, True), (PlanMetric.margin, True)}
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        found.extend(str(row[3]) for row in rows)

    event.listen(connection, "before_cursor_execute", explain)
    sales_fact.gather(session, MARCH, asked=asked, within=ZoneInfo("Europe/Amsterdam"), is_open=True)
    event.remove(connection, "before_cursor_execute", explain)
    ways = {step.partition(" (")[0] for step in found if " INDEX " in step or step.startswith("SCAN")}
    assert ways == {
        "SEARCH invoice USING INDEX ix_invoice_issued_on",
        "SEARCH invoice USING INDEX ix_invoice_party_id",
        "SEARCH invoice_line USING INDEX ix_invoice_line_invoice_id_position",
        "SEARCH payment USING INDEX ix_payment_paid_on",
        "SEARCH sale_order USING INDEX ix_sale_order_ordered_on",
        "SEARCH sale_order USING INDEX ix_sale_order_party_id",
        "SEARCH activity USING INDEX ix_activity_owner_id_done_at",
        "SEARCH deal USING INDEX ix_deal_state_expected_on",
        "SCAN anon_1",  # the parties of the month
    }


# --- forecast ---------------------------------------------------------------------------------------------------------


def test_the_forecast_goes_on_at_the_pace_of_the_working_days(session: Session, made: Made, ours: Any):
    plan(session)
    plan(session, metric=PlanMetric.new_clients)
    schedules.save_holiday(session, CompanyHoliday(held_on=date(2026, 3, 17), name="Stocktaking"))
    made.issued(("1", "500.00"), on=date(2026, 3, 10), organisation=ours, **owned(made, "manager"))
    money, clients = plan_fact.of_month(session, MARCH, at=NOON)
    assert (money.fact, money.percent, money.forecast, money.forecast_percent) == (D(500), 50, D("954.55"), 95)
    assert (clients.fact, clients.forecast) == (D(0), D(0))  # the buyer belongs to nobody
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert plan_fact.of_month(session, MARCH, at=sunday)[0].forecast is None
    after = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # April has begun in Amsterdam
    assert plan_fact.today(session, at=after) == APRIL
    assert plan_fact.of_month(session, MARCH, at=after)[0].forecast is None


def test_open_deals_of_the_month_promise_by_their_chances(session: Session, made: Made, ours: Any):
    plan(session)
    plan(session, month=APRIL)
    plan(session, owner=None)
    stages = made.pipeline().stages
    assert [(stage.name, stage.probability) for stage in stages][:1] == [("New", 10)]
    for amount, day, about in (
        ("1000.00", date(2026, 3, 31), {}),
        ("333.33", date(2026, 3, 20), {}),
        ("500.00", date(2026, 4, 1), {}),
        ("80.00", date(2026, 3, 20), {"currency": "USD"}),
        ("40.00", date(2026, 3, 20), {"owner": "manager2"}),
    ):
        made.deal(amount=D(amount), expected_on=day, **about)
    assert [one.promised for one in plan_fact.of_month(session, MARCH, at=NOON)] == [D("137.33"), D("133.33")]
    assert only(session, month=APRIL).promised == D("50.00")
    assert only(session, month=APRIL, at=datetime(2026, 5, 2, tzinfo=UTC)).promised is None


# --- who sees what ----------------------------------------------------------------------------------------------------


def everybodys(session: Session, made: Made, ours: Any) -> None:
    """A plan of everybody: two people, their teams, the department, the company; each has issued something."""
    for about in ({"owner": None}, {"team": "sales"}, {"team": "north"}, {"team": "south"}):
        plan(session, **about)
    for name, amount in (("manager", "100.00"), ("manager2", "10.00"), ("head", "1.00")):
        plan(session, name)
        made.issued(("1", amount), on=date(2026, 3, 16), organisation=ours, **owned(made, name))
    session.flush()


def test_one_sees_ones_own_plan_and_that_of_ones_team_a_head_all_below(session: Session, made: Made, ours: Any):
    everybodys(session, made, ours)
    company, sales = {"company turnover": D(111)}, {"sales turnover": D(111)}
    north, south = {"north turnover": D(100)}, {"south turnover": D(10)}
    mark, maria = {"Mark Manager turnover": D(100)}, {"Maria Manager turnover": D(10)}
    helena = {"Helena Head turnover": D(1)}
    assert facts(session) == company | sales | north | south | mark | maria | helena
    for name, seen in (
        ("manager", north | mark),
        ("manager2", south | maria),
        ("head", sales | north | south | mark | maria | helena),
        ("auditor", company | sales | north | south | mark | maria | helena),
        ("marketer", {}),
        ("accountant", {}),
        ("nobody", {}),
    ):
        with access.acting(session, actor(session, name)):
            reader = access.required(session)
            told = facts(session) if reader.has("sales_plan", SEE) else {}
            assert told == seen, name


def test_own_plans_of_the_start_page_and_sums_of_all_people(session: Session, made: Made, ours: Any):
    everybodys(session, made, ours)
    with access.acting(session, actor(session, "manager")):
        plan(session, month=APRIL)
        [mine] = plan_fact.of_actor(session, at=NOON)
        assert (mine.plan.subject_name, mine.percent) == ("Mark Manager", 10)
        assert plan_fact.totals(plan_fact.of_month(session, MARCH, at=NOON)) == []
    with access.acting(session, actor(session, "head")):
        [total] = plan_fact.totals(plan_fact.of_month(session, MARCH, at=NOON))
        assert (total.target, total.fact, total.people, total.percent) == (D(3000), D(111), 3, 3)
        shown = plan_fact.by_person(session, at=NOON)
        assert {key: one.fact for key, one in shown.items()} == {
            made.user(name).id: amount for name, amount in (("manager", D(100)), ("manager2", D(10)), ("head", D(1)))
        }
    assert plan_fact.of_actor(session, at=NOON) == []  # the system has no plan


def test_members_see_the_plan_of_their_team_and_change_nothing(session: Session, made: Made, ours: Any):
    everybodys(session, made, ours)
    plans = {str(one.subject_name): one for one in session.scalars(select(SalesPlan))}
    with access.acting(session, actor(session, "manager")):
        seen = {
            name: [access.allowed(session, one, each) for each in (SEE, CHANGE, DELETE)] for name, one in plans.items()
        }
        found = {one.subject_name for one in session.scalars(select(SalesPlan))}
    assert {name for name, may in seen.items() if may[0]} == found == {"Mark Manager", "north"}
    assert seen["north"] == [True, False, False]


@pytest.mark.usefixtures("ours")
def test_a_head_plans_for_his_own_teams_alone(session: Session, made: Made):
    outside = Team(name="abroad")
    session.add(outside)
    session.flush()
    with access.acting(session, actor(session, "head")):
        for about in ({"owner": "manager"}, {"team": "south"}):
            plan(session, **about)
        for about, field in (
            ({"owner": "office"}, "owner"),
            ({"team": "abroad"}, "team"),
            ({"owner": None}, "subject"),
        ):
            with pytest.raises(Refusals) as refused:
                plan(session, **about)
            assert list(refused.value.errors) == [field]
    assert len(session.scalars(select(SalesPlan)).all()) == 2


def test_nobody_takes_over_the_plan_of_somebody_else():
    assert "sales_plan" not in handover_kinds.kinds()


# --- made ahead -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ours")
def test_a_year_is_made_of_one_month(session: Session):
    first = plan(session, month=date(2026, 1, 1))
    plan(session, month=date(2026, 1, 1), metric=PlanMetric.calls, target_count=9)
    there = plan(session, month=MARCH, target_amount=D(5))
    wish = Ahead(first.month, date(2026, 2, 1), 11, D(10), grows=True)
    found = sales_plan.drafts(session, wish)
    assert [draft.target for draft in found if draft.source is first][:4] == [D(1100), D(1210), D(1331), D("1464.10")]
    assert [draft.target for draft in found if draft.source is not first][:3] == [D(10), D(11), D(12)]
    assert [draft.month for draft in found if draft.is_there] == [MARCH]
    assert sales_plan.make(session, found) == 21
    assert there.target == D(5)
    turnover = select(SalesPlan.month, SalesPlan.target_amount).where(SalesPlan.metric == PlanMetric.turnover)
    told = {row.month: row.target_amount for row in session.execute(turnover)}
    assert (len(told), told[date(2026, 12, 1)]) == (12, D("2853.12"))
    assert sales_plan.make(session, sales_plan.drafts(session, wish)) == 0


@pytest.mark.usefixtures("ours")
def test_last_years_plans_are_copied_month_by_month(session: Session):
    for month, amount in ((date(2025, 12, 1), "100"), (date(2026, 1, 1), "33.33")):
        plan(session, month=month, target_amount=D(amount))
    found = sales_plan.drafts(session, Ahead(None, date(2026, 12, 1), 2, D(-10)))
    assert [(draft.month, draft.target) for draft in found] == [
        (date(2026, 12, 1), D("90.00")),
        (date(2027, 1, 1), D("30.00")),
    ]


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Ahead(MARCH, APRIL, 0), "months"),
        (Ahead(MARCH, APRIL, 13), "months"),
        (Ahead(MARCH, APRIL, 1, D(201)), "percent"),
        (Ahead(MARCH, MARCH, 1), "first"),
    ],
)
def test_what_cannot_be_made_ahead_is_refused(session: Session, wish: Ahead, field: str):
    plan(session)
    with pytest.raises(DomainError) as refused:
        sales_plan.drafts(session, wish)
    assert refused.value.field == field


@pytest.mark.usefixtures("ours")
def test_one_plan_is_repeated_and_only_ones_own_are_made_ahead(session: Session):
    mine, _foreign = plan(session), plan(session, "office")
    with access.acting(session, actor(session, "head")):
        found = sales_plan.drafts(session, Ahead(MARCH, APRIL, 1))
        assert [draft.source for draft in found] == [mine]
        sales_plan.repeat(session, mine, months=2, percent=D(5))
        with pytest.raises(DomainError, match="There are such plans already"):
            sales_plan.repeat(session, mine, months=2)
    later = select(SalesPlan).where(SalesPlan.month > MARCH).order_by(SalesPlan.month)
    assert [(one.month, one.target) for one in session.scalars(later)] == [
        (APRIL, D(1050)),
        (date(2026, 5, 1), D("1102.50")),
    ]
