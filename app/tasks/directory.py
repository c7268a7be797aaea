"""Asking the company's own directory who is still there."""

import logging
from datetime import datetime

from sqlalchemy.orm import Session

from app import clock, outbox
from app.services import directory as directories
from app.tasks.registry import Work, every_round, handles

log = logging.getLogger(__name__)


@every_round
def look(session: Session, at: datetime) -> None:
    """Let the directory be asked, every quarter of an hour while somebody may come in by it."""
    if directories.is_check_due(session, at=at):
        outbox.enqueue(session, directories.TOPIC)


@handles(directories.TOPIC)
def check(work: Work) -> None:
    """Shut out whom the directory does not find any more; where it cannot be asked, nobody."""
    if not work.settings["CRM_LDAP_URL"]:
        return
    from app.exchange import directory

    with work.reading() as session:
        known = directories.who_may_come_in(session, directory.issuer(work.settings), at=clock.now())
    try:
        there = directory.still_there(work.settings, known) if known else None
    except directory.AwayError as away:
        log.warning("the directory cannot be asked who is still there: %s", away)
        return
    if there is None:
        return
    with work.storing() as session:
        for subject in sorted(known.keys() - there):
            directories.shut_out(session, known[subject], at=clock.now())
