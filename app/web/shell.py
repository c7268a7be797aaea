"""The frame around every page: index, health, what the templates know everywhere."""

import secrets
from typing import Any, ClassVar

from flask import Flask, current_app, g, redirect, request
from flask_appbuilder import AppBuilder, expose
from flask_appbuilder.api.manager import OpenApi
from flask_appbuilder.baseviews import BaseView
from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import text

from app import clock
from app.db import db
from app.i18n import LANGUAGES, language
from app.i18n import gettext as _
from app.services import job as jobs
from app.web import drafts, glossary, manifest, menu, settings, settings_start, ways
from app.web import jobs as started
from app.web.openapi import errors

MOST_TOLD = 3  # filters in a page's title


class DocumentationApi(OpenApi):
    """`/api/v1/_openapi`: the description of REST, for everybody who may sign in."""

    class_permission_name = "home"
    method_permission_name: ClassVar = {"get": "see"}
    base_permissions: ClassVar = ["can_see"]
    csrf_exempt = False

    def operation_helper(self, operations: Any = None, **options: Any) -> None:
        """Name the refusals that every address may answer with."""
        super().operation_helper(operations=operations, **options)
        for operation in operations.values():
            operation["responses"] |= errors("400", "401", "403")


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
        """Lead to where the reader begins."""
        if not g.user.is_authenticated:
            return redirect("/login/")
        return redirect(settings_start.address(db.session()))

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


def calendar_files() -> list[str]:
    """Return the addresses of the scripts behind the calendar of a date field, in the order to load them."""
    own = [] if language() == "en" else [f"lib/flatpickr/l10n/{language()}.js"]
    return [static_url(name) for name in ("lib/flatpickr/flatpickr.min.js", *own)]


def _told(view: Any, one: Any) -> str:
    """Return a filter in words; a linked record is not looked up for it."""
    column = view.datamodel.obj.__table__.c.get(one.column)
    return str(view.label(one.column) if column is not None and column.foreign_keys else view.told(one))


@pass_context
def page_title(context: Context, title: Any = "") -> str:
    """Return what a browser's tab says: what one sees, cut to which view or filters, and the program's name.

    Shape: `Overdue · Invoices · Countinghouse`, `Invoices: State: Draft · Countinghouse`.
    """
    view, wish, current = context.get("view"), context.get("wish"), context.get("current")
    told = [str(title or "")]
    if current is not None:
        told.insert(0, str(current.name))
    elif wish is not None and view is not None:
        asked = [f"“{wish.text}”"] if wish.text else []
        asked += [_told(view, one) for one in wish.filters[:MOST_TOLD]]
        told[0] += f": {', '.join(asked)}" if asked else ""
    if request.endpoint and request.endpoint.endswith(".edit") and context.get("record") is not None:
        told.insert(0, _("Edit"))
    return " · ".join([*filter(None, told), str(current_app.config["APP_NAME"])])


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
        "own_jobs": started.own,
        "back_to_list": ways.back_to_list,
        "calendar_files": calendar_files,
        "column_widths": settings.widths,
        "create_menu": menu.create_menu,
        "density": settings.density,
        "explained": glossary.explained,
        "is_away": settings.is_away,
        "page_title": page_title,
        "sidebar": menu.sidebar,
        "static_url": static_url,
        "term_id": glossary.next_id,
        "theme": settings.theme,
        "theme_colours": manifest.COLOURS,
        "way_back": ways.way_back,
    }
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def _frame() -> dict[str, Any]:
        return {"demo": app.config["CRM_DEMO"], "sandbox": app.config["CRM_SANDBOX"], "path": request.path}
