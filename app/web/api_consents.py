"""`ConsentsApi`: the log of consents of a counterparty over REST: read as a whole, and added to."""

from enum import StrEnum
from typing import Any, ClassVar

from flask import Response, current_app, request
from flask_appbuilder.api import expose, permission_name, protect, safe
from marshmallow import Schema, fields, validate

from app import clock
from app.db import db, unit_of_work
from app.errors import NotAllowed
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.roles import CHANGE, SEE
from app.services import access
from app.services import consent as consents
from app.web import consent_form
from app.web import consents as screens


class ConsentIn(Schema):
    """What somebody said; `said_on` is a day, today when it is left out."""

    purpose = fields.String(required=True, validate=validate.OneOf([each.value for each in ConsentPurpose]))
    state = fields.String(required=True, validate=validate.OneOf([each.value for each in ConsentState]))
    source = fields.String(required=True, validate=validate.OneOf([each.value for each in ConsentSource]))
    address = fields.String(allow_none=True, validate=validate.Length(max=consents.LONGEST_ADDRESS))
    contact = fields.Integer(allow_none=True)
    wording = fields.String(allow_none=True, validate=validate.Length(max=consents.LONGEST_WORDING))
    note = fields.String(allow_none=True, validate=validate.Length(max=consents.LONGEST_NOTE))
    said_on = fields.Date(allow_none=True)


def _texts(kind: type[StrEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": [each.value for each in kind]}


_TEXT = {"type": "string", "nullable": True}
_SAID = {
    "purpose": _texts(ConsentPurpose),
    "state": _texts(ConsentState),
    "source": _texts(ConsentSource),
    "address": _TEXT,
    "contact": {"type": "integer", "nullable": True},
    "wording": _TEXT,
    "note": _TEXT,
}
_DAY = {"type": "string", "format": "date", "nullable": True}
_MOMENT = {"type": "string", "format": "date-time"}
_ROW = {"type": "object", "properties": {"id": {"type": "integer"}, **_SAID, "said_at": _MOMENT, "noted_at": _MOMENT}}
_ROWS = {"type": "array", "items": _ROW}
_BODY = {
    "type": "object",
    "required": ["purpose", "state", "source"],
    "properties": {**_SAID, "said_on": _DAY},
    "example": {"purpose": "marketing_mail", "state": "given", "source": "paper", "wording": "Terms, version 3"},
}


def _result(schema: dict[str, Any]) -> dict[str, Any]:
    shape = {"type": "object", "properties": {"result": schema}}
    return {"200": {"description": "What was said", "content": {"application/json": {"schema": shape}}}}


class ConsentsApi:
    """Two more addresses of the resource of counterparties; see the module's text."""

    described: ClassVar = {
        "get_consents": (
            "get",
            {
                "summary": "Get what a party agreed to and took back",
                "responses": _result({"type": "object", "properties": {"log": _ROWS, "now": _ROWS}}),
            },
        ),
        "post_consents": (
            "post",
            {
                "summary": "Write down what a party agreed to or took back",
                "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
                "responses": _result(_ROW),
            },
        ),
    }
    _answer: Any
    _found: Any

    @expose("/<int:pk>/consents", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def get_consents(self, pk: int) -> Response:
        """Return all that was agreed to and taken back, the latest first, and what holds now."""

        def read() -> Any:
            _require(SEE)
            party = self._found(pk)
            rows = list(consents.log(db.session(), party))
            return {"log": [_told(row) for row in rows], "now": [_told(row) for row in consents.now(rows)]}

        answer: Response = self._answer(read)
        return answer

    @expose("/<int:pk>/consents", methods=["POST"])
    @protect()
    @safe
    @permission_name("change")
    def post_consents(self, pk: int) -> Response:
        """Add what somebody agreed to, or took back."""

        def add() -> Any:
            screens.require()
            access.require(db.session(), self._found(pk), CHANGE)  # before a word about what was sent
            given = ConsentIn().load(request.get_json())
            with unit_of_work(db.session()) as session:
                party = self._found(pk)
                at = clock.now()
                said = consent_form.read({name: value for name, value in given.items() if value is not None}, at=at)
                return _told(consents.add(session, party, said=said, by=access.required(session), at=at))

        answer: Response = self._answer(add)
        return answer


def _require(verb: str) -> None:
    if not current_app.extensions["appbuilder"].sm.may(screens.AREA, verb):
        raise NotAllowed(f"{screens.AREA}.{verb}")


def _told(row: Consent) -> dict[str, Any]:
    return {
        "id": row.id,
        "purpose": row.purpose.value,
        "state": row.state.value,
        "source": row.source.value,
        "address": row.address,
        "contact": row.contact_id,
        "wording": row.wording,
        "note": row.note,
        "said_at": row.said_at.isoformat(),
        "noted_at": row.noted_at.isoformat(),
    }
