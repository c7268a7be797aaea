"""How far each address of a mailing has come: `queued → claimed → handed_over → sent`, by portions of rows.

Every step is one UPDATE that names the phase it leaves and the token of the claim: whoever has lost his claim changes
nothing. Rows are `handed_over`, a few at a time, before the server may read the first of them: a crash then leaves a
doubt about these few, which are not sent again unless a person says so. The state of the mailing stands in the same
statements: one that is paused hands nothing over any more.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, exists, func, insert, select, update
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.lifecycle import move
from app.models.mail_template import MailingChannel
from app.models.mailing import (
    MAILING_MOVES,
    OPEN,
    Mailing,
    MailingKind,
    MailingRecipient,
    MailingState,
    RecipientPhase,
)
from app.models.suppression import ContactChannel, ContactKind, ContactMade
from app.outbox import Errand, Outbox, enqueue
from app.services import document_bundle as bundles
from app.services import mailing as mailings
from app.services import mailing_audience as audience
from app.services import mailing_quiet, text_report
from app.services.gate import Answer

CLAIM_LEASE = timedelta(minutes=5)
HAND_LEASE = timedelta(minutes=12)  # longer than a group may take, with the slowest last answer
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MOST_CLAIMS = 10
HOUR = timedelta(hours=1)
_ANSWER_LENGTH = 600
_FREE: dict[str, Any] = {"token": None, "lease_until": None}


class Outcome(StrEnum):
    """What became of one row that was handed over."""

    sent = "sent"
    refused = "refused"
    later = "later"
    uncertain = "uncertain"
    untried = "untried"


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One row that is ours, as plain data; `passed` is the gate's answer of this moment."""

    id: int
    tries: int
    name: str | None
    language: str
    words: Mapping[str, str]
    passed: Answer


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a row, in the server's words."""

    recipient_id: int
    outcome: Outcome
    answer: str = ""
    due_at: datetime | None = None


def claim(session: Session, mailing: Mailing, *, token: str, at: datetime, most: int) -> list[Claimed]:
    """Take the next rows that are due, as many as the mailing may send now, and ask the gate about them again."""
    most = min(most, allowance(session, mailing, at=at))
    if most <= 0 or mailing.state is not MailingState.sending or mailings.opening(mailing, at=at) > at:
        return []
    mailing_quiet.put_off(session, mailing, at=at, most=most)
    of_mailing = MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase == RecipientPhase.queued
    due = select(MailingRecipient.id).where(*of_mailing, MailingRecipient.due_at <= at)
    full = full_domains(session, mailing, at=at)
    if full:
        due = due.where(MailingRecipient.domain.not_in(full))
    due = due.order_by(MailingRecipient.due_at, MailingRecipient.id).limit(most).with_for_update(skip_locked=True)
    # chosen and locked first: PostgreSQL may ask a sub-query with a limit more than once within one UPDATE
    keys = list(session.scalars(due))
    taken = (
        update(MailingRecipient)
        .where(MailingRecipient.id.in_(keys), *of_mailing, _is_sending(mailing.id))
        .values(
            phase=RecipientPhase.claimed, token=token, lease_until=at + CLAIM_LEASE, tries=MailingRecipient.tries + 1
        )
    )
    session.execute(taken.execution_options(synchronize_session=False))
    return _passed(session, mailing, token, at=at)


