"""What the people of the demo company are to reach: plans of the last three months and of this one."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo.team import EAST, NORTH, SALES, People
from app.models.organisation import Organisation
from app.models.sales_plan import PlanMetric, PlanSubject, SalesPlan
from app.services import sales_fact, sales_plan
from app.services.sales_fact import Whose
from app.services.sales_plan import month_after

SELLERS = ("manager", "manager2", "head")
ROUND, LEAST = Decimal(250), Decimal(1_000)
AMOUNTS = (PlanMetric.turnover, PlanMetric.payments)
# What is asked of each month, of what was reached in it: people fall short of some plans and beat others.
ASKED = (Decimal("1.10"), Decimal("0.94"), Decimal("1.22"), Decimal("1.45"))
COUNTS = {PlanMetric.new_clients: {"manager": 3, "manager2": 2}, PlanMetric.calls: {"manager": 12, "manager2": 10}}


def ensure(session: Session, *, people: People, today: date) -> int:
    """Make the plans that are missing from what was usual, and return how many were made."""
    first = month_after(today.replace(day=1), 1 - len(ASKED))
    if session.scalar(select(SalesPlan.id).limit(1)) is not None:
        return 0
    currency = session.scalar(select(Organisation.currency).order_by(Organisation.id).limit(1)) or "EUR"
    made = 0
    for ahead, factor in enumerate(ASKED):
        month = month_after(first, ahead)
        for (metric, subject, key), amount in _reached(session, month, people, currency).items():
            asked = max(LEAST, (amount * factor / ROUND).quantize(Decimal(1), rounding=ROUND_HALF_UP) * ROUND)
            whose = {"owner_id": key} if subject is PlanSubject.person else {"team_id": key or None}
            about = {"month": month, "metric": metric, "subject": subject, "currency": currency, **whose}
            made += _save(session, SalesPlan(target_amount=asked, **about))
        for metric, counts in COUNTS.items():
            for username, count in counts.items():
                about = {"month": month, "metric": metric, "owner_id": people.ids[username]}
                made += _save(session, SalesPlan(target_count=count + ahead, subject=PlanSubject.person, **about))
    return made


def _save(session: Session, plan: SalesPlan) -> int:
    sales_plan.save(session, plan)
    session.flush()
    return 1


def _reached(
    session: Session, month: date, people: People, currency: str
) -> dict[tuple[PlanMetric, PlanSubject, int], Decimal]:
    """Return what each person, team and the company reached in a month."""
    asked = [(metric, False) for metric in AMOUNTS]
    found = sales_fact.gather(session, month, asked=asked, within=sales_fact.zone(session), is_open=False)
    teams = {name: people.teams[name] for name in (SALES, NORTH, EAST)}
    whose: dict[tuple[PlanSubject, int], Whose] = {
        (PlanSubject.person, people.ids[name]): Whose(owner_id=people.ids[name], currency=currency) for name in SELLERS
    }
    for name, key in teams.items():
        below = frozenset(teams.values()) if name == SALES else frozenset({key})
        whose[PlanSubject.team, key] = Whose(team_ids=below, currency=currency)
    whose[PlanSubject.company, 0] = Whose(currency=currency)
    return {
        (metric, subject, key): who.total(found.pieces[metric, False])
        for metric in AMOUNTS
        for (subject, key), who in whose.items()
        if metric is PlanMetric.turnover or subject is PlanSubject.person
    }
