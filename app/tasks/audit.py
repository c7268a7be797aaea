"""The audit's own work: sealing what was written, and removing what was kept long enough."""

from datetime import datetime, time

from sqlalchemy.orm import Session

from app import clock
from app.services import audit_seal, chain
from app.tasks.registry import Work, every_round, handles


@every_round
def seal(session: Session, at: datetime) -> None:
    """Seal entries that have waited for a minute, ten thousand at most in one round."""
    if audit_seal.is_due(session, at=at):
        audit_seal.seal(session, key=chain.current_key(), at=at, most=10)


@handles("audit.cut", daily=time(2, 45))
def cut(work: Work) -> None:
    """Remove entries that are older than the company keeps them."""
    with work.storing() as session:
        audit_seal.cut(session, at=clock.now(), years=work.settings["CRM_AUDIT_YEARS"])
