"""Quotes: drawn up, sent, answered, replaced by a later version, made an order."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.number_series import NumberSeries, SeriesKind
from app.models.organisation import Organisation
from app.models.quote import QUOTE_MOVES, Quote, QuoteLine, QuoteState
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.outbox import enqueue
from app.search import search_text
from app.services import access
from app.services import document as documents
from app.services import number as numbers
from app.services import period as periods
from app.services import quote_link as links
from app.services import sale_order as orders
from app.services.access import Actor
from app.services.collected import Collected
from app.services.text import is_blank, line

FILE = "quote.render"  # the topic of the job that makes a quote's file
USUAL = timedelta(days=30)  # how long a quote is valid that does not say so
PORTION = 200
# What may change when a quote is sent: nothing that was offered.
_FREE = frozenset({"owner_id", "team_id", "search_text", "version", "changed_at"})
_COPIED = (
    "organisation",
    "party",
    "deal",
    "contract",
    "owner_id",
    "team_id",
    "payment_term",
    "buyer_reference",
    "currency",
)
_PRICING = ("prices_include_tax", "returns", "discount", "charge", "note", "delivery_on")
LINE = ("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax", "price_steps", "parameters")


def save(session: Session, quote: Quote) -> None:
    """Judge and price a quote and add it to the session; one that is sent keeps what it says.

    Raises Refusals with everything that is wrong, by field ("lines-0-quantity"); nothing is changed then.
    """
    with session.no_autoflush:
        quote.state = quote.state or QuoteState.draft
        if quote.state != QuoteState.draft:
            documents.refuse_changes(
                quote, free=_FREE, text=_("A quote that is sent is not changed; make a new version")
            )
            session.add(quote)
            return
        found = Collected()
        about = documents.head(session, quote, found)
        resolved = []
        if about is not None:
            about.values["language"] = documents.written_in(quote, about, found)
            resolved = documents.resolve(session, quote, about, found, day=quote.delivery_on)
        found.settle()
        assert about is not None  # noqa: S101 -- its absence was refused
        priced = documents.price(about, resolved)
        party = about.party
        quote.search_text = search_text([quote.number, party.name, party.tax_number, about.values["buyer_reference"]])
        documents.store(session, quote, about, resolved, priced)


def remove(session: Session, quote: Quote) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether a quote may be deleted: DomainError once it was sent."""
    if quote.state != QuoteState.draft:
        raise DomainError(_("Only a draft can be deleted; a quote that was sent stays"), field="state")


# --- sending ----------------------------------------------------------------------------------------------------------


def release(session: Session, quote: Quote, *, at: datetime, by: Actor | None = None) -> None:
    """Make a draft a quote that stands: number, days, link, file; the version before it is replaced.

    Raises DomainError when it is empty, no draft, valid until a day that is over, or the version before was accepted.
    """
    today = periods.today(quote.organisation, at)
    refuse_release(quote, today)
    before = quote.replaces
    documents.lock(session, quote, before)
    if before is not None:
        session.refresh(before)  # it may have been answered meanwhile
        _refuse_replacing(before)
    series = _series(session, quote)
    if before is not None:
        links.end(before, at=at)
        move(QUOTE_MOVES, before, QuoteState.replaced)
        session.flush()
    with session.no_autoflush:  # it becomes another one in a single statement
        quote.sent_on = today
        quote.valid_until = quote.valid_until or today + USUAL
        quote.series = series
        quote.number = before.number if before is not None else None
        links.make(quote)
        if quote.number is None:
            quote.number = numbers.take(session, series, on=today, today=today).text
        quote.search_text += search_text([quote.number])
        move(QUOTE_MOVES, quote, QuoteState.sent)
    session.flush()
    enqueue(session, FILE, quote.id, due_at=at, actor_id=by.user_id if by is not None else None)


def refuse_release(quote: Quote, today: date) -> None:
    """Raise DomainError when a quote is no draft, empty, or would be over before it is read."""
    refuse(QUOTE_MOVES, quote, QuoteState.sent)
    if not quote.lines:
        raise DomainError(_("A quote needs at least one line"), field="lines")
    if quote.valid_until is not None and quote.valid_until < today:
        raise DomainError(_("It would have expired already"), field="valid_until")
    _refuse_replacing(quote.replaces)


def _refuse_replacing(before: Quote | None) -> None:
    if before is not None and before.state == QuoteState.accepted:
        raise DomainError(_("The version before this one is accepted; make an order of it"), field="state")


def _series(session: Session, quote: Quote) -> NumberSeries:
    before = quote.replaces
    series = before.series if before is not None else None
    return series or quote.series or numbers.ensured(session, quote.organisation, SeriesKind.quote)


def revoke(session: Session, quote: Quote, *, at: datetime) -> None:
    """End the customer's link; the quote stands, and a person notes the answer."""
    refuse_revoke(quote)
    documents.lock(session, quote)
    links.end(quote, at=at)
    session.flush()


def refuse_revoke(quote: Quote) -> None:
    """Raise DomainError when a quote has no link that works."""
    if not links.is_alive(quote):
        raise DomainError(_("This quote has no link that works"), field="state")


