"""Orders: what they obey when they are stored, confirmed and cancelled."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.lifecycle import move, refuse
from app.models.number_series import SeriesKind
from app.models.sale_order import ORDER_MOVES, OrderState, SaleOrder
from app.search import search_text
from app.services import document as documents
from app.services import margin
from app.services import number as numbers
from app.services import order_progress as progress
from app.services import period as periods
from app.services.collected import Collected
from app.services.invoicing import (
    invoice,
    invoiced_quantities,
    invoices_of,
    is_invoiced,
    refuse_all_invoiced,
    refuse_unconfirmed,
    stands_on_invoice,
)
from app.services.text import is_blank, line

__all__ = [
    "cancel",
    "close",
    "confirm",
    "invoice",
    "invoiced_quantities",
    "invoices_of",
    "is_invoiced",
    "refuse_all_invoiced",
    "refuse_cancel",
    "refuse_close",
    "refuse_confirm",
    "refuse_reopen",
    "refuse_unconfirmed",
    "remove",
    "reopen",
    "save",
    "to_deliver",
]

# What may change once an order is confirmed: nothing that was agreed.
_FREE = frozenset(
    {
        "note",
        "delivery_on",
        "buyer_reference",
        "owner_id",
        "team_id",
        "deal_id",
        "contract_id",
        "search_text",
        "version",
        "changed_at",
    }
)


def save(session: Session, order: SaleOrder) -> None:
    """Judge and price an order and add it to the session.

    A confirmed order keeps its lines and amounts: reopen it to change them. Raises Refusals with everything that is
    wrong, by field ("lines-0-quantity"); nothing is changed then.
    """
    with session.no_autoflush:
        order.state = order.state or OrderState.draft
        if order.state != OrderState.draft:
            documents.refuse_changes(order, free=_FREE, text=_("Reopen the order to change what was agreed"))
            session.add(order)
            return
        found = Collected()
        about = documents.head(session, order, found)
        resolved = []
        if about is not None:
            day = order.delivery_on or order.ordered_on
            resolved = documents.resolve(session, order, about, found, day=day)
        gone = documents.state_of(order).attrs.lines.history.deleted
        if gone and stands_on_invoice(session, gone):
            found.refuse("lines", _("A line that stands on an invoice, be it a credited one, is not deleted"))
        if gone and progress.stands_on_delivery(session, gone):
            found.refuse("lines", _("A line that stands on a delivery, be it a cancelled one, is not deleted"))
        found.settle()
        assert about is not None  # noqa: S101 -- its absence was refused
        priced = documents.price(about, resolved)
        order.search_text = _search_text(order, about)
        documents.store(session, order, about, resolved, priced)


def _search_text(order: SaleOrder, about: documents.Head) -> str:
    return search_text([order.number, about.party.name, about.party.tax_number, about.values["buyer_reference"]])


def confirm(session: Session, order: SaleOrder, *, at: datetime) -> None:
    """Make an order binding; the first confirmation gives it its number.

    Raises DomainError when it is empty or not a draft.
    """
    refuse_confirm(order)
    today = periods.today(order.organisation, at)
    series = order.series or numbers.default(session, order.organisation, SeriesKind.sale_order)
    if order.number is None and series is None:
        raise DomainError(_("There is no number series for orders yet"), field="series")
    documents.lock(session, order)
    move(ORDER_MOVES, order, OrderState.confirmed)
    order.ordered_on = order.ordered_on or today
    margin.take(session, order)
    if order.number is None and series is not None:
        session.flush()
        order.series = series
        order.number = numbers.take(session, series, on=today, today=today).text
        order.search_text += search_text([order.number])
    session.flush()


def refuse_confirm(order: SaleOrder) -> None:
    """Raise DomainError when an order is empty or no draft."""
    if order.state != OrderState.draft:  # others come back to "confirmed" too, but not by this act
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(order.state))
        raise DomainError(text, field="state")
    if not order.lines:
        raise DomainError(_("An order needs at least one line"), field="lines")


def cancel(session: Session, order: SaleOrder, *, reason: str = "") -> None:
    """Give an order up for a reason. Raises DomainError when something of it is invoiced, delivered or on its way."""
    refuse_cancel(order, invoiced_quantities(session, order))
    words = _why(reason)
    documents.lock(session, order)
    progress.refuse_delivered(session, order)
    order.cancelled_reason = words
    move(ORDER_MOVES, order, OrderState.cancelled)
    session.flush()


def reopen(session: Session, order: SaleOrder) -> None:
    """Make an order a draft again, with the number it has; a closed one goes back to where it stands.

    Raises DomainError when something of it is invoiced, delivered or on its way.
    """
    if order.state == OrderState.closed:
        documents.lock(session, order)
        order.closed_reason = None
        move(ORDER_MOVES, order, progress.standing(session, order, may_close=False))
        session.flush()
        return
    refuse_reopen(order, invoiced_quantities(session, order))
    documents.lock(session, order)
    progress.refuse_delivered(session, order)
    order.cancelled_reason = None
    margin.drop(order)
    move(ORDER_MOVES, order, OrderState.draft)
    session.flush()


def close(session: Session, order: SaleOrder, *, reason: str) -> None:
    """End an order before everything of it is delivered and invoiced, for a reason."""
    refuse_close(order)
    order.closed_reason = _why(reason)
    _move(session, order, OrderState.closed)


def refuse_close(order: SaleOrder) -> None:
    """Raise DomainError unless an order is under way."""
    refuse(ORDER_MOVES, order, OrderState.closed)


def _why(reason: str) -> str:
    words = line(reason, limit=500, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    return words


def _move(session: Session, order: SaleOrder, to: OrderState) -> None:
    documents.lock(session, order)
    move(ORDER_MOVES, order, to)
    session.flush()


def refuse_cancel(order: SaleOrder, done: Mapping[int, Decimal]) -> None:
    """Raise DomainError when an order cannot be given up, by what of its lines is invoiced."""
    refuse(ORDER_MOVES, order, OrderState.cancelled)
    _refuse_invoiced(done)


def refuse_reopen(order: SaleOrder, done: Mapping[int, Decimal]) -> None:
    """Raise DomainError when an order cannot be reopened, by what of its lines is invoiced."""
    if order.state == OrderState.closed:
        return
    refuse(ORDER_MOVES, order, OrderState.draft)
    _refuse_invoiced(done)


def _refuse_invoiced(done: Mapping[int, Decimal]) -> None:
    if any(done.values()):
        raise DomainError(_("Something of this order is invoiced; credit or delete its invoices first"), field="state")


def remove(session: Session, order: SaleOrder) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether an order may be deleted: DomainError once it had a number."""
    if order.number is not None or order.state != OrderState.draft:
        raise DomainError(_("Only a draft without a number can be deleted; cancel the order instead"), field="state")


def to_deliver(on: date) -> Select[SaleOrder]:
    """Return the confirmed orders whose delivery is due by a day."""
    return (
        select(SaleOrder)
        .where(SaleOrder.state == OrderState.confirmed, SaleOrder.delivery_on <= on)
        .order_by(SaleOrder.delivery_on, SaleOrder.id)
    )
