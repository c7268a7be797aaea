"""Figures for a monitor: only with the token that the installation's settings name."""

import hmac
from typing import Any

from flask import Response, abort, current_app, request
from flask_appbuilder import BaseView, expose

from app import clock
from app.db import db
from app.services import vital
from app.web import monitor


class MonitorView(BaseView):
    """`/metrics`, as Prometheus reads it; without the right token there is no such page."""

    route_base = ""

    @expose("/metrics")
    def metrics(self) -> Response:
        """Return the figures: of background work and letters from the database, of requests from this machine."""
        wanted = str(current_app.config["CRM_METRICS_TOKEN"])
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
            abort(404)
        found = vital.look(db.session(), at=clock.now())
        return Response(monitor.text(found), mimetype="text/plain; version=0.0.4")


def register(appbuilder: Any) -> None:
    """Register the page."""
    appbuilder.add_view_no_menu(MonitorView)