def renew(session: Session, quote: Quote) -> None:
    """Make another link for a quote that stands; the one before ends."""
    refuse_unless_sent(quote)
    documents.lock(session, quote)
    links.make(quote)
    session.flush()


def refuse_unless_sent(quote: Quote) -> None:
    """Raise DomainError unless a quote waits for its answer."""
    if quote.state != QuoteState.sent:
        refuse(QUOTE_MOVES, quote, QuoteState.replaced)
        raise DomainError(_("This quote does not wait for an answer any more"), field="state")


# --- answers ----------------------------------------------------------------------------------------------------------


def accept(session: Session, quote: Quote, *, at: datetime, by: Actor | None = None, name: str | None = None) -> None:
    """Note that the customer has accepted, as one of us was told; `name` is who said so."""
    refuse(QUOTE_MOVES, quote, QuoteState.accepted)
    _answer(session, quote, QuoteState.accepted, at=at, by=by, name=name)


def reject(
    session: Session, quote: Quote, *, reason: str, at: datetime, by: Actor | None = None, name: str | None = None
) -> None:
    """Note that the customer does not want it, and why."""
    refuse(QUOTE_MOVES, quote, QuoteState.rejected)
    _answer(session, quote, QuoteState.rejected, at=at, by=by, name=name, reason=reason)


def _answer(
    session: Session,
    quote: Quote,
    to: QuoteState,
    *,
    at: datetime,
    by: Actor | None,
    name: str | None,
    reason: str | None = None,
) -> None:
    given = line(name or "", limit=120, field="name")
    said_by = quote.party.name[:120] if is_blank(given) else given
    documents.lock(session, quote)
    links.note(quote, to, links.Said(name=said_by, reason=reason), at=at)
    quote.answered_by_id = by.user_id if by is not None else None
    session.flush()


# --- later versions and orders ----------------------------------------------------------------------------------------


def new_version(session: Session, quote: Quote) -> Quote:
    """Make the draft that will replace a quote: the same words, to be changed; there is one at a time."""
    refuse_new_version(session, quote)
    documents.lock(session, quote)
    draft = Quote(
        state=QuoteState.draft,
        edition=quote.edition + 1,
        replaces=quote,
        language=quote.language,
        **{name: getattr(quote, name) for name in (*_COPIED, *_PRICING)},
    )
    with session.no_autoflush:
        draft.lines = [QuoteLine(**{name: getattr(each, name) for name in LINE}) for each in quote.lines]
        save(session, draft)
    session.flush()
    return draft


def refuse_new_version(session: Session, quote: Quote) -> None:
    """Raise DomainError for a draft, an accepted quote, or one that has a later version."""
    refuse(QUOTE_MOVES, quote, QuoteState.replaced)
    with access.everything(session, why="a quote has one later version, whoever made it"):
        later = session.scalar(select(exists().where(Quote.replaces_id == quote.id)))
    if later:
        raise DomainError(_("There is a later version of this quote already"), field="state")


def make_order(session: Session, quote: Quote) -> SaleOrder:
    """Make the draft order of an accepted quote, and return it."""
    refuse_order(session, quote)
    documents.lock(session, quote)
    order = SaleOrder(
        state=OrderState.draft,
        quote=quote,
        **{name: getattr(quote, name) for name in (*_COPIED, *_PRICING)},
    )
    with session.no_autoflush:
        order.lines = [SaleOrderLine(**{name: getattr(each, name) for name in LINE}) for each in quote.lines]
        orders.save(session, order)
    session.flush()
    return order


def refuse_order(session: Session, quote: Quote) -> None:
    """Raise DomainError unless a quote is accepted and has no order yet; a cancelled one does not count."""
    if quote.state != QuoteState.accepted:
        raise DomainError(_("An order is made of a quote that is accepted"), field="state")
    with access.everything(session, why="a quote becomes one order, whoever sees it"):
        standing = exists().where(SaleOrder.quote_id == quote.id, SaleOrder.state != OrderState.cancelled)
        if session.scalar(select(standing)):
            raise DomainError(_("There is an order of this quote already"), field="state")


# --- days -------------------------------------------------------------------------------------------------------------


def due(organisation: Organisation, on: date) -> Select[Quote]:
    """Return the quotes of an organisation that waited for an answer until a day that is over."""
    return (
        select(Quote)
        .where(Quote.state == QuoteState.sent, Quote.valid_until < on, Quote.organisation_id == organisation.id)
        .order_by(Quote.id)
    )


def expire_some(session: Session, *, at: datetime, most: int = PORTION) -> int:
    """Let quotes expire whose last day is over where their organisation is; return how many, at most `most`."""
    done = 0
    organisations: Iterable[Organisation] = session.scalars(select(Organisation).order_by(Organisation.id)).all()
    for organisation in organisations:
        found = due(organisation, periods.today(organisation, at)).limit(most - done).with_for_update(key_share=True)
        for quote in session.scalars(found).all():
            links.end(quote, at=at)
            move(QUOTE_MOVES, quote, QuoteState.expired)
            done += 1
    session.flush()
    return done
