"""Secret addresses of calendars: one per person, shown once, void as soon as he says so or his account is locked.

Only the hash of an address is kept. Who has the address reads what its owner does and takes part in, and nothing else.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_appbuilder.security.sqla.models import Group, User
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, joinedload

from app.models.activity import Activity, ActivityKind, ActivityState, Participant
from app.models.calendar_feed import CalendarFeed
from app.models.team import UserProfile
from app.services import access
from app.services.access import Actor

BYTES = 32
LONGEST = 100
BEFORE, AFTER = timedelta(days=60), timedelta(days=400)
MOST = 1_000
READ_EVERY = timedelta(minutes=1)  # so often it is noted that an address was read


@dataclass(frozen=True)
class Owner:
    """Whose calendar it is, as whom it is read, and in which language and time zone."""

    actor: Actor
    name: str
    language: str
    time_zone: str


def make(session: Session, user_id: int, *, at: datetime) -> str:
    """Make somebody's secret address anew and return its secret part; the one before is void."""
    token = secrets.token_urlsafe(BYTES)
    revoke(session, user_id)
    session.add(CalendarFeed(user_id=user_id, token_sha256=_digest(token), made_at=at))
    session.flush()
    return token


def revoke(session: Session, user_id: int) -> None:
    """Make somebody's address void."""
    session.execute(delete(CalendarFeed).where(CalendarFeed.user_id == user_id))


def of(session: Session, user_id: int) -> CalendarFeed | None:
    """Return what is known of somebody's address, None when he has none."""
    return session.scalars(select(CalendarFeed).where(CalendarFeed.user_id == user_id)).first()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def owner_of(session: Session, token: str) -> Owner | None:
    """Return whose address it is; None for an unknown one, a locked account, and who may not see activities."""
    if not 0 < len(token) <= LONGEST or not token.isascii():
        return None
    asked = (
        select(User)
        .join(CalendarFeed, CalendarFeed.user_id == User.id)
        .where(CalendarFeed.token_sha256 == _digest(token), User.active.is_(True))
        .options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles))
    )
    user = session.execute(asked).unique().scalar_one_or_none()
    if user is None:
        return None
    profile = session.scalars(select(UserProfile).where(UserProfile.user_id == user.id)).first()
    roles = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
    actor = access.actor_of(session, user_id=user.id, name=user.username, roles=roles, profile=profile)
    if not actor.has(Activity.__stem__):
        return None
    known = (profile.language, profile.time_zone) if profile is not None else ("en", "UTC")
    return Owner(actor, f"{user.first_name} {user.last_name}".strip(), *known)


def is_news(session: Session, owner: Owner, *, at: datetime) -> bool:
    """Say whether it is to be noted that an address is read: at most once a minute."""
    found = of(session, owner.actor.user_id or 0)
    return found is not None and (found.read_at is None or found.read_at < at - READ_EVERY)


def was_read(session: Session, owner: Owner, *, at: datetime) -> None:
    """Note that an address was read."""
    note = update(CalendarFeed).where(
        CalendarFeed.user_id == owner.actor.user_id,
        or_(CalendarFeed.read_at.is_(None), CalendarFeed.read_at < at - READ_EVERY),
    )
    session.execute(note.values(read_at=at).execution_options(synchronize_session=False))


def activities(session: Session, owner: Owner, *, at: datetime) -> list[Activity]:
    """Return what stands in somebody's calendar: what he does or takes part in and has a time, nothing cancelled."""
    joined = select(Participant.activity_id).where(Participant.user_id == owner.actor.user_id)
    asked = (
        select(Activity)
        .where(
            Activity.kind != ActivityKind.note,
            Activity.state != ActivityState.cancelled,
            or_(Activity.owner_id == owner.actor.user_id, Activity.id.in_(joined)),
            Activity.due_at >= at - BEFORE,
            Activity.due_at < at + AFTER,
        )
        .order_by(Activity.due_at, Activity.id)
        .limit(MOST)
    )
    with access.acting(session, owner.actor):
        return list(session.scalars(asked))
