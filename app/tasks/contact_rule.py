"""Background work of automatic letters: occasions are planned and written in portions, whoever was killed before."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app import clock
from app.documents.rule_letter import composed
from app.services import contact_rule as rules
from app.services import rule_occurrence as occurrences
from app.tasks.registry import Work, every_round, handles


@handles(occurrences.TOPIC, lease=timedelta(minutes=5), limit=timedelta(hours=2))
def run(work: Work) -> None:
    """Plan what comes until tomorrow, then write what is due, each letter in a transaction of its own."""
    with work.reading() as session:
        keys = [rule.id for rule in rules.active(session)]
    for key in keys:
        _plan(work, key)
    last: tuple[datetime, int] | None = None
    while True:
        with work.reading() as session:
            due = occurrences.due(session, at=clock.now(), after=last)
        for last in due:
            with work.step() as session:
                occurrences.fulfil(session, last[1], compose=composed, at=clock.now())
        if not due:
            return


def _plan(work: Work, rule_id: int) -> None:
    while True:
        with work.step() as session:
            done = occurrences.plan(session, rule_id, at=clock.now())
        if done < occurrences.PORTION:
            return


@every_round
def tend(session: Session, at: datetime) -> None:
    """Call for the work when something is due, or nobody has looked for a while."""
    occurrences.tend(session, at=at)
