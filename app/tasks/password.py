"""Background work of passwords: mailing the link by which somebody chooses one.

The link is made here, when the letter leaves, and stands in no job, log or letter of the office. A letter that did not
leave, or perhaps did, is tried again with a new link, which ends the one before.
"""

from datetime import timedelta

from app import clock
from app.documents import letter as documents
from app.errors import DomainError
from app.exchange import smtp
from app.services import letter_office
from app.services import password_link as links
from app.tasks.registry import Work, handles

LIMIT = timedelta(minutes=5)  # the patience with a mail server


@handles(links.TOPIC, lease=LIMIT, limit=LIMIT)
def send(work: Work) -> None:
    """Mail a link to whom the job is about; nobody learns that an address is nobody's."""
    with work.step() as session:
        user = links.recipient(session, work.payload)
        if user is None or letter_office.is_sandbox():
            return
        at = clock.now()
        letter = links.write(session, user, public_url=work.settings["CRM_PUBLIC_URL"], at=at)
    content = documents.mail(
        documents.Mail(
            message_id=letter.message_id,
            date=at,
            from_address=letter.from_address,
            from_name=str(work.settings["APP_NAME"]),
            to_address=letter.to_address,
            to_name=letter.to_name,
            reply_to=None,
            subject=letter.subject,
            body=letter.body,
            language=letter.language,
        )
    )
    try:
        smtp.deliver(
            smtp.Server.of(work.settings["CRM_SMTP_URL"]),
            sender=letter.from_address,
            passed=letter.passed,
            content=content,
            before_data=work.hold,
        )
    except smtp.Refused as refusal:
        raise DomainError(str(refusal)) from refusal
