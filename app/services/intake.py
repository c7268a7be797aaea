"""Intake: what arrives becomes a lead, or joins the one that it belongs to; nothing is lost, nothing comes twice.

What cannot be read is stored as it came, with what was wrong. What comes too fast, or looks like no person, is held: it
waits for somebody, with no clock. Who knocks is not signed in: everything here acts for the system, and returns no
more than the number under which it was stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.i18n import noting
from app.models.activity import Activity, ActivityKind, ActivityState, Direction
from app.models.lead import OPEN, HeldBecause, Lead, LeadArrival, LeadState
from app.models.lead_source import LeadChannel, LeadSource
from app.models.party import Party
from app.services import access, intake_read, sealing
from app.services import channel as channels
from app.services import lead as leads
from app.services.intake_read import Found

MINUTE, TEN_MINUTES = timedelta(minutes=1), timedelta(minutes=10)
_WORDS = ("phone", "email", "messenger")


@dataclass(frozen=True)
class About:
    """What is known of an arrival beside its bytes.

    `external_id` is its number at the source, `address` from where it came, `held` why it waits for a person whatever
    it says. `values` are read already, of a form; `read` reads the bytes where there are none. `subject` is of a mail,
    which joins what it belongs to as a message does.
    """

    external_id: str | None = None
    address: str | None = None
    held: HeldBecause | None = None
    channel: LeadChannel | None = None
    values: Mapping[str, Any] | None = None
    read: Callable[..., Found] = field(default=intake_read.request)
    subject: str | None = None

    @property
    def joins(self) -> bool:
        """Say whether it goes to whom it belongs, rather than become a lead of its own."""
        return self.read is intake_read.message or self.subject is not None


@dataclass(frozen=True)
class Taken:
    """What became of an arrival: where it is stored, and whether it had come before.

    `lead` is None for what went to a counterparty that we know.
    """

    arrival: LeadArrival
    lead: Lead | None
    is_new: bool

    @property
    def is_held(self) -> bool:
        """Say whether it waits for a person."""
        return self.lead is not None and self.lead.state is LeadState.held


def receive(session: Session, source: LeadSource, payload: bytes, *, at: datetime, about: About) -> Taken:
    """Store what has arrived, once, and make of it what can be made."""
    with access.acting(session, access.SYSTEM):
        _lock(session, source)
        before = _before(session, source, about.external_id)
        if before is not None:
            return Taken(before, before.lead, is_new=False)
        found = _read(source, payload, about)
        arrival = LeadArrival(
            source_id=source.id,
            external_id=about.external_id,
            received_at=at,
            raw=intake_read.raw_text(payload),
            text=found.values.get("text"),
            error=found.error,
            address=sealing.fingerprint(f"address {about.address}") if about.address else None,
        )
        held = about.held
        if held is None and about.channel is not LeadChannel.imported:  # a file is let in whole
            held = _limit(session, source, arrival, at=at)
        lead = _place(session, source, found, arrival, held=held, about=about, at=at)
        session.add(arrival)
        session.flush()
        return Taken(arrival, lead, is_new=True)


def _lock(session: Session, source: LeadSource) -> None:
    """Let arrivals of one source come one after the other: turns, limits and numbers are right then."""
    session.execute(select(LeadSource.id).where(LeadSource.id == source.id).with_for_update())
    for receiver in source.receivers:
        session.refresh(receiver, ["turn"])


def _before(session: Session, source: LeadSource, external_id: str | None) -> LeadArrival | None:
    if external_id is None:
        return None
    same = LeadArrival.source_id == source.id, LeadArrival.external_id == external_id
    return session.scalars(select(LeadArrival).where(*same)).one_or_none()


def _read(source: LeadSource, payload: bytes, about: About) -> Found:
    with noting() as noted:
        if about.values is None:
            found = about.read(payload, country=source.country, language=source.language)
        else:
            found = Found()
            intake_read.fields(about.values, found, country=source.country, language=source.language)
    found.noted |= noted
    return found


def _limit(session: Session, source: LeadSource, arrival: LeadArrival, *, at: datetime) -> HeldBecause | None:
    """Say whether more has arrived than the source lets in."""
    lately = LeadArrival.source_id == source.id, LeadArrival.received_at > at - MINUTE
    if _counted(session, source.per_minute, *lately) >= source.per_minute:
        return HeldBecause.limit
    if arrival.address is not None:
        same = LeadArrival.address == arrival.address, LeadArrival.received_at > at - TEN_MINUTES
        if _counted(session, source.per_address, *same, LeadArrival.source_id == source.id) >= source.per_address:
            return HeldBecause.limit
    return None


def _counted(session: Session, most: int, *where: ColumnElement[bool]) -> int:
    some = select(LeadArrival.id).where(*where).limit(most).subquery()
    return int(session.scalar(select(func.count()).select_from(some)) or 0)


def _place(
    session: Session,
    source: LeadSource,
    found: Found,
    arrival: LeadArrival,
    *,
    held: HeldBecause | None,
    about: About,
    at: datetime,
) -> Lead | None:
    """Put an arrival where it belongs: to a lead that is open, to a counterparty that we know, else to a new lead."""
    probe = Lead(**{name: found.values.get(name) for name in _WORDS})
    if about.joins and held is None and found.is_reachable:
        standing = _open_lead(session, probe)
        if standing is not None:
            return _join(session, standing, found, arrival, about=about, at=at)
    known = leads.parties_of(session, probe)
    party = session.get_one(Party, known[0]) if len(known) == 1 else None
    if about.joins and held is None and party is not None and party.owner_id is not None:
        arrival.party_id = party.id
        _write_down(session, party, found, about=about, at=at)
        return None
    return _make(session, source, found, arrival, held=held, about=about, party=party, at=at)


def _open_lead(session: Session, probe: Lead) -> Lead | None:
    same = [getattr(Lead, name) == getattr(probe, name) for name in _WORDS if getattr(probe, name)]
    found = select(Lead).where(or_(*same), Lead.state.in_(OPEN)).order_by(Lead.id).limit(1)
    return session.scalars(found).one_or_none()


def _join(session: Session, lead: Lead, found: Found, arrival: LeadArrival, *, about: About, at: datetime) -> Lead:
    """Let a message join the lead that is open: it stands in its history, and teaches it what was missing."""
    arrival.lead = lead
    arrival.party_id = lead.party_id
    for name in (*_WORDS, "name", "company"):
        if not getattr(lead, name) and found.values.get(name):
            setattr(lead, name, found.values[name])
    lead.search_text = leads.searched(lead)
    _write_down(session, lead, found, about=about, at=at)
    return lead


def _write_down(session: Session, record: Lead | Party, found: Found, *, about: About, at: datetime) -> None:
    """Note a message or mail in the history of a record."""
    text = found.values.get("text")
    told = found.values.get("channel_name") or found.values.get("messenger") or ""
    sender = found.values.get("name") or channels.shown_phone(found.values.get("phone") or "") or told
    made = Activity(
        entity=record.__stem__,
        record_id=record.id,
        kind=ActivityKind.message if about.subject is None else ActivityKind.letter,
        state=ActivityState.done,
        direction=Direction.incoming,
        subject=(about.subject or sender or str(record))[:250],
        body=text,
        owner_id=record.owner_id,
        team_id=record.team_id,
        done_at=at,
    )
    session.add(made)


def _make(
    session: Session,
    source: LeadSource,
    found: Found,
    arrival: LeadArrival,
    *,
    held: HeldBecause | None,
    about: About,
    party: Party | None,
    at: datetime,
) -> Lead:
    lead = Lead(
        **found.values,
        state=LeadState.held if held is not None else LeadState.new,
        held_because=held,
        channel=about.channel or source.channel,
        source=source,
        error=found.error,
        party=party,
        received_at=at,
    )
    lead.priority = found.values.get("priority") or source.priority
    arrival.party_id = party.id if party is not None else None
    lead.arrivals.append(arrival)
    lead.search_text = leads.searched(lead)
    if held is None:
        if party is not None and party.owner_id is not None:
            lead.owner_id, lead.team_id = party.owner_id, party.team_id
        leads.begin(session, lead, at=at)
    else:
        lead.team_id = source.team_id
    session.add(lead)
    return lead
