"""Signing in and out, in the browser and for machines; each sign-in can be revoked."""

from typing import Any

from flask import Response, current_app, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.const import (
    API_SECURITY_ACCESS_TOKEN_KEY,
    API_SECURITY_REFRESH_TOKEN_KEY,
    FLAMSG_ERR_SEC_ACCESS_DENIED,
)
from flask_appbuilder.security.api import SecurityApi
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.forms import LoginForm_db
from flask_appbuilder.security.schemas import LoginPost
from flask_jwt_extended import create_access_token, create_refresh_token, get_jwt, jwt_required
from flask_login import current_user, logout_user
from marshmallow import ValidationError, fields, validate

from app import clock
from app.db import db, unit_of_work
from app.errors import DirectoryAway, DomainError, TooManyTries
from app.i18n import gettext as _
from app.i18n import lazy_gettext
from app.services import password as passwords
from app.services import sign_in as sign_ins
from app.web import second_step
from app.web.openapi import KEYS
from app.web.signing_in import begin
from app.web.ways import onward


def _status(refusal: DomainError) -> int:
    """Return how a sign-in is answered whose password the company's directory could not look at, or found right."""
    return 503 if isinstance(refusal, DirectoryAway) else 403


def _forget_denial() -> None:
    """Take back what the framework tells whoever is not signed in yet: that he has no access, as if he were refused."""
    told = session.get("_flashes", [])
    left = [(kind, text) for kind, text in told if text != str(FLAMSG_ERR_SEC_ACCESS_DENIED)]
    if len(left) < len(told):
        session["_flashes"] = left


class SignInGiven(LoginPost):
    """What REST signs in with."""

    code = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=40))


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
        _forget_denial()
        form = LoginForm_db()
        status = 200
        if form.validate_on_submit():
            try:
                user = self.appbuilder.sm.check_password(form.username.data.strip(), form.password.data)
            except TooManyTries as refusal:
                form.password.errors = [refusal.text]
                page = self.render_template("web/login.html", title=self.title, form=form)
                return page, 429, {"Retry-After": str(refusal.seconds)}
            except DomainError as refusal:
                form.password.errors = [refusal.text]
                return self.render_template("web/login.html", title=self.title, form=form), _status(refusal)
            if user is not None:
                return second_step.after_password(user, onward(request.args.get("next")))
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


class SignInApi(SecurityApi):
    """Tokens for machines: sign in, refresh; each token belongs to a sign-in that can be revoked."""

    resource_name = "security"
    csrf_exempt = True  # it answers to a password or a token in the request itself, never to a cookie

    def add_api_spec(self, api_spec: Any) -> None:
        """Say in OpenAPI what a key is and how far it goes."""
        super().add_api_spec(api_spec)
        api_spec.components.security_schemes["api_key"]["description"] = KEYS

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
                    code:
                      type: string
                      maxLength: 40
                      description: of the authenticator, or a recovery code, where the account has a second factor
                      example: "123456"
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
              description: The request cannot be read
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      message:
                        anyOf:
                          - type: string
                          - type: object
                            additionalProperties: {type: array, items: {type: string}}
            401:
              description: |-
                Wrong name or password; with `reason` the password was right, but a code is needed (`code_needed`) or
                wrong (`code_wrong`)
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      message: {type: string}
                      reason: {type: string, enum: [code_needed, code_wrong]}
            403:
              description: |-
                The password must be changed first, or a role demands a second factor: both are done in the browser.
                Or the company's directory knows the person, but there is no account for him here
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      message: {type: string}
                      reason: {type: string, enum: [second_factor_needed]}
            429:
              description: |-
                Too many failed tries; `Retry-After` says for how many seconds to wait. After wrong codes an hour
            503:
              description: |-
                The company's directory, which knows the password, cannot be asked now
        """  # noqa: D205, D400 -- the rest is the OpenAPI description
        if not request.is_json:
            return self.response_400(message="Request payload is not JSON")
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return self.response_400(message="Request payload is not JSON")
        try:
            given = SignInGiven().load({"provider": "db"} | body)
        except ValidationError as error:
            return self.response_400(message=error.messages)
        try:
            user = self.appbuilder.sm.check_password(given["username"], given["password"])
        except TooManyTries:
            raise
        except DomainError as away:
            return self.response(_status(away), message=away.text)
        if user is None:
            return self.response_401()
        passwords.require_chosen(user)
        refusal = second_step.refused(user, given["code"])
        if refusal is not None:
            return self.response(refusal[0], **refusal[1])
        refresh = bool(given.get("refresh"))
        lasts = current_app.config["JWT_REFRESH_TOKEN_EXPIRES" if refresh else "JWT_ACCESS_TOKEN_EXPIRES"]
        key = begin(user, "token", lasts, has_second=second_step.is_given(user))
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
            400:
              $ref: '#/components/responses/400'
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
