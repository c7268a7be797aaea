"""How far a mailing has come, in numbers: counted from the rows of its ledger, and from nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from app.models.mailing import OPEN, Mailing, MailingRecipient, RecipientPhase
from app.models.suppression import NoContact
from app.services import access
from app.services.mailing_link import CLICK, Meant
from app.services.preference import GUEST

LATELY = timedelta(minutes=5)
_NOT_MEANT = (RecipientPhase.excluded, RecipientPhase.held_out)
_FAILED = (RecipientPhase.refused, RecipientPhase.uncertain, RecipientPhase.bounced)


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


@dataclass(frozen=True)
class Course:
    """How far the sending has come; `quiet` of those left wait for the end of the quiet time where they are.

    Units: `per_minute` is messages, on the average of the last five minutes.
    """

    total: int
    sent: int
    failed: int
    left: int
    per_minute: int
    quiet: int = 0

    @property
    def percent(self) -> int:
        """Return how much of it is done."""
        return (self.total - self.left) * 100 // self.total if self.total else 0


def course(session: Session, mailing: Mailing, *, at: datetime) -> Course:
    """Return how far a mailing has come, by two statements that an index answers: this is asked every few seconds."""
    mine = MailingRecipient.mailing_id == mailing.id
    is_quiet = case((MailingRecipient.quiet_until > at, 1))
    grouped = select(MailingRecipient.phase, func.count(), func.count(is_quiet)).where(mine)
    rows = session.execute(grouped.group_by(MailingRecipient.phase)).all()
    phases = {row[0]: int(row[1]) for row in rows}
    since = max(at - LATELY, mailing.started_at) if mailing.started_at is not None else at - LATELY
    lately = session.scalar(select(func.count()).where(mine, MailingRecipient.handed_at > since)) or 0
    minutes = max((at - since) / timedelta(minutes=1), 1.0)
    return Course(
        total=sum(phases.values()) - sum(phases.get(each, 0) for each in _NOT_MEANT),
        sent=phases.get(RecipientPhase.sent, 0),
        failed=sum(phases.get(each, 0) for each in _FAILED),
        left=sum(phases.get(each, 0) for each in OPEN),
        per_minute=round(int(lately) / minutes),
        quiet=sum(int(row[2]) for row in rows if row[0] is RecipientPhase.queued),
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
