"""Reports on cases made by hand: currencies, past days, re-entries, what is refused, and who is let in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotAllowed, Refusals
from app.models.lost_reason import LostReason
from app.models.pipeline import Stage, StageType
from app.roles import EXPORT, SEE, Reach, Scope
from app.services import access, allocation, balance, deal_step, invoice_credit, report, report_asked
from app.services import invoice as invoices
from app.services import report_period as periods
from app.services.access import SYSTEM, Actor
from app.services.allocation import When
from app.services.report_best import classes
from app.services.report_frame import Result, median
from app.services.report_period import Span
from tests.factories import Made
from tests.report_world import ZONE, actor

D = Decimal
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def ask(session: Session, key: str, as_: Actor | str | None = None, action: str = SEE, **given: Any) -> Result:
    one = report.REPORTS[key]
    texts = {name.rstrip("_"): str(value) for name, value in given.items()}
    asked = report_asked.read(one, texts, at=NOON, zone=ZONE, action=action)
    who = SYSTEM if as_ is None else actor(session, as_) if isinstance(as_, str) else as_
    with access.acting(session, who):
        return report.run(session, one, asked=asked)


def owned(made: Made, name: str) -> dict[str, Any]:
    person = made.user(name)
    return {"owner_id": person.id, "team_id": person.profile.team_id}


def rows(found: Result) -> list[tuple[Any, ...]]:
    return [(row.currency, *row.cells) for row in found.rows]


# --- periods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("this_month", date(2024, 2, 1), date(2024, 2, 29)),
        ("last_month", date(2024, 1, 1), date(2024, 1, 31)),
        ("this_quarter", date(2024, 1, 1), date(2024, 3, 31)),
        ("last_quarter", date(2023, 10, 1), date(2023, 12, 31)),
        ("this_year", date(2024, 1, 1), date(2024, 12, 31)),
        ("last_year", date(2023, 1, 1), date(2023, 12, 31)),
        ("last_12_months", date(2023, 3, 1), date(2024, 2, 29)),
        ("last_30_days", date(2024, 1, 31), date(2024, 2, 29)),
    ],
)
def test_named_periods(name: str, first: date, last: date):
    assert periods.named(name, date(2024, 2, 29)) == Span(first, last)


def test_what_a_period_is_compared_with():
    february = Span(date(2024, 2, 1), date(2024, 2, 29))
    assert periods.before(february).span == Span(date(2024, 1, 1), date(2024, 1, 31))
    assert periods.before(february).moved(date(2024, 1, 31)) == date(2024, 2, 29)
    assert periods.year_ago(february).span == Span(date(2023, 2, 1), date(2023, 2, 28))
    odd = Span(date(2026, 3, 10), date(2026, 3, 16))
    assert periods.before(odd).span == Span(date(2026, 3, 3), date(2026, 3, 9))
    assert periods.before(odd).moved(date(2026, 3, 3)) == date(2026, 3, 10)
    assert periods.year_ago(odd).span == Span(date(2025, 3, 10), date(2025, 3, 16))
    assert periods.year_ago(Span(date(2025, 2, 1), date(2025, 2, 28))).span.last == date(2024, 2, 29)
    quarter = Span(date(2026, 1, 15), date(2026, 4, 2))
    assert [*quarter.starts("quarter")] == [date(2026, 1, 1), date(2026, 4, 1)]
    assert quarter.part(date(2026, 4, 1), "quarter") == Span(date(2026, 4, 1), date(2026, 4, 2))


def test_medians_and_classes():
    assert [median({}), median({7: 1}), median({1: 2, 5: 1}), median({1: 1, 4: 1}), median({9: 3, 2: 3})] == [
        None,
        D(7),
        D(1),
        D("2.5"),
        D("5.5"),
    ]
    assert [name for _running, name in classes([D(80), D(15), D(5), D(-3)], 80, 95)] == ["A", "B", "C", "C"]
    assert classes([D(50), D(50)], 80, 95) == [(D("50.0"), "A"), (D("100.0"), "A")]
    assert classes([D(0)], 80, 95) == [(None, "C")]


# --- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "given", "fields"),
    [
        ("sales", {"period": "soon"}, ["period"]),
        ("sales", {"period": "own"}, ["from"]),
        ("sales", {"from_": "2026-02-30", "to": "2026-03-01"}, ["from"]),
        ("sales", {"from_": "2026-03-02", "to": "2026-03-01"}, ["to"]),
        ("sales", {"from_": "1500-01-01", "to": "2026-03-01"}, ["from"]),
        ("sales", {"by": "owner_id", "team": "1; DROP", "person": "٣"}, ["by", "team", "person"]),
        ("sales", {"organisation": "9" * 30}, ["organisation"]),
        ("best", {"a": "0", "b": "x"}, ["a", "b"]),
        ("open_items", {"on": "yesterday"}, ["on"]),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_field(
    session: Session, key: str, given: dict[str, str], fields: list[str]
):
    with pytest.raises(Refusals) as refused:
        ask(session, key, **given)
    assert list(refused.value.errors) == fields


def test_the_address_says_what_is_not_usual():
    given = {"period": "this_year", "by": "team", "grain": "month", "from": "2026-01-01", "x": "y", "team": ""}
    asked = report_asked.read(report.REPORTS["sales"], given, at=NOON, zone=ZONE)
    assert asked.given == {"by": "team"}
    own = {"from": "2026-01-01", "to": "2026-01-31"}
    asked = report_asked.read(report.REPORTS["sales"], own, at=NOON, zone=ZONE)
    assert asked.given == {"period": "own"} | own
    late = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)  # July has begun in Amsterdam
    asked = report_asked.read(report.REPORTS["open_items"], {}, at=late, zone=ZONE)
    assert (asked.today, asked["on"]) == (date(2026, 7, 1), date(2026, 7, 1))


def test_a_report_asks_for_the_rights_to_what_it_is_made_of(session: Session):
    offered = {}
    for name in ("manager", "marketer", "support", "warehouse"):
        with access.acting(session, actor(session, name)):
            offered[name] = {one.key for one in report.offered(session)}
    deals = {"funnel", "outcome", "response"}
    assert offered == {"manager": {*report.REPORTS}, "marketer": deals, "support": set(), "warehouse": set()}
    for name, key, right in (("marketer", "sales", "invoice.see"), ("support", "sales", "report.see")):
        with pytest.raises(NotAllowed) as refused:
            ask(session, key, name)
        assert refused.value.right == right
    with pytest.raises(NotAllowed) as refused:
        ask(session, "sales", "manager", EXPORT)
    assert refused.value.right == "report.export"


# --- sales and tax ----------------------------------------------------------------------------------------------------


@pytest.fixture
def foreign(session: Session, made: Made) -> Iterator[Any]:
    """Documents in two currencies of two people, one of them credited in part of its amount's worth."""
    ours, buyer = made.organisation(), made.buyer(owner="manager")
    about = {"party": buyer, "organisation": ours}
    in_dollars = about | {"currency": "USD", "exchange_rate": D("0.9137")}
    made.issued(("3", "33.33"), on=date(2026, 5, 3), **in_dollars, **owned(made, "manager"))
    made.issued(("1", "0.01"), on=date(2026, 5, 4), **in_dollars, **owned(made, "manager"))
    first = made.issued(("1", "10.00"), on=date(2026, 6, 1), **about, **owned(made, "manager2"))
    note = invoice_credit.credit(session, first, reason="Broken")
    invoices.issue(session, note, at=NOON)
    made.issued(("2", "50.00"), on=date(2026, 6, 2), **about, **owned(made, "manager2"))
    made.issued(("2", "40.00"), on=date(2025, 6, 2), **about, **owned(made, "manager2"))
    return ours


