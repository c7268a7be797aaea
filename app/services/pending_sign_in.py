"""Between the right password and the second step: a row of its own that opens nothing and does not live long."""

import secrets
from datetime import datetime, timedelta

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from app.models.second_factor import PendingSignIn

LASTS = timedelta(minutes=5)
SETTING_UP = timedelta(minutes=15)  # who must set the second factor up first has to fetch his telephone
TRIES = 5  # wrong codes; then one begins with the password again


def begin(session: Session, user: User, *, at: datetime, lasts: timedelta = LASTS) -> str:
    """Note that somebody has given the right password, and return the key of what is to come; what has ended goes."""
    session.execute(delete(PendingSignIn).where(PendingSignIn.ends_at <= at))
    key = secrets.token_urlsafe(32)
    session.add(PendingSignIn(key=key, user_id=user.id, ends_at=at + lasts))
    session.flush()
    return key


def user_of(session: Session, key: str, *, at: datetime) -> User | None:
    """Return who has given the right password, None when it is too long ago or was tried too often."""
    wanted = (
        select(PendingSignIn)
        .where(PendingSignIn.key == key, PendingSignIn.ends_at > at, PendingSignIn.tries < TRIES)
        .options(joinedload(PendingSignIn.user).joinedload(User.profile))
    )
    found = session.execute(wanted).unique().scalar_one_or_none()
    return found.user if found is not None and found.user.active else None


def is_open(session: Session, key: str, *, at: datetime) -> bool:
    """Say whether it may go on, and let others with the same key wait until this one is through."""
    mine = PendingSignIn.key == key, PendingSignIn.ends_at > at, PendingSignIn.tries < TRIES
    return session.execute(select(PendingSignIn.key).where(*mine).with_for_update()).first() is not None


def note_failure(session: Session, key: str) -> None:
    """Count a wrong code."""
    session.execute(update(PendingSignIn).where(PendingSignIn.key == key).values(tries=PendingSignIn.tries + 1))


def end(session: Session, key: str) -> None:
    """End it: the second step is done."""
    session.execute(delete(PendingSignIn).where(PendingSignIn.key == key))


def end_all(session: Session, user_id: int) -> None:
    """End every one of a user: after a password change."""
    session.execute(delete(PendingSignIn).where(PendingSignIn.user_id == user_id))
