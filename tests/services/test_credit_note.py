"""Credit notes: the only correction, never more than the invoice."""

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import pytest

from app.errors import DomainError, Refusals
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.services import invoice as invoices

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")


def credited(session, invoice, lines=None) -> Invoice:
    """Make and issue a credit note of quantities in the order of the lines, or of everything left."""
    keyed = None if lines is None else {line.id: D(q) for line, q in zip(invoice.lines, lines, strict=True)}
    note = invoices.credit(session, invoice, reason="Returned", lines=keyed)
    invoices.issue(session, note, at=NOON)
    return note


def refused(act) -> dict[str, list[str]]:
    with pytest.raises(DomainError) as caught:
        act()
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


def test_a_full_credit_note_mirrors_its_invoice(session, made):
    invoice = made.issued(("3", "33.335"), ("2", "5.55"), discount=D("1.01"), charge=D("4.00"), buyer_reference="PO 7")
    note = invoices.credit(session, invoice, reason="Wrong goods")
    assert (note.kind, note.state, note.number) == (InvoiceKind.credit_note, InvoiceState.draft, None)
    assert (note.credits, note.party, note.credit_reason) == (invoice, invoice.party, "Wrong goods")
    assert (note.net, note.tax, note.gross) == (invoice.net, invoice.tax, invoice.gross)
    assert [(line.text, line.quantity, line.net) for line in note.lines] == [
        (line.text, line.quantity, line.net) for line in invoice.lines
    ]
    invoices.issue(session, note, at=NOON)
    assert (note.number, invoice.number) == ("CN-2026-00001", "INV-2026-00001")
    assert note.snapshot.content["credits"] == {"number": "INV-2026-00001", "issued_on": "2026-03-31"}
    assert invoices.credited(session, invoice) == invoice.gross
    assert set(invoices.left_to_credit(session, invoice).values()) == {D(0)}


def test_nothing_is_credited_twice(session, made):
    invoice = made.issued(("3", "10.00"))
    first = invoices.credit(session, invoice, reason="Returned")
    second = invoices.credit(session, invoice, reason="Returned")
    invoices.issue(session, first, at=NOON)
    assert refused(lambda: invoices.issue(session, second, at=NOON)) == {
        "lines-0-quantity": ["At most 0 of this line can be taken back"]
    }
    assert (second.state, second.number) == (InvoiceState.draft, None)
    assert refused(lambda: invoices.credit(session, invoice, reason="More")) == {
        "lines": ["Nothing of this invoice is left to credit"]
    }


def test_parts_add_up_to_the_invoice(session, made):
    invoice = made.issued(("3", "33.335"), ("5", "0.07"), discount=D("10.00"))
    notes = [credited(session, invoice, ["1", "0"]), credited(session, invoice, ["1", "2"]), credited(session, invoice)]
    assert [[line.quantity for line in note.lines] for note in notes] == [[D(1)], [D(1), D(2)], [D(1), D(3)]]
    assert sum(note.gross for note in notes) == invoice.gross


# However it is cut, the parts never come to more than the invoice. Prices with tax come back to the cent; of prices
# without, a cent may stay open, because a cent more of net can make two of gross.
@pytest.mark.parametrize("seed", range(12))
def test_however_it_is_cut_all_of_it_comes_back(session, made, seed):
    random = Random(seed)
    values = {"discount": D(random.choice(["0", "3.33"])), "charge": D(random.choice(["0", "1.11"]))}
    prices = [(str(random.randint(2, 9)), f"{random.randint(1, 99999) / 1000:.3f}") for _line in range(3)]
    if seed % 2:
        made.organisation(prices_include_tax=True, tax_rounding="per_line")
    invoice = made.issued(*prices, **values)
    total = D(0)
    for _round in range(3):
        left = list(invoices.left_to_credit(session, invoice).values())
        wanted = [random.randint(0, int(quantity)) for quantity in left]
        if any(wanted):
            total += credited(session, invoice, wanted).gross
            assert total <= invoice.gross
    if any(invoices.left_to_credit(session, invoice).values()):
        total += credited(session, invoice).gross
    assert total == invoices.credited(session, invoice)
    assert D(0) <= invoice.gross - total <= (D(0) if invoice.prices_include_tax else D("0.01"))


