"""Cohorts of repeat purchase: of the clients who first ordered in one month or quarter, how many ordered in each later.

Clients are those that the reader sees, and all their confirmed orders count, as in the figures beside a counterparty.
Cohorts lie in the period, what they ordered is followed up to today.
"""

from datetime import date
from typing import Any

from sqlalchemy import Integer, cast, extract, func, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.sale_order import SaleOrder
from app.services import report_frame as frame
from app.services.report_frame import (
    PERSON,
    TEAM,
    Asked,
    Asks,
    Behind,
    Column,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)
from app.services.report_period import DAY, MONTHS, next_of, start_of
from app.services.report_rfm import NOT_ORDERED, ORDERS

PERIOD = Parameter("period", _l("First order in"), Asks.period, usual="last_12_months")
GRAIN = Parameter(
    "grain", _l("Grain"), Asks.choice, usual="month", choices=(("month", _l("Month")), ("quarter", _l("Quarter")))
)
MEASURE = Parameter(
    "measure",
    _l("Figures"),
    Asks.choice,
    usual="percent",
    choices=(("percent", _l("Share of the cohort")), ("clients", _l("Number of clients"))),
)
MOST = 24  # later parts that are shown


def find(session: Session, asked: Asked) -> Result:
    """Return the cohorts; one statement."""
    size, span = MONTHS[asked["grain"]], asked["period"]
    is_percent = asked["measure"] == "percent"
    found = _read(session, asked, size)
    now = _number(asked.today, size)
    most = min(MOST, max((later for counts in found.values() for later in counts), default=0))
    heads = (
        Column("cohort", _l("First order in"), Kind.day, grain=asked["grain"]),
        Column("clients", _l("Clients"), Kind.number, is_summed=True),
        *(
            Column(f"later{at}", f"+{at}", Kind.percent if is_percent else Kind.number, is_summed=not is_percent)
            for at in range(1, most + 1)
        ),
    )
    rows = []
    for start in span.starts(asked["grain"]):
        at = _number(start, size)
        counts = found.get(at)
        if counts is None:
            continue
        values: list[Any] = []
        for later in range(1, most + 1):
            count = counts.get(later, 0)
            is_over = at + later <= now
            values.append((frame.share(count, counts[0]) if is_percent else count) if is_over else None)
        last = next_of(start, asked["grain"]) - DAY
        days = (("first_order_on.ge", start.isoformat()), ("first_order_on.le", last.isoformat()))
        rows.append(Row((start, counts[0], *values), behind={"clients": Behind("party", (*days, *frame.whose(asked)))}))
    notes = [_("The running part of time is not over yet: its figures still grow.")] if rows else []
    return frame.result(heads, rows, notes=notes)


def _number(day: date, months: int) -> int:
    """Return the number of the month or quarter that a day lies in."""
    start = start_of(day, "month")
    return (start.year * 12 + start.month - 1) // months


def _read(session: Session, asked: Asked, size: int) -> dict[int, dict[int, int]]:
    """Return how many clients of each cohort ordered in its first part of time and in each later one."""
    months = extract("year", ORDERS.ordered_on) * 12 + extract("month", ORDERS.ordered_on) - 1
    part = (cast(months, Integer) // size).label("part")
    ordered = (
        select(ORDERS.party_id, part)
        .select_from(Party)
        .join(SaleOrder.__table__, ORDERS.party_id == Party.id)
        .where(ORDERS.state.not_in(NOT_ORDERED), ORDERS.ordered_on <= asked.today, *frame.cut(session, asked, Party))
        .distinct()
        .subquery()
    )
    first = func.min(ordered.c.part).over(partition_by=ordered.c.party_id).label("first")
    each = select(ordered.c.part, first).subquery()
    least, most = (_number(day, size) for day in (asked["period"].first, asked["period"].last))
    found: dict[int, dict[int, int]] = {}
    counted = select(each.c.first, each.c.part, func.count()).where(each.c.first.between(least, most))
    for begun, at, count in session.execute(counted.group_by(each.c.first, each.c.part)):
        found.setdefault(begun, {})[at - begun] = count
    return found


REPORT = Report(
    "cohorts",
    Group.clients,
    _l("Repeat purchase"),
    _l("Of the clients who first ordered in a month, how many ordered again in each month after it."),
    ("order", "party"),
    (PERIOD, GRAIN, MEASURE, TEAM, PERSON),
    find,
)
