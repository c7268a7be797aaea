"""Addresses that are left alone: put on the list by people, by reports of mail servers, by those who are written to."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.party import ChannelKind, Party, PartyChannel, PartyContact
from app.models.suppression import AddressFailure, ContactChannel, Suppression, SuppressionReason
from app.services import access, gate
from app.services import gate_address as addresses
from app.services.access import Actor
from app.services.text import is_blank, line

LONGEST_NOTE = 500
_BY_HAND = frozenset(SuppressionReason) - {SuppressionReason.erased}


def save(session: Session, row: Suppression) -> None:
    """Bring what somebody typed into its normal form and put it on the list. Raises Refusals by field."""
    with session.no_autoflush:
        errors: dict[str, list[str]] = {}
        row.channel = row.channel or ContactChannel.email
        row.reason = row.reason or SuppressionReason.blocked
        if row.reason not in _BY_HAND:
            errors["reason"] = [_("This reason is for the program alone")]
        try:
            row.address = addresses.normal(row.channel, row.address or "")
            row.note = line(row.note or "", limit=LONGEST_NOTE, field="note") or None
        except DomainError as refusal:
            errors[refusal.field or "address"] = [refusal.text]
        if errors:
            raise Refusals(errors)
        row.digest = addresses.digest(row.channel, row.address or "")
        standing = find(session, row.channel, row.address or "", row.reason)
        if standing is not None and standing is not row:
            raise DomainError(_("This address is on the list already, for the same reason"), field="address")
        if row.by_id is None and (actor := access.current(session)) is not None:
            row.by_id = actor.user_id
        session.add(row)


def find(
    session: Session, channel: ContactChannel, address: str, reason: SuppressionReason | None = None
) -> Suppression | None:
    """Return what stands on the list of an address, of a reason or of any."""
    wanted = select(Suppression).where(
        Suppression.channel == channel,
        Suppression.digest == addresses.digest(channel, address),
        Suppression.lifted_at.is_(None),
    )
    if reason is not None:
        wanted = wanted.where(Suppression.reason == reason)
    return session.scalars(wanted.order_by(Suppression.id).limit(1)).one_or_none()


def add(
    session: Session,
    channel: ContactChannel,
    address: str,
    reason: SuppressionReason,
    *,
    at: datetime,
    note: str | None = None,
    by: Actor | None = None,
) -> Suppression:
    """Put an address in its normal form on the list, once for each reason."""
    standing = find(session, channel, address, reason)
    if standing is not None:
        return standing
    row = Suppression(
        channel=channel,
        address=None if reason is SuppressionReason.erased else address,
        digest=addresses.digest(channel, address),
        reason=reason,
        since=at,
        note=note,
        by_id=by.user_id if by is not None else None,
    )
    session.add(row)
    session.flush()
    return row


def lift(session: Session, row: Suppression, *, why: str, at: datetime) -> None:
    """Take an address off the list, and say why; what was counted against it counts no more.

    Raises DomainError at "why" without a reason, and for what was lifted already.
    """
    if row.lifted_at is not None:
        raise DomainError(_("It was lifted already"))
    said = line(why, limit=LONGEST_NOTE, field="why")
    if is_blank(said):
        raise DomainError(_("Say why"), field="why")
    row.lifted_at, row.lifted_reason = at, said
    if row.reason is SuppressionReason.bounced:
        failures = update(AddressFailure).where(AddressFailure.digest == row.digest)
        session.execute(failures.values(at=at - timedelta(days=3660)).execution_options(synchronize_session=False))
        _mark(session, row.address, bounced_at=None)
    if row.reason is SuppressionReason.unsubscribed:
        _mark(session, row.address, opted_out_at=None)
    session.flush()


# --- what did not arrive ----------------------------------------------------------------------------------------------

# No such mailbox, system or address, it has moved without a word, or is closed. Source: RFC 3463, 3.2 and 3.3
_LASTING = re.compile(r"(?<![\d.])5\.(?:1\.(?:1|2|3|6|10)|2\.1)(?!\w|\.\d)")


def is_lasting(verdict: str) -> bool:
    """Say whether a mail server's words mean that an address will never work; what looks like spam may work again."""
    return _LASTING.search(verdict) is not None


def bounced(session: Session, channel: ContactChannel, address: str, *, is_hard: bool, at: datetime) -> bool:
    """Count a letter that did not arrive; say whether the address is left alone from now on.

    One lasting failure is enough; of temporary ones the policy says how many within how many days.
    """
    digest = addresses.digest(channel, address)
    session.add(AddressFailure(channel=channel, digest=digest, is_hard=is_hard, at=at))
    session.flush()
    rules = gate.policy(session)
    since = at - timedelta(days=rules.soft_days)
    lately = select(func.count()).where(
        AddressFailure.digest == digest, AddressFailure.channel == channel, AddressFailure.at > since
    )
    if not is_hard and int(session.scalar(lately) or 0) < rules.soft_count:
        return False
    add(session, channel, address, SuppressionReason.bounced, at=at)
    _mark(session, address, bounced_at=at)
    return True


def _mark(session: Session, address: str | None, **moment: datetime | None) -> None:
    """Say it at the further addresses on cards too."""
    if address is None:
        return
    with access.everything(session, why="an address is the same on every card"):
        kept = select(PartyChannel).where(PartyChannel.value == address, PartyChannel.kind == ChannelKind.email)
        for row in session.scalars(kept):
            for name, value in moment.items():
                if value is None or getattr(row, name) is None:
                    setattr(row, name, value)


# --- who was erased ---------------------------------------------------------------------------------------------------


def known_addresses(party: Party, contact_id: int | None) -> set[tuple[ContactChannel, str]]:
    """Return where a person can be reached: the counterparty's own and its contacts', or one contact's alone."""
    found: set[tuple[ContactChannel, str]] = set()
    people: list[Party | PartyContact] = [one for one in party.contacts if contact_id in {None, one.id}]
    for one in [*people, *([party] if contact_id is None else [])]:
        if one.email:
            found.add((ContactChannel.email, one.email))
        if one.phone:
            found |= {(ContactChannel.sms, one.phone), (ContactChannel.call, one.phone)}
    for each in party.channels if contact_id is None else []:
        if each.kind is ChannelKind.email:
            found.add((ContactChannel.email, each.value))
        elif each.kind is ChannelKind.phone:
            found |= {(ContactChannel.sms, each.value), (ContactChannel.call, each.value)}
    return found


def forget(session: Session, known: Iterable[tuple[ContactChannel, str]], *, at: datetime) -> None:
    """Leave the addresses of somebody who was erased alone, by their hashes; what is somebody else's too stays free."""
    for channel, address in sorted(known):
        if not _is_used(session, address):
            add(session, channel, address, SuppressionReason.erased, at=at)


def _is_used(session: Session, address: str) -> bool:
    places = (
        select(Party.id).where((Party.email == address) | (Party.phone == address)),
        select(PartyContact.id).where((PartyContact.email == address) | (PartyContact.phone == address)),
        select(PartyChannel.id).where(PartyChannel.value == address),
    )
    return any(session.scalar(place.limit(1)) is not None for place in places)
