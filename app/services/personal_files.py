"""Files of a person: those attached to his records, and files of imports that name him."""

from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.db import metadata
from app.services import attachment as attachments
from app.services.personal import Person, rows
from app.services.personal_places import of_table

UNDER_WAY = ("queued", "running")
_LINKS = (
    ("letter", "attachment_id"),
    ("consent", "evidence_id"),
    ("person_export", "file_id"),
    ("received_mail", "raw_id"),
)


def imports(session: Session, person: Person, *, files: Path) -> list[Any]:
    """Return the ended imports whose files name the person; a file is read line by line."""
    runs, kept = metadata.tables["import_run"], metadata.tables["attachment"]
    found = session.execute(
        select(runs, kept.c.sha256)
        .join(kept, or_(kept.c.id == runs.c.file_id, kept.c.id == runs.c.errors_id))
        .where(runs.c.state.not_in(UNDER_WAY))
        .order_by(runs.c.id)
    ).all()
    named: dict[int, Any] = {}
    for row in found:
        if row.id not in named and _names(person, attachments.place_of(row.sha256, files=files), row.encoding):
            named[row.id] = row
    return list(named.values())


def _names(person: Person, place: Path, encoding: str | None) -> bool:
    if not place.is_file() or not person.values:
        return False
    for each in dict.fromkeys((encoding or "utf-8", "utf-8")):
        with place.open(encoding=each, errors="replace", newline="") as source:
            if any(person.is_named_in(line) for line in source):
                return True
    return False


def take_away(session: Session, person: Person, *, files: Path) -> set[str]:
    """Delete the rows of a person's files, and unlink what names them; return the SHA-256 of the bytes.

    Files of issued documents stay. The bytes go after the commit, when nothing needs them any more.
    """
    kept, runs = metadata.tables["attachment"], metadata.tables["import_run"]
    place = of_table("attachment")
    mine = rows(session, person, place) if place is not None else []
    chosen = {row.id: row.sha256 for row in mine} | _exports(session, person) | _evidence(session, person)
    for run in imports(session, person, files=files):
        pair = [key for key in (run.file_id, run.errors_id) if key is not None]
        found = session.execute(select(kept.c.id, kept.c.sha256).where(kept.c.id.in_(pair)))
        chosen |= {row.id: row.sha256 for row in found}
        session.connection().execute(update(runs).where(runs.c.id == run.id).values(file_id=None, errors_id=None))
    for table, column in _LINKS:
        link = metadata.tables[table]
        session.connection().execute(update(link).where(link.c[column].in_(chosen)).values({column: None}))
    brought = metadata.tables["letter_file"]
    session.connection().execute(delete(brought).where(brought.c.attachment_id.in_(chosen)))
    session.connection().execute(delete(kept).where(kept.c.id.in_(chosen)))
    return set(chosen.values())


def _exports(session: Session, person: Person) -> dict[int, str]:
    """Return the files of exports that were made of this person: key → SHA-256."""
    made, kept = metadata.tables["person_export"], metadata.tables["attachment"]
    ours = made.c.party_id == person.party_id
    if person.is_contact:
        ours &= made.c.contact_id == person.contact_id
    found = select(kept.c.id, kept.c.sha256).join(made, made.c.file_id == kept.c.id).where(ours)
    return {row.id: row.sha256 for row in session.execute(found)}


def _evidence(session: Session, person: Person) -> dict[int, str]:
    said, kept = metadata.tables["consent"], metadata.tables["attachment"]
    ours = said.c.party_id == person.party_id
    if person.is_contact:
        ours &= said.c.contact_id == person.contact_id
    found = select(kept.c.id, kept.c.sha256).join(said, said.c.evidence_id == kept.c.id).where(ours)
    return {row.id: row.sha256 for row in session.execute(found)}
