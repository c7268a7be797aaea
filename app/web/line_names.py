"""`POST /lines/named`: what the texts of a pasted block mean, all of them in one request."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, abort, jsonify, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access_api, permission_name

from app import clock
from app.db import db
from app.models.product import Product
from app.web.document import about_product
from app.web.lookup import AREAS, FREE, entity_of
from app.web.naming import LONGEST, Meant, meant, meant_in_list
from app.web.standard import LISTS

MOST = 2000  # texts of one block


class LineNamesView(BaseView):
    """Tells the rows of forms which records and codes the pasted texts mean."""

    route_base = "/lines"
    class_permission_name = "lookup"
    default_view = "named"

    @expose("/named", methods=["POST"])
    @has_access_api
    @permission_name("see")
    def named(self) -> Response:
        """Answer `{"product": ["TB-25", …]}` with `{"product": {"TB-25": {"id", "text", "about"} or {"error"}}}`."""
        return jsonify({stem: self._answers(stem, texts) for stem, texts in asked().items()})

    def _answers(self, stem: str, texts: set[str]) -> dict[str, dict[str, Any]]:
        today = clock.today()
        if stem in LISTS:
            return {text: _shown(found) for text, found in meant_in_list(stem, texts).items()}
        entity = entity_of(stem)
        if entity is None:
            abort(404)
        if stem not in FREE and not self.appbuilder.sm.may(AREAS.get(stem, stem), "see"):
            abort(403)
        answers = {}
        for text, found in meant(entity, texts, on=today).items():
            answers[text] = _shown(found)
            if isinstance(found.record, Product):
                answers[text]["about"] = about_product(db.session(), found.record, on=today)
        return answers


def _shown(found: Meant) -> dict[str, Any]:
    return {"error": found.refusal} if found.refusal else {"id": str(found.key), "text": found.text}


def asked() -> Mapping[str, set[str]]:
    """Return the texts that the request asks for, by stem; 400 for what is no such question."""
    try:
        given = json.loads(request.form.get("names", ""))
    except ValueError:
        abort(400)
    if not isinstance(given, dict) or not all(isinstance(texts, list) for texts in given.values()):
        abort(400)
    found = {stem: {text[:LONGEST] for text in texts if isinstance(text, str)} for stem, texts in given.items()}
    if sum(map(len, found.values())) > MOST:
        abort(400)
    return found
