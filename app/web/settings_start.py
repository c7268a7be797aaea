"""Where the reader begins: the start page, a list, or a saved view, as far as he may still see it."""

from typing import Any

from flask import current_app, g
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.saved_view import SavedView
from app.services import access
from app.services import saved_view as saved_views
from app.web import settings
from app.web.saved import SavedViews

HOME = "/home/"


def _lists() -> dict[str, SavedViews]:
    """Return the lists that the reader may see, by stem."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    return {view.stem: view for view in appbuilder.baseviews if isinstance(view, SavedViews) and view.may("see")}


def choices(session: Session) -> list[tuple[str, str]]:
    """Return what the reader may begin with: the start page, his lists, his saved views."""
    lists = _lists()
    found = [("", _("Start")), *((f"list:{stem}", str(view.list_title)) for stem, view in lists.items())]
    kept = [view for view in saved_views.of_all(session, access.required(session)) if view.entity in lists]
    return found + [(f"view:{view.id}", f"{lists[view.entity].list_title}: {view.name}") for view in kept]


def address(session: Session) -> str:
    """Return where the reader begins; the start page when what he chose is gone or no longer his to see."""
    kept = settings.profile() if g.user.is_authenticated else None
    kind, _colon, name = ((kept.start_page if kept is not None else None) or "").partition(":")
    lists = _lists() if kind else {}
    if kind == "list" and name in lists:
        return f"{lists[name].route_base}/list/"
    if kind == "view" and name.isdecimal():
        mine = saved_views.visible(access.required(session)).where(SavedView.id == int(name))
        view = session.execute(mine).scalar_one_or_none()
        if view is not None and view.entity in lists:
            return lists[view.entity].address_of(view)
    return HOME
