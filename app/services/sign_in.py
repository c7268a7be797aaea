"""Signing in and out: every browser and token is a row that can be revoked."""

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import Group, User
from sqlalchemy import not_, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.models.history import Act
from app.models.sign_in import SignIn
from app.services import access, audit, role_demand

BROWSER = "browser"


class Living(NamedTuple):
    """Who asks by a sign-in that lives, and when that was last noted."""

    user: User
    seen_at: datetime


def begin(
    session: Session,
    user: User,
    *,
    kind: str,
    address: str,
    agent: str,
    at: datetime,
    lasts: timedelta,
    has_second: bool = False,
    came_by: str = "",
) -> SignIn:
    """Open a sign-in for a browser ("browser") or a token ("token") and return it.

    `came_by` is what the service or directory is called that vouched for the user; a password of ours leaves it empty.
    """
    sign_in = SignIn(
        key=secrets.token_urlsafe(32),
        user_id=user.id,
        kind=kind,
        address=address,
        agent=agent[:200],
        began_at=at,
        seen_at=at,
        ends_at=at + lasts,
        has_second=has_second,
    )
    session.add(sign_in)
    user.login_count = (user.login_count or 0) + 1
    user.last_login = at.replace(tzinfo=None)
    user.fail_login_count = 0
    how = {"sign_in": audit.mark(kind, sign_in.key), "address": address}
    _tell(session, Act.sign_in, user, at=at, agent=sign_in.agent, came_by=came_by[:120], **how)
    return sign_in


def _tell(
    session: Session, act: Act, user: User, *, at: datetime, agent: str = "", came_by: str = "", **more: str
) -> None:
    """Tell the audit that somebody came or went: he himself is the one who did it."""
    by = {"actor_id": user.id, "actor_name": user.username[:64]}
    said = {"agent": agent, "came_by": came_by}
    changes = {name: [None, value] for name, value in said.items() if value} or None
    audit.note(session, act, entity="user", record_id=user.id, name=user.username, changes=changes, at=at, **by, **more)


def end(session: Session, key: str, *, at: datetime) -> None:
    """Revoke one sign-in."""
    live = select(User, SignIn.kind).join(SignIn, SignIn.user_id == User.id)
    found = session.execute(live.where(SignIn.key == key, SignIn.revoked_at.is_(None))).unique().first()
    if found is not None:
        session.execute(update(SignIn).where(SignIn.key == key).values(revoked_at=at))
        _tell(session, Act.sign_out, found[0], at=at, sign_in=audit.mark(found[1], key))


def end_all(session: Session, user_id: int, *, at: datetime, but: str | None = None) -> None:
    """Revoke every sign-in of a user, all but one: after a password change or when somebody leaves."""
    ending = update(SignIn).where(SignIn.user_id == user_id, SignIn.revoked_at.is_(None))
    if but is not None:
        ending = ending.where(SignIn.key != but)
    ended: Any = session.execute(ending.values(revoked_at=at))
    if ended.rowcount:
        name = session.execute(select(User.username).where(User.id == user_id)).scalar()
        changes = {"sign_ins": [ended.rowcount, 0]}
        audit.note(session, Act.sign_out, entity="user", record_id=user_id, name=name, changes=changes, at=at)


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


def user_of(session: Session, *, user_id: int, key: str, at: datetime, idle: timedelta | None = None) -> Living | None:
    """Return the active user of a live sign-in, with roles, groups and profile, in one statement.

    A browser that was idle for longer than `idle` is signed out; so is a sign-in without a second factor while a role
    of the user demands one.
    """
    found = (
        select(User, SignIn.seen_at)
        .join(SignIn, SignIn.user_id == User.id)
        .where(
            User.id == user_id,
            User.active.is_(True),
            SignIn.key == key,
            SignIn.revoked_at.is_(None),
            SignIn.ends_at > at,
            or_(SignIn.has_second.is_(True), not_(role_demand.demanded())),
        )
        .options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles), joinedload(User.profile))
    )
    if idle is not None:
        found = found.where(or_(SignIn.kind != BROWSER, SignIn.seen_at > at - idle))
    with access.everything(session, why="who asks is read before anybody is known"):
        row = session.execute(found).unique().first()
    return Living(row[0], row[1]) if row is not None else None
