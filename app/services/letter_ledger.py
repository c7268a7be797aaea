"""How far each letter has come: every step is one UPDATE that names the state it leaves and the token of the claim.

`pending → claimed → data → sent`. While a letter is `claimed` the mail server has accepted nothing: a crash costs
nothing and the letter waits again. It is `data` before the server may read it: a crash then leaves a doubt that a
person settles. Whoever has lost his claim changes nothing any more.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.i18n import gettext as _
from app.lifecycle import allowed
from app.models.history import Act, FieldChange, StateChange
from app.models.letter import CONTRACT, INVOICE, LETTER_MOVES, QUOTE, Letter, LetterFile, LetterState
from app.models.suppression import ContactChannel, ContactKind
from app.outbox import Errand, Outbox, enqueue
from app.services import (
    access,
    gate,
    history,
    letter_contract,
    letter_invoice,
    letter_office,
    letter_overdue,
    letter_quote,
    letter_rule,
    preference,
    rule_occurrence,
    suppression,
)
from app.services import mail_server as mail_servers
from app.services.gate import Answer
from app.services.letter_rule import Paper
from app.services.letter_writing import TOPIC
from app.services.mail_server import Outgoing

LEASE = timedelta(minutes=5)  # longer than all time-outs of a conversation up to DATA together
DATA_LEASE = timedelta(minutes=25)  # the same for the text and the server's last answer
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MOST_CLAIMS = 10  # a letter that was claimed so often and never sent has killed the worker each time
FILE_WAITS = (timedelta(seconds=2), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=15))
MOST_WAITS = 100  # about a day
_FORGOTTEN = timedelta(minutes=2)
_ANSWER_LENGTH = 2000
_RELEASED: dict[str, Any] = {"token": None, "lease_until": None}
_FILES = {INVOICE: letter_invoice.file_for, QUOTE: letter_quote.file_for}  # by what a letter brings
_LINKS = {CONTRACT: letter_contract.with_link, QUOTE: letter_quote.with_link}  # nothing but what leaves holds the link
_NEEDS_FILE = and_(Letter.purpose.in_(tuple(_FILES)), Letter.attachment_id.is_(None))


@dataclass(frozen=True, kw_only=True)
class File:
    """What is attached to a letter."""

    name: str
    media_type: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A letter that is ours to send, as plain data: no transaction is open while it is sent.

    `paper` is what the page of an automatic letter is made of, its text too.
    """

    letter_id: int
    token: str
    tries: int
    message_id: str
    from_address: str
    from_name: str | None
    to_address: str
    to_name: str | None
    reply_to: str | None
    subject: str
    body: str
    language: str
    files: tuple[File, ...]
    passed: Answer
    is_sandboxed: bool
    unsubscribe: str | None = None
    outgoing: Outgoing | None = None
    paper: Paper | None = None


def claim(session: Session, letter_id: int, *, at: datetime, lease: timedelta = LEASE) -> Claim | None:
    """Take a letter that is due, has its file and passes the gate; None when it is somebody else's, or has to wait.

    One that the gate refuses has failed; one that comes in the quiet time waits for its end.
    """
    passed = _passed(session, letter_id, at=at)
    if passed is None:
        return None
    token = secrets.token_hex(16)
    values = {"token": token, "lease_until": at + lease, "tries": Letter.tries + 1}
    free = [Letter.due_at <= at, ~_NEEDS_FILE]
    if not _step(session, letter_id, LetterState.pending, LetterState.claimed, at=at, where=free, values=values):
        return None
    found = (
        select(Letter)
        .where(Letter.id == letter_id)
        .options(joinedload(Letter.attachment), selectinload(Letter.files).joinedload(LetterFile.attachment))
    )
    letter = session.execute(found.execution_options(populate_existing=True)).scalar_one()
    same = ("tries", "message_id", "from_address", "from_name", "to_address", "to_name", "reply_to")
    said = {name: getattr(letter, name) for name in (*same, "subject", "body", "language")}
    if letter.purpose in _LINKS:
        said["body"] = _LINKS[letter.purpose](session, letter)
    elif letter_rule.is_of_rule(letter):
        said["paper"] = letter_rule.paper(session, letter, passed)
        if said["paper"] is None and passed.kind is ContactKind.marketing:
            said["body"] = letter_rule.with_way_out(letter, letter.body, passed)
    held = [
        *([letter.attachment] if letter.attachment is not None else []),
        *(each.attachment for each in letter.files),
    ]
    files = tuple(File(name=each.name, media_type=each.media_type, sha256=each.sha256) for each in held)
    held_back = letter_office.is_sandbox()
    said["unsubscribe"] = _way_out(passed)
    said["outgoing"] = mail_servers.outgoing(session, letter.organisation_id)
    return Claim(letter_id=letter_id, token=token, files=files, passed=passed, is_sandboxed=held_back, **said)


