"""Accounts and rights: what Flask-AppBuilder's security manager leaves open is closed here."""

from datetime import UTC
from typing import Any

from flask import Flask, current_app, g, has_request_context, session
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import User
from flask_jwt_extended import JWTManager
from flask_login import current_user
from sqlalchemy import select
from werkzeug.local import LocalProxy
from werkzeug.security import check_password_hash

from app import clock
from app.db import db, unit_of_work
from app.models.history import Act
from app.services import api_key as api_keys
from app.services import audit, key_scope, lockout
from app.services import identity as identities
from app.services import password as passwords
from app.services import user as users
from app.web import directory, known_device, looking, signing_in
from app.web.second_step import SecondStepView
from app.web.sign_in import AuthView, SignInApi
from app.web.signing_in import client_address


def _within_key(permission_name: str, view_name: str) -> bool:
    """Say whether the key that asks, if it is a key, has a scope for a right: it never has more than its owner."""
    if not getattr(g, "_api_key_user", False):
        return True
    return key_scope.allows(g.get("key_scopes", ()), view_name, permission_name.removeprefix("can_"))


class CrmSecurityManager(SecurityManager):
    """Accounts and rights: revocable sign-ins, counted failures, one query of rights per request."""

    def register_views(self) -> None:
        """Register sign-in for page and API; users and roles have screens of our own."""
        self.appbuilder.add_api(SignInApi)
        self.auth_view = AuthView()
        self.appbuilder.add_view_no_menu(self.auth_view)
        self.appbuilder.add_view_no_menu(SecondStepView)

    # --- who is asking --------------------------------------------------------------------------------------------

    def load_user(self, pk: str) -> User | None:
        """Return the user of the browser's sign-in, None when it was revoked or has run out."""
        key = session.get("sign_in", "")
        db.session().info["sign_in"] = audit.mark("browser", key)
        user = signing_in.user_of(int(pk), key)
        return looking.seen_by(user, self._may_look) if user is not None else None

    def _may_look(self, user: User) -> bool:
        return bool(self._has_view_access(user, f"can_{looking.VERB}", looking.AREA))

    def create_jwt_manager(self, app: Flask) -> JWTManager:
        """Answer every bad token with 401 and a `message`, like the rest of REST."""
        app.config["JWT_ERROR_MESSAGE_KEY"] = "message"
        manager = super().create_jwt_manager(app)
        manager.invalid_token_loader(lambda reason: ({"message": reason}, 401))
        return manager

    def load_user_jwt(self, _jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> User | None:
        """Return the user of a token's sign-in, None when it was revoked."""
        key = str(jwt_data.get("sid", ""))
        user = signing_in.user_of(int(jwt_data["sub"]), key)
        if user is not None:
            passwords.require_chosen(user)
            db.session().info["sign_in"] = audit.mark("token", key)
            g.user = user
        return user

    @staticmethod
    def takes_password(user: User) -> bool:
        """Say whether somebody may sign in with a password, where a sign-in service is for all but administrators."""
        return identities.takes_password(user, whose=current_app.config.get("CRM_PASSWORD_SIGN_IN", "everybody"))

    def check_password(self, username: str, password: str) -> User | None:
        """Return the account whose password this is; known and unknown names cost the same statements and one hash.

        The try is written down before anything is looked at, and no transaction is open while the hash is computed.
        A password of this program is looked at first: it needs no directory, and the directory does not see it.
        Raises TooManyTries (429) while the name, or the address of a browser that it does not know, has to wait,
        and what `directory.user_for` raises.
        """
        work, at, name = db.session(), clock.now(), username or ""
        with unit_of_work(work):
            found = passwords.credentials(work, name)
            device = known_device.name_for(found.user_id if found is not None else None)
            one = lockout.Try(name=name, address=client_address(), device=device)
            begun = lockout.begin(work, one, at=at)
        with unit_of_work(work):
            wait = lockout.settle(work, one, begun, at=at)
        if wait:
            raise lockout.refusal(wait)
        known = found.user_id if found is not None else None
        kept = found.kept if found is not None else current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"]
        right = check_password_hash(kept, password or "\0") and found is not None and bool(password)
        if right:
            with unit_of_work(work):
                user = work.get_one(User, known)
                if self.takes_password(user):
                    lockout.succeeded(work, one, begun, user, at=at)
                    passwords.note_age(user, at=at)
                    return user
        vouched = directory.user_for(name, password, known=known, at=at)
        with unit_of_work(work):
            if vouched is not None:
                user = work.get_one(User, vouched)
                setattr(g, signing_in.CAME_BY, directory.name())
                lockout.succeeded(work, one, begun, user, at=at, also=[name] if known is None else [])
                return user
            if not right:
                audit.note(work, Act.sign_in_failed, entity="user", record_id=known, name=name, at=at)
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
        user, key_id, scopes = key.user, key.id, key_scope.read(key.scopes)
        passwords.require_chosen(user)
        if api_keys.is_use_due(key, at=at):
            with unit_of_work(db.session()) as work:
                api_keys.tell_use(work, key, at=at)
                api_keys.note_use(work, key_id, at=at, address=client_address())
        db.session().info["sign_in"] = f"key {key_id}"
        g.user, g.key_scopes = user, scopes
        g._api_key_user = True  # noqa: SLF001 -- Flask-AppBuilder's own mark
        return user

    def create_api_key(
        self,
        user: User,
        name: str,
        scopes: str | None = None,
        expires_on: Any = None,
    ) -> dict[str, Any]:
        """Make a key; Flask-AppBuilder's own door leads to ours."""
        at = clock.now()
        lasts = None if expires_on is None else expires_on.replace(tzinfo=UTC) - at
        allowed = key_scope.read(scopes)
        with unit_of_work(db.session()) as work:
            return {"key": api_keys.make(work, user, name=name, scopes=allowed, at=at, lasts=lasts), "name": name}

    def reset_password(self, userid: int, password: str) -> None:
        """Set a password and end every key and sign-in of the account but the one that asks.

        Raises DomainError (`password`) for a bad one.
        """
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
        kept: tuple[Any, set[tuple[str, str]]] | None = g.get("_reader")
        if kept is None or kept[0] is not user:
            kept = user, self._rights_of(user)
            if has_request_context():
                g._reader = kept  # noqa: SLF001 -- of this request
        return (permission_name, view_name) in kept[1] and _within_key(permission_name, view_name)

    def _rights_of(self, user: Any) -> set[tuple[str, str]]:
        """Return all rights of somebody by his roles and groups; none for who is not signed in or is locked."""
        user = self._get_safe_user(user)
        if user is None or not user.is_authenticated or not user.is_active:
            return set()
        role_ids = [role.id for role in self.get_user_roles(user)]
        return self._rights(role_ids) if role_ids else set()

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        """Return the names of all menu entries: the menu itself leaves out areas that cannot be seen."""
        return set(menu_names or [])

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002
        """Nothing is: `crm sync-roles` keeps the public role empty, so it need not be read at every call."""
        return False

    def may(self, area: str, verb: str) -> bool:
        """Say whether the current user has a verb in an area."""
        return bool(self.has_access(f"can_{verb}", area))
