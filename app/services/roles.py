"""Writes the table of roles (`app.roles`) into the database."""

from collections.abc import Iterable
from typing import Any

from flask_appbuilder.security.sqla.models import Permission, PermissionView, Role, ViewMenu
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.setting import Setting
from app.roles import ADMIN, PRESETS, PUBLIC, granted, verbs

FINGERPRINT = "roles"


def sync(session: Session, rights: Iterable[tuple[str, str]], *, fingerprint: str) -> int:
    """Make the roles' rights equal to the table and return how many rights there are.

    `rights` are all (area, verb) pairs that the screens and resources offer. Roles made by hand are left alone.
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
    roles = _by_name(session, Role)
    for name in (ADMIN, PUBLIC, *PRESETS):
        if name not in roles:
            roles[name] = Role(name=name)
            session.add(roles[name])
    session.flush()
    roles[ADMIN].permissions = list(grants.values())
    roles[PUBLIC].permissions = []
    for name in PRESETS:
        roles[name].permissions = [grant for (area, verb), grant in grants.items() if verb in verbs(name, area)]
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
