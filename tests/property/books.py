"""The books, read row by row, and the rules of the business worked out once more without any of its services.

What is expected of an act is computed here from the rows alone, with fractions and sums; nothing of the product's
queries or arithmetic is used, so that an error of theirs cannot hide itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, select

from app.db import metadata

# Every table that an act of money may write; the others must stay as they are.
WRITTEN = (
    "organisation",
    "invoice",
    "invoice_line",
    "invoice_tax",
    "invoice_snapshot",
    "chain_link",
    "number_counter",
    "payment",
    "allocation",
    "outbox",
    "field_change",
    "state_change",
    "idempotency_key",
)
# What follows from them: who is told, by what they are found, and whose figures are worked out anew.
TOLD = ("notification", "party_mark", "search_entry", "search_word")
HISTORY = ("field_change", "state_change")
SIGN = {"invoice": 1, "credit_note": -1, "receipt": -1, "refund": 1}
DEBTS = {"invoice", "refund"}
DIGITS = {"EUR": 2, "USD": 2, "JPY": 0}
ZERO = Decimal(0)

Key = tuple[str, int]  # ("invoice", 7) or ("payment", 3)


def half_up(value: Fraction | Decimal, digits: int) -> Decimal:
    """Round a number that is not negative, ties upwards, with whole numbers only."""
    steps = Fraction(value) * 10**digits
    return Decimal((2 * steps.numerator + steps.denominator) // (2 * steps.denominator)).scaleb(-digits)


@dataclass(frozen=True, kw_only=True)
class Item:
    """An issued document or a payment: what it is worth, since when, and until when if it was cancelled."""

    key: Key
    kind: str
    organisation: int
    party: int
    currency: str
    amount: Decimal
    since: date
    gone: date | None
    due_on: date | None
    allocated: Decimal
    settlement: str | None

    def counts(self, day: date) -> bool:
        """Say whether it counts on a day."""
        return self.since <= day and (self.gone is None or day < self.gone)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An allocation: what it takes of the debt (`amount`) and of the credit (`taken`), each in its own currency."""

    on: date
    amount: Decimal
    taken: Decimal
    debt: Key
    credit: Key | None
    rate: Decimal | None = None
    write_off: str | None = None
    reverses: int | None = None
    id: int = 0

    def part(self, key: Key) -> Decimal:
        """Return what it takes of one of its sides."""
        return self.amount if self.debt == key else self.taken


