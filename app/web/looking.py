"""Looking at the program as somebody else: an administrator sees what a colleague sees, and changes nothing.

The browser's session names the colleague; every request first proves who really asks, then that he may still look, and
then answers as it would to the colleague. Whatever would change something is refused before any view sees it, and the
session of the database refuses to write. The audit names who looked, and as whom.
"""

from typing import Any

from flask import Flask, g, request, session
from flask_appbuilder.security.sqla.models import Group, User
from flask_login import current_user
from sqlalchemy import event, select
from sqlalchemy.orm import Session, joinedload

from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.services import access, policy

KEY = "looking_as"
AREA, VERB = "user", "look_as"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WAYS_OUT = frozenset({"LookView.end", "AuthView.logout"})
_INFO = "looking"


def target(user_id: int) -> User | None:
    """Return an active account with all that a signed-in one is loaded with."""
    found = (
        select(User)
        .where(User.id == user_id, User.active.is_(True))
        .options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles), joinedload(User.profile))
    )
    with access.everything(db.session(), why="who is looked as is read before anybody is known"):
        return db.session.execute(found).unique().scalars().first()


def may_look(by: User, at: User) -> bool:
    """Say whether one person may look as another: one who has no right and reaches no row that he has not himself."""
    mine, theirs = (policy.of_roles(db.session(), _roles(each)).values() for each in (by, at))
    return by.id != at.id and all(policy.covers(mine, each) for each in theirs)


def _roles(user: User) -> set[str]:
    return {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}


def seen_by(user: User, may: Any) -> User:
    """Return whom a browser's requests are answered as: its user, or the colleague as whom he looks.

    `may(user)` says whether the user has the right; who has lost it, or may not look as this one any more, is himself.
    """
    wanted = session.get(KEY)
    if wanted is None:
        return user
    at = target(int(wanted)) if may(user) else None
    if at is None or not may_look(user, at):
        session.pop(KEY, None)
        return user
    g.looker = user
    db.session().info[_INFO] = (user.id, user.username)
    return at


def looker() -> User | None:
    """Return who really looks, None when everybody is himself."""
    found: User | None = g.get("looker")
    return found


def _refuse() -> None:
    is_looking = KEY in session and current_user.is_authenticated and looker() is not None  # it is known by then
    if is_looking and request.method not in SAFE and request.endpoint not in WAYS_OUT:
        raise DomainError(_("You look at the program as somebody else: nothing is changed that way."))


def _write_nothing(work: Session, *_more: Any) -> None:
    if work.info.get(_INFO) and (work.new or work.dirty or work.deleted):
        work.expunge_all()
        raise DomainError(_("You look at the program as somebody else: nothing is changed that way."))


def init_app(app: Flask) -> None:
    """Install the refusal, and let pages say who looks."""
    app.before_request(_refuse)
    app.jinja_env.globals["looker"] = looker
    if not event.contains(Session, "before_flush", _write_nothing):
        event.listen(Session, "before_flush", _write_nothing)
