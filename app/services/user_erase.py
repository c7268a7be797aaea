"""Erasing one of our own people who has left: the account stays as a number, and with it what he did.

History, documents and records go on naming the account by its key: they tell "Former colleague #7" from then on. The
entries of the audit about the account lose its names; those of what it did keep the user name, which the chain proves
(docs/security.md).
"""

from datetime import datetime
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.calendar_feed import CalendarFeed
from app.models.form_draft import FormDraft
from app.models.identity import Identity
from app.models.notification import Notification
from app.models.password import OldPassword, PasswordLink
from app.models.saved_view import SavedView
from app.models.search_entry import RecentRecord
from app.models.second_factor import PendingSignIn, RecoveryCode, RememberedDevice, SecondFactor
from app.models.sign_in import LoginAttempt, SignIn
from app.services import access, audit, handover_kinds, policy, roles
from app.services import api_key as api_keys
from app.services import sign_in as sign_ins

NAMES = ("username", "first_name", "last_name", "email")
MARK = "former-"
_OWN: tuple[Any, ...] = (CalendarFeed, FormDraft, Identity, Notification, OldPassword, PasswordLink, RecentRecord)
_SIGNED_IN: tuple[Any, ...] = (PendingSignIn, RecoveryCode, RememberedDevice, SecondFactor, SignIn)


def is_erased(user: User) -> bool:
    """Say whether an account's person was erased."""
    return str(user.username) == f"{MARK}{user.id}"


def erased(session: Session) -> frozenset[int]:
    """Return the keys of the accounts whose people were erased."""
    marked = select(User.id, User.username).where(User.username.startswith(MARK), User.active.is_not(True))
    return frozenset(key for key, name in session.execute(marked) if name == f"{MARK}{key}")


def why_not(session: Session, user: User) -> str | None:
    """Return why somebody cannot be erased yet, None when he can."""
    if is_erased(user):
        return _("This person was erased already")
    if user.active:
        return _("Lock the account first: who may still sign in has not left")
    records, teams = handover_kinds.left_behind(handover_kinds.standing(session, user.id))
    if records or teams:
        text = _("Still responsible for open records (%(records)s) and teams (%(teams)s): hand them over first")
        return text % {"records": records, "teams": teams}
    return None


def erase(session: Session, user: User, *, at: datetime) -> None:
    """Take name and address of a locked account away, with all that opened it and all that was for its eyes only.

    Raises DomainError for one's own account, one that is not locked or leaves something behind, one that was erased
    before, and one with more rights than the actor's.
    """
    if access.required(session).user_id == user.id:
        raise DomainError(_("Nobody erases himself"))
    if (why := why_not(session, user)) is not None:
        raise DomainError(why)
    names = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
    roles.require_within(session, *policy.of_roles(session, names).values())
    was = {str(user.username), str(user.email)}
    sign_ins.end_all(session, user.id, at=at)
    api_keys.revoke_all(session, user.id, at=at)
    for table in (*_OWN, *_SIGNED_IN):
        session.execute(delete(table).where(table.user_id == user.id))
    session.execute(delete(SavedView).where(SavedView.user_id == user.id, SavedView.is_shared.is_(False)))
    session.execute(delete(LoginAttempt).where(LoginAttempt.username.in_(was)))
    user.username, user.email = f"{MARK}{user.id}", f"{MARK}{user.id}@invalid.example"
    user.first_name, user.last_name = _("Former colleague"), f"#{user.id}"
    user.password = None
    user.roles, user.groups = [], []
    session.flush()
    audit.erase(session, "user", user.id, at=at, fields=NAMES)
