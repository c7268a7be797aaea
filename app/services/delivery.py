"""Deliveries: planned from an order, shipped, delivered, taken back; never more than was ordered."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.delivery import DELIVERY_MOVES, Delivery, DeliveryKind, DeliveryLine, DeliveryState
from app.models.number_series import SeriesKind
from app.models.party import AddressUsage, Party
from app.models.sale_order import UNDER_WAY, SaleOrder
from app.outbox import enqueue
from app.search import search_text
from app.services import access
from app.services import document as documents
from app.services import number as numbers
from app.services import order_progress as progress
from app.services import period as periods
from app.services import unit as units
from app.services.access import Actor
from app.services.collected import Collected
from app.services.text import is_blank, line, lines

FILE = "delivery.render"  # the topic of the job that makes a delivery note
ZERO = Decimal(0)
_ADDRESSES = (AddressUsage.delivery, AddressUsage.postal, AddressUsage.legal, AddressUsage.billing)
_PLACE = ("street", "postal_code", "city", "region", "country")
_LIMITS = {"carrier": 120, "tracking_number": 80, "street": 250, "postal_code": 20, "city": 120, "region": 120}
_NOTE_LENGTH = 20_000
# What may change on the way: how it travels and what is said of it, not what is in it nor where it goes.
_FREE = frozenset(
    {"planned_on", "carrier", "tracking_number", "note", "owner_id", "team_id", "search_text", "version", "changed_at"}
)


def save(session: Session, delivery: Delivery) -> None:
    """Judge a delivery and add it to the session. Raises Refusals by field; nothing is changed then."""
    with session.no_autoflush:
        if delivery.state not in {None, DeliveryState.planned}:
            text = _("A delivery that has left is not changed; take back what comes back")
            documents.refuse_changes(delivery, free=_FREE, text=text)  # type: ignore[arg-type]  # it has lines too
        found = Collected()
        values = {name: found.take(name, partial(_short, delivery, name)) for name in _LIMITS}
        values["note"] = found.take("note", lambda: lines(delivery.note or "", limit=_NOTE_LENGTH) or None)
        found.settle()
        documents.put(delivery, values)
        known = (delivery.number, delivery.order.number, delivery.party.name, delivery.tracking_number)
        documents.put(delivery, {"search_text": search_text(known)})
        session.add(delivery)


def _short(delivery: Delivery, name: str) -> str | None:
    return line(getattr(delivery, name) or "", limit=_LIMITS[name]) or None


def remove(session: Session, delivery: Delivery) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether a delivery may be deleted: DomainError unless it is planned only."""
    if delivery.state != DeliveryState.planned:
        raise DomainError(_("Only a planned delivery can be deleted"), field="state")


# --- planning ---------------------------------------------------------------------------------------------------------


def plan(
    session: Session,
    order: SaleOrder,
    *,
    at: datetime,
    on: date | None = None,
    lines: Mapping[int, Decimal] | None = None,
    carrier: str | None = None,
) -> Delivery:
    """Plan a delivery of all that is open of an order, or of quantities by the ids of its lines, and return it.

    Raises DomainError when the order is not under way or nothing is open, Refusals ("lines-0-quantity") for more than
    may go out.
    """
    refuse_plan(order)
    documents.lock(session, order)  # two at once would deliver everything twice
    wanted = _wanted(session, order, lines)
    delivery = Delivery(
        kind=DeliveryKind.out,
        planned_on=on or order.delivery_on or periods.today(order.organisation, at),
        carrier=carrier,
        **_address(order.party),
    )
    return _made(session, delivery, order, wanted)


def refuse_plan(order: SaleOrder) -> None:
    """Raise DomainError unless an order is under way."""
    if order.state not in UNDER_WAY:
        raise DomainError(_("Confirm the order before it is delivered"), field="state")


def open_quantities(order: SaleOrder, done: Mapping[int, progress.Moved]) -> dict[int, Decimal]:
    """Return what is neither planned nor delivered yet of each line; lines that come back are never open."""
    return {each.id: max(each.quantity - done[each.id].taken, ZERO) for each in order.lines}


def refuse_nothing_open(order: SaleOrder, done: Mapping[int, progress.Moved]) -> None:
    """Raise DomainError when an order is not under way, or nothing of it is open."""
    refuse_plan(order)
    if not any(open_quantities(order, done).values()):
        raise DomainError(_("Everything of this order is delivered or planned already"), field="lines")


