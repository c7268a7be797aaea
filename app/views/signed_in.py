"""Where one is signed in, and which devices are remembered; each can be ended."""

from typing import Any

from flask import abort, current_app, flash, g, redirect
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import NotFound
from app.i18n import gettext as _
from app.services import remembered_device, signed_in
from app.services import sign_in as sign_ins
from app.web import device
from app.web.signing_in import own_key

HOME = "/profile/sign_ins/"


def told(user_id: int) -> list[dict[str, Any]]:
    """Return the living sign-ins of a user as pages show them, this one first."""
    at, idle, mine = clock.now(), current_app.config["IDLE_TIME"], own_key()
    found = [
        {
            "handle": signed_in.handle(one.key),
            "is_browser": one.kind == sign_ins.BROWSER,
            "device": device.words(one.agent),
            "address": one.address,
            "began_at": one.began_at,
            "seen_at": one.seen_at,
            "has_second": one.has_second,
            "is_this": one.key == mine,
        }
        for one in signed_in.living(db.session(), user_id, at=at, idle=idle)
    ]
    return sorted(found, key=lambda one: not one["is_this"])


class SignedInView(BaseView):
    """The reader's browsers, tokens and remembered devices."""

    route_base = "/profile/sign_ins"
    class_permission_name = "profile"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show where the reader is signed in."""
        devices = remembered_device.of_user(db.session(), g.user.id, at=clock.now())
        about = {"rows": told(g.user.id), "devices": devices, "words": device.words}
        return str(self.render_template("web/signed_in.html", title=_("Where I am signed in"), **about))

    @expose("/<string:handle>/end", methods=["POST"])
    @has_access
    @permission_name("see")
    def end(self, handle: str) -> Any:
        """End one of the reader's sign-ins."""
        try:
            with unit_of_work(db.session()) as work:
                signed_in.end(work, g.user.id, handle, at=clock.now())
        except NotFound:
            abort(404)
        flash(_("This sign-in has ended."), "success")
        return redirect(HOME)

    @expose("/end_others", methods=["POST"])
    @has_access
    @permission_name("see")
    def end_others(self) -> Any:
        """End all sign-ins of the reader but this one."""
        with unit_of_work(db.session()) as work:
            sign_ins.end_all(work, g.user.id, at=clock.now(), but=own_key())
        flash(_("You are signed out everywhere else."), "success")
        return redirect(HOME)

    @expose("/device/<int:device_id>/forget", methods=["POST"])
    @has_access
    @permission_name("see")
    def forget(self, device_id: int) -> Any:
        """Forget a device: it is asked for the second factor again."""
        try:
            with unit_of_work(db.session()) as work:
                remembered_device.forget(work, device_id, user_id=g.user.id)
        except NotFound:
            abort(404)
        flash(_("The device is forgotten."), "success")
        return redirect(HOME)


def register(appbuilder: Any) -> None:
    """Register the page; one's settings lead to it."""
    appbuilder.add_view_no_menu(SignedInView)
