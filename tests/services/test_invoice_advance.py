"""Parts of an order on invoices, and down payments that a later invoice takes off."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.errors import DomainError, Refusals
from app.models.invoice import Invoice, InvoiceKind
from app.models.sale_order import OrderState, SaleOrder
from app.services import delivery as deliveries
from app.services import invoice as invoices
from app.services import invoice_advance as advances
from app.services import invoicing
from app.services import order_progress as progress
from app.services import sale_order as orders

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")


@pytest.fixture
def order(session, made) -> SaleOrder:
    made_one = made.order(("4", "25.00"), ("2", "50.00"))
    orders.confirm(session, made_one, at=NOON)
    return made_one


def issued(session, draft: Invoice) -> Invoice:
    session.flush()
    invoices.issue(session, draft, at=NOON)
    return draft


def test_a_part_is_invoiced_and_offered_is_what_was_delivered(session, order):
    first, second = order.lines
    assert invoicing.offered(session, order) == {first.id: D(4), second.id: D(2)}
    deliveries.deliver(session, deliveries.plan(session, order, at=NOON, lines={first.id: D(3)}), at=NOON)
    assert invoicing.offered(session, order) == {first.id: D(3), second.id: D(0)}
    part = orders.invoice(session, order, lines={first.id: D(3)})
    assert [(line.order_line_id, line.quantity) for line in part.lines] == [(first.id, D(3))]
    issued(session, part)
    assert order.state == OrderState.in_progress
    with pytest.raises(Refusals) as caught:
        orders.invoice(session, order, lines={first.id: D(2), second.id: D(3)})
    assert caught.value.errors == {
        "lines-0-quantity": ["At most 1 of this line can still be invoiced"],
        "lines-1-quantity": ["At most 2 of this line can still be invoiced"],
    }
    rest = orders.invoice(session, order)
    assert [(line.order_line_id, line.quantity) for line in rest.lines] == [(first.id, D(1)), (second.id, D(2))]
    assert part.net + rest.net == order.net


def test_the_orders_discount_is_shared_by_its_parts(session, made):
    order = made.order(("4", "25.00"), ("2", "50.00"), discount=D("20.00"))
    orders.confirm(session, order, at=NOON)
    first, _second = order.lines
    part = orders.invoice(session, order, lines={first.id: D(2)})
    rest = orders.invoice(session, order)
    assert (part.discount, rest.discount) == (D("5.00"), D("15.00"))
    assert part.gross + rest.gross == order.gross


def test_a_draft_that_somebody_made_larger_is_not_issued(session, order):
    draft = orders.invoice(session, order)
    draft.lines[0].quantity = D(5)
    invoices.save(session, draft)
    session.flush()
    with pytest.raises(Refusals) as caught:
        invoices.issue(session, draft, at=NOON)
    assert caught.value.errors == {"lines-0-quantity": ["More than is ordered is invoiced of this line, by 1"]}
    assert (draft.state, draft.number, order.state) == ("draft", None, OrderState.confirmed)


def test_a_down_payment_is_taxed_and_the_last_invoice_takes_it_off(session, order):
    ahead = advances.advance(session, order, percent=D(30))
    assert (ahead.is_advance, ahead.net, ahead.tax, ahead.gross) == (True, D("60.00"), D("12.60"), D("72.60"))
    issued(session, ahead)
    assert (order.state, order.gross) == (OrderState.confirmed, D("242.00"))
    last = orders.invoice(session, order)
    assert [(line.quantity, line.unit_price) for line in last.lines] == [(4, 25), (2, 50), (-1, 60)]
    assert last.lines[2].text == f"Less down payment: invoice {ahead.number} of 31 maart 2026"
    assert (last.net, last.tax, last.gross) == (D("140.00"), D("29.40"), D("169.40"))
    assert ahead.gross + last.gross == order.gross
    issued(session, last)
    assert advances.left_of(session, order) == []
    note = invoices.credit(session, last, reason="Wrong")
    assert note.gross == D("169.40")
    issued(session, note)
    assert [each.left for each in advances.left_of(session, order)] == [D("60.00")]


def test_two_parts_take_off_as_much_as_each_comes_to(session, order):
    issued(session, advances.advance(session, order, amount=D("181.50")))
    first, _second = order.lines
    part = orders.invoice(session, order, lines={first.id: D(4)})
    assert (part.lines[1].unit_price, part.gross) == (D("100.00"), D("0.00"))
    issued(session, part)
    rest = orders.invoice(session, order)
    assert (rest.lines[1].unit_price, rest.gross) == (D("50.00"), D("60.50"))


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({}, "percent"),
        ({"percent": D(10), "amount": D(10)}, "percent"),
        ({"percent": D(0)}, "percent"),
        ({"percent": D("100.5")}, "percent"),
        ({"amount": D(0)}, "amount"),
        ({"amount": D("242.01")}, "amount"),
    ],
)
def test_a_down_payment_that_is_none_is_refused_at_its_field(session, order, given_, field):
    with pytest.raises(DomainError) as caught:
        advances.advance(session, order, **given_)
    assert caught.value.field == field
    assert session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_down_payments_never_come_to_more_than_the_order(session, order):
    issued(session, advances.advance(session, order, percent=D(60)))
    with pytest.raises(DomainError, match=r"at most 96.80 is left"):
        advances.advance(session, order, percent=D(50))
    assert advances.advance(session, order, percent=D(40)).gross == D("96.80")


QUANTITIES = st.integers(min_value=0, max_value=5)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(["part", "all", "credit"]), QUANTITIES, QUANTITIES), max_size=6))
def test_invoiced_is_never_more_than_ordered_whatever_is_tried(session, made, acts):
    """Parts, whole rests and credit notes in any order; drafts that were made larger are refused when issued."""
    nested = session.begin_nested()
    order = made.order(("4", "25.00"), ("2", "50.00"))
    orders.confirm(session, order, at=NOON)
    ordered = {line.id: line.quantity for line in order.lines}
    for act, one, two in acts:
        standing = session.begin_nested()
        try:
            if act == "credit":
                found = session.scalars(
                    select(Invoice).where(Invoice.order_id == order.id, Invoice.kind == InvoiceKind.invoice)
                ).first()
                if found is not None:
                    issued(session, invoices.credit(session, found, reason="Back"))
            else:
                lines = dict(zip(ordered, (D(one), D(two)), strict=True)) if act == "part" else None
                issued(session, orders.invoice(session, order, lines=lines))
            standing.commit()
        except DomainError:
            standing.rollback()
            session.expire_all()
        billed = progress.issued(session, order)
        assert all(0 <= billed[key] <= most for key, most in ordered.items())
    nested.rollback()
    session.expire_all()
