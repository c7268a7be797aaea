"""History by one flush listener: what changed in which record, by whom, by which way, in which request.

Installed once by `install()` for screens, REST, jobs and the command line alike. Rows that live in a record's form
(lines, contacts, addresses) are told under their record. Bulk statements do not pass here: whoever writes with one (the
importer) writes its rows of history itself. What a session knows of its way stands in `session.info`: `channel`,
`address`, `sign_in`, `request_id`, `looking` (who looks at the program as somebody else).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import MANYTOONE, Session, UOWTransaction

from app import clock
from app.db import Model
from app.models.base import Line
from app.models.history import Act, Channel, FieldChange, StateChange
from app.services import access

SILENT = frozenset(
    {
        *("version", "created_at", "changed_at", "search_text", "name_key", "latin_key", "sound_key", "completeness"),
        *("price_steps", "unit_cost", "margin"),  # worked out, and not for everybody who reads the history
        *("column_widths", "put_away"),  # how somebody's screen looks
        *("ran_at", "ran_rows"),  # of rules that run every day
        *("entered_at", "last_touch_at"),  # of deals: the log of stages tells it
        *("password", "login_count", "fail_login_count", "last_login", "created_on", "changed_on"),
    }
)
STATE = "state"
LINKED = {"user": ("roles",)}  # links to many that are no rows of their own, but part of what a record says
NAMED = ("name", "number", "username", "subject", "title", "text", "file_name", "value", "iban", "street", "label")
LONGEST_NAME = 250
_DATED = "history_at"


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
    link = parent_link(type(record))
    changes: dict[str, list[Any]] = {}
    for attribute in state.mapper.column_attrs:
        name = attribute.key
        if name in SILENT or name in {"id", link}:
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
    for name in LINKED.get(getattr(record, "__stem__", ""), ()):
        history = state.attrs[name].history
        if history.has_changes():
            kept = [each.name for each in history.unchanged or ()]
            changes[name] = [
                sorted([*kept, *(each.name for each in some or ())]) for some in (history.deleted, history.added)
            ]
    return changes


def is_recorded(what: object) -> bool:
    """Say whether a record or its class has a history: every noun, but for those that say `__unrecorded__`."""
    return hasattr(what, "__stem__") and not getattr(what, "__unrecorded__", False)


_PARENTS: dict[type[Any], tuple[str, str] | None] = {}


def _parent(entity: type[Any]) -> tuple[str, str] | None:
    if entity not in _PARENTS:
        _PARENTS[entity] = _find_parent(entity)
    return _PARENTS[entity]


def _find_parent(entity: type[Any]) -> tuple[str, str] | None:
    """Return of rows that live and die with a record that has a history: (its stem, the column that names it)."""
    if not issubclass(entity, Line) or getattr(entity, "__unrecorded__", False):
        return None
    for relation in inspect(entity).relationships:
        above = relation.mapper.class_
        back = inspect(above).relationships.get(relation.back_populates or "")
        if relation.direction is MANYTOONE and back is not None and back.cascade.delete_orphan and is_recorded(above):
            (column,) = relation.local_columns
            return str(above.__stem__), str(column.key)
    return None


def parent_link(entity: type[Any]) -> str:
    """Return the column by which rows name the record that they are a part of, "" for what is no part."""
    found = _parent(entity)
    return found[1] if found else ""


def parts_of(entity: type[Any]) -> list[type[Any]]:
    """Return the classes of rows that are told under an entity."""
    stem = getattr(entity, "__stem__", "")
    found = ((mapper.class_, _parent(mapper.class_)) for mapper in Model.registry.mappers)
    return [each for each, parent in found if parent is not None and parent[0] == stem]


def about(session: Session) -> dict[str, Any]:
    """Return what every row of history says: when, who, by which way, from where, in which request."""
    actor, info = access.current(session), session.info
    by = info.get("looking") or ((actor.user_id, actor.name) if actor else (None, None))  # who really asks
    return {
        "at": info.get(_DATED) or clock.now(),
        "actor_id": by[0],
        "actor_name": by[1][:64] if by[1] else None,
        "seen_as": actor.name[:64] if actor and info.get("looking") else None,
        "channel": info.get("channel", Channel.cli),
        "address": info.get("address"),
        "sign_in": info.get("sign_in"),
        "request_id": info.get("request_id"),
    }


@contextmanager
def by_way(session: Session, channel: Channel) -> Iterator[None]:
    """Let what is done inside the block be told as done by an import, a rule or the demo."""
    before = session.info.get("channel")
    session.info["channel"] = channel
    try:
        yield
    finally:
        session.info["channel"] = before or Channel.cli


@contextmanager
def dated(session: Session, *, at: datetime) -> Iterator[None]:
    """Let what is flushed inside the block be told as done at a moment of the past: for the demo's story."""
    session.flush()
    session.info[_DATED] = at
    try:
        yield
        session.flush()
    finally:
        session.info.pop(_DATED, None)