def outgoing(session: Session, letter_id: int) -> Outgoing | None:
    """Return by which mail server a letter would leave, None for that of the installation."""
    organisation_id = session.scalar(select(Letter.organisation_id).where(Letter.id == letter_id))
    return mail_servers.outgoing(session, organisation_id) if organisation_id is not None else None


def _way_out(passed: Answer) -> str | None:
    """Return by which address marketing ends with one click; no letter of another kind has one."""
    if passed.kind is not ContactKind.marketing or passed.address is None:
        return None
    whom = preference.Whom(passed.party_id, passed.contact_id, passed.channel, passed.address)
    return preference.one_click(whom, public_url=letter_office.ready(has_own=True).public_url)


def _passed(session: Session, letter_id: int, *, at: datetime) -> Answer | None:
    """Ask the gate anew: between writing and leaving somebody may have unsubscribed, bounced or been erased."""
    with access.everything(session, why="the gate answers alike, whoever lets a letter go"):
        due = [Letter.state == LetterState.pending, Letter.due_at <= at, ~_NEEDS_FILE]
        letter = session.scalars(select(Letter).where(Letter.id == letter_id, *due)).one_or_none()
        if letter is None:
            return None
        lost = _lost_reason(session, letter, at=at)
        if lost is not None:
            _call_off(session, letter_id, lost, at=at)
            return None
        answer = gate.may_contact(
            session,
            letter.party,
            ContactChannel.email,
            letter.kind,
            address=letter.to_address,
            organisation_id=letter.organisation_id,
            at=at,
        )
    if answer.until is not None:
        wait(session, letter_id, until=answer.until, waited=0)
    elif not answer.ok:
        give_up(session, letter_id, answer.text, at=at)
        gate.note_refusal(session, answer, sender=letter.purpose.partition(" ")[0], at=at)
    return answer if answer.ok else None


def _lost_reason(session: Session, letter: Letter, *, at: datetime) -> str | None:
    """Say why a letter that waits is for nothing by now, None when it is not."""
    if letter_overdue.is_reminder(letter) and not letter_overdue.is_still_owed(session, letter, at=at):
        return _("Nothing is to be reminded of any more: it was paid, closed or blocked meanwhile")
    if letter_rule.is_of_rule(letter) and rule_occurrence.lost_reason(session, letter, at=at):
        return _("The occasion of this letter is no longer there")
    return None


def _call_off(session: Session, letter_id: int, why: str, *, at: datetime) -> None:
    """Cancel a letter that has lost its reason while it waited."""
    values = {"answer": why}
    _step(session, letter_id, LetterState.pending, LetterState.cancelled, at=at, values=values)


def begin_data(session: Session, claim: Claim, *, at: datetime, lease: timedelta = DATA_LEASE) -> bool:
    """Note that the server is about to read the letter; False when the claim was lost and it must not."""
    values = {"lease_until": at + lease}
    held = [Letter.token == claim.token]
    return _step(session, claim.letter_id, LetterState.claimed, LetterState.data, at=at, where=held, values=values)


