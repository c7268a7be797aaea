"""Background work of quotes: making the file of one that is sent, and letting those expire whose last day is over."""

from datetime import time, timedelta
from io import BytesIO

from app import clock
from app.documents import quote as documents
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.quote import Quote
from app.services import access, organisation_picture, quote_paper
from app.services import attachment as attachments
from app.services import quote as quotes
from app.tasks.registry import Work, handles


@handles(quotes.FILE, lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def render(work: Work) -> None:
    """Make the PDF of a quote that is sent, and store it; once made it stays."""
    with work.reading() as session:
        quote = access.get(session, Quote, work.record_id)
        if quote is None or quote.number is None:
            raise DomainError(_("Only a quote that is sent has a file"))
        if quote.file_id is not None:
            return
        content = quote_paper.content(quote)
        pinned = organisation_picture.pinned(session, quote.organisation)
    try:
        pictures = organisation_picture.bytes_of(pinned, files=work.settings["CRM_VAR"] / "files")
        made = documents.pdf(content, pictures=pictures)
    except DocumentError as problem:
        if problem.may_pass:
            raise TimeoutError(problem.reason) from problem  # tried again later; what is wrong in itself is final
        raise
    with work.storing() as session:
        quote = access.get(session, Quote, work.record_id)
        if quote is None:
            raise DomainError(_("Only a quote that is sent has a file"))
        quote.file = attachments.store(
            session,
            BytesIO(made),
            files=work.settings["CRM_VAR"] / "files",
            name=f"{quote}.pdf".replace("/", "-"),
            media_type="application/pdf",
            entity=Quote.__stem__,
            record_id=quote.id,
            purpose="document",
            at=clock.now(),
            by_id=work.actor_id,
        )


@handles("quote.expire", daily=time(0, 20), lease=timedelta(minutes=5), limit=timedelta(hours=1))
def expire(work: Work) -> None:
    """Let quotes expire, in portions of which each is a transaction of its own."""
    at = clock.now()
    while True:
        with work.step() as session:
            done = quotes.expire_some(session, at=at)
        if done < quotes.PORTION:
            return
