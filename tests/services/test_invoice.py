"""Invoices: drafts, the issue, what is refused and then changes nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.errors import Conflict, DomainError, Refusals
from app.models.chain import ChainLink
from app.models.history import StateChange
from app.models.invoice import Invoice, InvoiceLine, InvoiceSnapshot, InvoiceState
from app.models.number_series import NumberCounter
from app.models.payment_term import PaymentTerm
from app.models.product import Product
from app.outbox import Outbox
from app.services import access, chain, search, verify
from app.services import invoice as invoices
from app.services import number as numbers
from app.services import payment_term as terms
from app.services import product as products

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")


def refused(act) -> dict[str, list[str]]:
    with pytest.raises(DomainError) as caught:
        act()
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table))


def is_untouched(session: Session, invoice: Invoice) -> bool:
    """Say whether a draft is as it was, in memory and in the database, and no number was taken."""
    session.expire_all()
    nothing = count(session, NumberCounter) + count(session, ChainLink) + count(session, InvoiceSnapshot)
    fields = (invoice.state, invoice.number, invoice.issued_on, invoice.due_on, invoice.content_sha256)
    return nothing + count(session, Outbox) == 0 and fields == (InvoiceState.draft, None, None, None, None)


def test_a_draft_has_totals_and_taxes_and_no_number(session, made):
    invoice = made.invoice(("3", "10.00"), ("1", "0.05"))
    assert (invoice.state, invoice.number, invoice.language) == (InvoiceState.draft, None, "nl")
    assert (invoice.net, invoice.tax, invoice.gross) == (D("30.05"), D("6.31"), D("36.36"))
    assert [(row.category, row.rate, row.base, row.tax) for row in invoice.taxes] == [
        ("S", D("0.21"), D("30.05"), D("6.31"))
    ]


def test_tax_groups_follow_the_lines(session, made):
    invoice = made.invoice(("1", "100.00"), ("1", "50.00"))
    kept = invoice.taxes[0]
    invoice.lines[1].tax = made.tax("reduced")
    invoices.save(session, invoice)
    session.flush()
    session.expire_all()
    assert [(row.position, row.rate, row.base, row.tax) for row in invoice.taxes] == [
        (1, D("0.21"), D("100"), D("21")),
        (2, D("0.09"), D("50"), D("4.5")),
    ]
    assert invoice.taxes[0] is kept
    invoice.lines[0].tax = made.tax("reduced")
    invoices.save(session, invoice)
    session.flush()
    session.expire_all()
    assert [(row.position, row.base, row.tax) for row in invoice.taxes] == [(1, D("150"), D("13.5"))]


def test_issuing_numbers_freezes_chains_and_queues(session, made):
    term = PaymentTerm(name="14 days", steps=[["days", 14]])
    terms.save(session, term)
    invoice = made.invoice(payment_term=term)
    actor = access.actor_of(session, user_id=made.user("accountant").id, name="accountant", roles=["Accountant"])
    invoices.issue(session, invoice, at=NOON, by=actor)
    session.expire_all()
    assert (invoice.state, invoice.number) == (InvoiceState.issued, "INV-2026-00001")
    assert (invoice.number_period, invoice.number_n) == ("2026", 1)
    assert (invoice.issued_on, invoice.delivery_on, invoice.due_on) == (
        date(2026, 3, 31),
        date(2026, 3, 31),
        date(2026, 4, 14),
    )
    link = session.scalars(select(ChainLink)).one()
    assert (link.invoice_id, link.position, link.previous) == (invoice.id, 1, "")
    assert (invoice.content_sha256, invoice.chain_position, invoice.chain_link) == (link.content_sha256, 1, link.link)
    assert chain.sha256(invoice.snapshot.content) == link.content_sha256
    row = session.scalars(select(Outbox)).one()
    assert (row.topic, row.record_id, row.due_at, row.actor_id) == ("invoice.render", invoice.id, NOON, actor.user_id)
    moves = select(StateChange.before, StateChange.after).where(StateChange.entity == "invoice")
    assert session.execute(moves).all() == [(None, "draft"), ("draft", "issued")]
    assert session.query(Invoice).filter(*search.conditions(session, Invoice, "2026-00001")).one() is invoice


def test_the_snapshot_says_what_was_true_on_the_day(session, made):
    invoice = made.invoice(("2", "10.00"), buyer_reference="PO 7", note="Thank you")
    invoices.issue(session, invoice, at=NOON, on=date(2026, 3, 30))
    invoice.party.name, invoice.organisation.street = "New name", "New street"
    invoice.organisation.bank_accounts.clear()
    session.flush()
    session.expire_all()
    content = invoice.snapshot.content
    assert content["buyer"]["name"] == "Tulpen & Zonen B.V."
    assert (content["seller"]["street"], content["bank"]["iban"]) == ("Keizersgracht 1", "NL91ABNA0417164300")
    document = content["document"]
    assert (document["number"], document["issued_on"]) == ("INV-2026-00001", "2026-03-30")
    assert (document["net"], document["tax"], document["gross"]) == ("20.00", "4.20", "24.20")
    assert (document["buyer_reference"], document["note"]) == ("PO 7", "Thank you")
    assert [(line["text"], line["quantity"], line["unit"], line["gross"]) for line in content["lines"]] == [
        ("Line 1", "2", "pcs", "24.20")
    ]
    assert [(tax["name"], tax["base"], tax["tax"]) for tax in content["taxes"]] == [("Btw 21 %", "20.00", "4.20")]


def test_numbers_follow_each_other(session, made):
    days = [date(2026, 3, 30), date(2026, 3, 30), date(2026, 3, 31)]
    issued = [made.issued(on=day) for day in days]
    assert [invoice.number for invoice in issued] == ["INV-2026-00001", "INV-2026-00002", "INV-2026-00003"]
    assert [invoice.chain_position for invoice in issued] == [1, 2, 3]
    links = session.scalars(select(ChainLink).order_by(ChainLink.position)).all()
    assert [link.previous for link in links[1:]] == [link.link for link in links[:-1]]


@pytest.mark.parametrize(
    ("on", "field", "text"),
    [
        (date(2026, 4, 1), "on", "after today, 2026-03-31"),
        (date(2026, 2, 28), "on", "up to 2026-02-28 is closed"),
        (date(2026, 3, 29), "on", "The last number of this series is of 2026-03-30"),
    ],
)
def test_a_wrong_day_is_refused_and_nothing_changes(session, made, on, field, text):
    us = made.organisation(lock_date=date(2026, 2, 28))
    series = numbers.default(session, us, "invoice")
    numbers.take(session, series, on=date(2026, 3, 30), today=date(2026, 3, 31))
    invoice = made.invoice()
    session.commit()
    errors = refused(lambda: invoices.issue(session, invoice, at=NOON, on=on))
    assert list(errors) == [field]
    assert text in errors[field][0]
    assert (invoice.state, invoice.number, invoice.issued_on) == (InvoiceState.draft, None, None)
    assert (count(session, ChainLink), count(session, Outbox)) == (0, 0)
    assert session.scalars(select(NumberCounter)).one().last == 1


def test_today_is_the_organisations_day(session, made):
    made.organisation(time_zone="Asia/Yerevan")
    invoice = made.invoice()
    invoices.issue(session, invoice, at=datetime(2025, 12, 31, 20, 30, tzinfo=UTC))
    assert (invoice.issued_on, invoice.number) == (date(2026, 1, 1), "INV-2026-00001")


def test_an_empty_invoice_is_refused_and_nothing_changes(session, made):
    invoice = made.invoice()
    invoice.lines.clear()
    invoices.save(session, invoice)
    session.commit()
    errors = refused(lambda: invoices.issue(session, invoice, at=NOON))
    assert errors == {"lines": ["An invoice needs at least one line"]}
    assert is_untouched(session, invoice)


def test_everything_that_is_missing_is_said_with_the_place_to_mend_it(session, made):
    us = made.organisation(series=False, tax_number=None, street=None)
    us.bank_accounts.clear()
    party = made.party("No address", country=None)
    invoice = made.invoice(party=party, currency="USD", at_tax=made.tax("reverse"))
    session.commit()
    lacks = invoices.missing_for_issue(session, invoice)
    assert [(lack.stem, lack.record_id, lack.field) for lack in lacks] == [
        ("organisation", us.id, "tax_number"),
        ("organisation", us.id, "street"),
        ("organisation", us.id, "bank_accounts"),
        ("number_series", None, "kind"),
        ("party", party.id, "addresses"),
        ("party", party.id, "tax_number"),
        ("invoice", invoice.id, "exchange_rate"),
    ]
    errors = refused(lambda: invoices.issue(session, invoice, at=NOON))
    assert {name: len(texts) for name, texts in errors.items()} == {
        "organisation": 3,
        "number_series": 1,
        "party": 2,
        "exchange_rate": 1,
    }
    assert is_untouched(session, invoice)


def test_nothing_is_missing_of_a_complete_draft(session, made):
    assert invoices.missing_for_issue(session, made.invoice()) == []


def test_a_tax_that_does_not_hold_on_the_day_of_delivery_is_refused(session, made):
    invoice = made.invoice(at_tax=made.tax(country="RU", rate="0.20"))
    session.commit()
    errors = refused(lambda: invoices.issue(session, invoice, at=NOON))
    assert errors == {"lines-0-tax": ["“НДС 20 %” is not valid on 2026-03-31; take “НДС 22 %”"]}
    assert is_untouched(session, invoice)
    invoice.delivery_on = date(2025, 12, 31)
    invoices.issue(session, invoice, at=NOON)
    assert (invoice.issued_on, invoice.delivery_on) == (date(2026, 3, 31), date(2025, 12, 31))


def test_a_document_in_a_foreign_currency_states_its_tax_in_ours_too(session, made):
    invoice = made.invoice(("1", "100.00"), currency="USD", exchange_rate=D("0.9234"))
    invoices.issue(session, invoice, at=NOON)
    assert [(row.tax, row.tax_home) for row in invoice.taxes] == [(D("21.00"), D("19.39"))]
    assert invoice.snapshot.content["home"] == {"currency": "EUR", "tax": "19.39"}


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_an_exchange_rate_is_above_zero(session, made, rate):
    errors = refused(lambda: made.invoice(currency="USD", exchange_rate=D(rate)))
    assert errors == {"exchange_rate": ["An exchange rate must be above zero"]}


def test_a_period_of_delivery_has_both_days_in_order(session, made):
    assert refused(lambda: made.invoice(delivery_until=date(2026, 3, 31))) == {
        "delivery_on": ["A period needs its first day"]
    }
    days = {"delivery_on": date(2026, 3, 31), "delivery_until": date(2026, 3, 1)}
    assert refused(lambda: made.invoice(**days)) == {"delivery_until": ["The last day is before the first"]}


def test_it_is_not_due_before_it_is_issued(session, made):
    invoice = made.invoice(due_on=date(2026, 3, 30))
    session.commit()
    assert list(refused(lambda: invoices.issue(session, invoice, at=NOON))) == ["due_on"]
    invoice.due_on = date(2026, 5, 1)
    invoices.issue(session, invoice, at=NOON)
    assert invoice.due_on == date(2026, 5, 1)


def test_an_issued_document_is_issued_once(session, made):
    invoice = made.issued()
    assert refused(lambda: invoices.issue(session, invoice, at=NOON)) == {"state": ["This document is issued already"]}
    assert (invoice.number, count(session, ChainLink), count(session, Outbox)) == ("INV-2026-00001", 1, 1)


def test_issuing_what_somebody_just_changed_is_a_conflict(session, made):
    invoice = made.invoice()
    session.commit()
    assert invoice.version == 1
    session.execute(update(Invoice.__table__).values(version=9))
    with pytest.raises(Conflict):
        invoices.issue(session, invoice, at=NOON)
    assert is_untouched(session, invoice)


def test_a_series_numbers_only_its_own_documents(session, made):
    us = made.organisation()
    invoice = made.invoice(series=numbers.default(session, us, "credit_note"))
    session.commit()
    assert list(refused(lambda: invoices.issue(session, invoice, at=NOON))) == ["series"]
    assert is_untouched(session, invoice)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda invoice: setattr(invoice, "note", "other"), "note"),
        (lambda invoice: setattr(invoice, "due_on", date(2027, 1, 1)), "due_on"),
        (lambda invoice: setattr(invoice, "number", "INV-2026-00009"), "number"),
        (lambda invoice: setattr(invoice.lines[0], "text", "other"), "lines"),
        (lambda invoice: invoice.lines.append(InvoiceLine(text="more")), "lines"),
        (lambda invoice: invoice.lines.clear(), "lines"),
        (lambda invoice: setattr(invoice, "state", InvoiceState.closed), "state"),
    ],
)
def test_an_issued_document_is_not_saved_with_a_change(session, made, change, field):
    invoice = made.issued()
    session.commit()
    with session.no_autoflush:
        change(invoice)
        assert list(refused(lambda: invoices.save(session, invoice))) == [field]


def test_an_issued_document_may_change_hands(session, made):
    invoice = made.issued()
    invoice.owner = made.user("manager")
    invoices.save(session, invoice)
    session.flush()
    assert invoice.version == 3


def test_the_party_of_an_issued_document_is_not_exchanged_by_saving(session, made):
    invoice = made.issued()
    with session.no_autoflush:
        invoice.party = made.party("Other")
        assert list(refused(lambda: invoices.save(session, invoice))) == ["party"]


def test_only_drafts_are_deleted(session, made):
    draft, issued = made.invoice(), made.issued()
    invoices.remove(session, draft)
    session.delete(draft)
    session.flush()
    assert list(refused(lambda: invoices.remove(session, issued))) == ["state"]
    assert session.scalars(select(Invoice)).all() == [issued]


def test_closing_needs_a_reason_and_an_issued_document(session, made):
    draft, invoice = made.invoice(), made.issued()
    assert refused(lambda: invoices.close(session, invoice, reason="  ", at=NOON)) == {"reason": ["Say why"]}
    assert list(refused(lambda: invoices.close(session, draft, reason="x", at=NOON))) == ["state"]
    invoices.close(session, invoice, reason=" Written off ", at=NOON)
    session.expire_all()
    assert (invoice.state, invoice.closed_reason, invoice.closed_on) == (
        InvoiceState.closed,
        "Written off",
        date(2026, 3, 31),
    )
    assert list(refused(lambda: invoices.close(session, invoice, reason="again", at=NOON))) == ["state"]


def test_a_copy_is_a_draft_on_its_own(session, made):
    invoice = made.issued(("2", "10.00"), note="Thank you")
    draft = invoices.copy(session, invoice)
    assert (draft.state, draft.number, draft.issued_on, draft.due_on) == (InvoiceState.draft, None, None, None)
    assert (draft.party, draft.note, draft.gross) == (invoice.party, "Thank you", D("24.20"))
    assert [(line.text, line.quantity) for line in draft.lines] == [("Line 1", D(2))]


def test_due_invoices_are_the_issued_ones(session, made):
    made.invoice(due_on=date(2026, 4, 1))
    early, late = made.issued(due_on=date(2026, 4, 2)), made.issued(due_on=date(2026, 4, 1))
    assert session.scalars(invoices.due(date(2026, 4, 2))).all() == [late, early]
    assert session.scalars(invoices.due(date(2026, 4, 1))).all() == [late]


def test_a_deleted_draft_leaves_no_rows(session, made):
    session.delete(made.invoice())
    session.flush()
    assert count(session, InvoiceLine) == 0


def test_a_service_with_an_early_payment_discount_states_it(session, made):
    term = PaymentTerm(name="2 % in 7 days", steps=[["days", 30]], discount_percent=D(2), discount_days=7)
    terms.save(session, term)
    invoice = made.issued(("1", "100.00"), payment_term=term)
    assert invoice.snapshot.content["terms"] == {
        "name": "2 % in 7 days",
        "text": "in 30 days",
        "early": {"until": "2026-04-07", "percent": "2", "tax": "early", "early": "118.58", "late": "121.00"},
    }


def test_the_default_price_and_tax_of_a_product_are_taken(session, made):
    us, party = made.organisation(), made.buyer()
    product = Product(name="Bulb", price=D("2.50"), currency="EUR", tax=made.tax("reduced"), sku="B-1")
    products.save(session, product)
    invoice = Invoice(organisation=us, party=party, lines=[InvoiceLine(product=product, quantity=D(10))])
    invoices.save(session, invoice)
    session.flush()
    invoices.issue(session, invoice, at=NOON)
    line = invoice.snapshot.content["lines"][0]
    assert (line["sku"], line["text"], line["unit_price"], line["tax"]["name"]) == ("B-1", "Bulb", "2.5", "Btw 9 %")
    assert invoice.gross == D("27.25")


def test_whole_numbers_are_written_like_decimals(session, made, tmp_path, chain_key):
    us, party = made.organisation(), made.buyer()
    line = InvoiceLine(text="Bulbs", quantity=3, unit_price=10, discount_percent=0, tax=made.tax())
    invoice = Invoice(organisation=us, party=party, lines=[line], discount=1, charge=0, currency="USD", exchange_rate=2)
    invoices.save(session, invoice)
    session.flush()
    invoices.issue(session, invoice, at=NOON)
    document = invoice.snapshot.content["document"]
    assert (document["discount"], document["charge"], document["exchange_rate"]) == ("1.00", "0.00", "2")
    session.expire_all()
    assert verify.verify(session, key=chain_key, files=tmp_path).problems == []
