"""Colleagues: which other people may see a record, by their own rights and rows."""

from collections.abc import Collection

from flask_appbuilder.security.sqla.models import Group, Permission, PermissionView, Role, User, ViewMenu
from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import Session, joinedload

from app.models.base import Owned
from app.search import fold
from app.services import access

MOST = 8  # offered at once
_LOOKED_AT = 60  # of those whose names fit, as many are asked whether they see the record


def who_see(session: Session, record: object, user_ids: Collection[int]) -> set[int]:
    """Return which of the users may see a record."""
    if not user_ids:
        return set()
    found = session.execute(_readers(record.__stem__).where(User.id.in_(user_ids)))  # type: ignore[attr-defined]
    return {user.id for user in found.unique().scalars() if _sees(session, record, user)}


def offered(session: Session, record: object, text: str, *, but: int | None = None) -> list[User]:
    """Return the colleagues whose name begins with what is typed, if they may see a record; at most eight."""
    query = _readers(record.__stem__).order_by(User.first_name, User.last_name, User.id)  # type: ignore[attr-defined]
    if but is not None:
        query = query.where(User.id != but)
    typed = fold(text).strip()
    fitting = [user for user in session.execute(query).unique().scalars() if _fits(user, typed)]
    found: list[User] = []
    for user in fitting[:_LOOKED_AT]:
        if _sees(session, record, user):
            found.append(user)
        if len(found) == MOST:
            break
    return found


def by_user_name(session: Session, names: Collection[str]) -> dict[str, User]:
    """Return the active accounts with these user names, by name as it is kept."""
    found = session.execute(select(User).where(User.username.in_(names), User.active.is_(True)))
    return {user.username: user for user in found.unique().scalars()}


def idle(area: str) -> Select[int]:
    """Return the keys of the accounts that are locked or have no right to see an area."""
    return select(User.id).where(
        or_(User.active.is_not(True), not_(or_(User.roles.any(_sees_area(area)), _by_group(area))))
    )


def _readers(area: str) -> Select[User]:
    """Return the active users who have the right to see an area, with their roles."""
    query = select(User).where(User.active.is_(True), or_(User.roles.any(_sees_area(area)), _by_group(area)))
    return query.options(joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles))


def _by_group(area: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = User.groups.any(Group.roles.any(_sees_area(area)))
    return found


def _sees_area(area: str) -> ColumnElement[bool]:
    right = and_(
        PermissionView.permission.has(Permission.name == "can_see"), PermissionView.view_menu.has(ViewMenu.name == area)
    )
    found: ColumnElement[bool] = Role.permissions.any(right)
    return found


def _sees(session: Session, record: object, user: User) -> bool:
    if not isinstance(record, Owned):
        return True
    roles = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
    actor = access.actor_of(session, user_id=user.id, name=user.username, roles=roles)
    with access.acting(session, actor):
        return access.visible(session, record)


def _fits(user: User, typed: str) -> bool:
    """Say whether what is typed begins the user name, a name, or the full name."""
    words = [fold(word) for word in (user.username, user.first_name, user.last_name, str(user))]
    return not typed or any(word.startswith(typed) for word in words)
