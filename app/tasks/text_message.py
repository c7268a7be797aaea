"""Background work of text messages: handing each to its provider, in committed steps, no transaction in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from secrets import SystemRandom

from sqlalchemy.orm import Session

from app import clock
from app.db import unit_of_work
from app.exchange import sms, smtp
from app.services import text_ledger as ledger
from app.services import text_report
from app.services.sms_provider import Outgoing
from app.services.text_ledger import Claim
from app.services.text_message import TOPIC
from app.tasks.registry import LostClaim, Work, every_round, fresh_session, handles

SPREAD = 0.2


@handles(TOPIC, lease=ledger.LEASE, limit=ledger.LEASE)
def send(work: Work) -> None:
    """Send a message if it is due and free; note what the provider says."""
    if work.record_id is None:
        return
    with _writing(work) as session:
        claim = ledger.claim(session, work.record_id, at=clock.now())
    if claim is None:
        return
    with _writing(work) as session:
        at = clock.now()
        if claim.outgoing is None:
            held = ledger.withheld(session, claim, at=at)
        else:
            held = ledger.hand_over(session, claim, at=at)
    _require(work, held)
    if claim.outgoing is not None:
        _deliver(work, claim, claim.outgoing)


def _deliver(work: Work, claim: Claim, outgoing: Outgoing) -> None:
    place = sms.place_of(outgoing.kind, work.settings)
    try:
        with sms.Talk(outgoing, place=place, callback=sms.callback_of(work.settings)) as talk:
            mark = text_report.token(text_report.MESSAGE, claim.message_id)
            answer = talk.deliver(
                sender=outgoing.sender or "", passed=claim.passed, content=claim.text.encode(), mark=mark
            )
    except smtp.SmtpError as problem:
        _ended(work, claim, problem)
        return
    with _writing(work) as session:
        held = ledger.sent(session, claim, answer, at=clock.now())
    _require(work, held)


def _ended(work: Work, claim: Claim, problem: smtp.SmtpError) -> None:
    """Note that a message was not taken, or perhaps."""
    with _writing(work) as session:
        at = clock.now()
        match problem:
            case smtp.Unclear():
                held = ledger.doubted(session, claim, str(problem), at=at)
            case smtp.Later():
                factor = SystemRandom().uniform(1 - SPREAD, 1 + SPREAD)
                held = ledger.put_off(session, claim, str(problem), at=at, factor=factor)
            case _:
                held = ledger.refused(session, claim, str(problem), at=at)
    _require(work, held)


def _require(work: Work, held: bool) -> None:  # noqa: FBT001 -- an answer, not an option
    if not held:
        raise LostClaim(work.name)


@contextmanager
def _writing(work: Work) -> Iterator[Session]:
    """Write in the ledger, whoever holds the job by now: the ledger has its own token."""
    with fresh_session(what=work.name) as session, unit_of_work(session):
        yield session


@every_round
def sweep(session: Session, at: datetime) -> None:
    """Bring back the messages that crashed workers have left."""
    ledger.sweep(session, at=at)
