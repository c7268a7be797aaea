"""What every request passes before a screen sees it: who asks, broken texts, the form's token."""

import re
import uuid
from dataclasses import replace
from typing import Any

import prison
from flask import Flask, Response, abort, current_app, g, request
from flask.json.provider import DefaultJSONProvider
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from prison.decoder import ParserException
from werkzeug.middleware.proxy_fix import ProxyFix

from app.db import db, writing
from app.models.history import Channel
from app.services import access
from app.web import audited, drafts
from app.web.signing_in import client_address

csrf = CSRFProtect()
# What nobody signed in sends: a signature or a ticket proves it, and what is broken in it is stored, not refused.
INTAKE = frozenset({"IntakeView.take_request", "IntakeView.take_message", "PublicFormView.send"})
TEXTS = "TextReportView.take"  # a provider of text messages asks it: the mark and its signature are the proof
ONE_CLICK = "PreferenceView.one_click"  # the recipient's mail program asks it: the link itself is the proof
READS_FIRST = frozenset({"AuthView.login", "SignInApi.login"})  # the password is checked before anything is locked
_BROKEN = re.compile("[\0\ud800-\udfff]")
DEEPEST = 50  # what is nested deeper was sent to break us: parsers and writers call themselves for each level
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def _actor() -> access.Actor | None:
    """Return the actor of this request: the signed-in user, whoever proved it and how."""
    user = getattr(g, "user", None)
    if user is None or not user.is_authenticated:
        return None
    kept: tuple[int, access.Actor] | None = g.get("_actor")
    if kept is None or kept[0] != user.id:
        roles = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
        found = access.actor_of(db.session(), user_id=user.id, name=user.username, roles=roles, profile=user.profile)
        if getattr(g, "_api_key_user", False):
            found = replace(found, key_scopes=g.key_scopes)
        g._actor = kept = (user.id, found)  # noqa: SLF001
    return kept[1]


def _begin_request() -> None:
    g.request_id = str(uuid.uuid4())
    work = db.session()
    api = request.path.startswith("/api/")
    work.info |= {
        "request_id": g.request_id,
        "channel": Channel.api if api else Channel.screen,
        "address": client_address(),
        "sign_in": None,
        "looking": None,
    }
    if request.method not in SAFE_METHODS and request.endpoint not in READS_FIRST:
        writing(work)
    access.act_as(work, _actor)


class Json(DefaultJSONProvider):
    """JSON as requests bring it: what is nested too deeply to be read is not JSON."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Read JSON; ValueError for what is none."""
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _depth(text: str) -> int:
    """Return how deeply the brackets of a text are nested."""
    now = most = 0
    for sign in text:
        now += (sign in "([{") - (sign in ")]}")
        most = max(most, now)
    return most


def _is_question(text: str) -> bool:
    """Say whether Flask-AppBuilder reads a question of REST or refuses it itself, instead of failing with 500."""
    if _depth(text) > DEEPEST:
        return False
    try:
        prison.loads(text)
    except ParserException:
        return True  # perhaps JSON; else it answers 400
    except ValueError:
        return False
    return True


def _refuse_broken_text() -> None:
    """Refuse what no text holds and no database keeps: NUL, halves of surrogate pairs in JSON, and endless nests."""
    if request.endpoint in INTAKE:
        return
    if request.path.startswith("/api/") and not all(map(_is_question, request.args.getlist("q"))):
        abort(400)
    texts: list[tuple[Any, int]] = [(one, 0) for one in (*request.args.values(), *request.form.values())]
    if request.is_json:
        texts.append((request.get_json(silent=True), 0))
    while texts:
        one, depth = texts.pop()
        if depth > DEEPEST or (isinstance(one, str) and _BROKEN.search(one)):
            abort(400)
        if isinstance(one, dict):
            texts += [(each, depth + 1) for pair in one.items() for each in pair]
        elif isinstance(one, list):
            texts += [(each, depth + 1) for each in one]


def _check_form_token() -> Response | None:
    """Refuse changing requests without the form's token; a bearer token proves by itself that no other site asks."""
    if request.method in SAFE_METHODS or not current_app.config["WTF_CSRF_ENABLED"]:
        return None
    rest = request.path.startswith("/api/")
    if request.endpoint is None or (rest and request.headers.get("Authorization", "").lower().startswith("bearer ")):
        return None
    if request.endpoint in {"SignInApi.login", "SignInApi.refresh", ONE_CLICK, TEXTS, *INTAKE}:
        return None
    if rest and not current_user.is_authenticated:
        return None  # no cookie proves anything here: REST itself says that one must sign in
    try:
        csrf.protect()
    except CSRFError:
        rescued = drafts.rescue()
        if rescued is not None:
            return rescued
        raise
    return None if current_user.is_authenticated else drafts.rescue()


def believe_proxies(app: Flask) -> None:
    """Take the client's address from the servers before us, as many as `CRM_PROXIES` says; host and scheme never.

    Without it all clients behind a proxy share one address, and with it the counting of failed sign-ins.
    """
    if proxies := app.config.get("CRM_PROXIES", 0):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]


def init_app(app: Flask) -> None:
    """Install the request hooks, before Flask-AppBuilder adds its own."""
    believe_proxies(app)
    app.json = Json(app)
    app.config.setdefault("WTF_CSRF_ENABLED", True)
    csrf.init_app(app)
    app.before_request(_begin_request)


def init_late(app: Flask) -> None:
    """Install what must run once the user is known."""
    audited.init_app(app)
    app.before_request(_refuse_broken_text)
    app.before_request(_check_form_token)
