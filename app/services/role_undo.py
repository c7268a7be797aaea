"""Taking a change of a role back, as long as nobody has changed the same rights and rows since."""

from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.history import Act, FieldChange
from app.roles import SEE, Reach, Scope
from app.services import policy, role_change, roles

ROWS = ".rows"


def undo(session: Session, role: Role, request_id: str) -> int:
    """Let a role have again what it had before the change of one request, and return how many rights and rows.

    Raises DomainError when nothing of it is known, when a right or its rows are not as that change has left them, and
    for whatever `role_change.put` refuses. Nothing has changed then.
    """
    changed = _changed(session, role, request_id)
    if not changed:
        raise DomainError(_("There is nothing to undo here"))
    now = roles.policy_of(session, role)
    if any(_standing(now, name) != after for name, (_before, after) in changed.items()):
        raise DomainError(_("Somebody has changed these rights since; nothing was undone"))
    before = {name: value for name, (value, _after) in changed.items()}
    return role_change.put(
        session,
        role,
        rights={_right(name): bool(value) for name, value in before.items() if not name.endswith(ROWS)},
        reaches={_right(name): _reach(value) for name, value in before.items() if name.endswith(ROWS)},
    )


def _changed(session: Session, role: Role, request_id: str) -> dict[str, list[Any]]:
    """Return what one request has changed of a role's rights and rows: {"party.see": [False, True]}."""
    found = session.scalars(
        select(FieldChange.changes)
        .where(FieldChange.entity == "role", FieldChange.record_id == role.id)
        .where(FieldChange.act == Act.change, FieldChange.request_id == request_id)
    )
    return {name: values for changes in found for name, values in changes.items() if "." in name}


def _right(name: str) -> tuple[str, str]:
    area, _dot, verb = name.removesuffix(ROWS).rpartition(".")
    return area, verb


def _standing(now: policy.Policy, name: str) -> bool | str | None:
    """Return a right, or its rows, as the history would say it now."""
    right = _right(name)
    if not name.endswith(ROWS):
        return now.may(*right)
    reach = now.reach_of(*right) if right[1] == SEE else now.reaches.get(right)
    return role_change.said(reach) if reach is not None else None


def _reach(told: str | None) -> Reach | None:
    if told is None:
        return None
    scope, _space, more = told.partition(" ")
    return Reach(Scope(scope), unassigned=bool(more))
