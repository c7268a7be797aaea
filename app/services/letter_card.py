"""Letters that somebody writes on the card of a party, lead or deal: to whom, in which words, with which files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.activity import ActivityKind, Direction
from app.models.attachment import Attachment
from app.models.deal import Deal
from app.models.lead import Lead
from app.models.letter import Letter, LetterFile
from app.models.organisation import Organisation
from app.models.party import ChannelKind, Party
from app.models.suppression import ContactKind
from app.roles import ACT
from app.services import access, field_right, letter_template, planned
from app.services import organisation as organisations
from app.services.access import Actor
from app.services.letter_writing import write as write_letter

KINDS: dict[str, type[Party | Lead | Deal]] = {"party": Party, "lead": Lead, "deal": Deal}
MOST_FILES = 10
MOST_BYTES = 15 * 2**20
_FIELDS = {"to_address": "to", "body": "text"}


@dataclass(frozen=True)
class Recipient:
    """Somebody to whom a letter may go."""

    address: str
    name: str
    contact_id: int | None = None


def party_of(record: Party | Lead | Deal) -> Party | None:
    """Return the counterparty that a record is about."""
    return record if isinstance(record, Party) else record.party


def recipients(session: Session, record: Party | Lead | Deal) -> list[Recipient]:
    """Return the addresses that are known, the likeliest first; none that the actor may not see."""
    found: list[Recipient] = []
    if isinstance(record, Lead) and record.email and "email" not in field_right.hidden(session, Lead):
        found.append(Recipient(record.email, record.name or record.company or ""))
    party = party_of(record)
    if party is None or {"email", "contacts", "channels"} & field_right.hidden(session, Party):
        return found
    theirs = [Recipient(one.email, one.name, one.id) for one in party.contacts if one.email]
    involved = {one.contact_id for one in record.contacts} if isinstance(record, Deal) else set()
    found += [one for one in theirs if one.contact_id in involved]
    if party.email:
        found.append(Recipient(party.email, party.legal_name or party.name))
    found += [one for one in theirs if one.contact_id not in involved]
    mails = [each for each in party.channels if each.kind is ChannelKind.email and each.bounced_at is None]
    found += [Recipient(each.value, party.name) for each in mails]
    return list({one.address: one for one in reversed(found)}.values())[::-1]


def names(session: Session, record: Party | Lead | Deal, to: Recipient | None, *, by: Actor) -> dict[str, str]:
    """Return what stands for each place of a template; "" where nothing is known."""
    party, us = party_of(record), our_company(session, record)
    person = session.get(User, by.user_id) if by.user_id is not None else None
    theirs = party.name if party is not None else ""
    if isinstance(record, Lead) and party is None:
        theirs = record.company or record.name or ""
    contact = to.name if to is not None and (to.contact_id is not None or isinstance(record, Lead)) else ""
    return {
        "party": theirs,
        "contact": contact,
        "me": str(person) if person is not None else "",
        "organisation": (us.legal_name or us.name) if us is not None else "",
    }


def our_company(session: Session, record: Party | Lead | Deal) -> Organisation | None:
    """Return which of our companies writes."""
    own = getattr(record, "organisation", None)
    return own if isinstance(own, Organisation) else organisations.first(session)


def files_of(session: Session, record: Party | Lead | Deal) -> list[Attachment]:
    """Return the files of a record that a letter may bring, the newest first."""
    about = Attachment.entity == record.__stem__, Attachment.record_id == record.id, Attachment.purpose == "file"
    return list(session.scalars(select(Attachment).where(*about).order_by(Attachment.id.desc()).limit(50)))


def send(
    session: Session,
    record: Party | Lead | Deal,
    *,
    to: str,
    subject: str,
    text: str,
    files: Sequence[Attachment] = (),
    key: str,
    by: Actor,
    at: datetime,
) -> Letter:
    """Write a letter about a record and queue it; an activity that is done stands for it on the card.

    `key` is that of the form: one form sends one letter. Raises DomainError or Refusals at "to", "subject", "text",
    "files".
    """
    access.require(session, record, ACT)
    us = our_company(session, record)
    if us is None:
        raise DomainError(_("Set up your own company first"))
    known = {one.address: one for one in recipients(session, record)}
    recipient = known.get(to.strip().lower())
    said = _filled({"subject": subject, "text": text}, names(session, record, recipient, by=by))
    _refuse_files(files)
    party = party_of(record)
    try:
        letter = write_letter(
            session,
            organisation=us,
            party=party,
            to_address=to,
            to_name=recipient.name if recipient is not None else None,
            subject=said["subject"],
            body=said["text"],
            language=(party.language if party is not None else getattr(record, "language", None)) or us.language,
            entity=record.__stem__,
            record_id=record.id,
            purpose=f"card {hashlib.sha256(key.encode()).hexdigest()[:32]}",
            kind=ContactKind.personal,
            belongs_with=record,
            at=at,
            by=by,
        )
    except Refusals as refusal:
        raise Refusals({_FIELDS.get(field, field): texts for field, texts in refusal.errors.items()}) from None
    except DomainError as refusal:
        refusal.field = _FIELDS.get(refusal.field or "", refusal.field)
        raise
    letter.files = [LetterFile(attachment=each) for each in files]
    done = planned.log(
        session,
        record,
        kind=ActivityKind.letter,
        subject=letter.subject,
        by=by,
        at=at,
        body=letter.body[: planned.LONGEST_TEXT],
        direction=Direction.outgoing,
        contacts=[recipient.contact_id] if recipient is not None and recipient.contact_id is not None else [],
        links=[party] if party is not None and party is not record and access.visible(session, party) else [],
    )
    letter.activity_id = done.id
    session.flush()
    return letter


def _filled(texts: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Return texts with names in their places. Raises Refusals at a text with a place for which there is no name."""
    found: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for field, text in texts.items():
        found[field], missing = letter_template.filled(text, known)
        if missing:
            errors[field] = [why_missing(missing)]
    if errors:
        raise Refusals(errors)
    return found


def why_missing(places: Sequence[str]) -> str:
    """Say for which places nothing is known."""
    told = ", ".join(f"{{{each}}}" for each in places)
    return _("Nothing is known that could stand for %(places)s: write it yourself", places=told)


def _refuse_files(files: Sequence[Attachment]) -> None:
    if len(files) > MOST_FILES:
        raise DomainError(_("At most %(most)s files at once", most=MOST_FILES), field="files")
    if sum(each.size for each in files) > MOST_BYTES:
        raise DomainError(_("The files together are larger than %(most)s MB", most=MOST_BYTES >> 20), field="files")
