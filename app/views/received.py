"""What somebody was given in a hand-over: a page for the receiver, with the way into his lists."""

from typing import Any

from flask import abort, g
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.i18n import gettext as _
from app.services import handover as handovers
from app.web.crud import CrudView


class ReceivedView(BaseView):
    """One hand-over as its receiver sees it: what he got, and nothing of the others."""

    route_base = "/received"
    class_permission_name = "profile"  # whoever has notifications may read what they are about
    default_view = "show"

    @expose("/<int:pk>")
    @has_access
    @permission_name("see")
    def show(self, pk: int) -> str:
        """Show how much of each kind the reader got; each leads to his list of just that."""
        session = db.session()
        made = handovers.of_receiver(session, pk, user_id=g.user.id) if pk < 2**63 else None
        if made is None:
            abort(404)
        counts = handovers.counts(session, made.id, user_id=g.user.id)
        screens = {view.stem: view for view in self.appbuilder.baseviews if isinstance(view, CrudView)}
        kinds: list[dict[str, Any]] = []
        for (_to_id, stem), by_outcome in counts.items():
            view = screens.get(stem)
            sees = view is not None and "owner" in view.search_columns and self.appbuilder.sm.may(stem, "see")
            address = f"{view.route_base}/list/?flt.owner.eq=mine&flt.owner.given={made.id}" if view and sees else ""
            label = str(view.many_name) if view is not None else stem
            kinds.append({"label": label, "count": sum(by_outcome.values()), "url": address})
        title = _("Handed over to you from %(name)s", name=str(made.leaver))
        return str(self.render_template("web/received.html", title=title, record=made, kinds=kinds))


def register(appbuilder: Any) -> None:
    """Register the page."""
    appbuilder.add_view_no_menu(ReceivedView)
