"""Leads: their rules, and what people do with them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, and_, false, inspect, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.lead import LEAD_MOVES, OPEN, Lead, LeadArrival, LeadRejection, LeadState
from app.models.party import Party, PartyChannel
from app.search import search_text
from app.services import access, lead_assignment, lead_clock
from app.services import channel as channels
from app.services.access import Actor
from app.services.party_rules import known_countries
from app.services.text import is_blank, line, lines

LIMITS = {"name": 250, "company": 250, "region": 120, "channel_name": 60}
LONG = 20_000
MOST_ALIKE = 5


def save(session: Session, lead: Lead, *, at: datetime) -> None:
    """Bring a lead into its normal form, and add it; a new one is wound up and given to somebody.

    Raises Refusals by field; nothing is changed then.
    """
    with session.no_autoflush:
        for name, value in _normal(lead).items():
            setattr(lead, name, value)
        lead.search_text = searched(lead)
        if not inspect(lead).persistent:
            lead.received_at = at
            begin(session, lead, at=at)
        session.add(lead)


def begin(session: Session, lead: Lead, *, at: datetime) -> None:
    """Give a new lead to somebody, if it is nobody's, and wind its clock up."""
    source = lead.source
    if source is None:
        return
    lead.priority = lead.priority or source.priority
    if lead.owner is None and lead.owner_id is None:
        lead_assignment.assign(session, source, lead, at=at)
    lead_clock.start(session, lead, norm=source.norm(lead.priority))


def searched(lead: Lead) -> str:
    """Return what a lead is found by."""
    told = [lead.name, lead.company, lead.email, lead.messenger, *channels.phone_words(lead.phone)]
    return search_text([*told, (lead.text or "")[:500]])


def _normal(lead: Lead) -> dict[str, str | None]:
    errors: dict[str, list[str]] = {}
    found: dict[str, str | None] = {}
    country = (lead.country or "").strip().upper() or None
    if country is not None and country not in known_countries():
        errors["country"] = [_("This is no country: “%(code)s”", code=country[:20])]
        country = None
    found["country"] = country
    home = country or (lead.source.country if lead.source is not None else None)
    rules: dict[str, Callable[[str], str]] = {name: partial(line, limit=LIMITS[name]) for name in LIMITS}
    rules |= {
        "text": partial(lines, limit=LONG),
        "phone": partial(channels.normalise_phone, country=home),
        "email": channels.normalise_email,
        "messenger": partial(channels.normalise_messenger, country=home, field="messenger"),
    }
    for name, rule in rules.items():
        typed = getattr(lead, name)
        try:
            found[name] = None if typed is None or is_blank(typed) else rule(typed)
        except DomainError as refusal:
            errors[name] = [refusal.text]
    if lead.language is not None and lead.language not in LANGUAGES:
        errors["language"] = [_("This language is not offered")]
    said = any(found.get(name) for name in ("name", "company", "phone", "email", "messenger"))
    if not errors and not said and not lead.arrivals:
        errors["name"] = [_("Say who it is: a name, a company, or how to reach them")]
    if errors:
        raise Refusals(errors)
    return found


# --- what people do ---------------------------------------------------------------------------------------------------


def release(session: Session, lead: Lead, *, at: datetime) -> None:
    """Let a lead in that was held back: its clock begins now."""
    move(LEAD_MOVES, lead, LeadState.new)
    lead.received_at = at
    begin(session, lead, at=at)
    session.flush()


def accept(session: Session, lead: Lead, *, by: Actor, at: datetime) -> None:
    """Take a lead into work: nobody's becomes the actor's."""
    move(LEAD_MOVES, lead, LeadState.accepted)
    if lead.owner_id is None and by.user_id is not None:
        lead.owner_id, lead.team_id = by.user_id, lead.team_id or by.team_id
    lead_clock.respond(session, lead, at=at)
    session.flush()


