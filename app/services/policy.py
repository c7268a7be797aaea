"""What a role may really do: its preset and what an administrator changed, worked out from the table in the program.

Shapes: a difference is `Change(area, verb, is_granted, scope, unassigned)`, where None is "as in the base"; a `Policy`
knows its rights as (area, verb) pairs and reaches rows per area and action.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import ColumnElement, CompoundSelect, String, case, cast, func, literal, or_, select, union
from sqlalchemy.orm import Session

from app.models.record_share import RecordShare
from app.models.role import RoleBase, RoleChange
from app.models.substitution import Substitution
from app.models.team import Team, UserProfile
from app.roles import ADMIN, EVERYTHING, NOTHING, PRESETS, SEE, Reach, Scope, action_of, granted


class Change(NamedTuple):
    """One difference from the base."""

    area: str
    verb: str
    is_granted: bool | None = None
    scope: Scope | None = None
    unassigned: bool | None = None


@dataclass(frozen=True)
class Policy:
    """What one role may do.

    Shape: `reaches` names where rows differ from `reach`, by area and action.
    """

    rights: frozenset[tuple[str, str]]
    reach: Reach = NOTHING
    reaches: Mapping[tuple[str, str], Reach] = field(default_factory=dict, hash=False)
    has_all: bool = False

    def may(self, area: str, verb: str) -> bool:
        """Say whether the role has a right."""
        return self.has_all or (area, verb) in self.rights

    def reach_of(self, area: str, action: str) -> Reach:
        """Return which rows of an area the role reaches for an action, if it has the right to it."""
        return self.reaches.get((area, action)) or self.reaches.get((area, SEE)) or self.reach


ALL = Policy(frozenset(), EVERYTHING, has_all=True)


@lru_cache(maxsize=256)
def policy(base: str | None, changes: frozenset[Change] = frozenset()) -> Policy:
    """Return what a role may do that is based on a preset (None: on nothing)."""
    if base == ADMIN:
        return ALL
    preset = PRESETS.get(base or "")
    given = granted(preset) if preset else {}
    rights = {(area, verb) for area, text in given.items() for verb in text.split()}
    usual = Reach(preset.scope, preset.unassigned) if preset else Reach(Scope.own)
    reaches = {
        (area, action): Reach(scope, usual.unassigned)
        for area, scopes in (preset.scopes if preset else {}).items()
        for action, scope in scopes.items()
    }
    for change in sorted(changes, key=lambda each: (each.verb != SEE, each.area, each.verb)):
        right = (change.area, change.verb)
        if change.is_granted is not None:
            (rights.add if change.is_granted else rights.discard)(right)
        if change.scope is not None or change.unassigned is not None:
            before = reaches.get(right) or reaches.get((change.area, SEE)) or usual
            scope = before.scope if change.scope is None else change.scope
            reaches[right] = Reach(scope, before.unassigned if change.unassigned is None else change.unassigned)
    return Policy(frozenset(rights), usual, reaches)


def of_roles(session: Session, names: Iterable[str]) -> dict[str, Policy]:
    """Return what each of these roles may do; unknown names are left out."""
    return _read(session, names, literal(None, String))[0]


Shared = frozenset[tuple[str, int, bool]]  # area, key of a record, whether it may be changed too


class OfUser(NamedTuple):
    """What a user's roles may do by name, for whom he stands in, and what is shared with him."""

    policies: dict[str, Policy]
    stands_for: frozenset[int]
    shared: Shared


def of_user(session: Session, names: Iterable[str], *, user_id: int, on: date) -> OfUser:
    """Return what a user may do and reaches by more than his roles on a day; one statement for all."""
    absent = cast(Substitution.absent_id, String)
    away = select(func.aggregate_strings(absent, ",")).where(
        Substitution.substitute_id == user_id, Substitution.begins_on <= on, Substitution.ends_on >= on
    )
    said = func.coalesce(away.scalar_subquery(), "").concat(" ").concat(func.coalesce(_shared(user_id, on), ""))
    found, text = _read(session, names, said)
    accounts, _space, records = (text or " ").partition(" ")
    return OfUser(
        found,
        frozenset(map(int, filter(None, accounts.split(",")))),
        frozenset(_named(each) for each in records.split(",") if each),
    )


