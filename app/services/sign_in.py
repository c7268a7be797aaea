"""Signing in and out: every browser and token is a row that can be revoked."""

import secrets
from datetime import datetime, timedelta

from flask_appbuilder.security.sqla.models import Group, User
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.models.sign_in import SignIn
from app.services import access


def begin(
    session: Session, user: User, *, kind: str, address: str, agent: str, at: datetime, lasts: timedelta
) -> SignIn:
    """Open a sign-in for a browser ("browser") or a token ("token") and return it."""
    sign_in = SignIn(
        key=secrets.token_urlsafe(32),
        user_id=user.id,
        kind=kind,
        address=address,
        agent=agent[:200],
        began_at=at,
        seen_at=at,
        ends_at=at + lasts,
    )
    session.add(sign_in)
    user.login_count = (user.login_count or 0) + 1
    user.last_login = at.replace(tzinfo=None)
    user.fail_login_count = 0
    return sign_in


def end(session: Session, key: str, *, at: datetime) -> None:
    """Revoke one sign-in."""
    session.execute(update(SignIn).where(SignIn.key == key, SignIn.revoked_at.is_(None)).values(revoked_at=at))


def end_all(session: Session, user_id: int, *, at: datetime, but: str | None = None) -> None:
    """Revoke every sign-in of a user, all but one: after a password change or when somebody leaves."""
    ending = update(SignIn).where(SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
    if but is not None:
        ending = ending.where(SignIn.key != but)
    session.execute(ending.values(revoked_at=at))


def user_by_name(session: Session, name: str) -> User | None:
    """Return the account with this user name or e-mail, with its roles."""
    return (
        session.execute(
            select(User)
            .where(or_(User.username == name, User.email == name))
            .options(selectinload(User.roles))
            .limit(1)
        )
        .scalars()
        .first()
    )


def user_of(session: Session, *, user_id: int, key: str, at: datetime) -> User | None:
    """Return the active user of a live sign-in, with roles, groups and profile, in one statement."""
    found = (
        select(User)
        .join(SignIn, SignIn.user_id == User.id)
        .where(
            User.id == user_id,
            User.active.is_(True),
            SignIn.key == key,
            SignIn.revoked_at.is_(None),
            SignIn.ends_at > at,
        )
        .options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles), joinedload(User.profile))
    )
    with access.everything(session, why="who asks is read before anybody is known"):
        return session.execute(found).unique().scalars().first()
