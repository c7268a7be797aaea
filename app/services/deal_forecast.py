"""What open deals may bring: by month of their expected close and by currency, whole and weighted by their chances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app import money
from app.models.deal import Deal
from app.models.pipeline import Stage, StageType

ZERO = Decimal(0)


@dataclass(frozen=True)
class Outlook:
    """What deals of one month and currency may bring; `month` is its first day, None for deals without a day.

    `best` is what all of them come to, `weighted` what their chances make of it.
    """

    month: date | None
    currency: str
    count: int
    best: Decimal
    weighted: Decimal


def outlook(session: Session, where: Sequence[ColumnElement[bool]] = ()) -> list[Outlook]:
    """Return the outlook of the actor's open deals: months in their order, deals without a day last."""
    asked = (
        select(Deal.expected_on, Deal.currency, Stage.probability, func.count(Deal.id), func.sum(Deal.amount))
        .join(Stage, Stage.id == Deal.stage_id)
        .where(Deal.state == StageType.open, *where)
        .group_by(Deal.expected_on, Deal.currency, Stage.probability)
    )
    found: dict[tuple[date | None, str], list[Decimal]] = {}
    for day, currency, chance, count, amount in session.execute(asked):
        month = day.replace(day=1) if day is not None else None
        sums = found.setdefault((month, currency), [ZERO, ZERO, ZERO])
        with money.exact():
            sums[0] += count
            sums[1] += amount or ZERO
            sums[2] += (amount or ZERO) * chance / 100
    told = [
        Outlook(month, currency, int(count), best, money.quantize(weighted, currency))
        for (month, currency), (count, best, weighted) in found.items()
    ]
    return sorted(told, key=lambda one: (one.month is None, one.month or date.min, one.currency))
