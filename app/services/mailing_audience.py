"""Whom a mailing goes to, written into its ledger before the first message: each address once, each refusal with why.

Counterparties are taken as whoever checks the mailing sees them, in portions; the gate answers for a portion by one
statement. Who is held out is decided by a hash of the mailing's seed and the counterparty, with all its addresses: what
it orders is known of the whole of it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol

from sqlalchemy import Select, delete, insert, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.lifecycle import move
from app.models.mail_template import MailingChannel
from app.models.mailing import (
    MAILING_MOVES,
    Mailing,
    MailingKind,
    MailingParty,
    MailingRecipient,
    MailingState,
    RecipientPhase,
)
from app.models.organisation import Organisation
from app.models.party import Party, PartyContact
from app.models.suppression import ContactChannel, ContactKind, NoContact
from app.models.tag import Tagging
from app.services import access, gate, mail_place, mailing_quiet
from app.services import gate_address as addresses
from app.services import mailing_letter as letters
from app.services import segment as segments
from app.services.access import Actor

PORTION = 1000
_LONGEST_WORD = 120
_OF_SEED = 10**6


class Writes(Protocol):
    """What says who writes, by which way and why: a mailing, or a rule of automatic letters."""

    @property
    def channel(self) -> MailingChannel:
        """Return the way."""

    @property
    def kind(self) -> MailingKind:
        """Return what it is for."""

    @property
    def organisation(self) -> Organisation:
        """Return which of our companies writes."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Somebody who may get it."""

    party_id: int
    contact_id: int | None
    name: str
    address: str | None
    language: str
    words: dict[str, str]
    zones: str = ""


def begin(session: Session, mailing_id: int) -> bool:
    """Forget what a check before this one has found; False when nobody waits for it any more."""
    if _locked(session, mailing_id) is None:
        return False
    gone = delete(MailingRecipient).where(MailingRecipient.mailing_id == mailing_id)
    session.execute(gone.execution_options(synchronize_session=False))
    return True


def take(session: Session, mailing_id: int, *, by: Actor, after: int, at: datetime) -> int | None:
    """Write the next counterparties into the ledger, as `by` sees them, and return where to go on; None at the end.

    `after` is the key of the last one before.
    """
    mailing = _locked(session, mailing_id)
    if mailing is None:
        return None
    with access.acting(session, by):
        wanted = chosen(session, mailing, at=at)
        found = session.scalars(wanted.where(Party.id > after).order_by(Party.id).limit(PORTION)).all()
        seen = [each for party in found for each in _reached(session, mailing, party)]
    keys = _write(session, mailing, seen, at=at)
    if keys:
        _judge(session, mailing, keys, at=at)
        _hold_out(session, mailing, keys)
    return found[-1].id if found else None


def finish(session: Session, mailing_id: int, *, at: datetime) -> None:
    """Note that the ledger is complete."""
    mailing = _locked(session, mailing_id)
    if mailing is not None:
        move(MAILING_MOVES, mailing, MailingState.checked)
        mailing.checked_at = at
        session.flush()


def _locked(session: Session, mailing_id: int) -> Mailing | None:
    found = select(Mailing).where(Mailing.id == mailing_id, Mailing.state == MailingState.checking)
    return session.execute(found.with_for_update()).scalar_one_or_none()


def chosen(session: Session, mailing: Mailing, *, at: datetime) -> Select[Party]:
    """Return the counterparties that were chosen, whatever stands against writing to them."""
    ways = [Party.id.in_(select(MailingParty.party_id).where(MailingParty.mailing_id == mailing.id))]
    if mailing.tag_id is not None:
        tagged = select(Tagging.record_id).where(Tagging.tag_id == mailing.tag_id, Tagging.entity == Party.__stem__)
        ways.append(Party.id.in_(tagged))
    if mailing.segment is not None:
        ways.append(Party.id.in_(segments.members(session, mailing.segment, at=at)))
    found = with_words(select(Party).where(or_(*ways), Party.merged_into_id.is_(None)))
    return found.execution_options(populate_existing=True)


