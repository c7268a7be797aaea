"""Addresses as the gate knows them: one normal form and one keyed hash each, and which one a person has."""

import re
import unicodedata
from collections.abc import Iterator

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import AddressUsage, ChannelKind, Party, PartyAddress
from app.models.suppression import ContactChannel
from app.services import channel as channels
from app.services import sealing

LONGEST = 254
_WORDS = re.compile(r"\w+")
_PLACES = (AddressUsage.postal, AddressUsage.legal, AddressUsage.billing, AddressUsage.delivery)
_PHONES = frozenset({ContactChannel.sms, ContactChannel.call})
_KINDS = {ContactChannel.email: ChannelKind.email, ContactChannel.message: ChannelKind.messenger}


def normal(channel: ContactChannel, text: str, *, country: str | None = None, field: str = "address") -> str:
    """Return an address in the form in which it is compared. Raises DomainError for what is none."""
    if channel is ContactChannel.email:
        return channels.normalise_email(text, field=field)
    if channel in _PHONES:
        return channels.normalise_phone(text, country, field=field)
    plain = " ".join(text.split())[:LONGEST]
    if channel is ContactChannel.paper:
        plain = postal(plain)
    if not plain:
        raise DomainError(_("This is needed"), field=field)
    return plain if channel is ContactChannel.paper else channels.normalise_messenger(plain, country)


def postal(text: str) -> str:
    """Return a postal address as it is compared: letters and digits in lower case, each word parted by one space."""
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))[:LONGEST]


def place_of(party: Party) -> PartyAddress | None:
    """Return where letters on paper reach a counterparty, None where nothing is known that a postman finds."""
    for usage in _PLACES:
        for place in party.addresses:
            if place.usage is usage and place.street and place.city:
                return place
    return None


def digest(channel: ContactChannel, address: str) -> str:
    """Return the keyed hash of an address in its normal form, as 64 hexadecimal digits."""
    return sealing.fingerprint(f"contact {channel.value} {address}")


def of_party(party: Party, channel: ContactChannel, *, contact_id: int | None = None) -> str | None:
    """Return where a counterparty, or a contact person of it, is reached by a channel; None where it is not."""
    return next(_all(party, channel, contact_id), None)


def _all(party: Party, channel: ContactChannel, contact_id: int | None) -> Iterator[str]:
    if contact_id is not None:
        for contact in party.contacts:
            mine = contact.email if channel is ContactChannel.email else contact.phone
            if contact.id == contact_id and mine and channel in {ContactChannel.email, *_PHONES}:
                yield mine
        return
    if channel is ContactChannel.paper:
        if place := place_of(party):
            yield postal(str(place))
        return
    own = {ContactChannel.email: party.email, ContactChannel.sms: party.phone, ContactChannel.call: party.phone}
    if found := own.get(channel):
        yield found
    kind = _KINDS.get(channel, ChannelKind.phone)
    yield from (each.value for each in party.channels if each.kind is kind)


def contact_of(party: Party, address: str) -> int | None:
    """Return the contact person whose address it is; None for an address of the counterparty itself."""
    if address in {party.email, party.phone, *(each.value for each in party.channels)}:
        return None
    return next((one.id for one in party.contacts if address in {one.email, one.phone}), None)
