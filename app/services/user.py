"""Accounts: their profile, their team, making and changing them."""

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.team import Team, UserProfile
from app.services.channel import normalise_email

LEAST_PASSWORD = 10


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


def set_password(user: User, password: str) -> None:
    """Store a password's hash; DomainError when it is too short."""
    if len(password) < LEAST_PASSWORD:
        raise DomainError(_("A password has at least %(count)s characters", count=LEAST_PASSWORD), field="password")
    user.password = generate_password_hash(password, method="scrypt")


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
) -> User:
    """Make an account with roles and a profile; DomainError for a name that is taken or a role that is unknown."""
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
    set_password(user, password)
    session.add(user)
    session.flush()
    made = ensure_profile(session, user.id)
    made.team, made.language, made.time_zone = team, language, time_zone
    return user