def with_words(parties: Select[Party]) -> Select[Party]:
    """Return the same counterparties, read with all that stands in the places of a template."""
    people = selectinload(Party.contacts), selectinload(Party.addresses), selectinload(Party.channels)
    return parties.options(*people, joinedload(Party.owner))


def first(mailing: Mailing, party: Party, *, with_people: bool) -> Candidate:
    """Return who gets it first of a counterparty; without people the counterparty itself."""
    if with_people:
        return next(candidates(mailing, party))
    words = _words(mailing, party, None)
    return Candidate(
        party_id=party.id, contact_id=None, name=party.name, address=None, language=party.language, words=words
    )


def _reached(session: Session, mailing: Mailing, party: Party) -> Iterator[Candidate]:
    """Yield who may get it; of a letter on paper with what it will say of him."""
    for each in candidates(mailing, party):
        if mailing.channel is MailingChannel.paper and each.address:
            us = mailing.organisation
            said = letters.said_of(session, party, ours=us.country or "", code=us.language)
            yield replace(each, words=each.words | said)
        else:
            yield each


def candidates(mailing: Writes, party: Party) -> Iterator[Candidate]:
    """Yield who may get it of a counterparty: of a service message the first that has an address, else all that do."""
    by_mail, on_paper = mailing.channel is MailingChannel.email, mailing.channel is MailingChannel.paper
    own = addresses.of_party(party, ContactChannel(mailing.channel.value))
    everybody = () if on_paper else party.contacts  # a contact person has no house of his own
    people = [(each, each.email if by_mail else each.phone) for each in everybody]
    reached = [(contact, address) for contact, address in people if address and address != own]
    found: list[tuple[PartyContact | None, str | None]] = [(None, own)] if own else []
    found += reached
    if mailing.kind is MailingKind.service or not found:
        found = found[:1] or [(None, None)]
    for contact, address in found:
        person = contact or next((each for each, where in people if where == own and own), None)
        yield Candidate(
            party_id=party.id,
            contact_id=person.id if person is not None else None,
            name=person.name if person is not None else party.name,
            address=address,
            language=(person.language if person is not None else None) or party.language,
            words=_words(mailing, party, person),
            zones=mailing_quiet.places_of(ContactChannel(mailing.channel.value), party, address),
        )


def _words(mailing: Writes, party: Party, person: PartyContact | None) -> dict[str, str]:
    """Return what stands in the places of the template; names in one line, without what could mean something."""
    is_person = party.kind.value == "person"
    name = person.name if person is not None else (party.name if is_person else "")
    city = next((each.city for each in party.addresses if each.city), None)
    owner = party.owner
    found = {
        "name": name,
        "first name": mail_place.first_name(name) if name else None,
        "company": None if is_person else party.name,
        "city": city,
        "manager": f"{owner.first_name} {owner.last_name}".strip() if owner is not None else None,
        "organisation": mailing.organisation.legal_name or mailing.organisation.name,
    }
    return {key: tidy for key, text in found.items() if text and (tidy := _tidy(text))}


def _tidy(text: str) -> str:
    plain = "".join(sign if sign.isprintable() else " " for sign in text).replace("=?", "= ?").replace("?=", "? =")
    return " ".join(plain.split())[:_LONGEST_WORD]


