"""What is heard back of a mailing: answers, letters that came back, and that somebody has unsubscribed.

A mail is known by the way back that it took, else by the Message-IDs that it names: whoever names one of ours has had
the letter, or has it from who did.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.contact_rule import RuleOccurrence
from app.models.mailing import MailingRecipient, RecipientPhase
from app.models.party import Party, PartyContact
from app.models.suppression import ContactChannel
from app.services import access, bounce_path, mailing_link, rule_heard, suppression
from app.services.mail_read import Mail

_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\w|\.\d)")  # Source: RFC 3463
_LONGEST = 500
_ON_ITS_WAY = (RecipientPhase.handed_over, RecipientPhase.sent, RecipientPhase.uncertain)


def of_mail(session: Session, ids: Iterable[str]) -> MailingRecipient | None:
    """Return whose letter of a mailing is the nearest among the Message-IDs that a mail names, if it ever left."""
    key = next((found for each in ids if (found := mailing_link.of_message_id(each)) is not None), None)
    return _left(session, key) if key is not None else None


def _left(session: Session, key: int) -> MailingRecipient | None:
    left = select(MailingRecipient).where(MailingRecipient.id == key, MailingRecipient.handed_at.is_not(None))
    return session.scalars(left.with_for_update()).one_or_none()


def of_path(session: Session, heads: Iterable[str]) -> MailingRecipient | None:
    """Return whose letter of a mailing has its own way back among the heads that say where a mail went, if it left."""
    key = next((found for each in heads if (found := bounce_path.recipient_of(each)) is not None), None)
    return _left(session, key) if key is not None else None


def known(session: Session, row: MailingRecipient) -> list[tuple[Party, int | None]]:
    """Return the counterparty that a letter went to with its contact, nothing where it is gone."""
    party = access.get(session, Party, row.party_id) if row.party_id is not None else None
    if party is None or party.archived_at is not None:
        return []
    own = PartyContact.id == row.contact_id, PartyContact.party_id == party.id
    return [(party, session.scalar(select(PartyContact.id).where(*own)))]


def answered(session: Session, row: MailingRecipient, *, at: datetime) -> None:
    """Note that somebody has answered, the first time."""
    row.answered_at = row.answered_at or at
    session.flush()


def came_back(session: Session, row: MailingRecipient, mail: Mail, *, at: datetime) -> None:
    """Note that a letter did not arrive, once; an address that will never work is left alone from now on."""
    if row.phase not in _ON_ITS_WAY:
        return
    row.phase, row.token, row.lease_until = RecipientPhase.bounced, None, None
    verdict = mail.verdict or _verdict_in(mail.text)
    row.answer = verdict or mail.subject
    session.flush()
    if row.address is not None:
        is_hard = suppression.is_lasting(verdict)
        suppression.bounced(session, ContactChannel.email, row.address, is_hard=is_hard, at=at)


def _verdict_in(text: str) -> str:
    """Return the line in which a server says in its own words why, "" where it does not."""
    return next((line.strip()[:_LONGEST] for line in text.splitlines() if _STATUS.search(line)), "")


def unsubscribed(session: Session, party_id: int | None, address: str, *, at: datetime) -> None:
    """Note at the last letter to an address, of a mailing or of a rule, that nothing more is wanted after it."""
    if party_id is None:
        return
    to_them = MailingRecipient.party_id == party_id, MailingRecipient.address == address
    last = select(MailingRecipient).where(*to_them, MailingRecipient.handed_at.is_not(None))
    row = session.scalars(last.order_by(MailingRecipient.id.desc()).limit(1)).one_or_none()
    by_rule = rule_heard.last_to(session, party_id, address)
    last_one: MailingRecipient | RuleOccurrence | None = row
    if by_rule is not None and (row is None or (by_rule.done_at or at) > (row.handed_at or at)):
        last_one = by_rule
    if last_one is not None and last_one.unsubscribed_at is None:
        last_one.unsubscribed_at = at
        session.flush()
