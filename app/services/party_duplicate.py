"""Counterparties that may be one and the same: asked by indexed columns only, so it can run on every save."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, String, inspect, literal, select, union_all
from sqlalchemy.orm import Session

from app.models.party import ChannelKind, Party, PartyChannel
from app.services import access
from app.services.legal_form import name_key

SHOWN = 20


class DuplicateReason(StrEnum):
    """What two counterparties have in common; each but the last is the name of the field that says it."""

    tax_number = "tax_number"
    phone = "phone"
    email = "email"
    name = "name"
    similar_name = "similar_name"  # told by services.party_alike alone; nothing is refused for it


@dataclass(frozen=True)
class Duplicate:
    """Another counterparty that may be the same one, and why; `score` is how sure that is, from 0 to 100."""

    party_id: int
    name: str
    reasons: tuple[DuplicateReason, ...]
    score: int = field(default=0, compare=False)


def duplicates(session: Session, party: Party) -> list[Duplicate]:
    """Return the counterparties that may be this one, those with the strongest reasons first.

    It compares normal forms: `party` has been through the rules of services.party.save, stored or not yet.
    """
    return duplicates_of_each(session, [party])[0]


def duplicates_of_each(session: Session, parties: Sequence[Party]) -> list[list[Duplicate]]:
    """Return for each of several counterparties what may be the same one, with few questions to the database."""
    with session.no_autoflush:
        channels = _channels(session, parties)
        wanted = [_traits(party, channels.get(party.id)) for party in parties]
        asked: dict[DuplicateReason, set[str]] = {reason: set() for reason in DuplicateReason}
        for traits in wanted:
            for reason, values in traits.items():
                asked[reason] |= values
        questions = [question for reason, values in asked.items() if values for question in _questions(reason, values)]
        if not questions:
            return [[] for _party in parties]
        with access.everything(session, why="a duplicate is one whoever owns it"):
            rows = session.execute(union_all(*questions)).all()
    by_trait: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        by_trait.setdefault((row.reason, row.value), []).append(row)
    return [_found(party, traits, by_trait) for party, traits in zip(parties, wanted, strict=True)]


def _channels(session: Session, parties: Sequence[Party]) -> dict[int, list[tuple[ChannelKind, str]]]:
    """Read at once the channels of all stored counterparties that have not loaded theirs."""
    found: dict[int, list[tuple[ChannelKind, str]]] = {
        party.id: [] for party in parties if party.id is not None and "channels" in inspect(party).unloaded
    }
    if found:
        rows = select(PartyChannel.party_id, PartyChannel.kind, PartyChannel.value)
        for party_id, kind, value in session.execute(rows.where(PartyChannel.party_id.in_(sorted(found)))):
            found[party_id].append((kind, value))
    return found


def _traits(party: Party, read: list[tuple[ChannelKind, str]] | None) -> dict[DuplicateReason, set[str]]:
    """Return by reason the values that another one would have in common."""
    channels = [(channel.kind, channel.value) for channel in party.channels] if read is None else read
    traits: dict[DuplicateReason, set[str | None]] = {
        DuplicateReason.tax_number: {party.tax_number},
        DuplicateReason.phone: {party.phone, *(value for kind, value in channels if kind == ChannelKind.phone)},
        DuplicateReason.email: {party.email, *(value for kind, value in channels if kind == ChannelKind.email)},
        DuplicateReason.name: {party.name_key or name_key(party.name or "")},
    }
    return {reason: {value for value in values if value} for reason, values in traits.items()}


def _questions(reason: DuplicateReason, values: set[str]) -> Iterator[Select[*tuple[Any, ...]]]:
    column: Any = Party.name_key if reason is DuplicateReason.name else getattr(Party, reason.value)
    sought = sorted(values)
    shown = (Party.id, Party.name, Party.country, Party.tax_number, Party.tax_branch)
    why = literal(reason.value, String).label("reason")
    yield select(why, column.label("value"), *shown).where(column.in_(sought), Party.merged_into_id.is_(None))
    if reason in {DuplicateReason.phone, DuplicateReason.email}:
        yield (
            select(why, PartyChannel.value.label("value"), *shown)
            .join(PartyChannel.party)
            .where(
                PartyChannel.value.in_(sought),
                PartyChannel.kind == ChannelKind(reason.value),
                Party.merged_into_id.is_(None),
            )
        )


def _found(
    party: Party, traits: dict[DuplicateReason, set[str]], by_trait: dict[tuple[str, str], list[Row[Any]]]
) -> list[Duplicate]:
    names: dict[int, str] = {}
    reasons: dict[int, list[DuplicateReason]] = {}
    for reason, values in traits.items():
        for value in values:
            for row in by_trait.get((reason.value, value), []):
                if row.id != party.id and _agrees(reason, party, row):
                    names[row.id] = row.name
                    known = reasons.setdefault(row.id, [])
                    if reason not in known:
                        known.append(reason)
    order = list(DuplicateReason)
    ranked = sorted(names, key=lambda key: ([order.index(reason) for reason in reasons[key]], key))
    return [Duplicate(key, names[key], tuple(reasons[key])) for key in ranked[:SHOWN]]


def _agrees(reason: DuplicateReason, party: Party, row: Row[Any]) -> bool:
    """Say whether nothing else contradicts: another country, another branch, another tax number under one name."""
    if reason is DuplicateReason.tax_number:
        return _compatible(party.country, row.country) and _compatible(party.tax_branch, row.tax_branch)
    if reason is DuplicateReason.name and party.tax_number and row.tax_number:
        return party.tax_number == row.tax_number and _compatible(party.tax_branch, row.tax_branch)
    return True


def _compatible(one: str | None, other: str | None) -> bool:
    return not one or not other or one == other
