"""`/lookup/<stem>?q=…`: records of one kind by name, for the selects in forms and filters."""

from typing import Any

from flask import Response, abort, jsonify, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access_api, permission_name
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import inspect, or_, select

from app.db import Model, db
from app.services import search

MOST = 20
NAMES = ("name", "username", "first_name", "last_name")
FREE = frozenset({"user"})  # owners are chosen and shown everywhere
AREAS = {"role": "user"}  # who sees accounts sees their roles; else the area is the stem


class LookupView(BaseView):
    """Answers the remote selects; a record that the reader may not see is not offered."""

    route_base = "/lookup"
    class_permission_name = "lookup"
    default_view = "find"

    @expose("/<string:stem>")
    @has_access_api
    @permission_name("see")
    def find(self, stem: str) -> Response:
        """Return up to 20 records as `{"results": [{"id", "text"}]}`."""
        entity = entity_of(stem)
        if entity is None:
            abort(404)
        if stem not in FREE and not self.appbuilder.sm.may(AREAS.get(stem, stem), "see"):
            abort(403)
        text = request.args.get("q", "").strip()[:100]
        query = select(entity).limit(MOST)
        columns = inspect(entity).columns
        if "search_text" in columns:
            query = query.where(*search.conditions(db.session(), entity, text)) if text else query
        elif text:
            names = [columns[name] for name in NAMES if name in columns]
            escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(or_(*(column.ilike(f"%{escaped}%", escape="\\") for column in names)))
        order = next((columns[name] for name in ("name", "last_name") if name in columns), columns["id"])
        found = db.session.execute(query.order_by(order)).unique().scalars()
        return jsonify(results=[{"id": record.id, "text": str(record)} for record in found])


OFFERED: dict[str, Any] = {"user": User, "role": Role}  # the framework's tables have no stem of their own


def stem_of(entity: Any) -> str:
    """Return the stem by which selects ask for an entity."""
    return next((stem for stem, offered in OFFERED.items() if offered is entity), getattr(entity, "__stem__", ""))


def entity_of(stem: str) -> Any:
    """Return the mapped class of a stem that selects may choose from: one whose records have names."""
    if stem in OFFERED:
        return OFFERED[stem]
    for mapper in Model.registry.mappers:
        if getattr(mapper.class_, "__stem__", None) == stem:
            named = {"search_text", *NAMES} & set(mapper.columns.keys())
            return mapper.class_ if named else None
    return None
