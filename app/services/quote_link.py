"""The customer's own page of a quote: its link, who may follow it, and the answer that ends it.

The part that nobody can guess is worked out from a random number in the row and the installation's key, so the worker
can write it into a letter and the database holds its hash alone: neither the row nor the letter tells it. Whatever is
wrong with a link (unknown, used, revoked, over, replaced) looks the same from outside.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.quote import QUOTE_MOVES, Quote, QuoteState
from app.roles import Scope
from app.services import access, sealing
from app.services import document as documents
from app.services import period as periods
from app.services.access import Actor
from app.services.text import is_blank, line

PLACE = "{link}"  # where a letter that waits keeps the place of its link
GUEST = Actor(None, "customer", Scope.none)
_NONCE = 16  # bytes
_LENGTH = 64  # hexadecimal digits of a token
NAME_LENGTH, REASON_LENGTH, AGENT_LENGTH = 120, 500, 250


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer: who gives it, why not, and from where it came."""

    name: str
    reason: str | None = None
    address: str | None = None
    agent: str | None = None


def make(quote: Quote) -> None:
    """Give a quote a new link; the one before ends."""
    quote.link_nonce = secrets.token_hex(_NONCE)
    quote.link_sha256 = _digest(_token(quote.link_nonce))
    quote.link_ended_at = None


def end(quote: Quote, *, at: datetime) -> None:
    """Let the link of a quote lead nowhere any more."""
    if quote.link_sha256 is not None and quote.link_ended_at is None:
        quote.link_ended_at = at


def is_alive(quote: Quote) -> bool:
    """Say whether a quote has a link that works, as far as its row says."""
    return quote.state == QuoteState.sent and quote.link_sha256 is not None and quote.link_ended_at is None


def url(quote: Quote, *, public_url: str) -> str | None:
    """Return the address of the customer's page, None when there is none."""
    if not is_alive(quote) or quote.link_nonce is None:
        return None
    return f"{public_url.rstrip('/')}/q/{_token(quote.link_nonce)}"


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
    quote.answered_address = (said.address or "")[:45] or None
    quote.answered_agent = _plain(said.agent or "")[:AGENT_LENGTH] or None
    quote.rejected_reason = reason if to == QuoteState.rejected else None


def _find(session: Session, token: str, *, at: datetime) -> Quote:
    if len(token) != _LENGTH or not token.isascii():
        raise NotFound
    wanted = select(Quote).where(
        Quote.link_sha256 == _digest(token), Quote.link_ended_at.is_(None), Quote.state == QuoteState.sent
    )
    quote = session.scalars(wanted).one_or_none()
    if quote is None or quote.valid_until is None or quote.valid_until < periods.today(quote.organisation, at):
        raise NotFound
    return quote


def _token(nonce: str) -> str:
    return sealing.fingerprint(f"quote link {nonce}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _plain(text: str) -> str:
    """Return what a browser says of itself without anything that is not a letter or sign."""
    return "".join(char for char in text if char.isprintable())
