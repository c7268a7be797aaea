"""Letters: one import for writing them and for what people do with them. How they are sent is in letter_ledger."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.lifecycle import move
from app.models.base import Entity
from app.models.letter import LETTER_MOVES, Letter, LetterState
from app.outbox import enqueue
from app.services import access
from app.services import mail_server as mail_servers
from app.services.letter_bring import addressee
from app.services.letter_contract import refuse_send_contract, send_contract
from app.services.letter_contract import subject_of as subject_of_contract
from app.services.letter_contract import text_of as text_of_contract
from app.services.letter_invoice import refuse_draft, send_invoice, subject_of, text_of
from app.services.letter_quote import send_quote
from app.services.letter_quote import subject_of as subject_of_quote
from app.services.letter_quote import text_of as text_of_quote
from app.services.letter_writing import TOPIC, refuse_twice, write

__all__ = [
    "TOPIC",
    "TRIED_AGAIN",
    "about",
    "addressee",
    "cancel",
    "is_about",
    "mark_sent",
    "refuse_draft",
    "refuse_retry",
    "refuse_send_contract",
    "refuse_unless",
    "resend",
    "retry",
    "send_contract",
    "send_invoice",
    "send_quote",
    "subject_of",
    "subject_of_contract",
    "subject_of_quote",
    "text_of",
    "text_of_contract",
    "text_of_quote",
    "write",
]


TRIED_AGAIN = frozenset({LetterState.failed, LetterState.withheld})


def about(record: Entity) -> Select[Letter]:
    """Return the letters about a record, the newest first."""
    return select(Letter).where(is_about(record)).order_by(Letter.id.desc())


def is_about(record: Entity) -> ColumnElement[bool]:
    """Return the condition for letters about a record."""
    return and_(Letter.entity == record.__stem__, Letter.record_id == record.id)


def resend(session: Session, letter: Letter, *, at: datetime) -> None:
    """Send a letter again of which nobody knows whether it arrived; it keeps its Message-ID."""
    refuse_unless(letter, LetterState.uncertain)
    _queue(session, letter, at)


def retry(session: Session, letter: Letter, *, at: datetime) -> None:
    """Try a letter again that has failed, or that the sandbox has held back."""
    refuse_retry(letter)
    _queue(session, letter, at)


def refuse_retry(letter: Letter) -> None:
    """Raise DomainError for a letter that has neither failed nor been held back."""
    if letter.state not in TRIED_AGAIN:
        refuse_unless(letter, LetterState.failed)


def mark_sent(session: Session, letter: Letter, *, at: datetime) -> None:
    """Note that a letter did arrive, as somebody has found out."""
    refuse_unless(letter, LetterState.uncertain)
    move(LETTER_MOVES, letter, LetterState.sent)
    letter.sent_at = at
    session.flush()


def cancel(session: Session, letter: Letter) -> None:
    """Take a letter back that waits, has failed or has perhaps been sent."""
    move(LETTER_MOVES, letter, LetterState.cancelled)
    session.flush()


def refuse_unless(letter: Letter, state: LetterState) -> None:
    """Raise what the mover would: several acts lead to one state, each from its own."""
    if letter.state != state:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(letter.state))
        raise DomainError(text, field="state")


def _queue(session: Session, letter: Letter, at: datetime) -> None:
    mail_servers.ready(session, letter.organisation)
    refuse_twice(session, letter)
    move(LETTER_MOVES, letter, LetterState.pending)
    letter.due_at, letter.tries, letter.answer = at, 0, None
    session.flush()
    actor = access.current(session)
    enqueue(session, TOPIC, letter.id, due_at=at, actor_id=actor.user_id if actor is not None else None)
