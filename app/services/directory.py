"""People who sign in by the company's own directory and are gone from it: what they opened with it ends."""

from datetime import datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from app.models.history import Act
from app.models.identity import Identity
from app.models.sign_in import SignIn
from app.outbox import Errand, Outbox
from app.services import api_key, audit, pending_sign_in, remembered_device
from app.services import sign_in as sign_ins

TOPIC = "directory.check"
EVERY = timedelta(minutes=15)
PREFIX = "ldap:"


def is_check_due(session: Session, *, at: datetime) -> bool:
    """Say whether it is time to ask the directory again: while somebody whom it vouched for may come in."""
    wanted = select(Outbox.id).where(Outbox.topic == TOPIC)
    lately = wanted.where(or_(Outbox.created_at > at - EVERY, Outbox.state == Errand.pending)).limit(1)
    if session.execute(lately).first() is not None:
        return False
    return session.execute(_open(at).where(Identity.issuer.startswith(PREFIX)).limit(1)).first() is not None


def who_may_come_in(session: Session, issuer: str, *, at: datetime) -> dict[str, int]:
    """Return the people of a directory who have an open sign-in or a key: its name for them, and their account."""
    return {row[0]: row[1] for row in session.execute(_open(at).where(Identity.issuer == issuer))}


def shut_out(session: Session, user_id: int, *, at: datetime) -> None:
    """End every sign-in, key and remembered device of somebody who is gone from the directory, and tell the audit."""
    name = session.execute(select(User.username).where(User.id == user_id)).scalar_one()
    gone = {"directory": [True, False]}
    audit.note(session, Act.sign_out, entity="user", record_id=user_id, name=name, changes=gone, at=at)
    sign_ins.end_all(session, user_id, at=at)
    api_key.revoke_all(session, user_id, at=at)
    remembered_device.end_all(session, user_id)
    pending_sign_in.end_all(session, user_id)


def _open(at: datetime) -> Any:  # noqa: ANN401 -- rows of text and key
    live: ColumnElement[bool] = exists().where(
        SignIn.user_id == Identity.user_id, SignIn.revoked_at.is_(None), SignIn.ends_at > at
    )
    return select(Identity.subject, Identity.user_id).where(or_(live, api_key.live_of(Identity.user_id, at=at)))
