"""Screens of keys for REST: one's own, and for administrators everybody's."""

from datetime import timedelta
from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import api_key as api_keys
from app.services.key_scope import EVERY_AREA, KINDS
from app.web import key_scopes, menu

ORDER = 93
DAYS = (7, 30, 90, 180, 365)
NEVER = "never"


class ApiKeyView(BaseView):
    """The reader's own keys."""

    route_base = "/key"
    class_permission_name = "profile"  # everybody who has settings of his own may let programs work in his name
    default_view = "index"

    @expose("/list/")
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show the reader's keys."""
        return self._list()

    @expose("/add", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    @no_cache
    def add(self) -> Any:
        """Ask what a new key may do, make it, and show it this once."""
        if request.method == "GET":
            return self._form({})
        found = key_scopes.rows(self.appbuilder)
        try:
            scopes = set(request.form.getlist("scope"))
            if not scopes <= key_scopes.offered(found):
                raise DomainError(_("Choose one of the values that are offered"), field="scopes")
            with unit_of_work(db.session()) as work:
                secret = api_keys.make(
                    work, g.user, name=request.form.get("name", ""), scopes=scopes, at=clock.now(), lasts=_lasts()
                )
        except Refusals as refusal:
            return self._form(refusal.errors), 422
        except DomainError as refusal:
            return self._form({refusal.field or "": [str(refusal)]}), 422
        return self._list(secret=secret)

    @expose("/<int:key_id>/rotate", methods=["POST"])
    @has_access
    @permission_name("see")
    @no_cache
    def rotate(self, key_id: int) -> Any:
        """Put a new secret in a key's place and show it this once."""
        try:
            with unit_of_work(db.session()) as work:
                at_once = request.form.get("old") == "now"
                secret = api_keys.rotate(work, key_id, user_id=g.user.id, at=clock.now(), at_once=at_once)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect("/key/list/")
        return self._list(secret=secret)

    @expose("/<int:key_id>/revoke", methods=["POST"])
    @has_access
    @permission_name("see")
    def revoke(self, key_id: int) -> Any:
        """End one of the reader's keys."""
        try:
            with unit_of_work(db.session()) as work:
                api_keys.revoke(work, key_id, user_id=g.user.id, at=clock.now())
        except NotFound:
            abort(404)
        flash(_("The key is revoked."), "success")
        return redirect("/key/list/")

    def _list(self, *, secret: str | None = None) -> str:
        keys = api_keys.known(db.session(), user_id=g.user.id)
        return _page(self, _("Keys for REST"), keys, secret=secret, is_own=True)

    def _form(self, errors: dict[str, list[str]]) -> str:
        return str(
            self.render_template(
                "web/api_key_form.html",
                title=_("New key"),
                errors=errors,
                rows=key_scopes.rows(self.appbuilder),
                kinds=[(kind, str(key_scopes.KIND_TEXTS[kind])) for kind in KINDS],
                every=EVERY_AREA,
                ticked=set(request.form.getlist("scope")),
                days=DAYS,
                usual=api_keys.USUAL.days,
                never=NEVER,
                may_last=api_keys.may_last_for_ever(g.user),
                longest=api_keys.LONGEST_NAME,
            )
        )


class AllKeysView(BaseView):
    """Everybody's keys, for administrators: who, what, until when, used when and from where."""

    route_base = "/all_keys"
    class_permission_name = "api_key"
    base_permissions: ClassVar = ["can_see", "can_revoke"]
    default_view = "index"
    many_name = _l("Keys for REST")

    @expose("/list/")
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show everybody's keys."""
        may_end = self.appbuilder.sm.may(self.class_permission_name, "revoke")
        return _page(self, str(self.many_name), api_keys.known(db.session()), is_own=False, may_end=may_end)

    @expose("/<int:key_id>/revoke", methods=["POST"])
    @has_access
    @permission_name("revoke")
    def revoke(self, key_id: int) -> Any:
        """End somebody's key."""
        try:
            with unit_of_work(db.session()) as work:
                ended = api_keys.revoke(work, key_id, user_id=None, at=clock.now())
                said = _("The key %(name)s of %(who)s is revoked.", name=ended.name, who=str(ended.user))
        except NotFound:
            abort(404)
        flash(said, "success")
        return redirect("/all_keys/list/")


def _lasts() -> timedelta | None:
    """Return for how long the form wants the key to last; DomainError for what it does not offer."""
    given = request.form.get("lasts", str(api_keys.USUAL.days))
    if given == NEVER:
        return None
    if given not in {str(days) for days in DAYS}:
        raise DomainError(_("Choose one of the values that are offered"), field="lasts")
    return timedelta(days=int(given))


def _page(
    view: Any, title: str, keys: list[api_keys.Known], *, is_own: bool, secret: str | None = None, may_end: bool = True
) -> str:
    at = clock.now()
    return str(
        view.render_template(
            "web/api_keys.html",
            title=title,
            keys=[(each, each.is_live(at)) for each in keys],
            told=lambda scopes: key_scopes.told(view.appbuilder, scopes),
            secret=secret,
            is_own=is_own,
            may_end=may_end,
        )
    )


def register(appbuilder: Any) -> None:
    """Register the screens; one's own settings lead to one's own keys."""
    appbuilder.add_view_no_menu(ApiKeyView)
    menu.place(appbuilder, AllKeysView, "api_key", label=_l("Keys for REST"), group="security", icon="key-round")
