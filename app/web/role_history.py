"""What happened to a role, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label_of
from app.models.history import FieldChange
from app.roles import Scope
from app.services.export_rule import CAP
from app.web import rights
from app.web.happened import TOLD

SHOWN = 30


@dataclass(frozen=True)
class Event:
    """One change: when, by whom, what stood before and after."""

    at: datetime
    by: str
    changes: list[tuple[str, str, str]]


def told(session: Session, role: Role, appbuilder: Any) -> list[Event]:
    """Return the newest changes of a role; those of one request together."""
    read = (
        select(FieldChange, User)
        .outerjoin(User, User.id == FieldChange.actor_id)
        .where(FieldChange.entity == "role", FieldChange.record_id == role.id, FieldChange.act.in_(TOLD))
        .order_by(FieldChange.id.desc())
        .limit(SHOWN)
    )
    areas = {area.name: area for area in rights.areas(appbuilder)}
    found: list[tuple[object, Event]] = []
    for change, user in session.execute(read).unique():
        texts = [
            (_name(name, areas), _value(before), _value(after)) for name, (before, after) in change.changes.items()
        ]
        key = change.request_id or change.id
        if found and found[-1][0] == key:
            found[-1][1].changes.extend(texts)
        else:
            found.append((key, Event(change.at, str(user) if user else _("System"), texts)))
    return [event for _key, event in found]


def _name(name: str, areas: Mapping[str, rights.Area]) -> str:
    if name == CAP:
        return _("Most rows in one file")
    area, _dot, rest = name.partition(".")
    if area not in areas or not rest:
        return {"name": _("Name"), "second_factor": _("Second factor needed")}.get(name, name)
    verb, _dot, rows = rest.partition(".")
    text = areas[area].verbs.get(verb) or rights.verb_label(verb)
    said = _("%(area)s: %(verb)s", area=areas[area].label, verb=text)
    return _("%(right)s, rows", right=said) if rows else said


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and value.partition(" ")[0] in {*Scope}:
        scope, _space, more = value.partition(" ")
        text = label_of(Scope(scope))
        return _("%(scope)s, and nobody's", scope=text) if more else text
    if value is None:
        return "—"
    return ", ".join(_value(each) for each in value if each is not None) if isinstance(value, list) else str(value)