@dataclass
class Books:
    """All that the tables say about money at one moment."""

    rows: dict[str, list[Row[Any]]]
    items: dict[Key, Item] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    of: dict[Key, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, connection: Connection) -> "Books":
        """Read the tables."""
        books = cls({name: rows_of(connection, name) for name in WRITTEN})
        for row in books.rows["invoice"]:
            if row.state != "draft":
                books.items["invoice", row.id] = _document(row)
        for row in books.rows["payment"]:
            books.items["payment", row.id] = _payment(row)
        for row in books.rows["allocation"]:
            books.add(_entry(row))
        return books

    def add(self, entry: Entry) -> None:
        """Enter an allocation: one that was read, or one that is only thought of."""
        self.entries.append(entry)
        self.of[entry.debt].append(entry)
        if entry.credit is not None:
            self.of[entry.credit].append(entry)

    def thought(self) -> "Books":
        """Return books of their own to think in."""
        copied = Books(self.rows, dict(self.items))
        for entry in self.entries:
            copied.add(entry)
        return copied

    def drafts(self) -> list[Row[Any]]:
        """Return the rows of documents that are drafts."""
        return [row for row in self.rows["invoice"] if row.state == "draft"]

    def organisation(self, key: int) -> Row[Any]:
        """Return the row of one of our companies."""
        return next(row for row in self.rows["organisation"] if row.id == key)

    def locked(self, organisation: int, day: date) -> bool:
        """Say whether a day lies in a closed period."""
        until = self.organisation(organisation).lock_date
        return until is not None and day <= until

    # --- what is used and what is free -----------------------------------------------------------------------------

    def used(self, key: Key, day: date) -> Decimal:
        """Return what is allocated of a document or payment on a day."""
        return sum((entry.part(key) for entry in self.of.get(key, ()) if entry.on <= day), ZERO)

    def credited(self, key: Key) -> Decimal:
        """Return what the document's own credit notes settle of it."""
        own = {("invoice", row.id) for row in self.rows["invoice"] if ("invoice", row.credits_id) == key}
        return sum((entry.amount for entry in self.of.get(key, ()) if entry.credit in own), ZERO)

    def days(self, key: Key) -> list[date]:
        """Return the days on which what is allocated of it changes."""
        return sorted({entry.on for entry in self.of.get(key, ())})

    def free(self, key: Key, since: date) -> Decimal:
        """Return how much of it can be allocated from a day on so that no later day shows more than there is."""
        later = [day for day in self.days(key) if day > since]
        return self.items[key].amount - max(self.used(key, day) for day in [since, *later])

    def rest(self, key: Key) -> Decimal:
        """Return what is left of it in the end."""
        return self.items[key].amount - self.used(key, date.max)

    def undone(self) -> set[int]:
        """Return the ids of the allocations that were undone."""
        return {entry.reverses for entry in self.entries if entry.reverses is not None}

    def standing(self, key: Key) -> list[Entry]:
        """Return the allocations of it that were not undone."""
        undone = self.undone()
        return [entry for entry in self.of.get(key, ()) if entry.reverses is None and entry.id not in undone]

    # --- balances --------------------------------------------------------------------------------------------------

    def balance(self, party: int, day: date, organisation: int | None = None) -> dict[str, Decimal]:
        """Return invoices − credit notes − receipts + refunds − write-offs ± conversions of a day, without zeros."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for item in self._of_party(party, organisation):
            if item.counts(day):
                found[item.currency] += SIGN[item.kind] * item.amount
        for entry in self.entries:
            debt = self.items[entry.debt]
            if entry.on > day or debt.party != party or organisation not in {None, debt.organisation}:
                continue
            if entry.credit is None:
                found[debt.currency] -= entry.amount
            elif self.items[entry.credit].currency != debt.currency:
                found[debt.currency] -= entry.amount
                found[self.items[entry.credit].currency] += entry.taken
        return {currency: amount for currency, amount in sorted(found.items()) if amount}

    def open_items(self, party: int, day: date, organisation: int | None = None) -> dict[Key, Decimal]:
        """Return what is open of a counterparty on a day, signed as the balance is."""
        found = {}
        for item in self._of_party(party, organisation):
            rest = item.amount - self.used(item.key, day)
            if item.counts(day) and rest:
                found[item.key] = SIGN[item.kind] * rest
        return found

    def _of_party(self, party: int, organisation: int | None) -> Iterator[Item]:
        for item in self.items.values():
            if item.party == party and organisation in {None, item.organisation}:
                yield item


def summed(books: Books, items: Mapping[Key, Decimal]) -> dict[str, Decimal]:
    """Add open items up by currency, without zeros."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for key, rest in items.items():
        found[books.items[key].currency] += rest
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


def table_rows(connection: Connection, table: Table) -> list[Row[Any]]:
    """Return all rows of a table in the order of their keys."""
    return list(connection.execute(_all(table)).all())


def rows_of(connection: Connection, name: str) -> list[Row[Any]]:
    """Return the rows of a table; of the history, which grows with every act, only the keys."""
    table = metadata.tables[name]
    return list(connection.execute(_keys(table)).all()) if name in HISTORY else table_rows(connection, table)


@cache
def _keys(table: Table) -> Select[Any]:
    return select(table.c.id).order_by(table.c.id)


@cache
def _all(table: Table) -> Select[Any]:
    return select(table).order_by(*table.primary_key.columns)


