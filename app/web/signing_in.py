"""Opening a sign-in for whoever has proved who he is, and noting that he is still there."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from flask import Flask, Response, current_app, g, request, session
from flask_appbuilder.security.sqla.models import User
from flask_login import login_user
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.db import db, unit_of_work
from app.services import sign_in as sign_ins
from app.services import signed_in
from app.web import known_device

CAME_BY = "came_by"  # in `g`, or over a second step in the session: the service that vouched for who signs in


def client_address() -> str:
    """Return the address that the request came from (behind a trusted proxy, the one it reports)."""
    return (request.remote_addr or "")[:45]


def begin(user: User, kind: str, lasts: timedelta, *, has_second: bool = False) -> str:
    """Note a sign-in from where the request came, and by which service, and return its key."""
    came_by = g.pop(CAME_BY, "") or session.pop(CAME_BY, "")
    with unit_of_work(db.session()) as work:
        return sign_ins.begin(
            work,
            user,
            kind=kind,
            address=client_address(),
            agent=request.user_agent.string,
            at=clock.now(),
            lasts=lasts,
            has_second=has_second,
            came_by=came_by,
        ).key


def own_key() -> str:
    """Return the key of the browser's sign-in that asks."""
    return str(session.get("sign_in", ""))


def forget_session(user: User) -> None:
    """Begin a new session that carries nothing of the old one but the language."""
    language = user.profile.language if user.profile else session.get("locale", "en")
    session.clear()
    session["locale"] = language


def sign_in_browser(user: User, *, has_second: bool = False) -> None:
    """Open a browser sign-in, in a new session."""
    lasts = cast(timedelta, current_app.config["PERMANENT_SESSION_LIFETIME"])
    key = begin(user, sign_ins.BROWSER, lasts, has_second=has_second)
    forget_session(user)
    session.permanent = True
    login_user(user, remember=False)
    session["sign_in"] = key
    known_device.remember(user.id)


def user_of(user_id: int, key: str) -> User | None:
    """Return the user of a living sign-in; that he was seen is written down after the answer, once a minute."""
    at = clock.now()
    found = sign_ins.user_of(db.session(), user_id=user_id, key=key, at=at, idle=current_app.config["IDLE_TIME"])
    if found is None:
        return None
    if signed_in.is_due(found.seen_at, at=at):
        g.seen = (key, at)
    return found.user


def _note_later(response: Response) -> Response:
    """Leave for the time after the answer that its sign-in was seen: no page waits for it, and no reading writes."""
    if seen := g.get("seen"):
        app: Any = current_app
        response.call_on_close(partial(_note, app._get_current_object(), *seen))  # noqa: SLF001 -- werkzeug's way
    return response


def _note(app: Flask, key: str, at: datetime) -> None:
    with app.app_context():
        try:
            with unit_of_work(db.session()) as work:
                signed_in.note_seen(work, key, at=at)
        except SQLAlchemyError:
            app.logger.warning("that a sign-in was seen could not be noted", exc_info=True)


def init_app(app: Flask) -> None:
    """Install the noting."""
    app.after_request(_note_later)
