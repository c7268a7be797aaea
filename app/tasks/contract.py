"""Background work of contracts: what their days ask for, every morning."""

from datetime import time, timedelta

from app import clock
from app.services import contract_clock
from app.tasks.registry import Work, handles

TOPIC = "contract.days"


@handles(TOPIC, daily=time(0, 25), lease=timedelta(minutes=5), limit=timedelta(hours=1))
def days(work: Work) -> None:
    """Do it in portions of which each is a transaction of its own."""
    at = clock.now()
    while True:
        with work.step() as session:
            done = contract_clock.look(session, at=at)
        if done < contract_clock.PORTION:
            return
