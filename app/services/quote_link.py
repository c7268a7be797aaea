"""The customer's own page of a quote: its link, who may follow it, and the answer that ends it.

How such a link is made is told in services.public_link. Whatever is wrong with one (unknown, used, revoked, over,
replaced) looks the same from outside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.quote import QUOTE_MOVES, Quote, QuoteState
from app.services import access, public_link
from app.services import document as documents
from app.services import period as periods
from app.services.public_link import GUEST, NAME_LENGTH, PLACE, REASON_LENGTH, Said, end
from app.services.text import is_blank, line

__all__ = ["NAME_LENGTH", "PLACE", "REASON_LENGTH", "Said", "answer", "end", "followed", "is_alive", "make", "url"]

_KIND = "quote"


def make(quote: Quote) -> None:
    """Give a quote a new link; the one before ends."""
    public_link.make(quote, kind=_KIND)


def is_alive(quote: Quote) -> bool:
    """Say whether a quote has a link that works, as far as its row says."""
    return quote.state == QuoteState.sent and public_link.is_there(quote)


def url(quote: Quote, *, public_url: str) -> str | None:
    """Return the address of the customer's page, None when there is none."""
    return public_link.url(quote, kind=_KIND, public_url=public_url, base="/q") if is_alive(quote) else None


@contextmanager
def followed(session: Session, token: str, *, at: datetime) -> Iterator[Quote]:
    """Read a quote as whoever follows its link: that quote and what it names, nothing else is asked for inside.

    Raises NotFound for any link that does not work.
    """
    with (
        access.acting(session, GUEST),
        access.everything(session, why="who follows a quote's link is no user, and sees that quote"),
    ):
        yield _find(session, token, at=at)


def answer(session: Session, token: str, to: QuoteState, said: Said, *, at: datetime) -> None:
    """Accept or reject a quote by its link, once. Raises NotFound when the link does not work (any more)."""
    with followed(session, token, at=at) as quote:
        documents.lock(session, quote)
        note(quote, to, said, at=at)
        session.flush()


def note(quote: Quote, to: QuoteState, said: Said, *, at: datetime) -> None:
    """Write an answer down; the link ends with it. Raises DomainError at "name" or "reason"."""
    name = line(said.name or "", limit=NAME_LENGTH, field="name")
    if is_blank(name):
        raise DomainError(_("Give your name"), field="name")
    reason = line(said.reason or "", limit=REASON_LENGTH, field="reason")
    if to == QuoteState.rejected and is_blank(reason):
        raise DomainError(_("Say why"), field="reason")
    move(QUOTE_MOVES, quote, to)
    end(quote, at=at)
    quote.answered_at, quote.answered_name = at, name
    quote.answered_address, quote.answered_agent = said.known_address, said.known_agent
    quote.rejected_reason = reason if to == QuoteState.rejected else None


def _find(session: Session, token: str, *, at: datetime) -> Quote:
    wanted = select(Quote).where(
        Quote.link_sha256 == public_link.hashed(token), Quote.link_ended_at.is_(None), Quote.state == QuoteState.sent
    )
    quote = session.scalars(wanted).one_or_none()
    if quote is None or quote.valid_until is None or quote.valid_until < periods.today(quote.organisation, at):
        raise NotFound
    return quote
