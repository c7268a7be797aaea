"""Whom the occasions of a rule come to and when: one statement for each kind, asked alike by plan, letter and forecast.

Shape of a found row: party_id, `slot` (what tells occasions of one counterparty apart), `fact` (the day or moment that
the database knows: of birth, of the order), `record_id` of what it is about, `place` by which occasions are in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, String, case, cast, exists, func, literal, null, select
from sqlalchemy.orm import Session, aliased

from app.columns import Key
from app.i18n import LANGUAGES
from app.models.contact_rule import ContactRule, Occasion
from app.models.contract import IN_FORCE, Contract, ContractState, Renewal
from app.models.delivery import Delivery, DeliveryKind, DeliveryState
from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.models.work_schedule import CompanyHoliday
from app.services import segment as segments
from app.services import working_time

# What one must be allowed to see to be told for whom such an occasion comes.
AREAS = {
    Occasion.birthday: "party.personal",
    Occasion.holiday: "party",
    Occasion.one_order: "order",
    Occasion.after_order: "order",
    Occasion.after_delivery: "delivery",
    Occasion.contract_end: "contract",
}
# Which noun `record_id` is a key of; the others are about the counterparty itself.
RECORDS: Mapping[Occasion, type[Any]] = {
    Occasion.one_order: SaleOrder,
    Occasion.after_order: SaleOrder,
    Occasion.after_delivery: Delivery,
    Occasion.contract_end: Contract,
}
# For so many days after its day a letter still makes sense: a greeting on the day alone.
PATIENCE = {Occasion.birthday: 0, Occasion.holiday: 0}
USUAL_PATIENCE = 3
_UNBINDING = (OrderState.draft, OrderState.cancelled)
_DAY = timedelta(days=1)
_FEBRUARY_28, _FEBRUARY_29 = 228, 229


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days of occasions, the first and the last included."""

    first: date
    last: date

    def days(self) -> list[date]:
        """Return each of them."""
        return [self.first + at * _DAY for at in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, kw_only=True)
class Found:
    """One occasion of one counterparty: its day, and the day on which it is written to."""

    party_id: int
    slot: str
    record_id: int | None
    happens_on: date
    writes_on: date


def of(
    session: Session, rule: ContactRule, *, first: date, last: date, at: datetime, in_segment: bool = True
) -> Select[Any]:
    """Return the statement of the occasions for which a rule writes from one day to another, both included.

    It finds those whom the session's actor sees, and nobody who is archived, merged into another or erased.
    """
    shift = timedelta(days=rule.days)
    found = _FINDERS[rule.occasion](session, rule, Span(first=first - shift, last=last - shift))
    found = found.where(Party.merged_into_id.is_(None), Party.anonymised_at.is_(None), Party.archived_at.is_(None))
    if in_segment and rule.segment is not None:
        found = found.where(Party.id.in_(segments.members(session, rule.segment, at=at)))
    return found


def read(rule: ContactRule, row: Any) -> Found:  # noqa: ANN401 -- a row of the statement above
    """Return a row as what it says."""
    day = row.fact
    if rule.occasion is Occasion.birthday:
        day = anniversary(row.fact, int(row.slot.rpartition(" ")[2]))
    elif rule.occasion is Occasion.after_delivery:
        day = row.fact.astimezone(_zone(rule)).date()
    return Found(
        party_id=row.party_id,
        slot=row.slot,
        record_id=row.record_id,
        happens_on=day,
        writes_on=day + timedelta(days=rule.days),
    )


def anniversary(born: date, year: int) -> date:
    """Return a birthday in a year; who was born on 29 February has it on the 28th where there is none."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def due_at(rule: ContactRule, day: date) -> datetime:
    """Return when a rule writes on a day: at its hour where our company is."""
    return datetime.combine(day, time(rule.hour), _zone(rule)).astimezone(ZoneInfo("UTC"))


def today(rule: ContactRule, *, at: datetime) -> date:
    """Return which day it is where a rule's company is."""
    return at.astimezone(_zone(rule)).date()


def is_over(rule: ContactRule, day: date, *, on: date) -> bool:
    """Say whether it is too late for the letter of a day, or the day lies before the rule was in use."""
    return day < rule.since or on > day + timedelta(days=PATIENCE.get(rule.occasion, USUAL_PATIENCE))


def _zone(rule: ContactRule) -> ZoneInfo:
    return ZoneInfo(rule.organisation.time_zone)


# --- one statement for each kind --------------------------------------------------------------------------------------


def _rows(slot: ColumnElement[Any], fact: Any, record_id: Any = None, place: Any = None) -> Select[Any]:  # noqa: ANN401
    return select(
        Party.id.label("party_id"),
        slot.label("slot"),
        fact.label("fact"),
        cast(null() if record_id is None else record_id, Key).label("record_id"),
        (fact if place is None else place).label("place"),
    )


def _birthdays(_session: Session, _rule: ContactRule, span: Span) -> Select[Any]:
    years: dict[int, int] = {}
    places: dict[int, int] = {}
    for at, day in enumerate(span.days()):
        number = day.month * 100 + day.day
        of_day = [number]
        if number == _FEBRUARY_28 and (day + _DAY).day == 1:
            of_day.append(_FEBRUARY_29)
        for each in of_day:
            years.setdefault(each, day.year)
            places.setdefault(each, at)
    number_of = sa.extract("month", Party.birthday) * 100 + sa.extract("day", Party.birthday)
    year = case(years, value=number_of, else_=0)
    place = case(places, value=number_of, else_=len(places))
    slot = literal("birthday ", String).concat(cast(year, String))
    is_born = sa.extract("year", Party.birthday) < year
    return _rows(slot, Party.birthday, place=place).where(
        Party.birthday.is_not(None), number_of.in_(list(years)), is_born
    )