def _document(row: Row[Any]) -> Item:
    return Item(
        key=("invoice", row.id),
        kind=str(row.kind),
        organisation=row.organisation_id,
        party=row.party_id,
        currency=row.currency,
        amount=row.gross,
        since=row.issued_on,
        gone=None,
        due_on=row.due_on,
        allocated=row.allocated,
        settlement=str(row.settlement),
    )


def _payment(row: Row[Any]) -> Item:
    return Item(
        key=("payment", row.id),
        kind=str(row.kind),
        organisation=row.organisation_id,
        party=row.party_id,
        currency=row.currency,
        amount=row.amount,
        since=row.paid_on,
        gone=row.cancelled_on,
        due_on=None,
        allocated=row.allocated,
        settlement=None,
    )


def _entry(row: Row[Any]) -> Entry:
    def key(document: int | None, payment: int | None) -> Key | None:
        if document is not None:
            return "invoice", document
        return ("payment", payment) if payment is not None else None

    debt = key(row.invoice_id, row.refund_id)
    assert debt is not None
    return Entry(
        id=row.id,
        on=row.allocated_on,
        amount=row.amount,
        taken=row.credit_amount,
        rate=row.exchange_rate,
        debt=debt,
        credit=key(row.credit_note_id, row.payment_id),
        write_off=str(row.write_off) if row.write_off is not None else None,
        reverses=row.reverses_id,
    )


# --- what an act should come to -------------------------------------------------------------------------------------


def allocation(  # noqa: PLR0911 -- one return for each reason to refuse
    books: Books,
    credit: Key,
    debt: Key,
    *,
    on: date,
    today: date,
    amount: Decimal | None = None,
    rate: Decimal | None = None,
) -> Entry | None:
    """Return the allocation that should come of it, None when it should be refused."""
    one, other = books.items.get(credit), books.items.get(debt)
    if one is None or other is None or one.kind in DEBTS or other.kind not in DEBTS:
        return None
    if one.gone or other.gone or (one.organisation, one.party) != (other.organisation, other.party):
        return None
    if on > today or on < max(one.since, other.since) or books.locked(one.organisation, on):
        return None
    if (one.currency == other.currency) != (rate is None):
        return None
    there, owed = books.free(credit, on), books.free(debt, on)
    if amount is None:
        amount, taken = most(there, owed, rate, one.currency, other.currency)
    else:
        if amount != half_up(max(amount, ZERO), DIGITS[other.currency]):
            return None
        taken = amount if rate is None else half_up(Fraction(amount) * Fraction(rate), DIGITS[one.currency])
    if amount <= 0 or taken <= 0 or amount > owed or taken > there:
        return None
    return Entry(on=on, amount=amount, taken=taken, rate=rate, debt=debt, credit=credit)


def most(there: Decimal, owed: Decimal, rate: Decimal | None, credit: str, debt: str) -> tuple[Decimal, Decimal]:
    """Return what an allocation of as much as possible takes of the debt and of the credit."""
    if rate is None:
        return min(there, owed), min(there, owed)
    whole = half_up(Fraction(max(owed, ZERO)) * Fraction(rate), DIGITS[credit])
    if whole <= there:
        return owed, whole
    return min(half_up(Fraction(max(there, ZERO)) / Fraction(rate), DIGITS[debt]), owed), there


def settling_day(books: Books, credit: Key, debt: Key, today: date) -> date:
    """Return the day that a payment settles something when nobody says: once both were there, if that loses nothing."""
    day = max(books.items[credit].since, books.items[debt].since)
    whole = all(books.free(key, day) == books.free(key, today) for key in (credit, debt))
    return day if whole and not books.locked(books.items[credit].organisation, day) else today


def reversal(entry: Entry, on: date) -> Entry:
    """Return the row that undoes an allocation."""
    return replace(entry, id=0, on=on, amount=-entry.amount, taken=-entry.taken, reverses=entry.id)


def bare(entries: Iterable[Entry]) -> list[Entry]:
    """Return allocations without their ids, to compare what came with what should have come."""
    return [replace(entry, id=0) for entry in entries]
