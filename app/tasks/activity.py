"""Reminders: the sweeper looks every few seconds for what somebody wanted to be reminded of."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.services import reminder
from app.tasks.registry import every_round


@every_round
def remind(session: Session, at: datetime) -> None:
    """Tell what is due to be told."""
    reminder.remind(session, at=at)
