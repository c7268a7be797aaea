"""Everything about a person as plain data: what each place of the register holds, and which files belong to it.

Shape (`SCHEMA`): {"schema", "made_at", "person": {"party", "contact", "name"}, "places": {table: [row]}, "files":
[{"path", "name", "media_type", "size", "sha256"}]}. A row maps columns to texts, numbers, lists or null, as the
history keeps them: moments in UTC, amounts as texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import Party
from app.models.person_export import PersonExport, PersonExportState
from app.outbox import enqueue
from app.roles import EXPORT
from app.services import access, personal, personal_trace
from app.services.access import Actor
from app.services.attachment import portable_name
from app.services.history import plain
from app.services.personal import Person
from app.services.personal_place import Fate, Place, Way
from app.services.personal_places import PLACES

SCHEMA = "countinghouse.person/1"
TOPIC = "person_export.run"
STEPS = 3
# What is told of a row besides the columns of the register.
MORE: Mapping[str, tuple[str, ...]] = {
    "party": (
        *("id", "kind", "is_customer", "is_supplier", "is_partner", "country", "language", "currency"),
        *("credit_limit", "created_at", "changed_at", "archived_at"),
    ),
    "party_contact": ("id", "language"),
    "party_address": ("usage", "country"),
    "party_channel": ("kind", "opted_out_at", "bounced_at"),
    "party_bank_account": ("currency",),
    "consent": ("purpose", "state", "source", "said_at", "noted_at", "contact_id"),
    "letter": ("id", "state", "purpose", "language", "created_at", "sent_at"),
    "lead": ("id", "state", "channel", "received_at", "responded_at", "language", "country"),
    "lead_arrival": ("lead_id", "received_at"),
    "deal": ("id", "state", "amount", "currency", "expected_on", "created_at", "closed_at"),
    "deal_line": ("deal_id", "position", "quantity", "unit_price", "net"),
    "contract": (
        *("id", "amendment", "kind", "state", "amount", "currency", "valid_from", "valid_until", "ends_on"),
        *("sent_on", "terminated_on"),
    ),
    "contract_signature": ("contract_id", "side", "signed_on", "is_electronic"),
    "contract_obligation": ("contract_id", "side", "due_on", "done_on"),
    "quote": ("id", "edition", "state", "sent_on", "valid_until", "answered_at", "currency", "net", "tax", "gross"),
    "made_document": ("id", "kind", "state", "number", "issued_at"),
    "quote_line": ("quote_id", "position", "quantity", "unit_price", "net", "tax_amount", "gross"),
    "delivery": ("id", "order_id", "kind", "state", "planned_on", "shipped_at", "delivered_at"),
    "sale_order": ("id", "state", "ordered_on", "delivery_on", "currency", "net", "tax", "gross"),
    "sale_order_line": ("order_id", "position", "quantity", "unit_price", "net", "tax_amount", "gross"),
    "invoice": (
        *("id", "kind", "state", "issued_on", "due_on", "delivery_on", "currency", "net", "tax", "gross", "allocated"),
    ),
    "invoice_line": ("invoice_id", "position", "quantity", "unit_price", "net", "tax_amount", "gross"),
    "invoice_snapshot": ("invoice_id", "made_at"),
    "payment": ("id", "kind", "state", "paid_on", "amount", "currency", "method"),
    "activity": ("kind", "state", "entity", "record_id", "created_at", "edited_at", "due_at", "done_at"),
    "attachment": ("entity", "record_id", "media_type", "size", "sha256", "created_at"),
    "import_problem": ("run_id", "row"),
    "deleted_record": ("entity", "record_id", "deleted_at"),
    "field_change": ("at", "act", "entity", "record_id", "part"),
}


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that goes along: where it lies in the parcel, and by which SHA-256 it is kept."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Everything:
    """All that is known of a person; `records` counts rows and files."""

    data: dict[str, Any]
    files: list[File]
    records: int


# --- asking for it ----------------------------------------------------------------------------------------------------


def ask(session: Session, person: Person, *, by: Actor, language: str, at: datetime) -> PersonExport:
    """Let the worker write everything about a person down; the export belongs to the actor.

    Raises NotReached for a counterparty whose rows the actor may not take away, DomainError while one is being made.
    """
    party = access.get(session, Party, person.party_id)
    access.require(session, party, EXPORT)
    under_way = PersonExport.state.in_((PersonExportState.queued, PersonExportState.running))
    same = (PersonExport.party_id == person.party_id, PersonExport.contact_id.is_not_distinct_from(person.contact_id))
    if session.scalars(select(PersonExport.id).where(*same, under_way).limit(1)).first() is not None:
        raise DomainError(_("Such an export is being made already"))
    made = PersonExport(
        party_id=person.party_id,
        contact_id=person.contact_id,
        language=language,
        owner_id=by.user_id,
        team_id=by.team_id,
        created_at=at,
        total_rows=STEPS,
    )
    session.add(made)
    session.flush()
    enqueue(session, TOPIC, made.id, actor_id=by.user_id)
    return made


# --- reading it -------------------------------------------------------------------------------------------------------


def collect(session: Session, person: Person, *, at: datetime) -> Everything:
    """Return everything about a person, over all rows: who asks was let in when he asked."""
    with access.everything(session, why="a person is told everything, whoever of us may see it"):
        places = {place.table: _told(session, person, place) for place in PLACES if place.exported}
        found = _files(session, person)
    files = [File(path=path, sha256=row.sha256) for path, row in found]
    said = [
        {"path": path, "name": row.name, "media_type": row.media_type, "size": row.size, "sha256": row.sha256}
        for path, row in found
    ]
    about = {"party": person.party_id, "contact": person.contact_id, "name": person.name}
    data = {"schema": SCHEMA, "made_at": plain(at), "person": about, "places": places, "files": said}
    return Everything(data=data, files=files, records=sum(map(len, places.values())) + len(files))


def _told(session: Session, person: Person, place: Place) -> list[dict[str, Any]]:
    if place.way is Way.audit:
        return _history(session, person)
    if place.way is Way.bin:
        return [_row(place, vars(each)) for each in personal_trace.binned(session, person)]
    if place.table == "tagging":
        words, keys = metadata.tables["tag"], [row.tag_id for row in personal.rows(session, person, place)]
        found = select(words.c.name).where(words.c.id.in_(keys)).order_by(words.c.name)
        return [{"name": name} for name in session.scalars(found)]
    return [_row(place, row._mapping) for row in personal.rows(session, person, place)]  # noqa: SLF001 -- a row's own


def _row(place: Place, values: Mapping[Any, Any]) -> dict[str, Any]:
    names = [name for name, fate in place.columns.items() if fate is not Fate.rebuilt]
    return {name: plain(values.get(name)) for name in (*MORE.get(place.table, ()), *names)}


def _history(session: Session, person: Person) -> list[dict[str, Any]]:
    """Return what the history says of the person, without the colleagues who did it."""
    wanted = personal_trace.entries(session, person)
    table, keys, found = metadata.tables["field_change"], sorted(wanted), []
    for start in range(0, len(keys), 500):
        some = select(table).where(table.c.id.in_(keys[start : start + 500])).order_by(table.c.id)
        for row in session.execute(some):
            told = {name: plain(row._mapping[name]) for name in MORE["field_change"]}  # noqa: SLF001
            found.append(told | {"changes": {k: v for k, v in row.changes.items() if k in wanted[row.id]}})
    return found


def _files(session: Session, person: Person) -> list[tuple[str, Any]]:
    """Return files that were attached, and those of issued documents, each with its path in the parcel."""
    table = metadata.tables["attachment"]
    found = list(personal.rows(session, person, next(p for p in PLACES if p.table == "attachment")))
    if not person.is_contact:
        documents = metadata.tables["invoice"]
        issued = select(documents.c.file_id).where(documents.c.party_id == person.party_id)
        found += session.execute(select(table).where(table.c.id.in_(issued)).order_by(table.c.id)).all()
    return [(f"files/{row.id}-{portable_name(row.name)}", row) for row in found]


# --- the end ----------------------------------------------------------------------------------------------------------


def expire(session: Session, made: PersonExport, *, at: datetime) -> str | None:
    """Forget the file of an export; return its SHA-256 for the sweep."""
    if made.state is not PersonExportState.done:
        return None
    made.state, made.changed_at = PersonExportState.expired, at
    file, made.file = made.file, None
    session.flush()
    if file is None:
        return None
    digest = file.sha256
    session.delete(file)
    return digest
