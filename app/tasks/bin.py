"""The bin is emptied of what has been in it for long enough, and the disk of files that nothing needs any more."""

from datetime import time, timedelta

from app import clock
from app.outbox import enqueue
from app.services import attachment as attachments
from app.services import bin as bins
from app.tasks.registry import Work, handles

_UNCOMMITTED = timedelta(days=1)  # no transaction takes that long
_SOON = timedelta(hours=1)  # nor does any that stores a file: what a person asked to be erased does not wait for a day


@handles("bin.purge", daily=time(2, 45))
def purge(work: Work) -> None:
    """Delete for good what can no longer be restored."""
    with work.storing() as session:
        bins.purge(session, at=clock.now(), days=work.settings["CRM_BIN_DAYS"])


@handles(bins.SWEEP)
def sweep(work: Work) -> None:
    """Delete those of some files that no record needs; what was stored again meanwhile stays."""
    with work.reading() as session:
        gone = bins.unused(session, work.payload["digests"])
    files, at = work.settings["CRM_VAR"] / "files", clock.now()
    is_soon = bool(work.payload.get("soon"))
    wait = _SOON if is_soon else _UNCOMMITTED
    for digest in gone:
        attachments.drop(digest, files=files, before=at - wait)
    left = [digest for digest in gone if attachments.place_of(digest, files=files).is_file()]
    if left:  # stored lately: looked at again when no transaction can be about to need it
        with work.storing() as session:
            enqueue(session, bins.SWEEP, due_at=at + wait, digests=left, soon=is_soon)
