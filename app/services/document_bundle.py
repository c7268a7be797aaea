"""Bundles: which records' files leave as one, whose they are, what is in them; asked for, and forgotten after a day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.base import entity_of
from app.models.contract import Contract, ContractSignature
from app.models.delivery import Delivery
from app.models.document_bundle import BundleForm, BundleState, DocumentBundle
from app.models.invoice import Invoice
from app.models.made_document import MadeDocument
from app.models.mailing import MailingRecipient
from app.models.party import Party
from app.models.quote import Quote
from app.outbox import enqueue
from app.roles import EXPORT
from app.services import access, export_rule, export_run
from app.services import bin as bins
from app.services.access import Actor

TOPIC = "document_bundle.run"
FORGET = "document_bundle.forget"
FILE = "bundle"  # the purpose of what comes of it
PART = "part"  # the purpose of a piece of a file that is not whole yet
KEPT = timedelta(days=1)
MOST = 2_000  # records of one bundle
PORTION = 50  # records that are read, and files that are merged, at once
MOST_BYTES = {
    BundleForm.zip: 2 << 30,
    BundleForm.pdf: 500 << 20,
    BundleForm.labels: 100 << 20,
    BundleForm.letters: 500 << 20,
}
PIECE_BYTES = 50 << 20  # of some letters
AS_THEY_ARE = (BundleForm.zip, BundleForm.pdf)  # the files of the records
KINDS: tuple[type[Any], ...] = (MadeDocument, Invoice, Quote, Delivery, Contract)
LABELLED: tuple[type[Any], ...] = (Party, MailingRecipient)


@dataclass
class Found:
    """A record as it is called, and its files in their order."""

    name: str
    files: list[Attachment] = field(default_factory=list)


def ask(
    session: Session,
    entity: str,
    keys: Sequence[int],
    *,
    form: BundleForm,
    by: Actor,
    language: str,
    at: datetime,
    whom_to_ask: str = "",
    settings: dict[str, Any] | None = None,
) -> DocumentBundle:
    """Let the worker put the files of these records together; the bundle belongs to the actor.

    Raises DomainError for none, for too many, and for more than the actor's role may take in one file.
    """
    if entity_of(entity) not in (KINDS if form in AS_THEY_ARE else LABELLED):
        raise DomainError(_("These records have no files of this kind"))
    if not keys:
        raise DomainError(_("There is no record whose file you may take"))
    if len(keys) > MOST:
        raise DomainError(_("At most %(most)s documents leave together; choose fewer", most=f"{MOST:,}"))
    rule = export_rule.rule(session)
    terms = export_rule.terms(session, rule, right=(entity, EXPORT), entity=entity, rows=len(keys))
    if terms.is_too_large(len(keys)):
        raise DomainError(export_run.too_large(terms, len(keys), whom_to_ask))
    bundle = DocumentBundle(
        entity=entity,
        form=form,
        language=language,
        keys=list(keys),
        missing=[],
        settings=settings or {},
        total_rows=len(keys),
        owner_id=by.user_id,
        team_id=by.team_id,
        created_at=at,
    )
    session.add(bundle)
    session.flush()
    enqueue(session, TOPIC, bundle.id, actor_id=by.user_id)
    return bundle


# --- what is in it ----------------------------------------------------------------------------------------------------


def found(session: Session, entity: str, keys: Sequence[int]) -> dict[int, Found]:
    """Return those of these records that the actor may take away, by key, each with its files."""
    kind: Any = entity_of(entity)
    cut = access.cut(session, kind, EXPORT)
    wanted = select(kind).where(kind.id.in_(keys), *([] if cut is None else [cut]))
    records = {record.id: Found(str(record)) for record in session.execute(wanted).unique().scalars()}
    links = [(kind.id, kind.file_id, kind.id)]
    if kind is Contract:
        links.append((ContractSignature.contract_id, ContractSignature.file_id, ContractSignature.id))
    for key, file_id, order in links:
        files = select(key, Attachment).join(Attachment, Attachment.id == file_id).where(key.in_(records))
        for record_id, file in session.execute(files.order_by(order)):
            records[record_id].files.append(file)
    return records


def is_within_reach(session: Session, bundle: DocumentBundle) -> bool:
    """Say whether the actor may still take away every record whose file is in a bundle."""
    kind: Any = entity_of(bundle.entity)
    cut = access.cut(session, kind, EXPORT)
    keys = bundle.found_keys
    reached = select(func.count(kind.id)).where(kind.id.in_(keys), *([] if cut is None else [cut]))
    return session.execute(reached).scalar_one() == len(keys)


def names_of(session: Session, bundle: DocumentBundle, keys: Sequence[int]) -> dict[int, str]:
    """Return what records of a bundle are called, of those that the actor sees."""
    kind: Any = entity_of(bundle.entity)
    seen = session.execute(select(kind).where(kind.id.in_(keys))).unique().scalars()
    return {record.id: str(record) for record in seen}


# --- letters of a mailing ---------------------------------------------------------------------------------------------


def unfinished(session: Session, mailing_id: int) -> DocumentBundle | None:
    """Return the letters of a mailing that are being printed into a file, None where none are."""
    running = DocumentBundle.state.in_((BundleState.queued, BundleState.running))
    found = select(DocumentBundle).where(DocumentBundle.mailing_id == mailing_id, running)
    return session.scalars(found.order_by(DocumentBundle.id).limit(1)).one_or_none()


def parts(session: Session, bundle: DocumentBundle) -> list[Attachment]:
    """Return the pieces of a file that is not whole yet, in their order."""
    mine = Attachment.entity == DocumentBundle.__stem__, Attachment.record_id == bundle.id, Attachment.purpose == PART
    return list(session.scalars(select(Attachment).where(*mine).order_by(Attachment.id)))


def drop_parts(session: Session, bundle: DocumentBundle) -> None:
    """Throw the pieces away."""
    there = parts(session, bundle)
    for each in there:
        session.delete(each)
    if there:
        session.flush()
        enqueue(session, bins.SWEEP, digests=sorted({each.sha256 for each in there}))


def stop(session: Session, mailing_id: int, *, at: datetime) -> None:
    """Print no more letters of a mailing, and throw away what was printed."""
    found = select(DocumentBundle).where(DocumentBundle.mailing_id == mailing_id)
    for bundle in session.scalars(found):
        if bundle.is_under_way:
            bundle.break_off(at=at, message=_("The mailing was cancelled"))
            drop_parts(session, bundle)
        forget(session, bundle, at=at)


# --- the end ----------------------------------------------------------------------------------------------------------


def keep(session: Session, bundle: DocumentBundle, file: Attachment, *, files: int, at: datetime) -> None:
    """Give a bundle what the worker made, for a day."""
    bundle.file, bundle.files, bundle.done_rows = file, files, bundle.total_rows
    bundle.state, bundle.ended_at = BundleState.done, at
    enqueue(session, FORGET, bundle.id, due_at=at + KEPT)


def forget(session: Session, bundle: DocumentBundle, *, at: datetime) -> None:
    """Throw the file of a bundle away, and its bytes when nothing else has the same."""
    if bundle.state is not BundleState.done:
        return
    bundle.state, bundle.changed_at = BundleState.expired, at
    file, bundle.file = bundle.file, None
    session.flush()
    if file is not None:
        digest = file.sha256
        session.delete(file)
        enqueue(session, bins.SWEEP, digests=[digest])
