"""Text messages (SMS) to one person: writing them, and what people do with them. How they are sent: text_ledger."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import label_of
from app.lifecycle import move
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind
from app.models.text_message import TEXT_MOVES, TextMessage, TextPhase
from app.outbox import enqueue
from app.services import access, gate, sms_length
from app.services import gate_address as addresses
from app.services import sms_provider as providers
from app.services.access import Actor
from app.services.text import is_blank, lines

TOPIC = "text_message.send"
LONGEST = 1_000
TRIED_AGAIN = frozenset({TextPhase.refused, TextPhase.withheld})


def write(
    session: Session,
    *,
    organisation: Organisation,
    party: Party | None,
    to_address: str,
    text: str,
    purpose: str,
    kind: ContactKind,
    at: datetime,
    by: Actor | None,
) -> TextMessage:
    """Write a text message of one of our companies to one number and queue it.

    Raises DomainError when its company has no provider, NotContactedError at "to_address" when the gate says no,
    Refusals with what is wrong by field ("to_address", "text").
    """
    providers.require(session, organisation)
    errors: dict[str, list[str]] = {}
    number = words = ""
    country = (party.country if party is not None else None) or organisation.country
    try:
        number = addresses.normal(ContactChannel.sms, to_address, country=country, field="to_address")
    except DomainError as refusal:
        errors["to_address"] = [refusal.text]
    try:
        words = lines(text, limit=LONGEST, field="text")
    except DomainError as refusal:
        errors["text"] = [refusal.text]
    if "text" not in errors and is_blank(words):
        errors["text"] = [_("This is needed")]
    if errors:
        raise Refusals(errors)
    answer = gate.may_contact(
        session, party, ContactChannel.sms, kind, address=number, organisation_id=organisation.id, at=at
    )
    if answer.until is None:
        gate.refuse(session, answer, sender=purpose, at=at, field="to_address")
    message = TextMessage(
        phase=TextPhase.queued,
        organisation=organisation,
        party=party,
        purpose=purpose,
        kind=kind,
        to_address=number,
        text=words,
        parts=sms_length.of(words).parts,
        due_at=answer.until or at,
        tries=0,
        owner_id=by.user_id if by is not None else None,
        team_id=party.team_id if party is not None else None,
    )
    session.add(message)
    session.flush()
    _ring(session, message, by)
    return message


def _ring(session: Session, message: TextMessage, by: Actor | None) -> None:
    enqueue(session, TOPIC, message.id, due_at=message.due_at, actor_id=by.user_id if by is not None else None)


# --- what people do with them -----------------------------------------------------------------------------------------


def retry(session: Session, message: TextMessage, *, at: datetime) -> None:
    """Try a message again that was refused, or that the sandbox has held back."""
    refuse_retry(message)
    _queue(session, message, at)


def refuse_retry(message: TextMessage) -> None:
    """Raise DomainError for a message that was neither refused nor held back."""
    if message.phase not in TRIED_AGAIN:
        _refuse_unless(message, TextPhase.refused)


def resend(session: Session, message: TextMessage, *, at: datetime) -> None:
    """Send a message again of which nobody knows whether it arrived."""
    _refuse_unless(message, TextPhase.uncertain)
    _queue(session, message, at)


def mark_sent(session: Session, message: TextMessage, *, at: datetime) -> None:
    """Note that a message did arrive, as somebody has found out."""
    _refuse_unless(message, TextPhase.uncertain)
    message.sent_at = at
    move(TEXT_MOVES, message, TextPhase.sent, attribute="phase")
    session.flush()


def cancel(session: Session, message: TextMessage) -> None:
    """Take a message back that waits, was refused or has perhaps been sent."""
    move(TEXT_MOVES, message, TextPhase.cancelled, attribute="phase")
    session.flush()


def _queue(session: Session, message: TextMessage, at: datetime) -> None:
    providers.require(session, message.organisation)
    move(TEXT_MOVES, message, TextPhase.queued, attribute="phase")
    message.due_at, message.tries, message.answer = at, 0, None
    session.flush()
    _ring(session, message, access.current(session))


def _refuse_unless(message: TextMessage, phase: TextPhase) -> None:
    if message.phase is not phase:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(message.phase))
        raise DomainError(text, field="phase")
