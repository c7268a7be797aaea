"""The clerk's desk: how an act is done, compared with what was worked out before, and what is at hand."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import currently_in_test_context, note
from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.errors import Conflict, DomainError
from app.models.invoice import Invoice
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment import Payment
from app.services import payment as payments
from app.services.allocation import When
from tests.property.books import ZERO, Books, Entry, Item, Key, bare
from tests.property.checks import Checks
from tests.property.stage import FIRST_DAY, OPENED, Stage

HOME = {"EUR": {"JPY": Decimal("0.0062"), "EUR": None}, "JPY": {"EUR": Decimal("160.25"), "JPY": None}}
RATES = {  # of an allocation, by the currencies of the debt and of the credit
    ("JPY", "EUR"): [Decimal("0.0062"), Decimal("0.00625")],
    ("EUR", "JPY"): [Decimal("160.25"), Decimal("0.31")],
}
MODEL = {"invoice": Invoice, "payment": Payment}


class Desk(RuleBasedStateMachine):
    """See the module's text."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.day = FIRST_DAY + OPENED
        self.end = stage.begin()
        self.books = Books.read(stage.connection)
        self.checks = Checks(stage, self.books)
        self.thrown: Counter[int] = Counter()
        self.sound = True
        self.story: list[str] = []

    def teardown(self) -> None:
        try:
            if self.sound:
                with self.stage.session() as session:
                    self.checks.finish(session, self.books)
            elif currently_in_test_context():
                note("\n".join(self.story))
        finally:
            self.end()

    # --- doing ------------------------------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        return self.stage.at(self.day)

    def today(self, organisation: int) -> date:
        return self.stage.today(self.books.organisation(organisation).time_zone, self.day)

    def when(self, on: date | None) -> When:
        return When(at=self.at, on=on)

    def given(self, organisation: int, days: int | None) -> tuple[date | None, date, date]:
        """Return the day as it is given, the one that it means, and today."""
        today = self.today(organisation)
        on = None if days is None else today - timedelta(days=days)
        return on, on or today, today

    def act(self, what: str, do: Callable[[Session], Any], *, may: bool | None) -> bool:
        """Do something in a unit of work; `may` says whether it should be possible, None that either is right.

        Return whether it was done.
        """
        self.sound = False
        before = self.books
        self.story.append(f"{self.day} {what}")
        refusal = self.attempt(do)
        now = Books.read(self.stage.connection)
        if refusal is not None:
            self.story[-1] += f": {refusal}"
            assert may is not True, f"{what} was refused though nothing speaks against it: {refusal}"
            assert now.rows == before.rows, f"{what} was refused and left traces"
            self.stage.refused[what] += 1
        else:
            self.books = now
            assert may is not False, f"{what} was done though it should have been refused"
            self.checks.after(before, now)
            self.stage.done[what] += 1
        self.sound = True
        return refusal is None

    def attempt(self, do: Callable[[Session], Any]) -> DomainError | Conflict | None:
        """Do something in a unit of work as a request does; return what it was refused with."""
        try:
            with self.stage.session() as session, unit_of_work(session):
                do(session)
        except (DomainError, Conflict) as refusal:
            return refusal
        return None

    def entered(self, before: Books, expected: Sequence[Entry]) -> None:
        """See that exactly these allocations were added."""
        found = bare(self.books.entries[len(before.entries) :])
        assert found == list(expected), f"allocated {found}, expected {list(expected)}"

    def added(self, before: Books) -> Item:
        """Return the one document or payment that came."""
        (key,) = self.books.items.keys() - before.items.keys()
        return self.books.items[key]

    def chosen(self, at: int, *kinds: str, open_first: bool = True) -> Item | None:
        """Return one of the documents or payments of some kinds, mostly one of which something is open."""
        found = [item for _key, item in sorted(self.books.items.items()) if item.kind in kinds]
        some = self.with_rest(found) if open_first and at % 4 else []
        found = some or found
        return found[at % len(found)] if found else None

    def with_rest(self, found: Sequence[Item]) -> list[Item]:
        return [item for item in found if not item.gone and self.books.rest(item.key) > 0]

    def partner(self, at: int, of: Item, *kinds: str) -> Item | None:
        """Return one of some kinds, mostly of the same counterparty and company."""
        found = [item for _key, item in sorted(self.books.items.items()) if item.kind in kinds and item != of]
        near = [item for item in found if (item.party, item.organisation) == (of.party, of.organisation)]
        found = near if near and at % 8 else found
        some = self.with_rest(found)
        found = some if some and at % 4 else found
        return found[at % len(found)] if found else None

    def record(self, session: Session, item: Item | Key) -> Any:
        entity, key = item.key if isinstance(item, Item) else item
        return session.get(MODEL[entity], key)

    # --- what is at hand -------------------------------------------------------------------------------------------

    def bearable(self, books: Books, credit: Item, debt: Item, day: date) -> Decimal:
        """Return what both sides bear where they are in one currency, else what the debt does."""
        owed = books.free(debt.key, day)
        return min(owed, books.free(credit.key, day)) if debt.currency == credit.currency else owed

    def rate(self, debt: Item, credit: Item, at: int) -> Decimal | None:
        """Return a rate where one is needed; now and then it is forgotten, or given for nothing."""
        rates = RATES.get((debt.currency, credit.currency), [])
        if at % 16 == 15:
            return None if rates else Decimal("1.1")
        return rates[at % len(rates)] if rates else None

    def last_day(self, row: Any, day: date) -> date:
        """Return the day of the last number before which the document cannot be issued."""
        monthly = row.organisation_id == self.stage.organisations[1]
        period = f"{day:%Y-%m}" if monthly else f"{day:%Y}"
        same = [
            each.issued_on
            for each in self.books.rows["invoice"]
            if each.state != "draft"
            and (each.organisation_id, each.kind, each.number_period) == (row.organisation_id, row.kind, period)
        ]
        return max(same, default=date.min)

    def is_left(self, note: Any) -> bool:
        """Say whether what a draft credit note takes back of every line is still there."""
        rows = {row.id: row for row in self.books.rows["invoice_line"]}
        issued = {row.id for row in self.books.rows["invoice"] if row.state != "draft"}
        return all(
            row.quantity
            + sum(
                r.quantity for r in rows.values() if r.credits_line_id == row.credits_line_id and r.invoice_id in issued
            )
            <= rows[row.credits_line_id].quantity
            for row in rows.values()
            if row.invoice_id == note.id
        )

    def new_payment(self, session: Session, organisation: Any, party: int, amount: Decimal, currency: str, on: Any):
        record = Payment(
            organisation=session.get(Organisation, organisation.id),
            party=session.get(Party, party),
            currency=currency,
            exchange_rate=HOME[organisation.currency][currency],
            amount=amount,
            paid_on=on,
        )
        payments.save(session, record, at=self.at)
        session.flush()
        return record


def is_payable(amount: Decimal, digits: int) -> bool:
    """Say whether an amount can be paid: above zero, and no finer than its currency."""
    return amount > ZERO and amount == round(amount, digits)
