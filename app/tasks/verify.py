"""Daily proof of the chains: their heads are noted outside the database."""

from datetime import time

from app import clock
from app.services import audit_seal, chain, verify
from app.tasks.registry import Work, handles


@handles("verify.anchor", daily=time(1, 30))
def anchor(work: Work) -> None:
    """Add the heads of all chains to the file that `crm verify` compares them with; twice harms nobody."""
    path = verify.anchors_in(work.settings["CRM_VAR"], work.settings["SQLALCHEMY_DATABASE_URI"])
    with work.step() as session:
        audit_seal.seal(session, key=chain.current_key(), at=clock.now())
    with work.reading() as session:
        verify.anchor(session, path, at=clock.now())
