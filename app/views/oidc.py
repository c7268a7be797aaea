"""Signing in with the company's own service: the way there, the way back, and connecting an account that exists."""

from typing import Any

from flask import abort, current_app, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from flask_appbuilder.security.sqla.models import User
from flask_wtf.csrf import validate_csrf
from wtforms import ValidationError

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.services import identity as identities
from app.web import oidc
from app.web.signing_in import CAME_BY, sign_in_browser
from app.web.ways import onward

_ABOUT = "oidc"


class OidcView(BaseView):
    """There and back; see the module's text."""

    route_base = "/oidc"
    class_permission_name = "profile"
    default_view = "begin"

    @expose("/begin")
    @no_cache
    def begin(self) -> Any:
        """Lead to the service: to sign in, or, with the form's token, to connect the reader's account."""
        if not oidc.is_on():
            abort(404)
        from app.web import oidc_client

        connects = g.user.is_authenticated and self._has_token()
        if g.user.is_authenticated and not connects:
            return redirect(onward(request.args.get("next")))
        about = {"next": onward(request.args.get("next")), "connects": g.user.id if connects else None}
        db.session.rollback()  # nothing is held while others are asked
        try:
            answer = oidc_client.leave()
        except oidc.RefusedError as refusal:
            return _refused(refusal, "/profile/" if connects else "/login/")
        session[_ABOUT] = about
        return answer

    @expose("/callback")
    @no_cache
    def callback(self) -> Any:
        """Sign in, or connect, whom the service vouches for."""
        if not oidc.is_on():
            abort(404)
        from app.web import oidc_client

        about = session.pop(_ABOUT, None) or {}
        reader = g.user.id if g.user.is_authenticated else None
        connects = about.get("connects")
        place = "/profile/" if connects else "/login/"
        db.session.rollback()
        try:
            claims = oidc_client.come_back()
            if connects != reader:
                raise oidc.RefusedError("somebody else is signed in by now")
            with unit_of_work(db.session()) as work:
                if connects:
                    identities.connect(work, work.get_one(User, connects), claims, at=clock.now())
                else:
                    key = identities.user_for(work, claims, rules=oidc.rules(), at=clock.now()).id
        except oidc.RefusedError as refusal:
            return _refused(refusal, place)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(place)
        if connects:
            flash(_("Your account is connected with %(service)s.", service=oidc.name()), "success")
            return redirect(place)
        setattr(g, CAME_BY, oidc.name())
        sign_in_browser(db.session().get_one(User, key), has_second=True)  # that is left to the service
        return redirect(onward(about.get("next")))

    @expose("/disconnect", methods=["POST"])
    @has_access
    @permission_name("see")
    def disconnect(self) -> Any:
        """Take the connection of the reader's account back."""
        with unit_of_work(db.session()) as work:
            identities.disconnect(work, g.user.id, current_app.config.get("CRM_OIDC_ISSUER") or "", at=clock.now())
        flash(_("The connection is ended."), "success")
        return redirect("/profile/")

    @staticmethod
    def _has_token() -> bool:
        try:
            validate_csrf(request.args.get("connect", ""))
        except ValidationError:
            return False
        return True


def _refused(refusal: oidc.RefusedError, place: str) -> Any:
    current_app.logger.warning("signing in with %s was refused: %s", oidc.name(), refusal)
    flash(_("Signing in with %(service)s did not work. Try again.", service=oidc.name()), "danger")
    return redirect(place)


def is_connected() -> bool:
    """Say whether the reader's account is connected with the service."""
    return identities.is_connected(db.session(), g.user.id, current_app.config["CRM_OIDC_ISSUER"])


def register(appbuilder: Any) -> None:
    """Register the ways, and let the sign-in page and the settings name the service."""
    appbuilder.add_view_no_menu(OidcView)
    current_app.jinja_env.globals |= {"oidc_name": oidc.name, "oidc_connected": is_connected}
