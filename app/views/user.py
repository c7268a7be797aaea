"""Screens of accounts: who may sign in, with which roles, in which team."""

from typing import Any, ClassVar

from flask import g
from flask_appbuilder.security.sqla.models import Role, User
from flask_babel import format_datetime
from markupsafe import escape
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from wtforms import BooleanField, PasswordField, SelectMultipleField, StringField
from wtforms.fields.choices import Choice
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.team import Team, UserProfile
from app.services import lockout, person_report, roles
from app.services import password as passwords
from app.services import password_link as links
from app.services import user as users
from app.views.user_sign_in import ERASE, TAKE_AWAY, UserSignIns
from app.web import menu
from app.web.card_tabs import Own
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.fields import ListField
from app.web.link_field import LinkField
from app.web.records import Records
from app.web.request_cache import request_cache
from app.web.verbs import Verb, reason

ORDER = 90


class RolesField(SelectMultipleField):
    """The roles of a user as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=[], coerce=int, validate_choice=False, **options)

    def process_data(self, value: Any) -> None:
        """Tick the roles that the user has."""
        self.data = [role.id for role in value or []]

    def iter_choices(self) -> Any:
        """Yield all roles: those of the program, then those that were made."""
        for role in roles.shown(db.session()):
            yield Choice(role.id, str(role), role.id in (self.data or []), {})


class UserForm(CrmForm):
    """An account with its profile."""

    username = StringField(_l("User name"), [InputRequired(), Length(max=128)], render_kw={"autocomplete": "off"})
    first_name = StringField(_l("First name"), [InputRequired(), Length(max=64)])
    last_name = StringField(_l("Last name"), [InputRequired(), Length(max=64)])
    email = StringField(_l("E-mail"), [InputRequired(), Length(max=254)])
    active = BooleanField(_l("Active"), default=True)
    leaves_behind = BooleanField(_l("Lock it although open records or teams stay with it"))
    roles = RolesField(_l("Roles"))
    team = LinkField(_l("Team"), [Optional()], entity=Team)
    language = ListField(_l("Language"), [InputRequired()], of="language", default="en")
    time_zone = ListField(_l("Time zone"), [InputRequired()], of="time_zone", default="UTC")
    password = PasswordField(
        _l("Password"),
        [Optional()],
        description=_l("Leave it empty to keep the password as it is. One that you type is replaced when he signs in."),
        render_kw={"autocomplete": "new-password"},
    )


class NewUserForm(UserForm):
    """An account that is made: without a password its owner gets a link."""

    password = PasswordField(
        _l("Password"),
        [Optional()],
        description=_l("Leave it empty to mail a link by which the user chooses one himself."),
        render_kw={"autocomplete": "new-password"},
    )


FIELDS = [
    "username",
    "first_name",
    "last_name",
    "email",
    "active",
    "leaves_behind",
    "roles",
    "team",
    "language",
    "time_zone",
    "password",
]


def lift(session: Session, user: User, *, at: Any) -> None:
    """Let a user be signed in to again at once, however often somebody has failed to."""
    lockout.lift(session, user, at=at)


def send_link(session: Session, user: User) -> None:
    """Mail a link to a user by which he chooses a password himself."""
    links.send_to(session, user)


def _why_no_link(user: User) -> str | None:
    return links.problem(db.session()) or reason(links.require_usable, user)


def _standing(user: User) -> lockout.Standing:
    """Return how an account stands with failed tries; asked once per request."""
    kept = request_cache("failed tries")
    if user.id not in kept:
        kept[user.id] = lockout.standing(db.session(), user, at=clock.now())
    return kept[user.id]


def sign_out(session: Session, user: User, *, at: Any) -> None:
    """End all sign-ins of a user."""
    users.end_sign_ins(session, user, at=at)


def _last_chosen(user: User) -> str:
    if not user.password:
        return _("not chosen yet")
    profile = user.profile
    if passwords.is_due(user):
        return _("must be changed at the next sign-in")
    if profile is None or profile.password_set_at is None:
        return _("chosen")
    return _("chosen on %(moment)s", moment=format_datetime(profile.password_set_at, "short"))


def _failed_tries(user: User) -> str:
    found = _standing(user)
    if found.until is None:
        return str(found.tries)
    until = format_datetime(found.until, "HH:mm")
    return _("%(count)s; refused until %(time)s", count=found.tries, time=until)


class UserView(UserSignIns, CrudView):
    """Accounts."""

    datamodel = Records(
        User,
        save=users.save_or_invite,
        search=None,
        options=[selectinload(User.roles), selectinload(User.profile).selectinload(UserProfile.team)],
    )
    one_name = _l("User")
    many_name = _l("Users")
    exclude_route_methods: ClassVar = {"delete", "download", "action", "action_post"}
    list_columns: ClassVar = ["username", "first_name", "last_name", "email", "roles", "profile.team", "active"]
    show_columns: ClassVar = [
        *("username", "first_name", "last_name", "email", "active", "roles", "profile.team"),
        *("last_chosen", "failed_tries"),
    ]
    worked_out: ClassVar = frozenset({"last_chosen", "failed_tries"})
    card_template = "web/user_card.html"
    add_columns: ClassVar = [name for name in FIELDS if name != "leaves_behind"]
    edit_columns: ClassVar = FIELDS
    quick: ClassVar = None  # an account is not made in passing
    add_form = NewUserForm
    edit_form = UserForm
    search_columns: ClassVar = ["username", "last_name", "email", "active"]
    order_columns: ClassVar = ["username", "first_name", "last_name", "email"]
    base_order = ("username", "asc")
    label_columns = {
        "profile.team": _l("Team"),
        "last_chosen": _l("Password"),
        "failed_tries": _l("Failed tries to sign in"),
    }
    verbs: ClassVar = [
        Verb(
            "sign_out",
            sign_out,
            label=_l("Sign out everywhere"),
            icon="log-out",
            confirm=_l("End all sign-ins of this user?"),
            needs_time=True,
        ),
        Verb(
            "send_link",
            send_link,
            label=_l("Send a link to choose a password"),
            icon="mail",
            confirm=_l("Mail a link to this user by which he chooses a new password? Links before it end."),
            why=_why_no_link,
        ),
        Verb(
            "lift",
            lift,
            label=_l("Let him try again"),
            icon="lock-open",
            why=lambda user: None if _standing(user).tries else _("Nobody has failed to sign in to this account"),
            needs_time=True,
        ),
        TAKE_AWAY,
        ERASE,
    ]

    own_tabs: ClassVar = [Own("exports", _l("Views and exports"), "web/user_exports.html", area="export_run")]

    def report_of(self, record: User) -> person_report.Report:
        """Return what the account opened and took away in the last 30 days."""
        return person_report.report(db.session(), record.id, at=clock.now())

    def value(self, record: Any, name: str) -> Any:
        """Say how the account stands with its password and with failed tries."""
        if name == "last_chosen":
            return escape(_last_chosen(record))
        return escape(_failed_tries(record)) if name == "failed_tries" else super().value(record, name)

    def open_form(self, record: Any) -> CrmForm:
        """Return the form of an account with the values of its profile."""
        profile = record.profile
        about = {name: getattr(profile, name) for name in ("team", "language", "time_zone")} if profile else {}
        form = UserForm(obj=record, data=about)
        if not form.password.raw_data:  # what stands there is a hash, and was not typed
            form.password.data = None
        return form

    def fill(self, form: CrmForm, record: Any, columns: Any) -> None:  # noqa: ARG002 -- the form is fixed
        """Put the form's values into the account and its profile."""
        for name in ("username", "first_name", "last_name", "email"):
            setattr(record, name, (form[name].data or "").strip())
        record.active, record.leaves_behind = bool(form.active.data), bool(form.leaves_behind.data)
        chosen = select(Role).where(Role.id.in_(form.roles.data or []))
        record.roles = list(db.session.execute(chosen).unique().scalars())
        users.note_profile(record, team=form.team.data, language=form.language.data, time_zone=form.time_zone.data)
        if form.password.data:
            is_own = record.id is not None and record.id == g.user.id
            give: Any = users.reset_password if record.id is not None else passwords.set_password
            give(db.session(), record, form.password.data, at=clock.now(), must_change=not is_own)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, UserView, "user", label=_l("Users"), group="security", icon="user-cog")
