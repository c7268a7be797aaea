"""The desk of the channels: how many letters wait or failed and why, what the gate refused, and a letter to try it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.letter import Letter, LetterState
from app.models.organisation import Organisation
from app.models.suppression import ContactKind, ContactRefusal, NoContact
from app.models.text_message import OPEN as TEXTS_OPEN
from app.models.text_message import TextMessage, TextPhase
from app.services import letter_writing as writing
from app.services import text_message as messages
from app.services.access import Actor

LATELY = timedelta(days=30)
MOST = 10
PURPOSE = "test"
OPEN = (LetterState.pending, LetterState.claimed, LetterState.data)
TROUBLE = (LetterState.failed, LetterState.uncertain, LetterState.withheld)

TEXTS_IN_TROUBLE = (TextPhase.refused, TextPhase.uncertain, TextPhase.withheld)


@dataclass(frozen=True)
class Desk:
    """What the page shows: letters by state, the last ones in trouble, and refusals of the last 30 days by reason.

    Text messages (`phases`, `texts`) alike.
    """

    states: dict[LetterState, int]
    trouble: Sequence[Letter]
    refused: dict[NoContact, int]
    phases: dict[TextPhase, int]
    texts: Sequence[TextMessage]


def look(session: Session, *, at: datetime) -> Desk:
    """Return how the channels stand: what waits or is in trouble now, and what was sent and refused lately."""
    states: dict[LetterState, int] = {}
    for state in (*OPEN, *TROUBLE):
        count = select(func.count(Letter.id)).where(Letter.state == state)
        states[state] = int(session.scalar(count) or 0)
    latest = select(Letter).where(Letter.state.in_(TROUBLE)).order_by(Letter.id.desc()).limit(MOST)
    by_reason = (
        select(ContactRefusal.reason, func.count(ContactRefusal.id))
        .where(ContactRefusal.refused_at > at - LATELY)
        .group_by(ContactRefusal.reason)
        .order_by(func.count(ContactRefusal.id).desc(), ContactRefusal.reason)
    )
    refused = {row[0]: int(row[1]) for row in session.execute(by_reason)}
    counted = select(TextMessage.phase, func.count(TextMessage.id)).group_by(TextMessage.phase)
    told = (*TEXTS_OPEN, *TEXTS_IN_TROUBLE)
    found = {row[0]: int(row[1]) for row in session.execute(counted.where(TextMessage.phase.in_(told)))}
    phases = {phase: found.get(phase, 0) for phase in told}
    last = select(TextMessage).where(TextMessage.phase.in_(TEXTS_IN_TROUBLE)).order_by(TextMessage.id.desc())
    texts = session.scalars(last.limit(MOST)).all()
    return Desk(states, session.scalars(latest).all(), refused, phases, texts)


def send_test(session: Session, us: Organisation, *, to: str, language: str, at: datetime, by: Actor) -> Letter:
    """Write a letter that tries the way out, by the gate and the queue like every other. Raises at "to"."""
    with in_language(language):
        subject = _("Test letter from %(name)s", name=us.name)
        body = _("This letter tries whether mail leaves and arrives. Nothing is to be done with it.")
    try:
        return writing.write(
            session,
            organisation=us,
            party=None,
            to_address=to,
            subject=subject,
            body=body,
            language=language,
            entity=None,
            record_id=None,
            purpose=PURPOSE,
            kind=ContactKind.personal,
            at=at,
            by=by,
        )
    except Refusals as refusal:
        texts = {"to" if field == "to_address" else field: told for field, told in refusal.errors.items()}
        raise Refusals(texts) from None
    except DomainError as refusal:
        refusal.field = "to"
        raise


def send_test_text(
    session: Session, us: Organisation, *, to: str, language: str, at: datetime, by: Actor
) -> TextMessage:
    """Write a text message that tries the way out, by the gate and the queue like every other. Raises at "number"."""
    with in_language(language):
        text = _("Test message from %(name)s", name=us.name)
    try:
        return messages.write(
            session,
            organisation=us,
            party=None,
            to_address=to,
            text=text,
            purpose=PURPOSE,
            kind=ContactKind.personal,
            at=at,
            by=by,
        )
    except Refusals as refusal:
        raise Refusals({"number": [told for texts in refusal.errors.values() for told in texts]}) from None
    except DomainError as refusal:
        refusal.field = "number"
        raise
