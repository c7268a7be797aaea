"""Columns of screens and resources, cut to the fields that the reader may see or change.

A screen reads its lists of columns as always (`self.list_columns`); where its entity has guarded fields, what it gets
is cut to the reader. The class, and whatever has no request (setting up, a worker), gets them whole.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import has_request_context

from app.db import db
from app.roles import CHANGE, SEE
from app.services import field_right

SEEN = (
    *("list_columns", "show_columns", "search_columns", "order_columns", "other_columns", "total_columns"),
    *("key_facts", "gallery", "show_fieldsets", "children"),
)
CHANGED = ("add_columns", "edit_columns", "inline_columns", "quick", "add_fieldsets", "edit_fieldsets")


class Cut:
    """One declared list of a screen, for the reader."""

    def __init__(self, name: str, declared: Any, entity: type[Any], action: str) -> None:
        self.name = name
        self.declared = declared
        self.entity = entity
        self.action = action

    def __get__(self, view: Any, owner: Any = None) -> Any:
        """Return the list, cut to the reader where there is one."""
        if view is None:
            return self.declared
        whole = vars(view).get(self.name, self.declared)
        if whole is None or not has_request_context():
            return whole
        return cut(whole, field_right.hidden(db.session(), self.entity, self.action))

    def __set__(self, view: Any, value: Any) -> None:
        """Keep what the framework has made of the list."""
        vars(view)[self.name] = value


def install(view: Any, entity: type[Any]) -> None:
    """Let a class of screens or resources cut what it declares; without guarded fields nothing changes."""
    if not field_right.guards(entity):
        return
    for names, action in ((SEEN, SEE), (CHANGED, CHANGE)):
        for name in names:
            declared = getattr(view, name, None)
            if declared is not None and not isinstance(vars(view).get(name), Cut):
                setattr(view, name, Cut(name, declared, entity, action))


def cut(whole: Any, hidden: frozenset[str]) -> Any:
    """Return names, fieldsets or children without those of hidden fields."""
    if not hidden:
        return whole
    kept = (part for part in (_part(each, hidden) for each in whole) if part is not None)
    return type(whole)(kept)


def _part(part: Any, hidden: frozenset[str]) -> Any:
    if isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], Mapping):  # noqa: PLR2004 -- a fieldset
        fields = [name for name in part[1]["fields"] if name not in hidden]
        return (part[0], {**part[1], "fields": fields}) if fields else None
    return None if getattr(part, "name", part) in hidden else part


def open_to(entity: type[Any], names: Iterable[str], *, action: str = SEE) -> list[str]:
    """Return the names of an entity's fields that the reader may see, or change."""
    hidden = field_right.hidden(db.session(), entity, action) if has_request_context() else frozenset()
    return [name for name in names if name not in hidden]
