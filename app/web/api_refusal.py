"""What REST answers to a refusal: 400, 403, 404, 409 or 422, with texts."""

from typing import Any

from flask import Response
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException

from app.errors import Conflict, NotAllowed, NotFound, NotReached, Refusals
from app.i18n import gettext as _


def answer(api: Any, refusal: Exception) -> Response:
    """Return a refusal as 400, 403, 404, 409 or 422."""
    match refusal:
        case BadRequest():
            return api.response(400, message={"": ["The body is not JSON"]})
        case HTTPException():
            return api.response(refusal.code or 400, message=refusal.description)
        case NotReached():
            return api.response(403, message=_("You see this record, but your role does not reach it for this."))
        case NotAllowed():
            return api.response(403, message=_("You lack the right “%(right)s”", right=refusal.right))
        case NotFound():
            return api.response_404()
        case Conflict():
            return api.response(409, message=_("Somebody else has just changed this record. Look at it and try again."))
        case Refusals():
            return api.response(422, message=refusal.errors)
        case ValidationError():
            return api.response(422, message=refusal.normalized_messages())
        case _:
            return api.response(422, message={getattr(refusal, "field", None) or "": [str(refusal)]})
