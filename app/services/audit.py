"""The audit beside the flush listener: acts that change no record, views, and taking personal data out.

What changes a record is told by `services.history`; both write the same rows. Which columns hold data of people is
said where the columns are (`info={"personal": True}`); from this follow whose opening is noted and what is taken out.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, inspect, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models.base import entity_of
from app.models.history import Act, FieldChange
from app.services import access, history
from app.services.audit_digest import GONE, NAME, committed, fields_of, key_of

NOBODY = access.SYSTEM.name  # who acts where no account does: jobs, the command line
VIEWED_AGAIN = timedelta(hours=1)
_MARK = 12
_READ = tuple(
    getattr(FieldChange, name) for name in ("id", "entity", "record_id", "part", "changes", "name", "salt", "erasure")
)


def mark(kind: str, key: str | None) -> str:
    """Return how entries call a sign-in: by a short hash, for its key would let others in."""
    return f"{kind} {hashlib.sha256((key or '').encode()).hexdigest()[:_MARK]}"


def note(
    session: Session,
    kind: Act | str,
    *,
    entity: str,
    record_id: int | None = None,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
    **more: Any,  # noqa: ANN401 -- other columns than the session knows: at, actor_id, actor_name, sign_in
) -> int:
    """Write an entry about an act that changes no record, and return its id.

    Shape: `changes` maps a name to `[before, after]`. Nothing secret belongs into it.
    """
    row = history.about(session) | {
        "act": Act(kind),
        "entity": entity,
        "record_id": record_id,
        "name": name[: history.LONGEST_NAME] if name else None,
        "changes": {key: [history.plain(each) for each in pair] for key, pair in (changes or {}).items()},
    }
    found: Any = session.connection().execute(insert(FieldChange).returning(FieldChange.id), row | more)
    return int(found.scalar_one())


# --- personal data ----------------------------------------------------------------------------------------------------


def personal(entity: type[Any]) -> frozenset[str]:
    """Return the columns of an entity that hold data of people."""
    return frozenset(
        each.key for each in inspect(entity).column_attrs if any(c.info.get("personal") for c in each.columns)
    )


def holds_personal_data(entity: type[Any]) -> bool:
    """Say whether a record of an entity, with the rows that belong to it, may hold data of people."""
    return any(personal(each) for each in (entity, *history.parts_of(entity)))


def is_view_due(session: Session, *, entity: str, record_id: int, user_id: int, at: datetime) -> bool:
    """Say whether a user's opening of a record should be noted: not with every reload within the hour."""
    lately = select(FieldChange.id).where(
        FieldChange.entity == entity,
        FieldChange.record_id == record_id,
        FieldChange.act == Act.view,
        FieldChange.actor_id == user_id,
        FieldChange.at > at - VIEWED_AGAIN,
    )
    return session.execute(lately.limit(1)).first() is None


def erase(
    session: Session,
    entity: str,
    record_id: int,
    *,
    at: datetime,
    reason: str = "",
    fields: Iterable[str] = (),
) -> int:
    """Take the personal values of a record, and of the rows that belong to it, out of its entries.

    What was done, when, by whom and to which fields stays and is proved as before; the values and the record's name
    are gone for good. `fields` are taken out besides those that are declared personal. An entry says that it was done.
    Returns how many entries were changed. Raises NotFound for an entity that does not exist.
    """
    kind = entity_of(entity)
    if kind is None:
        raise NotFound(entity)
    parts = {each.__tablename__: each for each in history.parts_of(kind)}
    own = {None: kind} | parts
    chosen = {part: personal(each) | frozenset(fields) | {NAME} for part, each in own.items()}
    every = frozenset().union(*chosen.values())
    about = (FieldChange.entity == entity, FieldChange.record_id == record_id)
    rows = session.execute(select(*_READ).where(*about).order_by(FieldChange.id)).all()
    wanted = [(row, _to_erase(row, chosen.get(row.part, every))) for row in rows]
    return _take_out(session, (entity, record_id), wanted, at=at, reason=reason)


def erase_values(session: Session, wanted: Mapping[int, Iterable[str]], *, at: datetime, reason: str = "") -> int:
    """Take named values out of single entries (id → fields), as `erase` does; return how many entries were changed."""
    rows = session.execute(select(*_READ).where(FieldChange.id.in_(wanted)).order_by(FieldChange.id)).all()
    by_record: dict[tuple[str, int | None], list[Any]] = {}
    for row in rows:
        names = _to_erase(row, frozenset(wanted[row.id]))
        if names:
            by_record.setdefault((row.entity, row.record_id), []).append((row, names))
    return sum(_take_out(session, about, found, at=at, reason=reason) for about, found in by_record.items())


def _take_out(session: Session, about: tuple[str, int | None], wanted: list[Any], *, at: datetime, reason: str) -> int:
    """Blank values of entries about one record, and write the entry that says so."""
    due = [(row, names) for row, names in wanted if names]
    said = {"entries": [None, len(due)]} | ({"reason": [None, reason]} if reason else {})
    noted = note(session, Act.erase, entity=about[0], record_id=about[1], changes=said, at=at)
    if due:
        table: Any = FieldChange.__table__
        statement = update(table).where(table.c.id == bindparam("key"))
        values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in ("name", "changes", "erasure")}
        session.connection().execute(
            statement.values(salt=None, **values), [_erased(row, names, noted) for row, names in due]
        )
        session.expire_all()
    return len(due)


def _to_erase(row: Any, chosen: frozenset[str]) -> list[str]:  # noqa: ANN401
    gone = row.erasure["gone"] if row.erasure else {}
    return [
        name
        for name, pair in fields_of(row).items()
        if name in chosen and name not in gone and (pair != GONE or name in row.changes)
    ]


def _erased(row: Any, names: list[str], noted: int) -> dict[str, Any]:  # noqa: ANN401
    """Return the new values of a row: commitments in the place of values, keys of their own for what is kept."""
    before = row.erasure or {"kept": {}, "gone": {}, "note": []}
    all_commitments = committed(row)
    gone = before["gone"] | {name: all_commitments[name] for name in names}
    left = [name for name in fields_of(row) if name not in gone]
    kept = {name: before["kept"][name] if row.salt is None else key_of(row.salt, name) for name in left}
    return {
        "key": row.id,
        "new_name": None if NAME in gone else row.name,
        "new_changes": {name: GONE if name in gone else pair for name, pair in row.changes.items()},
        "new_erasure": {"note": [*before["note"], noted], "kept": kept, "gone": gone},
    }
