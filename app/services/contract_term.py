"""Until when a contract holds: its last day after renewals and amendments, and when somebody is reminded of it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from app.models.contract import BINDING, IN_FORCE, Contract, ContractState
from app.services import access

SOON = timedelta(days=60)


@dataclass(frozen=True)
class Effective:
    """What holds of a contract now: `by` is the last amendment in force, None without one."""

    amount: Decimal | None
    ends_on: date | None
    terms: str | None
    by: Contract | None


def amendments(contract: Contract) -> Select[Contract]:
    """Return the amendments of a contract in their order."""
    return select(Contract).where(Contract.parent_id == contract.id).order_by(Contract.amendment)


def effective(session: Session, contract: Contract) -> Effective:
    """Return what holds of a contract now: what an amendment leaves open stays as it was before."""
    with access.everything(session, why="what holds of a contract does not depend on who asks"):
        found = session.scalars(amendments(contract)).all()
    amount, terms, last = contract.amount, contract.terms, None
    for each in found:
        if each.state in BINDING and each.state is not ContractState.signed:
            amount = each.amount if each.amount is not None else amount
            terms, last = each.terms or terms, each
    return Effective(amount, contract.ends_on or contract.valid_until, terms, last)


def base(session: Session, contract: Contract) -> date | None:
    """Return the day from which renewals are counted: the last day that both have signed."""
    with access.everything(session, why="what holds of a contract does not depend on who asks"):
        found = session.scalars(amendments(contract)).all()
    signed = [each.valid_until for each in found if each.state in BINDING and each.valid_until is not None]
    return signed[-1] if signed else contract.valid_until


def renewed(first: date, *, after: date, until: date, months: int) -> tuple[date, int]:
    """Return the first last day from a day on, and by how many renewals it lies behind the one that is over.

    Days are counted from the first last day, so that the 31st stays the 31st where a month has one.
    """
    count, renewals, day = 0, 0, first
    while day < until:
        count += 1
        day = first + relativedelta(months=count * months)
        renewals += day > after
    return day, renewals


def ending(today: date) -> ColumnElement[bool]:
    """Return the condition that a contract in force ends within 60 days."""
    return and_(
        Contract.state.in_(IN_FORCE), Contract.parent_id.is_(None), Contract.ends_on.between(today, today + SOON)
    )


def set_end(contract: Contract, day: date | None) -> None:
    """Set the last day of a contract, and when its owner is reminded of it."""
    contract.ends_on, contract.reminded_on = day, None
    contract.remind_on = (
        day - timedelta(days=contract.notice_days + contract.reminder_days) if day is not None else None
    )


def notice_by(contract: Contract) -> date | None:
    """Return the last day on which notice may be given."""
    return contract.ends_on - timedelta(days=contract.notice_days) if contract.ends_on is not None else None
