"""Background work of mailboxes: fetching what is new, one mail a transaction, and telling the mailbox afterwards."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock, outbox
from app.exchange import imap
from app.i18n import gettext as _
from app.models.mailbox import Mailbox, MailboxAfter, ReceivedMail
from app.services import access, attachment, mail_intake
from app.services import mailbox as mailboxes
from app.services.mail_intake import Item
from app.services.received_mail import AGAIN
from app.tasks.registry import LostClaim, Work, every_round, handles
from app.tasks.running import described

AT_ONCE = 200  # mails of one look; what is left has a look of its own


@dataclass(frozen=True, kw_only=True)
class _Box:
    """A mailbox as plain data: no transaction is open while its server thinks."""

    id: int
    server: imap.Server
    folder: str
    since: date
    after: MailboxAfter
    move_to: str | None


@every_round
def begin(session: Session, at: datetime) -> None:
    """Let mailboxes be looked at whose time has come."""
    mailboxes.enqueue_due(session, at=at)


@handles(mailboxes.TOPIC, lease=timedelta(minutes=5), limit=timedelta(minutes=30))
def look(work: Work) -> None:
    """Take in what is new in a mailbox; what goes wrong stands at it."""
    with work.reading() as session:
        box = _box(session, work)
    if box is None:
        return
    is_more, problem = False, None
    try:
        with imap.opened(box.server) as talk:
            is_more = _take_in(work, box, talk)
    except imap.AwayError as away:
        problem = str(away)
    with work.storing() as session:
        mailboxes.noted(session, box.id, error=problem, at=clock.now())
        if is_more:
            outbox.enqueue(session, mailboxes.TOPIC, box.id)


def _box(session: Session, work: Work) -> _Box | None:
    mailbox = access.get(session, Mailbox, work.record_id)
    password = mailboxes.password_of(session, mailbox.id) if mailbox is not None else None
    if mailbox is None or not mailbox.is_active or password is None:
        return None
    return _Box(
        id=mailbox.id,
        server=imap.server_of(mailbox, password, work.settings),
        folder=mailbox.folder,
        since=mailbox.since,
        after=mailbox.after,
        move_to=mailbox.move_to,
    )


def _take_in(work: Work, box: _Box, talk: imap.Talk) -> bool:
    """Take the new mails in, tell the mailbox, and say whether there are more."""
    validity = talk.open(box.folder)
    with work.step() as session:
        last = mailboxes.begin(session, box.id, validity)
    found = talk.new(after=last, since=box.since)
    for uid in found[:AT_ONCE]:
        came = talk.fetch(uid)
        if came is not None:
            _take(work, box, validity, came)
    with work.reading() as session:
        waiting = mail_intake.unsettled(session, box.id, validity)
    if waiting:
        talk.settle(waiting, box.after, box.move_to)
        with work.step() as session:
            mail_intake.settled(session, box.id, validity, waiting, at=clock.now())
    return len(found) > AT_ONCE


def _take(work: Work, box: _Box, validity: int, came: imap.Came) -> None:
    about = {"mailbox_id": box.id, "validity": validity, "uid": came.uid, "size": came.size}
    item = Item(**about, content=came.content, is_whole=came.is_whole)
    files = work.settings["CRM_VAR"] / "files"
    try:
        with work.step() as session:
            mail_intake.take(session, item, files=files, at=clock.now())
    except (LostClaim, OperationalError):  # another worker has it, or the database is away: it is fetched again
        raise
    except Exception as problem:  # noqa: BLE001 -- one mail that breaks the program must not hinder all others
        with work.step() as session:
            mail_intake.keep_only(session, item, problem=described(problem), files=files, at=clock.now())


@handles(AGAIN)
def read_again(work: Work) -> None:
    """File a mail anew, from its file."""
    files = work.settings["CRM_VAR"] / "files"
    with work.storing() as session:
        row = access.get(session, ReceivedMail, work.record_id)
        if row is None or row.raw is None:
            return
        place = attachment.place_of(row.raw.sha256, files=files)
        if not place.is_file():
            row.error = _("The file of this mail is gone")
            return
        mail_intake.read_again(session, row, place.read_bytes(), files=files, at=clock.now())