@pytest.mark.usefixtures("foreign")
def test_currencies_are_converted_at_the_documents_rate_or_kept_apart(session: Session):
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    found = ask(session, "sales", from_="2026-05-01", to="2026-06-30")
    # 99.99 and 0.01 dollars at 0.9137 are 91.370000 euros together, rounded once
    assert rows(found) == [("EUR", may, 2, D("91.37"), D("47.7")), ("EUR", june, 3, D("100.00"), D("52.3"))]
    apart = ask(session, "sales", from_="2026-05-01", to="2026-06-30", money="written")
    assert [(row.currency, row.cells[2]) for row in apart.totals] == [("EUR", D("100.00")), ("USD", D("100.00"))]
    shown = [(row.currency, row.cells[1:3]) for row in apart.rows if row.cells[1]]
    assert shown == [("EUR", (3, D("100.00"))), ("USD", (2, D("100.00")))]
    compared = ask(session, "sales", by="person", compared="year")
    assert rows(compared) == [
        ("EUR", "Maria Manager", 3, D("100.00"), D("52.3"), D("80.00"), D("20.00"), D("25.0")),
        ("EUR", "Mark Manager", 2, D("91.37"), D("47.7"), D("0.00"), D("91.37"), None),
    ]
    assert [row.cells[1:3] for row in ask(session, "sales", "manager").totals] == [(2, D("91.37"))]
    assert [row.cells[1:3] for row in ask(session, "sales", "head").totals] == [(5, D("191.37"))]


