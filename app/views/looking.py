"""Looking at the program as somebody else: the way in from a user's card, and the way out from the banner."""

from typing import Any, ClassVar

from flask import abort, flash, g, redirect, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_login import current_user

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.history import Act
from app.services import audit
from app.services import looking as looks
from app.web import looking


class LookView(BaseView):
    """Begin and end a look."""

    route_base = "/look_as"
    class_permission_name = looking.AREA
    base_permissions: ClassVar = [f"can_{looking.VERB}"]

    @expose("/<int:pk>", methods=["POST"])
    @has_access
    @permission_name(looking.VERB)
    def begin(self, pk: int) -> Any:
        """Look as a colleague from now on."""
        person = looks.target(db.session(), pk) if pk < 2**31 else None
        if person is None:
            abort(404)
        if not looks.may_look(db.session(), person, by=g.user):
            raise DomainError(_("One looks only as somebody who may do no more than oneself"))
        with unit_of_work(db.session()) as work:
            audit.note(work, Act.look_as, entity="user", record_id=pk, name=person.username, at=clock.now())
        session[looking.KEY] = pk
        return redirect("/home/")

    @expose("/end", methods=["POST"])
    def end(self) -> Any:
        """Be oneself again."""
        if not current_user.is_authenticated:
            return redirect("/login/")
        was = session.pop(looking.KEY, None)
        if was is not None:
            flash(_("You are yourself again."), "success")
        return redirect(f"/user/show/{was}" if was is not None else "/home/")


def register(appbuilder: Any) -> None:
    """Register the way in and out."""
    appbuilder.add_view_no_menu(LookView)
