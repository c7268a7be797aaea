"""Signing in and out, in the browser and for machines; each sign-in can be revoked."""

from datetime import timedelta
from typing import Any, cast

from flask import Response, current_app, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.const import API_SECURITY_ACCESS_TOKEN_KEY, API_SECURITY_REFRESH_TOKEN_KEY
from flask_appbuilder.security.api import SecurityApi
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.forms import LoginForm_db
from flask_appbuilder.security.schemas import login_post
from flask_appbuilder.security.sqla.models import User
from flask_jwt_extended import create_access_token, create_refresh_token, get_jwt, jwt_required
from flask_login import current_user, login_user, logout_user
from marshmallow import ValidationError

from app import clock
from app.db import db, unit_of_work
from app.errors import TooManyTries
from app.i18n import gettext as _
from app.i18n import lazy_gettext
from app.services import password as passwords
from app.services import sign_in as sign_ins
from app.web import known_device
from app.web.ways import onward


def client_address() -> str:
    """Return the address that the request came from (behind a trusted proxy, the one it reports)."""
    return (request.remote_addr or "")[:45]


class AuthView(BaseView):
    """The sign-in page and signing out."""

    route_base = ""
    default_view = "login"
    title = lazy_gettext("Sign in")

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    def login(self) -> Any:
        """Show the form, or sign in and go where the reader wanted to go."""
        if g.user is not None and g.user.is_authenticated:
            return redirect(onward(request.args.get("next")))
        form = LoginForm_db()
        status = 200
        if form.validate_on_submit():
            try:
                user = self.appbuilder.sm.check_password(form.username.data.strip(), form.password.data)
            except TooManyTries as refusal:
                form.password.errors = [refusal.text]
                page = self.render_template("web/login.html", title=self.title, form=form)
                return page, 429, {"Retry-After": str(refusal.seconds)}
            if user is not None:
                sign_in_browser(user)
                return redirect(onward(request.args.get("next")))
            form.password.errors = [_("The user name or the password is wrong.")]
            status = 401
        return self.render_template("web/login.html", title=self.title, form=form), status

    @expose("/logout/", methods=["GET", "POST"])
    def logout(self) -> Any:
        """Sign out (POST), or ask whether to (GET): a link elsewhere must not sign anybody out."""
        if not current_user.is_authenticated:
            return redirect("/login/")
        if request.method == "GET":
            return self.render_template("web/logout.html", title=_("Sign out"))
        with unit_of_work(db.session()) as work:
            sign_ins.end(work, session.get("sign_in", ""), at=clock.now())
        language = session.get("locale")
        logout_user()
        session.clear()
        if language:
            session["locale"] = language
        flash(_("You are signed out."), "success")
        return redirect("/login/")


def _begin(user: User, kind: str, lasts: timedelta) -> str:
    """Note a sign-in from where the request came and return its key."""
    with unit_of_work(db.session()) as work:
        return sign_ins.begin(
            work,
            user,
            kind=kind,
            address=client_address(),
            agent=request.user_agent.string,
            at=clock.now(),
            lasts=lasts,
        ).key


def sign_in_browser(user: User) -> None:
    """Open a browser sign-in: a new session that carries nothing of the old one but the language."""
    lasts = cast(timedelta, current_app.config["PERMANENT_SESSION_LIFETIME"])
    language = user.profile.language if user.profile else session.get("locale", "en")
    key = _begin(user, "browser", lasts)
    session.clear()
    session.permanent = True
    login_user(user, remember=False)
    session["sign_in"] = key
    session["locale"] = language
    known_device.remember(user.id)


class SignInApi(SecurityApi):
    """Tokens for machines: sign in, refresh; each token belongs to a sign-in that can be revoked."""

    resource_name = "security"
    csrf_exempt = True  # it answers to a password or a token in the request itself, never to a cookie

    @expose("/login", methods=["POST"])
    def login(self) -> Response:
        """Sign in and get an access token
        ---
        post:
          summary: Sign in and get an access token, on wish a refresh token too
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  required: [username, password]
                  properties:
                    username: {type: string, example: admin}
                    password: {type: string, example: complex-password}
                    provider: {type: string, enum: [db], example: db}
                    refresh: {type: boolean, example: true}
          responses:
            200:
              description: Signed in
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      access_token: {type: string}
                      refresh_token: {type: string}
            400:
              $ref: '#/components/responses/400'
            401:
              $ref: '#/components/responses/401'
            403:
              $ref: '#/components/responses/403'
            429:
              description: Too many failed tries; `Retry-After` says for how many seconds to wait
        """  # noqa: D205, D400 -- the rest is the OpenAPI description
        if not request.is_json:
            return self.response_400(message="Request payload is not JSON")
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return self.response_400(message="Request payload is not JSON")
        try:
            given = login_post.load({"provider": "db"} | body)
        except ValidationError as error:
            return self.response_400(message=error.messages)
        user = self.appbuilder.sm.check_password(given["username"], given["password"])
        if user is None:
            return self.response_401()
        passwords.require_chosen(user)
        refresh = bool(given.get("refresh"))
        lasts = current_app.config["JWT_REFRESH_TOKEN_EXPIRES" if refresh else "JWT_ACCESS_TOKEN_EXPIRES"]
        key = _begin(user, "token", lasts)
        about = {"identity": str(user.id), "additional_claims": {"sid": key}}
        answer = {API_SECURITY_ACCESS_TOKEN_KEY: create_access_token(fresh=True, **about)}
        if refresh:
            answer[API_SECURITY_REFRESH_TOKEN_KEY] = create_refresh_token(**about)
        return self.response(200, **answer)

    @expose("/refresh", methods=["POST"])
    @jwt_required(refresh=True)
    def refresh(self) -> Response:
        """Get a new access token
        ---
        post:
          summary: Get a new access token for a refresh token
          responses:
            200:
              description: A new access token
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      access_token: {type: string}
            401:
              $ref: '#/components/responses/401'
          security:
            - jwt_refresh: []
        """  # noqa: D205, D400
        claims = get_jwt()
        token = create_access_token(
            identity=claims["sub"], fresh=False, additional_claims={"sid": claims.get("sid", "")}
        )
        return self.response(200, **{API_SECURITY_ACCESS_TOKEN_KEY: token})
