"""Bank statements: loaded once, never half; matched with reasons, paid as payments are, and taken back whole."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.errors import DomainError, NotAllowed, Refusals
from app.exchange import bank_child
from app.models.allocation import Allocation, WriteOff
from app.models.attachment import Attachment
from app.models.bank_statement import BankLine, BankRule, BankStatement, LineState
from app.models.invoice import Settlement
from app.models.organisation import OrganisationBankAccount
from app.models.party import PartyBankAccount
from app.models.payment import Payment, PaymentKind, PaymentState
from app.outbox import Outbox
from app.services import access
from app.services import attachment as attachments
from app.services import balance as balances
from app.services import bank_desk as desk
from app.services import bank_match as matching
from app.services import bank_rule as rules
from app.services import bank_settle as settling
from app.services import bank_statement as statements
from app.services import invoice as invoices
from app.services import invoice_credit as crediting
from app.services import payment as payments
from app.services.allocation import When
from app.services.bank_desk import Choice
from app.services.bank_entry import Entry, Parsed
from app.services.bank_match import Because, Kind
from app.services.payment import Share

D = Decimal
DATA = Path(__file__).resolve().parent.parent / "data" / "bank"
IBAN, PAYER = "NL91ABNA0417164300", "NL20INGB0001234567"
APRIL_1, APRIL_2 = date(2026, 4, 1), date(2026, 4, 2)
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
WHEN = When(at=NOW)
pytestmark = pytest.mark.usefixtures("chain_key")


def refused(act: Callable[[], object]) -> dict[str | None, list[str]]:
    with pytest.raises(DomainError) as caught:
        act()
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field: [refusal.text]}


def entry(amount: str, text: str = "", *, on: date = APRIL_1, **values) -> Entry:
    return Entry(booked_on=on, amount=D(amount), text=text, **values)


def parsed(*entries: Entry, opening: str | None = "0", **values) -> Parsed:
    given = {"format": "camt", "account": IBAN, "currency": "EUR", "entries": list(entries)} | values
    if opening is not None:
        given |= {"opening": D(opening), "closing": D(opening) + sum(each.amount for each in entries)} | values
    return Parsed(**given).complete()


@pytest.fixture
def ours(made):
    """Return our company in Amsterdam."""
    return made.organisation()


@pytest.fixture
def load(session, ours, tmp_path):
    """Return what loads statements as one file would."""

    def act(*told: Parsed, **about) -> statements.Loaded:
        content = io.BytesIO(repr(told).encode())
        file = attachments.store(
            session,
            content,
            files=tmp_path,
            name="file.xml",
            media_type="application/octet-stream",
            entity="bank_statement",
            record_id=None,
            at=NOW,
            by_id=None,
        )
        return statements.load(session, told, file=file, at=NOW, **about)

    return act


@pytest.fixture
def lines(load, session):
    """Return what loads entries as one statement and gives back its lines."""

    def act(*entries: Entry) -> list[BankLine]:
        (statement,) = load(parsed(*entries)).statements
        asked = select(BankLine).where(BankLine.statement_id == statement.id).order_by(BankLine.position)
        return list(session.scalars(asked))

    return act


@pytest.fixture
def invoice(made, ours):
    """Return an invoice of 100.00 to Tulpen & Zonen, issued on 31 March, due 30 days later."""
    return made.issued(("1", "100.00"), at_tax=made.tax("zero"))


def told(line: BankLine, session) -> list[tuple]:
    return [(each.kind, each.score, each.because) for each in matching.proposals(session, line)]


def actor(made, name: str) -> access.Actor:
    person = made.user(name)
    roles = {role.name for role in person.roles}
    return access.actor_of(made.session, user_id=person.id, name=name, roles=roles)


def count(session, entity) -> int:
    return session.scalar(select(func.count()).select_from(entity))


# --- loading ----------------------------------------------------------------------------------------------------------


def test_a_file_is_loaded_once(session, load):
    first, second = entry("100", "a"), entry("-2.50", "fee")
    loaded = load(parsed(first, second, opening="10", number="61"))
    (statement,) = loaded.statements
    assert (loaded.added, loaded.known) == (2, 0)
    assert (statement.line_count, statement.open_count, statement.opening, statement.closing) == (
        2,
        2,
        D(10),
        D("107.5"),
    )
    assert (str(statement.account), statement.currency, statement.number, statement.gap) == (IBAN, "EUR", "61", None)
    again = load(parsed(first, second, opening="10", number="61"))
    assert (again.statements, again.added, again.known) == ([], 0, 2)
    assert (count(session, BankStatement), count(session, BankLine)) == (1, 2)


def test_a_file_that_overlaps_adds_what_is_new(session, load):
    load(parsed(entry("100", "a"), entry("5", "coffee"), entry("5", "coffee")))
    loaded = load(parsed(entry("5", "coffee"), entry("5", "coffee"), entry("5", "coffee"), entry("7", on=APRIL_2)))
    (statement,) = loaded.statements
    assert (loaded.added, loaded.known, statement.known_count, statement.line_count) == (2, 2, 2, 2)
    assert session.scalar(select(func.sum(BankLine.amount))) == D(122)


def test_the_reference_of_the_bank_makes_a_booking_one_of_its_kind(load):
    load(parsed(entry("100", "as one format says it", reference="B1")))
    again = load(
        parsed(entry("100", "as another one does", reference="B1"), entry("100", reference="B2"), opening="-100")
    )
    assert (again.added, again.known) == (1, 1)


def test_a_statement_that_does_not_add_up_is_refused(session, load):
    wrong = parsed(entry("100"), opening="0")
    wrong.closing = D("99.99")
    assert refused(lambda: load(wrong)) == {
        "file": ["The statement does not add up: with its entries €0.00 becomes €100.00, not €99.99"]
    }
    assert (count(session, BankStatement), count(session, BankLine)) == (0, 0)


def test_a_gap_to_the_statement_before_is_told_whatever_comes_first(load):
    (march,) = load(parsed(entry("5", on=date(2026, 3, 31)), opening="0")).statements
    (april,) = load(parsed(entry("1", on=APRIL_2), opening="25")).statements
    assert (march.gap, april.gap) == (None, D(20))
    (between,) = load(parsed(entry("20", on=APRIL_1), opening="5")).statements
    assert (between.gap, april.gap) == (D(0), D(0))


def test_whose_account_it_is(session, made, load, ours):
    other = made.organisation("Other B.V.", tax_number=None, series=False)
    other.bank_accounts[0].iban = "NL69INGB0123456789"
    session.flush()
    (found,) = load(parsed(entry("1"), account="NL69INGB0123456789")).statements
    assert found.organisation is other
    assert refused(lambda: load(parsed(entry("2"), account="NL02RABO0123456789"))) == {
        "account": ["None of our companies has the account NL02RABO0123456789"]
    }
    chosen = ours.bank_accounts[0]
    assert refused(lambda: load(parsed(entry("2"), account="NL69INGB0123456789"), account=chosen)) == {
        "account": ["The file is of the account NL69INGB0123456789, not of the chosen one"]
    }
    assert refused(lambda: load(parsed(entry("2"), account=""))) == {
        "account": ["The file does not say of which account it is: choose the account"]
    }
    (short,) = load(parsed(entry("3"), account="0417164300")).statements
    assert short.account is chosen


def test_the_currency_and_its_decimals(load, ours):
    assert refused(lambda: load(parsed(entry("1.005")))) == {"file": ["Line 0: EUR has 2 decimals"]}
    ours.bank_accounts[0].currency = "EUR"
    assert refused(lambda: load(parsed(entry("1"), currency="USD"))) == {
        "file": ["The account is in EUR, the statement in USD"]
    }


def test_a_file_from_the_bank_lands_as_it_says(session, load):
    told_by_bank = bank_child.read((DATA / "camt-08.xml").read_bytes(), None)
    load(*told_by_bank)
    found = session.execute(select(BankLine.amount, BankLine.payer, BankLine.payer_account).order_by(BankLine.position))
    assert [tuple(one) for one in found] == [
        (D(100), "Tulpen & Zonen B.V.", PAYER),
        (D(150), "Արարատ ՍՊԸ", None),
        (D(100), "ООО «Ромашка»", None),
        (D("-12.40"), None, None),
    ]


# --- matching ---------------------------------------------------------------------------------------------------------


def test_a_number_and_the_exact_amount_are_sure(session, invoice, lines):
    (line,) = lines(entry("100", f"Factuur {invoice.number}, bedankt"))
    (first,) = matching.proposals(session, line)
    assert (first.kind, first.score, first.because) == (Kind.documents, 80, (Because.number, Because.amount))
    assert matching.sure([first]) is first


@pytest.mark.parametrize("written", ["inv 2026 00001", "Invoice2026-00001", "INV-2026-00001.", "№2026/00001"])
def test_numbers_as_people_write_them(session, invoice, lines, written):
    assert invoice.number == "INV-2026-00001"
    (line,) = lines(entry("100", written))
    assert told(line, session)[0] == (Kind.documents, 80, (Because.number, Because.amount))


def test_a_longer_number_is_another_one(session, invoice, lines):
    (line,) = lines(entry("7", "INV-2026-000012"))
    assert told(line, session) == []


def test_a_structured_reference(session, invoice, lines):
    # RF check digits of "INV202600001": 98 minus the remainder of the number with "RF00" behind it
    number = int("".join(str(int(sign, 36)) for sign in "INV202600001RF00"))
    reference = f"RF{98 - number % 97:02}INV202600001"
    wrong = f"RF{(98 - number % 97) % 97 + 1:02}INV202600001"
    first, second = lines(entry("100", structured=reference), entry("-5"))
    assert told(first, session)[0] == (Kind.documents, 90, (Because.structured, Because.amount))
    first.structured = wrong
    assert told(first, session) == [(Kind.documents, 35, (Because.only, Because.amount))]
    assert told(second, session) == []


def test_who_has_paid(session, invoice, lines):
    party = invoice.party
    party.bank_accounts.append(PartyBankAccount(iban=PAYER))
    party.tax_number = "NL123456782B90"
    session.flush()
    by_account, by_number, by_name, unknown = lines(
        entry("100", account=PAYER),
        entry("100", tax_number="NL123456782B90"),
        entry("100", name="Tulpen & Zonen BV"),
        entry("100", name="Somebody"),
    )
    assert told(by_account, session) == [
        (Kind.documents, 60, (Because.account, Because.amount)),
        (Kind.party, 30, (Because.account,)),
    ]
    assert told(by_number, session)[0] == (Kind.documents, 60, (Because.tax_number, Because.amount))
    assert told(by_name, session)[0] == (Kind.documents, 50, (Because.name, Because.amount))
    assert told(unknown, session) == [(Kind.documents, 35, (Because.only, Because.amount))]
    assert matching.sure(matching.proposals(session, by_account)) is None


def test_the_account_of_a_counterparty_is_for_those_who_may_see_it(session, invoice, lines, made):
    invoice.party.bank_accounts.append(PartyBankAccount(iban=PAYER))
    session.flush()
    (line,) = lines(entry("33", account=PAYER))
    assert told(line, session)[0][2] == (Because.account, Because.part)
    with access.acting(session, actor(made, "support")):
        assert told(line, session) == []


def test_several_invoices_that_come_to_the_amount(session, made, invoice, lines):
    tax, party = made.tax("zero"), invoice.party
    second = made.issued(("1", "40.00"), at_tax=tax, party=party)
    made.issued(("1", "77.00"), at_tax=tax, party=party)
    named, summed = lines(entry("140", f"{invoice.number} + {second.number}"), entry("140", name="Tulpen & Zonen B.V."))
    assert told(named, session)[0] == (Kind.documents, 78, (Because.number, Because.sum))
    best = matching.proposals(session, summed)[0]
    assert (best.because, [one.rest for one in best.documents]) == ((Because.name, Because.sum), [D(100), D(40)])


def test_part_more_and_the_charge_of_the_bank(session, invoice, lines, ours):
    part, over, charge = (lines(entry(amount, invoice.number, reference=amount))[0] for amount in ("60", "130", "95"))
    assert [told(each, session)[0] for each in (part, over, charge)] == [
        (Kind.documents, 53, (Because.number, Because.part)),
        (Kind.documents, 52, (Because.number, Because.over)),
        (Kind.documents, 53, (Because.number, Because.part)),
    ]
    ours.bank_accounts[0].fee_tolerance = D(5)
    assert told(charge, session)[0] == (Kind.documents, 70, (Because.number, Because.charge))


def test_a_payment_that_is_recorded_already_is_offered_and_bars_what_is_sure(session, invoice, lines):
    recorded = payments.pay(session, invoice, when=When(at=NOW, on=APRIL_2), amount=D(60), reference="Phone")
    (line,) = lines(entry("60", "thanks"))
    assert told(line, session) == [(Kind.payment, 55, (Because.recorded, Because.amount))]
    settling.link(session, line, recorded, when=WHEN)
    assert (line.payment, line.made_payment, count(session, Payment)) == (recorded, False, 1)
    settling.undo(session, line, when=WHEN)
    assert (line.state, line.payment, recorded.state) == (LineState.open, None, PaymentState.recorded)


def test_a_rule_says_what_is_no_business_of_anybody(session, lines):
    rules.save(session, BankRule(name="Fees", text="kosten", reason="Bank charge"))
    rules.save(session, BankRule(name="Savings", account=PAYER, reason="Own account"))
    fee, own, other = lines(entry("-12.40", "KOSTEN pakket"), entry("-5", account=PAYER), entry("-6"))
    assert [told(each, session) for each in (fee, own, other)] == [
        [(Kind.rule, 95, (Because.rule,))],
        [(Kind.rule, 95, (Because.rule,))],
        [],
    ]
    desk.take(session, fee, Choice.of(matching.proposals(session, fee)[0], session), when=WHEN)
    assert (fee.state, fee.reason, fee.statement.open_count) == (LineState.ignored, "Bank charge", 2)
    assert refused(lambda: rules.save(session, BankRule(name="x", reason="y"))) == {
        "text": ["Give words of the booking or the account that it comes from"]
    }


# --- settling ---------------------------------------------------------------------------------------------------------


def test_taking_a_proposal_pays_as_any_payment_does(session, invoice, lines):
    (line,) = lines(entry("100", invoice.number))
    desk.take(session, line, Choice.of(matching.proposals(session, line)[0], session), when=WHEN)
    payment = line.payment
    assert (payment.amount, payment.paid_on, payment.kind, payment.reference) == (
        D(100),
        APRIL_1,
        PaymentKind.receipt,
        "INV-2026-00001",
    )
    assert (payment.bank_account, payment.party, payment.unallocated) == (line.statement.account, invoice.party, D(0))
    assert (invoice.settlement, line.state, line.party, line.made_payment) == (
        Settlement.paid,
        LineState.matched,
        invoice.party,
        True,
    )
    assert (line.statement.open_count, line.statement.done_count) == (0, 1)
    assert refused(lambda: settling.advance(session, line, invoice.party, when=WHEN)) == {
        "state": ["Somebody else has just settled this line"]
    }
    assert count(session, Payment) == 1


def test_undoing_gives_back_what_was_paid(session, invoice, lines):
    (line,) = lines(entry("100", invoice.number))
    payment = settling.settle(session, line, [Share(invoice=invoice)], when=WHEN)
    settling.undo(session, line, when=WHEN)
    assert (payment.state, payment.allocated, invoice.rest) == (PaymentState.cancelled, D(0), D(100))
    assert (line.state, line.payment, line.party, line.statement.open_count) == (LineState.open, None, None, 1)
    again = settling.settle(session, line, [Share(invoice=invoice)], when=WHEN)
    assert (again.paid_on, invoice.rest, session.scalar(select(func.sum(Allocation.amount)))) == (APRIL_1, D(0), D(100))
    assert balances.of_party(session, invoice.party, on=NOW.date()) == {"EUR": D(0)}


def test_a_split_over_several_and_a_rest_that_stays(session, made, invoice, lines):
    second = made.issued(("1", "40.00"), at_tax=made.tax("zero"), party=invoice.party)
    (line,) = lines(entry("150"))
    payment = settling.settle(session, line, [Share(invoice=invoice, amount=D(90)), Share(invoice=second)], when=WHEN)
    assert (invoice.rest, second.rest, payment.unallocated) == (D(10), D(0), D(20))
    (more,) = lines(entry("60", reference="2"))
    wrong = Choice(documents=[(invoice.id, D(11))])
    before = count(session, Payment)
    with pytest.raises(Refusals) as caught, session.begin_nested():
        desk.take(session, more, wrong, when=WHEN)
    assert caught.value.errors == {"shares-0-amount": ["At most €10.00 is open"]}
    assert (count(session, Payment), invoice.rest) == (before, D(10))


def test_the_charge_of_the_bank_is_written_off_within_the_tolerance(session, ours, invoice, lines):
    ours.bank_accounts[0].fee_tolerance = D(5)
    (line,) = lines(entry("95", invoice.number))
    desk.take(session, line, Choice.of(matching.proposals(session, line)[0], session), when=WHEN)
    assert invoice.rest == D(0)
    reason = select(Allocation.write_off, Allocation.amount).where(Allocation.write_off.is_not(None))
    assert session.execute(reason).one() == (WriteOff.bank_charge, D(5))


def test_a_credit_note_is_given_back(session, invoice, lines):
    payments.pay(session, invoice, when=When(at=NOW, on=APRIL_2))
    made_note = crediting.credit(session, invoice, reason="Returned")
    invoices.issue(session, made_note, at=NOW)
    (line,) = lines(entry("-100", made_note.number, on=date(2026, 4, 20)))
    assert told(line, session)[0] == (Kind.documents, 80, (Because.number, Because.amount))
    desk.take(session, line, Choice.of(matching.proposals(session, line)[0], session), when=WHEN)
    assert (line.payment.kind, line.payment.amount, made_note.rest) == (PaymentKind.refund, D(100), D(0))


def test_an_advance_of_a_counterparty(session, made, lines):
    party = made.party("Bloemen B.V.")
    (line,) = lines(entry("25", "voorschot"))
    desk.take(session, line, Choice(party_id=party.id), when=WHEN)
    assert (line.payment.party, line.payment.unallocated, line.state) == (party, D(25), LineState.matched)


def test_what_a_booking_cannot_be(session, made, ours, invoice, lines):
    other = made.issued(("1", "10.00"), at_tax=made.tax("zero"), party=made.buyer("Bloemen B.V."))
    into, out = lines(entry("110"), entry("-110"))
    shares = [Share(invoice=invoice), Share(invoice=other)]
    recorded = payments.pay(session, invoice, when=When(at=NOW, on=APRIL_2), amount=D(60))
    for act, errors in (
        (
            lambda: settling.settle(session, into, shares, when=WHEN),
            {"invoice": ["One booking is of one counterparty"]},
        ),
        (lambda: settling.settle(session, into, [], when=WHEN), {"invoice": ["Choose what it pays"]}),
        (
            lambda: settling.settle(session, out, shares[:1], when=WHEN),
            {"invoice": ["What goes out gives back credit notes"]},
        ),
        (
            lambda: settling.link(session, into, recorded, when=WHEN),
            {"payment": ["This payment is another one: it differs in amount, currency or direction"]},
        ),
        (lambda: settling.ignore(session, into, reason=" ", when=WHEN), {"reason": ["Say why"]}),
        (lambda: desk.take(session, into, Choice(party_id=10**9), when=WHEN), {"party": ["Not found"]}),
        (
            lambda: desk.take(session, into, Choice(documents=[(10**9, None)]), when=WHEN),
            {"shares-0-invoice": ["Not found"]},
        ),
        (lambda: settling.undo(session, into, when=WHEN), {"state": ["This line waits to be matched already"]}),
    ):
        assert refused(act) == errors
    assert (into.state, out.state, count(session, Payment)) == (LineState.open, LineState.open, 1)


def test_nothing_of_a_closed_period_moves(session, ours, invoice, lines):
    paid, waiting = lines(entry("100", invoice.number), entry("5"))
    settling.settle(session, paid, [Share(invoice=invoice)], when=WHEN)
    ours.lock_date = APRIL_1
    session.flush()
    closed = ["The period up to 2026-04-01 is closed"]
    assert refused(lambda: settling.undo(session, paid, when=WHEN)) == {"booked_on": closed}
    assert refused(lambda: settling.withdraw(session, paid.statement, when=WHEN)) == {"booked_on": closed}
    assert refused(lambda: settling.advance(session, waiting, invoice.party, when=WHEN)) == {"paid_on": closed}
    session.expire_all()
    assert (paid.state, paid.payment.state, waiting.state) == (LineState.matched, PaymentState.recorded, LineState.open)


def test_a_whole_statement_is_taken_back_and_may_come_again(session, invoice, load, lines):
    paid, ignored = lines(entry("100", invoice.number), entry("-5", "fee"))
    settling.settle(session, paid, [Share(invoice=invoice)], when=WHEN)
    settling.ignore(session, ignored, reason="Fee", when=WHEN)
    settling.withdraw(session, paid.statement, when=WHEN)
    assert (count(session, BankStatement), count(session, BankLine), count(session, Attachment)) == (0, 0, 0)
    assert (invoice.rest, session.scalar(select(Payment.state))) == (D(100), PaymentState.cancelled)
    assert "files.sweep" in session.scalars(select(Outbox.topic)).all() or count(session, Outbox) > 0
    assert load(parsed(entry("100", invoice.number), entry("-5", "fee"))).added == 2


def test_what_is_sure_is_matched_where_the_account_says_so(session, made, ours, invoice, load):
    second = made.issued(("1", "40.00"), at_tax=made.tax("zero"), party=invoice.party)
    told_by_bank = parsed(
        entry("100", invoice.number),
        entry("39", second.number),
        entry("100", f"again {invoice.number}"),
        entry("7", "nobody knows"),
    )
    (statement,) = load(told_by_bank).statements
    assert desk.match_sure(session, statement, when=WHEN) == 0
    ours.bank_accounts[0].match_sure = True
    assert desk.match_sure(session, statement, when=WHEN) == 1
    states = session.scalars(select(BankLine.state).order_by(BankLine.position)).all()
    assert states == [LineState.matched, LineState.open, LineState.open, LineState.open]
    assert (statement.open_count, invoice.settlement, second.rest) == (3, Settlement.paid, D(40))


def test_in_another_currency_the_rate_is_needed_or_that_of_the_invoice(session, made, ours, load):
    ours.bank_accounts.append(OrganisationBankAccount(account="123456789", currency="USD"))
    session.flush()
    dollars = made.issued(("1", "50.00"), at_tax=made.tax("zero"), currency="USD", exchange_rate=D("0.9"))
    load(parsed(entry("50", dollars.number), entry("8", "advance"), account="123456789", currency="USD"))
    paid, advance = session.scalars(select(BankLine).order_by(BankLine.position)).all()
    assert refused(lambda: settling.advance(session, advance, dollars.party, when=WHEN)) == {
        "exchange_rate": ["A payment in a foreign currency needs its exchange rate"]
    }
    payment = settling.settle(session, paid, [Share(invoice=dollars)], when=WHEN)
    assert (payment.currency, payment.exchange_rate, dollars.rest) == ("USD", D("0.9"), D(0))


def test_who_may_not_record_payments_settles_nothing(session, made, invoice, lines):
    (line,) = lines(entry("100", invoice.number))
    with access.acting(session, actor(made, "auditor")), pytest.raises(NotAllowed):
        settling.settle(session, line, [Share(invoice=invoice)], when=WHEN)
    assert (line.state, count(session, Payment)) == (LineState.open, 0)


def test_looking_for_something_else(session, made, invoice, lines):
    other = made.buyer("Bloemen B.V.")
    far = made.issued(("1", "12.00"), at_tax=made.tax("zero"), party=other)
    (line,) = lines(entry("100"))
    assert desk.look_for(session, line, "bloem") == ([far], [other])
    assert desk.look_for(session, line, "2026-00001") == ([invoice], [])
    assert desk.look_for(session, line, " ") == ([], [])
    assert desk.next_open(session, line.statement) is line
