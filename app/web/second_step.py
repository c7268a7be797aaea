"""The second step of signing in: a code after the password. Between the two one is nobody and reaches nothing.

Who needs a second factor by his role and has none sets it up here first.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import abort, current_app, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.sqla.models import User
from itsdangerous import BadSignature, URLSafeSerializer
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.documents import qr
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import pending_sign_in as pending
from app.services import remembered_device, role_demand
from app.services import second_factor as factors
from app.web.crm_form import CrmForm
from app.web.drafts import sign_in_to
from app.web.signing_in import CAME_BY, client_address, forget_session, sign_in_browser
from app.web.ways import onward

PENDING = "pending"
COOKIE = "countinghouse_device_{}"  # of each user: two people at one computer do not forget each other
CODE, SET_UP = "/login/code", "/login/set_up"


class CodeForm(CrmForm):
    """A code of the authenticator, or a recovery code."""

    code = StringField(
        _l("Code"),
        [InputRequired(), Length(max=40)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"},
    )
    remember = BooleanField(_l("Remember this device for 30 days"))


def after_password(user: User, target: str) -> Response:
    """Sign in who has given the right password, or ask for the second step first."""
    work, at = db.session(), clock.now()
    if factors.is_on(work, user.id):
        text = _device_text(user)
        if text and remembered_device.known(work, user.id, text, at=at) is not None:
            with unit_of_work(work):
                remembered_device.note_use(work, user.id, text, at=at)
            sign_in_browser(user, has_second=True)
            return redirect(target)
        return _wait(user, CODE, pending.LASTS, target)
    if role_demand.demands(work, user.id):
        return _wait(user, SET_UP, pending.SETTING_UP, target)
    sign_in_browser(user)
    return redirect(target)


def refused(user: User, code: str | None) -> tuple[int, dict[str, str]] | None:
    """Return why REST gives no token to somebody with the right password: status and answer; None when it may.

    Shape: `reason` is for programs: code_needed, code_wrong, second_factor_needed.
    """
    work, at = db.session(), clock.now()
    if not factors.is_on(work, user.id):
        if not role_demand.demands(work, user.id):
            return None
        text = _("A role of yours needs a second factor. Sign in with a browser and set it up first.")
        return 403, {"reason": "second_factor_needed", "message": text}
    if not code:
        return 401, {"reason": "code_needed", "message": _("A code of the second factor is needed.")}
    try:
        with unit_of_work(work):
            is_right = factors.accept(work, user.id, code, at=at)
    except factors.TooManyTriesError:
        abort(429)
    return None if is_right else (401, {"reason": "code_wrong", "message": _("This code is wrong.")})


def is_given(user: User) -> bool:
    """Say whether somebody whom `refused` lets pass has given a second factor."""
    return factors.is_on(db.session(), user.id)


def _wait(user: User, where: str, lasts: timedelta, target: str) -> Response:
    """Lead to the second step, in a session that knows no user."""
    with unit_of_work(db.session()) as work:
        at = clock.now()
        if where == SET_UP:
            factors.begin(work, user, at=at)
        key = pending.begin(work, user, at=at, lasts=lasts)
    forget_session(user)
    session[PENDING] = key
    if g.get(CAME_BY):
        session[CAME_BY] = g.get(CAME_BY)
    return redirect(f"{where}?{urlencode({'next': target})}")


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="remembered-device")


def _device_text(user: User) -> str:
    """Return the random text in this browser's cookie for a user, "" without a valid one."""
    try:
        return str(_signer().loads(request.cookies.get(COOKIE.format(user.id), "")))
    except BadSignature:
        return ""


def _remember(response: Response, user_id: int, text: str) -> None:
    response.set_cookie(
        COOKIE.format(user_id),
        str(_signer().dumps(text)),
        max_age=remembered_device.LASTS,
        path="/login",
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )


def picture(user: User, secret: str) -> Markup:
    """Return what an authenticator reads, as a picture within the page."""
    address = factors.address(secret, name=user.username, issuer=current_app.config["APP_NAME"])
    return Markup(qr.svg(address))  # noqa: S704 -- squares, drawn by the library


