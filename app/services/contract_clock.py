"""The days of contracts: they come into force, go on, end, and remind their owners; what is owed is told when late.

All days stand in the rows, and each step changes what it looked for in the transaction of what it does: a worker that
dies has done nothing, and whoever looks again finds what is left, never the same twice.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import in_language
from app.models.activity import ActivityKind
from app.models.contract import (
    IN_FORCE,
    Contract,
    ContractObligation,
    ContractState,
    Renewal,
)
from app.models.notification import NotificationKind
from app.models.organisation import Organisation
from app.models.team import UserProfile
from app.services import access, contract_signing, export_alarm, planned
from app.services import contract as contracts
from app.services import contract_obligation as obligations
from app.services import contract_term as terms
from app.services import notification as notifications
from app.services import period as periods

PORTION = 100
_ACTIVE = Contract.state == ContractState.active


def look(session: Session, *, at: datetime, most: int = PORTION) -> int:
    """Do what the days of contracts ask for; return how many rows were touched, less than `most` at the end."""
    done = 0
    with access.everything(session, why="contracts live by their days, whoever sees them"):
        for organisation in session.scalars(select(Organisation).order_by(Organisation.id)).all():
            today = periods.today(organisation, at)
            for step in (_begin, _terminate, _end, _remind, _tell_late):
                if done < most:
                    done += step(session, organisation, today, at, most - done)
    session.flush()
    return done


def _found(session: Session, ours: Organisation, most: int, *where: ColumnElement[bool]) -> Iterator[Contract]:
    wanted = select(Contract).where(Contract.organisation_id == ours.id, *where).order_by(Contract.id).limit(most)
    yield from session.scalars(wanted.with_for_update(key_share=True)).all()


def _begin(session: Session, ours: Organisation, today: date, _at: datetime, most: int) -> int:
    due = (Contract.state == ContractState.signed, Contract.valid_from <= today)
    return sum(contract_signing.come_into_force(each, today=today) for each in _found(session, ours, most, *due))


def _terminate(session: Session, ours: Organisation, today: date, _at: datetime, most: int) -> int:
    due = (Contract.state.in_(IN_FORCE), Contract.terminated_on <= today, Contract.parent_id.is_(None))
    return _ended(session, _found(session, ours, most, *due), ContractState.terminated)


def _ended(session: Session, found: Iterator[Contract], to: ContractState) -> int:
    count = 0
    for each in found:
        contracts.end(session, each, to)
        count += 1
    session.flush()
    return count


def _end(session: Session, ours: Organisation, today: date, _at: datetime, most: int) -> int:
    """Let what has come to its last day go on by itself, or expire."""
    due = (_ACTIVE, Contract.ends_on < today, Contract.parent_id.is_(None))
    count = 0
    for each in _found(session, ours, most, *due):
        first = terms.base(session, each) if each.renewal is Renewal.automatic else None
        if first is None or each.renew_months is None or each.ends_on is None:
            contracts.end(session, each, ContractState.expired)
        else:
            day, renewals = terms.renewed(first, after=each.ends_on, until=today, months=each.renew_months)
            terms.set_end(each, day)
            each.renewals += renewals
        count += 1
    session.flush()
    return count


def _remind(session: Session, ours: Organisation, today: date, at: datetime, most: int) -> int:
    """Tell owners of contracts that end soon, and plan what is to be done about it."""
    due = (
        _ACTIVE,
        Contract.remind_on <= today,
        Contract.reminded_on.is_(None),
        Contract.terminated_on.is_(None),
        Contract.parent_id.is_(None),
    )
    count = 0
    for each in _found(session, ours, most, *due):
        each.reminded_on = today
        if each.ends_on is not None:
            _tell(session, NotificationKind.contract_ends, each, said=each.ends_on.isoformat(), at=at)
            _plan(session, each, today=today, at=at)
        count += 1
    session.flush()
    return count


def _plan(session: Session, contract: Contract, *, today: date, at: datetime) -> None:
    """Plan for the owner to decide what becomes of a contract, by the last day of notice."""
    if contract.owner_id is None:
        return
    by_day = max(terms.notice_by(contract) or today, today)
    spoken = session.scalar(select(UserProfile.language).where(UserProfile.user_id == contract.owner_id))
    with in_language(spoken or contract.organisation.language):
        day = contract.ends_on.isoformat() if contract.ends_on else ""
        if contract.renewal is Renewal.automatic:
            what = _("Contract %(number)s goes on after %(day)s unless notice is given", number=str(contract), day=day)
        else:
            what = _("Contract %(number)s ends on %(day)s: renew it or let it end", number=str(contract), day=day)
    planned.plan(
        session,
        contract,
        kind=ActivityKind.task,
        subject=what,
        due_at=at + timedelta(days=(by_day - today).days),
        is_all_day=True,
        owner_id=contract.owner_id,
        by=access.SYSTEM,
        at=at,
    )


def _tell_late(session: Session, ours: Organisation, today: date, at: datetime, most: int) -> int:
    """Tell owners what is overdue under contracts in force, each thing once."""
    late = (
        select(ContractObligation, Contract)
        .join(Contract, Contract.id == ContractObligation.contract_id)
        .where(obligations.is_late(today), ContractObligation.told_on.is_(None))
        .where(Contract.organisation_id == ours.id, Contract.state.in_(IN_FORCE))
        .order_by(ContractObligation.due_on, ContractObligation.id)
        .limit(most)
        .with_for_update(of=ContractObligation, key_share=True)
    )
    rows: list[Any] = list(session.execute(late).all())
    for obligation, contract in rows:
        obligation.told_on = today
        _tell(session, NotificationKind.obligation_late, contract, said=obligation.due_on.isoformat(), at=at)
    session.flush()
    return len(rows)


def _tell(session: Session, kind: NotificationKind, contract: Contract, *, said: str, at: datetime) -> None:
    """Tell the owner of a contract, or the heads of its team where it has none."""
    people = {contract.owner_id} if contract.owner_id is not None else export_alarm.heads(session, contract.team_id)
    if people:
        notifications.tell(session, kind, contract, people, at=at, said=said)


__all__ = ["PORTION", "look"]
