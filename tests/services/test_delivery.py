"""Deliveries and the state of their order: parts, returns, tolerance, what is refused and changes nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.errors import DomainError, Refusals
from app.models.delivery import Delivery, DeliveryState
from app.models.party import AddressUsage, PartyAddress
from app.models.sale_order import OrderState, SaleOrder
from app.services import delivery as deliveries
from app.services import invoice as invoices
from app.services import order_progress as progress
from app.services import sale_order as orders

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")


@pytest.fixture
def order(session, made) -> SaleOrder:
    """Three things and two kilograms, confirmed."""
    made_one = made.order(("3", "10.00"), ("2", "5.00"))
    orders.confirm(session, made_one, at=NOON)
    return made_one


def errors(caught) -> dict[str, list[str]]:
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


def told(session, order) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Planned, delivered and returned of each line."""
    return [(each.planned, each.delivered, each.returned) for each in progress.moved(session, order).values()]


def test_a_delivery_takes_all_that_is_open_to_the_customers_address(session, made, order):
    order.party.addresses.append(PartyAddress(usage=AddressUsage.delivery, street="Kade 7", city="Delft", country="NL"))
    one = deliveries.plan(session, order, at=NOON, on=date(2026, 4, 2))
    assert (one.state, one.planned_on, one.street, one.city) == ("planned", date(2026, 4, 2), "Kade 7", "Delft")
    assert [(line.order_line.text, line.quantity) for line in one.lines] == [("Line 1", D(3)), ("Line 2", D(2))]
    assert (one.number, one.owner_id, order.state) == (None, order.owner_id, OrderState.confirmed)
    with pytest.raises(DomainError, match="delivered or planned already"):
        deliveries.plan(session, order, at=NOON)
    assert session.scalar(select(func.count()).select_from(Delivery)) == 1


def test_parts_are_delivered_and_the_order_follows(session, order):
    first, second = order.lines
    one = deliveries.plan(session, order, at=NOON, lines={first.id: D(2)})
    deliveries.ship(session, one, at=NOON, carrier="Post", tracking_number="T 1")
    assert (one.state, one.number, one.carrier, order.state) == ("shipped", "D-2026-00001", "Post", "confirmed")
    assert told(session, order) == [(D(2), D(0), D(0)), (D(0), D(0), D(0))]
    deliveries.deliver(session, one, at=NOON)
    assert (one.delivered_at, order.state) == (NOON, OrderState.in_progress)
    deliveries.finish(session, order, at=NOON)
    assert order.state == OrderState.fulfilled
    assert told(session, order) == [(D(0), D(3), D(0)), (D(0), D(2), D(0))]
    invoices.issue(session, orders.invoice(session, order), at=NOON)
    assert order.state == OrderState.closed
    assert second.quantity == D(2)


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("3.000001", "At most 3 of this line can still be delivered"),
        ("-1", "At most 3 of this line can still be delivered"),
        ("0.5", "“Piece” is counted in whole numbers"),
    ],
)
def test_more_than_ordered_or_parts_of_a_piece_are_refused_at_their_line(session, order, quantity, text):
    with pytest.raises(DomainError) as caught:
        deliveries.plan(session, order, at=NOON, lines={order.lines[0].id: D(quantity)})
    assert errors(caught) == {"lines-0-quantity": [text]}
    assert session.scalar(select(func.count()).select_from(Delivery)) == 0


def test_a_tolerance_lets_a_little_more_go_out_and_onto_the_invoice(session, order):
    order.organisation.over_percent = D(50)
    session.flush()
    line = order.lines[1]
    one = deliveries.plan(session, order, at=NOON, lines={line.id: D(3)})
    deliveries.deliver(session, one, at=NOON)
    with pytest.raises(DomainError, match="At most 0"):
        deliveries.plan(session, order, at=NOON, lines={line.id: D(1)})
    draft = orders.invoice(session, order, lines={line.id: D(3)})
    assert [(each.quantity, each.net) for each in draft.lines] == [(D(3), D("15.00"))]


def test_nothing_leaves_before_the_confirmation_and_no_line_of_another_order(session, made, order):
    draft = made.order(party=order.party)
    with pytest.raises(DomainError, match="Confirm the order"):
        deliveries.plan(session, draft, at=NOON)
    with pytest.raises(DomainError, match="not of this order"):
        deliveries.plan(session, order, at=NOON, lines={draft.lines[0].id: D(1)})
    with pytest.raises(DomainError, match="at least one line"):
        deliveries.plan(session, order, at=NOON, lines={order.lines[0].id: D(0)})


