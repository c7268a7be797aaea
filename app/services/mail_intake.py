"""What becomes of a mail: kept whole, once, and filed to whom it belongs; from somebody unknown it makes a lead.

Everything about one mail is one transaction, with the number up to which its mailbox is read: a worker that dies in
the middle has taken nothing in, and fetches it again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import retold
from app.i18n import gettext as _
from app.i18n import noting
from app.models.attachment import Attachment
from app.models.base import Entity
from app.models.lead_source import LeadChannel
from app.models.letter import Letter
from app.models.mailbox import Mailbox, MailKind, ReceivedMail
from app.models.mailing import MailingRecipient
from app.models.organisation import Organisation
from app.models.party import Party, PartyChannel, PartyContact
from app.services import attachment as attachments
from app.services import (
    bounce_path,
    file_kind,
    intake,
    mail_complaint,
    mail_filing,
    mail_read,
    mailing_heard,
    rule_heard,
)
from app.services import letter_office as offices
from app.services import mailbox as mailboxes
from app.services.intake import About
from app.services.intake_read import Found
from app.services.mail_read import Mail

LATELY = timedelta(minutes=10)
_PER_ADDRESS = 5  # times as many as the source lets in from one address: whom we know is let in more often
MOST_PARTIES = 10


@dataclass(frozen=True, kw_only=True)
class Item:
    """One mail as it was fetched: the server's numbers of it, and its bytes, of one too large the beginning."""

    mailbox_id: int
    validity: int
    uid: int
    size: int
    content: bytes
    is_whole: bool = True


def take(session: Session, item: Item, *, files: Path, at: datetime) -> ReceivedMail:
    """Keep a mail and file it, once: one with the same numbers is returned as it was filed."""
    mailbox = _locked(session, item)
    same = ReceivedMail.mailbox_id == item.mailbox_id, ReceivedMail.validity == item.validity
    standing = session.scalars(select(ReceivedMail).where(*same, ReceivedMail.uid == item.uid)).one_or_none()
    if standing is not None:
        return standing
    mail = mail_read.read(item.content)
    row = _kept(session, item, mail, files=files, at=at)
    _file(session, mailbox, row, mail, is_whole=item.is_whole, content=item.content, files=files, at=at)
    session.flush()
    return row


def keep_only(session: Session, item: Item, *, problem: str, files: Path, at: datetime) -> ReceivedMail:
    """Keep a mail that broke the program, with what was wrong: it is seen, and hinders no other."""
    _locked(session, item)
    mail = Mail(number=f"{item.validity} {item.uid}", errors=[problem])
    return _kept(session, item, mail, files=files, at=at)


def read_again(session: Session, row: ReceivedMail, content: bytes, *, files: Path, at: datetime) -> None:
    """File a mail anew that could not be filed, or was one of too many."""
    mail = mail_read.read(content)
    _said(row, mail)
    _file(session, row.mailbox, row, mail, is_whole=True, content=content, files=files, at=at, is_again=True)
    session.flush()


def _locked(session: Session, item: Item) -> Mailbox:
    mailbox = session.execute(select(Mailbox).where(Mailbox.id == item.mailbox_id).with_for_update()).scalar_one()
    if mailbox.validity == item.validity and mailbox.last_uid < item.uid:
        mailboxes.write(session, mailbox.id, last_uid=item.uid)
    return mailbox


def _kept(session: Session, item: Item, mail: Mail, *, files: Path, at: datetime) -> ReceivedMail:
    row = ReceivedMail(
        mailbox_id=item.mailbox_id,
        validity=item.validity,
        uid=item.uid,
        kind=MailKind.failed,
        received_at=at,
        size=item.size,
    )
    _said(row, mail)
    session.add(row)
    session.flush()
    row.raw = _stored(session, row, f"mail-{row.id}.eml", item.content, files=files, at=at)
    session.flush()
    return row


def _said(row: ReceivedMail, mail: Mail) -> None:
    row.number, row.error = mail.number, mail.error
    row.from_address, row.from_name = mail.from_address, mail.from_name
    row.subject, row.sent_at = mail.subject or None, mail.sent_at


# --- to whom it belongs -----------------------------------------------------------------------------------------------


