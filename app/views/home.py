"""The start page and one's own settings."""

from datetime import timedelta
from typing import Any

from flask import abort, flash, g, redirect, request, session
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from wtforms import PasswordField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice, InvoiceKind, InvoiceState, Settlement
from app.models.party import Party
from app.models.team import Theme
from app.services import api_key as api_keys
from app.services import user as users
from app.web import menu
from app.web.fields import ChoiceField, CrmForm, ListField
from app.web.locale import choose_time_zone

ORDER = 0


MOST_COUNTED = 10_001
Tile = dict[str, Any]  # label, count, url, icon; is_late marks what somebody should look at


def counted(work: Session, found: Select[Any]) -> int:
    """Return how many rows a query finds, at most one more than 10,000."""
    return int(work.execute(select(func.count()).select_from(found.limit(MOST_COUNTED).subquery())).scalar_one())


def of_parties(work: Session) -> list[Tile]:
    """Return the tile of the counterparties."""
    count = counted(work, select(Party.id))
    return [{"label": _("Parties"), "count": count, "url": "/party/list/", "icon": "building-2"}]


def of_invoices(work: Session) -> list[Tile]:
    """Return the tiles of drafts, unpaid and overdue invoices."""
    today = clock.today(choose_time_zone())
    is_invoice = Invoice.kind == InvoiceKind.invoice
    is_open = Invoice.settlement.in_([each for each in Settlement if each is not Settlement.paid])  # an index answers
    late = f"/invoice/list/?flt.kind.eq=invoice&flt.settlement.neq=paid&flt.due_on.lt={today.isoformat()}"
    drafts, unpaid, overdue = (
        counted(work, select(Invoice.id).where(is_invoice, *conditions))
        for conditions in ([Invoice.state == InvoiceState.draft], [is_open], [is_open, Invoice.due_on < today])
    )
    return [
        {
            "label": _("Draft invoices"),
            "count": drafts,
            "url": "/invoice/list/?flt.kind.eq=invoice&flt.state.eq=draft",
            "icon": "receipt",
        },
        {
            "label": _("Unpaid invoices"),
            "count": unpaid,
            "url": "/invoice/list/?flt.kind.eq=invoice&flt.settlement.neq=paid",
            "icon": "banknote",
        },
        {"label": _("Overdue invoices"), "count": overdue, "url": late, "icon": "clock", "is_late": overdue > 0},
    ]


TILES = [("party", of_parties), ("invoice", of_invoices)]


class HomeView(BaseView):
    """What one sees first."""

    route_base = "/home"
    class_permission_name = "home"
    default_view = "home"

    @expose("/")
    @has_access
    @permission_name("see")
    def home(self) -> str:
        """Show the start page: what there is, and where one goes on."""
        work = db.session()
        tiles = [tile for area, make in TILES if self.appbuilder.sm.may(area, "see") for tile in make(work)]
        recent = (
            work.execute(select(Party).order_by(Party.changed_at.desc()).limit(8)).scalars().all()
            if self.appbuilder.sm.may("party", "see")
            else []
        )
        return self.render_template("web/home.html", title=_("Start"), tiles=tiles, recent=recent)


class ProfileForm(CrmForm):
    """Language, time zone, colours."""

    language = ListField(_l("Language"), [InputRequired()], of="language")
    time_zone = ListField(_l("Time zone"), [InputRequired()], of="time_zone")
    theme = ChoiceField(_l("Theme"), [InputRequired()], of=Theme)


class PasswordForm(CrmForm):
    """A new password, proved by the old one."""

    old = PasswordField(_l("Current password"), [InputRequired()], render_kw={"autocomplete": "current-password"})
    new = PasswordField(
        _l("New password"), [InputRequired(), Length(min=10, max=200)], render_kw={"autocomplete": "new-password"}
    )


class ProfileView(BaseView):
    """One's own settings and password."""

    route_base = "/profile"
    class_permission_name = "profile"
    default_view = "profile"

    @expose("/", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def profile(self) -> Any:
        """Show and store the reader's settings."""
        work = db.session()
        kept = users.profile(work, g.user.id)
        form = ProfileForm.refresh(kept)
        if request.method == "POST":
            if not form.validate():
                return self._page(form, PasswordForm(formdata=None)), 422
            with unit_of_work(work):
                profile = users.ensure_profile(work, g.user.id)
                for name in ("language", "time_zone", "theme"):
                    setattr(profile, name, form[name].data)
            session["locale"] = form.language.data
            flash(_("Your settings are saved."), "success")
            return redirect("/profile/")
        return self._page(form, PasswordForm())

    @expose("/password", methods=["POST"])
    @has_access
    @permission_name("see")
    def password(self) -> Any:
        """Change the reader's password; all his other sign-ins and his keys end."""
        form = PasswordForm()
        sm = self.appbuilder.sm
        if form.validate():
            if sm.check_password(g.user.username, form.old.data) is None:
                form.old.errors = [_("This is not your current password.")]
            else:
                sm.reset_password(g.user.id, form.new.data)
                flash(
                    _("Your password is changed. You are signed out everywhere else, and your keys are revoked."),
                    "success",
                )
                return redirect("/profile/")
        return self._page(self._settings(), form), 422

    @expose("/key", methods=["POST"])
    @has_access
    @permission_name("see")
    def add_key(self) -> Any:
        """Make a key for REST and show it, this once."""
        try:
            with unit_of_work(db.session()) as work:
                days = int(request.form.get("days") or 365)
                lasts = timedelta(days=min(max(days, 1), 3650))
                key = api_keys.make(work, g.user, name=request.form.get("name", ""), at=clock.now(), lasts=lasts)
        except (DomainError, ValueError) as refusal:
            flash(str(refusal), "danger")
            return redirect("/profile/")
        return self._page(self._settings(), PasswordForm(formdata=None), key=key)

    @expose("/key/<int:key_id>/revoke", methods=["POST"])
    @has_access
    @permission_name("see")
    def revoke_key(self, key_id: int) -> Any:
        """End one of the reader's keys."""
        try:
            with unit_of_work(db.session()) as work:
                api_keys.revoke(work, key_id, user_id=g.user.id, at=clock.now())
        except NotFound:
            abort(404)
        flash(_("The key is revoked."), "success")
        return redirect("/profile/")

    def _settings(self) -> CrmForm:
        return ProfileForm(formdata=None, obj=users.profile(db.session(), g.user.id))

    def _page(self, form: CrmForm, password: CrmForm, key: str | None = None) -> str:
        keys = api_keys.of_user(db.session(), g.user.id)
        return str(
            self.render_template(
                "web/profile.html", title=_("My settings"), form=form, password=password, keys=keys, key=key
            )
        )


def register(appbuilder: Any) -> None:
    """Register the start page and the settings."""
    from app.web.locale import LanguageView
    from app.web.lookup import LookupView

    menu.place(appbuilder, HomeView, "home", label=_l("Start"), icon="house")
    appbuilder.add_view_no_menu(ProfileView)
    appbuilder.add_view_no_menu(LanguageView)
    appbuilder.add_view_no_menu(LookupView)
