"""How far each text message has come: every step is one UPDATE that names the phase it leaves and the claim's token.

`queued → claimed → handed_over → sent`. While a message is `claimed` the provider knows nothing of it: a crash costs
nothing and it waits again. It is `handed_over` before the request leaves: a crash then leaves a doubt that a person
settles, for what was sent twice cannot be taken back. Whoever has lost his claim changes nothing any more.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.lifecycle import allowed
from app.models.suppression import ContactChannel
from app.models.text_message import TEXT_MOVES, TextMessage, TextPhase
from app.outbox import Errand, Outbox, enqueue
from app.services import access, gate, letter_office, text_report
from app.services import sms_provider as providers
from app.services.gate import Answer
from app.services.sms_provider import Outgoing
from app.services.text_message import TOPIC

LEASE = timedelta(minutes=5)
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MOST_CLAIMS = 10
_FORGOTTEN = timedelta(minutes=2)
_ANSWER_LENGTH = 600
_FREE: dict[str, Any] = {"token": None, "lease_until": None}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A message that is ours to send, as plain data. `outgoing` is None in the sandbox, and there alone."""

    message_id: int
    token: str
    tries: int
    text: str
    passed: Answer
    outgoing: Outgoing | None


def claim(session: Session, message_id: int, *, at: datetime) -> Claim | None:
    """Take a message that is due and passes the gate; None when it is somebody else's, or has to wait.

    One that the gate refuses, or that has no provider any more, is refused; one in the quiet time waits for its end.
    """
    with access.everything(session, why="the gate answers alike, whoever lets a message go"):
        due = [TextMessage.id == message_id, TextMessage.phase == TextPhase.queued, TextMessage.due_at <= at]
        message = session.scalars(select(TextMessage).where(*due)).one_or_none()
        if message is None:
            return None
        passed = gate.may_contact(
            session,
            message.party,
            ContactChannel.sms,
            message.kind,
            address=message.to_address,
            organisation_id=message.organisation_id,
            at=at,
        )
        outgoing = None if letter_office.is_sandbox() else providers.outgoing(session, message.organisation_id)
        text, purpose = message.text, message.purpose
    if passed.until is not None:
        _wait(session, message_id, passed.until)
        return None
    if not passed.ok:
        _step(session, message_id, TextPhase.queued, TextPhase.refused, at=at, values={"answer": passed.text})
        gate.note_refusal(session, passed, sender=purpose, at=at)
        return None
    if outgoing is None and not letter_office.is_sandbox():
        why = {"answer": _("No provider of text messages is set up")}
        _step(session, message_id, TextPhase.queued, TextPhase.refused, at=at, values=why)
        return None
    token = secrets.token_hex(16)
    values = {"token": token, "lease_until": at + LEASE, "tries": TextMessage.tries + 1}
    free = [TextMessage.due_at <= at]
    if not _step(session, message_id, TextPhase.queued, TextPhase.claimed, at=at, where=free, values=values):
        return None
    tries = session.scalar(select(TextMessage.tries).where(TextMessage.id == message_id)) or 1
    return Claim(message_id=message_id, token=token, tries=tries, text=text, passed=passed, outgoing=outgoing)


def _wait(session: Session, message_id: int, until: datetime) -> None:
    mine = update(TextMessage).where(TextMessage.id == message_id, TextMessage.phase == TextPhase.queued)
    session.execute(mine.values(due_at=until).execution_options(synchronize_session=False))
    enqueue(session, TOPIC, message_id, due_at=until)


def hand_over(session: Session, claim: Claim, *, at: datetime) -> bool:
    """Note that the request is about to leave; False when the claim was lost and it must not."""
    values = {"lease_until": at + LEASE}
    return _held(session, claim, TextPhase.claimed, TextPhase.handed_over, at=at, values=values)


def withheld(session: Session, claim: Claim, *, at: datetime) -> bool:
    """Note that the message would have been sent, had the sandbox not kept it."""
    values = _FREE | {"answer": _("The sandbox is on: nothing leaves")}
    return _held(session, claim, TextPhase.claimed, TextPhase.withheld, at=at, values=values)


