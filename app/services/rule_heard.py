"""What is heard back of automatic letters: who has answered one, and which was the last before he unsubscribed."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models.contact_rule import RuleOccurrence
from app.models.letter import Letter, LetterState

LEFT = (LetterState.data, LetterState.sent, LetterState.uncertain)


def answered(session: Session, letter: Letter, *, at: datetime) -> None:
    """Note that somebody has answered a letter, where a rule wrote it."""
    mine = update(RuleOccurrence).where(RuleOccurrence.letter_id == letter.id, RuleOccurrence.answered_at.is_(None))
    session.execute(mine.values(answered_at=at).execution_options(synchronize_session="fetch"))


def last_to(session: Session, party_id: int, address: str) -> RuleOccurrence | None:
    """Return the occasion of the last automatic letter that left to an address of a counterparty."""
    left = Letter.to_address == address, Letter.state.in_(LEFT)
    found = (
        select(RuleOccurrence)
        .join(Letter, Letter.id == RuleOccurrence.letter_id)
        .where(RuleOccurrence.party_id == party_id, *left)
        .order_by(RuleOccurrence.done_at.desc(), RuleOccurrence.id.desc())
    )
    return session.scalars(found.limit(1)).one_or_none()
