"""Address labels: what stands on the label of a record, and why some have none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.models.base import entity_of
from app.models.document_bundle import Lack
from app.models.mailing import MailingRecipient, RecipientPhase
from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind
from app.roles import EXPORT
from app.services import access, gate, mailing_letter
from app.services import gate_address as addresses
from app.services import organisation as organisations

_LONGEST = 80
_WRITTEN = (RecipientPhase.queued, RecipientPhase.claimed, RecipientPhase.handed_over, RecipientPhase.sent)


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """One record as its label names it; without lines there is none, and `lack` says why."""

    name: str
    lines: list[str] = field(default_factory=list)
    language: str = "en"
    number: int | None = None
    lack: Lack | None = None


def found(session: Session, entity: str, keys: Sequence[int], *, at: datetime) -> dict[int, Addressed]:
    """Return those of these records that the actor may take away, by key, each as its label names it."""
    kind: Any = entity_of(entity)
    cut = access.cut(session, kind, EXPORT)
    wanted = select(kind).where(kind.id.in_(keys), *([] if cut is None else [cut]))
    if kind is MailingRecipient:
        return {row.id: _of_recipient(row) for row in session.scalars(wanted)}
    people = selectinload(Party.contacts), selectinload(Party.addresses), selectinload(Party.channels)
    rules, ours = gate.policy(session), organisations.first(session)
    country, code = (ours.country, ours.language) if ours is not None else ("", "en")
    parties = session.scalars(wanted.options(*people)).unique()
    return {party.id: _of_party(session, party, country or "", code, rules, at=at) for party in parties}


def _of_party(session: Session, party: Party, ours: str, code: str, rules: Any, *, at: datetime) -> Addressed:  # noqa: ANN401
    name = party.legal_name or party.name
    if addresses.place_of(party) is None:
        return Addressed(name=name, lack=Lack.address)
    answer = gate.may_contact(session, party, ContactChannel.paper, ContactKind.personal, rules=rules, at=at)
    if not answer.ok:
        return Addressed(name=name, lack=Lack.stopped)
    said = mailing_letter.said_of(session, party, ours=ours, code=code)
    return Addressed(name=name, lines=_lines(said), language=party.language)


def _of_recipient(row: MailingRecipient) -> Addressed:
    name = row.name or ""
    if not row.address or "buyer.street" not in row.words:
        return Addressed(name=name, lack=Lack.address)
    if row.phase not in _WRITTEN:
        return Addressed(name=name, lack=Lack.stopped)
    return Addressed(name=name, lines=_lines(row.words), language=row.language, number=row.number)


def _lines(said: Any) -> list[str]:  # noqa: ANN401 -- what the fields of a letter say, by name
    names = ("name", "contact", "street", "town", "country")
    return [said[key][:_LONGEST] for name in names if said.get(key := f"buyer.{name}")]
