"""Nothing typed is lost: a form is kept for its writer while he types, and when it comes with an expired session.

Every form of a record carries a signed mark of the user who opened it and a key of its own. The browser sends what is
typed to `/draft/`; a post without a valid session or token is kept the same way. The form offers what was begun, or
opens with it after one has signed in again. Nobody else gets it, and without the mark nothing is kept.
"""

import re
import secrets
from typing import Any, cast
from urllib.parse import urlencode

from flask import Response, abort, current_app, g, jsonify, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access_api, permission_name
from flask_babel import format_datetime, format_time
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.datastructures import MultiDict

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict
from app.models.form_draft import FormDraft
from app.services import form_draft as form_drafts

MARK = "form_owner"
KEEPING = "DraftView.keep"
NOTICE = ".notice"  # what forms ask while one types (app/web/form_help.py)
MOST_DIGITS = 10  # of a turn
_FORM = re.compile(r"(?:/[\w-]+)+/(?:add|edit/\d{1,18})", re.ASCII)  # the addresses of forms


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


def key() -> str:
    """Return the key of the form on this page: the one that was sent, that of the draft it goes on with, a new one."""
    for given in (request.form.get("draft_key", ""), request.args.get("draft", "")):
        if form_drafts.is_key(given):
            return given
    return secrets.token_urlsafe(16)


def rescue() -> Response | None:
    """Keep the sent form for its owner and lead to where he gets it back; None when there is nothing to keep."""
    if (request.endpoint or "").endswith(NOTICE):
        return jsonify(alike=[], known=[])  # nobody is told anything, and the draft that follows says why
    user_id = owner()
    if user_id is None or (current_user.is_authenticated and current_user.id != user_id):
        return None
    if request.endpoint == KEEPING:
        return _kept_for(user_id)
    fields = form_drafts.worth_keeping(request.form.items(multi=True))
    kept_as = _keep_sent(user_id, fields)
    if not kept_as:
        return None
    back = f"{request.path}?{urlencode({'draft': kept_as, 'ended': 1})}"
    return cast("Response", redirect(back if current_user.is_authenticated else sign_in_to(back), code=303))


def _keep_sent(user_id: int, fields: form_drafts.Fields) -> str:
    """Keep a sent form over what was kept of it while he typed, and return its key; "" when it is too long."""
    for candidate in (key(), secrets.token_urlsafe(16)):
        try:
            with unit_of_work(db.session()) as work:
                draft = form_drafts.keep(
                    work, user_id=user_id, key=candidate, path=request.path, fields=fields, at=clock.now()
                )
        except Conflict:  # a key that was not his
            continue
        return candidate if draft is not None else ""
    return ""


def sign_in_to(address: str) -> str:
    """Return the address of the sign-in page that leads on to another."""
    return f"/login/?{urlencode({'next': address})}"


def kept() -> MultiDict[str, str] | None:
    """Return the fields of the draft that the address names, if it is the reader's and of this page."""
    given = request.args.get("draft", "")
    if not given or not g.user.is_authenticated:
        return None
    draft = form_drafts.one(db.session(), user_id=g.user.id, key=given, path=request.path)
    if draft is None:
        return None
    g.draft_turn = draft.turn
    return MultiDict([(name, text) for name, text in draft.fields])


def turn() -> int:
    """Return how often the draft of this page's form was kept, as far as the page knows."""
    sent = request.form.get("draft_turn", "")
    return int(sent) if sent.isdecimal() and len(sent) < MOST_DIGITS else int(g.get("draft_turn", 0))


def how_it_came() -> str:
    """Say why a form opens with a draft: its session had "ended", or the reader goes on with what he had "begun"."""
    return "ended" if request.args.get("ended") else "begun"


def forget(session: Any) -> None:
    """Throw the draft of this form away, once it was stored; of a form without a key all that its page has."""
    if g.user.is_authenticated:
        given = request.form.get("draft_key", "")
        form_drafts.discard(session, user_id=g.user.id, path=request.path, key=given)


def _kept_for(user_id: int) -> Response:
    """Keep what the browser sent while somebody types, and say since when it is kept."""
    path, given, seen = (request.form.get(name, "") for name in ("draft_path", "draft_key", "draft_turn"))
    if not _FORM.fullmatch(path) or not form_drafts.is_key(given) or not seen.isdecimal() or len(seen) >= MOST_DIGITS:
        abort(400)
    fields = form_drafts.worth_keeping(request.form.items(multi=True))
    at = clock.now()
    try:
        with unit_of_work(db.session()) as work:
            draft = form_drafts.keep(work, user_id=user_id, key=given, path=path, fields=fields, at=at, seen=int(seen))
            turn = draft.turn if draft is not None else 0
    except Conflict:
        return jsonify(conflict=True)  # another tab goes on with the same draft: this one takes a key of its own
    if draft is None:
        return jsonify(too_long=True)
    answer = {"turn": turn, "at": format_time(at, "HH:mm")}
    if not current_user.is_authenticated:
        answer["sign_in"] = sign_in_to(f"{path}?{urlencode({'draft': given, 'ended': 1})}")
    return jsonify(answer)


class DraftView(BaseView):
    """What forms ask while one types: keep this, what had I begun, throw it away. Everybody's drafts are his own."""

    route_base = "/draft"
    class_permission_name = "home"
    default_view = "begun"

    @expose("/", methods=["GET"])
    @has_access_api
    @permission_name("see")
    def begun(self) -> Response:
        """Return what the reader had begun at a form's address (`?path=/party/add`) and not saved."""
        path, here = request.args.get("path", ""), request.args.get("key", "")
        found = db.session.execute(form_drafts.begun(g.user.id, path, at=clock.now())).scalars()
        return jsonify(drafts=[_told(draft) for draft in found if draft.key != here])

    @expose("/keep", methods=["POST"])
    @has_access_api
    @permission_name("see")
    def keep(self) -> Response:
        """Keep what stands in a form that the reader opened himself."""
        if owner() != g.user.id:
            abort(400)
        return _kept_for(g.user.id)

    @expose("/discard", methods=["POST"])
    @has_access_api
    @permission_name("see")
    def discard(self) -> Response:
        """Throw one draft away."""
        path, given = request.form.get("draft_path", ""), request.form.get("draft_key", "")
        if not form_drafts.is_key(given):
            abort(400)
        with unit_of_work(db.session()) as work:
            form_drafts.discard(work, user_id=g.user.id, path=path, key=given)
        return jsonify(done=True)


def _told(draft: FormDraft) -> dict[str, str]:
    """Return a draft as the form offers it."""
    return {
        "key": draft.key,
        "at": format_datetime(draft.changed_at, "d MMM, HH:mm"),
        "address": f"{draft.path}?{urlencode({'draft': draft.key})}",
    }
