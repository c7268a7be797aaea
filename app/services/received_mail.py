"""What people do with mails that came in."""

from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.mailbox import MailKind, ReceivedMail
from app.outbox import enqueue

AGAIN = "received_mail.read"
OPEN = frozenset({MailKind.failed, MailKind.too_many})


def refuse_again(mail: ReceivedMail) -> None:
    """Raise DomainError for a mail that was filed."""
    if mail.kind not in OPEN or mail.raw_id is None:
        raise DomainError(_("This mail is filed already"), field="kind")


def read_again(session: Session, mail: ReceivedMail) -> None:
    """Let a mail be filed anew that could not be filed, or was one of too many."""
    refuse_again(mail)
    enqueue(session, AGAIN, mail.id)
