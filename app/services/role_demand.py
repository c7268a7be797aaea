"""Roles whose people need a second factor."""

from typing import Any

from flask_appbuilder.security.sqla.models import Group, Role, User
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.models.second_factor import RoleDemand
from app.services import history, policy, roles

NAME = "second_factor"


def of_role(session: Session, role: Role) -> bool:
    """Say whether a role demands a second factor."""
    return session.get(RoleDemand, role.id) is not None


def put(session: Session, role: Role, *, is_demanded: bool) -> bool:
    """Let a role demand a second factor or not, and say whether that is new.

    It counts from the next click: sign-ins without one end. Raises DomainError for a role with more rights than the
    actor's.
    """
    roles.require_within(session, *policy.of_roles(session, {role.name}).values())
    found = session.get(RoleDemand, role.id)
    if (found is not None) == is_demanded:
        return False
    if found is not None:
        session.delete(found)
    else:
        session.add(RoleDemand(role_id=role.id))
    session.flush()
    history.note(session, role, NAME, not is_demanded, is_demanded)
    return True


def demanded() -> ColumnElement[bool]:
    """Return the condition that a role of a user, his own or a group's, demands a second factor."""
    strict: Any = Role.id.in_(select(RoleDemand.role_id))
    return or_(User.roles.any(strict), User.groups.any(Group.roles.any(strict)))


def demands(session: Session, user_id: int) -> bool:
    """Say whether a role of this user demands a second factor."""
    return session.execute(select(User.id).where(User.id == user_id, demanded())).first() is not None
