"""The page of the channels: what waits, what failed and why, what was refused, and a letter to try the way out."""

from typing import Any, ClassVar

from flask import flash, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.services import access, channel_desk
from app.services import organisation as organisations
from app.web import menu

ORDER = 86
LONGEST = 254


class ChannelDeskView(BaseView):
    """How the channels stand."""

    route_base = "/channel"
    class_permission_name = "channel"
    base_permissions: ClassVar = ["can_see", "can_test"]
    default_view = "standing"
    many_name = _l("Channels")

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def standing(self) -> Any:
        """Show what waits, what failed and what was refused."""
        return self._desk()

    @expose("/test", methods=["POST"])
    @has_access
    @permission_name("test")
    def test(self) -> Any:
        """Send a letter that tries the way out."""
        to = request.form.get("to", "").strip()[:LONGEST]
        try:
            with unit_of_work(db.session()) as session:
                us = organisations.first(session)
                if us is None:
                    raise DomainError(_("Set up your own company first"))
                by = access.required(session)
                channel_desk.send_test(session, us, to=to, language=language(), at=clock.now(), by=by)
        except DomainError as refusal:
            return self._desk(to=to, wrong=str(refusal)), 422
        flash(_("The letter is on its way; how far it comes stands among the letters."), "success")
        return redirect(self.route_base + "/")

    @expose("/test_text", methods=["POST"])
    @has_access
    @permission_name("test")
    def test_text(self) -> Any:
        """Send a text message that tries the way out."""
        number = request.form.get("number", "").strip()[:LONGEST]
        try:
            with unit_of_work(db.session()) as session:
                us = organisations.first(session)
                if us is None:
                    raise DomainError(_("Set up your own company first"))
                by = access.required(session)
                channel_desk.send_test_text(session, us, to=number, language=language(), at=clock.now(), by=by)
        except DomainError as refusal:
            return self._desk(number=number, wrong_number=str(refusal)), 422
        flash(_("The text message is on its way; how far it comes stands among the text messages."), "success")
        return redirect(self.route_base + "/")

    def _desk(self, **typed: str) -> str:
        sm = self.appbuilder.sm
        return str(
            render_template(
                "web/channel_desk.html",
                title=_("Channels"),
                appbuilder=self.appbuilder,
                view=self,
                desk=channel_desk.look(db.session(), at=clock.now()),
                may_test=sm.may("channel", "test"),
                may_see_letters=sm.may("letter", "see"),
                may_see_refusals=sm.may("contact_refusal", "see"),
                typed=typed,
                may_see_texts=sm.may("text_message", "see"),
            )
        )


def register(appbuilder: Any) -> None:
    """Register the page."""
    menu.place(appbuilder, ChannelDeskView, "channel", label=_l("Channels"), group="settings", icon="mail")
