"""Plan against fact: the plans of a month that the actor sees, what was reached of each, and what the month may bring.

Who sees a plan sees its figures: his own and his team's, a head those of the teams below him. Figures of margin need
the right to margins of invoices besides. The forecast of the running month is what was reached so far, divided by the
working days that are gone (today is one of them) and multiplied by those of the month: of a person by his own schedule,
else by the company's. Beside it stands what open deals promise that are expected to close in the month, weighted by
their chances, in the plan's currency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app import money
from app.models.invoice import Invoice
from app.models.sales_plan import PlanMetric, PlanSubject, SalesPlan
from app.models.team import Team, subtree
from app.services import access, field_right, product_category, sales_fact, working_time
from app.services.sales_fact import Facts, Whose
from app.services.sales_plan import month_after

LOADED = (joinedload(SalesPlan.owner), joinedload(SalesPlan.team), joinedload(SalesPlan.category))
ORDER = {subject: at for at, subject in enumerate((PlanSubject.company, PlanSubject.team, PlanSubject.person))}
METRICS = {metric: at for at, metric in enumerate(PlanMetric)}
HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Standing:
    """One plan and how far it is.

    `fact` is None where its figures are not for the reader; `forecast` is of the running month alone. `team_ids` are
    the teams that a team's plan counts, `category_ids` the categories that one by category counts. `unknown` is the
    number of invoices without a known cost, which a margin leaves out.
    """

    plan: SalesPlan
    fact: Decimal | None
    forecast: Decimal | None = None
    promised: Decimal | None = None
    unknown: int = 0
    team_ids: frozenset[int] | None = None
    category_ids: frozenset[int] | None = None

    @property
    def percent(self) -> int | None:
        """Return how much of the plan is reached, in whole percent, never rounded up to what is not reached."""
        return None if self.fact is None else part(self.fact, self.plan.target)

    @property
    def forecast_percent(self) -> int | None:
        """Return how much of the plan the month may reach."""
        return None if self.forecast is None else part(self.forecast, self.plan.target)


@dataclass(frozen=True)
class Total:
    """What all the people shown are to reach together, and have reached, of one metric in one currency."""

    metric: PlanMetric
    currency: str | None
    target: Decimal
    fact: Decimal
    forecast: Decimal | None
    people: int

    @property
    def percent(self) -> int:
        """Return how much of it is reached, in whole percent."""
        return part(self.fact, self.target)


def part(amount: Decimal, whole: Decimal) -> int:
    """Return an amount as a share of another, in whole percent, cut."""
    with money.exact():
        return int((amount * HUNDRED / whole).to_integral_value(ROUND_FLOOR))


def today(session: Session, *, at: datetime) -> date:
    """Return the day that it is where months begin and end."""
    return at.astimezone(sales_fact.zone(session)).date()


def of_month(session: Session, month: date, *, at: datetime, within: ZoneInfo | None = None) -> list[Standing]:
    """Return every plan of a month that the actor sees: the company's, teams', people's.

    Whoever has asked for the time zone of months already gives it.
    """
    asked = select(SalesPlan).where(SalesPlan.month == month).options(*LOADED)
    found = list(session.execute(asked).scalars())
    return standings(session, found, month, at=at, within=within or sales_fact.zone(session))


def of_actor(session: Session, *, at: datetime) -> list[Standing]:
    """Return the actor's own plans of the running month; one statement where he has none."""
    mine = access.required(session).user_id
    if mine is None:
        return []
    near = {(at + timedelta(days=days)).date().replace(day=1) for days in (-1, 0, 1)}  # whatever the time zone
    asked = select(SalesPlan).where(SalesPlan.owner_id == mine, SalesPlan.month.in_(sorted(near))).options(*LOADED)
    found = list(session.execute(asked).scalars())
    if not found:
        return []
    within = sales_fact.zone(session)
    month = at.astimezone(within).date().replace(day=1)
    return standings(session, [plan for plan in found if plan.month == month], month, at=at, within=within)


def by_person(session: Session, *, at: datetime) -> dict[int, Standing]:
    """Return of everybody whose plans the actor sees the first one of this month: turnover where it is planned."""
    within = sales_fact.zone(session)
    month = at.astimezone(within).date().replace(day=1)
    asked = select(SalesPlan).where(
        SalesPlan.month == month, SalesPlan.subject == PlanSubject.person, SalesPlan.category_id.is_(None)
    )
    found: dict[int, Standing] = {}
    plans = list(session.execute(asked.options(*LOADED)).scalars())
    for one in standings(session, plans, month, at=at, within=within):
        if one.fact is not None and one.plan.owner_id is not None:
            found.setdefault(one.plan.owner_id, one)
    return found