def test_the_sales_book_is_in_the_companys_currency(session: Session, foreign: Any):
    found = ask(session, "tax", from_="2026-05-01", to="2026-06-30")
    # by document: 99.99 × 0.9137 = 91.36, 0.01 × 0.9137 = 0.01; tax of 21.00 dollars is 19.19 euros
    assert rows(found) == [("EUR", foreign.name, "S", D(21), 5, D("191.37"), D("40.19"), D("231.56"))]
    book = ask(session, "tax", from_="2026-05-01", to="2026-06-30", by="document")
    assert [row[9:11] for row in rows(book)] == [
        (D("91.36"), D("19.19")),
        (D("0.01"), D("0.00")),
        (D("10.00"), D("2.10")),
        (D("100.00"), D("21.00")),
        (D("-10.00"), D("-2.10")),
    ]


@pytest.mark.usefixtures("foreign")
def test_what_leaves_is_cut_to_what_one_may_export(session: Session):
    head = actor(session, "head")
    narrow = Actor(
        head.user_id,
        head.name,
        Scope.all,
        head.roles,
        reaches=frozenset(
            {
                (area, action, Reach(Scope.own if action == EXPORT else Scope.all))
                for area in ("report", "invoice", "party")
                for action in (SEE, EXPORT)
            }
        ),
    )
    assert ask(session, "sales", narrow).totals[0].cells[2] == D("191.37")
    assert ask(session, "sales", narrow, EXPORT).rows == []


# --- open items -------------------------------------------------------------------------------------------------------


