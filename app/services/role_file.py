"""Roles as files: a role leaves an installation and enters another one, and two roles are compared.

Shape of a file: {"format": "countinghouse role 1", "name", "base", "note", "changes": [{"area", "verb", "granted"?,
"scope"?, "unassigned"?}], "export_rows"?, "second_factor"?: true}; what a change does not say is as in the base.
`export_rows` is how many rows the role takes in one file, null for any number. A role that demands a second factor goes
on demanding it when a file does not say so.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.role import RoleBase, RoleChange
from app.roles import ACTIONS, PRESETS, Reach, Scope
from app.services import export_rule, policy, role_demand, roles

FORMAT = "countinghouse role 1"


def of(session: Session, role: Role) -> dict[str, Any]:
    """Return a role as a file holds it; DomainError for the administrator's."""
    roles.require_open(role)
    kept = session.execute(select(RoleBase).where(RoleBase.role_id == role.id)).scalar_one_or_none()
    changes = []
    for change in sorted(roles.changes_of(session, role), key=lambda each: each[:2]):
        said: dict[str, Any] = {"area": change.area, "verb": change.verb}
        if change.is_granted is not None:
            said["granted"] = change.is_granted
        if change.scope is not None:
            said["scope"] = change.scope.value
        if change.unassigned is not None:
            said["unassigned"] = change.unassigned
        changes.append(said)
    base = roles.base_of(session, role)
    told = {"format": FORMAT, "name": role.name, "base": base, "note": kept.note if kept else None, "changes": changes}
    told["export_rows"] = export_rule.cap_of(session, role)
    return told | ({role_demand.NAME: True} if role_demand.of_role(session, role) else {})


def read(content: bytes, *, most: int) -> dict[str, Any]:
    """Return what stands in a file; DomainError for anything that is no role."""
    if len(content) > most:
        raise DomainError(_("The file is too large"), field="file")
    try:
        given = json.loads(content)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise DomainError(_("This file does not hold a role"), field="file") from None
    if not isinstance(given, dict) or given.get("format") != FORMAT or not isinstance(given.get("name"), str):
        raise DomainError(_("This file does not hold a role"), field="file")
    if given.get("base") is not None and given["base"] not in PRESETS:
        raise DomainError(
            _("The file's role is based on “%(name)s”, which is unknown here", name=given["base"]), field="file"
        )
    rows = given.get("export_rows")
    if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool)):
        raise DomainError(_("This file does not hold a role"), field="file")
    changes = given.get("changes")
    is_list = isinstance(changes, list) and all(_is_change(each) for each in changes)
    if not is_list or not isinstance(given.get(role_demand.NAME, True), bool):
        raise DomainError(_("This file does not hold a role"), field="file")
    return given


def _is_change(given: object) -> bool:
    if not isinstance(given, dict) or not {"area", "verb"} <= given.keys():
        return False
    texts = isinstance(given["area"], str) and isinstance(given["verb"], str)
    flags = all(given.get(name) is None or isinstance(given[name], bool) for name in ("granted", "unassigned"))
    scope = given.get("scope") is None or (given["scope"] in {*Scope} and given["verb"] in ACTIONS)
    return texts and flags and scope and any(given.get(name) is not None for name in ("granted", "scope", "unassigned"))


def require_new(session: Session, given: dict[str, Any]) -> None:
    """Raise DomainError when there is a role of the file's name."""
    if _standing(session, given["name"]) is not None:
        raise DomainError(_("This name is taken"), field="file")


def _standing(session: Session, name: str) -> Role | None:
    return session.execute(select(Role).where(Role.name == name.strip())).unique().scalar_one_or_none()


def take_in(session: Session, given: dict[str, Any], *, offered: Collection[tuple[str, str]]) -> tuple[Role, list[str]]:
    """Make the file's role, or give the one of its name what stands in the file; return it and what is unknown here.

    Raises DomainError for a role whose base is another one, and for what the actor may not give.
    """
    mine, role = roles.own(session), _standing(session, given["name"])
    if role is None:
        role = roles.make(session, given["name"], base=given.get("base"), note=str(given.get("note") or ""))
    roles.require_open(role)
    if roles.base_of(session, role) != given.get("base"):
        raise DomainError(_("There is a role of this name on another base"), field="file")
    roles.require_within(session, roles.policy_of(session, role))
    areas, left_out = {area for area, _verb in offered}, []
    session.query(RoleChange).filter(RoleChange.role_id == role.id).delete(synchronize_session="fetch")
    wanted: list[RoleChange] = []
    for each in given["changes"]:
        right = each["area"], each["verb"]
        if right not in offered and not (each["area"] in areas and each["verb"] in ACTIONS):
            left_out.append(".".join(right))
            continue
        scope = Scope(each["scope"]) if each.get("scope") else None
        wanted.append(
            RoleChange(
                role_id=role.id,
                area=each["area"],
                verb=each["verb"],
                is_granted=each.get("granted"),
                scope=scope,
                unassigned=each.get("unassigned"),
            )
        )
    session.add_all({(row.area, row.verb): row for row in wanted}.values())
    session.flush()
    roles.require_within(session, roles.policy_of(session, role), mine=mine)
    if "export_rows" in given and given["export_rows"] != export_rule.cap_of(session, role):
        export_rule.set_cap(session, role, given["export_rows"])
    roles.write(session, role)
    if given.get(role_demand.NAME):
        role_demand.put(session, role, is_demanded=True)
    return role, left_out


class Difference(NamedTuple):
    """Where two roles differ: a right that one has (`one`, `other` say who), or rows (both as Reach)."""

    area: str
    verb: str
    one: bool | Reach
    other: bool | Reach


def differences(
    one: policy.Policy, other: policy.Policy, *, rights: Iterable[tuple[str, str]], owned: Iterable[str]
) -> list[Difference]:
    """Return in what two roles differ: rights first, then rows where both may do the same."""
    found = [
        Difference(area, verb, one.may(area, verb), other.may(area, verb))
        for area, verb in rights
        if one.may(area, verb) != other.may(area, verb)
    ]
    for area in owned:
        for action in ACTIONS:
            a, b = one.reach_of(area, action), other.reach_of(area, action)
            if a != b and one.may(area, "see") and other.may(area, "see"):
                found.append(Difference(area, f"{action}.rows", a, b))
    return found
