"""How far a mailing has come, in numbers: counted from the rows of its ledger, and from nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.models.mailing import Mailing, MailingRecipient, RecipientPhase
from app.models.suppression import NoContact
from app.services import access
from app.services.mailing_link import CLICK, Meant
from app.services.preference import GUEST


@dataclass(frozen=True)
class Numbers:
    """Rows by phase, those left out by reason, and what those written to did."""

    phases: dict[RecipientPhase, int] = field(default_factory=dict)
    reasons: dict[NoContact, int] = field(default_factory=dict)
    opened: int = 0
    clicked: int = 0
    answered: int = 0
    unsubscribed: int = 0

    @property
    def total(self) -> int:
        """Return how many rows there are."""
        return sum(self.phases.values())

    @property
    def delivered(self) -> int:
        """Return how many letters a server has taken that did not come back."""
        return self.phases.get(RecipientPhase.sent, 0)


def numbers(session: Session, mailing: Mailing) -> Numbers:
    """Return the numbers of a mailing, by one statement."""
    grouped = (
        select(
            MailingRecipient.phase,
            MailingRecipient.reason,
            func.count(),
            func.count(MailingRecipient.opened_at),
            func.count(MailingRecipient.clicked_at),
            func.count(MailingRecipient.answered_at),
            func.count(MailingRecipient.unsubscribed_at),
        )
        .where(MailingRecipient.mailing_id == mailing.id)
        .group_by(MailingRecipient.phase, MailingRecipient.reason)
    )
    rows = session.execute(grouped).all()
    phases: dict[RecipientPhase, int] = {}
    for phase, _reason, count, *_acts in rows:
        phases[phase] = phases.get(phase, 0) + count
    return Numbers(
        phases={phase: phases[phase] for phase in RecipientPhase if phase in phases},
        reasons={reason: count for _phase, reason, count, *_acts in rows if reason is not None},
        opened=sum(row[3] for row in rows),
        clicked=sum(row[4] for row in rows),
        answered=sum(row[5] for row in rows),
        unsubscribed=sum(row[6] for row in rows),
    )


@contextmanager
def followed(session: Session, meant: Meant, *, at: datetime) -> Iterator[MailingRecipient | None]:
    """Note that somebody opened a letter or followed a link of it, the first time; give its row, if it was ever sent.

    Whoever clicks has opened it, whether his program shows pictures or not. Inside nothing but the letter is asked for.
    """
    with (
        access.acting(session, GUEST),
        access.everything(session, why="who follows a link of a mailing is no user, and sees that letter"),
    ):
        sent = MailingRecipient.id == meant.recipient_id, MailingRecipient.handed_at.is_not(None)
        row = session.scalars(select(MailingRecipient).where(*sent)).one_or_none()
        names = ("opened_at", "clicked_at") if meant.act == CLICK else ("opened_at",)
        for name in names if row is not None else ():
            column = getattr(MailingRecipient, name)
            first = update(MailingRecipient).where(*sent, column.is_(None))
            session.execute(first.values({name: at}).execution_options(synchronize_session=False))
        yield row
