"""What must hold of the books after every act, and at the end of a story."""

import hashlib
import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app import money
from app.db import metadata
from app.models.invoice import FREE_AFTER_ISSUE
from app.money import LineIn, Options, TaxCategory, TaxKey, TaxRounding
from app.services import history, verify
from tests.property.books import DIGITS, HISTORY, ZERO, Books, Key, half_up, summed, table_rows
from tests.property.pricing import Sold, Terms, totals
from tests.property.stage import KEY, Stage

DAY = timedelta(days=1)


class Checks:
    """Remembers what documents said and what closed periods showed, and compares."""

    def __init__(self, stage: Stage, books: Books) -> None:
        self.stage = stage
        self.said: dict[int, str] = {}
        self.closed: dict[tuple[int, int, date], tuple[dict[str, Decimal], dict[Key, Decimal]]] = {}
        self.after(books, books)

    def after(self, before: Books, now: Books) -> None:
        """Check everything that must hold after an act."""
        sums(now)
        numbers(now)
        credits_within(now)
        events(now)
        self._documents_stay(now)
        self._closed_stays(before, now)

    def _documents_stay(self, now: Books) -> None:
        for row in now.rows["invoice"]:
            if row.state == "draft":
                assert row.id not in self.said, "an issued document is a draft again"
                continue
            said = what_it_says(now, row)
            if row.id not in self.said:
                self.said[row.id] = said
                document(now, row)
            assert self.said[row.id] == said, f"{row.number} does not say what it said"
        gone = self.said.keys() - {row.id for row in now.rows["invoice"]}
        assert not gone, f"issued documents are gone: {gone}"

    def _closed_stays(self, before: Books, now: Books) -> None:
        """Nothing of a closed period changes, and nothing is added to it."""
        for key, item in now.items.items():
            if key not in before.items:
                assert not before.locked(item.organisation, item.since), f"{key} was added to a closed period"
            elif item.gone and not before.items[key].gone:
                assert not before.locked(item.organisation, item.gone), f"{key} was cancelled in a closed period"
        for entry in now.entries[len(before.entries) :]:
            assert not before.locked(now.items[entry.debt].organisation, entry.on), f"{entry} is in a closed period"
        for organisation in self.stage.organisations:
            until = now.organisation(organisation).lock_date
            if before.organisation(organisation).lock_date != until:
                self._close(now, organisation, until)
        for (party, organisation, day), told in self.closed.items():
            assert shown(now, party, organisation, day) == told, f"the balance of {day}, which is closed, changed"

    def _close(self, now: Books, organisation: int, until: date | None) -> None:
        """Remember what some days of a closed period show, and forget those of one that was opened again."""
        self.closed = {
            place: told
            for place, told in self.closed.items()
            if place[1] != organisation or (until is not None and place[2] <= until)
        }
        for party in self.stage.parties if until is not None else ():
            for day in (until, until - 7 * DAY, until - 20 * DAY):
                self.closed.setdefault((party, organisation, day), shown(now, party, organisation, day))

    def finish(self, session: Session, books: Books) -> None:
        """Check what is dear: the chain, the history, and the tables that nobody may have touched."""
        report = verify.verify(session, key=KEY, files=self.stage.files)
        assert report.problems == [], report.problems
        assert report.documents == report.not_made == len(self.said)
        replay(books, *(table_rows(session.connection(), metadata.tables[name]) for name in HISTORY))
        assert self.stage.unchanged(), "a table that no act of money writes was changed"


def shown(books: Books, party: int, organisation: int, day: date) -> tuple[dict[str, Decimal], dict[Key, Decimal]]:
    """Return what a report of a day shows."""
    return books.balance(party, day, organisation), books.open_items(party, day, organisation)


