"""As whom somebody may look at the program: as one who has no right and reaches no row that he has not himself."""

from flask_appbuilder.security.sqla.models import Group, User
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.services import access, policy


def target(session: Session, user_id: int) -> User | None:
    """Return an active account with all that a signed-in one is loaded with."""
    found = (
        select(User)
        .where(User.id == user_id, User.active.is_(True))
        .options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles), joinedload(User.profile))
    )
    with access.everything(session, why="who is looked as is read before anybody is known"):
        return session.execute(found).unique().scalars().first()


def may_look(session: Session, person: User, *, by: User) -> bool:
    """Say whether somebody may look as a person."""
    mine, theirs = (policy.of_roles(session, _roles(each)).values() for each in (by, person))
    return by.id != person.id and all(policy.covers(mine, each) for each in theirs)


def _roles(user: User) -> set[str]:
    return {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
