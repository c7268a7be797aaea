"""The bin is emptied of what has been in it for long enough, and the disk of files that nothing needs any more."""

from datetime import time, timedelta

from app import clock
from app.services import attachment as attachments
from app.services import bin as bins
from app.tasks.registry import Work, handles

_UNCOMMITTED = timedelta(days=1)  # no transaction takes that long


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
    for digest in gone:
        attachments.drop(digest, files=work.settings["CRM_VAR"] / "files", before=clock.now() - _UNCOMMITTED)
