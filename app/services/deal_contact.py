"""Who at the client has which part in the decision about a deal."""

from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal, DealContact, DecisionRole
from app.models.party import PartyContact


def involve(session: Session, deal: Deal, *, contact: PartyContact, role: DecisionRole) -> None:
    """Say which part a contact person of the deal's party has; said anew it takes the place of the former one."""
    if contact.party_id != deal.party_id:
        raise DomainError(_("Choose somebody of the deal's party"), field="contact")
    standing = next((each for each in deal.contacts if each.contact_id == contact.id), None)
    if standing is None:
        deal.contacts.append(DealContact(contact=contact, contact_id=contact.id, role=role))
    else:
        standing.role = role
    session.flush()


def leave_out(session: Session, deal: Deal, *, contact: PartyContact) -> None:
    """Take a contact person out of a deal."""
    deal.contacts = [each for each in deal.contacts if each.contact_id != contact.id]
    session.flush()