def _write(session: Session, mailing: Mailing, seen: Sequence[Candidate], *, at: datetime) -> list[int]:
    """Write rows and return the keys of those that have an address of their own."""
    wanted = {each.address for each in seen if each.address}
    standing = select(MailingRecipient.address).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.address.in_(wanted)
    )
    taken = set(session.scalars(standing))
    channel = ContactChannel(mailing.channel.value)
    rows: list[dict[str, Any]] = []
    for each in seen:
        reason = None if each.address else NoContact.no_address
        if each.address in taken:
            reason = NoContact.duplicate
        elif each.address:
            taken.add(each.address)
        address = each.address if reason is None else None
        rows.append(
            {
                "mailing_id": mailing.id,
                "phase": RecipientPhase.queued if reason is None else RecipientPhase.excluded,
                "reason": reason,
                "address": address,
                "domain": address.rpartition("@")[2] if address and channel is not ContactChannel.paper else None,
                "digest": addresses.digest(channel, address) if address else None,
                "party_id": each.party_id,
                "contact_id": each.contact_id,
                "name": each.name[:250],
                "language": each.language,
                "words": each.words,
                "zones": each.zones,
                "due_at": at,
                "owner_id": mailing.owner_id,
                "team_id": mailing.team_id,
            }
        )
    if not rows:
        return []
    session.execute(insert(MailingRecipient), rows)
    mine = select(MailingRecipient.id).where(
        MailingRecipient.mailing_id == mailing.id,
        MailingRecipient.phase == RecipientPhase.queued,
        MailingRecipient.party_id.in_({each.party_id for each in seen}),
    )
    return list(session.scalars(mine.order_by(MailingRecipient.id)))


def _judge(session: Session, mailing: Mailing, keys: Sequence[int], *, at: datetime) -> None:
    for reason, refused in refused_by_gate(session, mailing, keys, at=at).items():
        leave_out(session, refused, reason)


def refused_by_gate(
    session: Session, mailing: Mailing, keys: Sequence[int], *, at: datetime
) -> dict[NoContact, list[int]]:
    """Return which of the rows the gate refuses now, by reason."""
    who = (
        select(
            MailingRecipient.id.label("recipient_id"),
            MailingRecipient.party_id,
            MailingRecipient.contact_id,
            MailingRecipient.address,
            MailingRecipient.digest,
        )
        .where(MailingRecipient.id.in_(keys))
        .subquery("who")
    )
    rules = gate.policy(session, mailing.organisation_id)
    channel, kind = ContactChannel(mailing.channel.value), ContactKind(mailing.kind.value)
    asked = gate.of_many(who, channel=channel, kind=kind, rules=rules, at=at)
    found: dict[NoContact, list[int]] = {}
    for row in session.execute(asked).mappings():
        if row["reason"] is not None:
            found.setdefault(NoContact(row["reason"]), []).append(row["recipient_id"])
    return found


def leave_out(session: Session, keys: Sequence[int], reason: NoContact) -> None:
    """Note why rows are not written to."""
    rows = update(MailingRecipient).where(MailingRecipient.id.in_(keys))
    values = {"phase": RecipientPhase.excluded, "reason": reason, "token": None, "lease_until": None}
    session.execute(rows.values(**values).execution_options(synchronize_session=False))


def _hold_out(session: Session, mailing: Mailing, keys: Sequence[int]) -> None:
    if not mailing.holdout_percent:
        return
    left = select(MailingRecipient.id, MailingRecipient.party_id).where(
        MailingRecipient.id.in_(keys), MailingRecipient.phase == RecipientPhase.queued
    )
    drawn = [row.id for row in session.execute(left) if is_held_out(mailing, row.party_id)]
    rows = update(MailingRecipient).where(MailingRecipient.id.in_(drawn))
    held = rows.values(phase=RecipientPhase.held_out).execution_options(synchronize_session=False)
    session.execute(held)


def is_held_out(mailing: Mailing, party_id: int) -> bool:
    """Say whether a counterparty is one of those to compare with."""
    return draw(mailing.seed or "", party_id) * 100 < mailing.holdout_percent


def draw(seed: str, party_id: int) -> Fraction:
    """Return the lot of a counterparty, from 0 to less than 1: the same whenever it is drawn."""
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {party_id}".encode()).digest()[:8], "big") % _OF_SEED
    return Fraction(drawn, _OF_SEED)