def grouped(secret: str) -> str:
    """Return a secret in groups of four, as one types it."""
    return " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))


class SecondStepView(BaseView):
    """Pages between the password and being signed in."""

    route_base = "/login"
    default_view = "code"

    @expose("/code", methods=["GET", "POST"])
    @no_cache
    def code(self) -> Any:
        """Ask for a code, and sign in with the right one."""
        work, at, target = db.session(), clock.now(), onward(request.args.get("next"))
        user, form, status = pending.user_of(work, session.get(PENDING, ""), at=at), CodeForm(), 200
        if user is None:
            return self._again(target)
        if request.method == "POST" and form.validate():
            try:
                done = self._signed_in(user, form, target)
            except factors.TooManyTriesError:
                form.code.errors = [_("Too many wrong codes. Try again in an hour.")]
                status = 429
            else:
                if done is not None:
                    return done
                if pending.user_of(work, session.get(PENDING, ""), at=at) is None:
                    return self._again(target)
                form.code.errors = [_("This code is wrong, or it was used already.")]
                status = 401
        elif request.method == "POST":
            status = 422
        is_recovery = request.args.get("recovery") == "1"
        about = {"title": _("Second step"), "form": form, "is_recovery": is_recovery, "target": target}
        return self.render_template("web/second_step.html", **about), status

    def _signed_in(self, user: User, form: CodeForm, target: str) -> Response | None:
        """Sign in with a right code; a wrong one is counted, and None."""
        key, at, text = session.get(PENDING, ""), clock.now(), ""
        with unit_of_work(db.session()) as work:
            left = factors.codes_left(work, user.id)
            if not pending.is_open(work, key, at=at):
                return None
            if not factors.accept(work, user.id, form.code.data, at=at):
                pending.note_failure(work, key)
                return None
            pending.end(work, key)
            if form.remember.data:
                agent = request.user_agent.string
                text = remembered_device.remember(work, user.id, address=client_address(), agent=agent, at=at)
            now_left = factors.codes_left(work, user.id)
        sign_in_browser(user, has_second=True)
        if now_left < left:
            flash(_("You have signed in with a recovery code. Unused ones: %(count)s.", count=now_left), "warning")
        answer = redirect(target)
        if text:
            _remember(answer, user.id, text)
        return answer

    @expose("/set_up", methods=["GET", "POST"])
    @no_cache
    def set_up(self) -> Any:
        """Set the second factor up that a role demands; then one is signed in."""
        work, at, target = db.session(), clock.now(), onward(request.args.get("next"))
        user = pending.user_of(work, session.get(PENDING, ""), at=at)
        secret = factors.candidate(work, user.id, at=at) if user is not None else None
        if user is None or secret is None or factors.is_on(work, user.id):
            return self._again(target)
        form, status = CodeForm(), 200
        if request.method == "POST":
            status = 422
            if form.validate():
                try:
                    with unit_of_work(work):
                        if not pending.is_open(work, session.get(PENDING, ""), at=at):
                            return self._again(target)
                        codes = factors.confirm(work, user, form.code.data, at=at)
                        pending.end(work, session.get(PENDING, ""))
                except DomainError as refusal:
                    form.code.errors = [str(refusal)]
                else:
                    sign_in_browser(user, has_second=True)
                    about = {"title": _("Recovery codes"), "codes": codes, "target": target}
                    return self.render_template("web/second_step_codes.html", **about)
        about = {"title": _("Second factor"), "form": form, "secret": grouped(secret), "picture": picture(user, secret)}
        return self.render_template("web/second_step_set_up.html", **about), status

    @staticmethod
    def _again(target: str) -> Response:
        """Lead back to the password: it is too long ago, or there were too many wrong codes."""
        if session.pop(PENDING, None):
            flash(_("Sign in again: the second step took too long, or the code was wrong too often."), "warning")
        return redirect(sign_in_to(target))
