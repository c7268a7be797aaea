"""Browsers that need not give the second factor for thirty days: known by a random text in a cookie, kept as a hash.

The text holds 256 random bits, so a fast hash of it is safe to keep and quick to compare.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models.second_factor import RememberedDevice

LASTS = timedelta(days=30)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def remember(session: Session, user_id: int, *, address: str, agent: str, at: datetime) -> str:
    """Remember a browser and return the text for its cookie; what has ended goes."""
    session.execute(delete(RememberedDevice).where(RememberedDevice.ends_at <= at))
    text = secrets.token_urlsafe(32)
    about = {"address": address, "agent": agent[:200], "began_at": at, "seen_at": at, "ends_at": at + LASTS}
    session.add(RememberedDevice(user_id=user_id, digest=_digest(text), **about))
    session.flush()
    return text


def known(session: Session, user_id: int, text: str, *, at: datetime) -> RememberedDevice | None:
    """Return the remembered device of a user whose cookie holds this text."""
    mine = RememberedDevice.user_id == user_id, RememberedDevice.ends_at > at
    found = select(RememberedDevice).where(*mine, RememberedDevice.digest == _digest(text))
    return session.execute(found).scalar_one_or_none()


def note_use(session: Session, user_id: int, text: str, *, at: datetime) -> None:
    """Write when a device was used last."""
    found = known(session, user_id, text, at=at)
    if found is not None:
        found.seen_at = at


def of_user(session: Session, user_id: int, *, at: datetime) -> list[RememberedDevice]:
    """Return a user's remembered devices, the one used last first."""
    mine = RememberedDevice.user_id == user_id, RememberedDevice.ends_at > at
    order = RememberedDevice.seen_at.desc(), RememberedDevice.id.desc()
    return list(session.execute(select(RememberedDevice).where(*mine).order_by(*order)).scalars())


def forget(session: Session, device_id: int, *, user_id: int) -> None:
    """Forget a device of a user's own; NotFound when he has no such."""
    mine = RememberedDevice.id == device_id, RememberedDevice.user_id == user_id
    if not session.execute(delete(RememberedDevice).where(*mine)).rowcount:  # type: ignore[attr-defined]
        raise NotFound(device_id)


def end_all(session: Session, user_id: int) -> None:
    """Forget every device of a user: after a password change, and when the second factor changes."""
    session.execute(delete(RememberedDevice).where(RememberedDevice.user_id == user_id))
