"""Who gets a new lead: in turn, by load, by territory or by language; nobody who is away, locked or full."""

from collections.abc import Collection, Sequence
from datetime import datetime

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models.lead import OPEN, Lead
from app.models.lead_source import Assignment, LeadReceiver, LeadSource
from app.models.team import UserProfile
from app.services import access, working_time


def assign(session: Session, source: LeadSource, lead: Lead, *, at: datetime) -> None:
    """Give a lead to the receiver whose turn it is, and its team to it; nobody's it stays where none fits.

    Whoever calls has locked the source: of many leads at once each sees the turns of those before it.
    """
    receiver = None if source.assignment is Assignment.nobody else next_one(session, source, lead, at=at)
    if receiver is not None:
        top = max(each.turn for each in source.receivers)
        turn = update(LeadReceiver).where(LeadReceiver.id == receiver.id).values(turn=top + 1)
        session.execute(turn.execution_options(synchronize_session="evaluate"))
        lead.owner_id = receiver.user_id
        lead.team_id = session.scalar(select(UserProfile.team_id).where(UserProfile.user_id == receiver.user_id))
    lead.team_id = lead.team_id or source.team_id


def next_one(session: Session, source: LeadSource, lead: Lead, *, at: datetime) -> LeadReceiver | None:
    """Return the receiver whose turn it is, None when nobody can take the lead."""
    present = _present(session, source.receivers, at=at)
    fitting = _fitting(source.assignment, present, lead)
    if not fitting:
        return None
    loads = open_of(session, {each.user_id for each in fitting})
    free = [each for each in fitting if each.most_open is None or loads.get(each.user_id, 0) < each.most_open]
    by_load = source.assignment is Assignment.least_loaded
    return min(free, key=lambda each: (loads.get(each.user_id, 0) if by_load else 0, each.turn, each.id), default=None)


def open_of(session: Session, user_ids: Collection[int]) -> dict[int, int]:
    """Return how many open leads each of some people has, over all rows."""
    counted = (
        select(Lead.owner_id, func.count())
        .where(Lead.owner_id.in_(sorted(user_ids)), Lead.state.in_(OPEN))
        .group_by(Lead.owner_id)
    )
    with access.everything(session, why="load is counted over all leads, whoever sees them"):
        return {int(owner): int(count) for owner, count in session.execute(counted) if owner is not None}


def _present(session: Session, receivers: Sequence[LeadReceiver], *, at: datetime) -> list[LeadReceiver]:
    """Return the receivers whose accounts are open and who are not away."""
    keys = [each.user_id for each in receivers]
    active = set(session.scalars(select(User.id).where(User.id.in_(keys), User.active.is_(True))).unique())
    there = active - working_time.absent(session, at.date()) if active else set()
    return [each for each in receivers if each.user_id in there]


def _fitting(rule: Assignment, receivers: list[LeadReceiver], lead: Lead) -> list[LeadReceiver]:
    """Return those whom nothing contradicts, by place or language only those who fit best.

    Of a region come before those of its country, these before those of all.
    """
    found = []
    for each in receivers:
        country, region = _rank(each.country, lead.country), _rank(each.region, lead.region)
        language = _rank(each.language, lead.language)
        if min(country, region, language) >= 0:
            found.append(
                ({Assignment.territory: country + 2 * region, Assignment.language: language}.get(rule, 0), each)
            )
    best = max((rank for rank, _each in found), default=0)
    return [each for rank, each in found if rank == best]


def _rank(wanted: str | None, given: str | None) -> int:
    """Return 1 for what fits, 0 for what fits all, -1 for what does not fit."""
    if not wanted:
        return 0
    return 1 if given and wanted.casefold() == given.casefold() else -1