def _shared(user_id: int, on: date) -> ColumnElement[Any]:
    """Return the records shared with a user, his team, or a team that he heads, as "party:17:1,order:4:0"."""
    teams: CompoundSelect[Any] = union(
        select(UserProfile.team_id).where(UserProfile.user_id == user_id),
        select(Team.id).where(Team.head_id == user_id),
    )
    level = case((RecordShare.may_change, "1"), else_="0")
    one = RecordShare.entity.concat(":").concat(cast(RecordShare.record_id, String)).concat(":").concat(level)
    shared = select(func.aggregate_strings(one, ",")).where(
        or_(RecordShare.user_id == user_id, RecordShare.team_id.in_(teams)),
        or_(RecordShare.ends_on.is_(None), RecordShare.ends_on >= on),
    )
    return shared.scalar_subquery()


def _named(text: str) -> tuple[str, int, bool]:
    area, key, may_change = text.split(":")
    return area, int(key), may_change == "1"


def _read(session: Session, names: Iterable[str], more: ColumnElement[Any]) -> tuple[dict[str, Policy], str | None]:
    """Return what roles may do, and what one column more says."""
    read = (
        select(
            Role.name,
            RoleBase.role_id,
            RoleBase.base,
            RoleChange.area,
            RoleChange.verb,
            RoleChange.is_granted,
            RoleChange.scope,
            RoleChange.unassigned,
            more.label("more"),
        )
        .select_from(Role)
        .outerjoin(RoleBase, RoleBase.role_id == Role.id)
        .outerjoin(RoleChange, RoleChange.role_id == Role.id)
        .where(Role.name.in_(sorted(names)))
    )
    bases: dict[str, str | None] = {}
    changes: dict[str, set[Change]] = {}
    said: str | None = None
    for row in session.execute(read):
        said = row.more
        bases[row.name] = row.name if row.role_id is None else row.base
        found = changes.setdefault(row.name, set())
        if row.area is not None:
            found.add(Change(row.area, row.verb, row.is_granted, row.scope, row.unassigned))
    return {name: policy(base, frozenset(changes[name])) for name, base in bases.items()}, said


Reaches = frozenset[tuple[str, str, Reach]]


@lru_cache(maxsize=256)
def _joined(policies: frozenset[Policy]) -> Reaches:
    found: dict[tuple[str, str], Reach] = {}
    for one in policies:
        for area, verb in one.rights:
            key = area, action_of(verb)
            found[key] = found.get(key, NOTHING).wider(one.reach_of(*key))
    return frozenset((area, action, reach) for (area, action), reach in found.items())


def reaches(policies: Iterable[Policy]) -> Reaches:
    """Return which rows of each area somebody with all these roles reaches, by action.

    A role counts where it has the right: who sees all parties as one and his own orders as another does just that.
    """
    return _joined(frozenset(policies))


def covers(mine: Iterable[Policy], other: Policy) -> bool:
    """Say whether somebody with some roles has everything that another role gives: rights and rows."""
    own = list(mine)
    if has_all(own):
        return True
    if other.has_all or not other.rights <= frozenset().union(*(one.rights for one in own)):
        return False
    reached = {(area, action): reach for area, action, reach in reaches(own)}
    asked = {(area, action_of(verb)) for area, verb in other.rights}
    return all(
        (now := reached.get(key, NOTHING)).wider(other.reach_of(*key)) == now or now.scope is Scope.all for key in asked
    )


def has_all(policies: Iterable[Policy]) -> bool:
    """Say whether one of the roles is the administrator's."""
    return any(one.has_all for one in policies)
