"""A clerk who does anything at any time: issues, pays, allocates, undoes, credits, cancels, closes periods.

Every act is done through the services, in a unit of work of its own session, as a request does it. What should come
of it was worked out before from the rows (`books`): an act that should be refused must be, and then nothing has
changed; one that should not be refused must not be, and must come to exactly what was worked out.
"""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy.orm import Session

from app.models.allocation import Allocation, WriteOff
from app.models.invoice import Invoice, InvoiceLine
from app.models.organisation import Organisation
from app.models.party import Party
from app.roles import Scope
from app.services import access, idempotency
from app.services import allocation as allocations
from app.services import balance as balances
from app.services import invoice as invoices
from app.services import payment as payments
from app.services import period as periods
from app.services.access import Actor
from app.services.payment import Share
from tests.property import books as accounts
from tests.property.books import DEBTS, DIGITS, Entry, Item, bare
from tests.property.choices import BACK, HOW, PICK, among, busy, several, verb
from tests.property.desk import HOME, Desk, is_payable
from tests.property.stage import amount_of

D = Decimal
LINES = several(
    among(D(1), D(3), D("0.5"), D("2.125"), D(9), D(16)),
    among(*map(D, ("13.60", "99.95", "0.05", "55.55", "348.35", "1000.10", "0", "0.01", "7.53"))),
    among(D(0), D(0), D(0), D(4), D("12.5")),
    among(0, 0, 0, 1, 2),
    most=4,
)


