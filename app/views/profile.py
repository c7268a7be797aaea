"""One's own settings: how screens look, where one begins, the password."""

from collections.abc import Callable
from typing import Any

from flask import abort, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import Session
from wtforms import SelectField
from wtforms.fields.choices import Choice
from wtforms.validators import InputRequired, ValidationError

from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.team import Density, Theme
from app.services import profile as profiles
from app.services import user as users
from app.web import password_fields, settings_start
from app.web.crm_form import CrmForm
from app.web.fields import ChoiceField, ListField
from app.web.listing import PAGE_SIZES
from app.web.password_fields import PasswordForm
from app.web.ways import onward

LONG_NUMBER = 6  # digits that no width has


class PageSizeField(SelectField):
    """How many rows a page of a list has; empty leaves it to each list."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, coerce=self._number, **options)

    def iter_choices(self) -> Any:
        """Yield what lists offer below their rows."""
        yield Choice("", _("As each list says"), self.data is None, {})
        for size in PAGE_SIZES:
            yield Choice(str(size), str(size), self.data == size, {})

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Refuse what is not offered."""
        if self.data is not None and self.data not in PAGE_SIZES:
            raise ValidationError(_("Not a valid choice."))

    @staticmethod
    def _number(value: Any) -> int | None:
        return int(value) if value not in (None, "") else None


class StartField(SelectField):
    """Where one begins; empty is the start page."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=lambda: settings_start.choices(db.session()), **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Keep nothing for the start page."""
        self.data = valuelist[0] or None if valuelist else None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Refuse what the reader may not see."""
        if (self.data or "") not in {value for value, *_rest in self.iter_choices()}:
            raise ValidationError(_("Not a valid choice."))


class ProfileForm(CrmForm):
    """Language, time zone, colours, room, where one begins, rows of a page."""

    language = ListField(_l("Language"), [InputRequired()], of="language")
    time_zone = ListField(_l("Time zone"), [InputRequired()], of="time_zone")
    theme = ChoiceField(_l("Theme"), [InputRequired()], of=Theme)
    density = ChoiceField(
        _l("Density"),
        [InputRequired()],
        of=Density,
        description=_l("Compact shows more rows; on a phone both leave room for a thumb."),
    )
    start_page = StartField(_l("Start page"), description=_l("Where you are after signing in and by the logo."))
    page_size = PageSizeField(_l("Rows of a page"))


FIELDS = ("language", "time_zone", "theme", "density", "start_page", "page_size")


class ProfileView(BaseView):
    """One's own settings and password."""

    route_base = "/profile"
    class_permission_name = "profile"
    default_view = "profile"

    @expose("/", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def profile(self) -> Any:
        """Show and store the reader's settings; whatever was sent is stored, the rest stays as it is."""
        if request.method == "GET":
            return self._page(self._settings(), PasswordForm(formdata=None))
        form = ProfileForm()
        for name in [name for name in FIELDS if name not in request.form]:
            del form[name]
        if not form.validate():
            return self._page(form if FIELDS[0] in form else self._settings(), PasswordForm(formdata=None)), 422
        with unit_of_work(db.session()) as work:
            kept = users.ensure_profile(work, g.user.id)
            for name in [name for name in FIELDS if name in form]:
                setattr(kept, name, form[name].data)
        if "language" in form:
            session["locale"] = form.language.data
        if request.form.get("quiet"):
            return "", 204
        flash(_("Your settings are saved."), "success")
        return redirect(onward(request.form.get("back"), "/profile/"))

    @expose("/widths", methods=["POST"])
    @has_access
    @permission_name("see")
    def widths(self) -> Any:
        """Remember how wide the columns of a list are; without any, they are as wide as their texts again."""
        given = {name.removeprefix("w."): text for name, text in request.form.items() if name.startswith("w.")}
        if not all(text.isascii() and text.isdecimal() and len(text) < LONG_NUMBER for text in given.values()):
            abort(400)
        return self._kept(
            lambda work: profiles.keep_widths(
                work, g.user.id, request.form.get("entity", ""), {name: int(text) for name, text in given.items()}
            )
        )

    @expose("/away", methods=["POST"])
    @has_access
    @permission_name("see")
    def away(self) -> Any:
        """Remember that the reader has folded or dismissed a part of the screen, or wants it back."""
        name, is_away = request.form.get("name", ""), request.form.get("away") == "1"
        return self._kept(lambda work: profiles.put_away(work, g.user.id, name, is_away=is_away))

    @staticmethod
    def _kept(store: Callable[[Session], None]) -> Any:
        """Store how the screen looks; a script gets no page, a form goes back to where it was."""
        try:
            with unit_of_work(db.session()) as work:
                store(work)
        except DomainError as refusal:
            abort(400, str(refusal))
        return ("", 204) if request.form.get("quiet") else redirect(onward(request.form.get("back"), "/home/"))

    @expose("/password", methods=["POST"])
    @has_access
    @permission_name("see")
    def password(self) -> Any:
        """Change the reader's password; all his other sign-ins and his keys end. It is not for who has none here."""
        if not self.appbuilder.sm.takes_password(g.user):
            return self._page(self._settings(), PasswordForm(formdata=None)), 422
        form = PasswordForm()
        if form.validate() and password_fields.change(self.appbuilder.sm, form):
            flash(
                _("Your password is changed. You are signed out everywhere else, and your keys are revoked."), "success"
            )
            return redirect("/profile/")
        return self._page(self._settings(), form), 422

    def _settings(self) -> CrmForm:
        return ProfileForm(formdata=None, obj=users.profile(db.session(), g.user.id))

    def _page(self, form: CrmForm, password: CrmForm) -> str:
        about = {"form": form, "password": password, "takes_password": self.appbuilder.sm.takes_password(g.user)}
        return str(self.render_template("web/profile.html", title=_("My settings"), **about))


def register(appbuilder: Any) -> None:
    """Register the settings; the user's menu leads to them."""
    appbuilder.add_view_no_menu(ProfileView)
