"""What happened to a record, newest first, from its history."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.columns import Exact, Instant
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.base import Entity
from app.models.history import FieldChange
from app.services import access
from app.web.cells import amount_of, day, moment, of_list

MOST = 50
Change = tuple[str, str, str]  # label, before, after


@dataclass(frozen=True)
class Event:
    """One entry: who did what when; `changes` are (label, before, after) as text."""

    at: datetime
    who: str
    what: str
    changes: list[Change]


def events(session: Session, record: Entity, labels: dict[str, Any]) -> list[Event]:
    """Return the last changes of a record."""
    found = session.execute(
        select(FieldChange, User.first_name, User.last_name)
        .outerjoin(User, User.id == FieldChange.actor_id)
        .where(FieldChange.entity == record.__stem__, FieldChange.record_id == record.id)
        .order_by(FieldChange.id.desc())
        .limit(MOST)
    ).all()
    titles = {"add": _("Created"), "change": _("Changed"), "delete": _("Deleted")}
    told = []
    for change, first, last in found:
        changes = [] if change.act == "add" else _readable(session, record, change.changes, labels)
        if change.act == "change" and not changes:
            continue  # only what users have no word for
        who = f"{first} {last}".strip() if first else _("System")
        told.append(Event(at=change.at, who=who, what=titles.get(change.act, change.act), changes=changes))
    return told


def last_change(session: Session, record: Entity) -> Event | None:
    """Return the newest change of a record."""
    return next(iter(events(session, record, {})), None)


def _readable(session: Session, record: Entity, changes: dict[str, Any], labels: dict[str, Any]) -> list[Change]:
    columns = inspect(type(record)).columns
    found = []
    for name, (before, after) in changes.items():
        column = columns.get(name)
        if column is not None and column.info.get("internal"):
            continue
        text = labels.get(name.removesuffix("_id")) or labels.get(name) or name
        then, now = (_text(session, record, column, value) for value in (before, after))
        found.append((str(text), then, now))
    return found


def _text(session: Session, record: Entity, column: Any, value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if column is None:
        return str(value)[:200]
    if isinstance(column.type, Exact):
        return amount_of(record, column, Decimal(str(value)))
    if isinstance(column.type, sa.Enum) and column.type.enum_class is not None:
        return label_of(column.type.enum_class(value))
    if isinstance(column.type, sa.Date):
        return day(date.fromisoformat(str(value)))
    if isinstance(column.type, Instant):
        return moment(datetime.fromisoformat(str(value)))
    if column.foreign_keys and isinstance(value, int):
        return _name(session, record, column, value)
    standard = column.info.get("of")
    return of_list(standard, str(value)) if standard else str(value)[:200]


def _name(session: Session, record: Entity, column: Any, key: int) -> str:
    """Return the name of a linked record, its id when the reader does not see it."""
    for relation in inspect(type(record)).relationships:
        if relation.local_columns == {column}:
            found = access.get(session, relation.mapper.class_, key)
            return str(found) if found is not None else f"#{key}"
    return f"#{key}"