def test_what_comes_back_is_never_more_than_was_delivered(session, order):
    first, second = order.lines
    one = deliveries.plan(session, order, at=NOON)
    with pytest.raises(DomainError, match="Only what was delivered"):
        deliveries.take_back(session, one, reason="Broken", at=NOON)
    deliveries.deliver(session, one, at=NOON)
    assert order.state == OrderState.fulfilled
    back = deliveries.take_back(session, one, reason="Broken", at=NOON, lines={first.id: D(2)})
    assert (order.state, told(session, order)[0]) == (OrderState.fulfilled, (D(0), D(3), D(0)))
    with pytest.raises(DomainError) as caught:
        deliveries.take_back(session, one, reason="Broken", at=NOON, lines={first.id: D(2)})
    assert errors(caught) == {"lines-0-quantity": ["At most 1 of this line can come back"]}
    deliveries.deliver(session, back, at=NOON)
    assert (order.state, told(session, order)[0]) == (OrderState.in_progress, (D(0), D(3), D(2)))
    again = deliveries.plan(session, order, at=NOON)
    assert [(line.order_line, line.quantity) for line in again.lines] == [(first, D(2))]
    with pytest.raises(DomainError, match="Only what was delivered"):
        deliveries.take_back(session, back, reason="Broken", at=NOON)
    rest = deliveries.take_back(session, one, reason="All of it", at=NOON)
    assert [(line.order_line, line.quantity) for line in rest.lines] == [(first, D(1)), (second, D(2))]
    with pytest.raises(DomainError, match="come back already"):
        deliveries.take_back(session, one, reason="More", at=NOON)


def test_a_cancelled_delivery_is_open_again_and_needs_a_reason(session, order):
    one = deliveries.plan(session, order, at=NOON)
    with pytest.raises(DomainError, match="Say why"):
        deliveries.cancel(session, one, reason=" ")
    assert one.state == DeliveryState.planned
    deliveries.cancel(session, one, reason="Wrong address")
    assert (one.state, one.reason) == (DeliveryState.cancelled, "Wrong address")
    assert told(session, order) == [(D(0), D(0), D(0))] * 2
    with pytest.raises(DomainError, match="while the state is “Cancelled”"):
        deliveries.deliver(session, one, at=NOON)


def test_an_order_with_goods_on_their_way_is_neither_cancelled_nor_reopened(session, order):
    one = deliveries.plan(session, order, at=NOON)
    with pytest.raises(DomainError, match="delivered or planned"):
        orders.cancel(session, order, reason="No")
    with pytest.raises(DomainError, match="delivered or planned"):
        orders.reopen(session, order)
    assert order.state == OrderState.confirmed
    deliveries.cancel(session, one, reason="No")
    orders.reopen(session, order)
    order.lines.pop()
    with session.no_autoflush, pytest.raises(DomainError) as caught:
        orders.save(session, order)
    assert errors(caught) == {"lines": ["A line that stands on a delivery, be it a cancelled one, is not deleted"]}


def test_an_order_is_closed_early_for_a_reason_and_opened_where_it_stands(session, order):
    with pytest.raises(DomainError, match="Say why"):
        orders.close(session, order, reason="")
    one = deliveries.plan(session, order, at=NOON, lines={order.lines[0].id: D(1)})
    deliveries.deliver(session, one, at=NOON)
    orders.close(session, order, reason="The rest is not wanted")
    assert (order.state, order.closed_reason) == (OrderState.closed, "The rest is not wanted")
    with pytest.raises(DomainError, match="Confirm the order"):
        deliveries.plan(session, order, at=NOON)
    orders.reopen(session, order)
    assert (order.state, order.closed_reason) == (OrderState.in_progress, None)


def test_what_left_keeps_its_address_and_its_lines(session, order):
    one = deliveries.plan(session, order, at=NOON)
    one.city = "Gouda"
    deliveries.save(session, one)
    deliveries.ship(session, one, at=NOON)
    one.tracking_number = "T 2"
    deliveries.save(session, one)
    one.city = "Delft"
    with session.no_autoflush, pytest.raises(DomainError, match="not changed"):
        deliveries.save(session, one)
    with pytest.raises(DomainError, match="planned delivery"):
        deliveries.remove(session, one)


def test_late_is_what_should_have_arrived(session, order):
    first, second = order.lines
    early = deliveries.plan(session, order, at=NOON, on=date(2026, 4, 1), lines={first.id: D(1)})
    deliveries.plan(session, order, at=NOON, on=date(2026, 4, 3), lines={first.id: D(1)})
    done = deliveries.plan(session, order, at=NOON, on=date(2026, 4, 1), lines={second.id: D(1)})
    deliveries.deliver(session, done, at=NOON)
    assert session.scalars(deliveries.late(date(2026, 4, 2))).all() == [early]
