"""Territories: places as people type them, and which of them a party is in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.base import Owned
from app.models.party import Party, PartyAddress
from app.search import fold
from app.services import handover_kinds as kinds


class Place(NamedTuple):
    """A country, a region or the beginning of a postal code within it, or both; and who takes it over."""

    country: str
    text: str
    person_id: int


@dataclass
class Facts:
    """Where a party is: its country, and the country, region and postal code of each address."""

    country: str = ""
    addresses: list[tuple[str, str, str]] = field(default_factory=list)


def facts(session: Session, owner_id: int) -> dict[int, Facts]:
    """Return where the parties are that somebody owns, or owns a document of; two statements."""
    theirs = [
        select(link).where(entity.owner_id == owner_id)
        for entity in kinds.kinds().values()
        if (link := kinds.link_to_party(entity)) is not None and issubclass(entity, Owned)
    ]
    among = theirs[0].union(*theirs[1:]) if len(theirs) > 1 else theirs[0]
    keys = select(among.subquery().c[0])
    found: dict[int, Facts] = {}
    for key, country in session.execute(select(Party.id, Party.country).where(Party.id.in_(keys))):
        found[key] = Facts(country or "")
    asked = select(PartyAddress.party_id, PartyAddress.country, PartyAddress.region, PartyAddress.postal_code)
    for key, country, region, code in session.execute(
        asked.where(PartyAddress.party_id.in_(keys)).order_by(PartyAddress.id)
    ):
        if key in found:
            found[key].addresses.append((country or found[key].country, _folded(region), _code(code)))
    return found


def first(places: Sequence[Place], about: Facts | None) -> int | None:
    """Return at which place the first fitting territory stands, None when none fits."""
    if about is None:
        return None
    return next((at for at, place in enumerate(places) if _fits(place, about)), None)


def _fits(place: Place, about: Facts) -> bool:
    text, code = _folded(place.text), _code(place.text)
    if not text:
        return place.country == about.country or any(place.country == each[0] for each in about.addresses)
    return any(
        (not place.country or place.country == country) and (region == text or (bool(code) and own.startswith(code)))
        for country, region, own in about.addresses
    )


def _folded(text: str | None) -> str:
    return fold(text or "").strip()


def _code(text: str | None) -> str:
    """Return a postal code as it is compared: without spaces and hyphens."""
    return "".join(sign for sign in _folded(text) if sign.isalnum())
