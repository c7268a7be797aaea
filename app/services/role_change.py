"""What an administrator changes about a role: kept as differences from its base, noted in the role's history."""

from collections.abc import Mapping
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.role import RoleChange
from app.roles import ACTIONS, SEE, Reach
from app.services import history, policy, roles

Right = tuple[str, str]


def put(
    session: Session, role: Role, *, rights: Mapping[Right, bool], reaches: Mapping[Right, Reach | None] | None = None
) -> int:
    """Let a role have these rights and rows, and return how many of them are new.

    Shapes: `rights` are {("party", "see"): True}, `reaches` {("party", "change"): Reach}, None for "as one sees".
    What equals the base is kept as no difference; what is not named stays as it is.
    Raises DomainError for the administrator's role, and for one that has or gets more than the actor himself.
    """
    roles.require_open(role)
    mine, editing = roles.own(session), _Editing(session, role)
    for right, is_granted in rights.items():
        editing.grant(right, is_granted=is_granted)
    for right, reach in (reaches or {}).items():
        editing.reach(right, reach)
    editing.end()
    after = roles.policy_of(session, role)
    if after != editing.before:
        roles.require_within(session, editing.before, after, mine=mine)
    widened = {key: after.reach_of(*key) for key in reaches or {} if _is_wider(after, editing.before, key)}
    roles.require_reaches(widened, mine)
    done = 0
    for right in rights:
        done += _noted(session, role, ".".join(right), editing.before.may(*right), after.may(*right))
    for right in reaches or {}:
        before, now = _own_reach(editing.before, right), _own_reach(after, right)
        done += _noted(session, role, f"{'.'.join(right)}.rows", before and said(before), now and said(now))
    roles.write(session, role)
    return done


def _is_wider(after: policy.Policy, before: policy.Policy, key: Right) -> bool:
    """Say whether a role reaches more rows than before, whether it has the right yet or not."""
    was = before.reach_of(*key)
    return was.wider(after.reach_of(*key)) != was


def _own_reach(found: policy.Policy, right: Right) -> Reach | None:
    """Return which rows a role reaches by a right of its own; None where it is as one sees."""
    return found.reach_of(*right) if right[1] == SEE else found.reaches.get(right)


def _noted(session: Session, role: Role, name: str, before: object, after: object) -> bool:
    history.note(session, role, name, before, after)
    return before != after


def usual(session: Session, role: Role) -> policy.Policy:
    """Return what a role may do without its differences."""
    return policy.policy(roles.base_of(session, role))


def said(reach: Reach) -> str:
    """Return a reach as history and files write it: "own", "team +unassigned"."""
    return f"{reach.scope.value} +unassigned" if reach.unassigned else reach.scope.value


class _Editing:
    """The rows of differences of one role while they are changed."""

    def __init__(self, session: Session, role: Role) -> None:
        self.session, self.role = session, role
        self.base, self.before = policy.policy(roles.base_of(session, role)), roles.policy_of(session, role)
        found = session.execute(select(RoleChange).where(RoleChange.role_id == role.id)).scalars()
        self.rows = {(row.area, row.verb): row for row in found}

    def grant(self, right: Right, *, is_granted: bool) -> None:
        as_in_base = self.base.may(*right) == is_granted
        if not as_in_base or right in self.rows:
            self._row(right).is_granted = None if as_in_base else is_granted

    def reach(self, right: Right, reach: Reach | None) -> None:
        area, action = right
        if action not in ACTIONS:
            raise DomainError(_("There is no such action: %(name)s", name=action))
        if reach is not None and reach == (
            self.base.reach_of(area, SEE) if action == SEE else self.base.reaches.get(right)
        ):
            reach = None
        if reach is not None or right in self.rows:
            row = self._row(right)
            row.scope, row.unassigned = reach if reach is not None else (None, None)

    def _row(self, right: Right) -> RoleChange:
        if right not in self.rows:
            self.rows[right] = RoleChange(role_id=self.role.id, area=right[0], verb=right[1])
        return self.rows[right]

    def end(self) -> None:
        """Keep the rows that say something, and drop the others."""
        for row in self.rows.values():
            if (row.is_granted, row.scope, row.unassigned) == (None, None, None):
                if row.id is not None:
                    self.session.delete(row)
            else:
                self.session.add(row)
        self.session.flush()


def reset(session: Session, role: Role) -> int:
    """Take back every difference of a role from its base and return how many there were."""
    roles.require_open(role)
    roles.require_within(session, roles.policy_of(session, role), usual(session, role))
    found = roles.changes_of(session, role)
    for change in sorted(found, key=lambda each: each[:2]):
        history.note(session, role, f"{change.area}.{change.verb}", _spoken(change), None)
    session.execute(delete(RoleChange).where(RoleChange.role_id == role.id))
    roles.write(session, role)
    return len(found)


def _spoken(change: policy.Change) -> list[Any]:
    return [None if value is None else getattr(value, "value", value) for value in change[2:]]
