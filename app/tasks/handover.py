"""Background work of hand-overs: each is carried out, or taken back, in one transaction with the end of its job."""

from datetime import timedelta

from app import clock
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.services import handover as handovers
from app.tasks.registry import Work, handles


@handles(handovers.TOPIC, lease=timedelta(minutes=20), limit=timedelta(minutes=60))
def run(work: Work) -> None:
    """Do all of it or nothing; what came between is said at the hand-over."""
    if work.record_id is None:
        return
    at = clock.now()
    with work.step() as session:
        if not handovers.begin(session, work.record_id, at=at):
            return
    try:
        with work.storing() as session:
            handovers.go(session, work.record_id, at=at)
    except (DomainError, NotAllowed, NotFound, Conflict) as refusal:
        with work.storing() as session:
            handovers.break_off(session, work.record_id, at=clock.now(), message=_said(refusal))


def _said(refusal: Exception) -> str:
    """Return in words why nothing was handed over."""
    if isinstance(refusal, DomainError):
        return str(refusal)
    if isinstance(refusal, NotAllowed | NotFound):
        return _("Whoever started this may not do it any more")
    return _("Somebody else has just changed one of these records. Nothing was handed over: try again.")
