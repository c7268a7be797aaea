"""Accounts: their profile, their team, making and changing them."""

from datetime import datetime

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.history import Act
from app.models.identity import Identity
from app.models.team import Team, UserProfile
from app.roles import ADMIN
from app.services import api_key as api_keys
from app.services import audit, handover_kinds, lockout, pending_sign_in, policy, remembered_device, roles
from app.services import password as passwords
from app.services import password_link as links
from app.services import sign_in as sign_ins
from app.services.channel import normalise_email


def profile(session: Session, user_id: int) -> UserProfile | None:
    """Return the profile of a user, None when he never had one."""
    return session.execute(select(UserProfile).where(UserProfile.user_id == user_id)).scalar_one_or_none()


def ensure_profile(session: Session, user_id: int) -> UserProfile:
    """Return the profile of a user, making one with the defaults when there is none."""
    found = profile(session, user_id)
    if found is None:
        found = UserProfile(user_id=user_id)
        session.add(found)
        session.flush()
    return found


def save(session: Session, user: User, *, needs_password: bool = True) -> None:
    """Check an account about to be stored.

    Raises Refusals for a missing password of a new account, a bad e-mail, for locking out the last administrator, and
    for locking somebody who leaves open records or teams behind, unless that is said (`user.leaves_behind`).
    """
    errors: dict[str, list[str]] = {}
    is_locked_now = _is_locked_now(user)  # the next statement writes it, and nobody knows any more what stood before
    if not user.username or any(sign.isspace() for sign in user.username):
        errors["username"] = [_("A user name has no spaces")]
    if needs_password and user.id is None and not user.password:
        errors["password"] = [_("This field is required")]
    try:
        user.email = normalise_email(user.email or "")
    except DomainError as refusal:
        errors["email"] = [refusal.text]
    errors |= _raised(session, user)
    if user.id is not None and not _is_administrator(user) and not _other_administrators(session, user):
        errors["roles"] = [_("Somebody must remain an administrator who can sign in")]
    if is_locked_now and not getattr(user, "leaves_behind", False):
        records, teams = handover_kinds.left_behind(handover_kinds.standing(session, user.id))
        if records or teams:
            text = _("Still responsible for open records (%(records)s) and teams (%(teams)s): hand them over first")
            errors.setdefault("active", []).append(text % {"records": records, "teams": teams})
    if errors:
        raise Refusals(errors)


def _is_locked_now(user: User) -> bool:
    """Say whether an account that could sign in is about to lose that."""
    history = inspect(user).attrs.active.history
    return user.id is not None and not user.active and bool(history.deleted) and bool(history.deleted[0])


def save_or_invite(session: Session, user: User) -> None:
    """Store an account; one made without a password gets a letter with a link to choose one, if letters can be sent."""
    is_invited = user.id is None and not user.password and bool(user.active) and links.problem(session) is None
    save(session, user, needs_password=not is_invited)
    if is_invited:
        session.add(user)
        session.flush()
        links.send_to(session, user)


def _raised(session: Session, user: User) -> dict[str, list[str]]:
    """Return the refusal of an account that has, or gets, more rights than the one who changes it."""
    history = inspect(user).attrs.roles.history
    found = {role.name for role in [*user.roles, *(history.deleted or ())]}
    try:
        roles.require_within(session, *policy.of_roles(session, found).values())
    except DomainError as refusal:
        return {"roles": [refusal.text]}
    return {}


def _is_administrator(user: User) -> bool:
    return bool(user.active) and any(role.name == ADMIN for role in user.roles)


def _other_administrators(session: Session, user: User) -> bool:
    others = select(User.id).where(User.id != user.id, User.active.is_(True), User.roles.any(Role.name == ADMIN))
    return session.execute(others.limit(1)).first() is not None


def note_profile(user: User, *, team: Team | None, language: str, time_zone: str) -> None:
    """Set the profile of an account, making one when there is none."""
    if user.profile is None:
        user.profile = UserProfile()
    user.profile.team, user.profile.language, user.profile.time_zone = team, language, time_zone


def end_sign_ins(session: Session, user: User, *, at: datetime) -> None:
    """End every browser and token of an account."""
    sign_ins.end_all(session, user.id, at=at)


def reset_password(
    session: Session,
    user: User,
    password: str,
    *,
    at: datetime,
    but: str | None = None,
    must_change: bool = False,
) -> None:
    """Give an account a new password, end all that opened it but one sign-in, and forgive its failed tries.

    `must_change`: somebody else knows it, so its owner chooses another. Raises DomainError (`password`) for a bad one.
    """
    passwords.set_password(session, user, password, at=at, must_change=must_change)
    audit.note(session, Act.password, entity="user", record_id=user.id, name=user.username, at=at)
    sign_ins.end_all(session, user.id, at=at, but=but)
    remembered_device.end_all(session, user.id)
    pending_sign_in.end_all(session, user.id)
    api_keys.revoke_all(session, user.id, at=at)
    session.execute(delete(Identity).where(Identity.user_id == user.id, Identity.is_own.is_(True)))
    links.end_all(session, user.id, at=at)
    lockout.forgive(session, user, at=at)


def choose_by_link(session: Session, token: str, password: str, *, at: datetime) -> User:
    """Set the password that an account's owner has chosen by his link, and end the link.

    Raises NotFound when there is no such link (any more), DomainError (`password`) for a bad password: it stays then.
    """
    user = links.redeem(session, token, at=at)
    reset_password(session, user, password, at=at)
    return user


def make(
    session: Session,
    *,
    username: str,
    first_name: str,
    last_name: str,
    email: str,
    password: str,
    roles: list[str],
    team: Team | None = None,
    language: str = "en",
    time_zone: str = "UTC",
    must_change: bool = False,
    trusted: bool = False,
) -> User:
    """Make an account with roles and a profile; DomainError for a taken name, an unknown role, a bad password.

    `must_change` and `trusted` are those of services.password.
    """
    if session.execute(select(User.id).where(User.username == username)).first():
        raise DomainError(_("This user name is taken"), field="username")
    found = session.execute(select(Role).where(Role.name.in_(roles))).scalars().all()
    if len(found) != len(set(roles)):
        raise DomainError(_("There is no such role"), field="roles")
    user = User(
        username=username,
        first_name=first_name,
        last_name=last_name,
        email=normalise_email(email),
        active=True,
        roles=list(found),
    )
    session.add(user)
    note_profile(user, team=team, language=language, time_zone=time_zone)
    passwords.set_password(session, user, password, at=None, must_change=must_change, trusted=trusted)
    session.flush()
    return user
