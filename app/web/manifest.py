"""What a device needs to install the program: its names, icons and colours. It says nothing about any data."""

import json
from typing import Any

from flask import Response, current_app
from flask_appbuilder import BaseView, expose

from app.i18n import gettext as _
from app.i18n import language

COLOURS = {"light": "#ffffff", "dark": "#131816"}  # the surface of the top bar: static/css/app.css, --surface


def icons() -> list[dict[str, str]]:
    """Return the icons: one drawing for all sizes, and one with room around it for devices that cut a shape out."""
    kept = [("img/mark.svg", "any", "any"), ("img/maskable.svg", "any", "maskable")]
    kept += [(f"lib/app/icon-{size}.png", f"{size}x{size}", "any") for size in (192, 512)]
    kept += [("lib/app/maskable-512.png", "512x512", "maskable")]
    kinds = {"svg": "image/svg+xml", "png": "image/png"}
    return [
        {"src": f"/static/{path}", "sizes": sizes, "type": kinds[path[-3:]], "purpose": purpose}
        for path, sizes, purpose in kept
    ]


class ManifestView(BaseView):
    """`/manifest.webmanifest`; browsers ask for it without a cookie."""

    route_base = ""
    default_view = "manifest"

    @expose("/manifest.webmanifest")
    def manifest(self) -> Response:
        """Describe the program to the device, in the browser's language."""
        name = str(current_app.config["APP_NAME"])
        about: dict[str, Any] = {
            "id": "/",
            "name": name,
            "short_name": name[:12],
            "description": _("Customers, orders, invoices and payments in one place."),
            "lang": language(),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": COLOURS["light"],
            "theme_color": COLOURS["light"],
            "categories": ["business", "finance", "productivity"],
            "icons": icons(),
            "shortcuts": [
                {"name": _("Start"), "url": "/home/"},
                {"name": _("Find anything"), "url": "/find/"},
                {"name": _("Notifications"), "url": "/notification/list/"},
            ],
        }
        return Response(json.dumps(about, ensure_ascii=False), mimetype="application/manifest+json")
