"""The frame around every page: index, health, what the templates know everywhere."""

import secrets
from typing import Any, ClassVar

from flask import Flask, current_app, g, redirect, request
from flask_appbuilder import AppBuilder, expose
from flask_appbuilder.api.manager import OpenApi
from flask_appbuilder.baseviews import BaseView
from sqlalchemy import text

from app import clock
from app.db import db
from app.i18n import LANGUAGES, language
from app.services import job as jobs
from app.web import drafts, menu


class DocumentationApi(OpenApi):
    """`/api/v1/_openapi`: the description of REST, for everybody who may sign in."""

    class_permission_name = "home"
    method_permission_name: ClassVar = {"get": "see"}
    base_permissions: ClassVar = ["can_see"]
    csrf_exempt = False


class CrmAppBuilder(AppBuilder):
    """Flask-AppBuilder without the routes that we replace (language, the way back, menu API)."""

    def _add_admin_views(self) -> None:
        self._indexview = self.add_view_no_menu(IndexView)
        self.sm.register_views()
        self.add_api(DocumentationApi)


class IndexView(BaseView):
    """`/`: the start page for those who are signed in, the sign-in page for others."""

    route_base = ""
    default_view = "index"

    @expose("/")
    def index(self) -> Any:
        """Lead to the right page."""
        if not g.user.is_authenticated:
            return redirect("/login/")
        return redirect("/home/")

    @expose("/health")
    def health(self) -> Any:
        """Say whether the program and its database work: 200 or 503."""
        try:
            db.session.execute(text("SELECT 1"))
        except Exception:  # noqa: BLE001 -- the outermost edge: whatever it is, the answer is "no"
            return {"status": "red", "database": "unreachable"}, 503
        late = jobs.is_late(db.session(), at=clock.now())
        return {
            "status": "red" if late else "green",
            "database": "ok",
            "jobs": "late" if late else "ok",
        }, 503 if late else 200


def version_of(name: str) -> str:
    """Return a static file's change time, so that browsers keep files until they change."""
    folder = current_app.static_folder
    if folder is None:
        return "0"
    kept: dict[str, str] = current_app.extensions.setdefault("static_versions", {})
    if name not in kept:
        from pathlib import Path

        path = Path(folder) / name
        kept[name] = f"{int(path.stat().st_mtime):x}" if path.exists() else "0"
    return kept[name]


def static_url(name: str) -> str:
    """Return the address of a static file with its version."""
    return f"/static/{name}?v={version_of(name)}"


def widget_files() -> list[str]:
    """Return the addresses of the scripts that date fields and searching selects need, in the order to load them."""
    own = [] if language() == "en" else [f"lib/flatpickr/l10n/{language()}.js"]
    return [static_url(name) for name in ("lib/flatpickr/flatpickr.min.js", *own, "lib/tom-select/tom-select.min.js")]


def theme() -> str:
    """Return the reader's theme: system, light or dark."""
    profile = getattr(g.user, "profile", None) if g.user.is_authenticated else None
    return str(profile.theme) if profile is not None else "system"


def may_start_own() -> bool:
    """Say whether the reader may set a company up: the demo's banner shows him the way."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    return bool(appbuilder.sm.may("organisation", "add"))


def init_app(app: Flask) -> None:
    """Give the templates what the frame needs."""
    app.jinja_env.globals |= {
        "languages": LANGUAGES,
        "form_key": lambda: secrets.token_urlsafe(16),
        "form_owner": drafts.mark,
        "language": language,
        "may_start_own": may_start_own,
        "sidebar": menu.sidebar,
        "static_url": static_url,
        "theme": theme,
        "widget_files": widget_files,
    }
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def _frame() -> dict[str, Any]:
        return {"demo": app.config["CRM_DEMO"], "path": request.path}
