"""The sidebar: groups and entries as the views registered them, cut to what the reader may see."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, request

from app.i18n import lazy_gettext as _l


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


GROUPS = {
    "": _l("Overview"),
    "sales": _l("Sales"),
    "money": _l("Money"),
    "exchange": _l("Exchange"),
    "settings": _l("Settings"),
    "security": _l("Security"),
}


def place(appbuilder: Any, view: Any, name: str, *, label: Any, group: str = "", icon: str = "circle") -> Any:
    """Register a view with an entry in the sidebar; who may see its area sees the entry."""
    return appbuilder.add_view(
        view, name, label=label, icon=icon, category=group, category_label=GROUPS[group] if group else ""
    )


def sidebar() -> list[Group]:
    """Return the groups for the current reader; empty groups are left out."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    found: dict[str, list[Entry]] = {name: [] for name in GROUPS}
    for item in appbuilder.menu.get_list():
        if item.childs:
            found.setdefault(item.name, []).extend(
                _entry(child) for child in item.childs if _may_see(appbuilder, child)
            )
        elif item.baseview is not None and _may_see(appbuilder, item):
            found[""].append(_entry(item))
    return [Group(str(GROUPS.get(name, name)), entries) for name, entries in found.items() if entries]


def _may_see(appbuilder: Any, item: Any) -> bool:
    view = item.baseview
    return view is not None and appbuilder.sm.may(view.class_permission_name, "see")


def _entry(item: Any) -> Entry:
    url = item.get_url()
    stem = url.split("/")[1] if url.count("/") > 1 else ""
    here = request.path == url or (bool(stem) and request.path.startswith(f"/{stem}/"))
    return Entry(str(item.label), url, item.icon or "circle", here)
