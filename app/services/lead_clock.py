"""The clock of a lead: until when somebody answers, in working time, and who is told when nobody does.

`look` runs every few seconds. Each telling is one guarded UPDATE in the transaction that writes the notification:
what a killed worker has not committed is told by the next one, and nothing twice.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.models.activity import Activity, ActivityKind, ActivityState, Direction
from app.models.lead import OPEN, Lead
from app.models.notification import NotificationKind
from app.services import access, export_alarm, working_time
from app.services import notification as notifications

MOST = 100  # leads in one round
TALKS = (ActivityKind.call, ActivityKind.meeting, ActivityKind.letter, ActivityKind.message)
EARLY = 2, 3  # who owns a lead is reminded after two thirds of the time


def start(session: Session, lead: Lead, *, norm: int | None) -> None:
    """Wind a lead's clock up: it has been waiting since it arrived."""
    if not norm:
        lead.respond_by = lead.remind_at = None
        return
    part, whole = EARLY
    hours = working_time.load(session)
    lead.respond_by = hours.add(lead.received_at, norm)
    lead.remind_at = hours.add(lead.received_at, max(norm * part // whole, 1))


def respond(session: Session, lead: Lead, *, at: datetime) -> None:
    """Note the first answer, and after how much working time it came; later ones change nothing."""
    if lead.responded_at is None:
        minutes = max(working_time.between(session, lead.received_at, at), 0)
        lead.responded_at, lead.response_minutes = at, minutes


def look(session: Session, *, at: datetime) -> int:
    """Note answers that were given, remind owners, and tell heads; return how many leads were touched."""
    with access.everything(session, why="nobody is forgotten, whoever may see the lead"):
        answered = answer(session)
        session.flush()
        return answered + _remind(session, at=at) + _escalate(session, at=at)


def answer(session: Session) -> int:
    """Note the first thing that went out about a lead as its answer."""
    out = (Activity.entity == Lead.__stem__, Activity.record_id == Lead.id, *_went_out())
    waiting = select(Lead).where(Lead.responded_at.is_(None), Lead.respond_by.is_not(None), exists().where(*out))
    found = list(session.scalars(waiting.limit(MOST)))
    for lead in found:
        first = select(func.min(Activity.done_at)).where(
            Activity.entity == Lead.__stem__, Activity.record_id == lead.id, *_went_out()
        )
        if (when := session.scalar(first)) is not None:
            respond(session, lead, at=when)
    return len(found)


def _went_out() -> tuple[ColumnElement[bool], ...]:
    """Return what makes an activity an answer: we spoke to them, and nothing says that it was they who called."""
    return (
        Activity.kind.in_(TALKS),
        or_(Activity.direction.is_(None), Activity.direction == Direction.outgoing),
        Activity.state == ActivityState.done,
        Activity.done_at.is_not(None),
    )


def _remind(session: Session, *, at: datetime) -> int:
    due = _due(Lead.remind_at <= at, Lead.reminded_at.is_(None))
    found = [lead for lead in session.scalars(due) if _mine(session, lead, "reminded_at", at=at)]
    hours = working_time.load(session) if found else None
    for lead in found:
        if hours is not None and lead.owner_id is not None and lead.respond_by is not None and lead.respond_by > at:
            left = hours.between(at, lead.respond_by)
            _tell(session, NotificationKind.lead_waits, lead, {lead.owner_id}, minutes=left, at=at)
    return len(found)


def _escalate(session: Session, *, at: datetime) -> int:
    due = _due(Lead.respond_by <= at, Lead.escalated_at.is_(None))
    found = [lead for lead in session.scalars(due) if _mine(session, lead, "escalated_at", at=at)]
    for lead in found:
        waited = working_time.between(session, lead.received_at, at)
        told: set[int] = set()
        for people in (export_alarm.heads(session, lead.team_id), export_alarm.administrators(session)):
            told = told or set(_tell(session, NotificationKind.lead_late, lead, people, minutes=waited, at=at))
        if lead.owner_id is not None and lead.owner_id not in told:
            _tell(session, NotificationKind.lead_late, lead, {lead.owner_id}, minutes=waited, at=at)
    return len(found)


def _due(*where: ColumnElement[bool]) -> Any:  # noqa: ANN401
    waiting = (Lead.responded_at.is_(None), Lead.respond_by.is_not(None), Lead.state.in_(OPEN))
    return select(Lead).where(*where, *waiting).order_by(Lead.respond_by).limit(MOST)


def _mine(session: Session, lead: Lead, name: str, *, at: datetime) -> bool:
    """Take a telling for oneself; False when somebody else has it."""
    column = getattr(Lead, name)
    taken = update(Lead).where(Lead.id == lead.id, column.is_(None), Lead.responded_at.is_(None)).values({name: at})
    done = session.execute(taken.execution_options(synchronize_session=False))
    if done.rowcount == 1:  # type: ignore[attr-defined]
        session.expire(lead, [name])
        return True
    return False


def _tell(
    session: Session, kind: NotificationKind, lead: Lead, people: set[int], *, minutes: int, at: datetime
) -> list[int]:
    return notifications.tell(session, kind, lead, people, at=at, said=str(minutes)) if people else []