def sums(books: Books) -> None:
    """Check what is allocated: on every day between nothing and all, and as the rows of the sides say."""
    for key, item in books.items.items():
        for day in books.days(key):
            used = books.used(key, day)
            assert 0 <= used <= item.amount, f"{key}: {used} of {item.amount} is allocated on {day}"
            assert day >= item.since, f"{key} settles something before it is there"
            assert item.gone is None or day < item.gone or used == 0, f"{key} is cancelled and settles something"
        used = books.used(key, date.max)
        assert item.allocated == used, f"{key} says {item.allocated}, its allocations {used}"
        if item.settlement is not None:
            told = "paid" if used == item.amount else "partly_paid" if used else "open"
            if item.amount and books.credited(key) == item.amount:
                told = "credited"
            assert item.settlement == told, f"{key} is {item.settlement}, not {told}"
    for entry in books.entries:
        if entry.credit is not None:
            one, other = books.items[entry.credit], books.items[entry.debt]
            assert (one.organisation, one.party) == (other.organisation, other.party), f"{entry} crosses over"
    for party in {item.party for item in books.items.values()}:
        for day in {entry.on for entry in books.entries} | {item.since for item in books.items.values()}:
            assert books.balance(party, day) == summed(books, books.open_items(party, day)), f"balance of {day}"


def numbers(books: Books) -> None:
    """Check that the numbers of every series and period are 1, 2, 3… in the order of their days."""
    found: dict[tuple[int, str], list[tuple[int, date]]] = defaultdict(list)
    for row in books.rows["invoice"]:
        if row.state != "draft":
            found[row.series_id, row.number_period].append((row.number_n, row.issued_on))
    for place, given in found.items():
        given.sort()
        assert [n for n, _day in given] == list(range(1, len(given) + 1)), f"numbers of {place}: {given}"
        assert given == sorted(given, key=lambda each: each[1]), f"days of {place}: {given}"
    counted = {(row.series_id, row.period): row.last for row in books.rows["number_counter"]}
    assert counted == {place: len(given) for place, given in found.items()}, f"counters say {counted}"
    printed = [(row.series_id, row.number) for row in books.rows["invoice"] if row.number is not None]
    assert len(set(printed)) == len(printed), "two documents have one number"


def credits_within(books: Books) -> None:
    """Check that credit notes never take back more than their invoice has, in all and of every line."""
    issued = {row.id: row for row in books.rows["invoice"] if row.state != "draft"}
    taken: dict[int, Decimal] = defaultdict(Decimal)
    of_line: dict[int, Decimal] = defaultdict(Decimal)
    lines = {row.id: row for row in books.rows["invoice_line"]}
    for row in issued.values():
        if row.credits_id is not None:
            taken[row.credits_id] += row.gross
    for row in lines.values():
        if row.credits_line_id is not None and row.invoice_id in issued:
            of_line[row.credits_line_id] += row.quantity
    for key, amount in taken.items():
        assert amount <= issued[key].gross, f"{issued[key].number} is credited with {amount}"
    for key, quantity in of_line.items():
        assert quantity <= lines[key].quantity, f"line {key} is credited {quantity} times"


def events(books: Books) -> None:
    """Check that the file of every issued document was ordered exactly once."""
    ordered = sorted(row.record_id for row in books.rows["outbox"] if row.topic == "invoice.render")
    issued = sorted(row.id for row in books.rows["invoice"] if row.state != "draft")
    assert ordered == issued, f"files of {ordered} were ordered, {issued} are issued"


def what_it_says(books: Books, row: Row[Any]) -> str:
    """Return a digest of everything of a document that must stay."""
    head = {name: value for name, value in row._mapping.items() if name not in FREE_AFTER_ISSUE}
    parts = {
        table: [tuple(each) for each in books.rows[table] if each.invoice_id == row.id]
        for table in ("invoice_line", "invoice_tax", "invoice_snapshot", "chain_link")
    }
    return hashlib.sha256(repr((head, parts)).encode()).hexdigest()