def sent(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that the provider has taken the message."""
    if not _end(session, claim, TextPhase.sent, answer, at=at, sent_at=at):
        return False
    gate.note_contact(session, claim.passed, at=at)
    return True


def refused(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that the provider will never take the message."""
    text_report.refused(session, claim.passed, answer, at=at)
    return _end(session, claim, TextPhase.refused, answer, at=at)


def doubted(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that nobody knows whether the provider has taken the message."""
    return _end(session, claim, TextPhase.uncertain, answer, at=at)


def put_off(session: Session, claim: Claim, answer: str, *, at: datetime, factor: float) -> bool:
    """Let a message wait, longer each time; after the last it is refused."""
    if claim.tries > len(BACK_OFF):
        return refused(session, claim, answer, at=at)
    due = at + BACK_OFF[claim.tries - 1] * factor
    if not _end(session, claim, TextPhase.queued, answer, at=at, due_at=due):
        return False
    enqueue(session, TOPIC, claim.message_id, due_at=due)
    return True


def sweep(session: Session, *, at: datetime) -> int:
    """Bring back what crashed workers have left, and call for what no job will fetch; return how many."""
    columns = TextMessage.id, TextMessage.phase, TextMessage.token, TextMessage.tries
    left = session.execute(select(*columns).where(TextMessage.lease_until < at)).all()
    touched = sum(_bring_back(session, row, at=at) for row in left)
    fetching = exists().where(
        Outbox.topic == TOPIC,
        Outbox.record_id == TextMessage.id,
        Outbox.state.in_((Errand.pending, Errand.claimed)),
    )
    forgotten = select(TextMessage.id).where(
        TextMessage.phase == TextPhase.queued, TextMessage.due_at < at - _FORGOTTEN, ~fetching
    )
    for message_id in session.scalars(forgotten).all():
        enqueue(session, TOPIC, message_id, due_at=at)
        touched += 1
    return touched


def _bring_back(session: Session, row: Any, *, at: datetime) -> bool:  # noqa: ANN401 -- a result row
    values: dict[str, Any]
    if row.phase is TextPhase.handed_over:
        after, values = TextPhase.uncertain, {"answer": _("The program was stopped while the message was being sent")}
    elif row.tries >= MOST_CLAIMS:
        why = _("The program was stopped each time this message was tried")
        after, values = TextPhase.refused, {"answer": why}
    else:
        after, values = TextPhase.queued, {"due_at": at}
    held = [TextMessage.token == row.token, TextMessage.lease_until < at]
    if not _step(session, row.id, row.phase, after, at=at, where=held, values=_FREE | values):
        return False
    if after is TextPhase.queued:
        enqueue(session, TOPIC, row.id, due_at=at)
    return True


def _end(session: Session, claim: Claim, after: TextPhase, answer: str, *, at: datetime, **values: Any) -> bool:  # noqa: ANN401
    values |= _FREE | {"answer": answer[:_ANSWER_LENGTH]}
    return _held(session, claim, TextPhase.handed_over, after, at=at, values=values)


def _held(
    session: Session, claim: Claim, before: TextPhase, after: TextPhase, *, at: datetime, values: dict[str, Any]
) -> bool:
    held = [TextMessage.token == claim.token]
    return _step(session, claim.message_id, before, after, at=at, where=held, values=values)


def _step(
    session: Session,
    message_id: int,
    before: TextPhase,
    after: TextPhase,
    *,
    at: datetime,
    where: list[ColumnElement[bool]] | None = None,
    values: dict[str, Any],
) -> bool:
    """Move one message if it still stands where it is expected; say whether it did."""
    if after not in allowed(TEXT_MOVES, before):
        raise ValueError(f"no text message goes from {before} to {after}")
    mine = update(TextMessage).where(TextMessage.id == message_id, TextMessage.phase == before, *(where or []))
    moved = session.execute(
        mine.values(phase=after, version=TextMessage.version + 1, changed_at=at, **values).execution_options(
            synchronize_session=False
        )
    )
    session.expire_all()
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]
