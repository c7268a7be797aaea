"""What becomes of a lead: a counterparty, its contact person and a deal, and the way back for thirty days."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.activity import Activity
from app.models.deal import Deal
from app.models.lead import LEAD_MOVES, Lead, LeadState
from app.models.party import ChannelKind, Party, PartyChannel, PartyContact, PartyKind
from app.services import access, lead_clock
from app.services import activity as activities
from app.services import bin as bins
from app.services import deal as deals
from app.services import party as parties
from app.services.access import Actor

UNDO = timedelta(days=30)


def draft_of(lead: Lead) -> Party:
    """Return the counterparty that a lead would become; it is added to no session."""
    by_name = lead.company or lead.name or lead.email or lead.phone or lead.messenger or str(lead)
    return Party(
        kind=PartyKind.company if lead.company else PartyKind.person,
        name=by_name,
        phone=lead.phone,
        email=lead.email,
        country=lead.country,
        language=lead.language or "",
        source=lead.source.name[:60] if lead.source is not None else None,
        is_customer=True,
    )


def twins(session: Session, lead: Lead) -> list[parties.Duplicate]:
    """Return the counterparties that a lead may be, with the reasons; those alone that the actor sees."""
    found = parties.duplicates(session, draft_of(lead))
    if not found:
        return []
    seen = set(session.scalars(select(Party.id).where(Party.id.in_([each.party_id for each in found]))))
    return [each for each in found if each.party_id in seen]


def attach(session: Session, lead: Lead, *, party: Party, by: Actor, at: datetime) -> None:
    """Let a counterparty that we know stand for a lead, without a deal."""
    _convert(session, lead, party=party, title=None, by=by, at=at)


def convert(
    session: Session, lead: Lead, *, by: Actor, at: datetime, party: Party | None = None, title: str | None = None
) -> Deal:
    """Make a counterparty of a lead, or take the one that it is, with a contact person and a deal; return the deal."""
    named = (title or "").strip() or title_of(lead)
    deal = _convert(session, lead, party=party, title=named, by=by, at=at)
    assert deal is not None  # noqa: S101 -- a title makes one
    return deal


def title_of(lead: Lead) -> str:
    """Return what the deal of a lead is called where nobody says otherwise: the first line of what was asked."""
    first = next(iter((lead.text or "").splitlines()), "").strip()
    return (first or str(lead))[:120]


def _convert(
    session: Session, lead: Lead, *, party: Party | None, title: str | None, by: Actor, at: datetime
) -> Deal | None:
    refuse(LEAD_MOVES, lead, LeadState.converted)
    made: dict[str, Any] = {}
    if lead.owner_id is None and by.user_id is not None:
        lead.owner_id, lead.team_id = by.user_id, lead.team_id or by.team_id
    made["party_before"] = lead.party_id
    found = party if party is not None else _make_party(session, lead, made)
    contact = _contact(session, lead, found, made)
    session.flush()
    lead.party_id, lead.contact_id = found.id, contact.id if contact is not None else None
    _follow(lead)
    deal = None
    if title is not None:
        deal = deals.place(session, party=found, title=title, by=by, at=at, **_of_deal(lead))
        session.flush()
        lead.deal_id = deal.id
        made["deal"] = [deal.id, deal.version]
    if "party" in made:
        made["party"] = [found.id, found.version]
    move(LEAD_MOVES, lead, LeadState.converted)
    lead.converted_at, lead.made = at, made
    lead_clock.respond(session, lead, at=at)
    session.flush()
    return deal


def _follow(lead: Lead) -> None:
    """Let what arrived of a lead belong to its counterparty, as the lead does."""
    for arrival in lead.arrivals:
        arrival.party_id = lead.party_id
    for mail in lead.mails:
        mail.party_id = lead.party_id


def _make_party(session: Session, lead: Lead, made: dict[str, Any]) -> Party:
    party = draft_of(lead)
    party.owner_id, party.team_id = lead.owner_id, lead.team_id
    if lead.messenger:
        party.channels.append(PartyChannel(kind=ChannelKind.messenger, value=lead.messenger, label=lead.channel_name))
    parties.save(session, party)
    session.flush()
    made["party"] = [party.id, party.version]
    return party


def _contact(session: Session, lead: Lead, party: Party, made: dict[str, Any]) -> PartyContact | None:
    """Return the contact person of a company whom a lead names; one whom it does not know is added."""
    if party.kind is not PartyKind.company or not lead.name:
        return None
    for each in party.contacts:
        same = (each.phone and each.phone == lead.phone) or (each.email and each.email == lead.email)
        if same or each.name.casefold() == lead.name.casefold():
            return each
    contact = PartyContact(name=lead.name, phone=lead.phone, email=lead.email, language=lead.language)
    party.contacts.append(contact)
    parties.save(session, party)
    session.flush()
    made["contact"] = contact.id
    return contact


def _of_deal(lead: Lead) -> dict[str, Any]:
    return {
        "owner_id": lead.owner_id,
        "team_id": lead.team_id,
        "source": lead.source.name[:60] if lead.source is not None else None,
        "note": lead.text,
    }


# --- the way back -----------------------------------------------------------------------------------------------------


def refuse_undo(lead: Lead, *, at: datetime) -> None:
    """Raise DomainError when a conversion cannot be taken back: there is none, or it is older than thirty days."""
    if lead.state is not LeadState.converted or lead.converted_at is None:
        raise DomainError(_("Nothing has come of this lead yet"), field="state")
    if lead.converted_at < at - UNDO:
        raise DomainError(_("A conversion can be taken back for 30 days"), field="state")


def undo(session: Session, lead: Lead, *, by: Actor, at: datetime) -> list[str]:
    """Take a conversion back: what it has made goes into the bin, and what was worked on since stays.

    Returns the names of what stays: the lead goes on to name it, and a note on it says so.
    """
    refuse_undo(lead, at=at)
    made = lead.made or {}
    kept: list[str] = []
    deal_id, party_id = lead.deal_id, lead.party_id
    lead.deal_id = lead.contact_id = None
    lead.party_id = made.get("party_before")
    _follow(lead)
    move(LEAD_MOVES, lead, LeadState.accepted)
    lead.made, lead.converted_at = None, None
    session.flush()
    if deal_id is not None and "deal" in made and not _away(session, Deal, made["deal"], kept, at=at):
        lead.deal_id = deal_id
    if "party" in made:
        if not _away(session, Party, made["party"], kept, at=at):
            lead.party_id = party_id
    elif "contact" in made:
        _drop_contact(session, party_id, made["contact"])
    if kept:
        told = _("Worked on since the conversion, so it stays: %(names)s", names=", ".join(kept))
        activities.write(session, lead, text=told, by=by, at=at)
    session.flush()
    return kept


def _away(session: Session, entity: type[Any], told: list[int], kept: list[str], *, at: datetime) -> bool:
    """Move a record into the bin if it is as it was made; False, and its name among the kept, when it stays."""
    key, version = told
    record = access.get(session, entity, key)
    if record is None:
        return True
    if record.version == version and not _is_worked_on(session, record):
        try:
            bins.take_away(session, record, rule=None, at=at)
        except DomainError:
            session.expire(record)
        else:
            return True
    kept.append(str(record))
    return False


def _is_worked_on(session: Session, record: Deal | Party) -> bool:
    about = select(Activity.id).where(Activity.entity == record.__stem__, Activity.record_id == record.id)
    with access.everything(session, why="what was done about it counts whoever did it"):
        return session.scalar(about.limit(1)) is not None


def _drop_contact(session: Session, party_id: int | None, contact_id: int) -> None:
    """Take the contact person away that the conversion has added."""
    party = access.get(session, Party, party_id) if party_id is not None else None
    contact = next((each for each in party.contacts if each.id == contact_id), None) if party is not None else None
    if party is not None and contact is not None:
        party.contacts.remove(contact)
        parties.save(session, party)
