"""Traces of a person: entries of the audit about him or naming him, and what lies in the bin."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Text, and_, cast, false, func, or_, select
from sqlalchemy.orm import Session, aliased, undefer

from app.db import metadata
from app.models.base import entity_of
from app.models.deleted_record import DeletedRecord
from app.models.history import Act, FieldChange
from app.services import audit, history
from app.services.audit_digest import NAME
from app.services.personal import Person, documents, keys_of
from app.services.personal_place import Fate, Way
from app.services.personal_places import PLACES

_READ = (FieldChange.id, FieldChange.entity, FieldChange.part, FieldChange.name, FieldChange.changes)


def entries(session: Session, person: Person) -> dict[int, set[str]]:
    """Return which values of which entries tell of a person: id → fields."""
    found: dict[int, set[str]] = {}
    for row in session.execute(select(*_READ).where(_about(person)).order_by(FieldChange.id)):
        gone = _personal_fields(person, row)
        if gone:
            found[row.id] = gone
    if person.forms:
        for row in session.execute(select(*_READ).where(_naming(person)).order_by(FieldChange.id)):
            named = {name for name, pair in row.changes.items() if person.is_named_in(pair) or person.is_named_in(name)}
            named |= {NAME} if row.name and person.is_named_in(row.name) else set()
            if named:
                found.setdefault(row.id, set()).update(named)
    return found


def _about(person: Person) -> Any:  # noqa: ANN401 -- a condition
    at = FieldChange
    if person.is_contact:
        part = and_(at.part == "party_contact", at.part_id == person.contact_id)
        return and_(at.entity == "party", at.record_id == person.party_id, part)
    ours = [and_(at.entity == "party", at.record_id == person.party_id)]
    for stem in _erased():
        now = at.record_id.in_(keys_of(person, stem).order_by(None))
        ours.append(and_(at.entity == stem, or_(now, at.record_id.in_(_once(person, stem)))))
    return or_(*ours)


def _once(person: Person, stem: str) -> Any:  # noqa: ANN401 -- a statement
    """Return the keys of documents that were his when they were added or deleted, gone or not."""
    other = aliased(FieldChange)
    said = cast(other.changes, Text)
    pairs = ([None, person.party_id], [person.party_id, None])
    theirs = or_(*(said.contains(f'"party_id": {json.dumps(pair)}', autoescape=True) for pair in pairs))
    return select(other.record_id).where(other.entity == stem, theirs)


@cache
def _erased() -> dict[str, set[str]]:
    """Return the columns of documents whose history goes: words that people typed, whatever the document keeps."""
    found = {}
    for place in PLACES:
        if place.way is Way.document:
            gone = {name for name, fate in place.columns.items() if fate is not Fate.rebuilt} - {"number"}
            stem = next((str(s) for s in _stems(place.table)), "")
            if gone and stem:
                found[stem] = gone
    return found


def _stems(table: str) -> list[str]:
    return [stem for stem, each in documents().items() if each.name == table]


def _personal_fields(person: Person, row: Any) -> set[str]:  # noqa: ANN401
    """Return the fields of an entry about the person's own records that tell of him."""
    if person.is_contact:
        return {*row.changes, NAME} if row.changes or row.name else set()
    if row.entity in _erased():
        gone = _erased()[row.entity] & set(row.changes)
        return gone | ({NAME} if row.name and row.entity == "letter" else set())
    entity: Any = entity_of(row.entity)
    parts = {each.__tablename__: each for each in history.parts_of(entity)}
    known = _register(row.part or "party")
    kind = parts.get(row.part) if row.part else entity
    personal = (audit.personal(kind) if kind is not None else frozenset()) | known
    found = set(row.changes) & personal
    if "tags" in row.changes and row.part is None:
        found.add("tags")
    return found | ({NAME} if row.name else set())


def _register(table: str) -> frozenset[str]:
    place = next((each for each in PLACES if each.table == table), None)
    return frozenset(place.columns) if place is not None else frozenset()


def _naming(person: Person) -> Any:  # noqa: ANN401
    texts = [func.lower(cast(column, Text)) for column in (FieldChange.changes, FieldChange.name)]
    hits = [text.contains(form.casefold(), autoescape=True) for text in texts for form in person.forms]
    return or_(false(), *hits)


def take_out(session: Session, person: Person, *, at: datetime, reason: str) -> int:
    """Take the values of a person out of the audit; return how many entries lost some."""
    wanted: Mapping[int, set[str]] = entries(session, person)
    keys = sorted(wanted)
    done = 0
    for start in range(0, len(keys), 500):
        some = {key: wanted[key] for key in keys[start : start + 500]}
        done += audit.erase_values(session, some, at=at, reason=reason)
    if not done:
        changes = {"entries": [None, 0], "reason": [None, reason]}
        audit.note(session, Act.erase, entity="party", record_id=person.party_id, changes=changes, at=at)
    return done


# --- the bin ----------------------------------------------------------------------------------------------------------


def binned(session: Session, person: Person) -> list[DeletedRecord]:
    """Return what lies in the bin and belongs to the person, or names him."""
    found = session.scalars(select(DeletedRecord).options(undefer(DeletedRecord.data)).order_by(DeletedRecord.id))
    return [each for each in found if _is_theirs(person, each)]


def _is_theirs(person: Person, deleted: DeletedRecord) -> bool:
    if person.is_named_in(deleted.name) or person.is_named_in(deleted.data):
        return True
    if person.is_contact:
        return False
    if (deleted.entity, deleted.record_id) == ("party", person.party_id):
        return True
    return any(_names_party(person, table, row) for table, row in deleted.data.get("rows", []))


def _names_party(person: Person, table: str, row: Mapping[str, Any]) -> bool:
    known = metadata.tables.get(table)
    link = known.c.get("party_id") if known is not None else None
    return link is not None and bool(link.foreign_keys) and row.get("party_id") == person.party_id