def document(books: Books, row: Row[Any]) -> None:
    """Check what a document comes to, what its snapshot says, and the totals of the European norm."""
    lines = [each for each in books.rows["invoice_line"] if each.invoice_id == row.id]
    taxes = [each for each in books.rows["invoice_tax"] if each.invoice_id == row.id]
    (link,) = [each for each in books.rows["chain_link"] if each.invoice_id == row.id]
    (snapshot,) = [each.content for each in books.rows["invoice_snapshot"] if each.invoice_id == row.id]
    written = json.dumps(snapshot, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert row.content_sha256 == link.content_sha256 == hashlib.sha256(written.encode()).hexdigest()
    head = snapshot["document"]
    assert (head["number"], head["issued_on"]) == (row.number, row.issued_on.isoformat()), "the snapshot was early"
    for name in ("net", "tax", "gross"):
        assert Decimal(head[name]) == Decimal(snapshot["totals"][name]) == getattr(row, name), f"snapshot of {name}"
    organisation = books.organisation(row.organisation_id)
    digits, rates = DIGITS[row.currency], {each["position"]: each["tax"] for each in snapshot["lines"]}
    sold = [
        Sold(each.quantity, each.unit_price, each.discount_percent, rate["category"], Decimal(rate["rate"]))
        for each in lines
        for rate in (rates[each.position],)
    ]
    per_line = organisation.tax_rounding == "per_line"
    come_to = totals(sold, Terms(digits, row.prices_include_tax, per_line, row.discount, row.charge))
    assert (row.net, row.tax, row.gross) == come_to, f"{row.number} comes to {row.gross}, not {come_to[2]}"
    if row.exchange_rate is not None:
        home = half_up(row.tax * row.exchange_rate, DIGITS[organisation.currency])
        assert sum(each.tax_home for each in taxes) == home, "the tax at home"
    norm(row, lines, sold, taxes, per_line=per_line)


def norm(row: Row[Any], lines: list[Any], sold: list[Sold], taxes: list[Any], *, per_line: bool) -> None:
    """Check EN 16931's rules BR-CO-10, 13 to 17 on the totals that an electronic invoice would state."""
    options = Options(
        currency=row.currency,
        prices_include_tax=row.prices_include_tax,
        tax_rounding=TaxRounding.per_line if per_line else TaxRounding.per_group,
        discount=row.discount,
        charge=row.charge,
    )
    asked = [
        LineIn(
            quantity=each.quantity,
            unit_price=each.price,
            discount_percent=each.discount,
            tax=TaxKey(TaxCategory(each.category), each.rate),
        )
        for each in sold
    ]
    stated = money.en_totals(money.price(asked, options))
    assert stated.lines == sum(each.net for each in lines), "BR-CO-10"
    assert stated.without_tax == stated.lines - stated.allowances + stated.charges == row.net, "BR-CO-13"
    assert stated.tax == sum(each.tax for each in stated.breakdown), "BR-CO-14"
    assert stated.with_tax == stated.without_tax + stated.tax, "BR-CO-15"
    assert stated.payable == stated.with_tax - stated.prepaid + stated.rounding == row.gross, "BR-CO-16"
    for each in stated.breakdown:
        assert each.tax == half_up(each.base * each.rate, DIGITS[row.currency]), "BR-CO-17"
    of_group = {(each.category, each.rate): each for each in taxes}
    for each in stated.breakdown:
        assert of_group[each.category, each.rate].base == each.base, "the base of a tax"
    assert (sum(each.base for each in taxes), sum(each.tax for each in taxes)) == (row.net, row.tax), "tax table"


def replay(books: Books, changes: list[Row[Any]], steps: list[Row[Any]]) -> None:
    """Check that the recorded changes, one after the other, lead to what stands in the tables.

    What a trigger sums up (`allocated`, `credited`, `settlement`) is no change of the record: its history are the
    allocations, which `sums` adds up. Lines are left out: those of an issued document stand in its snapshot.
    """
    told: dict[tuple[str, int], dict[str, Any]] = {}
    for row in changes:
        if row.part is not None:
            continue
        place = row.entity, row.record_id
        if row.act == "delete":
            told.pop(place)
        else:
            told.setdefault(place, {}).update({name: after for name, (_before, after) in row.changes.items()})
    summed_up = {"allocated", "credited", "settlement"}
    for table in ("invoice", "payment", "organisation"):
        for row in books.rows[table]:
            for name, value in row._mapping.items():
                if name == "id" or name in history.SILENT | summed_up:
                    continue
                last = told[table, row.id].get(name)
                assert same(last, value), f"{table} {row.id}: {name} is {value}, the history says {last}"
    moves = {(row.entity, row.record_id): row.after for row in steps}
    for table in ("invoice", "payment"):
        for row in books.rows[table]:
            assert moves[table, row.id] == str(row.state), f"{table} {row.id} is {row.state}"


def same(told: Any, value: Any) -> bool:
    """Say whether a value of the history is that of a row; a Decimal may be written with more zeros."""
    if isinstance(value, Decimal):
        try:
            return Decimal(told if told is not None else ZERO) == value
        except InvalidOperation:
            return False
    if isinstance(value, Enum):
        value = value.value
    return bool(told == (value.isoformat() if isinstance(value, date) else value))
