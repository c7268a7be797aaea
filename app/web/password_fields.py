"""Fields and forms in which somebody chooses a password, and what becomes of them."""

from typing import Any

from flask import g
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import password as passwords
from app.web.crm_form import CrmForm


class NewPasswordField(PasswordField):
    """A new password; what a good one is stands below it."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        about = {"description": passwords.hint(), "render_kw": {"autocomplete": "new-password"}}
        super().__init__(label, validators, **(about | options))


def _again() -> PasswordField:
    return PasswordField(
        _l("The same once more"),
        [InputRequired(), EqualTo("new", message=_l("This is not the same password."))],
        render_kw={"autocomplete": "new-password"},
    )


class PasswordForm(CrmForm):
    """A new password, proved by the old one."""

    old = PasswordField(_l("Current password"), [InputRequired()], render_kw={"autocomplete": "current-password"})
    new = NewPasswordField(_l("New password"), [InputRequired()])


class DuePasswordForm(PasswordForm):
    """A new password that must be chosen now, typed twice."""

    again = _again()


class LinkPasswordForm(CrmForm):
    """A password that is chosen by a mailed link, typed twice."""

    new = NewPasswordField(_l("New password"), [InputRequired()])
    again = _again()


def change(security: Any, form: PasswordForm) -> bool:
    """Change the reader's password as his form says and say whether it is changed; what is wrong stands in the form.

    Raises TooManyTries when the old one was wrong too often.
    """
    if security.check_password(g.user.username, form.old.data) is None:
        form.old.errors = [_("This is not your current password.")]
        return False
    try:
        security.reset_password(g.user.id, form.new.data)
    except DomainError as refusal:
        form.new.errors = [refusal.text]
        return False
    return True
