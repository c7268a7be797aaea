"""Consents: writing down that somebody agreed or took it back, and what holds now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.party import Party
from app.services import access
from app.services.access import Actor

LONGEST_ADDRESS, LONGEST_WORDING, LONGEST_NOTE = 254, 20_000, 500
Key = tuple[int | None, ConsentPurpose, str | None]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What somebody said: `wording` is the text that he agreed to, or its version."""

    purpose: ConsentPurpose
    state: ConsentState
    source: ConsentSource
    said_at: datetime
    address: str | None = None
    contact_id: int | None = None
    wording: str | None = None
    note: str | None = None
    evidence_id: int | None = None


def add(session: Session, party: Party, *, said: Said, by: Actor, at: datetime) -> Consent:
    """Add what somebody said to the log of his consents.

    Raises Refusals with everything that is wrong, by field, DomainError for somebody who was made anonymous.
    """
    if party.anonymised_at is not None:
        raise DomainError(_("This person was made anonymous; nothing can be written down about him any more"))
    row = Consent(
        party_id=party.id,
        contact_id=said.contact_id,
        purpose=said.purpose,
        state=said.state,
        source=said.source,
        address=_address(said.address),
        wording=(said.wording or "").strip() or None,
        note=(said.note or "").strip() or None,
        evidence_id=said.evidence_id,
        said_at=said.said_at,
        noted_at=at,
        by_id=by.user_id,
    )
    errors = _wrong(session, party, row, at)
    if errors:
        raise Refusals(errors)
    session.add(row)
    session.flush()
    session.expire(party, ["consents"])
    return row


def _address(text: str | None) -> str | None:
    plain = " ".join((text or "").split())
    return (plain.casefold() if "@" in plain else plain) or None


def _wrong(session: Session, party: Party, row: Consent, at: datetime) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if row.contact_id is not None and row.contact_id not in {each.id for each in party.contacts}:
        errors["contact"] = [_("This is no contact person of this party")]
    if row.said_at > at:
        errors["said_on"] = [_("This day is in the future")]
    limits = (("address", LONGEST_ADDRESS), ("wording", LONGEST_WORDING), ("note", LONGEST_NOTE))
    for name, most in limits:
        if len(getattr(row, name) or "") > most:
            errors[name] = [_("At most %(most)s characters", most=most)]
    if row.state is ConsentState.given and row.wording is None:
        errors["wording"] = [_("Say what was agreed to: the text, or its version")]
    if row.state is ConsentState.withdrawn and not errors:
        held = next((each for each in now(log(session, party)) if _key(each) == _key(row)), None)
        if held is None or held.state is not ConsentState.given:
            errors["purpose"] = [_("There is no such consent to take back")]
        elif row.said_at < held.said_at:
            errors["said_on"] = [_("It was given on a later day")]
    return errors


# --- what holds -------------------------------------------------------------------------------------------------------


def of_party(party: Party) -> Select[Consent]:
    """Return the statement of all that was said, the latest first."""
    return select(Consent).where(Consent.party_id == party.id).order_by(Consent.id.desc())


def log(session: Session, party: Party) -> Sequence[Consent]:
    """Return all that was said, the latest first, with who wrote it down and the evidence."""
    return session.scalars(of_party(party).options(joinedload(Consent.by), joinedload(Consent.evidence))).unique().all()


def now(rows: Sequence[Consent]) -> list[Consent]:
    """Return what holds: the latest row of each person, purpose and address, of rows with the latest first."""
    found: dict[Key, Consent] = {}
    for row in rows:
        found.setdefault(_key(row), row)
    return list(found.values())


def _key(row: Consent) -> Key:
    return (row.contact_id, row.purpose, row.address)


def count(party: Party) -> Select[Any]:
    """Return the statement that counts what was said."""
    return select(func.count(Consent.id)).where(Consent.party_id == party.id)


def party_of(session: Session, party_id: int) -> Party | None:
    """Return the counterparty if the actor sees it."""
    return access.get(session, Party, party_id)
