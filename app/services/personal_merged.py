"""One person as several records: what was merged into a counterparty is erased together with it."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.models.party import Party, PartyContact
from app.services import personal
from app.services.personal import Person


def same_people(session: Session, person: Person) -> list[Person]:
    """Return the other records of a person: shadows of the counterparty, or their contacts who are called alike."""
    shadows = list(session.scalars(select(Party.id).where(Party.merged_into_id == person.party_id).order_by(Party.id)))
    if not person.is_contact:
        return [found for key in shadows if (found := _find(session, key)) is not None]
    alike = [PartyContact.name == person.name]
    told = [value for value in person.values if value]
    if told:
        alike += [PartyContact.email.in_(told), PartyContact.phone.in_(told)]
    rows = session.execute(
        select(PartyContact.party_id, PartyContact.id).where(PartyContact.party_id.in_(shadows), or_(*alike))
    ).all()
    return [found for row in rows if (found := _find(session, row.party_id, row.id)) is not None]


def _find(session: Session, party_id: int, contact_id: int | None = None) -> Person | None:
    """Return a record as a person, None for a company or one that was erased."""
    try:
        found = personal.find(session, party_id, contact_id)
    except DomainError:
        return None
    return found if found.values or found.is_contact else None