def _wanted(session: Session, order: SaleOrder, given: Mapping[int, Decimal] | None) -> dict[int, Decimal]:
    done = progress.moved(session, order)
    if given is None:
        refuse_nothing_open(order, done)
        return {key: each for key, each in open_quantities(order, done).items() if each}
    allowed = {each.id: max(progress.most(each) - done[each.id].taken, ZERO) for each in order.lines}
    return chosen(order, given, allowed, _("At most %(left)s of this line can still be delivered"))


def chosen(
    order: SaleOrder, given: Mapping[int, Decimal], allowed: Mapping[int, Decimal], text: str
) -> dict[int, Decimal]:
    """Return the quantities above zero that somebody chose of an order's lines.

    Raises DomainError at "lines" for none, Refusals ("lines-0-quantity", counted by the order's lines) for what no line
    has, or what cannot be counted in its unit.
    """
    if given.keys() - allowed.keys():
        raise DomainError(_("These lines are not of this order"), field="lines")
    found = Collected()
    for place, each in enumerate(order.lines):
        asked, field = given.get(each.id) or ZERO, f"lines-{place}-quantity"
        if asked < 0 or asked > allowed[each.id]:
            found.refuse(field, text % {"left": money.plain(allowed[each.id])})
        elif each.unit is not None and asked:
            found.take(field, partial(units.refuse_parts, each.unit, asked))
    found.settle()
    wanted = {key: Decimal(quantity) for key, quantity in given.items() if quantity}
    if not wanted:
        raise DomainError(_("Give the quantity of at least one line"), field="lines")
    return wanted


def _address(party: Party) -> dict[str, str | None]:
    """Return where a party's goods go: the first of its addresses that says a street or a town."""
    for usage in _ADDRESSES:
        for address in party.addresses:
            if address.usage == usage and (address.street or address.city):
                place = {name: getattr(address, name) for name in _PLACE}
                return place | {"country": place["country"] or party.country}
    return {"country": party.country}


def _made(session: Session, delivery: Delivery, order: SaleOrder, wanted: Mapping[int, Decimal]) -> Delivery:
    with session.no_autoflush:
        delivery.state = DeliveryState.planned
        delivery.order, delivery.party, delivery.organisation = order, order.party, order.organisation
        delivery.owner_id, delivery.team_id = order.owner_id, order.team_id
        rows = [each for each in order.lines if wanted.get(each.id)]
        delivery.lines = [
            DeliveryLine(order_line=each, position=place, quantity=wanted[each.id])
            for place, each in enumerate(rows, start=1)
        ]
        save(session, delivery)
    session.flush()
    return delivery


# --- on the way -------------------------------------------------------------------------------------------------------


def ship(
    session: Session,
    delivery: Delivery,
    *,
    at: datetime,
    by: Actor | None = None,
    carrier: str | None = None,
    tracking_number: str | None = None,
) -> None:
    """Note that a delivery has left; the delivery note is made."""
    refuse(DELIVERY_MOVES, delivery, DeliveryState.shipped)
    _hold(session, delivery)
    with session.no_autoflush:
        delivery.carrier = carrier or delivery.carrier
        delivery.tracking_number = tracking_number or delivery.tracking_number
        _take_number(session, delivery, at=at)
        delivery.shipped_at = at
        save(session, delivery)
        move(DELIVERY_MOVES, delivery, DeliveryState.shipped)
    session.flush()
    _ask_for_note(session, delivery, at=at, by=by)


def deliver(session: Session, delivery: Delivery, *, at: datetime, by: Actor | None = None) -> None:
    """Note that a delivery has arrived: from then on it counts."""
    refuse(DELIVERY_MOVES, delivery, DeliveryState.delivered)
    _hold(session, delivery)
    is_new = delivery.number is None
    with session.no_autoflush:
        _take_number(session, delivery, at=at)
        delivery.delivered_at = at
        move(DELIVERY_MOVES, delivery, DeliveryState.delivered)
    session.flush()
    progress.follow(session, delivery.order)
    if is_new:
        _ask_for_note(session, delivery, at=at, by=by)


