"""Complaints (ARF): a mail service says that somebody has called a letter of ours unwanted; he gets no more of them.

Left alone is the address that our own letter went to, which is known by its Message-ID or its way back, and never one
that a report names: nobody silences others by a report that he has written himself.
Source: RFC 5965.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.letter import Letter
from app.models.mailing import MailingRecipient
from app.models.suppression import ContactChannel, SuppressionReason
from app.services import mail_filing, mailing_heard, suppression


def file(session: Session, letter: Letter | None, row: MailingRecipient | None, *, at: datetime) -> None:
    """Leave whoever has complained of a letter alone from now on, and say so where its record is looked at; once."""
    address = letter.to_address if letter is not None else row.address if row is not None else None
    party_id = letter.party_id if letter is not None else row.party_id if row is not None else None
    if address is None or suppression.find(session, ContactChannel.email, address, SuppressionReason.complained):
        return
    suppression.add(session, ContactChannel.email, address, SuppressionReason.complained, at=at)
    if row is not None:
        row.unsubscribed_at = row.unsubscribed_at or at
        session.flush()
    else:
        mailing_heard.unsubscribed(session, party_id, address, at=at)
    if letter is not None:
        told = _("This letter was reported as unwanted: “%(subject)s”", subject=letter.subject)
        mail_filing.tell_of(session, letter, told, letter.to_address, at=at)