def _passed(session: Session, mailing: Mailing, token: str, *, at: datetime) -> list[Claimed]:
    columns = MailingRecipient.id, MailingRecipient.tries, MailingRecipient.name, MailingRecipient.language
    more = MailingRecipient.words, MailingRecipient.address, MailingRecipient.party_id, MailingRecipient.contact_id
    mine = select(*columns, *more, MailingRecipient.domain).where(
        MailingRecipient.mailing_id == mailing.id,
        MailingRecipient.phase == RecipientPhase.claimed,
        MailingRecipient.token == token,
    )
    rows = session.execute(mine.order_by(MailingRecipient.id)).all()
    refused = audience.refused_by_gate(session, mailing, [row.id for row in rows], at=at) if rows else {}
    for reason, keys in refused.items():
        audience.leave_out(session, keys, reason)
    gone = {key for keys in refused.values() for key in keys}
    gone |= _too_many(session, mailing, [row for row in rows if row.id not in gone], at=at)
    channel, kind = ContactChannel(mailing.channel.value), ContactKind(mailing.kind.value)
    return [
        Claimed(
            id=row.id,
            tries=row.tries,
            name=row.name,
            language=row.language,
            words=row.words,
            passed=Answer(
                ok=True,
                channel=channel,
                kind=kind,
                address=row.address,
                party_id=row.party_id,
                contact_id=row.contact_id,
            ),
        )
        for row in rows
        if row.id not in gone
    ]


def _too_many(session: Session, mailing: Mailing, rows: Sequence[Any], *, at: datetime) -> set[int]:
    """Give back what is more than a domain may get within the hour."""
    if mailing.per_domain_hour is None:
        return set()
    left: dict[str, int] = {}
    used = _by_domain(session, mailing, at=at)
    over: set[int] = set()
    for row in rows:
        left.setdefault(row.domain, mailing.per_domain_hour - used.get(row.domain, 0))
        left[row.domain] -= 1
        if left[row.domain] < 0:
            over.add(row.id)
    _give_back(session, over)
    return over


def _give_back(session: Session, keys: set[int]) -> None:
    if keys:
        rows = update(MailingRecipient).where(MailingRecipient.id.in_(keys))
        values = {"phase": RecipientPhase.queued, "tries": MailingRecipient.tries - 1, **_FREE}
        session.execute(rows.values(**values).execution_options(synchronize_session=False))


def _is_sending(mailing_id: int) -> Any:  # noqa: ANN401 -- a condition
    return exists().where(Mailing.id == mailing_id, Mailing.state == MailingState.sending)


# --- how many at once -------------------------------------------------------------------------------------------------


def allowance(session: Session, mailing: Mailing, *, at: datetime) -> int:
    """Return how many more may leave within this hour."""
    if mailing.per_hour is None:
        return 1_000_000
    used = select(func.count()).where(MailingRecipient.mailing_id == mailing.id, MailingRecipient.handed_at > at - HOUR)
    held = select(func.count()).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase == RecipientPhase.claimed
    )
    return mailing.per_hour - int(session.scalar(used) or 0) - int(session.scalar(held) or 0)


def full_domains(session: Session, mailing: Mailing, *, at: datetime) -> list[str]:
    """Return the domains that have had their share of this hour."""
    if mailing.per_domain_hour is None:
        return []
    return [name for name, count in _by_domain(session, mailing, at=at).items() if count >= mailing.per_domain_hour]


def _by_domain(session: Session, mailing: Mailing, *, at: datetime) -> dict[str, int]:
    handed = MailingRecipient.mailing_id == mailing.id, MailingRecipient.handed_at > at - HOUR
    counted = select(MailingRecipient.domain, func.count()).where(*handed).group_by(MailingRecipient.domain)
    return {str(name): count for name, count in session.execute(counted)}


# --- handing over, and what became of it ------------------------------------------------------------------------------


def hand_over(session: Session, mailing_id: int, keys: Sequence[int], *, token: str, at: datetime) -> list[int]:
    """Note that the server is about to read these; return those that are still ours and wanted."""
    rows = update(MailingRecipient).where(
        MailingRecipient.id.in_(keys),
        MailingRecipient.token == token,
        MailingRecipient.phase == RecipientPhase.claimed,
        _is_sending(mailing_id),
    )
    values = rows.values(phase=RecipientPhase.handed_over, handed_at=at, lease_until=at + HAND_LEASE)
    held = values.returning(MailingRecipient.id).execution_options(synchronize_session=False)
    return list(session.scalars(held))


