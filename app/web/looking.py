"""Looking at the program as somebody else: an administrator sees what a colleague sees, and changes nothing.

The browser's session names the colleague; every request first proves who really asks, then that he may still look, and
then answers as it would to the colleague. Whatever would change something is refused before any view sees it, and the
session of the database refuses to write. The audit names who looked, and as whom.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, g, request, session
from flask_appbuilder.security.sqla.models import User
from flask_login import current_user
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.services import access
from app.services import looking as looks

KEY = "looking_as"
AREA, VERB = "user", "look_as"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WAYS_OUT = frozenset({"LookView.end", "AuthView.logout"})
_INFO = "looking"


def seen_by(user: User, may: Any) -> User:
    """Return whom a browser's requests are answered as: its user, or the colleague as whom he looks.

    `may(user)` says whether the user has the right; who has lost it, or may not look as this one any more, is himself.
    """
    wanted = session.get(KEY)
    if wanted is None:
        return user
    at = looks.target(db.session(), int(wanted)) if may(user) else None
    if at is None or not looks.may_look(db.session(), at, by=user):
        session.pop(KEY, None)
        return user
    g.looker = user
    db.session().info[_INFO] = (user.id, user.username)
    return at


def looker() -> User | None:
    """Return who really looks, None when everybody is himself."""
    found: User | None = g.get("looker")
    return found


@contextmanager
def oneself(work: Session) -> Iterator[access.Actor]:
    """Read and write as who really asks inside the block: what is told about the look itself, such as rows taken."""
    user = looker()
    if user is None:
        yield access.required(work)
        return
    names = {role.name for role in (*user.roles, *(role for group in user.groups for role in group.roles))}
    actor = access.actor_of(work, user_id=user.id, name=user.username, roles=names, profile=user.profile)
    told = work.info.pop(_INFO)
    try:
        with access.acting(work, actor):
            yield actor
    finally:
        work.info[_INFO] = told


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
