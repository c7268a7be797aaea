"""Whose account it is that the company's sign-in service vouches for, and which roles its groups give.

An account is found by the service's own name for a person. An e-mail alone takes no account over: it connects one only
where the installation says so, and only if the service has confirmed it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.history import Act
from app.models.identity import Identity
from app.roles import ADMIN
from app.services import access, audit
from app.services import user as users
from app.services.channel import normalise_email

BY_GROUPS = "groups"  # accounts are made for those alone whose groups give a role
_LONGEST = 64  # characters of a name


@dataclass(frozen=True)
class Claims:
    """What the service says of a person, once its signature is checked."""

    issuer: str
    subject: str
    email: str = ""
    is_verified: bool = False
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """What the installation lets the service decide.

    Shapes: `roles` maps a group to a role; `creates` is the role of a new account, "groups" for those alone who have a
    mapped role, "" for no account at all.
    """

    links_email: bool = False
    creates: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)


def user_for(session: Session, claims: Claims, *, rules: Rules, at: datetime) -> User:
    """Return the account of a person, connecting or making it where the rules say so, with the roles of his groups.

    Raises DomainError when there is none, when it is locked, and when it cannot be made.
    """
    with access.acting(session, access.SYSTEM):
        user = _linked(session, claims) or _by_email(session, claims, rules, at) or _made(session, claims, rules, at)
        if not user.active:
            raise DomainError(_("This account is locked. Ask an administrator."))
        _give_roles(session, user, claims, rules)
        session.flush()
        return user


def _linked(session: Session, claims: Claims) -> User | None:
    wanted = select(Identity).where(Identity.issuer == claims.issuer, Identity.subject == claims.subject)
    found = session.execute(wanted).unique().scalar_one_or_none()
    return found.user if found is not None else None


def _same_email(session: Session, claims: Claims) -> User | None:
    if not claims.email:
        return None
    wanted = select(User).where(func.lower(User.email) == normalise_email(claims.email)).limit(1)
    return session.execute(wanted).unique().scalars().first()


def _by_email(session: Session, claims: Claims, rules: Rules, at: datetime) -> User | None:
    """Return the account with a confirmed e-mail, connected from now on, where the rules allow it."""
    user = _same_email(session, claims) if rules.links_email and claims.is_verified else None
    if user is not None and user.active:
        if _of_user(session, user, claims.issuer) is not None:
            raise DomainError(_("This account is connected with another person at the sign-in service."))
        session.add(Identity(user_id=user.id, issuer=claims.issuer, subject=claims.subject, linked_at=at))
        _tell(session, user, None, claims.issuer, at=at)
    return user


def _of_user(session: Session, user: User, issuer: str) -> Identity | None:
    wanted = select(Identity).where(Identity.user_id == user.id, Identity.issuer == issuer)
    return session.execute(wanted).unique().scalar_one_or_none()


def _made(session: Session, claims: Claims, rules: Rules, at: datetime) -> User:
    """Make an account whose password nobody knows."""
    if not rules.creates:
        raise DomainError(
            _("There is no account for you yet. If you have one with a password, connect it in your settings.")
        )
    if not claims.email or not claims.is_verified:
        raise DomainError(_("The sign-in service has not confirmed your e-mail address."))
    if _same_email(session, claims) is not None:
        raise DomainError(
            _("There is an account with your e-mail address: sign in with its password, then connect it.")
        )
    roles = _mapped(claims, rules) or ({rules.creates} - {BY_GROUPS})
    if not roles:
        raise DomainError(_("None of your groups gives you a role here. Ask an administrator."))
    email = normalise_email(claims.email)
    user = users.make(
        session,
        username=_free_name(session, claims.username, email),
        first_name=(claims.first_name or email.partition("@")[0])[:_LONGEST],
        last_name=claims.last_name[:_LONGEST],
        email=email,
        password=secrets.token_urlsafe(48),
        roles=sorted(roles),
    )
    session.add(Identity(user_id=user.id, issuer=claims.issuer, subject=claims.subject, linked_at=at))
    _tell(session, user, None, claims.issuer, at=at)
    return user


def _tell(session: Session, user: User, before: str | None, after: str | None, *, at: datetime) -> None:
    """Tell the audit by which service an account is opened too, or no more."""
    changes = {"identity": [before, after]}
    audit.note(session, Act.rights, entity="user", record_id=user.id, name=user.username, changes=changes, at=at)


def _free_name(session: Session, wish: str, email: str) -> str:
    """Return the wished user name, or the e-mail where it is taken, no name at all, or would pass for an e-mail."""
    fits = bool(wish) and len(wish) <= _LONGEST and wish.isprintable() and not any(map(str.isspace, wish))
    if not fits or ("@" in wish and wish != email):
        return email
    taken = select(User.id).where(func.lower(User.username) == wish.lower())
    return email if session.execute(taken).first() is not None else wish


def _mapped(claims: Claims, rules: Rules) -> set[str]:
    return {role for group, role in rules.roles.items() if group in claims.groups}


def _give_roles(session: Session, user: User, claims: Claims, rules: Rules) -> None:
    """Let groups decide about the roles that they are mapped to; other roles stay as administrators gave them."""
    if not rules.roles:
        return
    now = {role.name for role in user.roles}
    wanted = (now - set(rules.roles.values())) | _mapped(claims, rules)
    if wanted != now:
        user.roles = list(session.execute(select(Role).where(Role.name.in_(sorted(wanted)))).unique().scalars())
        users.save(session, user)


def connect(session: Session, user: User, claims: Claims, *, at: datetime) -> None:
    """Connect a signed-in person's account with his own at the service, in place of one that he had connected before.

    Raises DomainError when that belongs to somebody else here.
    """
    other = _linked(session, claims)
    if other is not None and other.id != user.id:
        raise DomainError(_("This account at the sign-in service belongs to somebody else here."))
    found = _of_user(session, user, claims.issuer)
    if found is None:
        session.add(Identity(user_id=user.id, issuer=claims.issuer, subject=claims.subject, is_own=True, linked_at=at))
    elif found.subject != claims.subject:
        found.subject, found.is_own, found.linked_at = claims.subject, True, at
    session.flush()
    _tell(session, user, found.issuer if found is not None else None, claims.issuer, at=at)


def is_connected(session: Session, user_id: int, issuer: str) -> bool:
    """Say whether somebody's account is connected with a service."""
    wanted = select(Identity.id).where(Identity.user_id == user_id, Identity.issuer == issuer)
    return session.execute(wanted).first() is not None


def disconnect(session: Session, user_id: int, issuer: str, *, at: datetime) -> None:
    """Take back what somebody has connected."""
    wanted = select(Identity).where(Identity.user_id == user_id, Identity.issuer == issuer)
    for found in session.execute(wanted).unique().scalars():
        _tell(session, found.user, issuer, None, at=at)
        session.delete(found)


def takes_password(user: User, *, whose: str) -> bool:
    """Say whether somebody may sign in with a password where only `whose` ("everybody", "administrators") may."""
    roles = [*user.roles, *(role for group in user.groups for role in group.roles)]
    return whose == "everybody" or any(role.name == ADMIN for role in roles)
