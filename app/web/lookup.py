"""`/lookup/<stem>?q=…`: records of one kind by name, for the selects in forms and filters.

`by.<link>=<id>` offers only what belongs to another record, within what the reader may see anyway: the number series of
one organisation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, current_app, g, has_request_context, jsonify, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access_api, permission_name
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import false, inspect, or_, select, union_all
from sqlalchemy.orm import RelationshipDirection

from app.db import Model, db
from app.search import escape_like
from app.services import search
from app.services.legal_form import name_key

MOST = 20
CANDIDATES = 1_000
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
        return jsonify(results=[{"id": record.id, "text": str(record)} for record in offered(entity, request.args)])


def offered(entity: type[Any], args: Mapping[str, str]) -> Iterable[Any]:
    """Return the first records by name that answer `q`.

    Of thousands that a fragment of two letters finds, a reader looks at none: only so many candidates that he sees are
    sorted, and the one that is called exactly so is among them.
    """
    session, text = db.session(), args.get("q", "").strip()[:100]
    columns = inspect(entity).columns
    named = [columns[name] for name in NAMES if name in columns]
    order = next((columns[name] for name in ("name", "last_name") if name in columns), columns["id"])
    only = belonging(entity, args)
    if "merged_into_id" in columns:  # it leads to another record, which is offered itself
        only.append(columns["merged_into_id"].is_(None))
    query = select(entity).where(*only).order_by(order).limit(MOST)
    if text and "search_text" in columns:
        found = select(entity.id).where(*search.conditions(session, entity, text), *only)
        keys = [found.limit(CANDIDATES)]
        if "name_key" in columns:
            keys.append(select(entity.id).where(entity.name_key == name_key(text)).limit(MOST))
        query = query.where(entity.id.in_(union_all(*(select(each.subquery().c.id) for each in keys))))
    elif text:
        like = f"%{escape_like(text)}%"
        query = query.where(or_(*(column.ilike(like, escape="\\") for column in named)))
    return session.execute(query).unique().scalars()


KEY_DIGITS = 18  # more cannot be a key, and the database would complain


def belonging(entity: type[Any], args: Mapping[str, str]) -> list[Any]:
    """Return the conditions of `by.<link>=<id>`; a link that the entity does not have finds nothing."""
    links, found = inspect(entity).relationships, []
    for name, value in args.items():
        if not name.startswith("by.") or not value:
            continue
        link = links.get(name.removeprefix("by."))
        known = link is not None and link.direction is RelationshipDirection.MANYTOONE
        if not known or not value.isdecimal() or len(value) > KEY_DIGITS:
            return [false()]
        [column] = link.local_columns
        found.append(column == int(value))
    return found


@dataclass(frozen=True)
class Adder:
    """Where a reader adds a record of a kind without leaving the form, and what that is called."""

    address: str
    title: str
    whole: str  # the address of the whole form


def adder_of(stem: str) -> Adder | None:
    """Return where the reader may add a record of a stem, None where he may not or the kind has no screen."""
    if not stem or not has_request_context() or g.get("no_adders"):
        return None
    if "adders" not in g:
        screens: Any = current_app.extensions["appbuilder"].baseviews
        g.adders = {
            view.stem: Adder(f"{view.route_base}/quick", str(view.one_name), f"{view.route_base}/add")
            for view in screens
            if hasattr(view, "quick") and view.offers_quick()
        }
    found: Adder | None = g.adders.get(stem)
    return found


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
