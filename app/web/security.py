"""Sign-in, rights and requests: what Flask-AppBuilder's security manager leaves open is closed here."""

import re
import uuid
from datetime import UTC, timedelta
from typing import Any, cast

from flask import Flask, Response, abort, current_app, flash, g, has_request_context, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.api import BaseApi
from flask_appbuilder.const import API_SECURITY_ACCESS_TOKEN_KEY, API_SECURITY_REFRESH_TOKEN_KEY
from flask_appbuilder.security.api import SecurityApi
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.forms import LoginForm_db
from flask_appbuilder.security.schemas import login_post
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import User
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, get_jwt, jwt_required
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from marshmallow import ValidationError
from sqlalchemy import select
from werkzeug.local import LocalProxy
from werkzeug.security import check_password_hash

from app import clock
from app.db import db, unit_of_work, writing
from app.i18n import gettext as _
from app.i18n import lazy_gettext
from app.roles import ADMIN
from app.services import access
from app.services import api_key as api_keys
from app.services import sign_in as sign_ins
from app.services import user as users
from app.web import drafts
from app.web.ways import onward

csrf = CSRFProtect()
READS_FIRST = frozenset({"AuthView.login", "SignInApi.login"})  # the password is checked before anything is locked
_BROKEN = re.compile("[\0\ud800-\udfff]")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrmSecurityManager(SecurityManager):
    """Accounts and rights: revocable sign-ins, counted failures, one query of rights per request."""

    def register_views(self) -> None:
        """Register sign-in for page and API; users and roles have screens of our own."""
        self.appbuilder.add_api(SignInApi)
        self.auth_view = AuthView()
        self.appbuilder.add_view_no_menu(self.auth_view)

    # --- who is asking --------------------------------------------------------------------------------------------

    def load_user(self, pk: str) -> User | None:
        """Return the user of the browser's sign-in, None when it was revoked or has run out."""
        return sign_ins.user_of(db.session(), user_id=int(pk), key=session.get("sign_in", ""), at=clock.now())

    def create_jwt_manager(self, app: Flask) -> JWTManager:
        """Answer every bad token with 401 and a `message`, like the rest of REST."""
        app.config["JWT_ERROR_MESSAGE_KEY"] = "message"
        manager = super().create_jwt_manager(app)
        manager.invalid_token_loader(lambda reason: ({"message": reason}, 401))
        return manager

    def load_user_jwt(self, _jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> User | None:
        """Return the user of a token's sign-in, None when it was revoked."""
        user = sign_ins.user_of(
            db.session(), user_id=int(jwt_data["sub"]), key=str(jwt_data.get("sid", "")), at=clock.now()
        )
        if user is not None:
            g.user = user
        return user

    def check_password(self, username: str, password: str) -> User | None:
        """Return the account whose password this is, in the same time for unknown names.

        Raises TooManyTriesError (429) after too many failures of this address or name within a minute.
        """
        work, at, address = db.session(), clock.now(), client_address()
        tries = current_app.config["SIGN_IN_TRIES"]
        if sign_ins.blocked(work, username=username, address=address, at=at, tries=tries):
            abort(429)
        user = sign_ins.user_by_name(work, username) if username else None
        usable = user is not None and bool(user.active) and bool(user.password)
        stored = (
            user.password if user is not None and usable else current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"]
        )
        right = check_password_hash(stored, password or "\0")
        if user is not None and usable and right and password:
            return user
        with unit_of_work(work):
            sign_ins.note_failure(work, username=username or "", address=address, at=at)
        return None

    def auth_user_db(self, username: str, password: str) -> User | None:
        """Check a password the counted way, whoever asks."""
        return self.check_password(username, password)

    def validate_api_key(self, api_key_string: str) -> User | None:
        """Return the user of a live key; when it was used last is written now and then."""
        at = clock.now()
        key = api_keys.owner(db.session(), api_key_string, at=at)
        if key is None:
            return None
        user, key_id = key.user, key.id
        if api_keys.is_use_due(key, at=at):
            with unit_of_work(db.session()) as work:
                api_keys.note_use(work, key_id, at=at)
        g.user = user
        g._api_key_user = True  # noqa: SLF001 -- Flask-AppBuilder's own mark
        return user

    def create_api_key(
        self,
        user: User,
        name: str,
        scopes: str | None = None,  # noqa: ARG002 -- kept by the framework, enforced by nobody: keys have all rights
        expires_on: Any = None,
    ) -> dict[str, Any]:
        """Make a key; Flask-AppBuilder's own door leads to ours."""
        at = clock.now()
        lasts = None if expires_on is None else expires_on.replace(tzinfo=UTC) - at
        with unit_of_work(db.session()) as work:
            return {"key": api_keys.make(work, user, name=name, at=at, lasts=lasts), "name": name}

    def reset_password(self, userid: int, password: str) -> None:
        """Set a password and end every key and sign-in of the account but the one that asks."""
        own = session.get("sign_in") if has_request_context() and current_user.get_id() == str(userid) else None
        with unit_of_work(db.session()) as work:
            users.reset_password(work, work.get_one(User, int(userid)), password, at=clock.now(), but=own)

    # --- rights ---------------------------------------------------------------------------------------------------

    def _rights(self, role_ids: list[int]) -> set[tuple[str, str]]:
        """Return all (permission, area) pairs of the roles; asked once per request."""
        key = tuple(sorted(role_ids))
        kept: dict[tuple[int, ...], set[tuple[str, str]]] = g.setdefault("_rights", {}) if has_request_context() else {}
        if key not in kept:
            pv, p, v, r = self.permissionview_model, self.permission_model, self.viewmenu_model, self.role_model
            found = db.session.execute(
                select(p.name, v.name)
                .select_from(pv)
                .join(p, pv.permission_id == p.id)
                .join(v, pv.view_menu_id == v.id)
                .join(pv.role)
                .where(r.id.in_(role_ids))
            ).all()
            kept[key] = {(row[0], row[1]) for row in found}
        return kept[key]

    def exist_permission_on_roles(self, view_name: str, permission_name: str, role_ids: list[int]) -> bool:
        """Say whether one of the roles has a right."""
        return (permission_name, view_name) in self._rights(role_ids)

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Say whether the reader has a right; Flask-AppBuilder asks through three proxies, some forty times a page."""
        user = getattr(g, "user", None)
        if isinstance(user, LocalProxy):
            user = user._get_current_object()  # noqa: SLF001 -- werkzeug's documented way to the thing itself
        user = self._get_safe_user(user)
        if user is None or not user.is_authenticated or not user.is_active:
            return False
        return bool(self._has_view_access(user, permission_name, view_name))

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        """Return the names of all menu entries: the menu itself leaves out areas that cannot be seen."""
        return set(menu_names or [])

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002
        """Nothing is: `crm sync-roles` keeps the public role empty, so it need not be read at every call."""
        return False

    def may(self, area: str, verb: str) -> bool:
        """Say whether the current user has a verb in an area."""
        return bool(self.has_access(f"can_{verb}", area))


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
            user = self.appbuilder.sm.check_password(form.username.data.strip(), form.password.data)
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


def sign_in_browser(user: User) -> None:
    """Open a browser sign-in: a new session that carries nothing of the old one but the language."""
    lasts = cast(timedelta, current_app.config["PERMANENT_SESSION_LIFETIME"])
    language = user.profile.language if user.profile else session.get("locale", "en")
    with unit_of_work(db.session()) as work:
        key = sign_ins.begin(
            work,
            user,
            kind="browser",
            address=client_address(),
            agent=request.user_agent.string,
            at=clock.now(),
            lasts=lasts,
        ).key
    session.clear()
    session.permanent = True
    login_user(user, remember=False)
    session["sign_in"] = key
    session["locale"] = language


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
            429:
              description: Too many failed tries; wait a minute
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
        refresh = bool(given.get("refresh"))
        lasts = current_app.config["JWT_REFRESH_TOKEN_EXPIRES" if refresh else "JWT_ACCESS_TOKEN_EXPIRES"]
        with unit_of_work(db.session()) as work:
            key = sign_ins.begin(
                work,
                user,
                kind="token",
                address=client_address(),
                agent=request.user_agent.string,
                at=clock.now(),
                lasts=lasts,
            ).key
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


def _actor() -> access.Actor | None:
    """Return the actor of this request: the signed-in user, whoever proved it and how."""
    user = getattr(g, "user", None)
    if user is None or not user.is_authenticated:
        return None
    kept: tuple[int, access.Actor] | None = g.get("_actor")
    if kept is None or kept[0] != user.id:
        roles = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
        g._actor = kept = (  # noqa: SLF001
            user.id,
            access.actor_of(db.session(), user_id=user.id, name=user.username, roles=roles),
        )
    return kept[1]


def _begin_request() -> None:
    g.request_id = str(uuid.uuid4())
    work = db.session()
    work.info["request_id"] = g.request_id
    if request.method not in SAFE_METHODS and request.endpoint not in READS_FIRST:
        writing(work)
    access.act_as(work, _actor)


def _refuse_broken_text() -> None:
    """Refuse what no text holds and no database keeps: NUL, and halves of surrogate pairs in JSON."""
    texts: list[Any] = [*request.args.values(), *request.form.values()]
    if request.is_json:
        texts.append(request.get_json(silent=True))
    while texts:
        one = texts.pop()
        if isinstance(one, str):
            if _BROKEN.search(one):
                abort(400)
        elif isinstance(one, dict):
            texts += [*one, *one.values()]
        elif isinstance(one, list):
            texts += one


def _check_form_token() -> Response | None:
    """Refuse changing requests without the form's token; a bearer token proves by itself that no other site asks."""
    if request.method in SAFE_METHODS or not current_app.config["WTF_CSRF_ENABLED"]:
        return None
    rest = request.path.startswith("/api/")
    if request.endpoint is None or (rest and request.headers.get("Authorization", "").lower().startswith("bearer ")):
        return None
    if request.endpoint in {"SignInApi.login", "SignInApi.refresh"}:
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


def init_app(app: Flask) -> None:
    """Install the request hooks, before Flask-AppBuilder adds its own."""
    app.config.setdefault("WTF_CSRF_ENABLED", True)
    csrf.init_app(app)
    app.before_request(_begin_request)


def init_late(app: Flask) -> None:
    """Install what must run once the user is known."""
    app.before_request(_refuse_broken_text)
    app.before_request(_check_form_token)


def is_admin() -> bool:
    """Say whether the current user is an administrator."""
    actor = _actor()
    return actor is not None and ADMIN in actor.roles


__all__ = ["AuthView", "BaseApi", "CrmSecurityManager", "SignInApi", "csrf", "init_app", "init_late", "is_admin"]
