"""Roles as an administrator handles them: written into the database, made, copied, renamed, deleted.

What a role may do is its preset (`app.roles`) and the differences beside it (`services.policy`). The framework's tables
hold the outcome, because its decorators read them: `sync` and every change write it there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_appbuilder.security.sqla.models import Permission, PermissionView, Role, User, ViewMenu
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.export_run import ExportCap
from app.models.role import LONGEST_NAME, RoleBase, RoleChange, shown_name
from app.models.second_factor import RoleDemand
from app.models.setting import Setting
from app.roles import ADMIN, NOTHING, PRESETS, PUBLIC, Reach, Scope, granted
from app.services import access, policy

FINGERPRINT = "roles"
FIXED = frozenset({ADMIN, PUBLIC})  # every right, and none


def sync(session: Session, rights: Iterable[tuple[str, str]], *, fingerprint: str) -> int:
    """Make the roles' rights what presets and differences say, and return how many rights there are.

    `rights` are all (area, verb) pairs that the screens and resources offer. Differences are read, never written.
    """
    wanted = sorted(set(rights))
    permissions = _by_name(session, Permission)
    areas = _by_name(session, ViewMenu)
    for area, verb in wanted:
        for kind, known, name in ((Permission, permissions, f"can_{verb}"), (ViewMenu, areas, area)):
            if name not in known:
                known[name] = kind(name=name)
                session.add(known[name])
    session.flush()
    pairs = {(p.view_menu_id, p.permission_id): p for p in session.execute(select(PermissionView)).unique().scalars()}
    grants: dict[tuple[str, str], PermissionView] = {}
    for area, verb in wanted:
        key = (areas[area].id, permissions[f"can_{verb}"].id)
        if key not in pairs:
            pairs[key] = PermissionView(view_menu_id=key[0], permission_id=key[1])
            session.add(pairs[key])
        grants[area, verb] = pairs[key]
    session.flush()
    known_roles = _by_name(session, Role)
    for name in (ADMIN, PUBLIC, *PRESETS):
        if name not in known_roles:
            known_roles[name] = Role(name=name)
            session.add(known_roles[name])
    session.flush()
    made = set(session.execute(select(Role.name).join(RoleBase, RoleBase.role_id == Role.id)).scalars())
    policies = policy.of_roles(session, {ADMIN, *PRESETS, *made})
    known_roles[PUBLIC].permissions = []
    for name, found in policies.items():
        known_roles[name].permissions = [grant for right, grant in grants.items() if found.may(*right)]
    kept = session.get(Setting, FINGERPRINT) or Setting(name=FINGERPRINT)
    kept.value = fingerprint
    session.add(kept)
    session.flush()
    return len(grants)


def is_current(session: Session, fingerprint: str) -> bool:
    """Say whether the last sync wrote this very table."""
    kept = session.get(Setting, FINGERPRINT)
    return kept is not None and kept.value == fingerprint


def unknown_areas(rights: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what the table grants although no screen or resource offers it: a misspelt area or verb."""
    offered = set(rights)
    named = {
        (area, verb) for preset in PRESETS.values() for area, text in granted(preset).items() for verb in text.split()
    }
    return named - offered


def _by_name(session: Session, kind: type[Any]) -> dict[str, Any]:
    return {each.name: each for each in session.execute(select(kind)).unique().scalars()}


# --- what there is ----------------------------------------------------------------------------------------------------


def shown(session: Session) -> list[Role]:
    """Return all roles that people have: the administrator's, the presets, then those that were made, by name."""
    order = {name: place for place, name in enumerate((ADMIN, *PRESETS))}
    found = session.execute(select(Role).where(Role.name != PUBLIC)).unique().scalars()
    return sorted(found, key=lambda role: (order.get(role.name, len(order)), role.name))


def names(session: Session) -> list[str]:
    """Return the names of all roles but the administrator's: the presets, then those that were made."""
    made = session.execute(select(Role.name).join(RoleBase, RoleBase.role_id == Role.id).order_by(Role.name)).scalars()
    return [*PRESETS, *made]


def base_of(session: Session, role: Role) -> str | None:
    """Return the preset that a role is based on: a preset is based on itself."""
    if role.name in FIXED or role.name in PRESETS:
        return str(role.name)
    return session.execute(select(RoleBase.base).where(RoleBase.role_id == role.id)).scalar()


def changes_of(session: Session, role: Role) -> frozenset[policy.Change]:
    """Return the differences of a role from its base."""
    found = session.execute(select(RoleChange).where(RoleChange.role_id == role.id)).scalars()
    return frozenset(policy.Change(c.area, c.verb, c.is_granted, c.scope, c.unassigned) for c in found)


def policy_of(session: Session, role: Role) -> policy.Policy:
    """Return what a role may do."""
    return policy.policy(base_of(session, role), changes_of(session, role))


def people(session: Session) -> dict[int, int]:
    """Return how many active accounts have each role, by the role's id."""
    count = select(Role.id, func.count(User.id)).join(User.roles).where(User.active.is_(True)).group_by(Role.id)
    return {row[0]: row[1] for row in session.execute(count)}


def holders(session: Session, role: Role) -> list[User]:
    """Return the active accounts that have a role, by name."""
    found = select(User).where(User.active.is_(True), User.roles.any(Role.id == role.id))
    return list(session.execute(found.order_by(User.first_name, User.last_name)).unique().scalars())


