"""History by one flush listener: what changed in which record, by whom, in which request.

Installed once by `install()` for screens, REST, jobs and the command line alike. Bulk statements do not pass here:
whoever writes with one (the importer) writes its rows of history itself.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import Session, UOWTransaction

from app import clock
from app.db import Model
from app.models.history import FieldChange, StateChange
from app.services import access

SILENT = frozenset(
    {
        *("version", "created_at", "changed_at", "search_text", "name_key"),
        *("column_widths", "put_away"),  # how somebody's screen looks
        *("password", "login_count", "fail_login_count", "last_login", "created_on", "changed_on"),
    }
)
STATE = "state"


def plain(value: object) -> Any:  # noqa: ANN401 -- what JSON can hold
    """Return a column's value as JSON keeps it: decimals, dates and enumeration members as text."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | date | datetime):
        return str(value) if isinstance(value, Decimal) else value.isoformat()
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return str(value)


def _difference(record: object, act: str) -> dict[str, list[Any]]:
    state: Any = inspect(record)
    changes: dict[str, list[Any]] = {}
    for attribute in state.mapper.column_attrs:
        name = attribute.key
        if name in SILENT or name == "id":
            continue
        if act == "delete":
            before, after = state.dict.get(name), None
        elif act == "add":  # what a default filled in is no change to the mapper, but it is one to the reader
            before, after = None, state.dict.get(name)
        else:
            history = state.attrs[name].history
            if not history.has_changes():
                continue
            before = history.deleted[0] if history.deleted else None
            after = history.added[0] if history.added else None
        if plain(before) != plain(after):
            changes[name] = [plain(before), plain(after)]
    return changes


def _is_recorded(what: object) -> bool:
    """Say whether a record or its class has a history: every noun, but for those that say `__unrecorded__`."""
    return hasattr(what, "__stem__") and not getattr(what, "__unrecorded__", False)


def _common(session: Session) -> dict[str, Any]:
    """Return what every row of history says: when, who, in which request."""
    actor = access.current(session)
    return {
        "at": clock.now(),
        "actor_id": actor.user_id if actor else None,
        "request_id": session.info.get("request_id"),
    }


def note(session: Session, record: Any, name: str, before: object, after: object) -> None:  # noqa: ANN401
    """Write down a change of what is no column of a record, such as its tags."""
    if not _is_recorded(record) or before == after:
        return
    about = {"entity": record.__stem__, "record_id": record.id, "act": "change"} | _common(session)
    session.connection().execute(insert(FieldChange), [about | {"changes": {name: [before, after]}}])


def note_many(session: Session, entity: str, changes: Iterable[tuple[int, dict[str, list[Any]]]]) -> None:
    """Write down what one statement has changed of many records of a kind: (key, {name: [before, after]})."""
    about = {"entity": entity, "act": "change"} | _common(session)
    rows = [about | {"record_id": key, "changes": changed} for key, changed in changes]
    if rows:
        session.connection().execute(insert(FieldChange), rows)


def _record(session: Session, _context: UOWTransaction) -> None:
    found: list[tuple[Any, str]] = [
        *((o, "add") for o in session.new if _is_recorded(o)),
        *((o, "change") for o in session.dirty if _is_recorded(o) and session.is_modified(o)),
        *((o, "delete") for o in session.deleted if _is_recorded(o)),
    ]
    if not found:
        return
    common = _common(session)
    rows: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    for record, act in found:
        changes = _difference(record, act)
        if not changes:
            continue
        about = {"entity": record.__stem__, "record_id": record.id} | common
        rows.append(about | {"act": act, "changes": changes})
        if STATE in changes and act != "delete":
            before, after = changes[STATE]
            moves.append(about | {"before": before, "after": after})
    if rows:
        session.connection().execute(insert(FieldChange), rows)
    if moves:
        session.connection().execute(insert(StateChange), moves)


def _remember(_record: object, value: object, _before: object, _how: object) -> object:
    return value


def install() -> None:
    """Write history in every session of the process; calling it again changes nothing.

    Setting an attribute that is not loaded reads it first: the value before would be lost else.
    """
    if event.contains(Session, "after_flush", _record):
        return
    event.listen(Session, "after_flush", _record)
    for mapper in Model.registry.mappers:
        if _is_recorded(mapper.class_):
            for attribute in mapper.column_attrs:
                event.listen(getattr(mapper.class_, attribute.key), "set", _remember, retval=True, active_history=True)
