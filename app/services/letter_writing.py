"""Writing a letter: checked, kept, and queued in one transaction. Nothing here speaks with a mail server.

Each letter asks the gate (services.gate) before it is written, and again before it leaves.

Whatever becomes a header is one printable line without encoded words: the e-mail library of Python 3.11.7 writes a
line break that hides in one as a line break (CVE-2024-6923), and programs that read mail decode them.
"""

import re
import secrets
import unicodedata
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.base import Owned
from app.models.letter import Letter, LetterState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind
from app.outbox import enqueue
from app.search import search_text
from app.services import access, gate
from app.services import mail_server as mail_servers
from app.services.access import Actor
from app.services.channel import EMAIL_LENGTH, normalise_email
from app.services.collected import Collected
from app.services.letter_office import Office
from app.services.text import is_blank, lines

TOPIC = "letter.send"
UNDER_WAY = (LetterState.pending, LetterState.claimed, LetterState.data)
_SUBJECT_LENGTH = 250
_NAME_LENGTH = 250
_BODY_LENGTH = 20_000
# Control characters, halves of pairs, line and paragraph separators; marks that turn the direction of what follows.
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ENCODED_WORD = re.compile(r"=\?|\?=")
_DOMAIN = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)+")


def write(
    session: Session,
    *,
    organisation: Organisation,
    party: Party | None,
    to_address: str,
    subject: str,
    body: str,
    language: str,
    entity: str | None,
    record_id: int | None,
    attachment: Attachment | None = None,
    purpose: str,
    kind: ContactKind,
    reply_to: str | None = None,
    to_name: str | None = None,
    belongs_with: Owned | None = None,
    at: datetime,
    by: Actor | None,
) -> Letter:
    """Write a letter of one of our organisations to one address and queue it.

    It belongs to the owner and team of `belongs_with`, else of the party, else to whoever writes. Raises DomainError
    when no mail server is set up or the same letter is under way, NotContactedError at "to_address" when the gate says
    no, Refusals with everything that is wrong by field
    ("to_address", "subject", "body", "reply_to").
    """
    office = mail_servers.ready(session, organisation)
    letter = Letter(
        state=LetterState.pending,
        organisation=organisation,
        party=party,
        entity=entity,
        record_id=record_id,
        purpose=purpose,
        kind=kind,
        language=language if language in LANGUAGES else organisation.language,
        attachment=attachment,
        due_at=at,
        tries=0,
    )
    with session.no_autoflush:
        _address(letter, office, to_address=to_address, to_name=to_name, reply_to=reply_to, subject=subject, body=body)
        answer = gate.may_contact(
            session,
            party,
            ContactChannel.email,
            kind,
            address=letter.to_address,
            organisation_id=organisation.id,
            at=at,
        )
        if answer.until is None:
            gate.refuse(session, answer, sender=purpose.partition(" ")[0], at=at, field="to_address")
        letter.due_at = answer.until or at
        letter.search_text = search_text([letter.to_address, letter.to_name, letter.subject])
        _give(letter, belongs_with if belongs_with is not None else party, by)
        refuse_twice(session, letter)
    session.add(letter)
    session.flush()
    enqueue(session, TOPIC, letter.id, due_at=letter.due_at, actor_id=by.user_id if by is not None else None)
    return letter


def _address(
    letter: Letter,
    office: Office,
    *,
    to_address: str,
    to_name: str | None,
    reply_to: str | None,
    subject: str,
    body: str,
) -> None:
    """Set what stands on the envelope and in the head, and the text."""
    found = Collected()
    us = letter.organisation
    letter.from_address = found.take("organisation", lambda: _sender(us, office)) or ""
    letter.from_name = found.take("organisation", lambda: head_line(us.legal_name or us.name, limit=_NAME_LENGTH))
    letter.to_address = found.take("to_address", lambda: plain_address(to_address)) or ""
    letter.to_name = found.take("to_name", lambda: head_line(to_name or "", limit=_NAME_LENGTH) or None)
    answers = reply_to or us.email
    letter.reply_to = found.take("reply_to", lambda: plain_address(answers)) if answers else None
    if letter.reply_to == letter.from_address:
        letter.reply_to = None
    letter.subject = found.take("subject", lambda: _subject(subject)) or ""
    letter.body = found.take("body", lambda: _body(body)) or ""
    found.settle()
    letter.message_id = message_id(office, letter.from_address)


def head_line(text: str, *, limit: int) -> str:
    """Return a text that may stand in the head of a letter: one line, which hides nothing.

    Raises DomainError, rather than mend it: whoever puts a line break there wants more than a line.
    """
    if any(unicodedata.category(char) in _BREAKING or char in _TURNING for char in text):
        raise DomainError(_("Line breaks and control characters cannot stand in the head of a letter"))
    if _ENCODED_WORD.search(text):
        raise DomainError(_("The signs “=?” and “?=” cannot stand in the head of a letter"))
    words = " ".join(text.split())
    if len(words) > limit:
        raise DomainError(
            _("At most %(limit)s characters are possible here; this has %(found)s", limit=limit, found=len(words))
        )
    return "" if is_blank(words) else words


def plain_address(text: str) -> str:
    """Return one e-mail address; what looks like an encoded word is legal in it, and refused all the same."""
    return head_line(normalise_email(text), limit=EMAIL_LENGTH)


def _subject(text: str) -> str:
    subject = head_line(text, limit=_SUBJECT_LENGTH)
    if not subject:
        raise DomainError(_("A letter needs a subject"))
    return subject


def _body(text: str) -> str:
    body = lines(text, limit=_BODY_LENGTH)
    if is_blank(body):
        raise DomainError(_("A letter needs a text"))
    return body


def _sender(us: Organisation, office: Office) -> str:
    address = office.sender or us.email
    if not address:
        raise DomainError(
            _("A letter needs a sender: give “%(name)s” an e-mail address, or set CRM_MAIL_FROM", name=us.name)
        )
    return plain_address(address)


def message_id(office: Office, sender: str) -> str:
    """Return a new Message-ID under a domain that is ours."""
    host = office.host.lower()
    domain = host if _DOMAIN.fullmatch(host) else sender.rpartition("@")[2]
    return f"<{secrets.token_hex(16)}@{domain}>"


def _give(letter: Letter, like: Owned | None, by: Actor | None) -> None:
    if like is not None and (like.owner_id is not None or like.team_id is not None):
        letter.owner_id, letter.team_id = like.owner_id, like.team_id
    elif by is not None:
        letter.owner_id, letter.team_id = by.user_id, by.team_id


def refuse_twice(session: Session, letter: Letter) -> None:
    """Raise DomainError when the same letter (record, purpose, recipient) is under way already, whoever wrote it."""
    if letter.record_id is None:
        return
    same = select(Letter.id).where(
        Letter.entity == letter.entity,
        Letter.record_id == letter.record_id,
        Letter.purpose == letter.purpose,
        Letter.to_address == letter.to_address,
        Letter.state.in_(UNDER_WAY),
    )
    if letter.id is not None:
        same = same.where(Letter.id != letter.id)
    with access.everything(session, why="a letter is sent once, whoever wrote it"):
        found = session.scalar(same.limit(1))
    if found is not None:
        raise DomainError(
            _("This letter to %(address)s is on its way already", address=letter.to_address), field="to_address"
        )
