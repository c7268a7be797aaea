"""Background work of trying a mailing out: one letter to one of us, at most once."""

from dataclasses import replace
from datetime import timedelta

from app import clock
from app.documents import letter as letters
from app.documents import mailing as documents
from app.documents import mailing_preview as previews
from app.documents import signature
from app.errors import DomainError
from app.exchange import smtp
from app.i18n import gettext as _
from app.services import letter_office, letter_writing
from app.services import mailing_trial as trials
from app.services.mailing_trial import Trial
from app.tasks.registry import Work, handles

LIMIT = timedelta(minutes=15)


@handles(trials.TOPIC, lease=LIMIT, limit=LIMIT)
def send(work: Work) -> None:
    """Send the letter; what stands against it becomes the failure of the job, which a person may repeat."""
    if work.tries > 1:
        raise DomainError(_("The program was stopped while the letter was being sent"))
    with work.step() as session:
        trial = trials.trial(session, work.record_id, work.payload, by_id=work.actor_id, at=clock.now())
    frame = trial.frame
    server = smtp.own(frame.outgoing) if frame.outgoing else smtp.Server.of(work.settings["CRM_SMTP_URL"])
    try:
        smtp.deliver(server, sender=frame.envelope, passed=trial.passed, content=written(trial), before_data=work.hold)
    except smtp.SmtpError as problem:
        raise DomainError(str(problem)) from problem
    with work.storing():
        pass


def written(trial: Trial) -> bytes:
    """Return the letter as it goes over the net: marked, without marks of a recipient, its way out leading nowhere."""
    frame = trial.frame
    around = replace(frame.around(trial.language), opens=False)
    layout = documents.laid_out(frame.said[trial.language], around)
    made = documents.written(layout, previews.with_nowhere(trial.words))
    content = letters.mail(
        letters.Mail(
            message_id=letter_writing.message_id(letter_office.ready(has_own=True), frame.from_address),
            date=clock.now(),
            from_address=frame.from_address,
            from_name=frame.from_name,
            to_address=trial.passed.address or "",
            to_name=None,
            reply_to=frame.reply_to,
            subject=f"{trials.SUBJECT} {made.subject}",
            body=made.text,
            html=made.html,
            language=trial.language,
        )
    )
    sign = frame.outgoing.signature if frame.outgoing is not None else None
    if sign is None or not signature.fits(sign.domain, frame.from_address):
        return content
    return signature.signed(content, domain=sign.domain, selector=sign.selector, key=sign.key)
