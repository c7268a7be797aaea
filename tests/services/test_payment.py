"""Payments, allocations and balances: never more than there is, on no day, and nothing of it is ever erased."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.errors import DomainError, Refusals
from app.models.allocation import Allocation, WriteOff
from app.models.invoice import Invoice, Settlement
from app.models.payment import Payment, PaymentKind, PaymentMethod, PaymentState
from app.models.protection import KEPT, RECORDED, SIDES
from app.services import allocation as allocations
from app.services import balance as balances
from app.services import invoice as invoices
from app.services import payment as payments
from app.services.allocation import When
from app.services.payment import Share

D = Decimal
MARCH = date(2026, 3, 31)
APRIL = datetime(2026, 4, 20, 12, tzinfo=UTC)
NOW = When(at=APRIL)
pytestmark = pytest.mark.usefixtures("chain_key")


def at(day: int, month: int = 4) -> When:
    """Return a day of the year as somebody gives it on 20 April."""
    return When(at=APRIL, on=date(2026, month, day))


def refused(act) -> dict[str | None, list[str]]:
    with pytest.raises(DomainError) as caught:
        act()
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


@pytest.fixture
def tax(made):
    """Return a tax of zero: amounts stay easy to read."""
    made.organisation()
    return made.tax("zero")


@pytest.fixture
def invoice(made, tax):
    """Return an invoice of 100.00, issued on 31 March."""
    return made.issued(("1", "100.00"), at_tax=tax)


def owed(session, party, on: date = date(2026, 4, 20)) -> dict[str, Decimal]:
    """Return the balance, after seeing that the open items come to the same."""
    by_item: dict[str, Decimal] = {}
    for item in balances.open_items(session, party, on=on):
        by_item[item.currency] = by_item.get(item.currency, D(0)) + item.rest
    found = balances.of_party(session, party, on=on)
    if on == date(2026, 4, 20):
        assert balances.open_now(session, party) == balances.open_items(session, party, on=on)
    assert {key: value for key, value in found.items() if value} == {k: v for k, v in by_item.items() if v}
    return found


def test_paying_an_invoice_settles_it(session, made, invoice):
    assert (invoice.settlement, invoice.rest) == (Settlement.open, D(100))
    payment = payments.pay(session, invoice, when=NOW, reference="Thanks")
    assert (payment.amount, payment.currency, payment.paid_on, payment.kind) == (
        D(100),
        "EUR",
        APRIL.date(),
        PaymentKind.receipt,
    )
    assert (payment.allocated, payment.unallocated, payment.reference) == (D(100), D(0), "Thanks")
    assert (invoice.settlement, invoice.rest) == (Settlement.paid, D(0))
    assert owed(session, invoice.party) == {"EUR": D(0)}
    assert owed(session, invoice.party, date(2026, 4, 19)) == {"EUR": D(100)}
    assert refused(lambda: payments.pay(session, invoice, when=NOW)) == {"amount": ["Nothing of this invoice is open"]}


def test_more_than_the_rest_stays_unallocated(session, made, invoice):
    payment = payments.pay(session, invoice, amount=D("120.50"), when=NOW)
    assert (payment.allocated, payment.unallocated) == (D(100), D("20.50"))
    assert owed(session, invoice.party) == {"EUR": D("-20.50")}
    again = payments.pay(session, invoice, amount=D(5), when=NOW)  # paid already: all of it is his
    assert again.unallocated == D(5)


def test_a_part_leaves_it_partly_paid(session, made, invoice):
    payment = made.payment("40.00", party=invoice.party)
    (row,) = payments.allocate(session, payment, [Share(invoice=invoice)], when=NOW)
    assert (row.allocated_on, row.amount, row.credit_amount) == (MARCH, D(40), D(40))
    assert (invoice.settlement, invoice.rest) == (Settlement.partly_paid, D(60))
    assert refused(lambda: payments.allocate(session, payment, [Share(invoice=invoice)], when=NOW)) == {
        "allocations-0-amount": ["Nothing is left to allocate"]
    }


def test_an_amount_above_the_rest_is_refused_and_nothing_changes(session, made, invoice):
    payment = made.payment("150.00", party=invoice.party)
    shares = [Share(invoice=invoice, amount=D("100.01"))]
    with pytest.raises(Refusals) as caught, session.begin_nested():
        payments.allocate(session, payment, shares, when=NOW)
    assert caught.value.errors == {"allocations-0-amount": ["At most €100.00 is open"]}
    assert session.execute(select(Allocation)).all() == []
    assert (payment.allocated, invoice.allocated) == (D(0), D(0))
    assert refused(lambda: allocations.allocate(session, payment, invoice, amount=D("0.001"), when=NOW)) == {
        "amount": ["EUR has 2 decimals"]
    }
    assert refused(lambda: allocations.allocate(session, payment, invoice, amount=D(-5), when=NOW)) == {
        "amount": ["An amount above zero is expected"]
    }


def test_the_oldest_due_is_settled_first(session, made, tax):
    party = made.buyer()
    late, early, foreign = (
        made.issued(("1", "30.00"), at_tax=tax, party=party, due_on=date(2026, 4, 30)),
        made.issued(("1", "50.00"), at_tax=tax, party=party, due_on=date(2026, 4, 10)),
        made.issued(("1", "9.00"), at_tax=tax, party=party, currency="USD", exchange_rate=D("0.9")),
    )
    payment = made.payment("60.00", party=party)
    rows = payments.allocate(session, payment, when=NOW)
    assert [(row.invoice, row.amount) for row in rows] == [(early, D(50)), (late, D(10))]
    assert (early.rest, late.rest, foreign.rest, payment.unallocated) == (D(0), D(20), D(9), D(0))
    assert [found for (found,) in session.execute(balances.overdue(date(2026, 5, 1)))] == [foreign, late]
    assert balances.is_overdue(late, date(2026, 5, 1))
    assert not balances.is_overdue(late, date(2026, 4, 30))


def test_nothing_is_allocated_across_counterparties_organisations_or_drafts(session, made, tax, invoice):
    stranger = made.payment("10.00", party=made.buyer("Bollen B.V."))
    assert refused(lambda: allocations.allocate(session, stranger, invoice, when=NOW)) == {
        "party": ["They belong to different counterparties"]
    }
    elsewhere = made.payment("10.00", party=invoice.party, organisation=made.organisation("Second B.V."))
    assert refused(lambda: allocations.allocate(session, elsewhere, invoice, when=NOW)) == {
        "organisation": ["They belong to different organisations of yours"]
    }
    draft = made.invoice(("1", "5.00"), party=invoice.party, at_tax=tax)
    mine = made.payment("10.00", party=invoice.party)
    assert refused(lambda: allocations.allocate(session, mine, draft, when=NOW)) == {
        "invoice": ["Only an issued invoice is settled"]
    }
    assert refused(lambda: payments.pay(session, draft, when=NOW)) == {"state": ["Only an issued invoice is paid"]}


def test_undoing_adds_a_row_and_leaves_the_past(session, made, invoice):
    payment = payments.pay(session, invoice, when=at(2))
    (row,) = session.execute(allocations.of(invoice)).scalars()
    back = allocations.reverse(session, row, when=at(10), note="Wrong invoice")
    assert (back.amount, back.credit_amount, back.reverses, back.note) == (D(-100), D(-100), row, "Wrong invoice")
    assert (invoice.settlement, invoice.allocated, payment.allocated) == (Settlement.open, D(0), D(0))
    assert allocations.left(session, invoice, on=date(2026, 4, 5)) == D(0)  # it was settled then, and stays so
    assert allocations.left(session, invoice, on=date(2026, 4, 10)) == D(100)
    assert refused(lambda: allocations.reverse(session, row, when=NOW)) == {
        "state": ["This allocation is undone already"]
    }
    assert refused(lambda: allocations.reverse(session, back, when=NOW)) == {
        "state": ["This allocation is undone already"]
    }
    assert owed(session, invoice.party, date(2026, 4, 5)) == {"EUR": D(0)}


def test_no_day_ever_shows_more_than_there_was(session, made, invoice):
    first = payments.pay(session, invoice, when=at(2))
    (row,) = session.execute(allocations.of(invoice)).scalars()
    allocations.reverse(session, row, when=at(10))
    second = made.payment("100.00", party=invoice.party)
    assert refused(lambda: allocations.allocate(session, second, invoice, amount=D(100), when=at(5))) == {
        "amount": ["Nothing is left to allocate"]
    }
    assert allocations.allocate(session, second, invoice, amount=D(100), when=at(10)).allocated_on == date(2026, 4, 10)
    assert first.unallocated == D(100)


def test_days_are_within_the_period_and_not_to_come(session, made, invoice):
    assert refused(lambda: payments.pay(session, invoice, when=at(21))) == {"paid_on": ["This day is still to come"]}
    payment = made.payment("100.00", party=invoice.party)
    for when, text_of in (
        (at(21), "This day is still to come"),
        (at(30, 3), f"It cannot be older than #{payment.id}"),
    ):
        assert refused(lambda when=when: allocations.allocate(session, payment, invoice, when=when)) == {
            "on": [text_of]
        }
    row = allocations.allocate(session, payment, invoice, when=at(1))
    invoice.organisation.lock_date = date(2026, 4, 3)
    closed = {"on": ["The period up to 2026-04-03 is closed"]}
    assert refused(lambda: allocations.reverse(session, row, when=at(3))) == closed
    assert refused(lambda: payments.cancel(session, payment, reason="Bounced", when=at(3))) == closed
    assert refused(lambda: payments.pay(session, invoice, amount=D(1), when=at(3))) == {
        "paid_on": ["The period up to 2026-04-03 is closed"]
    }
    other = made.issued(("1", "5.00"), party=invoice.party, on=date(2026, 4, 10))
    assert refused(lambda: allocations.write_off(session, other, reason=WriteOff.goodwill, when=at(3))) == closed
    invoice.organisation.lock_date = None
    assert refused(lambda: allocations.reverse(session, row, when=at(31, 3))) == {
        "on": ["It cannot be undone before it was made"]
    }


def test_a_small_rest_is_given_up_for_a_reason(session, made, invoice):
    payments.pay(session, invoice, amount=D("99.50"), when=NOW)
    row = allocations.write_off(session, invoice, reason=WriteOff.bank_charge, when=NOW, note="Transfer fee")
    assert (row.amount, row.write_off, row.payment, row.note) == (
        D("0.50"),
        WriteOff.bank_charge,
        None,
        "Transfer fee",
    )
    assert invoice.settlement == Settlement.paid
    assert owed(session, invoice.party) == {"EUR": D(0)}
    assert refused(lambda: allocations.write_off(session, invoice, reason=WriteOff.rounding, when=NOW)) == {
        "amount": ["Nothing of this invoice is open"]
    }


def test_a_credit_note_settles_its_invoice_when_it_is_issued(session, made, invoice):
    payments.pay(session, invoice, amount=D(30), when=NOW)
    note = invoices.credit(session, invoice, reason="Returned")
    invoices.issue(session, note, at=APRIL)
    assert (invoice.settlement, note.allocated, note.rest) == (Settlement.paid, D(70), D(30))
    assert owed(session, invoice.party) == {"EUR": D(-30)}
    back = payments.refund(session, note, when=NOW, reference="Back to you")
    assert (back.kind, back.amount, back.unallocated, note.rest) == (PaymentKind.refund, D(30), D(0), D(0))
    assert owed(session, invoice.party) == {"EUR": D(0)}
    assert refused(lambda: payments.refund(session, note, when=NOW)) == {"amount": ["Nothing is left to allocate"]}


def test_an_invoice_that_its_credit_notes_settle_as_a_whole_is_credited_not_paid(session, made, tax):
    invoice = made.issued(("2", "50.00"), at_tax=tax)
    part = invoices.credit(session, invoice, reason="Damaged", lines={invoice.lines[0].id: D(1)})
    invoices.issue(session, part, at=APRIL)
    assert (invoice.settlement, invoice.credited, part.allocated) == (Settlement.partly_paid, D(50), D(50))
    rest = invoices.credit(session, invoice, reason="Returned")
    invoices.issue(session, rest, at=APRIL)
    assert (invoice.settlement, invoice.credited, invoice.rest) == (Settlement.credited, D(100), D(0))
    assert (rest.settlement, rest.credited) == (Settlement.paid, D(0))
    found = session.scalars(select(Invoice).where(Invoice.settlement == Settlement.credited)).all()
    assert found == [invoice]
    row = session.scalars(allocations.of(rest)).one()
    allocations.reverse(session, row, when=NOW)
    assert (invoice.settlement, invoice.credited) == (Settlement.partly_paid, D(50))
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text("UPDATE invoice SET credited = 0 WHERE id = :id"), {"id": invoice.id})
    session.refresh(invoice)
    assert invoice.credited == D(50)


def test_a_credit_note_settles_another_invoice(session, made, tax, invoice):
    payments.pay(session, invoice, when=NOW)
    note = invoices.credit(session, invoice, reason="Returned")
    invoices.issue(session, note, at=APRIL)
    assert (note.allocated, note.settlement) == (D(0), Settlement.open)
    other = made.issued(("1", "60.00"), at_tax=tax, party=invoice.party)
    row = allocations.allocate(session, note, other, when=NOW)
    assert (row.amount, row.credit_note, other.rest, note.rest) == (D(60), note, D(0), D(40))
    assert (other.settlement, other.credited) == (Settlement.paid, D(0))  # another's credit note is as good as money
    assert owed(session, invoice.party) == {"EUR": D(-40)}


def test_what_was_paid_too_much_goes_back(session, made, invoice):
    payment = payments.pay(session, invoice, amount=D(150), when=NOW)
    assert refused(lambda: payments.refund(session, payment, amount=D(51), when=NOW)) == {
        "amount": ["At most €50.00 is left of it"]
    }
    back = payments.refund(session, payment, when=NOW, method=PaymentMethod.cash)
    assert (back.kind, back.amount, back.method, payment.unallocated) == (
        PaymentKind.refund,
        D(50),
        PaymentMethod.cash,
        D(0),
    )
    assert owed(session, invoice.party) == {"EUR": D(0)}


def test_a_cancelled_payment_counts_until_its_day(session, made, invoice):
    payment = payments.pay(session, invoice, when=at(2))
    payments.cancel(session, payment, reason="Bounced", when=at(10))
    assert (payment.state, payment.cancelled_on, payment.cancelled_reason, payment.allocated) == (
        PaymentState.cancelled,
        date(2026, 4, 10),
        "Bounced",
        D(0),
    )
    assert invoice.settlement == Settlement.open
    assert owed(session, invoice.party, date(2026, 4, 9)) == {"EUR": D(0)}
    assert owed(session, invoice.party, date(2026, 4, 10)) == {"EUR": D(100)}
    assert refused(lambda: payments.cancel(session, payment, reason="Again", when=NOW)) == {
        "state": ["This cannot be done while the state is “Cancelled”"]
    }
    assert refused(lambda: allocations.allocate(session, payment, invoice, when=NOW)) == {
        "payment": ["Only a recorded receipt settles something"]
    }


def test_a_payment_that_settled_something_on_a_day_cannot_be_cancelled_on_it(session, made, invoice):
    payment = payments.pay(session, invoice, when=at(2))
    (row,) = session.execute(allocations.of(invoice)).scalars()
    allocations.reverse(session, row, when=at(10))
    assert refused(lambda: payments.cancel(session, payment, reason="Bounced", when=at(5))) == {
        "on": ["On this day it still settled something"]
    }


def test_another_currency_needs_its_rate(session, made, tax):
    party = made.buyer()
    invoice = made.issued(("1", "92.00"), at_tax=tax, party=party)
    dollars = made.payment("150.00", party=party, currency="USD", exchange_rate=D("0.92"))
    assert refused(lambda: allocations.allocate(session, dollars, invoice, when=NOW)) == {
        "exchange_rate": ["Say how many USD one EUR is worth"]
    }
    row = allocations.allocate(session, dollars, invoice, exchange_rate=D("1.0869565217"), when=NOW)
    assert (row.amount, row.credit_amount) == (D("92.00"), D("100.00"))
    assert (invoice.rest, dollars.unallocated) == (D(0), D("50.00"))
    assert owed(session, party) == {"EUR": D(0), "USD": D(-50)}
    small = made.issued(("1", "100.00"), at_tax=tax, party=party)
    rest = allocations.allocate(session, dollars, small, exchange_rate=D("1.25"), when=NOW)
    assert (rest.amount, rest.credit_amount, small.rest, dollars.unallocated) == (D("40.00"), D("50.00"), D("60.00"), 0)


def test_a_payment_is_judged_at_its_fields(session, made, tax):
    party = made.buyer()
    wrong = Payment(party=party, currency="EUR", amount=D("1.005"), paid_on=date(2026, 4, 21))
    assert refused(lambda: payments.save(session, wrong, at=APRIL)) == {
        "amount": ["EUR has 2 decimals"],
        "paid_on": ["This day is still to come"],
    }
    assert refused(lambda: payments.save(session, Payment(amount=D(1)), at=APRIL)) == {
        "party": ["Say whose payment this is"]
    }
    assert refused(lambda: payments.save(session, Payment(party=party, amount=D(0)), at=APRIL)) == {
        "amount": ["An amount above zero is expected; money that goes back is a refund"]
    }
    foreign = Payment(party=party, amount=D(5), currency="USD")
    assert refused(lambda: payments.save(session, foreign, at=APRIL)) == {
        "exchange_rate": ["A payment in a foreign currency needs its exchange rate"]
    }


def test_a_recorded_payment_is_not_changed(session, made):
    payment = made.payment("10.00", reference="Invoice 7")
    payment.reference = "Invoice 8"
    payments.save(session, payment, at=APRIL)
    session.flush()
    payment.amount = D(11)
    assert refused(lambda: payments.save(session, payment, at=APRIL)) == {
        "amount": ["A recorded payment is not changed; cancel it and record it anew"]
    }
    assert refused(lambda: payments.remove(session, payment)) == {
        "state": ["A payment is not deleted; cancel it instead"]
    }


def test_the_database_keeps_payments_and_allocations(session, made, invoice, rolled_back):
    payment = payments.pay(session, invoice, when=NOW)
    note = invoices.credit(session, made.issued(("1", "5.00"), party=invoice.party), reason="Returned")
    session.flush()
    into = (
        "INSERT INTO allocation (allocated_on, amount, credit_amount, {names}, created_at)"
        " VALUES ('2026-04-20', 10000, 10000, {keys}, '2026-04-20 12:00:00')"
    )
    for statement, text_of in (
        ("UPDATE payment SET amount = amount + 1", RECORDED),
        ("UPDATE payment SET allocated = 0", RECORDED),
        ("DELETE FROM payment", RECORDED),
        ("UPDATE invoice SET allocated = 0 WHERE state <> 'draft'", "an issued document is not changed"),
        ("UPDATE allocation SET amount = 1", KEPT),
        ("DELETE FROM allocation", KEPT),
        (into.format(names="payment_id, invoice_id", keys=f"{payment.id}, {note.id}"), SIDES),
        (into.format(names="payment_id, refund_id", keys=f"{payment.id}, {payment.id}"), SIDES),
        (into.format(names="credit_note_id, invoice_id", keys=f"{invoice.id}, {invoice.id}"), SIDES),
        (into.format(names="payment_id, invoice_id", keys=f"{payment.id}, {invoice.id}"), "allocated_within"),
    ):
        savepoint = session.begin_nested()
        with pytest.raises(IntegrityError, match=text_of):
            session.execute(text(statement))
        savepoint.rollback()
    assert session.execute(text("SELECT allocated = gross FROM invoice WHERE id = :id"), {"id": invoice.id}).scalar()


def test_an_advance_settles_the_invoice_since_its_issue(session, made, invoice):
    payment = payments.pay(session, invoice, when=at(20, 3))
    (row,) = session.execute(allocations.of(invoice)).scalars()
    assert (payment.paid_on, row.allocated_on, invoice.rest) == (date(2026, 3, 20), MARCH, D(0))
    assert owed(session, invoice.party, date(2026, 3, 25)) == {"EUR": D(-100)}


def test_how_it_was_paid_is_kept_in_a_closed_period(session, made):
    payment = made.payment("10.00", reference="Invoice 7")
    stranger = made.organisation("Second B.V.").bank_accounts[0]
    payment.bank_account = stranger
    assert refused(lambda: payments.save(session, payment, at=APRIL)) == {
        "bank_account": ["This account belongs to another organisation"]
    }
    payment.bank_account = None
    payment.party = made.buyer("Bollen B.V.")
    assert list(refused(lambda: payments.save(session, payment, at=APRIL))) == ["party"]
    session.refresh(payment)
    payment.organisation.lock_date = MARCH
    payment.method, payment.note = PaymentMethod.cash, "Receipt 12"
    assert refused(lambda: payments.save(session, payment, at=APRIL)) == {
        "method": ["The period up to 2026-03-31 is closed"]
    }
    payment.method = PaymentMethod.bank_transfer
    payments.save(session, payment, at=APRIL)


def test_the_database_refuses_sides_that_do_not_fit(session, made, tax, invoice):
    other = made.payment("10.00", party=made.buyer("Bollen B.V."))
    dollars = made.payment("10.00", party=invoice.party, currency="USD", exchange_rate=D("0.9"))
    mine = made.payment("10.00", party=invoice.party)
    into = (
        "INSERT INTO allocation (allocated_on, amount, credit_amount, payment_id, invoice_id, created_at)"
        " VALUES (:day, 1, 1, :payment, :invoice, '2026-04-20 12:00:00')"
    )
    for payment, day in ((other, "2026-04-20"), (dollars, "2026-04-20"), (mine, "2026-03-30")):
        savepoint = session.begin_nested()
        with pytest.raises(IntegrityError, match=SIDES):
            session.execute(text(into), {"day": day, "payment": payment.id, "invoice": invoice.id})
        savepoint.rollback()
    names = "kind, state, organisation_id, party_id, paid_on, amount, currency, allocated, method, search_text"
    shown = names.replace(", allocated,", ", 1,")
    savepoint = session.begin_nested()
    with pytest.raises(IntegrityError, match=RECORDED):
        session.execute(
            text(
                f"INSERT INTO payment ({names}, created_at, changed_at, version)"
                f" SELECT {shown}, created_at, changed_at, version FROM payment WHERE id = {mine.id}"
            )
        )
    savepoint.rollback()