def _file(
    session: Session,
    mailbox: Mailbox,
    row: ReceivedMail,
    mail: Mail,
    *,
    is_whole: bool,
    content: bytes,
    files: Path,
    at: datetime,
    is_again: bool = False,
) -> None:
    """Decide what a mail is, from what is sure to what is likely, and do what follows from it."""
    marked = _letter_of_path(session, mail)
    letter = marked or _letter_of(session, mail.returned or mail.answers)
    row.letter = letter
    row.party_id = letter.party_id if letter is not None else None
    way = mailing_heard.of_path(session, mail.to) if letter is None else None
    told = way or (mailing_heard.of_mail(session, mail.returned or mail.answers) if letter is None else None)
    row.party_id = told.party_id if told is not None else row.party_id
    if not is_whole:
        row.kind = MailKind.too_large
        with noting() as noted:
            row.error = retold.told([_("It is larger than %(most)s MB: read it in the mailbox", most=24)], noted)
    elif _is_double(session, row, mail):
        row.kind = MailKind.double
    elif mail.is_complaint and (letter is not None or told is not None):
        row.kind = MailKind.complaint
        mail_complaint.file(session, letter, told, at=at)
    elif mail.is_bounce or ((marked or way) is not None and _says_a_server(mail)):
        row.kind = MailKind.bounce
        if letter is not None:
            mail_filing.came_back(session, letter, mail, at=at)
        elif told is not None:
            mailing_heard.came_back(session, told, mail, at=at)
    elif mail.from_address in _own(session, mailbox):
        row.kind = MailKind.own
    elif mail.is_automatic:
        row.kind = MailKind.automatic
    else:
        _file_of_person(session, mailbox, row, mail, told, content=content, files=files, at=at, is_again=is_again)


def _says_a_server(mail: Mail) -> bool:
    """Say whether what took a letter's own way back is a report; somebody's holiday takes it too (RFC 3834, 4)."""
    return mail.is_automatic and mail.is_of_server and not mail.has_only_waited


def _file_of_person(
    session: Session,
    mailbox: Mailbox,
    row: ReceivedMail,
    mail: Mail,
    told: MailingRecipient | None,
    *,
    content: bytes,
    files: Path,
    at: datetime,
    is_again: bool,
) -> None:
    known = (mailing_heard.known(session, told) if told is not None else []) or _known(session, mail.from_address)
    record: Entity | None
    if told is not None:
        mailing_heard.answered(session, told, at=at)
    elif row.letter is not None:
        rule_heard.answered(session, row.letter, at=at)
    if row.letter is not None or known:
        if not is_again and _are_too_many(session, mailbox, row, at=at):
            row.kind = MailKind.too_many
            return
        row.kind = MailKind.reply if row.letter is not None or told is not None else MailKind.party
        record = mail_filing.file_under(session, row.letter, known, mail, at=at)
        row.party_id = row.party_id or (known[0][0].id if known else None)
    else:
        row.kind = MailKind.lead
        record = _lead(session, mailbox, row, mail, content=content, at=at)
    if record is not None:
        row.entity, row.record_id = record.__stem__, record.id
        _attach(session, record, row, mail, files=files, at=at)


def _lead(
    session: Session, mailbox: Mailbox, row: ReceivedMail, mail: Mail, *, content: bytes, at: datetime
) -> Entity | None:
    """Let a mail in by the door of all leads: clock, assignment, limits and open leads are the same there."""

    def read(_payload: bytes, *, country: str | None, language: str) -> Found:  # noqa: ARG001 -- a mail says none
        text = "\n\n".join(filter(None, (mail.subject, mail.text)))
        values = {"name": mail.from_name, "email": mail.from_address, "text": text, "language": language}
        return Found({name: value for name, value in values.items() if value}, list(mail.errors))

    about = About(
        external_id=f"mail {mail.number}"[:190],
        address=mail.from_address,
        channel=LeadChannel.email,
        read=read,
        subject=mail.subject or mail.from_address or _("Letter"),
    )
    taken = intake.receive(session, mailbox.source, content, at=at, about=about)
    row.lead, row.party_id = taken.lead, taken.arrival.party_id
    return taken.lead


def _letter_of(session: Session, ids: Sequence[str]) -> Letter | None:
    """Return the letter of ours that is nearest among the Message-IDs that a mail names."""
    if not ids:
        return None
    found = {one.message_id: one for one in session.scalars(select(Letter).where(Letter.message_id.in_(ids)))}
    return next((found[each] for each in ids if each in found), None)