def settle(
    session: Session, mailing: Mailing, results: Sequence[tuple[Claimed, Result]], *, token: str, at: datetime
) -> int:
    """Note what became of rows that were handed over; return how many were still ours."""
    by_outcome: dict[Outcome, list[Result]] = {}
    for _claimed, result in results:
        by_outcome.setdefault(result.outcome, []).append(result)
    settled = {key for outcome, found in by_outcome.items() for key in _settle(session, outcome, found, token, at=at)}
    for one, result in results:
        if result.outcome is Outcome.refused and one.id in settled:
            text_report.refused(session, one.passed, result.answer, at=at)
    made = [
        {"party_id": one.passed.party_id, "contact_id": one.passed.contact_id, "channel": one.passed.channel, "at": at}
        for one, result in results
        if result.outcome is Outcome.sent and one.id in settled and one.passed.party_id is not None
    ]
    if made and mailing.kind is MailingKind.marketing:
        session.execute(insert(ContactMade), made)
    return len(settled)


def _settle(session: Session, outcome: Outcome, found: Sequence[Result], token: str, *, at: datetime) -> list[int]:
    keys = [each.recipient_id for each in found]
    said = case(
        {each.recipient_id: each.answer[:_ANSWER_LENGTH] for each in found}, value=MailingRecipient.id, else_=None
    )
    values: dict[str, Any] = {"answer": said, **_FREE}
    match outcome:
        case Outcome.sent:
            values |= {"phase": RecipientPhase.sent, "sent_at": at}
        case Outcome.refused | Outcome.uncertain:
            values["phase"] = RecipientPhase(outcome.value)
        case Outcome.later:
            due = case({each.recipient_id: each.due_at for each in found}, value=MailingRecipient.id)
            values |= {"phase": RecipientPhase.queued, "due_at": due, "handed_at": None}
        case Outcome.untried:
            values |= {"phase": RecipientPhase.queued, "tries": MailingRecipient.tries - 1, "handed_at": None}
    rows = update(MailingRecipient).where(
        MailingRecipient.id.in_(keys),
        MailingRecipient.token == token,
        MailingRecipient.phase == RecipientPhase.handed_over,
    )
    done = rows.values(**values).returning(MailingRecipient.id).execution_options(synchronize_session=False)
    return list(session.scalars(done))


def put_off(one: Claimed, answer: str, *, at: datetime, factor: float) -> Result:
    """Return that a row waits longer each time, or is refused after the last."""
    if one.tries > len(BACK_OFF):
        return Result(recipient_id=one.id, outcome=Outcome.refused, answer=answer)
    due = at + BACK_OFF[one.tries - 1] * factor
    return Result(recipient_id=one.id, outcome=Outcome.later, answer=answer, due_at=due)


def release(session: Session, mailing_id: int, *, token: str) -> None:
    """Give back what was claimed and not begun."""
    rows = update(MailingRecipient).where(
        MailingRecipient.mailing_id == mailing_id,
        MailingRecipient.phase == RecipientPhase.claimed,
        MailingRecipient.token == token,
    )
    values = rows.values(phase=RecipientPhase.queued, tries=MailingRecipient.tries - 1, **_FREE)
    session.execute(values.execution_options(synchronize_session=False))


def new_token() -> str:
    """Return the token of a claim."""
    return secrets.token_hex(16)


# --- the mailing as a whole -------------------------------------------------------------------------------------------


