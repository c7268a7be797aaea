"""What there is to be allowed, in words: the areas of all screens and resources, and what each offers.

An area and its verbs come from the views themselves, so that a new entity stands in the matrix of roles by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.base import Owned
from app.roles import CHANGE, DELETE, EVERYBODY, EXPORT, SEE
from app.services import field_right
from app.web.menu import GROUPS

BASIC = {SEE: _l("See"), "add": _l("Add"), CHANGE: _l("Edit"), DELETE: _l("Delete"), EXPORT: _l("Export")}
OTHER = {
    "import": _l("Import"),
    "share": _l("Share with others"),
    "set_for_role": _l("Set for a role"),
    "xray": _l("Access X-ray"),
    "look_as": _l("Look as somebody else"),
    "set_rules": _l("Set the rules"),
    "revoke": _l("Revoke"),
    "erase": _l("Erase for good"),
}
AREAS = {
    "home": _l("Start page and help"),
    "profile": _l("Own settings"),
    "lookup": _l("Choosing in forms"),
    "find": _l("Find"),
    "saved_view": _l("Saved views"),
}
WHERE = {"bulk_run": "exchange"}
GUARDED = {
    "personal": _l("personal data"),
    "bank_account": _l("bank accounts"),
    "credit_limit": _l("credit limit"),
    "cost_price": _l("cost price"),
    "price_list": _l("price list"),
    "margin": _l("margin"),
}


@dataclass
class Area:
    """One area: its name on screen, the group of the sidebar where it stands, and its verbs with their texts."""

    name: str
    label: str
    group: str
    verbs: dict[str, str] = field(default_factory=dict)
    is_owned: bool = False

    @property
    def others(self) -> dict[str, str]:
        """Return the verbs beyond the basic ones."""
        return {name: text for name, text in self.verbs.items() if name not in BASIC}

    def is_everybodys(self, verb: str) -> bool:
        """Say whether the program needs a right for everybody: it cannot be taken away."""
        return verb in EVERYBODY.get(self.name, "").split()


def areas(appbuilder: Any, only: str = "") -> list[Area]:
    """Return every area with at least one right, in the order of the sidebar; what all have comes last.

    `only` is the one area that is asked for, with those of its guarded fields.
    """
    found: dict[str, Area] = {}
    groups = dict(_groups(appbuilder)) if not only else {}
    for view in appbuilder.baseviews:
        name = str(view.class_permission_name)
        if not view.base_permissions or (only and name != only):
            continue
        area = found.setdefault(name, Area(name, "", groups.get(name) or WHERE.get(name, "")))
        area.label = area.label or str(getattr(view, "many_name", "") or AREAS.get(name, ""))
        entity = getattr(getattr(view, "datamodel", None), "obj", None)
        area.is_owned = area.is_owned or (entity is not None and issubclass(entity, Owned))
        texts = {verb.name: str(verb.label) for verb in getattr(view, "verbs", ())}
        for permission in view.base_permissions:
            verb = permission.removeprefix("can_")
            area.verbs.setdefault(verb, texts.get(verb) or verb_label(verb))
        if entity is not None:
            _add_guarded(found, area, entity)
    order = list(GROUPS)
    for area in found.values():
        area.label = area.label or area.name
        rank = {name: place for place, name in enumerate((*BASIC, *sorted(area.verbs)))}
        area.verbs = dict(sorted(area.verbs.items(), key=lambda each: rank[each[0]]))
    return sorted(found.values(), key=lambda area: (not area.group, order.index(area.group), area.name in EVERYBODY))


def _add_guarded(found: dict[str, Area], area: Area, entity: type[Any]) -> None:
    """Add the areas of an entity's guarded fields behind its own."""
    for name in field_right.areas(entity):
        what = name.partition(".")[2]
        label = _("%(area)s: %(what)s", area=area.label, what=str(GUARDED.get(what, what)))
        verbs = {verb: verb_label(verb) for verb in field_right.VERBS}
        guarded = found.setdefault(name, Area(name, label, area.group, verbs))
        guarded.label, guarded.group = label, guarded.group or area.group


def _groups(appbuilder: Any) -> Iterator[tuple[str, str]]:
    for item in appbuilder.menu.get_list():
        for child in item.childs:
            yield str(child.baseview.class_permission_name), item.name


def verb_label(verb: str) -> str:
    """Return the text of a verb that no screen names otherwise."""
    return str(BASIC.get(verb) or OTHER.get(verb) or verb.replace("_", " "))


def named(appbuilder: Any, right: str) -> str:
    """Return a right in words: "Invoices: Issue" for "invoice.issue", of guarded fields too ("party.personal.see")."""
    name, _dot, verb = right.rpartition(".") if "." in right else (right, "", "")
    area = next((each for each in areas(appbuilder, only=name.partition(".")[0]) if each.name == name), None)
    if area is None:
        return right
    text = area.verbs.get(verb) or (verb_label(verb) if verb else "")
    return _("%(area)s: %(verb)s", area=area.label, verb=text) if text else area.label


def rights(found: Sequence[Area]) -> list[tuple[str, str]]:
    """Return all (area, verb) pairs."""
    return [(area.name, verb) for area in found for verb in area.verbs]
