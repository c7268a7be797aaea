"""Keys by which machines call REST in a user's name: shown once, kept as a hash, revocable.

A key holds 256 random bits, so a fast hash of it is safe to keep and quick to compare.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from flask_appbuilder.security.sqla.models import ApiKey, User
from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from app.errors import DomainError, NotFound
from app.i18n import gettext as _

PREFIX = "crm_"
LONGEST_NAME = 256
USE_NOTED_EVERY = timedelta(minutes=1)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)  # the framework's table has no time zone; ours is UTC


def make(session: Session, user: User, *, name: str, at: datetime, lasts: timedelta | None = None) -> str:
    """Make a key for a user and return it: it can never be shown again."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise DomainError(_("Give the key a name of at most %(most)s characters", most=LONGEST_NAME), field="name")
    key = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            name=name,
            key_hash=_digest(key),
            lookup_hash=_digest(key),
            key_prefix=key[: len(PREFIX) + 4],
            user_id=user.id,
            active=True,
            created_on=_naive(at),
            expires_on=_naive(at + lasts) if lasts is not None else None,
        )
    )
    session.flush()
    return key


def owner(session: Session, key: str, *, at: datetime) -> ApiKey | None:
    """Return the live key with its active user, None for anything else."""
    wanted = (
        select(ApiKey)
        .where(ApiKey.lookup_hash == _digest(key), ApiKey.active.is_(True), ApiKey.revoked_on.is_(None))
        .options(joinedload(ApiKey.user).joinedload(User.roles))
    )
    found = session.execute(wanted).unique().scalar_one_or_none()
    if found is None or not found.user.active or (found.expires_on is not None and found.expires_on <= _naive(at)):
        return None
    return found


def is_use_due(key: ApiKey, *, at: datetime) -> bool:
    """Say whether the moment of use should be written again: not with every call."""
    return key.last_used_on is None or _naive(at) - key.last_used_on > USE_NOTED_EVERY


def note_use(session: Session, key_id: int, *, at: datetime) -> None:
    """Write when the key was used last."""
    found = session.get(ApiKey, key_id)
    if found is not None:
        found.last_used_on = _naive(at)


def of_user(session: Session, user_id: int) -> list[ApiKey]:
    """Return a user's keys, the newest first."""
    return list(session.execute(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.id.desc())).scalars())


def revoke(session: Session, key_id: int, *, user_id: int, at: datetime) -> None:
    """End a user's own key; NotFound when he has no such key."""
    found = session.execute(select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id)).scalar_one_or_none()
    if found is None:
        raise NotFound(key_id)
    found.active, found.revoked_on = False, _naive(at)


def revoke_all(session: Session, user_id: int, *, at: datetime) -> None:
    """End every live key of a user: whoever knew his password may have made one."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_on.is_(None))
        .values(active=False, revoked_on=_naive(at))
    )