def cancel(session: Session, delivery: Delivery, *, reason: str) -> None:
    """Give a delivery up that has not arrived, for a reason; what was in it is open again."""
    refuse(DELIVERY_MOVES, delivery, DeliveryState.cancelled)
    delivery.reason = _why(reason)
    _hold(session, delivery)
    move(DELIVERY_MOVES, delivery, DeliveryState.cancelled)
    session.flush()
    progress.follow(session, delivery.order)


def finish(session: Session, order: SaleOrder, *, at: datetime, by: Actor | None = None) -> None:
    """Note that everything open of an order has reached the customer: services and what is carried away too."""
    deliver(session, plan(session, order, at=at, on=periods.today(order.organisation, at)), at=at, by=by)


def refuse_finish(order: SaleOrder, done: Mapping[int, progress.Moved]) -> None:
    """Raise DomainError when nothing is open of an order; what is planned arrives by its own delivery."""
    refuse_nothing_open(order, done)


def _hold(session: Session, delivery: Delivery) -> None:
    """Lock the order, then the delivery: whatever changes what is open waits for its turn."""
    documents.lock(session, delivery.order)
    documents.lock(session, delivery)  # type: ignore[arg-type]  # it has a state and a version like a document


def _take_number(session: Session, delivery: Delivery, *, at: datetime) -> None:
    if delivery.number is not None:
        return
    series = numbers.ensured(session, delivery.organisation, SeriesKind.delivery)
    today = periods.today(delivery.organisation, at)
    delivery.series = series
    delivery.number = numbers.take(session, series, on=today, today=today).text
    delivery.search_text += search_text([delivery.number])


def _ask_for_note(session: Session, delivery: Delivery, *, at: datetime, by: Actor | None) -> None:
    if not delivery.is_return:
        enqueue(session, FILE, delivery.id, due_at=at, actor_id=by.user_id if by is not None else None)


# --- coming back ------------------------------------------------------------------------------------------------------


def take_back(
    session: Session, delivery: Delivery, *, reason: str, at: datetime, lines: Mapping[int, Decimal] | None = None
) -> Delivery:
    """Plan the return of all that is left of a delivery, or of quantities by the ids of the order's lines.

    Raises DomainError or Refusals ("lines-0-quantity") for more than was delivered and has not come back.
    """
    words = _why(reason)
    refuse_take_back(delivery)
    _hold(session, delivery)
    left = left_to_return(session, delivery)
    wanted = _back(delivery, left, lines)
    back = Delivery(
        kind=DeliveryKind.back,
        returns=delivery,
        reason=words,
        planned_on=periods.today(delivery.organisation, at),
        **{name: getattr(delivery, name) for name in _PLACE},
    )
    return _made(session, back, delivery.order, wanted)


def refuse_take_back(delivery: Delivery) -> None:
    """Raise DomainError for what has not arrived, or is a return itself."""
    if delivery.is_return or delivery.state != DeliveryState.delivered:
        raise DomainError(_("Only what was delivered comes back"), field="state")


def left_to_return(session: Session, delivery: Delivery) -> dict[int, Decimal]:
    """Return how much of each line of a delivery has not come back and is not on its way back."""
    left = {each.order_line_id: each.quantity for each in delivery.lines}
    standing = select(DeliveryLine.order_line_id, DeliveryLine.quantity).join(Delivery)
    of_it = standing.where(Delivery.returns_id == delivery.id, Delivery.state != DeliveryState.cancelled)
    with access.everything(session, why="what has come back does not depend on who asks"):
        for key, quantity in session.execute(of_it):
            left[key] -= quantity
    return left


def _back(delivery: Delivery, left: Mapping[int, Decimal], given: Mapping[int, Decimal] | None) -> dict[int, Decimal]:
    if given is None:
        wanted = {key: quantity for key, quantity in left.items() if quantity}
        if not wanted:
            raise DomainError(_("Everything of this delivery has come back already"), field="lines")
        return wanted
    allowed = {each.id: left.get(each.id, ZERO) for each in delivery.order.lines}
    return chosen(delivery.order, given, allowed, _("At most %(left)s of this line can come back"))


def _why(reason: str) -> str:
    words = line(reason, limit=500, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    return words


def late(on: date) -> Select[Delivery]:
    """Return the deliveries that should have arrived before a day, the oldest first."""
    return (
        select(Delivery)
        .where(Delivery.state.in_((DeliveryState.planned, DeliveryState.shipped)), Delivery.planned_on < on)
        .order_by(Delivery.planned_on, Delivery.id)
    )