def standings(
    session: Session, plans: Sequence[SalesPlan], month: date, *, at: datetime, within: ZoneInfo
) -> list[Standing]:
    """Return how far some plans of a month are, in their order; no statement without a plan."""
    if not plans:
        return []
    now = at.astimezone(within).date()
    is_running, is_open = now.replace(day=1) == month, month >= now.replace(day=1)
    hides = "margin" in field_right.hidden(session, Invoice)
    shown = [plan for plan in plans if plan.metric is not PlanMetric.margin or not hides]
    asked = {(plan.metric, plan.category_id is not None) for plan in shown}
    facts = sales_fact.gather(session, month, asked=asked, within=within, is_open=is_open)
    has_team = any(plan.subject is PlanSubject.team for plan in plans)
    teams = session.execute(select(Team.id, Team.parent_id)).all() if has_team else []
    above = product_category.parents(session) if any(plan.category_id for plan in plans) else {}
    days = _days(session, plans, month, now) if is_running else {}
    found = []
    for plan in sorted(plans, key=_place):
        if plan not in shown:
            found.append(Standing(plan, None))
            continue
        is_team = plan.subject is PlanSubject.team and plan.team_id is not None
        team_ids = frozenset(subtree(teams, {plan.team_id or 0})) if is_team else None
        parts = _parts(plan.category_id, above)
        owner_id = plan.owner_id if plan.subject is PlanSubject.person else None
        whose = Whose(owner_id, team_ids, parts, plan.currency)
        found.append(_standing(plan, facts, whose, days.get(owner_id), is_open=is_open))
    return found


def _standing(plan: SalesPlan, facts: Facts, whose: Whose, days: tuple[int, int] | None, *, is_open: bool) -> Standing:
    fact = whose.total(facts.pieces[plan.metric, plan.category_id is not None])
    promised = None
    if is_open and plan.metric is PlanMetric.turnover and plan.category_id is None:
        promised = whose.total(facts.promised)
    unknown = 0
    if plan.metric is PlanMetric.margin and plan.category_id is None:
        unknown = sum(int(piece.amount) for piece in facts.unknown if whose.has(piece))
    forecast = _forecast(fact, days, plan.currency) if days is not None else None
    return Standing(plan, fact, forecast, promised, unknown, whose.team_ids, whose.category_ids)


def _place(plan: SalesPlan) -> tuple[int, str, str, int]:
    category = str(plan.category) if plan.category is not None else ""
    return ORDER[plan.subject], plan.subject_name.casefold(), category, METRICS[plan.metric]


def _parts(category_id: int | None, above: dict[int, int | None]) -> frozenset[int] | None:
    """Return a category and all its parts."""
    if category_id is None:
        return None
    return frozenset(key for key in above if category_id in product_category.chain(key, above))


# --- forecast ---------------------------------------------------------------------------------------------------------


def _days(session: Session, plans: Sequence[SalesPlan], month: date, now: date) -> dict[int | None, tuple[int, int]]:
    """Return by person, None for the company, how many working days are gone, today included, and are in the month."""
    people = {plan.owner_id if plan.subject is PlanSubject.person else None for plan in plans}
    length = (month_after(month, 1) - month).days
    found = {}
    for user_id, calendar in working_time.load_all(session, people).items():
        working = [day for ahead in range(length) if calendar.hours(day := month + timedelta(days=ahead))]
        found[user_id] = (sum(day <= now for day in working), len(working))
    return found


def _forecast(fact: Decimal, days: tuple[int, int], currency: str | None) -> Decimal | None:
    """Return what a month comes to at the pace so far; None before its first working day is there."""
    gone, whole = days
    if not gone:
        return None
    with money.exact():
        exact = fact * whole / gone
    return money.quantize(exact, currency) if currency is not None else exact.quantize(Decimal(1))


# --- together ---------------------------------------------------------------------------------------------------------


def totals(found: Sequence[Standing]) -> list[Total]:
    """Return what people have reached together, by metric and currency, wherever two or more of them have a plan."""
    groups: dict[tuple[PlanMetric, str | None], list[Standing]] = {}
    for one in found:
        if one.plan.subject is PlanSubject.person and one.plan.category_id is None and one.fact is not None:
            groups.setdefault((one.plan.metric, one.plan.currency), []).append(one)
    told = []
    for (metric, currency), some in sorted(groups.items(), key=lambda each: (METRICS[each[0][0]], each[0][1] or "")):
        if len(some) > 1:
            forecasts = [one.forecast for one in some if one.forecast is not None]
            target, fact = _sum([one.plan.target for one in some]), _sum([one.fact or Decimal(0) for one in some])
            whole = _sum(forecasts) if len(forecasts) == len(some) else None
            told.append(Total(metric, currency, target, fact, whole, len(some)))
    return told


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
