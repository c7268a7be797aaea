"""The chains over issued documents and their files: an HMAC over each content and the link before it.

The key lies outside the database (`var/keys/chain_key`); whoever can change rows but has no key cannot forge a link.
A tail that is cut off, or a chain made anew with a stolen key, is seen by comparing with the anchors that are written
outside the database every day.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.chain import ChainLink, FileLink
from app.models.invoice import Invoice
from app.models.number_series import NumberSeries
from app.services import number as numbers

_KEY_BYTES = 32
_provider: Callable[[], bytes] | None = None


def use_key(provider: Callable[[], bytes] | None) -> Callable[[], bytes] | None:
    """Choose where the key comes from, and return what was chosen before."""
    global _provider
    before, _provider = _provider, provider
    return before


def key_in(folder: Path) -> bytes:
    """Return the key in a folder (`chain_key`, mode 0600), making it when there is none."""
    path = folder / "chain_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".chain_key.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename it never replaces the key of somebody who was faster
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return bytes.fromhex(path.read_text().strip())


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the one way to write a content down: sorted names, no blanks, UTF-8. Numbers in it are texts."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content's canonical writing."""
    return hashlib.sha256(canonical(content)).hexdigest()


def link(key: bytes, *, series_id: int, position: int, previous: str, of: str, digest: str) -> str:
    """Return the link of a row: the HMAC-SHA-256 of its place, the link before it and the digest it stands for.

    `of` says whether the digest is of a document or of a file, so that neither passes for the other.
    """
    what = {"series": series_id, "position": position, "previous": previous, "of": of, "sha256": digest}
    return hmac.new(key, canonical(what), hashlib.sha256).hexdigest()


def append(session: Session, invoice: Invoice, *, series: NumberSeries, digest: str, at: datetime) -> None:
    """Chain a document that is being issued; its series is locked since its number was taken."""
    last, previous = head(session, ChainLink, series.id)
    position = last + 1
    linked = link(
        current_key(), series_id=series.id, position=position, previous=previous, of="document", digest=digest
    )
    row = {
        "series_id": series.id,
        "position": position,
        "invoice_id": invoice.id,
        "content_sha256": digest,
        "previous": previous,
        "link": linked,
        "made_at": at,
    }
    session.execute(insert(ChainLink.__table__), row)  # type: ignore[arg-type]  # nobody needs it as an object
    invoice.content_sha256, invoice.chain_position, invoice.chain_link = digest, position, linked


def append_file(session: Session, invoice: Invoice, attachment: Attachment, *, at: datetime) -> FileLink:
    """Chain the file of an issued document and make it the document's file; the same file twice is chained once.

    Raises DomainError when the document has another file already, or is a draft.
    """
    if invoice.series is None or invoice.is_draft:
        raise DomainError(_("Only an issued document has a file"), field="file")
    session.flush()
    numbers.lock(session, invoice.series)
    standing = session.scalar(select(FileLink).where(FileLink.invoice_id == invoice.id))
    if standing is not None:
        if standing.sha256 != attachment.sha256:
            raise DomainError(_("This document has its file already"), field="file")
        return standing
    position, previous = head(session, FileLink, invoice.series.id)
    row = FileLink(
        series_id=invoice.series.id,
        position=position + 1,
        invoice_id=invoice.id,
        attachment_id=attachment.id,
        sha256=attachment.sha256,
        previous=previous,
        link=link(
            current_key(),
            series_id=invoice.series.id,
            position=position + 1,
            previous=previous,
            of="file",
            digest=attachment.sha256,
        ),
        made_at=at,
    )
    session.add(row)
    invoice.file_id = attachment.id
    session.flush()
    return row


def current_key() -> bytes:
    """Return the key of this installation."""
    if _provider is None:
        raise RuntimeError("nobody said where the key of the chain lies: chain.use_key")
    return _provider()


def head(session: Session, table: type[ChainLink | FileLink], series_id: int) -> tuple[int, str]:
    """Return position and link of the last row of a series, (0, "") when there is none."""
    last = session.execute(
        select(table.position, table.link).where(table.series_id == series_id).order_by(table.position.desc()).limit(1)
    ).first()
    return (last.position, last.link) if last is not None else (0, "")