def name_of(values: dict[str, Any]) -> str | None:
    """Return what a record is called by its loaded values; nothing is read for it."""
    found = next((values[name] for name in NAMED if values.get(name)), None)
    return str(found)[:LONGEST_NAME] if found is not None else None


def note(session: Session, record: Any, name: str, before: object, after: object) -> None:  # noqa: ANN401
    """Write down a change of what is no column of a record, such as its tags."""
    if not is_recorded(record) or before == after:
        return
    told = {"entity": record.__stem__, "record_id": record.id, "act": Act.change, "name": name_of(vars(record))}
    session.connection().execute(insert(FieldChange), [told | about(session) | {"changes": {name: [before, after]}}])


def _place(record: Any) -> dict[str, Any] | None:  # noqa: ANN401 -- any mapped record
    """Return where a record is told: under itself, or under the record whose row it is; None without a history."""
    if is_recorded(record):
        return {"entity": record.__stem__, "record_id": record.id, "part": None, "part_id": None}
    parent = _parent(type(record))
    if parent is None:
        return None
    state: Any = inspect(record)
    above = state.dict.get(parent[1])
    if above is None:
        above = next(iter(state.attrs[parent[1]].history.deleted or ()), None)
    if above is None:
        return None
    return {"entity": parent[0], "record_id": above, "part": record.__tablename__, "part_id": record.id}


def note_many(session: Session, entity: str, changes: Iterable[tuple[int, dict[str, list[Any]]]]) -> None:
    """Write down what one statement has changed of many records of a kind: (key, {name: [before, after]})."""
    told = {"entity": entity, "act": Act.change} | about(session)
    rows = [told | {"record_id": key, "changes": changed} for key, changed in changes]
    if rows:
        session.connection().execute(insert(FieldChange), rows)


def _record(session: Session, _context: UOWTransaction) -> None:
    found: list[tuple[Any, Act]] = [
        *((each, Act.add) for each in session.new),
        *((each, Act.change) for each in session.dirty if session.is_modified(each)),
        *((each, Act.delete) for each in session.deleted),
    ]
    common: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    for record, act in found:
        place = _place(record)
        changes = _difference(record, act) if place is not None else None
        if place is None or not changes:
            continue
        common = common or about(session)
        is_move = STATE in changes and act is Act.change
        rows.append(
            place | common | {"act": Act.move if is_move else act, "changes": changes, "name": name_of(vars(record))}
        )
        if STATE in changes and act is not Act.delete and place["part"] is None:
            before, after = changes[STATE]
            moves.append(
                {name: common[name] for name in ("at", "actor_id", "request_id")}
                | {"entity": place["entity"], "record_id": place["record_id"], "before": before, "after": after}
            )
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
        if is_recorded(mapper.class_) or _parent(mapper.class_):
            for attribute in mapper.column_attrs:
                event.listen(getattr(mapper.class_, attribute.key), "set", _remember, retval=True, active_history=True)
