"""What a key for REST may be allowed, in words: the areas that have a resource, cut to what its owner may."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask_appbuilder.api import BaseApi

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.roles import ACT, SEE
from app.services import field_right
from app.services.key_scope import EVERY_AREA, KINDS, WRITE, kind_of
from app.web import rights

KIND_TEXTS = {SEE: _l("See"), WRITE: _l("Write"), ACT: _l("Other acts")}
_NAMES = {"home": _l("Description of REST (OpenAPI)")}  # what an area is called where REST has less of it than screens


@dataclass(frozen=True)
class Row:
    """One area of the form: which kinds its owner may have, and what the other acts are."""

    area: str
    label: str
    kinds: frozenset[str]
    acts: str


def rows(appbuilder: Any) -> list[Row]:
    """Return the areas of REST of which the reader may do something, in the order of the sidebar."""
    found: list[Row] = []
    offered = _verbs(appbuilder)
    for area in rights.areas(appbuilder):
        verbs = {verb for verb in offered.get(area.name, ()) if appbuilder.sm.may(area.name, verb)}
        if verbs:
            acts = ", ".join(text for verb, text in area.verbs.items() if verb in verbs and kind_of(verb) == ACT)
            label = str(_NAMES.get(area.name, area.label))
            found.append(Row(area.name, label, frozenset(map(kind_of, verbs)), acts))
    return found


def _verbs(appbuilder: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for view in appbuilder.baseviews:
        if isinstance(view, BaseApi) and view.base_permissions:
            verbs = {permission.removeprefix("can_") for permission in view.base_permissions}
            found.setdefault(str(view.class_permission_name), set()).update(verbs)
            for area in field_right.areas(view.datamodel.obj) if hasattr(view, "datamodel") else ():
                found.setdefault(area, set()).update(field_right.VERBS)
    return found


def offered(found: Collection[Row]) -> set[str]:
    """Return every scope that the form offers."""
    every = {f"{EVERY_AREA}.{kind}" for kind in KINDS}
    return every | {f"{row.area}.{kind}" for row in found for kind in row.kinds}


def told(appbuilder: Any, scopes: Collection[str]) -> list[tuple[str, str]]:
    """Return scopes in words: (area, what is allowed there), every area first."""
    labels = {area.name: str(_NAMES.get(area.name, area.label)) for area in rights.areas(appbuilder)}
    by_area: dict[str, list[str]] = {}
    for kind in KINDS:
        for scope in sorted(scopes):
            area, _dot, said = scope.rpartition(".")
            if said == kind:
                by_area.setdefault(area, []).append(str(KIND_TEXTS[kind]))
    order = [EVERY_AREA, *labels]
    named = sorted(by_area.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order))
    return [(_("Everything") if area == EVERY_AREA else labels.get(area, area), ", ".join(k)) for area, k in named]
