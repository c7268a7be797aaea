"""What each side of a contract owes, by which day: noted, done, and done again every few months."""

from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.contract import IN_FORCE, MONTHS, Contract, ContractObligation, ContractState, Rhythm, Side
from app.services import period as periods
from app.services.access import Actor
from app.services.text import is_blank, line

MOST = 200
_OVER = frozenset({ContractState.expired, ContractState.terminated, ContractState.cancelled})


def owe(
    session: Session,
    contract: Contract,
    *,
    text: str,
    side: Side,
    due_on: date,
    repeats: Rhythm | None = None,
) -> None:
    """Note what a side owes by a day, once or every few months.

    Raises DomainError at the field that is wrong, and for a contract that is over.
    """
    refuse_over(contract)
    told = line(text or "", limit=250, field="text")
    if is_blank(told):
        raise DomainError(_("Say what is owed"), field="text")
    if len(contract.obligations) >= MOST:
        raise DomainError(_("At most %(most)s obligations are possible", most=MOST), field="text")
    every = MONTHS[repeats] if repeats is not None else None
    contract.obligations.append(ContractObligation(text=told, side=side, due_on=due_on, every_months=every))
    session.flush()


def fulfil(
    session: Session,
    contract: Contract,
    *,
    obligation: int,
    by: Actor,
    at: datetime,
    on: date | None = None,
) -> None:
    """Note that something is done; what repeats is due again, as long as the contract holds."""
    owed = _own(contract, obligation)
    if owed.done_on is not None:
        raise DomainError(_("This is done already"), field="obligation")
    today = periods.today(contract.organisation, at)
    if on is not None and on > today:
        raise DomainError(_("The date cannot be after today, %(day)s", day=today.isoformat()), field="on")
    owed.done_on, owed.done_by_id = on or today, by.user_id
    again = _again(contract, owed)
    if again is not None:
        contract.obligations.append(again)
    session.flush()


def _again(contract: Contract, done: ContractObligation) -> ContractObligation | None:
    """Return what is due next. Days are counted from the first row's day, which the last day of a month keeps."""
    if done.every_months is None or contract.state in _OVER:
        return None
    same = [each for each in contract.obligations if _is_same(each, done)]
    first = min(each.due_on for each in same)
    due = first + relativedelta(months=done.every_months * len(same))
    last = contract.ends_on or contract.valid_until
    if last is not None and due > last:
        return None
    return ContractObligation(text=done.text, side=done.side, due_on=due, every_months=done.every_months)


def _is_same(one: ContractObligation, other: ContractObligation) -> bool:
    return (one.text, one.side, one.every_months) == (other.text, other.side, other.every_months)


def reopen(session: Session, contract: Contract, *, obligation: int) -> None:
    """Note that something was not done after all; what was made of it as the next one goes away."""
    owed = _own(contract, obligation)
    if owed.done_on is None:
        raise DomainError(_("This is not done yet"), field="obligation")
    later = [each for each in contract.obligations if _is_same(each, owed) and each.due_on > owed.due_on]
    if any(each.done_on is not None for each in later):
        raise DomainError(_("A later one is done already"), field="obligation")
    if owed.every_months is not None:
        contract.obligations = [each for each in contract.obligations if each not in later]
    owed.done_on = owed.done_by_id = None
    session.flush()


def drop(session: Session, contract: Contract, *, obligation: int) -> None:
    """Take something away that is not owed. Raises DomainError for what was done."""
    owed = _own(contract, obligation)
    if owed.done_on is not None:
        raise DomainError(_("What was done stays"), field="obligation")
    contract.obligations = [each for each in contract.obligations if each is not owed]
    session.flush()


def refuse_over(contract: Contract) -> None:
    """Raise DomainError when nothing can be owed under a contract any more."""
    if contract.state in _OVER:
        raise DomainError(_("This contract is over"), field="state")


def _own(contract: Contract, key: int) -> ContractObligation:
    """Return what is owed under this contract; that of another one is not there."""
    found = next((each for each in contract.obligations if each.id == key), None)
    if found is None:
        raise DomainError(_("This contract has no such obligation"), field="obligation")
    return found


def is_late(today: date) -> ColumnElement[bool]:
    """Return the condition that something was to be done on a day that is over."""
    return and_(ContractObligation.done_on.is_(None), ContractObligation.due_on < today)


def with_late(today: date) -> ColumnElement[bool]:
    """Return the condition that something of a contract in force is overdue."""
    late = exists().where(ContractObligation.contract_id == Contract.id, is_late(today))
    return and_(Contract.state.in_(IN_FORCE), late)
