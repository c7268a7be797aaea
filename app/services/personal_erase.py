"""Erasing a person: what stands in the way, what would become of everything, and doing it in one transaction.

Every place of the register loses the person; what the law wants stays as it is: issued documents with what they say,
their files and the proof of the audit. The counterparty stays, archived and called by its number. It cannot be undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Table, delete, or_, select, update
from sqlalchemy.orm import Session

from app.db import metadata
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.erasure import LONGEST_REASON, Erasure
from app.models.party import Party
from app.outbox import enqueue
from app.roles import CHANGE
from app.search import search_text
from app.services import (
    access,
    personal_blocked,
    personal_files,
    personal_index,
    personal_merged,
    personal_trace,
    suppression,
)
from app.services import bin as bins
from app.services import party as parties
from app.services.access import Actor
from app.services.personal import Person, find, rows
from app.services.personal_place import Fate, Place, Way
from app.services.personal_places import PLACES

EMPTY: Mapping[type[Any], Any] = {dict: {}, list: []}
SEARCHED = ("number", "reference")  # what a document is found by when its party is gone


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes of one place: of how many rows, and why they stay."""

    place: Place
    count: int
    fate: Fate


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What erasing a person would do; `blocked` says what must be settled before."""

    person: Person
    lines: list[Line]
    blocked: list[personal_blocked.Obstacle]


def preview(session: Session, person: Person, *, files: Path) -> Preview:
    """Return what would become of every place, without changing anything."""
    with access.everything(session, why="what is known of a person is known whoever may see it"):
        found = [
            Line(place=place, count=len(_found(session, person, place, files)), fate=_fate(person, place))
            for place in PLACES
        ]
        blocked = [] if person.is_contact else personal_blocked.obstacles(session, person.party_id)
    return Preview(person=person, lines=[line for line in found if line.count], blocked=blocked)


def erase(
    session: Session, person: Person, *, reason: str, typed_name: str, by: Actor, at: datetime, files: Path
) -> Erasure:
    """Make a person anonymous and return the record of it.

    Raises Refusals at `reason` and `name`, DomainError for what stands in the way, NotReached for a counterparty that
    the actor sees and may not change; nothing has changed then.
    """
    _judge(person, reason, typed_name)
    party = access.get(session, Party, person.party_id)
    access.require(session, party, CHANGE)
    session.flush()
    with access.everything(session, why="a person is erased wherever he stands"):
        if not person.is_contact and (blocked := personal_blocked.obstacles(session, person.party_id)):
            raise DomainError(_("Not erased: %(why)s", why="; ".join(each.text for each in blocked)))
        known = suppression.known_addresses(party, person.contact_id) if party is not None else set()
        counts = _take_out(session, person, at=at, reason=reason.strip(), files=files)
        for same in personal_merged.same_people(session, person):  # what was merged into him is the same person
            for table, (gone, kept) in _take_out(session, same, at=at, reason=reason.strip(), files=files).items():
                before = counts.get(table, [0, 0])
                counts[table] = [before[0] + gone, before[1] + kept]
        suppression.forget(session, known, at=at)
    made = Erasure(
        party_id=person.party_id,
        contact_id=person.contact_id,
        reason=reason.strip(),
        counts=counts,
        by_id=by.user_id,
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made


def find_for(session: Session, party_id: int, contact_id: int | None = None) -> Person:
    """Return a person who can be erased. Raises NotFound, and DomainError for one who was erased already."""
    person = find(session, party_id, contact_id)
    party = access.get(session, Party, party_id)
    if party is not None and party.anonymised_at is not None:
        raise DomainError(_("This person was made anonymous already."))
    return person


def _judge(person: Person, reason: str, typed_name: str) -> None:
    errors: dict[str, list[str]] = {}
    if not reason.strip():
        errors["reason"] = [_("Say why")]
    elif len(reason.strip()) > LONGEST_REASON:
        errors["reason"] = [_("At most %(most)s characters", most=LONGEST_REASON)]
    elif person.is_named_in(reason) or person.name.casefold() in reason.casefold():
        errors["reason"] = [_("The reason is kept: write it without the person's name and numbers")]
    if " ".join(typed_name.split()).casefold() != " ".join(person.name.split()).casefold():
        errors["name"] = [_("Type the name exactly as it stands above")]
    if errors:
        raise Refusals(errors)


# --- doing it ---------------------------------------------------------------------------------------------------------


def _found(session: Session, person: Person, place: Place, files: Path) -> list[Any]:
    """Return the rows of a place, whoever finds them."""
    if place.way is Way.audit:
        return list(personal_trace.entries(session, person))
    if place.way is Way.bin:
        return personal_trace.binned(session, person)
    if place.way in {Way.search, Way.words}:
        return []
    found = rows(session, person, place)
    if place.table == "import_run":
        known = {row.id for row in found}
        found += [row for row in personal_files.imports(session, person, files=files) if row.id not in known]
    return found


def _fate(person: Person, place: Place) -> Fate:
    if person.is_contact and place.way in {Way.own, Way.document} and place.table != "letter":
        return Fate.scrubbed
    return place.fate


def _take_out(session: Session, person: Person, *, at: datetime, reason: str, files: Path) -> dict[str, list[int]]:
    """Erase a person from every place; return how many rows of each were erased and kept."""
    counts: dict[str, list[int]] = {}
    words = personal_index.words(session, person)
    digests = personal_files.take_away(session, person, files=files)
    for place in PLACES:
        found = _found(session, person, place, files)
        if place.way is Way.bin:
            for deleted in found:
                bins.erase(session, deleted)
        elif place.way is not Way.audit:
            _apply(session, person, place, found, at=at)
        if found:
            kept = place.fate is Fate.kept
            counts[place.table] = [0, len(found)] if kept else [len(found), 0]
    entries = personal_trace.take_out(session, person, at=at, reason=reason)
    if entries:
        counts["field_change"] = [entries, 0]
    session.expire_all()
    _close(session, person, at=at)
    personal_index.rebuild(session, person, words)
    if digests:
        enqueue(session, bins.SWEEP, digests=sorted(digests), soon=True)
    return counts


def _apply(session: Session, person: Person, place: Place, found: list[Any], *, at: datetime) -> None:
    """Delete the rows of a place, or give each its new values."""
    table = metadata.tables[place.table]
    if place.goes:
        _delete(session, table, [_key(table, row) for row in found])
        return
    for row in found:
        values = _values(person, place, table, row)
        if not values:
            continue
        if "version" in table.c:
            values |= {"version": row.version + 1, "changed_at": at}
        key = table.primary_key.columns[0]
        session.connection().execute(update(table).where(key == _key(table, row)).values(values))


def _key(table: Table, row: Any) -> Any:  # noqa: ANN401
    return row._mapping[table.primary_key.columns[0].name]  # noqa: SLF001 -- a row's own


def _delete(session: Session, table: Table, keys: list[Any]) -> None:
    column = table.primary_key.columns[0]
    for start in range(0, len(keys), 500):
        session.connection().execute(delete(table).where(column.in_(keys[start : start + 500])))


def _values(person: Person, place: Place, table: Table, row: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what a row shall hold instead."""
    found: dict[str, Any] = {}
    only_named = _fate(person, place) is Fate.scrubbed
    for name, fate in place.columns.items():
        before, column = row._mapping[name], table.c[name]  # noqa: SLF001
        if fate is Fate.kept or before is None:
            continue
        if only_named and fate in {Fate.erased, Fate.replaced}:
            fate = Fate.scrubbed  # noqa: PLW2901 -- of a contact person only what names him goes
        if fate is Fate.scrubbed:
            after = person.without(before)
        elif fate is Fate.erased:
            after = None if column.nullable else EMPTY.get(type(before), "")
            after = after if column.nullable or isinstance(column.type, JSON) else "—"
        elif fate is Fate.replaced:
            after = f"#{person.party_id}"
        else:
            continue
        if after != before:
            found[name] = after
    if "search_text" in table.c and place.way is Way.document:
        kept = [found.get(name, row._mapping[name]) for name in SEARCHED if name in table.c]  # noqa: SLF001
        found["search_text"] = search_text(kept)
    if place.table == "consent" and row.evidence_id is not None:
        found["evidence_id"] = None
    return found


def _close(session: Session, person: Person, *, at: datetime) -> None:
    """Derive what the counterparty is found by, and put one that was erased into the archive."""
    if person.is_contact:
        party = session.execute(select(Party).where(Party.id == person.party_id)).scalar_one()
        before = party.search_text
        parties.derive(party)
        if party.search_text != before:
            session.flush()
        return
    table = metadata.tables["party"]
    row = session.connection().execute(select(table.c.archived_at).where(table.c.id == person.party_id)).one()
    values = {"search_text": "", "name_key": "", "latin_key": "", "sound_key": "", "completeness": 0}
    values |= {"anonymised_at": at, "archived_at": row.archived_at or at}
    session.connection().execute(update(table).where(table.c.id == person.party_id).values(values))
    session.expire_all()
    exports = metadata.tables["person_export"]
    ended = or_(exports.c.state == "done", exports.c.state == "failed")
    session.connection().execute(
        update(exports).where(exports.c.party_id == person.party_id, ended).values(state="expired")
    )
