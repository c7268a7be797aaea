"""Deals that nobody has touched for longer than their stage's norm of working time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from app.models.deal import Deal
from app.models.pipeline import Stage, StageType
from app.services import working_time
from app.services.working_time import Calendar

FURTHEST = timedelta(days=3_660)  # a schedule without hours would be walked for ever


def since(calendar: Calendar, now: datetime, minutes: int) -> datetime:
    """Return the latest moment from which so many minutes of working time have passed until now.

    So a norm of many deals is looked at once: what was touched at or before that moment is over it.
    """
    left, day = timedelta(minutes=minutes), now.astimezone(calendar.zone).date() + timedelta(days=1)
    last = (now - FURTHEST).date()
    while day > last:
        for begin, end in reversed(calendar.spans(day)):
            passed = min(end, now) - begin
            if passed <= timedelta():
                continue
            if passed >= left:
                return (min(end, now) - left).astimezone(UTC)
            left -= passed
        day -= timedelta(days=1)
    return now - FURTHEST


def may_rot(stage: Stage, deal: Deal, *, now: datetime) -> bool:
    """Say whether a deal could be over its stage's norm: working time passes no faster than time does."""
    return stage.norm_minutes is not None and now - deal.last_touch_at >= timedelta(minutes=stage.norm_minutes)


def limits(session: Session, stages: Iterable[Stage], *, now: datetime) -> dict[int, datetime]:
    """Return by stage the moment before which its deals were touched too long ago; none without a norm."""
    normed = {stage.id: stage.norm_minutes for stage in stages if stage.norm_minutes and stage.type is StageType.open}
    if not normed:
        return {}
    calendar = working_time.load(session)
    known = {minutes: since(calendar, now, minutes) for minutes in set(normed.values())}
    return {key: known[minutes] for key, minutes in normed.items()}


def rotting(session: Session, *, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a deal is open and was not touched for longer than its stage's norm."""
    wanted = select(Stage).where(Stage.type == StageType.open, Stage.norm_minutes.is_not(None)).order_by(Stage.id)
    found = limits(session, session.scalars(wanted).unique(), now=now)
    overdue = [and_(Deal.stage_id == key, Deal.last_touch_at <= moment) for key, moment in found.items()]
    return and_(Deal.state == StageType.open, or_(*overdue)) if overdue else false()
