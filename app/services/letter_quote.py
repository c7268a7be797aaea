"""Letters that bring a quote: in which words, with which file, and with the link by which it is answered."""

from datetime import datetime

from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import in_language, written_day
from app.models.attachment import Attachment
from app.models.letter import QUOTE, Letter
from app.models.quote import Quote, QuoteState
from app.models.suppression import ContactKind
from app.services import access
from app.services import letter_office as offices
from app.services import mail_server as mail_servers
from app.services import quote as quotes
from app.services import quote_link as links
from app.services.access import Actor
from app.services.letter_bring import bring


def send_quote(
    session: Session,
    quote: Quote,
    *,
    at: datetime,
    by: Actor | None,
    to: str | None = None,
    subject: str | None = None,
    text: str | None = None,
) -> Letter:
    """Write the letter that brings a quote, in the quote's language; a draft is released by it.

    A file that is still being made is waited for. Raises DomainError or Refusals at "state", "to", "subject", "text".
    """
    mail_servers.ready(session, quote.organisation)
    if quote.state == QuoteState.draft:
        quotes.release(session, quote, at=at, by=by)
    quotes.refuse_unless_sent(quote)
    if not links.is_alive(quote):
        quotes.renew(session, quote)
    return bring(
        session,
        quote,
        to=to,
        subject=_numbered(subject, quote) or subject_of(quote),
        text=_numbered(text, quote) or text_of(quote),
        purpose=QUOTE,
        kind=ContactKind.transactional,
        at=at,
        by=by,
    )


NUMBER = "{number}"  # where the words that a draft's dialog offers keep the place of its number


def _numbered(text: str | None, quote: Quote) -> str | None:
    return text.replace(NUMBER, str(quote)) if text else None


def subject_of(quote: Quote) -> str:
    """Return the subject of the letter that brings a quote, in the quote's language."""
    with in_language(quote.language):
        return _("Quote %(number)s from %(name)s", number=_number(quote), name=_us(quote))


def text_of(quote: Quote) -> str:
    """Return the text of the letter that brings a quote, in the quote's language; the link has its place in it."""
    with in_language(quote.language):
        amount = money.format_money(quote.gross, quote.currency, quote.language)
        about = [_("Attached is our quote %(number)s for %(amount)s.", number=_number(quote), amount=amount)]
        if quote.valid_until is not None:
            about.append(_("It is valid until %(day)s.", day=written_day(quote.valid_until, quote.language)))
        asked = _("Here you read it, accept it or turn it down:") + "\n" + links.PLACE
        closing = _("Yours sincerely,") + "\n" + _us(quote)
        return "\n\n".join([_("Dear Sir or Madam,"), " ".join(about), asked, closing])


def _number(quote: Quote) -> str:
    return str(quote) if quote.number is not None else NUMBER


def _us(quote: Quote) -> str:
    return quote.organisation.legal_name or quote.organisation.name


def file_for(session: Session, letter: Letter) -> Attachment | None:
    """Return the file of the quote that a letter brings, None while it is not made."""
    quote = access.get(session, Quote, letter.record_id)
    return quote.file if quote is not None else None


def with_link(session: Session, letter: Letter) -> str:
    """Return a letter's text as it leaves: with the link, or a dash where that has ended meanwhile."""
    quote = access.get(session, Quote, letter.record_id)
    link = links.url(quote, public_url=offices.ready(has_own=True).public_url) if quote is not None else None
    return letter.body.replace(links.PLACE, link or "—")
