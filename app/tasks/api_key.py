"""Owners of keys for REST are told before these end."""

from datetime import time

from app import clock
from app.services import key_notice
from app.tasks.registry import Work, handles


@handles("api_key.tell", daily=time(6, 0))
def tell(work: Work) -> None:
    """Tell whose keys end within two weeks."""
    with work.storing() as session:
        key_notice.tell(session, at=clock.now())
