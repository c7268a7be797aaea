"""Background work of bulk runs: portion by portion, each of which holds the claim."""

from datetime import time, timedelta

from app import clock
from app.db import db
from app.errors import Conflict
from app.services import bulk
from app.tasks.registry import LostClaim, Work, handles

PAUSE = 0.02  # seconds between two portions: on SQLite who waits to write gets his turn


@handles(bulk.TOPIC, lease=timedelta(minutes=2), limit=timedelta(hours=4))
def run(work: Work) -> None:
    """Do a run, or go on with one that was killed."""
    if work.record_id is None:
        return

    def watch() -> None:
        db.session().expunge_all()  # the records of the last portion
        work.hold()

    try:
        bulk.go(db.session, work.record_id, pace=bulk.Pace(watch=watch, pause=PAUSE))
    except Conflict:
        raise LostClaim(work.name) from None  # somebody else stores what comes of this run


@handles("bulk.purge", daily=time(2, 50))
def purge(work: Work) -> None:
    """Forget the runs of long ago."""
    with work.storing() as session:
        bulk.purge(session, at=clock.now())
