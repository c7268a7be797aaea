"""Quiet time in mailings: whoever has it now is put off to its end, by his own time zone; nobody is left out for it.

The check notes where each recipient may live. Before rows are claimed the places of the next ones are asked, and all
rows of a place that is quiet wait for its end in one statement: that costs as many statements as there are such places.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models.mailing import Mailing, MailingRecipient, RecipientPhase
from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind
from app.services import gate, quiet_time


def places_of(mailing_channel: ContactChannel, party: Party, address: str | None) -> str:
    """Return the time zones in which somebody may live, as a row of the ledger keeps them."""
    is_number = mailing_channel is not ContactChannel.email
    return " ".join(quiet_time.zones_of(party, address if is_number else None))


def put_off(session: Session, mailing: Mailing, *, at: datetime, most: int) -> None:
    """Let those of the next rows wait whose quiet time it is, and all others of their places."""
    if not gate.may_wait(ContactChannel(mailing.channel.value), ContactKind(mailing.kind.value)):
        return
    rules = gate.policy(session, mailing.organisation_id)
    home = (mailing.organisation.time_zone,)
    is_due = (
        MailingRecipient.mailing_id == mailing.id,
        MailingRecipient.phase == RecipientPhase.queued,
        MailingRecipient.due_at <= at,
    )
    zones = func.coalesce(MailingRecipient.zones, "")
    while True:
        upcoming = select(zones.label("zones")).where(*is_due)
        portion = upcoming.order_by(MailingRecipient.due_at, MailingRecipient.id).limit(most).subquery()
        places = session.scalars(select(portion.c.zones).distinct().order_by(portion.c.zones)).all()
        ends = {each: quiet_time.until(rules, tuple(each.split()) or home, at=at) for each in places}
        quiet = {place: end for place, end in ends.items() if end is not None}
        for place, end in quiet.items():
            waiting = update(MailingRecipient).where(*is_due, zones == place).values(due_at=end, quiet_until=end)
            session.execute(waiting.execution_options(synchronize_session=False))
        if not quiet:
            return
