"""What was kept for long enough goes, every day, in batches of which each is a transaction of its own."""

from datetime import time, timedelta

from app import clock
from app.services import retention
from app.tasks.registry import Work, handles


@handles(retention.TOPIC, daily=time(3, 0), lease=timedelta(minutes=5), limit=timedelta(hours=4))
def run(work: Work) -> None:
    """Take away what is due of every kind, and note how much it was."""
    at = clock.now()
    for kind in retention.KINDS:
        done = 0
        while True:
            with work.step() as session:
                taken = retention.take_some(session, kind.name, at=at)
            done += taken
            if taken < retention.BATCH:
                break
        with work.step() as session:
            if kind.take is not None and retention.days_of(session, kind.name):
                retention.note_run(session, kind.name, rows=done, at=at)