def go_on(session: Session, mailing_id: int, *, at: datetime, after: timedelta = timedelta(0)) -> MailingState | None:
    """Queue what is left to do, or note that nothing is; return the state that the mailing has then.

    `after` is how long a server that is away is left alone.
    """
    found = select(Mailing).where(Mailing.id == mailing_id).execution_options(populate_existing=True)
    mailing = session.execute(found.with_for_update()).scalar_one_or_none()
    if mailing is None or mailing.state is not MailingState.sending:
        return mailing.state if mailing is not None else None
    of_mailing = MailingRecipient.mailing_id == mailing_id
    open_rows = exists().where(of_mailing, MailingRecipient.phase.in_(OPEN))
    if not session.scalar(select(open_rows)):
        move(MAILING_MOVES, mailing, MailingState.done)
        mailing.ended_at = at
        session.flush()
        return mailing.state
    first = select(func.min(MailingRecipient.due_at)).where(of_mailing, MailingRecipient.phase == RecipientPhase.queued)
    due = at if bundles.unfinished(session, mailing_id) is not None else session.scalar(first)
    if due is not None:
        due = mailings.opening(mailing, at=max(due, at + after, _next_share(session, mailing, at=at)))
        enqueue(session, mailings.SEND, mailing_id, due_at=due)
    return mailing.state


def _next_share(session: Session, mailing: Mailing, *, at: datetime) -> datetime:
    """Return when the next may leave, as far as the hour's share says."""
    is_full = allowance(session, mailing, at=at) <= 0
    if not is_full and not full_domains(session, mailing, at=at):
        return at
    oldest = select(func.min(MailingRecipient.handed_at)).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.handed_at > at - HOUR
    )
    first = session.scalar(oldest)
    if first is None:
        return at + timedelta(minutes=1)
    return max(first + HOUR, at) if is_full else at + timedelta(minutes=1)


def sweep(session: Session, *, at: datetime) -> int:
    """Bring back what crashed workers have left: claims wait again, what was handed over becomes a doubt."""
    left = MailingRecipient.lease_until < at
    claimed = update(MailingRecipient).where(left, MailingRecipient.phase == RecipientPhase.claimed)
    again = claimed.where(MailingRecipient.tries < MOST_CLAIMS).values(phase=RecipientPhase.queued, **_FREE)
    why = _("The program was stopped each time this letter was tried")
    never = claimed.values(phase=RecipientPhase.refused, answer=why, **_FREE)
    handed = update(MailingRecipient).where(left, MailingRecipient.phase == RecipientPhase.handed_over)
    on_paper = select(Mailing.id).where(Mailing.channel == MailingChannel.paper)
    why = _("Nobody has said whether this letter was posted")
    unsaid = handed.where(MailingRecipient.mailing_id.in_(on_paper)).values(
        phase=RecipientPhase.uncertain, answer=why, **_FREE
    )
    why = _("The program was stopped while the letter was being sent")
    doubted = handed.values(phase=RecipientPhase.uncertain, answer=why, **_FREE)
    options = {"synchronize_session": False}
    done = [session.execute(each.execution_options(**options)) for each in (again, never, unsaid, doubted)]
    return sum(each.rowcount for each in done)  # type: ignore[attr-defined]


def tend(session: Session, *, at: datetime) -> None:
    """Begin what is scheduled, and call for mailings that no job will go on with."""
    due = select(Mailing).where(Mailing.state == MailingState.scheduled, Mailing.due_at <= at)
    for mailing in session.scalars(due.with_for_update()).all():
        move(MAILING_MOVES, mailing, MailingState.sending)
        mailing.started_at = mailing.started_at or at
        session.flush()
        enqueue(session, mailings.SEND, mailing.id, due_at=at)
    fetching = exists().where(
        Outbox.topic == mailings.SEND,
        Outbox.record_id == Mailing.id,
        Outbox.state.in_((Errand.pending, Errand.claimed)),
    )
    rows = MailingRecipient.mailing_id == Mailing.id
    begun = exists().where(rows, MailingRecipient.phase.in_((RecipientPhase.queued, RecipientPhase.claimed)))
    printed = exists().where(rows, MailingRecipient.phase == RecipientPhase.handed_over)
    on_a_desk = and_(Mailing.channel == MailingChannel.paper, ~begun, printed)  # a person will say that they are posted
    forgotten = select(Mailing.id).where(Mailing.state == MailingState.sending, ~fetching, ~on_a_desk)
    for mailing_id in session.scalars(forgotten).all():
        go_on(session, mailing_id, at=at)
