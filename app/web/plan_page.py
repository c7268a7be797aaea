"""How plans are told on pages: months in words, amounts, bars, and the lists behind each figure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from flask_babel import format_date

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.models.sales_plan import PlanMetric, PlanSubject, SalesPlan
from app.money import format_decimal, format_money
from app.services.plan_fact import Standing
from app.services.sales_plan import YEARS, month_after

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
FULL = 100
# area → what its list is filtered by, besides whose and when; {metric: (area, column of the day, further filters)}
BEHIND: dict[PlanMetric, tuple[str, str, dict[str, str]]] = {
    PlanMetric.turnover: ("invoice", "issued_on", {"flt.state.neq": "draft"}),
    PlanMetric.margin: ("invoice", "issued_on", {"flt.state.neq": "draft"}),
    PlanMetric.payments: ("payment", "paid_on", {"flt.state.eq": "recorded"}),
    PlanMetric.new_clients: ("party", "client_since", {}),
    PlanMetric.calls: ("activity", "done_at", {"flt.kind.eq": "call", "flt.state.eq": "done"}),
}


@dataclass(frozen=True)
class Group:
    """The plans of one person, team or the company, under one heading."""

    name: str
    subject: PlanSubject
    rows: list[Standing]


def month_of(text: str, today: date) -> date:
    """Return the first day of a month that is written as 2026-11; DomainError at "month" for anything else."""
    if not text.strip():
        return today.replace(day=1)
    found = MONTH.fullmatch(text.strip())
    if found is None or not YEARS[0] <= int(found[1]) <= YEARS[1]:
        raise DomainError(_("Write a month as %(example)s", example=f"{today:%Y-%m}"), field="month")
    return date(int(found[1]), int(found[2]), 1)


def told_month(month: date) -> str:
    """Return a month in words, as it stands alone."""
    return str(format_date(month, "LLLL y"))


def told(amount: Decimal | None, currency: str | None) -> str:
    """Return money, or a number, as the reader writes it; nothing where nobody knows."""
    if amount is None:
        return ""
    return format_money(amount, currency, language()) if currency else format_decimal(amount, language())


def title_of(plan: SalesPlan) -> str:
    """Return what a plan is called."""
    return f"{label_of(plan.metric)}: {whose(plan)}, {told_month(plan.month)}"


def whose(plan: SalesPlan) -> str:
    """Return whose plan it is."""
    return plan.subject_name or label_of(plan.subject)


def bar(percent: int | None) -> int:
    """Return how long a bar is, of a hundred."""
    return min(FULL, max(0, percent or 0))


def groups(found: Sequence[Standing]) -> list[Group]:
    """Return plans under headings, in their order."""
    made: dict[tuple[str, int], Group] = {}
    for one in found:
        key = (one.plan.subject.value, one.plan.owner_id or one.plan.team_id or 0)
        made.setdefault(key, Group(whose(one.plan), one.plan.subject, [])).rows.append(one)
    return list(made.values())


def behind(one: Standing, may_see: Callable[[str], bool]) -> str:
    """Return the list of the records behind a fact, nothing where the reader does not see such or no list shows it."""
    area, column, more = BEHIND[one.plan.metric]
    if one.fact is None or not may_see(area):
        return ""
    parts = one.category_ids
    of = {} if parts is None else {"flt.category.in": ",".join(str(key) for key in sorted(parts))}
    return _list(area, _days(column, one.plan.month) | more | of | _of(one))


def deals_of(one: Standing, may_see: Callable[[str], bool]) -> str:
    """Return the list of the open deals that promise something, nothing where the reader does not see deals."""
    if one.promised is None or not may_see("deal"):
        return ""
    more = {"flt.state.eq": "open", "flt.currency.eq": one.plan.currency or ""}
    return _list("deal", _days("expected_on", one.plan.month) | more | _of(one))


def _days(column: str, month: date) -> dict[str, str]:
    return {f"flt.{column}.ge": month.isoformat(), f"flt.{column}.lt": month_after(month, 1).isoformat()}


def _of(one: Standing) -> dict[str, str]:
    if one.plan.subject is PlanSubject.person:
        return {"flt.owner.eq": str(one.plan.owner_id)}
    if one.team_ids is not None:
        return {"flt.team.in": ",".join(str(key) for key in sorted(one.team_ids))}
    return {}


def _list(area: str, asked: dict[str, str]) -> str:
    return f"/{area}/list/?{urlencode(asked, safe=',')}"
