"""Why deals are lost: the rules of the list."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.lost_reason import LostReason
from app.services import access
from app.services.text import is_blank, line


def save(session: Session, reason: LostReason) -> None:
    """Refuse a reason without a name."""
    name = line(reason.name or "", limit=120, field="name")
    if is_blank(name):
        raise DomainError(_("A reason needs a name"), field="name")
    reason.name = name
    session.add(reason)


def remove(session: Session, reason: LostReason) -> None:
    """Say whether a reason may be deleted: DomainError once a deal was lost for it."""
    with access.everything(session, why="a reason explains deals, whoever owns them"):
        if session.scalar(select(exists().where(Deal.lost_reason_id == reason.id))):
            raise DomainError(_("Deals were lost for this reason; take it out of use instead"))
