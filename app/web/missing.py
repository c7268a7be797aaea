"""What a page says to somebody who may not do what he asked for: which right is missing, and who can give it."""

from typing import Any

from flask import current_app, request
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.db import db
from app.errors import NotAllowed, NotReached
from app.i18n import gettext as _
from app.roles import ADMIN
from app.web import rights

NAMED = 3  # administrators


def text_of(refusal: NotAllowed | None) -> str:
    """Return what is missing and whom to ask; None for a refusal that the route's own guard has made."""
    if isinstance(refusal, NotReached):
        said = _("You see this record, but your role does not reach it for this.")
    else:
        right = refusal.right if refusal is not None else asked()
        appbuilder: Any = current_app.extensions["appbuilder"]
        said = _("You lack the right “%(right)s”", right=rights.named(appbuilder, right)) + "." if right else ""
    return " ".join(part for part in (said, _whom_to_ask()) if part)


def asked() -> str:
    """Return the right that the route of this request asks for ("invoice.issue"), empty where it asks for none."""
    name, _dot, method = (request.endpoint or "").rpartition(".")
    views = current_app.extensions["appbuilder"].baseviews
    view = next((each for each in views if each.endpoint == name), None)
    if view is None:
        return ""
    own = getattr(getattr(type(view), method, None), "_permission_name", "")
    verb = (view.method_permission_name or {}).get(method) or own
    return f"{view.class_permission_name}.{verb}" if verb else ""


def people_to_ask() -> str:
    """Return the names of those who can give rights."""
    found = select(User).where(User.active.is_(True), User.roles.any(Role.name == ADMIN)).order_by(User.id)
    people = db.session().execute(found.limit(NAMED)).unique().scalars()
    return ", ".join(str(user) for user in people)


def _whom_to_ask() -> str:
    return _("%(people)s can give it to you.", people=people_to_ask())
