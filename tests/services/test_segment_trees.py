"""Random trees of conditions: SQL finds whom a plain evaluator finds, over random counterparties and orders."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.models.segment import Segment
from app.services import condition, party_metric
from app.services import segment as segments
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
TODAY = AT.date()
COUNTRIES = ("NL", "RU", "AM", None)
LANGUAGES = ("en", "ru", "hy", "nl")
SOURCES = ("Fair", "fair 2026", "50%_off", None)


@dataclass
class Plain:
    """A counterparty as the evaluator knows it; an order is a day, an amount, a currency, whether it counts."""

    country: str | None
    language: str
    source: str | None
    is_customer: bool
    birthday: date | None
    completeness: int | None
    counted: bool
    orders: list[tuple[date, Decimal, str, bool]] = field(default_factory=list)

    @property
    def binding(self) -> list[tuple[date, Decimal, str]]:
        return [(day, net, currency) for day, net, currency, counts in self.orders if counts]


def drawn(chance: random.Random) -> Plain:
    made = Plain(
        chance.choice(COUNTRIES),
        chance.choice(LANGUAGES),
        chance.choice(SOURCES),
        chance.random() < 0.5,
        None if chance.random() < 0.3 else date(1980, 1, 1) + timedelta(days=chance.randrange(9000)),
        None if chance.random() < 0.2 else chance.randrange(101),
        chance.random() < 0.8,
    )
    for _each in range(chance.choice((0, 0, 1, 1, 2, 5))):
        day = TODAY - timedelta(days=chance.randrange(200))
        net = Decimal(chance.randrange(1, 400)) / 4
        made.orders.append((day, net, chance.choice(("EUR", "USD")), chance.random() < 0.85))
    return made


# --- the evaluator ----------------------------------------------------------------------------------------------------

COMPARES: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "neq": lambda one, other: one != other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


def values(who: Plain) -> dict[str, Any]:
    days = sorted(day for day, _net, _currency in who.binding)
    known = who.counted
    return {
        "country": who.country,
        "language": who.language,
        "source": who.source,
        "is_customer": who.is_customer,
        "birthday": who.birthday,
        "completeness": who.completeness,
        "orders_count": len(days) if known else 0,
        "last_order_on": days[-1] if days and known else None,
    }


def holds(who: Plain, part: dict[str, Any]) -> bool:
    if "field" in part:
        return single(values(who)[part["field"]], part["is"], part["value"])
    if "has" in part:
        return has(who, part)
    (join, parts), *_rest = part.items()
    found = [holds(who, each) for each in parts]
    return {"all": all(found), "any": any(found), "none": not any(found)}[join]


def single(value: Any, operator: str, wanted: Any) -> bool:  # noqa: PLR0911 -- a way to compare each
    if operator == "empty":
        return (value is None) == (wanted == "1")
    if value is None:
        return False
    if operator in {"ct", "sw"}:
        return wanted.lower() in value.lower() if operator == "ct" else value.lower().startswith(wanted.lower())
    if operator == "in":
        return value in wanted
    if operator == "comes":
        days = [TODAY + timedelta(days=each) for each in range(int(wanted) + 1)]
        return any((value.month, value.day) == (day.month, day.day) for day in days)
    if operator in {"last", "over", "next"}:
        back = (TODAY - value).days
        return {"last": 0 <= back < int(wanted), "over": back >= int(wanted), "next": 0 <= -back < int(wanted)}[
            operator
        ]
    if isinstance(value, bool):
        return value == (wanted == "1")
    if isinstance(value, date):
        return COMPARES[operator](value, date.fromisoformat(wanted))
    return COMPARES[operator](value, int(wanted) if isinstance(value, int) else wanted)


def has(who: Plain, part: dict[str, Any]) -> bool:
    rows = who.binding
    if "days" in part:
        rows = [row for row in rows if 0 <= (TODAY - row[0]).days < part["days"]]
    if part.get("currency"):
        rows = [row for row in rows if row[2] == part["currency"]]
    for each in part.get("where", []):
        rows = [row for row in rows if COMPARES[each["is"]](row[1], Decimal(each["value"]))]
    measured: Any = sum((row[1] for row in rows), Decimal(0)) if "sum:net" in part else len(rows)
    asked = part.get("count") or part.get("sum:net") or {"is": "ge", "value": 1}
    return COMPARES[asked["is"]](measured, Decimal(asked["value"]))


# --- drawn trees ------------------------------------------------------------------------------------------------------

ORDER = st.sampled_from(("eq", "neq", "gt", "ge", "lt", "le"))
EMPTY = st.tuples(st.just("empty"), st.sampled_from(("0", "1")))
DAYS = st.integers(1, 220).map(str)


def asks(name: str, *ways: Any) -> Any:
    return st.one_of(*ways).map(lambda way: {"field": name, "is": way[0], "value": way[1]})


def either(known: tuple[Any, ...]) -> Any:
    some = [each for each in known if each is not None]
    one = st.tuples(st.sampled_from(("eq", "neq")), st.sampled_from(some))
    return st.one_of(one, st.tuples(st.just("in"), st.lists(st.sampled_from(some), min_size=1, max_size=3)))


DAY = st.dates(date(2025, 9, 1), date(2026, 4, 30)).map(date.isoformat)
SINGLE = st.one_of(
    asks("country", either(COUNTRIES), EMPTY),
    asks("language", either(LANGUAGES)),
    asks("source", st.tuples(st.sampled_from(("ct", "sw")), st.sampled_from(("fair", "%", "_", "2026", "50"))), EMPTY),
    asks("is_customer", st.tuples(st.just("eq"), st.sampled_from(("0", "1")))),
    asks("birthday", st.tuples(st.just("comes"), st.integers(0, 366).map(str)), EMPTY),
    asks("completeness", st.tuples(ORDER, st.integers(0, 100).map(str)), EMPTY),
    asks("orders_count", st.tuples(ORDER, st.integers(0, 5).map(str))),
    asks(
        "last_order_on",
        st.tuples(st.sampled_from(("last", "over", "next")), DAYS),
        st.tuples(ORDER, DAY),
        EMPTY,
    ),
)
AMOUNT = st.integers(0, 800).map(lambda quarter: str(Decimal(quarter) / 4))
COUNTED = st.fixed_dictionaries({"count": st.fixed_dictionaries({"is": ORDER, "value": st.integers(0, 5)})})
SUMMED = st.fixed_dictionaries(
    {
        "sum:net": st.fixed_dictionaries({"is": ORDER, "value": AMOUNT}),
        "currency": st.sampled_from(("EUR", "USD")),
    }
)
NET = st.fixed_dictionaries({"field": st.just("net"), "is": ORDER, "value": AMOUNT})
HAS = st.builds(
    lambda measure, days, where: {"has": "order", **measure, **days, **({"where": where} if where else {})},
    st.one_of(COUNTED, SUMMED),
    st.one_of(st.just({}), st.fixed_dictionaries({"days": st.integers(1, 220)})),
    st.lists(NET, max_size=2),
)
TREE = st.recursive(
    st.one_of(SINGLE, HAS),
    lambda inner: st.builds(
        lambda join, parts: {join: parts}, st.sampled_from(("all", "any", "none")), st.lists(inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture
def company(session: Session, made: Made) -> dict[int, Plain]:
    """Sixty counterparties with their orders; the figures of some were never counted."""
    chance = random.Random(5)
    ours = made.organisation(series=False)
    known = [drawn(chance) for _each in range(60)]
    names = ("country", "language", "source", "is_customer", "birthday", "completeness")
    for number, who in enumerate(known):
        session.add(Party(name=f"P{number:02}", **{name: getattr(who, name) for name in names}))
    session.flush()
    keys = list(session.scalars(select(Party.id).order_by(Party.name)))
    rows = [
        {"party_id": key, "organisation_id": ours.id, "ordered_on": day, "net": net, "gross": net, "currency": currency}
        | {"state": OrderState.confirmed if counts else OrderState.cancelled}
        for key, who in zip(keys, known, strict=True)
        for day, net, currency, counts in who.orders
    ]
    session.execute(insert(SaleOrder), rows)
    party_metric.count(session, [key for key, who in zip(keys, known, strict=True) if who.counted], at=AT)
    return dict(zip(keys, known, strict=True))


def test_sql_finds_whom_the_evaluator_finds(session: Session, company: dict[int, Plain]):
    sizes = set()

    @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(TREE)
    def compare(tree: dict[str, Any]) -> None:
        parsed = condition.parsed({"version": 1, "all": [tree]})
        found = set(session.scalars(segments.matching(session, parsed, at=AT)))
        assert found == {key for key, who in company.items() if holds(who, tree)}
        assert condition.parsed(condition.dumped(parsed)) == parsed
        sizes.add(len(found))

    compare()
    assert len(sizes) > 20  # not all or nothing


def test_why_agrees_with_who_is_in(session: Session, company: dict[int, Plain]):
    tree = {"any": [{"field": "country", "is": "neq", "value": "NL"}, {"has": "order", "days": 30}]}
    one = Segment(name="Ours", definition={"version": 1, "all": [tree]})
    segments.save(session, one)
    session.flush()
    within = set(session.scalars(segments.members(session, one, at=AT)))
    for key, who in company.items():
        reasons = segments.why(session, one, session.get_one(Party, key), at=AT)
        assert reasons[0].met == (key in within) == holds(who, tree)
