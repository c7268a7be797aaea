"""On whose behalf a bulk run reads and writes, and what he may do now: rights are asked anew when it begins."""

from dataclasses import dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy.orm import Session

from app.errors import NotAllowed
from app.roles import ADMIN
from app.services import access
from app.services import user as users


@dataclass(frozen=True)
class Starter:
    """Who started a run, and in which language he is spoken to."""

    actor: access.Actor
    language: str

    def require(self, session: Session, area: str, right: str) -> None:
        """Raise NotAllowed when he may not do this any more."""
        if self.actor.user_id is None or ADMIN in self.actor.roles:
            return
        user = session.get(User, self.actor.user_id)
        granted = {
            (each.view_menu.name, each.permission.name)
            for role in (_roles(user) if user is not None and user.active else [])
            for each in role.permissions
        }
        if (area, f"can_{right}") not in granted:
            raise NotAllowed(f"{area}.{right}")


def _roles(user: User) -> list[Any]:
    return [*user.roles, *(role for group in user.groups for role in group.roles)]


def starter(session: Session, user_id: int | None) -> Starter:
    """Return on whose behalf the run of a user reads and writes; None is the system."""
    if user_id is None:
        return Starter(access.SYSTEM, "en")
    user = session.get_one(User, user_id)
    names = [role.name for role in _roles(user)]
    profile = users.profile(session, user_id)
    actor = access.actor_of(session, user_id=user_id, name=user.username, roles=names)
    return Starter(actor, profile.language if profile else "en")
