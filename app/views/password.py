"""Choosing a password: because one is due, or by a mailed link when it is forgotten."""

from typing import Any

from flask import flash, g, make_response, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound, TooManyTries
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import lockout
from app.services import password as passwords
from app.services import password_link as links
from app.services import user as users
from app.services.channel import EMAIL_LENGTH, normalise_email
from app.web import known_device, password_fields
from app.web.crm_form import CrmForm
from app.web.signing_in import client_address
from app.web.ways import onward


class ForgotForm(CrmForm):
    """The address to which a link is mailed."""

    email = StringField(
        _l("E-mail"),
        [InputRequired(), Length(max=EMAIL_LENGTH)],
        render_kw={"type": "email", "autocomplete": "email", "inputmode": "email", "autofocus": True},
    )


class ByLinkForm(password_fields.LinkPasswordForm):
    """A password chosen by a link; its random part travels in the form, so that no address but the letter's has it."""

    link = HiddenField()


class PasswordView(BaseView):
    """Pages on which a password is chosen, for people who are not signed in yet, or get nowhere without a new one."""

    route_base = "/password"
    default_view = "forgot"

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Any:
        """Let somebody choose the new password that is due."""
        if not g.user.is_authenticated:
            return redirect("/login/")
        if not passwords.is_due(g.user):
            return redirect("/profile/")
        form = password_fields.DuePasswordForm()
        if request.method == "GET":
            return self._page("new", password_fields.DuePasswordForm(formdata=None))
        if form.validate() and password_fields.change(self.appbuilder.sm, form):
            flash(_("Your password is changed."), "success")
            return redirect(onward(request.args.get("next")))
        return self._page("new", form, 422)

    @expose("/forgot", methods=["GET", "POST"])
    def forgot(self) -> Any:
        """Let a link be mailed; whose the address is, and whether anybody's, is not looked at here."""
        if g.user.is_authenticated:
            return redirect("/profile/")
        if links.problem(db.session()) is not None:
            return self._page("away")
        if request.method == "GET":
            return self._page("forgot", ForgotForm(formdata=None))
        return self._asked(ForgotForm())

    def _asked(self, form: CrmForm) -> Any:
        """Answer somebody who asks for a link: the same to everybody, but to those who ask too often."""
        if not form.validate():
            return self._page("forgot", form, 422)
        try:
            self._ask(normalise_email(form.email.data))
        except TooManyTries as refusal:
            form.email.errors = [refusal.text]
            answer = self._page("forgot", form, 429)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        except DomainError as refusal:
            form.email.errors = [refusal.text]
            return self._page("forgot", form, 422)
        return self._page("sent")

    @staticmethod
    def _ask(email: str) -> None:
        """Count the wish and let the worker do the rest. Raises TooManyTries after many of an address."""
        work, at = db.session(), clock.now()
        one = lockout.Try(name=email, address=client_address(), kind=lockout.LINK)
        with unit_of_work(work):
            begun = lockout.begin(work, one, at=at)
        with unit_of_work(work):
            wait = lockout.settle(work, one, begun, at=at)
            if not wait:
                links.ask(work, email=email)
        if wait:
            raise lockout.refusal(wait)

    @expose("/link/<string:token>", methods=["GET"])
    def link(self, token: str) -> Any:
        """Show the form of a mailed link; looking at it, as programs that read mail do, does not use it up."""
        try:
            user = links.find(db.session(), token, at=clock.now()).user
        except NotFound:
            return self._page("ended", status=404)
        form = ByLinkForm(formdata=None)
        form.link.data = token
        return self._page("link", form, account=user.username)

    @expose("/choose", methods=["POST"])
    def choose(self) -> Any:
        """Set the password of a mailed link's account; the link, all sign-ins and all keys end."""
        form, token, at = ByLinkForm(), request.form.get("link", ""), clock.now()
        try:
            account = links.find(db.session(), token, at=at).user.username
            if not form.validate():
                return self._page("link", form, 422, account=account)
            with unit_of_work(db.session()) as work:
                user_id = users.choose_by_link(work, token, form.new.data, at=at).id
        except NotFound:
            return self._page("ended", status=404)
        except DomainError as refusal:
            form.new.errors = [refusal.text]
            return self._page("link", form, 422, account=account)
        known_device.remember(user_id)
        flash(_("Your password is set. Sign in with it."), "success")
        return redirect("/login/")

    @staticmethod
    def _page(state: str, form: CrmForm | None = None, status: int = 200, **about: Any) -> Any:
        """Return a page that no cache keeps and no other page learns the address of."""
        titles = {"new": _("Choose a new password"), "link": _("Choose a password"), "ended": _("The link has ended")}
        title = titles.get(state, _("Forgot your password?"))
        answer = make_response(render_template("web/password.html", state=state, title=title, form=form, **about))
        answer.status_code = status
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-store"
        return answer


def register(appbuilder: Any) -> None:
    """Register the pages; the sign-in page and letters lead to them."""
    appbuilder.add_view_no_menu(PasswordView)
