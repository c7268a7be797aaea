"""Nothing typed is lost when the session or the form's token has expired: the form is kept and given back.

Every form of a record carries a signed mark of the user who opened it. When its post arrives without a valid session
or token, the fields are kept under that user; after he has signed in (again), the form opens with them. Nobody else
gets them, and without the mark nothing is kept.
"""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, g, redirect, request
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import delete, select
from werkzeug.datastructures import MultiDict

from app import clock
from app.db import db, unit_of_work
from app.models.form_draft import FormDraft

MARK = "form_owner"
NEVER_KEPT = frozenset({"csrf_token", MARK, "password", "old", "new", "then"})
LASTS = timedelta(days=7)
MOST_FIELDS = 5000
MOST_TEXT = 400_000  # characters of one form
MOST_PER_USER = 20


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="form-owner")


def mark() -> str:
    """Return the signed mark of the current user, for a hidden field."""
    return str(_signer().dumps(int(g.user.id))) if g.user.is_authenticated else ""


def owner() -> int | None:
    """Return the user who opened the form that was sent, None without a valid mark."""
    try:
        return int(_signer().loads(request.form.get(MARK, "")))
    except (BadSignature, TypeError, ValueError):
        return None


def rescue() -> Response | None:
    """Keep the sent form for its owner and lead to where he gets it back; None when there is nothing to keep."""
    user_id = owner()
    if user_id is None or (current_user.is_authenticated and current_user.id != user_id):
        return None
    fields = [[name, text] for name, text in request.form.items(multi=True) if name not in NEVER_KEPT][:MOST_FIELDS]
    if sum(len(text) for _name, text in fields) > MOST_TEXT:
        return None
    key = secrets.token_urlsafe(32)
    with unit_of_work(db.session()) as work:
        mine = select(FormDraft.key).where(FormDraft.user_id == user_id).order_by(FormDraft.created_at.desc())
        stale = [row.key for row in work.execute(mine)][MOST_PER_USER - 1 :]
        work.execute(delete(FormDraft).where((FormDraft.created_at < clock.now() - LASTS) | FormDraft.key.in_(stale)))
        work.add(FormDraft(key=key, user_id=user_id, path=request.path, fields=fields))
    back = f"{request.path}?{urlencode({'draft': key})}"
    target = back if current_user.is_authenticated else f"/login/?{urlencode({'next': back})}"
    return redirect(target, code=303)  # type: ignore[return-value]


def kept() -> MultiDict[str, str] | None:
    """Return the fields of the draft that the address names, if it is the reader's and of this page."""
    key = request.args.get("draft", "")
    if not key or not g.user.is_authenticated:
        return None
    draft = db.session.execute(
        select(FormDraft).where(FormDraft.key == key, FormDraft.user_id == g.user.id, FormDraft.path == request.path)
    ).scalar_one_or_none()
    return None if draft is None else MultiDict([(name, text) for name, text in draft.fields])


def forget(session: Any) -> None:
    """Throw the draft of this page away, once its form was stored."""
    if g.user.is_authenticated:
        session.execute(delete(FormDraft).where(FormDraft.user_id == g.user.id, FormDraft.path == request.path))
