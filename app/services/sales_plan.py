"""Sales plans: what they obey when they are stored, and plans made ahead from others."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import money
from app.columns import Amount
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.sales_plan import BY_CATEGORY, MONEY, PlanMetric, PlanSubject, SalesPlan
from app.models.team import Team, UserProfile
from app.roles import CHANGE
from app.services import access
from app.services.collected import Collected

MOST_MONTHS = 12
MOST_COUNT = 1_000_000
YEARS = (1970, 2199)
HUNDRED = Decimal(100)
PERCENT = (Decimal(-90), Decimal(200))
Slot = tuple[date, PlanMetric, str]


def save(session: Session, plan: SalesPlan) -> None:
    """Bring a plan into its normal form and add it to the session; what its subject or metric does not need is dropped.

    Raises Refusals at the fields: for whom the actor may not plan, a target that is none, a plan that there is already.
    """
    with session.no_autoflush:
        found = Collected()
        plan.subject, plan.metric = plan.subject or PlanSubject.person, plan.metric or PlanMetric.turnover
        month: date | None = plan.month
        if month is None:
            found.refuse("month", _("This field is required"))
        elif not YEARS[0] <= month.year <= YEARS[1]:
            found.refuse("month", _("Years from %(least)s to %(most)s are possible", least=YEARS[0], most=YEARS[1]))
        else:
            plan.month = month.replace(day=1)
        _whose(session, plan, found)
        if (plan.category or plan.category_id) and plan.metric not in BY_CATEGORY:
            found.refuse("category", _("Only turnover and margin are planned by category"))
        _target(session, plan, found)
        found.settle()
        if any(slot == slot_of(plan) and key != plan.id for slot, key in taken(session, {plan.month}).items()):
            raise DomainError(_("There is such a plan already"), field="month")
        session.add(plan)


def _whose(session: Session, plan: SalesPlan, found: Collected) -> None:
    """Set owner and team as the subject asks for."""
    owner = plan.owner or (session.get(User, plan.owner_id) if plan.owner_id else None)
    team = plan.team or (session.get(Team, plan.team_id) if plan.team_id else None)
    if plan.subject is PlanSubject.person:
        team = _team_of(session, owner)
    else:
        owner = None
    if plan.subject is PlanSubject.company:
        team = None
    _give(plan, owner, team)
    if plan.subject is PlanSubject.person and owner is None:
        found.refuse("owner", _("This field is required"))
    elif plan.subject is PlanSubject.team and team is None:
        found.refuse("team", _("This field is required"))
    elif not access.allowed(session, plan, CHANGE):
        texts = {
            PlanSubject.person: ("owner", _("Choose somebody of your own teams")),
            PlanSubject.team: ("team", _("Choose one of your own teams")),
            PlanSubject.company: ("subject", _("Only somebody who sees everything plans for the whole company")),
        }
        found.refuse(*texts[plan.subject])


def _give(plan: SalesPlan, owner: User | None, team: Team | None) -> None:
    plan.owner, plan.team = owner, team
    plan.owner_id, plan.team_id = owner.id if owner else None, team.id if team else None


def _team_of(session: Session, owner: User | None) -> Team | None:
    if owner is None:
        return None
    asked = select(Team).join(UserProfile, UserProfile.team_id == Team.id).where(UserProfile.user_id == owner.id)
    return session.execute(asked).scalar_one_or_none()


def _target(session: Session, plan: SalesPlan, found: Collected) -> None:
    """Judge what is to be reached: money in the currency of a company of ours, or a whole number."""
    if plan.metric not in MONEY:
        plan.target_amount = plan.currency = None
        if plan.target_count is None:
            found.refuse("target_count", _("This field is required"))
        elif not 0 < plan.target_count <= MOST_COUNT:
            found.refuse("target_count", _("From 1 to %(most)s are possible", most=MOST_COUNT))
        return
    plan.target_count = None
    ours = currencies(session)
    plan.currency = (plan.currency or "").strip().upper() or next(iter(ours), None)
    amount = plan.target_amount
    if plan.currency not in ours:
        text = _("Choose a currency of your own companies: %(codes)s", codes=", ".join(ours))
        found.refuse("currency", text)
    if amount is None:
        found.refuse("target_amount", _("This field is required"))
    elif amount <= 0:
        found.refuse("target_amount", _("This must be above zero"))
    elif plan.currency in ours:
        currency = str(plan.currency)
        plan.target_amount = found.take("target_amount", lambda: money.on_grid(Amount().fit(amount), currency))


def currencies(session: Session) -> list[str]:
    """Return the currencies of our own companies, that of the first one first."""
    found = session.execute(select(Organisation.currency).order_by(Organisation.id)).scalars()
    return list(dict.fromkeys(found))


def slot_of(plan: SalesPlan) -> Slot:
    """Return what there is one plan of: the database derives the same."""
    whose = {
        PlanSubject.person: f"person {plan.owner_id}",
        PlanSubject.team: f"team {plan.team_id}",
        PlanSubject.company: "company",
    }[plan.subject]
    category = plan.category.id if plan.category is not None else plan.category_id
    return plan.month, plan.metric, f"{whose} {category or 0} {plan.currency or ''}"


def taken(session: Session, months: Collection[date]) -> dict[Slot, int]:
    """Return the plans of some months by what there is one of, with their keys; one statement."""
    asked = select(SalesPlan.month, SalesPlan.metric, SalesPlan.slot, SalesPlan.id)
    with access.everything(session, why="one plan of a kind, whoever sees it"):
        rows = session.execute(asked.where(SalesPlan.month.in_(sorted(months)))).all()
    return {(row.month, row.metric, row.slot): row.id for row in rows}


# --- made ahead -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ahead:
    """What plans are made from, and for when.

    Made from those of the month `of`, or of the same months of the year before, for `months` months from `first` on.
    `percent` more, or less, is planned; with `grows` again in each further month.
    """

    of: date | None
    first: date
    months: int = 1
    percent: Decimal = Decimal(0)
    grows: bool = False

    @property
    def pairs(self) -> list[tuple[date, date]]:
        """Return the months that are made, each with the one that it is made from."""
        made = [month_after(self.first, ahead) for ahead in range(self.months)]
        return [(each, self.of or month_after(each, -12)) for each in made]


@dataclass(frozen=True)
class Draft:
    """A plan that would be made from another; `is_there` says that there is one already, which stays as it is."""

    source: SalesPlan
    month: date
    target: Decimal
    is_there: bool


def month_after(month: date, ahead: int) -> date:
    """Return the first day of the month so many months after another."""
    year, at = divmod(month.year * 12 + month.month - 1 + ahead, 12)
    return date(year, at + 1, 1)


def drafts(session: Session, wish: Ahead, *, among: Sequence[SalesPlan] | None = None) -> list[Draft]:
    """Return the plans that a wish would make, by month, of those that the actor may write; two statements.

    `among` are the plans to make them from where it is not all of their month.
    Raises DomainError at "months", "percent" or "of" for what cannot be made.
    """
    if not 1 <= wish.months <= MOST_MONTHS:
        raise DomainError(_("From 1 to %(most)s months are possible", most=MOST_MONTHS), field="months")
    if not PERCENT[0] <= wish.percent <= PERCENT[1]:
        text = _("From %(least)s to %(most)s percent are possible", least=PERCENT[0], most=PERCENT[1])
        raise DomainError(text, field="percent")
    pairs = wish.pairs
    if any(made == source for made, source in pairs):
        raise DomainError(_("A month cannot be made from itself"), field="first")
    sources = list(among) if among is not None else _plans(session, {source for _made, source in pairs})
    mine = [plan for plan in sources if access.allowed(session, plan, CHANGE)]
    there = taken(session, {made for made, _source in pairs})
    found = []
    for at, (made, source) in enumerate(pairs):
        for plan in mine:
            if plan.month == source:
                _month, metric, slot = slot_of(plan)
                times = at + 1 if wish.grows else 1
                found.append(Draft(plan, made, _changed(plan, wish.percent, times), (made, metric, slot) in there))
    return found


def _plans(session: Session, months: Iterable[date]) -> list[SalesPlan]:
    asked = select(SalesPlan).where(SalesPlan.month.in_(sorted(months))).order_by(SalesPlan.month, SalesPlan.id)
    return list(session.execute(asked).scalars())


def _changed(plan: SalesPlan, percent: Decimal, times: int) -> Decimal:
    """Return a target with so many percent more, so many times over; a count stays whole and above zero."""
    with money.exact():
        exact = plan.target * (1 + percent / HUNDRED) ** times
    if plan.currency is not None:
        return max(money.quantize(exact, plan.currency), money.step(plan.currency))
    return max(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP), Decimal(1))


def make(session: Session, found: Iterable[Draft]) -> int:
    """Store the drafts whose place is free and return how many there were."""
    count = 0
    for draft in found:
        if draft.is_there:
            continue
        names = ("subject", "metric", "owner", "team", "owner_id", "team_id", "category", "category_id", "currency")
        values: dict[str, Any] = {name: getattr(draft.source, name) for name in names}
        is_money = draft.source.metric in MONEY
        values |= {"target_amount": draft.target} if is_money else {"target_count": int(draft.target)}
        plan = SalesPlan(month=draft.month, **values)
        save(session, plan)
        session.flush()
        count += 1
    return count


def repeat(session: Session, plan: SalesPlan, *, months: int, percent: Decimal | None = None) -> None:
    """Make the same plan for the months after its own, with so many percent more in each further one."""
    wish = Ahead(plan.month, month_after(plan.month, 1), months, percent or Decimal(0), grows=True)
    if not make(session, drafts(session, wish, among=[plan])):
        raise DomainError(_("There are such plans already"), field="months")