def _holidays(session: Session, rule: ContactRule, span: Span) -> Select[Any]:
    day = next((day for day in _days_of(session, rule, span) if span.first <= day <= span.last), None)
    slot = f"{day.year if day is not None else ''} {rule.holiday}"
    found = _rows(literal(slot, String), literal(day, sa.Date()), place=Party.id)
    return found.where(Party.country == rule.country, sa.true() if day is not None else sa.false())


def _days_of(session: Session, rule: ContactRule, span: Span) -> list[date]:
    """Return the first day of the rule's holiday in each year that the days touch."""
    years = range(span.first.year, span.last.year + 1)
    found = []
    for year in years:
        named = holidays_of(session, rule.country or "", year)
        found += [min(days) for name, days in named.items() if name == rule.holiday]
    return found


def holidays_of(session: Session, country: str, year: int) -> dict[str, list[date]]:
    """Return the public holidays of a country in a year, and the days that the company itself has noted, by name."""
    named: dict[str, list[date]] = {}
    for day, names in working_time.public_holidays(country, None, year).items():
        for name in names.split("; "):
            named.setdefault(name, []).append(day)
    own = select(CompanyHoliday).where(
        CompanyHoliday.held_on.between(date(year, 1, 1), date(year, 12, 31)),
        CompanyHoliday.is_working.is_(False),
        sa.or_(CompanyHoliday.country == country, CompanyHoliday.country.is_(None)),
    )
    for one in session.scalars(own.order_by(CompanyHoliday.held_on)):
        named.setdefault(one.name, []).append(one.held_on)
    return named


def holiday_called(session: Session, country: str, typed: str, *, on: date) -> str | None:
    """Return the English name of a holiday that is called so in one of our languages or the country's own."""
    wanted = " ".join(typed.split()).casefold()
    for year in (on.year, on.year + 1):
        english = {day: name for name, days in holidays_of(session, country, year).items() for day in days}
        for name in english.values():
            if name.casefold() == wanted:
                return name
        for code in (*LANGUAGES, country.lower()):
            for day, names in working_time.public_holidays(country, None, year, code).items():
                if wanted in {each.casefold() for each in names.split("; ")}:
                    return english.get(day)
    return None


def _binding(rule: ContactRule, span: Span) -> list[ColumnElement[bool]]:
    return [
        SaleOrder.organisation_id == rule.organisation_id,
        SaleOrder.ordered_on.between(span.first, span.last),
        SaleOrder.state.not_in(_UNBINDING),
        SaleOrder.returns.is_(False),
    ]


def _after_order(_session: Session, rule: ContactRule, span: Span) -> Select[Any]:
    slot = literal("order ", String).concat(cast(SaleOrder.id, String))
    found = _rows(slot, SaleOrder.ordered_on, SaleOrder.id).join(SaleOrder, SaleOrder.party_id == Party.id)
    return found.where(*_binding(rule, span))


def _one_order(_session: Session, rule: ContactRule, span: Span) -> Select[Any]:
    other = aliased(SaleOrder)
    again = exists().where(
        other.party_id == Party.id,
        other.id != SaleOrder.id,
        other.state.not_in(_UNBINDING),
        other.returns.is_(False),
    )
    found = _rows(literal("one order", String), SaleOrder.ordered_on, SaleOrder.id)
    return found.join(SaleOrder, SaleOrder.party_id == Party.id).where(*_binding(rule, span), ~again)


def _after_delivery(_session: Session, rule: ContactRule, span: Span) -> Select[Any]:
    begins = datetime.combine(span.first, time(), _zone(rule))
    ends = datetime.combine(span.last + _DAY, time(), _zone(rule))
    slot = literal("delivery ", String).concat(cast(Delivery.id, String))
    found = _rows(slot, Delivery.delivered_at, Delivery.id).join(Delivery, Delivery.party_id == Party.id)
    return found.where(
        Delivery.organisation_id == rule.organisation_id,
        Delivery.delivered_at >= begins,
        Delivery.delivered_at < ends,
        Delivery.state == DeliveryState.delivered,
        Delivery.kind == DeliveryKind.out,
    )


def _contract_end(_session: Session, rule: ContactRule, span: Span) -> Select[Any]:
    day = func.coalesce(cast(Contract.ends_on, String), "")
    slot = literal("contract ", String).concat(cast(Contract.id, String)).concat(" ").concat(day)
    found = _rows(slot, Contract.ends_on, Contract.id).join(Contract, Contract.party_id == Party.id)
    return found.where(
        Contract.organisation_id == rule.organisation_id,
        Contract.ends_on.between(span.first, span.last),
        Contract.state.in_([*sorted(IN_FORCE), ContractState.expired]),
        Contract.renewal != Renewal.automatic,
        Contract.terminated_on.is_(None),
        Contract.parent_id.is_(None),
    )


_FINDERS: Mapping[Occasion, Callable[[Session, ContactRule, Span], Select[Any]]] = {
    Occasion.birthday: _birthdays,
    Occasion.holiday: _holidays,
    Occasion.one_order: _one_order,
    Occasion.after_order: _after_order,
    Occasion.after_delivery: _after_delivery,
    Occasion.contract_end: _contract_end,
}
