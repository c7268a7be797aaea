"""Daily tidying: work that was done, notes that were deleted, notifications that were read long ago."""

from datetime import time

from app import clock
from app.services import activity as activities
from app.services import form_draft as form_drafts
from app.services import job as jobs
from app.services import notification as notifications
from app.tasks.registry import Work, handles


@handles("job.tidy", daily=time(2, 30))
def tidy(work: Work) -> None:
    """Forget what was done long ago."""
    with work.storing() as session:
        at = clock.now()
        jobs.forget(session, at=at)
        activities.forget(session, at=at)
        notifications.forget(session, at=at)
        form_drafts.forget(session, at=at)
