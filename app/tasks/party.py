"""Background work of counterparties: figures, keys, pairs that may be one, and merges that can no longer be undone."""

from datetime import datetime, time, timedelta

from sqlalchemy.orm import Session

from app import clock
from app.services import party as parties
from app.services import party_complete, party_merge_undo, party_metric, party_pairs
from app.tasks.registry import Work, every_round, handles

SOME = 200  # counterparties of one round


@every_round
def keep_up(session: Session, at: datetime) -> None:
    """Count the figures of those whose documents have changed, and complete those that were written past the mapper."""
    party_metric.count_marked(session, at=at)
    party_complete.fill(session, parties.derive, most=SOME)


@handles("party.metrics", daily=time(1, 30), lease=timedelta(minutes=5), limit=timedelta(hours=2))
def metrics(work: Work) -> None:
    """Count the figures of all counterparties anew: days have passed, and rows may have been written with SQL."""
    at, last = clock.now(), 0
    while True:
        with work.step() as session:
            reached = party_metric.portion(session, after=last, at=at)
        if reached is None:
            return
        last = reached


@handles("party.pairs", daily=time(2, 0), lease=timedelta(minutes=5), limit=timedelta(hours=2))
def pairs(work: Work) -> None:
    """Look for counterparties that may be one; it goes on where it was stopped."""
    while True:
        with work.step() as session:
            is_more = party_pairs.scan(session, at=clock.now())
        if not is_more:
            return


@handles("party.settle", daily=time(2, 20))
def settle(work: Work) -> None:
    """Forget what can no longer be undone."""
    with work.storing() as session:
        while party_merge_undo.settle(session, at=clock.now()):
            pass