# --- writing ----------------------------------------------------------------------------------------------------------


def write(session: Session, role: Role) -> None:
    """Write a role's rights where the framework reads them."""
    found = policy_of(session, role)
    role.permissions = [
        each
        for each in session.execute(select(PermissionView)).unique().scalars()
        if found.may(each.view_menu.name, each.permission.name.removeprefix("can_"))
    ]
    session.flush()


def require_open(role: Role) -> None:
    """Raise DomainError for a role that nobody changes: the administrator's."""
    if role.name in FIXED:
        raise DomainError(_("The administrator's role has every right and cannot be changed"), field="name")


def require_within(session: Session, *found: policy.Policy, mine: Iterable[policy.Policy] | None = None) -> None:
    """Raise DomainError when a role gives more than the actor has himself: nobody raises himself or others.

    Who changes a role that he has himself says in `mine` what he had before.
    """
    have = list(own(session) if mine is None else mine)
    if not all(policy.covers(have, one) for one in found):
        raise DomainError(
            _("This role gives rights that you do not have yourself. Ask an administrator."), field="roles"
        )


def require_reaches(found: Mapping[tuple[str, str], Reach], mine: Iterable[policy.Policy]) -> None:
    """Raise DomainError when rows are given that the actor does not reach, also for rights that come later."""
    have = list(mine)
    reached = {(area, action): reach for area, action, reach in policy.reaches(have)}
    for key, reach in found.items():
        now = reached.get(key, NOTHING)
        if not policy.has_all(have) and now.scope is not Scope.all and now.wider(reach) != now:
            raise DomainError(
                _("This role gives rights that you do not have yourself. Ask an administrator."), field="roles"
            )


def own(session: Session) -> list[policy.Policy]:
    """Return what the session's actor may do, role by role; the system may do everything."""
    actor = access.required(session)
    return [policy.ALL] if actor.user_id is None else list(policy.of_roles(session, actor.roles).values())


# --- making -----------------------------------------------------------------------------------------------------------


def copy(session: Session, role: Role, name: str, *, note: str = "") -> Role:
    """Make a role that begins with what another one may do, and return it.

    It grows with the same preset. Raises DomainError for a name that is empty, too long or taken.
    """
    if role.name in FIXED:
        raise DomainError(_("The administrator's role has every right and cannot be copied"), field="name")
    require_within(session, policy_of(session, role))
    made = make(session, name, base=base_of(session, role), note=note)
    for change in changes_of(session, role):
        session.add(RoleChange(role_id=made.id, **change._asdict()))
    cap = session.execute(select(ExportCap).where(ExportCap.role_id == role.id)).scalar_one_or_none()
    if cap is not None:
        session.add(ExportCap(role_id=made.id, most_rows=cap.most_rows))
    if session.get(RoleDemand, role.id) is not None:
        session.add(RoleDemand(role_id=made.id))
    session.flush()
    write(session, made)
    return made


def begun(session: Session, name: str, *, source: Role | None, note: str = "") -> Role:
    """Make a role that begins as another one, or with nothing."""
    return copy(session, source, name, note=note) if source is not None else make(session, name, base=None, note=note)


def make(session: Session, name: str, *, base: str | None, note: str = "") -> Role:
    """Make a role on a preset, or on nothing; DomainError for a name or a preset that will not do."""
    if base is not None and base not in PRESETS:
        raise DomainError(_("There is no such role"), field="base")
    require_within(session, policy.policy(base))
    made = Role(name=_checked(session, name))
    session.add(made)
    session.flush()
    session.add(RoleBase(role_id=made.id, base=base, note=note.strip()[:250] or None))
    session.flush()
    write(session, made)
    return made


def rename(session: Session, role: Role, name: str, *, note: str = "") -> None:
    """Give a role that people made another name and note; DomainError for a preset, or a name that will not do."""
    _require_own(role)
    if name.strip() != role.name:
        role.name = _checked(session, name)
    kept = session.execute(select(RoleBase).where(RoleBase.role_id == role.id)).scalar_one_or_none()
    if kept is not None:
        kept.note = note.strip()[:250] or None
    session.flush()


def remove(session: Session, role: Role) -> None:
    """Delete a role that people made; DomainError while somebody has it."""
    _require_own(role)
    count = session.execute(
        select(func.count()).select_from(User).where(User.roles.any(Role.id == role.id))
    ).scalar_one()
    if count:
        raise DomainError(_("%(count)s people have this role. Give them another one first.", count=count))
    session.delete(role)
    session.flush()


def _require_own(role: Role) -> None:
    if role.name in FIXED or role.name in PRESETS:
        raise DomainError(_("This role belongs to the program: it can be changed and copied, not renamed or deleted"))


def _checked(session: Session, name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise DomainError(_("Give the role a name of at most %(most)s characters", most=LONGEST_NAME), field="name")
    folded = name.casefold()
    taken = {PUBLIC, ADMIN, *PRESETS, *session.execute(select(Role.name)).scalars()}
    if folded in {each.casefold() for each in [*taken, *map(shown_name, taken)]}:
        raise DomainError(_("This name is taken"), field="name")
    return name
