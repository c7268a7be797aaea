"""One's own saved views, and those that others share, of all lists."""

from itertools import groupby
from typing import Any, ClassVar

from flask import render_template
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.role import shown_name
from app.services import access
from app.services import saved_view as saved_views
from app.web.saved import AREA, SavedViews


class SavedViewsView(BaseView):
    """All saved views that the reader may use."""

    route_base = "/saved_view"
    class_permission_name = AREA
    base_permissions: ClassVar = ["can_see", "can_share", "can_set_for_role"]
    default_view = "index"
    title = _l("Saved views")

    @expose("/list/")
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show them by list; each list offers what can be done with them."""
        reader = access.required(db.session())
        lists = {
            view.stem: view
            for view in self.appbuilder.baseviews
            if isinstance(view, SavedViews) and self.appbuilder.sm.may(view.class_permission_name, "see")
        }
        kept = [view for view in saved_views.of_all(db.session(), reader) if view.entity in lists]
        groups = [(lists[stem], list(some)) for stem, some in groupby(kept, key=lambda view: str(view.entity))]
        return render_template(
            "web/saved_views.html",
            title=self.title,
            groups=groups,
            reader=reader,
            appbuilder=self.appbuilder,
            role_name=shown_name,
        )


def register(appbuilder: Any) -> None:
    """Register the page; the profile leads to it."""
    appbuilder.add_view_no_menu(SavedViewsView)
