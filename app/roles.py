"""Who may do what: role → area → verbs, and which rows. `crm sync-roles` writes this table into the database.

An area is a noun's stem; a verb is `see`, `add`, `change`, `delete`, `export` (a whole list as a file) or the name of a
service's verb (`issue`).
The administrator's role ("Admin") has every right and is not in the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ADMIN = "Admin"
PUBLIC = "Public"


class Scope(StrEnum):
    """Which rows of owned entities a role sees."""

    none = "none"
    own = "own"
    team = "team"
    subtree = "subtree"
    all = "all"


@dataclass(frozen=True)
class Role:
    """One preset: its row scope and its verbs per area."""

    scope: Scope
    grants: Mapping[str, str]


EVERYBODY = {
    "home": "see",
    "profile": "see",
    "lookup": "see",
    "find": "see",
    "saved_view": "see",
    "tag": "see",
    "bulk_run": "see",
}
_SHARES = {"saved_view": "see share", "tag": "see add change delete"}

_CATALOGUE = {
    "product": "see",
    "unit": "see",
    "tax": "see",
    "payment_term": "see",
    "organisation": "see",
    "team": "see",
}
_ORDERS = "see add change delete confirm finish reopen cancel"

PRESETS: dict[str, Role] = {
    "Head of sales": Role(
        Scope.subtree,
        {
            **_SHARES,
            **_CATALOGUE,
            "party": "see add change archive restore import",
            "import_run": "see",
            "order": f"{_ORDERS} invoice",
            "invoice": "see",
            "payment": "see",
            "letter": "see",
        },
    ),
    "Sales manager": Role(
        Scope.own, {**_CATALOGUE, "party": "see add change", "order": _ORDERS, "invoice": "see", "payment": "see"}
    ),
    "Accountant": Role(
        Scope.all,
        {
            **_SHARES,
            **_CATALOGUE,
            "organisation": "see lock",
            "party": "see add change",
            "product": "see add change",
            "order": f"{_ORDERS} invoice",
            "invoice": "see add change delete issue send pay settle refund write_off credit copy close",
            "payment": "see add change allocate refund cancel",
            "allocation": "see reverse",
            "letter": "see resend mark_sent retry cancel",
        },
    ),
    "Marketer": Role(Scope.all, {**_CATALOGUE, "party": "see"}),
    "Back office": Role(
        Scope.all,
        {
            **_SHARES,
            **_CATALOGUE,
            "party": "see add change archive restore import",
            "import_run": "see",
            "product": "see add change",
            "order": _ORDERS,
            "invoice": "see",
            "payment": "see",
        },
    ),
    "Read-only auditor": Role(
        Scope.all,
        {
            **_CATALOGUE,
            "party": "see",
            "import_run": "see",
            "order": "see",
            "invoice": "see",
            "payment": "see",
            "allocation": "see",
            "letter": "see",
        },
    ),
}


_NO_LISTS = frozenset({"saved_view"})  # areas that have nothing to export


def _exporting(role: Role) -> Role:
    """Return a role that may also take away as a file what it sees."""
    lists = {area for area, text in role.grants.items() if "see" in text.split()} - _NO_LISTS
    return Role(role.scope, {area: f"{text} export" if area in lists else text for area, text in role.grants.items()})


PRESETS |= {name: _exporting(PRESETS[name]) for name in ("Head of sales", "Accountant", "Marketer", "Back office")}

_BINNED = "see restore"


def _with_bin(role: Role) -> Role:
    """Return a role that also brings back what it may delete."""
    deletes = any("delete" in text.split() for text in role.grants.values())
    return Role(role.scope, {**role.grants, "deleted_record": _BINNED}) if deletes else role


PRESETS |= {name: _with_bin(role) for name, role in PRESETS.items()}

_WIDTH = [Scope.none, Scope.own, Scope.team, Scope.subtree, Scope.all]


def scope_of(roles: frozenset[str]) -> Scope:
    """Return the widest row scope that one of the roles gives."""
    if ADMIN in roles:
        return Scope.all
    known = [PRESETS[name].scope for name in roles if name in PRESETS]
    return max(known, key=_WIDTH.index, default=Scope.none)


def granted(preset: Role) -> dict[str, str]:
    """Return a preset's verbs per area, with what everybody may."""
    return {**EVERYBODY, **preset.grants}


def verbs(role: str, area: str) -> frozenset[str]:
    """Return the verbs that a preset role has in an area."""
    preset = PRESETS.get(role)
    if preset is None:
        return frozenset()
    return frozenset(granted(preset).get(area, "").split())
