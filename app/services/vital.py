"""What a monitor asks of the database: the work that waits, the worker that should do it, the letters on their way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.letter import Letter, LetterState
from app.models.setting import Setting
from app.outbox import Errand, Outbox
from app.services import access
from app.services.job import delay as jobs_delay

HEARTBEAT = "worker_heartbeat"  # the setting in which a worker notes that it lives
_WORK = (Errand.pending, Errand.claimed, Errand.failed)
_LETTERS = (*(LetterState.pending, LetterState.claimed, LetterState.data), LetterState.uncertain, LetterState.failed)


@dataclass(frozen=True)
class Vitals:
    """What was found; every state is named, with 0 where there is none.

    Units: `oldest` is for how long what is due waits (0 when nothing does); `beat` how long ago a worker noted that it
    lives, None when none ever did.
    """

    jobs: dict[str, int]
    letters: dict[str, int]
    oldest: timedelta
    beat: timedelta | None


def look(session: Session, *, at: datetime) -> Vitals:
    """Return how the installation stands, of all companies. Statements: four, each by an index."""
    with access.everything(session, why="figures of the installation for its monitor"):
        work = select(Outbox.state, func.count()).where(Outbox.state.in_(_WORK)).group_by(Outbox.state)
        jobs = {state.value: count for state, count in session.execute(work)}
        mail = select(Letter.state, func.count()).where(Letter.state.in_(_LETTERS)).group_by(Letter.state)
        letters = {state.value: count for state, count in session.execute(mail)}
        noted = session.scalar(select(Setting.value).where(Setting.name == HEARTBEAT))
    return Vitals(
        {each.value: jobs.get(each.value, 0) for each in _WORK},
        {each.value: letters.get(each.value, 0) for each in _LETTERS},
        jobs_delay(session, at=at),
        at - datetime.fromisoformat(noted) if isinstance(noted, str) else None,
    )
