"""What a card says of the gate: by which channels a counterparty and its people may be written to, and why not."""

from dataclasses import dataclass
from datetime import datetime
from itertools import product

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind, NoContact
from app.services import gate
from app.services import gate_address as addresses

KINDS = (ContactKind.marketing, ContactKind.transactional)
MOST_PEOPLE = 10


@dataclass(frozen=True)
class Reach:
    """One channel of one person: the address, and for each of the two kinds why not, None where it may be."""

    contact_id: int | None
    channel: ContactChannel
    address: str
    marketing: NoContact | None
    documents: NoContact | None


def reach(session: Session, party: Party, *, at: datetime) -> list[Reach]:
    """Return for each address of a counterparty and of its first people what the gate says, in one statement."""
    people = [None, *(each.id for each in party.contacts[:MOST_PEOPLE])]
    known = [
        (contact_id, channel, address)
        for contact_id, channel in product(people, ContactChannel)
        if (address := addresses.of_party(party, channel, contact_id=contact_id)) is not None
    ]
    if not known:
        return []
    rules, asked = gate.policy(session), []
    for place, (contact_id, channel, address) in enumerate(known):
        for kind in KINDS:
            who = gate.one(party, channel, address, contact_id)
            judged = gate.of_many(who, channel=channel, kind=kind, rules=rules, at=at).subquery()
            asked.append(select(literal(place).label("place"), literal(kind.value).label("kind"), judged.c.reason))
    said = {(row.place, row.kind): row.reason for row in session.execute(union_all(*asked))}
    found = []
    for place, (contact_id, channel, address) in enumerate(known):
        why = [NoContact(word) if (word := said[place, kind.value]) else None for kind in KINDS]
        found.append(Reach(contact_id, channel, _shown(party, channel, address), why[0], why[1]))
    return found


def _shown(party: Party, channel: ContactChannel, address: str) -> str:
    """Return an address as people write it, not as it is compared."""
    if channel is not ContactChannel.paper:
        return address
    return next((str(place) for place in party.addresses if str(place).casefold().startswith(address)), address)
