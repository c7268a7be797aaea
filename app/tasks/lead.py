"""The clock of leads goes round: answers are noted, owners reminded, heads told."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.services import lead_clock
from app.tasks.registry import every_round


@every_round
def look(session: Session, at: datetime) -> None:
    """Look after the leads that wait for an answer."""
    lead_clock.look(session, at=at)