def _letter_of_path(session: Session, mail: Mail) -> Letter | None:
    """Return the letter whose own way back a mail has taken."""
    found = next((number for head in mail.to if (number := bounce_path.letter_of(head)) is not None), None)
    return session.scalars(select(Letter).where(Letter.id == found)).one_or_none() if found is not None else None


def _is_double(session: Session, row: ReceivedMail, mail: Mail) -> bool:
    same = ReceivedMail.mailbox_id == row.mailbox_id, ReceivedMail.number == mail.number, ReceivedMail.id < row.id
    twin = session.scalars(select(ReceivedMail).where(*same).order_by(ReceivedMail.id).limit(1)).one_or_none()
    if twin is None:
        return False
    row.party_id, row.lead_id = twin.party_id, twin.lead_id
    return True


def _own(session: Session, mailbox: Mailbox) -> set[str]:
    """Return the addresses that are ours."""
    ours = {each.strip().lower() for each in session.scalars(select(Organisation.email)) if each}
    return {*ours, mailbox.login.lower(), offices.sender().lower()} - {""}


def _known(session: Session, address: str | None) -> list[tuple[Party, int | None]]:
    """Return the counterparties that an address belongs to, each with its contact of that address."""
    if not address:
        return []
    contacts = {
        contact.party_id: contact.id
        for contact in session.scalars(select(PartyContact).where(PartyContact.email == address))
    }
    keys: set[int] = {*contacts}
    keys |= {*session.scalars(select(Party.id).where(Party.email == address))}
    keys |= {*session.scalars(select(PartyChannel.party_id).where(PartyChannel.value == address))}
    if not keys:
        return []
    living = select(Party).where(Party.id.in_(keys), Party.archived_at.is_(None)).order_by(Party.id)
    found = session.scalars(living.limit(MOST_PARTIES)).unique().all()
    return [(party, contacts.get(party.id)) for party in sorted(found, key=lambda one: (one.owner_id is None, one.id))]


def _are_too_many(session: Session, mailbox: Mailbox, row: ReceivedMail, *, at: datetime) -> bool:
    most = mailbox.source.per_address * _PER_ADDRESS
    lately = ReceivedMail.from_address == row.from_address, ReceivedMail.received_at > at - LATELY
    some = select(ReceivedMail.id).where(*lately).limit(most + 1).subquery()
    return int(session.scalar(select(func.count()).select_from(some)) or 0) > most


# --- files ------------------------------------------------------------------------------------------------------------


def _attach(session: Session, record: Entity, row: ReceivedMail, mail: Mail, *, files: Path, at: datetime) -> None:
    """Keep the files of a mail at its record; programs stay in the raw mail."""
    errors = list(mail.errors)
    with noting() as noted:
        for one in mail.files:
            if file_kind.is_program(one.name):
                errors.append(_("“%(name)s” is a program; programs are not kept", name=one.name))
            else:
                _stored(session, record, one.name, one.content, files=files, at=at)
    row.error = retold.told(errors, mail.noted | noted)


def _stored(session: Session, record: Entity, name: str, content: bytes, *, files: Path, at: datetime) -> Attachment:
    return attachments.store(
        session,
        BytesIO(content),
        files=files,
        name=name,
        media_type=file_kind.media_type_of(content[:16]),
        entity=record.__stem__,
        record_id=record.id,
        at=at,
        by_id=None,
    )


def unsettled(session: Session, mailbox_id: int, validity: int) -> list[int]:
    """Return the numbers of mails of which the mailbox was not told yet that they are taken in."""
    waiting = ReceivedMail.mailbox_id == mailbox_id, ReceivedMail.settled_at.is_(None)
    found = select(ReceivedMail.uid).where(*waiting, ReceivedMail.validity == validity)
    return list(session.scalars(found.order_by(ReceivedMail.uid).limit(1000)))


def settled(session: Session, mailbox_id: int, validity: int, uids: Collection[int], *, at: datetime) -> None:
    """Note that the mailbox was told."""
    told = update(ReceivedMail).where(
        ReceivedMail.mailbox_id == mailbox_id, ReceivedMail.validity == validity, ReceivedMail.uid.in_(uids)
    )
    session.execute(told.values(settled_at=at).execution_options(synchronize_session=False))
