"""What the card of a mailing on paper shows: files of letters, how many lie printed, which not to post."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app import clock
from app.db import db
from app.models.document_bundle import DocumentBundle
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing
from app.services import paper_run

SHOWN = 20  # files


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The desk of whoever posts letters: `objected` are numbers of letters to people who have objected since."""

    bundles: list[DocumentBundle]
    waiting: int
    first: int
    last: int
    objected: list[int]


def desk(view: Any, mailing: Mailing) -> Desk | None:
    """Return what lies printed of a mailing on paper, None of one that goes another way, or was not begun."""
    if mailing.channel is not MailingChannel.paper or mailing.started_at is None:
        return None
    session = db.session()
    sees = view.appbuilder.sm.may(DocumentBundle.__stem__, "see")
    wanted = select(DocumentBundle).where(DocumentBundle.mailing_id == mailing.id).order_by(DocumentBundle.id.desc())
    numbers = [number for number, _key in paper_run.waits(session, mailing)]
    return Desk(
        bundles=list(session.scalars(wanted.limit(SHOWN))) if sees else [],
        waiting=len(numbers),
        first=min(numbers, default=0),
        last=max(numbers, default=0),
        objected=paper_run.objected(session, mailing, at=clock.now()),
    )
