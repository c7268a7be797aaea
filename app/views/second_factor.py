"""One's own second factor: setting it up, recovery codes, switching it off. Every change asks for the password."""

from typing import Any

from flask import flash, g, redirect
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import role_demand, signed_in
from app.services import second_factor as factors
from app.web.crm_form import CrmForm
from app.web.second_step import grouped, picture
from app.web.signing_in import own_key

HOME = "/profile/second_factor/"


class ProvedForm(CrmForm):
    """The password, for what somebody else at an open screen must not do."""

    password = PasswordField(_l("Current password"), [InputRequired()], render_kw={"autocomplete": "current-password"})


class ConfirmForm(CrmForm):
    """The first code of a new authenticator."""

    code = StringField(
        _l("Code"),
        [InputRequired(), Length(max=40)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"},
    )


class SecondFactorView(BaseView):
    """The reader's second factor."""

    route_base = "/profile/second_factor"
    class_permission_name = "profile"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def index(self) -> Any:
        """Show how the second factor stands, or the one that is being set up."""
        return self._page()

    @expose("/begin", methods=["POST"])
    @has_access
    @permission_name("see")
    def begin(self) -> Any:
        """Begin to set a device up, the first one or another in its place."""
        form = ProvedForm()
        if not self._is_proved(form):
            return self._page(begin=form), 422
        with unit_of_work(db.session()) as work:
            factors.begin(work, _reader(work), at=clock.now())
        return redirect(HOME)

    @expose("/confirm", methods=["POST"])
    @has_access
    @permission_name("see")
    def confirm(self) -> Any:
        """Switch the device on that was set up, and show its recovery codes, this once."""
        form = ConfirmForm()
        if form.validate():
            try:
                with unit_of_work(db.session()) as work:
                    codes = factors.confirm(work, _reader(work), form.code.data, at=clock.now())
                    signed_in.strengthen(work, own_key())
            except DomainError as refusal:
                if factors.candidate(db.session(), g.user.id, at=clock.now()) is None:
                    flash(str(refusal), "danger")
                    return redirect(HOME)
                form.code.errors = [str(refusal)]
            else:
                flash(_("The second factor is on."), "success")
                return self._codes(codes)
        return self._page(confirm=form), 422

    @expose("/cancel", methods=["POST"])
    @has_access
    @permission_name("see")
    def cancel(self) -> Any:
        """Set up no device after all."""
        with unit_of_work(db.session()) as work:
            factors.drop_candidate(work, _reader(work))
        return redirect(HOME)

    @expose("/codes", methods=["POST"])
    @has_access
    @permission_name("see")
    def codes(self) -> Any:
        """Make new recovery codes and show them, this once."""
        form = ProvedForm()
        if not self._is_proved(form):
            return self._page(codes=form), 422
        try:
            with unit_of_work(db.session()) as work:
                made = factors.renew_codes(work, _reader(work))
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(HOME)
        return self._codes(made)

    @expose("/off", methods=["POST"])
    @has_access
    @permission_name("see")
    def off(self) -> Any:
        """Switch the second factor off."""
        form = ProvedForm()
        if not self._is_proved(form):
            return self._page(off=form), 422
        try:
            with unit_of_work(db.session()) as work:
                factors.switch_off(work, _reader(work))
        except DomainError as refusal:
            form.password.errors = [str(refusal)]
            return self._page(off=form), 422
        flash(_("The second factor is off."), "success")
        return redirect(HOME)

    def _is_proved(self, form: CrmForm) -> bool:
        if not form.validate():
            return False
        if self.appbuilder.sm.check_password(g.user.username, form["password"].data) is None:
            form["password"].errors = [_("This is not your current password.")]
            return False
        return True

    def _codes(self, codes: list[str]) -> str:
        return str(self.render_template("web/second_factor_codes.html", title=_("Recovery codes"), codes=codes))

    def _page(self, **forms: CrmForm) -> str:
        work, user = db.session(), _reader(db.session())
        secret = factors.candidate(work, user.id, at=clock.now())
        kept = factors.of(work, user.id)
        about: dict[str, Any] = {
            "title": _("Second factor"),
            "since": kept.confirmed_at if kept is not None else None,
            "is_demanded": role_demand.demands(work, user.id),
            "left": factors.codes_left(work, user.id),
            "secret": grouped(secret) if secret else "",
            "picture": picture(user, secret) if secret else "",
            "tried": next(iter(forms), ""),
        }
        for name, kind in (("begin", ProvedForm), ("confirm", ConfirmForm), ("codes", ProvedForm), ("off", ProvedForm)):
            about[f"{name}_form"] = forms.get(name) or kind(formdata=None)
        return str(self.render_template("web/second_factor.html", **about))


def _reader(session: Any) -> User:
    return session.get_one(User, g.user.id)


def register(appbuilder: Any) -> None:
    """Register the page; one's settings lead to it."""
    appbuilder.add_view_no_menu(SecondFactorView)
