"""What people decide themselves, by the link in a letter: which kinds of marketing they get, in which language.

The link is sealed with the installation's key: it holds the address, and nobody reads or forges one. It has no end, for
somebody may unsubscribe by an old letter. Used twice it changes nothing the second time. What is decided stands in the
log of consents, with how it was said, and on the list of addresses that are left alone.
"""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.errors import NotFound
from app.i18n import LANGUAGES, label_of
from app.i18n import gettext as _
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.party import Party, PartyContact
from app.models.suppression import ContactChannel, SuppressionReason
from app.roles import Scope
from app.services import access, gate, mailing_heard, sealing, suppression
from app.services import consent as consents
from app.services import gate_address as addresses
from app.services.access import Actor

GUEST = Actor(None, "customer", Scope.none)
LONGEST = 2000
_MARK = "prefer 1"
_AGENT_LENGTH = 200
CHANNELS = {purpose: channel for channel, purpose in gate.PURPOSES.items()}
PURPOSES = tuple(CHANNELS)


@dataclass(frozen=True)
class Whom:
    """Whose link it is: the address to which a letter went, and on which card it stood."""

    party_id: int | None
    contact_id: int | None
    channel: ContactChannel
    address: str


@dataclass(frozen=True, kw_only=True)
class How:
    """From where a decision came: the browser and the address of the connection, of which a keyed hash is kept."""

    way: str
    address: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Choice:
    """One purpose on the page, and whether it is on."""

    purpose: ConsentPurpose
    is_on: bool


# --- the link ---------------------------------------------------------------------------------------------------------


def token(whom: Whom) -> str:
    """Return the part of a link that nobody can guess, read or change."""
    said = (_MARK, str(whom.party_id or 0), str(whom.contact_id or 0), whom.channel.value, whom.address)
    return sealing.seal("\n".join(said)).rstrip("=")


def url(whom: Whom, *, public_url: str) -> str:
    """Return the address of the page."""
    return f"{public_url.rstrip('/')}/p/{token(whom)}"


def one_click(whom: Whom, *, public_url: str) -> str:
    """Return the address for the List-Unsubscribe of a letter. Source: RFC 8058."""
    return f"{url(whom, public_url=public_url)}/one-click"


def read(given: str) -> Whom:
    """Return whose link it is. Raises NotFound for anything that is none of ours."""
    if len(given) > LONGEST or not given.isascii():
        raise NotFound
    padded = given + "=" * (-len(given) % 4)
    try:
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).decode() != padded:
            raise NotFound  # another spelling of the same bits
        mark, party, contact, channel, address = sealing.unseal(padded).split("\n")
        whom = Whom(int(party) or None, int(contact) or None, ContactChannel(channel), address)
    except (sealing.UnreadableError, ValueError):
        raise NotFound from None
    if mark != _MARK:
        raise NotFound
    return whom


# --- what holds -------------------------------------------------------------------------------------------------------


def _party(session: Session, whom: Whom) -> Party | None:
    """Return on which card the address stands now. Raises NotFound for a person who was erased."""
    party = access.get(session, Party, whom.party_id) if whom.party_id is not None else None
    while party is not None and party.merged_into_id is not None:
        party = access.get(session, Party, party.merged_into_id)
    erased = suppression.find(session, whom.channel, whom.address, SuppressionReason.erased)
    if erased is not None or (party is not None and party.anonymised_at is not None):
        raise NotFound
    return party


def choices(session: Session, whom: Whom) -> tuple[list[Choice], str]:
    """Return each purpose with whether it is on, and the person's language. Raises NotFound for one who was erased."""
    with access.everything(session, why="who follows the link of a letter is no user, and sees his own decisions"):
        party = _party(session, whom)
        contact = _contact(party, whom)
        language = (contact.language if contact is not None else None) or (party.language if party is not None else "")
        return [Choice(each, _is_on(session, party, whom, each)) for each in _purposes(party, whom)], language


def _purposes(party: Party | None, whom: Whom) -> list[ConsentPurpose]:
    """Return what there is to decide: of somebody without a card only what his address is for."""
    own = gate.PURPOSES.get(whom.channel)
    return list(PURPOSES) if party is not None else [own] if own is not None else []


def _is_on(session: Session, party: Party | None, whom: Whom, purpose: ConsentPurpose) -> bool:
    channel = CHANNELS[purpose]
    if channel is whom.channel and suppression.find(session, channel, whom.address, SuppressionReason.unsubscribed):
        return False
    if party is None:
        return True
    held = [row for row in consents.now(consents.log(session, party)) if _concerns(row, whom, purpose)]
    latest = max(held, key=lambda row: row.id, default=None)
    return latest is not None and latest.state is ConsentState.given


def _concerns(row: Consent, whom: Whom, purpose: ConsentPurpose) -> bool:
    same = row.contact_id == whom.contact_id or (row.contact_id is None and row.state is ConsentState.withdrawn)
    return row.purpose is purpose and (row.address == whom.address or (row.address is None and same))


