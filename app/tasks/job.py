"""Daily tidying of the outbox itself."""

from datetime import time

from app import clock
from app.services import job as jobs
from app.tasks.registry import Work, handles


@handles("job.tidy", daily=time(2, 30))
def tidy(work: Work) -> None:
    """Forget what was done long ago."""
    with work.storing() as session:
        jobs.forget(session, at=clock.now())