def sent(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that the server has taken the letter."""
    gate.note_contact(session, claim.passed, at=at)
    return _end(session, claim, LetterState.sent, answer, at=at, sent_at=at)


def withheld(session: Session, claim: Claim, *, at: datetime) -> bool:
    """Note that the letter would have been sent, had the sandbox not kept it."""
    return _end(session, claim, LetterState.withheld, _("The sandbox is on: nothing leaves"), at=at)


def refused(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that the server will never take the letter; where its address is none, nothing goes there any more."""
    if suppression.is_lasting(answer) and claim.passed.address is not None:
        suppression.bounced(session, ContactChannel.email, claim.passed.address, is_hard=True, at=at)
    return _end(session, claim, LetterState.failed, answer, at=at)


def doubted(session: Session, claim: Claim, answer: str, *, at: datetime) -> bool:
    """Note that nobody knows whether the server has taken the letter."""
    return _end(session, claim, LetterState.uncertain, answer, at=at)


def put_off(session: Session, claim: Claim, answer: str, *, at: datetime, factor: float = 1.0) -> bool:
    """Let a letter wait longer each time, or fail after the last; `factor` spreads what was put off together."""
    if claim.tries > len(BACK_OFF):
        return _end(session, claim, LetterState.failed, answer, at=at)
    due = at + BACK_OFF[claim.tries - 1] * factor
    if not _end(session, claim, LetterState.pending, answer, at=at, due_at=due):
        return False
    enqueue(session, TOPIC, claim.letter_id, due_at=due)
    return True


def give_up(session: Session, letter_id: int, answer: str, *, at: datetime) -> bool:
    """Note why a waiting letter cannot be sent at all."""
    values = {"answer": answer[:_ANSWER_LENGTH]}
    return _step(session, letter_id, LetterState.pending, LetterState.failed, at=at, values=values)


def fetch_file(session: Session, letter_id: int, *, at: datetime, waited: int) -> bool:
    """Give a waiting letter the file that it needs, or let it wait on; say whether it can go now.

    `waited` is how often it has waited already; after a day it fails.
    """
    found = select(Letter).where(Letter.id == letter_id, Letter.state == LetterState.pending, _NEEDS_FILE)
    letter = session.execute(found).scalar_one_or_none()
    if letter is None:
        return True
    letter.attachment = _FILES[letter.purpose](session, letter)
    if letter.attachment is not None:
        session.flush()
        return True
    if waited >= MOST_WAITS:
        give_up(session, letter_id, _("The file of the document was not made; see the background work"), at=at)
        return False
    wait(session, letter_id, until=at + FILE_WAITS[min(waited, len(FILE_WAITS) - 1)], waited=waited + 1)
    return False


def wait(session: Session, letter_id: int, *, until: datetime, waited: int) -> None:
    """Let a waiting letter wait on, with a job for then; no try is counted, and its history says nothing of it."""
    waiting = update(Letter).where(Letter.id == letter_id, Letter.state == LetterState.pending)
    values = waiting.values(due_at=until).execution_options(synchronize_session=False)
    if session.execute(values).rowcount == 1:  # type: ignore[attr-defined]
        enqueue(session, TOPIC, letter_id, due_at=until, waited=waited)


def sweep(session: Session, *, at: datetime) -> int:
    """Bring back what crashed workers have left: claims wait again, interrupted texts become doubts.

    Waiting letters that no job will fetch get one. Returns how many letters were touched.
    """
    left = select(Letter.id, Letter.state, Letter.token, Letter.tries).where(
        Letter.state.in_((LetterState.claimed, LetterState.data)), Letter.lease_until < at
    )
    touched = sum(_bring_back(session, row, at=at) for row in session.execute(left).all())
    fetching = exists().where(
        Outbox.topic == TOPIC,
        Outbox.record_id == Letter.id,
        Outbox.state.in_((Errand.pending, Errand.claimed)),
    )
    forgotten = select(Letter.id).where(Letter.state == LetterState.pending, Letter.due_at < at - _FORGOTTEN, ~fetching)
    for letter_id in session.scalars(forgotten.limit(1000)).all():
        enqueue(session, TOPIC, letter_id, due_at=at)
        touched += 1
    return touched


def _bring_back(session: Session, row: Any, *, at: datetime) -> bool:  # noqa: ANN401 -- a result row
    held = [Letter.token == row.token, Letter.lease_until < at]
    values: dict[str, Any]
    if row.state == LetterState.data:
        after, values = LetterState.uncertain, {"answer": _("The program was stopped while the letter was being sent")}
    elif row.tries >= MOST_CLAIMS:
        after, values = LetterState.failed, {"answer": _("The program was stopped each time this letter was tried")}
    else:
        after, values = LetterState.pending, {"due_at": at}
    if not _step(session, row.id, row.state, after, at=at, where=held, values=_RELEASED | values):
        return False
    if after == LetterState.pending:
        enqueue(session, TOPIC, row.id, due_at=at)
    return True


def _end(session: Session, claim: Claim, after: LetterState, answer: str, *, at: datetime, **values: Any) -> bool:  # noqa: ANN401
    """Release a claim, wherever it stands; False when it was lost meanwhile."""
    held = [Letter.token == claim.token]
    before = session.scalar(select(Letter.state).where(Letter.id == claim.letter_id, *held))
    if before is None:
        return False
    values |= _RELEASED | {"answer": answer[:_ANSWER_LENGTH]}
    return _step(session, claim.letter_id, before, after, at=at, where=held, values=values)


def _step(
    session: Session,
    letter_id: int,
    before: LetterState,
    after: LetterState,
    *,
    at: datetime,
    where: list[ColumnElement[bool]] | None = None,
    values: dict[str, Any],
) -> bool:
    """Move one letter if it still stands where it is expected, with its history; say whether it did."""
    if after not in allowed(LETTER_MOVES, before):
        raise ValueError(f"no letter goes from {before} to {after}")
    moved = session.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.state == before, *(where or []))
        .values(state=after, version=Letter.version + 1, changed_at=at, **values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        return False
    about = {"at": at, "entity": Letter.__stem__, "record_id": letter_id}
    told = history.about(session) | about
    changes: dict[str, list[Any]] = {"state": [str(before), str(after)]}
    if values.get("answer"):
        changes["answer"] = [None, values["answer"]]
    session.add(FieldChange(act=Act.move, changes=changes, **told))
    session.add(StateChange(before=str(before), after=str(after), request_id=told["request_id"], **about))
    session.flush()
    return True
