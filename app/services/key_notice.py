"""Notices before a key for REST ends: its owner is told 14 and 3 days before, once each."""

from datetime import UTC, datetime, timedelta

from flask_appbuilder.security.sqla.models import ApiKey, User
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models.api_key import ApiKeyNote
from app.models.notification import NotificationKind
from app.services import api_key as api_keys
from app.services import notification as notifications

KEY = "api_key"  # what a notification calls the record that it is about
DAYS = (14, 3)


def tell(session: Session, *, at: datetime) -> int:
    """Tell the owners of keys that end soon and return how many were told; what was replaced has a follower already."""
    first = at.astimezone(UTC).replace(tzinfo=None) + timedelta(days=DAYS[0])
    replaced = select(ApiKeyNote.replaces_id).where(ApiKeyNote.replaces_id.is_not(None))
    soon = (
        select(ApiKey, ApiKeyNote)
        .outerjoin(ApiKeyNote, ApiKeyNote.key_id == ApiKey.id)
        .where(
            ApiKey.active.is_(True),
            ApiKey.revoked_on.is_(None),
            ApiKey.expires_on <= first,
            ApiKey.expires_on > at.astimezone(UTC).replace(tzinfo=None),
            ApiKey.id.not_in(replaced),
            ApiKey.user.has(User.active.is_(True)),
            or_(ApiKeyNote.warned_days.is_(None), ApiKeyNote.warned_days > DAYS[-1]),
        )
        .order_by(ApiKey.id)
    )
    told = 0
    for key, note in session.execute(soon).unique().all():
        left = key.expires_on.replace(tzinfo=UTC) - at
        day = next(days for days in reversed(DAYS) if left <= timedelta(days=days))
        if note is not None and note.warned_days is not None and note.warned_days <= day:
            continue
        api_keys.note_of(session, key.id).warned_days = day
        notifications.tell_of(session, NotificationKind.key_ends, KEY, key.id, [key.user_id], at=at)
        told += 1
    return told
