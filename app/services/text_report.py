"""What providers of text messages tell us: whether a message arrived, and what somebody has answered to it.

Every message leaves with a mark of ours, signed by the installation's key, that nobody but its provider gets: whoever
tells something of a message knows its mark. The account as a whole has an address alike, which stands on its card. A
provider that signs its requests must have signed them, too. What is told twice, changes nothing the second time.

Source: Twilio, request validation and message status callbacks; SMSC, HTTP protocol, states of messages.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.models.mailing import MailingRecipient, RecipientPhase
from app.models.sms_provider import SmsProvider, SmsProviderKind, TextArrival
from app.models.suppression import ContactChannel, SuppressionReason
from app.models.text_message import TextMessage, TextPhase, TextReport
from app.services import access, suppression, text_answer
from app.services import gate_address as addresses
from app.services import mailing_link as links
from app.services.gate import Answer
from app.services.preference import GUEST

MESSAGE, RECIPIENT, PROVIDER = "t", "r", "p"
_TOKEN = re.compile(r"([trp])([1-9][0-9]{0,14})-([0-9a-f]{24})")
STOPPED = "21610"  # of Twilio: this number has answered STOP
_WRONG_NUMBER = frozenset({"30005", "21211", "21614", "smsc 22"})
_SMSC_ARRIVED, _SMSC_LOST = frozenset({"1", "2", "4"}), frozenset({"3", "20", "22", "23", "24", "25"})
_TWILIO_ARRIVED, _TWILIO_LOST = frozenset({"delivered", "read"}), frozenset({"undelivered", "failed"})
_ON_ITS_WAY = (RecipientPhase.handed_over, RecipientPhase.sent, RecipientPhase.uncertain)
_LONGEST = 120


@dataclass(frozen=True)
class Meant:
    """What a mark names: one message, one recipient of a mailing, or an account at a provider."""

    kind: str
    key: int


@contextmanager
def heard(session: Session) -> Iterator[None]:
    """Let a provider be heard: inside nothing but what it tells is asked for."""
    with (
        access.acting(session, GUEST),
        access.everything(session, why="a provider is no user, and tells of the message that is marked"),
    ):
        yield


def token(kind: str, key: int) -> str:
    """Return the mark of a message, of a recipient or of a provider."""
    return f"{kind}{key}-{links.mark(f'text {kind} {key}')}"


def read(text: str) -> Meant | None:
    """Return what a mark names, None when it is none of ours."""
    found = _TOKEN.fullmatch(text)
    if found is None or not hmac.compare_digest(found[3], links.mark(f"text {found[1]} {int(found[2])}")):
        return None
    return Meant(found[1], int(found[2]))


def provider_of(session: Session, meant: Meant) -> SmsProvider | None:
    """Return whose account it is about; None when that is gone."""
    if meant.kind == PROVIDER:
        return session.get(SmsProvider, meant.key)
    message = _message(session, meant)
    if message is None:
        return None
    ours = message.organisation_id if isinstance(message, TextMessage) else message.mailing.organisation_id
    return session.scalars(select(SmsProvider).where(SmsProvider.organisation_id == ours)).one_or_none()


def is_signed(url: str, given: Mapping[str, str], signature: str, *, password: str) -> bool:
    """Say whether Twilio has signed a request to an address with the password of the account."""
    said = url + "".join(f"{name}{given[name]}" for name in sorted(given))
    proof = hmac.new(password.encode(), said.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(proof), signature.encode("utf-8", "replace"))


def take(session: Session, meant: Meant, provider: SmsProvider, given: Mapping[str, str], *, at: datetime) -> None:
    """Note what a provider tells: of the message that is named, or an answer that came to the account."""
    is_twilio = provider.kind is SmsProviderKind.twilio
    if meant.kind == PROVIDER and given.get("Body" if is_twilio else "mes") is not None:
        _answered(session, provider, given, is_twilio=is_twilio, at=at)
        return
    named: Meant | None = meant
    if meant.kind == PROVIDER:
        named = read(given.get("id", ""))
        theirs = provider_of(session, named) if named is not None and named.kind != PROVIDER else None
        if theirs is None or theirs.id != provider.id:
            return
    message = _message(session, named) if named is not None else None
    if message is None:
        return
    code = given.get("ErrorCode", "") if is_twilio else f"smsc {given.get('status', '')}"
    state = given.get("MessageStatus" if is_twilio else "status", "")
    arrived, lost = (_TWILIO_ARRIVED, _TWILIO_LOST) if is_twilio else (_SMSC_ARRIVED, _SMSC_LOST)
    if state in arrived:
        _arrived(session, message, at=at)
    elif state in lost:
        words = f"{state} {code}".strip() if is_twilio else f"{code} {given.get('err', '')}".strip()
        _lost(session, message, words[:_LONGEST], code, at=at)


def _message(session: Session, meant: Meant) -> TextMessage | MailingRecipient | None:
    """Return a message, held: what is told at the same time waits."""
    if meant.kind == MESSAGE:
        one = select(TextMessage).where(TextMessage.id == meant.key)
        return session.scalars(one.with_for_update(of=TextMessage)).one_or_none()
    row = select(MailingRecipient).where(MailingRecipient.id == meant.key)
    return session.scalars(row.with_for_update(of=MailingRecipient)).one_or_none()


def _arrived(session: Session, message: TextMessage | MailingRecipient, *, at: datetime) -> None:
    """Note that a message has arrived; of one that was in doubt nobody has to decide any more."""
    if isinstance(message, MailingRecipient):
        if message.phase is RecipientPhase.uncertain:
            message.phase, message.sent_at = RecipientPhase.sent, at
    elif message.report is None:
        message.report, message.reported_at = TextReport.delivered, at
        if message.phase is TextPhase.uncertain:
            message.phase, message.sent_at = TextPhase.sent, at
    session.flush()


def _lost(session: Session, message: TextMessage | MailingRecipient, words: str, code: str, *, at: datetime) -> None:
    """Note that a message did not arrive, and why; a number that is none gets no more."""
    address = message.to_address if isinstance(message, TextMessage) else message.address
    if isinstance(message, MailingRecipient):
        if message.phase not in _ON_ITS_WAY:
            return
        message.phase, message.answer, message.token, message.lease_until = RecipientPhase.bounced, words, None, None
    elif message.report is None:
        message.report, message.reported_at, message.report_reason = TextReport.undelivered, at, words
    else:
        return
    session.flush()
    if address is None:
        return
    if code == STOPPED:
        suppression.add(session, ContactChannel.sms, address, SuppressionReason.unsubscribed, at=at)
    elif code in _WRONG_NUMBER:
        suppression.bounced(session, ContactChannel.sms, address, is_hard=True, at=at)


def refused(session: Session, passed: Answer, answer: str, *, at: datetime) -> None:
    """Leave a number alone of which its provider says that it has asked for that."""
    if passed.channel is ContactChannel.sms and passed.address and answer.split(" ", maxsplit=1)[0] == STOPPED:
        suppression.add(session, ContactChannel.sms, passed.address, SuppressionReason.unsubscribed, at=at)


def _answered(
    session: Session, provider: SmsProvider, given: Mapping[str, str], *, is_twilio: bool, at: datetime
) -> None:
    """Take in what somebody has written, once."""
    typed, text = (given.get("From", ""), given["Body"]) if is_twilio else (given.get("phone", ""), given["mes"])
    try:
        number = addresses.normal(ContactChannel.sms, typed if typed.startswith("+") else f"+{typed}")
    except DomainError:
        return
    whole = "\n".join(f"{name}={given[name]}" for name in sorted(given))
    told = given.get("MessageSid", "") if is_twilio else ""
    key = hashlib.sha256((told or whole).encode()).hexdigest()
    try:
        with session.begin_nested():
            session.add(TextArrival(provider_id=provider.id, number=key, received_at=at))
    except IntegrityError:
        return
    is_stop = given.get("OptOutType", "").upper() == "STOP" or text_answer.is_stop(text)
    if is_stop:
        suppression.add(session, ContactChannel.sms, number, SuppressionReason.unsubscribed, at=at)
    text_answer.file(session, number, text, at=at)
