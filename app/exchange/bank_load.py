"""The way of a bank's file into the books: read by a child process, then stored in one transaction, or not at all."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.errors import DomainError, NotFound
from app.exchange import bank_file
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.bank_statement import BankStatement
from app.models.organisation import OrganisationBankAccount
from app.services import access
from app.services import attachment as attachments
from app.services import bank_desk as desk
from app.services import bank_rule as profiles
from app.services import bank_statement as statements
from app.services.allocation import When
from app.services.bank_entry import Parsed

MEDIA_TYPES = {".xml": "application/xml", ".zip": "application/zip", ".csv": "text/csv"}


@dataclass(frozen=True, kw_only=True)
class Received:
    """What came of a file: the ids of new statements, lines that are new, known and matched at once.

    `draft_id` is the statement whose columns are to be chosen first.
    """

    ids: tuple[int, ...] = ()
    added: int = 0
    known: int = 0
    matched: int = 0
    draft_id: int | None = None


def receive(
    session: Session, content: bytes, *, name: str, files: Path, at: datetime, account_id: int | None = None
) -> Received:
    """Load a file; a table whose columns nobody has said is kept as a draft. Raises DomainError, and keeps nothing."""
    if not content:
        raise DomainError(_("The file is empty"), field="file")
    parsed, profile_id = _read(session, content)
    with unit_of_work(session):
        account = account_by(session, account_id)
        file = _kept(session, content, name=name, files=files, at=at)
        if parsed is None:
            draft = statements.begin(session, account=account, file=file, at=at)
            file.record_id = draft.id
            return Received(draft_id=draft.id)
        profile = profiles.by_id(session, profile_id)
        loaded = statements.load(session, parsed, file=file, at=at, account=account, profile=profile)
        if not loaded.statements:
            session.delete(file)
            return Received(known=loaded.known)
        file.record_id = loaded.statements[0].id
        return _done(session, loaded, at)


def load_draft(
    session: Session, draft_id: int, *, profile: dict[str, Any], name: str, files: Path, at: datetime
) -> Received:
    """Load the table of a draft by columns that were chosen, and remember them."""
    content = content_of(session, draft_id, files=files)
    digest = bank_file.peek(content, profile)["digest"]
    parsed = bank_file.read(content, profile)
    if parsed is None:
        raise DomainError(_("This is no table"), field="file")
    with unit_of_work(session):
        draft = session.scalars(
            select(BankStatement).where(BankStatement.id == draft_id).with_for_update(of=BankStatement)
        ).one_or_none()
        if draft is None or not draft.is_draft or draft.file is None:
            raise NotFound(draft_id)
        kept = profiles.keep_profile(session, digest, name=name, values=profile)
        file, account = draft.file, draft.account
        loaded = statements.load(session, parsed, file=file, at=at, account=account, draft=draft, profile=kept)
        if not loaded.statements:
            session.delete(draft)
            session.flush()
            session.delete(file)
            return Received(known=loaded.known)
        return _done(session, loaded, at)


def content_of(session: Session, statement_id: int, *, files: Path) -> bytes:
    """Return the bytes of a statement's file. Raises NotFound."""
    statement = session.scalars(select(BankStatement).where(BankStatement.id == statement_id)).one_or_none()
    if statement is None or statement.file is None:
        raise NotFound(statement_id)
    return attachments.path_of(statement.file, files=files).read_bytes()


def account_by(session: Session, account_id: int | None) -> OrganisationBankAccount | None:
    """Return one of our accounts. Raises DomainError at "account" for one that is not there."""
    if account_id is None:
        return None
    found = session.get(OrganisationBankAccount, account_id)
    if found is None:
        raise DomainError(_("Not found"), field="account")
    return found


def _read(session: Session, content: bytes) -> tuple[list[Parsed] | None, int | None]:
    parsed = bank_file.read(content)
    if parsed is not None:
        return parsed, None
    known = profiles.profile_of(session, bank_file.peek(content)["digest"])
    if known is None:
        return None, None
    told, key = known.told(), known.id
    session.rollback()  # nobody holds a transaction while the file is read
    return bank_file.read(content, told), key


def _kept(session: Session, content: bytes, *, name: str, files: Path, at: datetime) -> Attachment:
    suffix = Path(name).suffix.lower()
    return attachments.store(
        session,
        io.BytesIO(content),
        files=files,
        name=name or hashlib.sha256(content).hexdigest()[:12],
        media_type=MEDIA_TYPES.get(suffix, "text/plain"),
        entity=BankStatement.__stem__,
        record_id=None,
        purpose="statement",
        at=at,
        by_id=access.required(session).user_id,
    )


def _done(session: Session, loaded: statements.Loaded, at: datetime) -> Received:
    when = When(at=at, by=access.required(session))
    matched = sum(desk.match_sure(session, each, when=when) for each in loaded.statements)
    session.flush()
    ids = tuple(each.id for each in loaded.statements)
    return Received(ids=ids, added=loaded.added, known=loaded.known, matched=matched)
