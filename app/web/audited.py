"""Noting who opens records that hold data of people: a row of the audit before the answer goes out.

Which views do so follows from the columns of their table (`info={"personal": True}`, services.audit); a view may say
otherwise by `holds_personal_data`. The same record opened again within the hour is not noted again. Where the entry
cannot be written the data is not shown either.
"""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g

from app import clock
from app.db import db, unit_of_work
from app.models.history import Act
from app.services import access, audit, history

AREA = "audit"
SHOWS = {HTTPStatus.OK, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}  # answers that show what was opened

_HOLDS: dict[type[Any], bool] = {}


def _holds(entity: type[Any]) -> bool:
    if entity not in _HOLDS:
        _HOLDS[entity] = hasattr(entity, "__stem__") and audit.holds_personal_data(entity)
    return _HOLDS[entity]


def opened(view: Any, record: Any) -> None:
    """Remember that this request shows a record by itself."""
    said: bool | None = view.holds_personal_data
    if said if said is not None else _holds(type(record)):
        g.setdefault("opened", {})[record.__stem__, record.id] = history.name_of(vars(record))


def _note(answer: Response) -> Response:
    found: dict[tuple[str, int], str | None] = g.get("opened") or {}
    if not found or answer.status_code not in SHOWS:
        return answer
    session, at = db.session(), clock.now()
    actor = access.current(session)
    if actor is None or actor.user_id is None:
        return answer
    due = [
        (entity, key, name)
        for (entity, key), name in found.items()
        if audit.is_view_due(session, entity=entity, record_id=key, user_id=actor.user_id, at=at)
    ]
    if due:
        with unit_of_work(session):
            for entity, key, name in due:
                audit.note(session, Act.view, entity=entity, record_id=key, name=name, at=at)
    return answer


def _may_audit(view: Any) -> bool:
    return hasattr(view.datamodel.obj, "__stem__") and view.stem != AREA and bool(view.appbuilder.sm.may(AREA, "see"))


def audit_of(record: Any) -> str:
    """Return the address of the entries about a record."""
    return f"/{AREA}/list/?flt.entity.eq={record.__stem__}&flt.record_id.eq={record.id}"


def init_app(app: Flask) -> None:
    """Note what was opened at the end of each request, and let cards lead to their entries."""
    app.jinja_env.globals |= {"may_audit": _may_audit, "audit_of": audit_of}
    app.after_request(_note)