def test_open_items_are_those_of_the_day(session: Session, made: Made):
    ours, buyer = made.organisation(), made.buyer("Tulp")
    about = {"party": buyer, "organisation": ours}
    bill = made.issued(("1", "100.00"), on=date(2026, 3, 31), **about)
    paid = made.payment("150.00", on=date(2026, 4, 10), **about)
    when = When(at=NOON, on=date(2026, 4, 20), by=SYSTEM)
    row = allocation.allocate(session, paid, bill, amount=D("121.00"), when=when)
    allocation.reverse(session, row, when=When(at=NOON, on=date(2026, 5, 5), by=SYSTEM))
    session.flush()

    def told(on: date) -> tuple[Any, ...]:
        found = ask(session, "open_items", on=on)
        listed = [(each.cells[0], each.cells[7]) for each in ask(session, "open_items", on=on, by="document").rows]
        assert sum((rest for _name, rest in listed), D(0)) == balance.of_party(session, buyer, on=on).get("EUR", D(0))
        return tuple(each.cells[1:] for each in found.rows)

    zero, gross = D("0.00"), D("121.00")
    assert bill.due_on == date(2026, 3, 31)
    assert told(date(2026, 2, 28)) == ()
    assert told(date(2026, 3, 31)) == ((gross, zero, zero, zero, zero, gross, zero, gross),)
    assert told(date(2026, 4, 1)) == ((zero, gross, zero, zero, zero, gross, zero, gross),)
    assert told(date(2026, 4, 10)) == ((zero, gross, zero, zero, zero, gross, D("150.00"), D("-29.00")),)
    assert told(date(2026, 4, 20)) == ((zero, zero, zero, zero, zero, zero, D("29.00"), D("-29.00")),)
    assert told(date(2026, 5, 4)) == told(date(2026, 4, 20))
    assert told(date(2026, 5, 5)) == ((zero, zero, gross, zero, zero, gross, D("150.00"), D("-29.00")),)
    assert told(date(2026, 6, 30)) == ((zero, zero, zero, zero, gross, gross, D("150.00"), D("-29.00")),)


# --- funnel -----------------------------------------------------------------------------------------------------------


def test_a_funnel_counts_those_who_come_again_once(session: Session, made: Made):
    pipeline = made.pipeline()
    new, offer, talks, won, lost = pipeline.stages
    reason = LostReason(name="Too dear")
    session.add(reason)
    session.flush()
    begin = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def go(deal: Any, *steps: Stage) -> None:
        for at, stage in enumerate(steps, 1):
            when = begin + timedelta(days=at)
            if stage.type is StageType.lost:
                deal_step.lose(session, deal, reason=reason, note="Price", by=SYSTEM, at=when)
            else:
                deal_step.move(session, deal, stage, by=SYSTEM, at=when)

    go(made.deal("Back and forth", at=begin, amount=D(10)), offer, new, offer, talks, won)
    go(made.deal("Skips", at=begin, amount=D(20)), talks, lost)
    go(made.deal("Lost at once", at=begin), lost)
    made.deal("Stands", at=begin)
    go(made.deal("Foreign", at=begin, owner="manager2"), offer)
    made.deal("Before", at=datetime(2026, 2, 28, 22, 59, tzinfo=UTC))
    made.organisation()  # days are those of Amsterdam from here on
    given = {"from_": "2026-03-01", "to": "2026-03-31"}
    told = [row.cells[:8] for row in ask(session, "funnel", **given).rows]
    assert told == [
        # as far as, of all, of the stage before, were in it, came again, stand, lost from it
        ("New", 5, D("100.0"), None, 5, 1, 1, 1),
        ("Offer", 3, D("60.0"), D("60.0"), 2, 1, 1, 0),
        ("Talks", 2, D("40.0"), D("66.7"), 2, 0, 0, 1),
        ("Won", 1, D("20.0"), D("50.0"), 1, 0, 1, None),
        ("Lost", 2, D("40.0"), None, 2, 0, 2, None),
    ]
    mine = [row.cells[1] for row in ask(session, "funnel", "manager", **given).rows]
    assert mine == [4, 2, 2, 1, 2]
    # five stays in New: of the first deal twice a day, and one day each of the others; nine working hours a day
    assert ask(session, "funnel", **given).rows[0].cells[8] == D("540.0")
    ended = ask(session, "outcome", **given)
    assert rows(ended) == [
        ("EUR", "Won", 1, D("33.3"), D("10.00"), D("33.3"), 0),
        ("EUR", "Lost: Too dear", 2, D("66.7"), D("20.00"), D("66.7"), 1),
    ]
    assert session.scalars(select(Stage.name).where(Stage.id == new.id)).one() == "New"
    assert (lost.type, won.type) == (StageType.lost, StageType.won)