class Clerk(Desk):
    """See the module's text."""

    @rule(seed=st.integers(0, 2**32))
    def busy_day(self, seed: int) -> None:
        """Do five acts at random; the same seed again throws the dice anew."""
        self.thrown[seed] += 1
        busy(self, Random(f"{seed} {self.thrown[seed]}"), 5)

    @verb(2, days=among(1, 1, 2, 5, 20))
    def wait(self, days: int) -> None:
        self.day += timedelta(days=days)

    @verb(
        4,
        at=PICK,
        lines=LINES,
        foreign=among(False, False, True),
        included=among(False, True),
        discount=among(D(0), D(0), D(1), D("0.01"), D(50)),
        due=among(None, None, 0, 14),
        at_once=BACK,
    )
    def draft(
        self,
        at: int,
        lines: list[Any],
        foreign: bool,
        included: bool,
        discount: Decimal,
        due: int | None,
        at_once: int | None,
    ) -> None:
        """Make a draft, and mostly issue it."""
        old = {row.id for row in self.books.rows["invoice"]}
        organisation = self.books.organisation(self.stage.organisations[at % 3 == 2])
        currency = {"EUR": "JPY", "JPY": "EUR"}[organisation.currency] if foreign else organisation.currency

        def do(session: Session) -> None:
            record = Invoice(
                organisation=session.get(Organisation, organisation.id),
                party=session.get(Party, self.stage.parties[at % 5 == 4]),
                currency=currency,
                exchange_rate=HOME[organisation.currency][currency],
                prices_include_tax=included,
                discount=discount,
                due_on=None if due is None else self.day + timedelta(days=due),
            )
            names = ("quantity", "unit_price", "discount_percent", "tax_id")
            for given in lines:
                values = dict(zip(names, (*given[:3], self.stage.taxes[given[3]]), strict=True))
                record.lines.append(InvoiceLine(text="Tulips", unit_id=self.stage.unit, **values))
            invoices.save(session, record)

        if self.act("draft", do, may=None) and at % 4:
            (row,) = [row for row in self.books.drafts() if row.id not in old]
            self.issue_it(row, at_once)

    @verb(2, needs=lambda self: self.books.drafts(), at=PICK, days=BACK)
    def issue(self, at: int, days: int | None) -> None:
        drafts = self.books.drafts()
        self.issue_it(drafts[at % len(drafts)], days)

    def issue_it(self, row: Any, days: int | None) -> None:
        before, (on, day, today) = self.books, self.given(row.organisation_id, days)
        original = self.books.items.get(("invoice", row.credits_id))
        foreign = row.currency != self.books.organisation(row.organisation_id).currency
        fits = day <= today and not self.books.locked(row.organisation_id, day)
        fits = fits and day >= self.last_day(row, day) and (row.due_on is None or row.due_on >= day)
        fits = fits and not (foreign and row.exchange_rate is None)
        may: bool | None = fits
        if original is not None:
            fits = fits and day >= original.since and self.is_left(row)
            may = None if fits else False  # rounding may have come to more than is left
        if self.act(
            "issue a credit note" if original else "issue",
            lambda session: invoices.issue(session, session.get(Invoice, row.id), at=self.at, on=on),
            may=may,
        ):
            issued = self.added(before)
            assert (issued.key, issued.since) == (("invoice", row.id), day)
            expected = []
            if original is not None and issued.amount:
                open_then = before.free(original.key, day)
                amount = min(open_then, issued.amount)
                expected = [Entry(on=day, amount=amount, taken=amount, debt=original.key, credit=issued.key)]
            self.entered(before, [entry for entry in expected if entry.amount > 0])

    @verb(3, at=PICK, amount=HOW, days=BACK)
    def pay(self, at: int, amount: str, days: int | None) -> None:
        self.pay_it(self.chosen(at, "invoice", "invoice", "credit_note"), amount, days)

    def pay_it(self, invoice: Item, amount: str, days: int | None) -> None:
        before, (on, day, today) = self.books, self.given(invoice.organisation, days)
        since = max(day, invoice.since)  # an advance settles it since its issue
        owed, digits = self.books.free(invoice.key, since), DIGITS[invoice.currency]
        given = amount_of(owed, amount, digits)
        value = owed if given is None else given
        may = invoice.kind == "invoice" and not (given is None and owed <= 0) and is_payable(value, digits)
        may = may and day <= today and not self.books.locked(invoice.organisation, day)
        if self.act(
            "pay",
            lambda session: payments.pay(session, self.record(session, invoice), when=self.when(on), amount=given),
            may=may,
        ):
            paid = self.added(before)
            assert (paid.kind, paid.amount, paid.since) == ("receipt", value, day)
            assert (paid.party, paid.organisation) == (invoice.party, invoice.organisation)
            part = min(owed, value)
            entry = Entry(on=since, amount=part, taken=part, debt=invoice.key, credit=paid.key)
            self.entered(before, [entry] if owed > 0 else [])

    @verb(2, at=PICK, amount=among("10", "100.00", "1000", "0.03", "55.55", "5000"), days=BACK, foreign=PICK)
    def receive(self, at: int, amount: str, days: int | None, foreign: int) -> None:
        organisation = self.books.organisation(self.stage.organisations[at % 3 == 2])
        currency = {"EUR": "JPY", "JPY": "EUR"}[organisation.currency] if foreign % 3 == 0 else organisation.currency
        on, day, today = self.given(organisation.id, days)
        before, party = self.books, self.stage.parties[at % 5 == 4]
        fits = is_payable(D(amount), DIGITS[currency]) and day <= today
        if self.act(
            "receive",
            lambda session: self.new_payment(session, organisation, party, D(amount), currency, on),
            may=fits and not self.books.locked(organisation.id, day),
        ):
            paid = self.added(before)
            assert (paid.kind, paid.amount, paid.since, paid.currency) == ("receipt", D(amount), day, currency)

    @verb(3, at=PICK)
    def allocate_to_the_oldest(self, at: int) -> None:
        before, payment = self.books, self.chosen(at, "receipt", "receipt", "refund")
        thought, expected = self.books.thought(), []
        today = self.today(payment.organisation)
        invoice_rows = {row.id: row for row in self.books.rows["invoice"]}
        for item in sorted(
            (item for item in self.books.items.values() if item.kind == "invoice"),
            key=lambda item: (item.due_on, item.key),
        ):
            wanted = (payment.party, payment.organisation, payment.currency)
            if (item.party, item.organisation, item.currency) != wanted or thought.rest(item.key) <= 0:
                continue
            if payment.kind != "receipt" or payment.gone or thought.rest(payment.key) <= 0:
                break
            assert invoice_rows[item.key[1]].state != "draft"
            day = accounts.settling_day(thought, payment.key, item.key, today)
            entry = accounts.allocation(thought, payment.key, item.key, on=day, today=today)
            thought.add(entry)
            expected.append(entry)
        if self.act(
            "allocate to the oldest",
            lambda session: payments.allocate(session, self.record(session, payment), when=self.when(None)),
            may=bool(expected),
        ):
            self.entered(before, expected)

    @verb(4, at=PICK, to=several(PICK, HOW, PICK, most=2), days=BACK)
    def allocate_shares(self, at: int, to: list[tuple[int, str, int]], days: int | None) -> None:
        before, payment = self.books, self.chosen(at, "receipt")
        on, day, today = self.given(payment.organisation, days)
        thought, expected, shares = self.books.thought(), [], []
        for place, amount, rate_at in to:
            debt = self.partner(place, payment, "invoice")
            rate = self.rate(debt, payment, rate_at)
            given = amount_of(self.bearable(thought, payment, debt, day), amount, DIGITS[debt.currency])
            shares.append((debt, given, rate))
            since = accounts.settling_day(thought, payment.key, debt.key, today) if on is None else day
            entry = accounts.allocation(thought, payment.key, debt.key, on=since, today=today, amount=given, rate=rate)
            expected.append(entry)
            if entry is not None:
                thought.add(entry)
        if self.act(
            "allocate shares",
            lambda session: payments.allocate(
                session,
                self.record(session, payment),
                [Share(invoice=self.record(session, d), amount=a, exchange_rate=r) for d, a, r in shares],
                when=self.when(on),
            ),
            may=None not in expected,
        ):
            self.entered(before, expected)

    @verb(3, at=PICK, to=PICK, amount=HOW, rate_at=PICK, days=BACK)
    def settle(self, at: int, to: int, amount: str, rate_at: int, days: int | None) -> None:
        """Let a credit note, or any payment, settle something."""
        before, credit = self.books, self.chosen(at, "credit_note", "receipt")
        debt = self.partner(to, credit, "invoice", "refund")
        if debt is None:
            return
        on, day, today = self.given(credit.organisation, days)
        rate = self.rate(debt, credit, rate_at)
        given = amount_of(self.bearable(self.books, credit, debt, day), amount, DIGITS[debt.currency])
        expected = accounts.allocation(self.books, credit.key, debt.key, on=day, today=today, amount=given, rate=rate)
        if self.act(
            "settle",
            lambda session: allocations.allocate(
                session,
                self.record(session, credit),
                self.record(session, debt),
                when=self.when(on),
                amount=given,
                exchange_rate=rate,
            ),
            may=expected is not None,
        ):
            self.entered(before, [expected])

    @verb(4, at=PICK, days=BACK)
    def reverse(self, at: int, days: int | None) -> None:
        before, undone = self.books, self.books.undone()
        standing = [entry for entry in self.books.entries if entry.reverses is None and entry.id not in undone]
        among = standing if standing and at % 8 else self.books.entries
        entry = among[at % len(among)]
        organisation = self.books.items[entry.debt].organisation
        on, day, today = self.given(organisation, days)
        may = entry in standing and entry.on <= day <= today and not self.books.locked(organisation, day)
        if self.act(
            "reverse",
            lambda session: allocations.reverse(session, session.get(Allocation, entry.id), when=self.when(on)),
            may=may,
        ):
            self.entered(before, [accounts.reversal(entry, day)])

    @verb(3, at=PICK, amount=HOW, reason=among(*WriteOff), days=BACK)
    def write_off(self, at: int, amount: str, reason: WriteOff, days: int | None) -> None:
        before, invoice = self.books, self.chosen(at, "invoice", "credit_note")
        on, day, today = self.given(invoice.organisation, days)
        owed, digits = self.books.free(invoice.key, day), DIGITS[invoice.currency]
        given = amount_of(owed, amount, digits)
        value = owed if given is None else given
        may = invoice.kind == "invoice" and is_payable(value, digits) and value <= owed
        may = may and invoice.since <= day <= today and not self.books.locked(invoice.organisation, day)
        if self.act(
            "write off",
            lambda session: allocations.write_off(
                session, self.record(session, invoice), reason=reason, when=self.when(on), amount=given
            ),
            may=may,
        ):
            entry = Entry(on=day, amount=value, taken=value, debt=invoice.key, credit=None, write_off=str(reason))
            self.entered(before, [entry])

    @verb(3, at=PICK, parts=among(None, (1, 1, 1), (2, 0, 1), (1, 2, 0), (0, 0, 1), (3, 1, 1)), at_once=BACK)
    def credit(self, at: int, parts: tuple[int, ...] | None, at_once: int | None) -> None:
        """Make a draft credit note, of all or of halves and more of some lines, and mostly issue it."""
        before, invoice = self.books, self.chosen(at, "invoice", "credit_note", open_first=at % 3 == 0)
        again = sorted({row.credits_id for row in before.rows["invoice"] if row.credits_id is not None})
        if again and at % 5 < 2:  # it was credited before
            invoice = self.books.items["invoice", again[at % len(again)]]
        rows = [row for row in self.books.rows["invoice_line"] if row.invoice_id == invoice.key[1]]
        wanted = None
        if parts is not None:
            wanted = {row.id: row.quantity * part / 2 for row, part in zip(rows, parts, strict=False)}
        may = None if invoice.kind == "invoice" else False
        if wanted is not None and any(wanted.get(row.id, 0) > row.quantity for row in rows):
            may = False
        if (
            self.act(
                "credit",
                lambda session: invoices.credit(session, self.record(session, invoice), reason="Faded", lines=wanted),
                may=may,
            )
            and at % 4
        ):
            old = {row.id for row in before.rows["invoice"]}
            (note,) = [row for row in self.books.drafts() if row.id not in old]
            self.issue_it(note, at_once)

    @verb(2, at=PICK, amount=HOW, days=BACK)
    def refund(self, at: int, amount: str, days: int | None) -> None:
        before, credit = self.books, self.chosen(at, "receipt", "credit_note", "receipt", "invoice")
        on, day, today = self.given(credit.organisation, days)
        there, digits = self.books.free(credit.key, day), DIGITS[credit.currency]
        given = amount_of(there, amount, digits)
        value = there if given is None else given
        may = credit.kind not in DEBTS and not credit.gone and is_payable(value, digits) and value <= there
        may = may and credit.since <= day <= today and not self.books.locked(credit.organisation, day)
        if self.act(
            "refund",
            lambda session: payments.refund(session, self.record(session, credit), when=self.when(on), amount=given),
            may=may,
        ):
            back_paid = self.added(before)
            assert (back_paid.kind, back_paid.amount, back_paid.since) == ("refund", value, day)
            self.entered(before, [Entry(on=day, amount=value, taken=value, debt=back_paid.key, credit=credit.key)])

    @verb(2, at=PICK, days=BACK)
    def cancel(self, at: int, days: int | None) -> None:
        before, payment = self.books, self.chosen(at, "receipt", "refund")
        on, day, today = self.given(payment.organisation, days)
        standing = self.books.standing(payment.key)
        may = not payment.gone and payment.since <= day <= today
        may = may and not self.books.locked(payment.organisation, day) and all(entry.on <= day for entry in standing)
        expected = [accounts.reversal(entry, day) for entry in standing]
        if may:
            thought = self.books.thought()
            for entry in expected:
                thought.add(entry)
            may = thought.free(payment.key, day) == payment.amount
        if self.act(
            "cancel",
            lambda session: payments.cancel(
                session, self.record(session, payment), reason="Bounced", when=self.when(on)
            ),
            may=may,
        ):
            assert self.books.items[payment.key].gone == day
            order = sorted(bare(self.books.entries[len(before.entries) :]), key=lambda entry: entry.reverses)
            assert order == sorted(expected, key=lambda entry: entry.reverses)

    @verb(at=PICK, days=among(None, -1, 0, 1, 3, 3, 10, 25))
    def close_period(self, at: int, days: int | None) -> None:
        organisation = self.stage.organisations[at % 3 == 2]
        until = None if days is None else self.today(organisation) - timedelta(days=days)
        if self.act(
            "close a period",
            lambda session: periods.lock(session, session.get(Organisation, organisation), until=until, at=self.at),
            may=until is None or days > 0,
        ):
            assert self.books.organisation(organisation).lock_date == until

    @verb(3, at=PICK, way=among("close", "copy", "change", "remove", "pay a draft"))
    def handle(self, at: int, way: str) -> None:
        """Close, copy, change or delete a document, or pay what is a draft."""
        rows = self.books.rows["invoice"]
        row = rows[at % len(rows)]
        acts = {"close": self.close, "copy": self.copy, "change": self.change, "remove": self.remove}
        may = {
            "close": row.state == "issued",
            "copy": row.kind == "invoice",
            "change": None if row.state == "draft" else False,
            "remove": row.state == "draft",
            "pay a draft": None,
        }
        if way in acts:
            self.act(way, lambda session: acts[way](session, session.get(Invoice, row.id)), may=may[way])
        elif row.state == "draft":
            self.act(
                way, lambda s: payments.pay(s, s.get(Invoice, row.id), when=self.when(None), amount=D(1)), may=False
            )

    def close(self, session: Session, invoice: Invoice) -> None:
        invoices.close(session, invoice, reason="Settled elsewhere", at=self.at)

    def copy(self, session: Session, invoice: Invoice) -> None:
        invoices.copy(session, invoice)

    def change(self, session: Session, invoice: Invoice) -> None:
        invoice.lines[0].quantity += 1
        invoices.save(session, invoice)

    def remove(self, session: Session, invoice: Invoice) -> None:
        invoices.remove(session, invoice)
        session.delete(invoice)

    @verb(2, key=among("a", "b", "c"), amount=among(D(10), D(20)))
    def same_request(self, key: str, amount: Decimal) -> None:
        """Record a payment by a request that is sent twice, and perhaps came before."""
        organisation = self.books.organisation(self.stage.organisations[0])
        asked = idempotency.digest({"amount": amount})
        standing = {row.key: row for row in self.books.rows["idempotency_key"]}.get(key)
        may = standing is None or standing.body_sha256 == asked
        for new in (standing is None, False):
            before = self.books
            if self.act(
                "same request", lambda session: self.request(session, key, asked, organisation, amount), may=may
            ):
                came = self.books.items.keys() - before.items.keys()
                assert len(came) == (1 if new else 0), f"the same request made {len(came)} payments"

    def request(self, session: Session, key: str, asked: str, organisation: Any, amount: Decimal) -> None:
        row, done = idempotency.begin(session, user_id=self.stage.user, key=key, body_sha256=asked, at=self.at)
        if not done:
            paid = self.new_payment(session, organisation, self.stage.parties[0], amount, "EUR", None)
            idempotency.end(row, status=201, answer={"id": paid.id})

    @verb(2, at=PICK, days=among(0, 0, 1, 3, 10, 30))
    def look(self, at: int, days: int) -> None:
        """Compare what the services answer with what the rows say; asked by somebody who may see nothing of it."""
        party, day = self.stage.parties[at % 2], self.day - timedelta(days=days)
        organisation = (None, *self.stage.organisations)[at % 3]
        self.sound = False
        with self.stage.session() as session:
            record = session.get(Party, party)
            sides = {key: self.record(session, key) for key in self.books.items}
            late = {found.id for found in session.scalars(balances.overdue(day))}
            access.act_as(session, Actor(self.stage.user, "stranger", Scope.none))
            told = balances.of_party(session, record, on=day, organisation_id=organisation)
            items = balances.open_items(session, record, on=day, organisation_id=organisation)
            access.act_as(session, access.SYSTEM)
            left = {key: allocations.left(session, side, on=day) for key, side in sides.items()}
            rests = {("invoice" if isinstance(i.record, Invoice) else "payment", i.record.id): i.rest for i in items}
        should = self.books.balance(party, day, organisation)
        told = {currency: amount for currency, amount in told.items() if amount}
        assert told == should, f"the balance is told as {told}, it is {should}"
        should_be_open = self.books.open_items(party, day, organisation)
        assert rests == should_be_open, f"open items are told as {rests}, they are {should_be_open}"
        assert left == {key: self.books.free(key, day) for key in self.books.items}, "what is left to allocate"
        overdue = [key[1] for key, item in self.books.items.items() if item.kind == "invoice" and item.due_on < day]
        assert late == {key for key in overdue if self.books.rest(("invoice", key)) > 0}, "what is overdue"
        self.stage.done["look"] += 1
        self.sound = True
