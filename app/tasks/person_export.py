"""Everything about a person, written down: read, then printed and packed with no transaction open, then stored."""

import json
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import IO

from sqlalchemy import select

from app import clock
from app.documents import person as documents
from app.documents.engine import DocumentError
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.person_export import PersonExport, PersonExportState
from app.services import access, personal
from app.services import attachment as attachments
from app.services import personal_export as exports
from app.services.personal_export import Everything
from app.tasks.registry import Work, handles

FILE = "person"  # the purpose of the file that comes of it


@handles(exports.TOPIC, lease=timedelta(minutes=10), limit=timedelta(minutes=30))
def run(work: Work) -> None:
    """Write everything about a person down; what was refused is said at the export."""
    if work.record_id is None:
        return
    with work.step() as session:
        made = access.get(session, PersonExport, work.record_id)
        if made is None or not made.begin(at=clock.now()):
            return
        party_id, contact_id, language = made.party_id, made.contact_id, made.language
    try:
        with work.reading() as session:
            person = personal.find(session, party_id, contact_id)
            found = exports.collect(session, person, at=clock.now())
            seller = session.scalars(select(Organisation.name).order_by(Organisation.id).limit(1)).first() or ""
        _step(work, 1)
        paper = documents.pdf(found.data, language=language, seller=seller)
        _step(work, 2)
    except DocumentError as problem:
        if problem.may_pass:
            raise TimeoutError(problem.reason) from problem
        _break_off(work, str(problem))
        return
    except (DomainError, NotFound) as refusal:
        _break_off(work, str(refusal) if isinstance(refusal, DomainError) else _("The person is not there any more"))
        return
    with tempfile.TemporaryFile() as parcel:
        _pack(parcel, found, paper, files=work.settings["CRM_VAR"] / "files")
        parcel.seek(0)
        _store(work, parcel, found)


def _step(work: Work, number: int) -> None:
    with work.step() as session:
        made = access.get(session, PersonExport, work.record_id)
        if made is not None:
            made.done_rows = number


def _break_off(work: Work, message: str) -> None:
    with work.storing() as session:
        made = access.get(session, PersonExport, work.record_id)
        if made is not None:
            made.break_off(at=clock.now(), message=message)


def _pack(parcel: IO[bytes], found: Everything, paper: bytes, *, files: Path) -> None:
    """Write the parcel: the data for machines, the same on paper, and the files."""
    with zipfile.ZipFile(parcel, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("person.json", json.dumps(found.data, ensure_ascii=False, indent=1))
        packed.writestr("person.pdf", paper)
        for each in found.files:
            place = attachments.place_of(each.sha256, files=files)
            if place.is_file():
                packed.write(place, each.path)


def _store(work: Work, parcel: IO[bytes], found: Everything) -> None:
    with work.storing() as session:
        made = access.get(session, PersonExport, work.record_id)
        if made is None:
            return
        at = clock.now()
        made.file = attachments.store(
            session,
            parcel,  # type: ignore[arg-type]
            files=work.settings["CRM_VAR"] / "files",
            name=f"person-{made.party_id}.zip",
            media_type="application/zip",
            entity=PersonExport.__stem__,
            record_id=made.id,
            purpose=FILE,
            at=at,
            by_id=made.owner_id,
        )
        made.state, made.done_rows, made.records = PersonExportState.done, exports.STEPS, found.records
        made.ended_at = at
