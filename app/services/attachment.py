"""Stored files: bytes lie under `var/files` by their SHA-256, equal ones once, readable by the program alone.

A file is complete on the disk before the row that names it is committed; when that transaction is rolled back, bytes
without a row stay behind, which harms nobody.
"""

import hashlib
import os
import secrets
import unicodedata
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from sqlalchemy import exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.contact_rule import RuleOccurrence
from app.models.mail_template import MailTemplate, MailTemplateVersion
from app.models.mailing import Mailing
from app.outbox import enqueue
from app.services import access
from app.services import bin as bins
from app.services.access import Actor

_BLOCK = 1 << 20
_NAME_LENGTH = 255


def store(
    session: Session,
    source: BinaryIO,
    *,
    files: Path,
    name: str,
    media_type: str,
    entity: str,
    record_id: int | None,
    at: datetime,
    by_id: int | None,
    purpose: str = "file",
) -> Attachment:
    """Keep the bytes of a stream as a file that belongs to a record."""
    digest, size = keep(source, files=files)
    attachment = Attachment(
        entity=entity,
        record_id=record_id,
        purpose=purpose,
        name=plain_name(name),
        media_type=media_type,
        size=size,
        sha256=digest,
        created_at=at,
        created_by_id=by_id,
    )
    session.add(attachment)
    session.flush()
    return attachment


def remove(session: Session, attachment: Attachment, *, by: Actor) -> None:
    """Delete one's own file; its bytes go when nothing needs them any more.

    Raises NotAllowed for somebody else's, DomainError for one that a document or letter stands on.
    """
    if by.user_id is None or attachment.created_by_id != by.user_id:
        raise NotAllowed("attachment.delete")
    if _is_in_letters(session, attachment):
        raise DomainError(_("A document or letter stands on this file; it stays"))
    digest = attachment.sha256
    try:
        with session.begin_nested():
            session.delete(attachment)
    except IntegrityError:
        raise DomainError(_("A document or letter stands on this file; it stays")) from None
    enqueue(session, bins.SWEEP, digests=[digest])


def _is_in_letters(session: Session, attachment: Attachment) -> bool:
    """Say whether a mailing that was checked, or an automatic letter, may show a file: its reader would miss it."""
    if attachment.entity != MailTemplate.__stem__:
        return False
    sent = exists().where(Mailing.template_id == attachment.record_id, Mailing.version_id.is_not(None))
    written = exists().where(
        RuleOccurrence.version_id == MailTemplateVersion.id, MailTemplateVersion.template_id == attachment.record_id
    )
    with access.everything(session, why="a picture stays as long as a letter may show it, whoever has sent that"):
        return bool(session.scalar(select(or_(sent, written))))


def keep(source: BinaryIO, *, files: Path) -> tuple[str, int]:
    """Write a stream to its place and return its SHA-256 and its size in bytes; half a file is never seen there."""
    files.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = files / f".{secrets.token_hex(16)}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                size += len(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        place = place_of(digest.hexdigest(), files=files)
        if not _is_kept(place):
            place.parent.mkdir(exist_ok=True, mode=0o700)
            draft.replace(place)
            _sync_folder(place.parent)
            _sync_folder(files)
    finally:
        draft.unlink(missing_ok=True)
    return digest.hexdigest(), size


def _is_kept(place: Path) -> bool:
    """Say whether equal bytes lie there, and mark them as wanted anew: `drop` leaves them alone then."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def drop(digest: str, *, files: Path, before: datetime) -> bool:
    """Delete bytes that no row names; say whether they went.

    What was stored since `before`, new or once more, stays: its row may not be committed yet.
    """
    place = place_of(digest, files=files)
    going = place.with_name(f".{digest}.{secrets.token_hex(4)}.part")
    try:
        if place.stat().st_mtime >= before.timestamp():
            return False
        place.rename(going)
    except FileNotFoundError:
        return False
    if going.stat().st_mtime >= before.timestamp():  # somebody stored the same in between
        going.replace(place)
        return False
    going.unlink()
    return True


def place_of(digest: str, *, files: Path) -> Path:
    """Return where the bytes with a SHA-256 lie."""
    return files / digest[:2] / digest


def path_of(attachment: Attachment, *, files: Path) -> Path:
    """Return where a stored file lies. Raises NotFound when its bytes are gone."""
    place = place_of(attachment.sha256, files=files)
    if not place.is_file():
        raise NotFound(attachment.name)
    return place


def open_file(attachment: Attachment, *, files: Path) -> BinaryIO:
    """Open a stored file for reading."""
    return path_of(attachment, files=files).open("rb")


def plain_name(name: str) -> str:
    """Return a file's name without folders and control characters, its ending kept when it must be cut."""
    base = PureWindowsPath(PurePosixPath(name).name).name
    shown = "".join(char for char in base if unicodedata.category(char) not in {"Cc", "Cf", "Cs"}).strip() or "file"
    if len(shown) <= _NAME_LENGTH:
        return shown
    ending = PurePosixPath(shown).suffix[:20]
    return shown[: _NAME_LENGTH - len(ending)] + ending


def portable_name(name: str) -> str:
    """Return a file's name as every system can unpack it, its ending kept."""
    suffix = PurePosixPath(name).suffix[:12]
    shown = "".join(char if char.isalnum() or char in " ._-" else "_" for char in name.removesuffix(suffix))
    return (shown.strip(" .")[:80] or "file") + "".join(c for c in suffix if c.isalnum() or c == ".")


def _sync_folder(folder: Path) -> None:
    """Make the folder's entry outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
