"""The bin: deleting a record so that it can be brought back, bringing it back, and forgetting it (ADR 0011).

Whoever deletes a record calls `discard`, whoever undoes it `restore`. What can no longer be restored is forgotten by
`purge` every day; `forget` does so at once for one record, whatever the day.
"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, inspect, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.db import Model
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.base import Entity, Owned, entity_of
from app.models.deleted_record import NAME, DeletedFile, DeletedRecord
from app.models.history import Act, FieldChange
from app.models.search_entry import is_findable
from app.outbox import enqueue
from app.services import access, bin_rows, history
from app.services import find_index as index
from app.services.access import Actor

SWEEP = "bin.sweep"


def new_batch() -> str:
    """Return a mark for what one act deletes."""
    return secrets.token_hex(16)


def discard(session: Session, record: Entity, *, actor: Actor, at: datetime, batch: str | None = None) -> DeletedRecord:
    """Move a record into the bin, with its lines, notes, files and whatever else belongs to it.

    Records of one `batch` are restored by one undo. Raises IntegrityError when other records depend on it.
    """
    session.flush()
    found = bin_rows.before(session, record.__stem__, _table(type(record)), record.id)
    owner = {"owner_id": record.owner_id, "team_id": record.team_id} if isinstance(record, Owned) else {}
    deleted = DeletedRecord(
        entity=record.__stem__,
        record_id=record.id,
        name=str(record)[:NAME],
        is_nobodys=not isinstance(record, Owned),
        deleted_by_id=actor.user_id,
        deleted_at=at,
        batch=batch or new_batch(),
        **owner,
    )
    session.delete(record)
    session.flush()
    deleted.data = bin_rows.after(session, found)
    digests = {row["sha256"] for name, row in deleted.data["rows"] if name == Attachment.__tablename__}
    deleted.files = [DeletedFile(sha256=digest) for digest in sorted(digests)]
    session.add(deleted)
    session.flush()
    return deleted


def take_away(
    session: Session,
    record: Any,  # noqa: ANN401 -- tables of the framework have no bin
    *,
    rule: Callable[[Session, Any], None] | None,
    at: datetime,
    batch: str | None = None,
) -> DeletedRecord | None:
    """Delete a record by its rule: into the bin, where its kind has one, and return what stands there.

    Raises DomainError when others hang on it.
    """
    try:
        with session.begin_nested():
            if rule is not None:
                rule(session, record)
            if is_kept(type(record)):
                return discard(session, record, actor=access.required(session), at=at, batch=batch)
            session.delete(record)
            session.flush()
            return None
    except IntegrityError:
        raise DomainError(_("Other records depend on this one; it cannot be deleted")) from None


def restore(session: Session, deleted: DeletedRecord, *, at: datetime) -> Entity:
    """Bring a record back as it was, with all that went with it, and return it.

    Raises DomainError when something that it needs is gone, a unique value is in use by another record now, or the
    database refuses it; nothing has changed then.
    """
    entity = entity_of(deleted.entity)
    if entity is None:
        raise DomainError(_("It was deleted by another version of the program and does not fit any more"))
    try:
        with session.begin_nested():
            key = bin_rows.Return(session, deleted.entity, deleted.data).insert()
    except bin_rows.GoneError as gone:
        raise DomainError(_told_gone(session, gone)) from None
    except (IntegrityError, DataError):
        raise DomainError(_("It does not fit to what was done since; nothing was restored")) from None
    _write_history(session, deleted, key, at=at)
    session.delete(deleted)
    session.flush()
    if is_findable(entity):
        index.index(session, entity, [key])
    restored: Entity = session.execute(select(entity).where(entity.id == key)).unique().scalar_one()
    return restored


def of_batch(session: Session, batch: str, keys: Collection[int] | None = None) -> list[DeletedRecord]:
    """Return what one act has deleted and the session's actor may see, the last first: it may need the others.

    `keys` are those of some of the records, when not all are wanted.
    """
    found = select(DeletedRecord).where(DeletedRecord.batch == batch).order_by(DeletedRecord.id.desc())
    if keys is not None:
        found = found.where(DeletedRecord.record_id.in_(keys))
    return list(session.scalars(found))


# --- for good ---------------------------------------------------------------------------------------------------------


def erase(session: Session, deleted: DeletedRecord) -> None:
    """Delete a record from the bin, for good."""
    _delete(session, DeletedRecord.id == deleted.id)


def forget(session: Session, entity: str, record_id: int) -> int:
    """Delete for good what the bin knows of one record; return how many times it was there."""
    with access.everything(session, why="what must be forgotten is so whoever owned it"):
        return _delete(session, DeletedRecord.entity == entity, DeletedRecord.record_id == record_id)


def purge(session: Session, *, at: datetime, days: int) -> int:
    """Delete for good what has been in the bin for longer than some days; return how many records."""
    with access.everything(session, why="the bin is emptied for all"):
        return _delete(session, DeletedRecord.deleted_at <= at - timedelta(days=days))


def _delete(session: Session, *where: ColumnElement[bool]) -> int:
    """Delete rows of the bin and have the files looked at that they were the last to need."""
    keys = select(DeletedRecord.id).where(*where)
    digests = set(session.scalars(select(DeletedFile.sha256).where(DeletedFile.deleted_record_id.in_(keys))))
    gone = session.execute(delete(DeletedRecord).where(*where).execution_options(synchronize_session="fetch"))
    if digests:
        enqueue(session, SWEEP, digests=sorted(digests))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def unused(session: Session, digests: Collection[str]) -> list[str]:
    """Return those of some files that no record needs, be it in the bin."""
    needed = set(session.scalars(select(Attachment.sha256).where(Attachment.sha256.in_(digests))))
    needed |= set(session.scalars(select(DeletedFile.sha256).where(DeletedFile.sha256.in_(digests))))
    return sorted(set(digests) - needed)


# --- words ------------------------------------------------------------------------------------------------------------


def is_kept(entity: type[Any]) -> bool:
    """Say whether deleted records of a class go into the bin: every noun of ours, but for the bin itself."""
    return issubclass(entity, Entity) and hasattr(entity, "__stem__") and entity is not DeletedRecord


def _table(entity: type[Any]) -> Table:
    table: Any = inspect(entity).local_table
    return table  # type: ignore[no-any-return]


def _told_gone(session: Session, gone: bin_rows.GoneError) -> str:
    """Say what is missing, by its name when it is in the bin and the actor may see it there."""
    classes = [mapper.class_ for mapper in Model.registry.mappers]
    stems = [each.__stem__ for each in classes if is_kept(each) and _table(each).name == gone.table]
    found = select(DeletedRecord.name).where(DeletedRecord.entity.in_(stems), DeletedRecord.record_id == gone.key)
    name = session.scalars(found.limit(1)).first()
    if name is not None:
        return _("It belongs to “%(name)s”, which is in the bin: restore that first", name=name)
    return _("It belongs to a record that is gone; it cannot be restored without it")


def _write_history(session: Session, deleted: DeletedRecord, key: int, *, at: datetime) -> None:
    row: dict[str, Any] = history.about(session) | {
        "at": at,
        "entity": deleted.entity,
        "record_id": key,
        "name": deleted.name,
        "act": Act.restore,
        "changes": {},
    }
    session.connection().execute(insert(FieldChange), [row])