def _contact(party: Party | None, whom: Whom) -> PartyContact | None:
    if party is None or whom.contact_id is None:
        return None
    return next((one for one in party.contacts if one.id == whom.contact_id), None)


# --- deciding ---------------------------------------------------------------------------------------------------------


def decide(
    session: Session, whom: Whom, *, on: Collection[ConsentPurpose], how: How, at: datetime, language: str | None = None
) -> list[ConsentPurpose]:
    """Switch on what is named and off what is not; return what has changed. What is so already stays untouched.

    Raises NotFound for a person who was erased.
    """
    with (
        access.acting(session, GUEST),
        access.everything(session, why="who follows the link of a letter is no user, and decides for himself"),
    ):
        party = _party(session, whom)
        changed = []
        for purpose in _purposes(party, whom):
            if _is_on(session, party, whom, purpose) is (purpose in on):
                continue
            if purpose in on:
                _switch_on(session, party, whom, purpose, how=how, at=at)
            else:
                _switch_off(session, party, whom, purpose, how=how, at=at)
            changed.append(purpose)
        own = gate.PURPOSES.get(whom.channel)
        if own in changed and own not in on:
            mailing_heard.unsubscribed(session, party.id if party is not None else None, whom.address, at=at)
        if language in LANGUAGES and party is not None:
            person = _contact(party, whom) or party
            person.language = language
        session.flush()
        return changed


def unsubscribe(session: Session, whom: Whom, *, how: How, at: datetime) -> bool:
    """End marketing to the address of a letter; say whether anything has changed."""
    own = gate.PURPOSES.get(whom.channel)
    with access.everything(session, why="who follows the link of a letter is no user, and decides for himself"):
        party = _party(session, whom)
        on = {each for each in _purposes(party, whom) if _is_on(session, party, whom, each)} - {own}
        standing = suppression.find(session, whom.channel, whom.address, SuppressionReason.unsubscribed)
        if standing is None:
            mailing_heard.unsubscribed(session, party.id if party is not None else None, whom.address, at=at)
    changed = decide(session, whom, on=on, how=how, at=at)
    if standing is None and own not in changed:  # there was no consent, and yet a letter: never again
        suppression.add(session, whom.channel, whom.address, SuppressionReason.unsubscribed, at=at, note=how.way)
        return True
    return bool(changed)


def _switch_off(
    session: Session, party: Party | None, whom: Whom, purpose: ConsentPurpose, *, how: How, at: datetime
) -> None:
    channel = CHANNELS[purpose]
    for address in _addresses(party, whom, channel):
        suppression.add(session, channel, address, SuppressionReason.unsubscribed, at=at, note=how.way)
    if party is None:
        return
    held = consents.now(consents.log(session, party))
    given = {
        (row.contact_id, row.address) for row in held if row.state is ConsentState.given and row.purpose is purpose
    }
    people = {None, *(one.id for one in party.contacts)}
    mine: set[tuple[int | None, str | None]] = {
        (person, place) for person, place in given if place == whom.address and person in people
    }
    if (whom.contact_id, None) in given:
        mine.add((whom.contact_id, None))
    for contact_id, place in sorted(mine, key=str):
        said = _said(purpose, ConsentState.withdrawn, how, at, contact_id=contact_id, address=place)
        consents.add(session, party, said=said, by=GUEST, at=at)


def _switch_on(
    session: Session, party: Party | None, whom: Whom, purpose: ConsentPurpose, *, how: How, at: datetime
) -> None:
    channel = CHANNELS[purpose]
    for address in _addresses(party, whom, channel):
        row = suppression.find(session, channel, address, SuppressionReason.unsubscribed)
        if row is not None:
            suppression.lift(session, row, why=how.way, at=at)
    if party is not None:
        said = _said(
            purpose,
            ConsentState.given,
            how,
            at,
            contact_id=whom.contact_id,
            address=whom.address if channel is whom.channel else None,
        )
        consents.add(session, party, said=said, by=GUEST, at=at)


def _addresses(party: Party | None, whom: Whom, channel: ContactChannel) -> list[str]:
    if channel is whom.channel:
        return [whom.address]
    found = addresses.of_party(party, channel, contact_id=whom.contact_id) if party is not None else None
    return [found] if found is not None else []


def _said(
    purpose: ConsentPurpose,
    state: ConsentState,
    how: How,
    at: datetime,
    *,
    contact_id: int | None,
    address: str | None,
) -> consents.Said:
    agent = "".join(char for char in how.agent if char.isprintable())[:_AGENT_LENGTH]
    seen = sealing.fingerprint(f"preference {how.address}")[:16] if how.address else "—"
    return consents.Said(
        purpose=purpose,
        state=state,
        source=ConsentSource.form,
        said_at=at,
        address=address,
        contact_id=contact_id,
        wording=wording(purpose) if state is ConsentState.given else None,
        note=f"{how.way}; {seen}; {agent}"[: consents.LONGEST_NOTE],
    )


def wording(purpose: ConsentPurpose) -> str:
    """Return the sentence that stands beside the switch, as it was read."""
    return _("Yes, write to me: %(what)s. I can take this back at any time.", what=label_of(purpose))
