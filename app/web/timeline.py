"""What happened to a record, newest first, from its history."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.columns import Exact
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.models.base import Entity
from app.models.history import FieldChange
from app.money import format_decimal
from app.web.cells import of_list

MOST = 50


@dataclass(frozen=True)
class Event:
    """One entry: who did what when; `changes` are (label, before, after) as text."""

    at: datetime
    who: str
    what: str
    changes: list[tuple[str, str, str]]


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
    return [
        Event(
            at=change.at,
            who=f"{first} {last}".strip() if first else _("System"),
            what=titles.get(change.act, change.act),
            changes=[] if change.act == "add" else _readable(record, change.changes, labels),
        )
        for change, first, last in found
    ]


def last_change(session: Session, record: Entity) -> Event | None:
    """Return the newest change of a record."""
    return next(iter(events(session, record, {})), None)


def _readable(record: Entity, changes: dict[str, Any], labels: dict[str, Any]) -> list[tuple[str, str, str]]:
    columns = inspect(type(record)).columns
    found = []
    for name, (before, after) in changes.items():
        text = labels.get(name) or labels.get(name.removesuffix("_id")) or name
        column = columns.get(name)
        found.append((str(text), _text(column, before), _text(column, after)))
    return found


def _text(column: Any, value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if column is not None and isinstance(column.type, Exact):
        return format_decimal(Decimal(str(value)), language())
    if column is not None and isinstance(column.type, sa.Enum) and column.type.enum_class is not None:
        return label_of(column.type.enum_class(value))
    standard = column.info.get("of") if column is not None else None
    return of_list(standard, str(value)) if standard else str(value)[:200]