def test_more_than_is_left_is_refused_at_its_line(session, made):
    invoice = made.issued(("3", "10.00"), ("2", "5.00"))
    credited(session, invoice, ["2", "0"])
    keys = [line.id for line in invoice.lines]
    errors = refused(lambda: invoices.credit(session, invoice, reason="x", lines={keys[0]: D(2), keys[1]: D(-1)}))
    assert errors == {
        "lines-0-quantity": ["At most 1 of this line can be taken back"],
        "lines-1-quantity": ["At most 2 of this line can be taken back"],
    }
    assert list(refused(lambda: invoices.credit(session, invoice, reason="x", lines={99: D(1)}))) == ["lines"]
    assert session.query(Invoice).filter_by(state=InvoiceState.draft).count() == 0


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("quantity", D(4), "quantity"), ("unit_price", D("10.01"), "unit_price"), ("tax", "reduced", "tax")],
)
def test_an_edited_credit_note_stays_within_its_invoice(session, made, name, value, field):
    invoice = made.issued(("3", "10.00"))
    note = invoices.credit(session, invoice, reason="Returned")
    setattr(note.lines[0], name, made.tax(value) if name == "tax" else value)
    with session.no_autoflush:
        assert list(refused(lambda: invoices.save(session, note))) == [f"lines-0-{field}"]


def test_a_credit_note_takes_back_lines_of_its_invoice_only(session, made):
    invoice = made.issued(("3", "10.00"))
    note = invoices.credit(session, invoice, reason="Returned")
    note.lines.append(InvoiceLine(text="Gift", quantity=D(1), unit_price=D(1), tax=made.tax()))
    with session.no_autoflush:
        assert list(refused(lambda: invoices.save(session, note))) == ["lines-1-text"]


def test_a_credit_note_may_take_back_a_part_of_the_price(session, made):
    invoice = made.issued(("3", "10.00"))
    note = invoices.credit(session, invoice, reason="Rebate")
    note.lines[0].unit_price = D("1.00")
    invoices.save(session, note)
    invoices.issue(session, note, at=NOON)
    assert (note.gross, invoices.credited(session, invoice)) == (D("3.63"), D("3.63"))


def test_a_charge_does_not_push_a_credit_note_over_its_invoice(session, made):
    invoice = made.issued(("3", "10.00"))
    note = invoices.credit(session, invoice, reason="Returned")
    note.charge = D("0.01")
    with session.no_autoflush:
        assert refused(lambda: invoices.save(session, note)) == {"lines": ["At most 36.30 can be taken back"]}


def test_only_issued_invoices_are_credited(session, made):
    draft = made.invoice()
    assert list(refused(lambda: invoices.credit(session, draft, reason="x"))) == ["state"]
    note = credited(session, made.issued())
    assert list(refused(lambda: invoices.credit(session, note, reason="x"))) == ["state"]
    assert list(refused(lambda: invoices.copy(session, note))) == ["kind"]


def test_a_credit_note_without_an_invoice_is_refused(session, made):
    assert list(refused(lambda: made.invoice(kind="credit_note"))) == ["credits"]
    assert list(refused(lambda: made.invoice(credits=made.issued()))) == ["credits"]


def test_a_credit_note_needs_a_reason_and_is_not_older_than_its_invoice(session, made):
    invoice = made.issued()
    note = invoices.credit(session, invoice, reason=" ")
    session.commit()
    assert refused(lambda: invoices.issue(session, note, at=NOON)) == {
        "credit_reason": ["Say why the invoice is credited"]
    }
    note.credit_reason = "Returned"
    assert list(refused(lambda: invoices.issue(session, note, at=NOON, on=date(2026, 3, 30)))) == ["on"]
    assert (note.state, note.number) == (InvoiceState.draft, None)


def test_returned_goods_on_an_invoice_are_credited_with_their_sign(session, made):
    invoice = made.issued(("5", "10.00"), ("-2", "10.00"), returns=True)
    note = credited(session, invoice)
    assert [line.quantity for line in note.lines] == [D(5), D(-2)]
    assert note.gross == invoice.gross == D("36.30")


def test_the_tax_of_the_invoice_is_taken_back_even_when_it_no_longer_holds(session, made):
    tax = made.tax(country="RU", rate="0.20")
    invoice = made.issued(at_tax=tax, on=date(2025, 12, 30))
    note = credited(session, invoice)
    assert (note.issued_on, note.delivery_on, note.tax) == (date(2026, 3, 31), date(2025, 12, 30), invoice.tax)


def test_an_invoice_is_replaced_in_one_go(session, made):
    invoice = made.issued(("3", "10.00"), delivery_on=date(2026, 3, 15))
    note, draft = credited(session, invoice), invoices.replace(session, invoice)
    assert (note.gross, draft.gross, draft.delivery_on) == (invoice.gross, invoice.gross, date(2026, 3, 15))
    assert session.scalars(invoices.credits_of(invoice)).all() == [note]
