"""Whose records one may hand over and to whom: everybody for an administrator, his own people for a head."""

from dataclasses import dataclass, field

from flask_appbuilder.security.sqla.models import Group, User
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.errors import NotFound
from app.models.team import Team
from app.roles import SEE, Scope
from app.services import handover_kinds as kinds
from app.services import policy, roles
from app.services import substitution as substitutions

AREA = "handover"
ADD, UNDO = "add", "undo"


@dataclass(frozen=True)
class Person:
    """An account within the actor's reach, with the areas in which it sees records of its own."""

    id: int
    name: str
    username: str
    is_active: bool
    team_id: int | None = None
    team: str = ""
    areas: frozenset[str] = field(default_factory=frozenset)


def reached(session: Session) -> dict[int, Person]:
    """Return the people whom the actor leads, himself included, by name; an administrator leads all."""
    led = substitutions.led_by_actor(session)
    asked = select(User).order_by(User.first_name, User.last_name, User.id)
    if led is not None:
        asked = asked.where(User.id.in_(sorted(led)))
    with_roles = (joinedload(User.roles), joinedload(User.groups).joinedload(Group.roles), joinedload(User.profile))
    found = list(session.execute(asked.options(*with_roles)).unique().scalars())
    names = {user.id: _role_names(user) for user in found}
    policies = policy.of_roles(session, {name for each in names.values() for name in each})
    teams: dict[int, str] = {row[0]: row[1] for row in session.execute(select(Team.id, Team.name))}
    people = {}
    for user in found:
        team_id = user.profile.team_id if user.profile is not None else None
        areas = _areas([policies[name] for name in names[user.id] if name in policies])
        team = teams.get(team_id or 0, "")
        people[user.id] = Person(user.id, str(user), user.username, bool(user.active), team_id, team, areas)
    return people


def _role_names(user: User) -> list[str]:
    return [role.name for role in [*user.roles, *(role for group in user.groups for role in group.roles)]]


def _areas(policies: list[policy.Policy]) -> frozenset[str]:
    """Return the kinds of records that somebody with all these roles sees when they are his own."""
    known = kinds.kinds()
    if policy.has_all(policies):
        return frozenset(known)
    widths = {area: reach.scope for area, action, reach in policy.reaches(policies) if action == SEE}
    return frozenset(area for area in known if widths.get(area, Scope.none) is not Scope.none)


def leaver(people: dict[int, Person], user_id: int) -> Person:
    """Return whose records are handed over; NotFound for somebody out of reach, as for an unknown one."""
    if user_id not in people:
        raise NotFound(user_id)
    return people[user_id]


def receivers(people: dict[int, Person], leaver_id: int) -> list[Person]:
    """Return who can be given something: accounts that can sign in and see at least one kind of records."""
    return [each for each in people.values() if each.is_active and each.areas and each.id != leaver_id]


def may(session: Session, area: str, verb: str) -> bool:
    """Say whether the session's actor has a right."""
    return any(one.may(area, verb) for one in roles.own(session))
