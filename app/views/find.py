"""Finding anything from anywhere: the palette's answers, and the same as a page of its own."""

from typing import Any

from flask import Response, g, jsonify, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, has_access_api, permission_name

from app import clock
from app.db import db, unit_of_work
from app.i18n import gettext as _
from app.search import QUERY_LENGTH
from app.services import access, find
from app.web import palette

ORDER = 1
EACH_ON_PAGE, MOST_ON_PAGE = 25, 150


def asked() -> str:
    """Return what was typed."""
    return request.args.get("q", "").strip()[:QUERY_LENGTH]


class FindView(BaseView):
    """`/find/`: records, screens and acts by name."""

    route_base = "/find"
    class_permission_name = "find"
    default_view = "page"

    @expose("/")
    @has_access
    @permission_name("see")
    def page(self) -> str:
        """Show what is found as a page: for many matches, and for browsers without scripts."""
        query = asked()
        found = palette.offer(db.session(), query, each=EACH_ON_PAGE, most=MOST_ON_PAGE)
        return str(self.render_template("web/find.html", title=_("Find"), query=query, found=found))

    @expose("/results")
    @has_access_api
    @permission_name("see")
    def results(self) -> Response:
        """Return what is found, grouped by kind, for the palette."""
        return jsonify(palette.as_json(palette.offer(db.session(), asked())))

    @expose("/opened", methods=["POST"])
    @has_access_api
    @permission_name("see")
    def opened(self) -> Any:
        """Remember that the reader has opened a card; what he cannot see, or cannot be found, is passed over."""
        stem, key = request.form.get("entity", ""), request.form.get("record_id", "")
        if stem in palette.areas() and key.isascii() and key.isdecimal():
            with unit_of_work(db.session()) as session:
                record = access.get(session, find.kinds()[stem], int(key))
                if record is not None:
                    find.note_opened(session, user_id=g.user.id, entity=stem, record_id=record.id, at=clock.now())
        return "", 204


def register(appbuilder: Any) -> None:
    """Register the page and the answers."""
    appbuilder.add_view_no_menu(FindView)
