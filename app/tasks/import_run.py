"""Background work of imports: going through the file, chunk by chunk."""

from datetime import timedelta

from app.db import db
from app.errors import Conflict
from app.exchange.import_running import run_import
from app.exchange.imports import KINDS
from app.models.history import Channel
from app.services.import_run import TOPIC
from app.tasks.registry import LostClaim, Work, handles


@handles(TOPIC, lease=timedelta(minutes=2), limit=timedelta(hours=2))
def run(work: Work) -> None:
    """Import the file of a run, or go on with one that was killed; every chunk holds the claim."""
    if work.record_id is None:
        return

    def watch(_rows: int) -> None:
        work.hold()  # before the first chunk and after each, when no transaction keeps the lock from us

    db.session().info["channel"] = Channel.imports
    try:
        run_import(db.session, work.record_id, work.settings["CRM_VAR"] / "files", kinds=KINDS, watch=watch)
    except Conflict:
        raise LostClaim(work.name) from None  # somebody else stores the rows of this run
