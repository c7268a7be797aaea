"""Orders: judged and priced, confirmed with a number, invoiced, cancelled."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from app.errors import Conflict, DomainError, Refusals
from app.models.history import StateChange
from app.models.invoice import Invoice, InvoiceState
from app.models.number_series import NumberCounter
from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.services import access, search
from app.services import delivery as deliveries
from app.services import document as documents
from app.services import invoice as invoices
from app.services import number as numbers
from app.services import sale_order as orders
from app.services import tax as taxes

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")


def refused(session, order) -> dict[str, list[str]]:
    with pytest.raises(DomainError) as caught:
        orders.save(session, order)
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


def test_a_line_takes_what_it_leaves_open_from_its_product(session, made):
    us, party, product = made.organisation(), made.buyer(), made.product("Tulip", price="12.50")
    order = SaleOrder(party=party, lines=[SaleOrderLine(product=product, quantity=D(4))])
    orders.save(session, order)
    session.flush()
    line = order.lines[0]
    assert (order.organisation, order.currency, order.prices_include_tax) == (us, "EUR", False)
    assert (line.text, line.unit, line.unit_price, line.tax) == ("Tulip", product.unit, D("12.5"), product.tax)
    assert (line.position, line.net, line.tax_amount, line.gross) == (1, D("50.00"), D("10.50"), D("60.50"))
    assert (order.net, order.tax, order.gross) == (D("50.00"), D("10.50"), D("60.50"))


def test_keys_name_records_as_well(session, made):
    us, party, product = made.organisation(), made.buyer(), made.product()
    line = SaleOrderLine(product_id=product.id, quantity=D(1), tax_id=made.tax("reduced").id)
    order = SaleOrder(organisation_id=us.id, party_id=party.id, lines=[line])
    orders.save(session, order)
    assert (order.party, order.gross) == (party, D("10.90"))


# Source: the vectors of the rules of money: 16 × 348.35 less 4 % is 5350.66, with 22 % tax 6527.81.
def test_the_discount_of_a_line_is_rounded_once(session, made):
    made.organisation()
    tax = made.tax(country="RU")
    line = SaleOrderLine(text="Work", quantity=D(16), unit_price=D("348.35"), discount_percent=D(4), tax=tax)
    order = SaleOrder(party=made.buyer(), lines=[line])
    orders.save(session, order)
    assert (order.net, order.gross) == (D("5350.66"), D("6527.81"))


# Source: the same vectors: 55.55 and 11.11 at 23 % are 15.33 of tax on the total, 15.34 per line.
@pytest.mark.parametrize(("rounding", "tax"), [("per_group", "15.33"), ("per_line", "15.34")])
def test_the_organisation_says_where_tax_is_rounded(session, made, rounding, tax):
    made.organisation(tax_rounding=rounding)
    at_tax = taxes.Tax(name="23 %", country="PL", code="standard", rate=D("0.23"))
    taxes.save(session, at_tax)
    assert made.order(("1", "55.55"), ("1", "11.11"), at_tax=at_tax).tax == D(tax)


def test_prices_may_include_tax_and_a_discount_is_split(session, made):
    made.organisation(prices_include_tax=True)
    order = made.order(("1", "121.00"), discount=D("21.00"))
    assert (order.prices_include_tax, order.net, order.tax, order.gross) == (True, D("82.64"), D("17.36"), D("100.00"))


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"quantity": D(0)}, {"lines-0-quantity": ["The quantity cannot be zero"]}),
        ({"quantity": D(-1)}, {"lines-0-quantity": ["The quantity must be above zero"]}),
        ({"quantity": D("1e12")}, {"lines-0-quantity": ["This number is too large"]}),
        ({"quantity": D("0.5")}, {"lines-0-quantity": ["“Piece” is counted in whole numbers"]}),
        ({"quantity": None}, {"lines-0-quantity": ["Give the quantity"]}),
        ({"unit_price": D(-1)}, {"lines-0-unit_price": ["A price cannot be less than zero"]}),
        ({"unit_price": D("0.12345678")}, {"lines-0-unit_price": ["At most 6 decimals are possible here"]}),
        ({"unit_price": None}, {"lines-0-unit_price": ["Give the price"]}),
        ({"discount_percent": D(101)}, {"lines-0-discount_percent": ["A discount is between 0 and 100 percent"]}),
        ({"text": " \u200f"}, {"lines-0-text": ["A line needs a product or a text"]}),
        ({"text": "x" * 2001}, {"lines-0-text": ["At most 2000 characters are possible here; this has 2001"]}),
        ({"tax": None}, {"lines-0-tax": ["Choose the tax of this line"]}),
        (
            {"quantity": D(999_999_999_999), "unit_price": D(999_999_999_999)},
            {"lines-0-quantity": ["This number is too large"]},
        ),
    ],
)
def test_lines_that_are_refused_change_nothing(session, made, values, errors):
    order = made.order(("3", "10.00"))
    session.commit()
    for name, value in values.items():
        setattr(order.lines[0], name, value)
    with session.no_autoflush:
        assert refused(session, order) == errors
    session.rollback()
    assert (order.version, order.gross, order.lines[0].quantity) == (1, D("36.30"), D(3))


def test_all_refusals_come_at_once(session, made):
    order = SaleOrder(organisation=made.organisation(), party=made.buyer(), buyer_reference="x" * 121)
    order.lines = [
        SaleOrderLine(text="a", quantity=D(1)),
        SaleOrderLine(quantity=D(1), unit_price=D(1), tax=made.tax()),
    ]
    assert list(refused(session, order)) == ["buyer_reference", "lines-0-unit_price", "lines-0-tax", "lines-1-text"]
    assert order not in session


def test_a_document_needs_an_organisation_and_a_party(session, made):
    made.organisation()
    made.organisation("Second B.V.")
    assert list(refused(session, SaleOrder())) == ["organisation", "party"]


def test_returned_goods_only_on_a_return_whose_total_is_not_negative(session, made):
    order = made.order(("3", "10.00"), ("-1", "10.00"), returns=True)
    assert (order.net, order.gross) == (D("20.00"), D("24.20"))
    order.lines[1].quantity = D(-4)
    with session.no_autoflush, pytest.raises(DomainError, match="below zero") as caught:
        orders.save(session, order)
    assert caught.value.field == "lines"


def test_the_day_of_delivery_decides_the_tax(session, made):
    made.organisation()
    old, new = made.tax(country="RU", rate="0.20"), made.tax(country="RU", rate="0.22")
    product = made.product(tax=old)
    order = SaleOrder(party=made.buyer(), delivery_on=date(2026, 1, 1))
    order.lines = [SaleOrderLine(product=product, quantity=D(1))]
    orders.save(session, order)
    assert order.lines[0].tax is new
    order.lines[0].tax = old
    assert refused(session, order) == {"lines-0-tax": ["“НДС 20 %” is not valid on 2026-01-01; take “НДС 22 %”"]}


def test_an_order_is_confirmed_with_a_number(session, made):
    order = made.order()
    orders.confirm(session, order, at=NOON)
    assert (order.state, order.number, order.ordered_on) == (OrderState.confirmed, "SO-2026-00001", date(2026, 3, 31))
    assert session.query(SaleOrder).filter(*search.conditions(session, SaleOrder, "so-2026-00001")).one() is order
    moves = session.execute(select(StateChange.before, StateChange.after).where(StateChange.entity == "order")).all()
    assert moves == [(None, "draft"), ("draft", "confirmed")]


def test_the_day_is_that_of_the_organisation(session, made):
    made.organisation(time_zone="Asia/Yerevan")
    order = made.order()
    orders.confirm(session, order, at=datetime(2025, 12, 31, 20, 30, tzinfo=UTC))
    assert (order.number, order.ordered_on) == ("SO-2026-00001", date(2026, 1, 1))


def test_an_empty_order_is_not_confirmed_and_takes_no_number(session, made):
    order = made.order()
    order.lines.clear()
    orders.save(session, order)
    with pytest.raises(DomainError, match="at least one line") as caught:
        orders.confirm(session, order, at=NOON)
    assert (caught.value.field, order.state, order.number) == ("lines", OrderState.draft, None)
    assert session.scalar(select(func.count()).select_from(NumberCounter)) == 0


def test_a_confirmed_order_keeps_what_was_agreed(session, made):
    order = made.order()
    orders.confirm(session, order, at=NOON)
    order.note, order.delivery_on = "Call first", date(2026, 4, 2)
    orders.save(session, order)
    session.flush()
    order.lines[0].quantity = D(5)
    with session.no_autoflush, pytest.raises(DomainError, match="Reopen the order") as caught:
        orders.save(session, order)
    assert caught.value.field == "lines"
    session.refresh(order.lines[0])
    order.party = made.buyer("Other B.V.")
    with session.no_autoflush, pytest.raises(DomainError, match="Reopen the order") as caught:
        orders.save(session, order)
    assert caught.value.field == "party"


def test_an_order_that_is_reopened_keeps_its_number(session, made):
    order = made.order()
    orders.confirm(session, order, at=NOON)
    orders.cancel(session, order, reason="Not wanted")
    orders.reopen(session, order)
    order.lines[0].quantity = D(5)
    orders.save(session, order)
    orders.confirm(session, order, at=NOON)
    deliveries.finish(session, order, at=NOON)
    assert (order.state, order.number, order.gross) == (OrderState.fulfilled, "SO-2026-00001", D("60.50"))
    with pytest.raises(DomainError, match="while the state is “Fulfilled”"):
        orders.cancel(session, order, reason="Not wanted")


def test_only_a_draft_without_a_number_is_deleted(session, made):
    order = made.order()
    orders.remove(session, order)
    orders.confirm(session, order, at=NOON)
    with pytest.raises(DomainError, match="cancel the order"):
        orders.remove(session, order)


def test_an_order_is_invoiced_once(session, made):
    order = made.order(("3", "10.00"), ("2", "5.00"), discount=D("5.00"), buyer_reference="PO 7")
    with pytest.raises(DomainError, match="Confirm the order"):
        orders.invoice(session, order)
    orders.confirm(session, order, at=NOON)
    draft = orders.invoice(session, order)
    assert (draft.state, draft.order, draft.buyer_reference) == (InvoiceState.draft, order, "PO 7")
    assert (
        (draft.net, draft.tax, draft.gross) == (order.net, order.tax, order.gross) == (D("35"), D("7.35"), D("42.35"))
    )
    assert orders.is_invoiced(session, order)
    with pytest.raises(DomainError, match="invoiced already"):
        orders.invoice(session, order)
    with pytest.raises(DomainError, match="Something of this order is invoiced"):
        orders.cancel(session, order, reason="Not wanted")
    assert session.scalar(select(func.count()).select_from(Invoice)) == 1


def test_what_is_left_of_an_order_is_invoiced_later(session, made):
    order = made.order(("3", "10.00"), ("2", "5.00"), discount=D("5.00"))
    orders.confirm(session, order, at=NOON)
    first = orders.invoice(session, order)
    first.lines[0].quantity, first.discount = D(1), D("2.00")
    del first.lines[1]
    invoices.save(session, first)
    session.flush()
    second = orders.invoice(session, order)
    assert [(line.text, line.quantity) for line in second.lines] == [("Line 1", D(2)), ("Line 2", D(2))]
    assert second.discount == D("3.00")
    assert first.net + second.net == order.net


def test_a_credited_order_may_be_invoiced_again(session, made):
    order = made.order(discount=D("5.00"))
    orders.confirm(session, order, at=NOON)
    draft = orders.invoice(session, order)
    invoices.issue(session, draft, at=NOON)
    note = invoices.credit(session, draft, reason="Wrong address")
    assert orders.is_invoiced(session, order)
    invoices.issue(session, note, at=NOON)
    assert not orders.is_invoiced(session, order)
    again = orders.invoice(session, order)
    assert (again.gross, again.discount) == (order.gross, D("5.00"))
    session.delete(again)
    session.flush()
    orders.reopen(session, order)
    order.lines.clear()
    with session.no_autoflush:
        assert refused(session, order) == {
            "lines": ["A line that stands on an invoice, be it a credited one, is not deleted"]
        }


def test_who_sees_part_of_the_invoices_still_knows_what_is_invoiced(session, made):
    order = made.order()
    orders.confirm(session, order, at=NOON)
    orders.invoice(session, order)
    manager = made.user("manager2")
    actor = access.actor_of(session, user_id=manager.id, name="manager2", roles=["Sales manager"])
    with access.acting(session, actor):
        assert session.scalars(select(Invoice)).all() == []
        assert orders.is_invoiced(session, order)


def test_a_change_by_somebody_else_is_a_conflict(session, made):
    order = made.order()
    session.execute(SaleOrder.__table__.update().values(version=7))
    with pytest.raises(Conflict):
        orders.confirm(session, order, at=NOON)


def test_changing_only_a_line_changes_the_version(session, made):
    order = made.order()
    order.lines[0].text = "Other words"
    orders.save(session, order)
    session.flush()
    assert order.version == 2


def test_drafts_find_their_party_by_name(session, made):
    made.order(party=made.buyer("ООО «Ёлка»", country="RU"))
    assert session.query(SaleOrder).filter(*search.conditions(session, SaleOrder, "елка")).count() == 1
    assert session.query(Party).count() == 1


def test_no_series_no_number(session, made):
    order = made.order(organisation=made.organisation(series=False))
    with pytest.raises(DomainError, match="no number series") as caught:
        orders.confirm(session, order, at=NOON)
    assert (caught.value.field, order.state) == ("series", OrderState.draft)
    numbers.make_defaults(session, order.organisation)
    orders.confirm(session, order, at=NOON)
    assert order.number == "SO-2026-00001"


def test_a_state_that_somebody_else_has_just_changed_is_named_in_words(session, made):
    order = made.order()
    elsewhere = update(SaleOrder).where(SaleOrder.id == order.id).values(state=OrderState.cancelled)
    session.execute(elsewhere.execution_options(synchronize_session=False))
    with pytest.raises(DomainError, match="while the state is “Cancelled”") as refusal:
        documents.lock(session, order)
    assert (refusal.value.field, order.state) == ("state", OrderState.draft)
