"""Connecting one's account with the company's own directory (LDAP), and ending that."""

from typing import Any

from flask import abort, current_app, flash, g, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from flask_appbuilder.security.sqla.models import User
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.errors import DirectoryAway, DomainError, TooManyTries
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import identity as identities
from app.web import directory
from app.web.crm_form import CrmForm


class ProofForm(CrmForm):
    """Name and password in the directory."""

    username = StringField(
        _l("User name"), [InputRequired(), Length(max=254)], render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    password = PasswordField(_l("Password"), [InputRequired()], render_kw={"autocomplete": "off"})


class DirectoryView(BaseView):
    """See the module's text."""

    route_base = "/profile/directory"
    class_permission_name = "profile"
    default_view = "connect"

    @expose("/", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    @no_cache
    def connect(self) -> Any:
        """Ask for name and password in the directory, and connect the reader's account with whose they are."""
        if not directory.is_on():
            abort(404)
        form, status = ProofForm(), 200
        if request.method == "POST":
            status = 422
            if form.validate():
                try:
                    self._connect(g.user.id, form)
                except TooManyTries as refusal:
                    form.password.errors, status = [refusal.text], 429
                except DomainError as refusal:
                    form.password.errors = [refusal.text]
                    status = 503 if isinstance(refusal, DirectoryAway) else 422
                else:
                    text = _("Your account is connected with %(service)s.", service=directory.name())
                    flash(text, "success")
                    return redirect("/profile/")
        title = _("Connect with %(service)s", service=directory.name())
        return self.render_template("web/directory_connect.html", title=title, form=form), status

    @staticmethod
    def _connect(user_id: int, form: CrmForm) -> None:
        at = clock.now()
        claims = directory.prove(form.username.data.strip(), form.password.data, at=at)
        with unit_of_work(db.session()) as work:
            identities.connect(work, work.get_one(User, user_id), claims, at=at)

    @expose("/disconnect", methods=["POST"])
    @has_access
    @permission_name("see")
    def disconnect(self) -> Any:
        """Take the connection of the reader's account back."""
        with unit_of_work(db.session()) as work:
            identities.disconnect(work, g.user.id, directory.issuer(), at=clock.now())
        flash(_("The connection is ended."), "success")
        return redirect("/profile/")


def is_connected() -> bool:
    """Say whether the reader's account is connected with the directory."""
    return identities.is_connected(db.session(), g.user.id, directory.issuer())


def register(appbuilder: Any) -> None:
    """Register the page, and let the sign-in page and the settings name the directory."""
    appbuilder.add_view_no_menu(DirectoryView)
    current_app.jinja_env.globals |= {"directory_name": directory.name, "directory_connected": is_connected}
