"""The sidebar and the menu of what one may add: as the views registered them, cut to what the reader may do."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, g, request

from app.i18n import language
from app.i18n import lazy_gettext as _l

MOST_TO_ADD = 10


@dataclass(frozen=True)
class Entry:
    """One link of the sidebar."""

    label: str
    url: str
    icon: str
    here: bool


@dataclass(frozen=True)
class Group:
    """A heading with its links."""

    label: str
    entries: list[Entry]
    name: str = ""

    @property
    def is_here(self) -> bool:
        """Say whether the reader is in one of its entries."""
        return any(entry.here for entry in self.entries)


GROUPS = {
    "": _l("Overview"),
    "sales": _l("Sales"),
    "catalogue": _l("Products and prices"),
    "money": _l("Money"),
    "exchange": _l("Data"),
    "people": _l("People and time"),
    "settings": _l("Settings"),
    "security": _l("Security"),
}
# what one adds there comes last in the menu of what may be added
RARE = ("catalogue", "exchange", "people", "settings", "security")


def place(appbuilder: Any, view: Any, name: str, *, label: Any, group: str = "", icon: str = "circle") -> Any:
    """Register a view with an entry in the sidebar; who may see its area sees the entry."""
    return appbuilder.add_view(
        view, name, label=label, icon=icon, category=group, category_label=GROUPS[group] if group else ""
    )


def sidebar() -> list[Group]:
    """Return the groups for the current reader; empty groups are left out. Worked out once per request and language."""
    return _once("sidebar", _sidebar)


def _once(name: str, make: Any) -> Any:
    kept = g.setdefault("menus", {})
    key = (name, language())
    if key not in kept:
        kept[key] = make()
    return kept[key]


def _sidebar() -> list[Group]:
    appbuilder: Any = current_app.extensions["appbuilder"]
    found: dict[str, list[Entry]] = {name: [] for name in GROUPS}
    here = _stem_here(appbuilder)
    for item in appbuilder.menu.get_list():
        if item.childs:
            found.setdefault(item.name, []).extend(
                _entry(child, here) for child in item.childs if _may_see(appbuilder, child)
            )
        elif item.baseview is not None and _may_see(appbuilder, item):
            found[""].append(_entry(item, here))
    return [Group(str(GROUPS.get(name, name)), entries, name) for name, entries in found.items() if entries]


def create_menu() -> list[Group]:
    """Return what the reader may add, by group, at most ten: every screen of an entity with the right and the form.

    What is set up once (`is_set_up` of a view) is left out first.
    """
    return _once("create", _create_menu)


def _create_menu() -> list[Group]:
    appbuilder: Any = current_app.extensions["appbuilder"]
    groups = [item for item in appbuilder.menu.get_list() if item.childs]
    order = {name: place for place, name in enumerate(GROUPS)}
    groups.sort(key=lambda item: (item.name in RARE, order.get(item.name, len(order))))
    offered = [(group.name, item) for group in groups for item in group.childs if _may_add(item.baseview)]
    chosen = sorted(offered, key=lambda each: getattr(each[1].baseview, "is_set_up", False))[:MOST_TO_ADD]
    found: dict[str, list[Entry]] = {}
    for name, item in offered:
        if (name, item) in chosen:
            found.setdefault(name, []).append(_adds(item))
    return [Group(str(GROUPS.get(name, name)), entries, name) for name, entries in found.items()]


def _may_add(view: Any) -> bool:
    return bool(getattr(view, "one_name", None)) and "add" not in view.exclude_route_methods and view.may("add")


def _adds(item: Any) -> Entry:
    return Entry(str(item.baseview.one_name), f"{item.baseview.route_base}/add", item.icon or "plus", here=False)


def _may_see(appbuilder: Any, item: Any) -> bool:
    view = item.baseview
    return view is not None and appbuilder.sm.may(view.class_permission_name, "see")


def _stem_here(appbuilder: Any) -> str:
    """Return the stem under whose entry the reader is: the first part of the address, or what its view names."""
    name = (request.endpoint or "").partition(".")[0]
    view = next((view for view in appbuilder.baseviews if view.endpoint == name), None)
    return str(getattr(view, "menu_stem", request.path.split("/")[1] if request.path.count("/") > 1 else ""))


def _url_of(item: Any) -> str:
    """Return where an entry leads; it is worked out once, as it never changes."""
    kept: dict[str, str] = current_app.extensions.setdefault("menu_urls", {})
    if item.name not in kept:
        kept[item.name] = item.get_url()
    return kept[item.name]


def _entry(item: Any, here: str) -> Entry:
    url = _url_of(item)
    stem = url.split("/")[1] if url.count("/") > 1 else ""
    return Entry(str(item.label), url, item.icon or "circle", request.path == url or (bool(stem) and stem == here))
