"""Where somebody is signed in: the living browsers and tokens of an account, and when each was seen."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models.sign_in import SignIn
from app.services import sign_in as sign_ins

NOTED_EVERY = timedelta(minutes=1)


def handle(key: str) -> str:
    """Return by what a page names a sign-in: its key stays in the cookie."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def living(session: Session, user_id: int, *, at: datetime, idle: timedelta) -> list[SignIn]:
    """Return the sign-ins of a user that have not ended, the one seen last first."""
    wanted = select(SignIn).where(
        SignIn.user_id == user_id,
        SignIn.revoked_at.is_(None),
        SignIn.ends_at > at,
        or_(SignIn.kind != sign_ins.BROWSER, SignIn.seen_at > at - idle),
    )
    return list(session.execute(wanted.order_by(SignIn.seen_at.desc(), SignIn.key)).scalars())


def end(session: Session, user_id: int, named: str, *, at: datetime) -> str:
    """End the sign-in of a user that a page has named and return its key; NotFound when he has none of that name."""
    wanted = select(SignIn.key).where(SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
    key = next((key for key in session.execute(wanted).scalars() if handle(key) == named), None)
    if key is None:
        raise NotFound(named)
    sign_ins.end(session, key, at=at)
    return key


def is_due(seen_at: datetime, *, at: datetime) -> bool:
    """Say whether the moment should be written again: not with every click."""
    return at - seen_at >= NOTED_EVERY


def note_seen(session: Session, key: str, *, at: datetime) -> None:
    """Write when a sign-in was seen; of many requests at once one does."""
    due = SignIn.key == key, SignIn.seen_at <= at - NOTED_EVERY
    session.execute(update(SignIn).where(*due).values(seen_at=at), execution_options={"synchronize_session": False})


def strengthen(session: Session, key: str) -> None:
    """Note that a second factor was given for a sign-in that lives already."""
    session.execute(update(SignIn).where(SignIn.key == key).values(has_second=True))