def reject(session: Session, lead: Lead, *, reason: LeadRejection, at: datetime, note: str | None = None) -> None:
    """Note that nothing comes of a lead, and why."""
    if reason is LeadRejection.other and not (note or "").strip():
        raise DomainError(_("Say which reason it is"), field="note")
    was_held = lead.state is LeadState.held
    move(LEAD_MOVES, lead, LeadState.rejected)
    lead.rejected_reason, lead.rejected_note = reason, (note or "").strip() or None
    if not was_held:
        lead_clock.respond(session, lead, at=at)
    session.flush()


def reopen(session: Session, lead: Lead) -> None:
    """Bring a rejected or merged lead back to the unsorted ones."""
    if lead.state not in {LeadState.rejected, LeadState.merged}:
        raise DomainError(_("Only a rejected or merged lead comes back"), field="state")
    move(LEAD_MOVES, lead, LeadState.new)
    lead.rejected_reason = lead.rejected_note = lead.merged_into_id = None
    session.flush()


def merge(session: Session, lead: Lead, *, into: Lead, at: datetime) -> None:
    """Let another lead stand for this one: what that one does not know, it learns.

    Raises DomainError when it is the same one, or one that is itself merged or rejected.
    """
    if into.id == lead.id:
        raise DomainError(_("A lead is not merged with itself"), field="into")
    if into.state in {LeadState.merged, LeadState.rejected}:
        raise DomainError(_("“%(name)s” is closed: choose one that is in use", name=str(into)), field="into")
    was_held = lead.state is LeadState.held
    move(LEAD_MOVES, lead, LeadState.merged)
    lead.merged_into_id = into.id
    for name in ("name", "company", "phone", "email", "messenger", "country", "region", "text"):
        if not getattr(into, name):
            setattr(into, name, getattr(lead, name))
    into.search_text = searched(into)
    if not was_held:
        lead_clock.respond(session, lead, at=at)
    session.flush()


def remove(session: Session, lead: Lead) -> None:
    """Say whether a lead may be deleted: DomainError while others are merged into it, or something came of it."""
    if lead.state is LeadState.converted:
        raise DomainError(_("Something came of this lead: undo the conversion first"), field="state")
    if session.scalar(select(Lead.id).where(Lead.merged_into_id == lead.id).limit(1)) is not None:
        raise DomainError(_("Other leads are merged into this one"), field="state")


# --- who else it may be -----------------------------------------------------------------------------------------------


def is_alike(lead: Lead) -> ColumnElement[bool]:
    """Return the condition of other open leads with the same number or address."""
    return and_(or_(false(), *_same(lead)), Lead.id != lead.id, Lead.state.in_(OPEN))


def alike(session: Session, lead: Lead) -> Sequence[Lead]:
    """Return other open leads that may be the same one, as far as the actor sees them."""
    return session.scalars(select(Lead).where(is_alike(lead)).order_by(Lead.id).limit(MOST_ALIKE)).all()


def _same(lead: Lead) -> list[ColumnElement[bool]]:
    return [
        getattr(Lead, name) == getattr(lead, name) for name in ("phone", "email", "messenger") if getattr(lead, name)
    ]


def parties_of(session: Session, lead: Lead) -> list[int]:
    """Return the keys of the counterparties that are reached by the same number or address, over all rows."""
    found: set[int] = set()
    values = [value for value in (lead.phone, lead.email, lead.messenger) if value]
    if not values:
        return []
    with access.everything(session, why="whoever writes is known whoever looks after him"):
        for name in ("phone", "email"):
            if getattr(lead, name):
                found |= set(session.scalars(select(Party.id).where(getattr(Party, name) == getattr(lead, name))))
        channel = select(PartyChannel.party_id).where(PartyChannel.value.in_(values))
        found |= set(session.scalars(channel))
        living = select(Party.id).where(Party.id.in_(found), Party.archived_at.is_(None)).order_by(Party.id)
        return list(session.scalars(living)) if found else []


def arrivals(session: Session, lead: Lead) -> Sequence[LeadArrival]:
    """Return what arrived of a lead and of those merged into it, the newest first."""
    merged = select(Lead.id).where(Lead.merged_into_id == lead.id)
    found = select(LeadArrival).where(or_(LeadArrival.lead_id == lead.id, LeadArrival.lead_id.in_(merged)))
    return session.scalars(found.order_by(LeadArrival.id.desc()).limit(100)).all()
