"""The demo's web shop: invoices by the ten thousand, in a number series of their own, written in bulk.

They are priced, frozen and chained by the same functions as those that people issue. Their files are not made
beforehand: each is made when somebody asks for it for the first time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import money
from app.demo.book import Book
from app.demo.issued import draft, write
from app.demo.party import DAYS
from app.demo.team import People
from app.models.organisation import Organisation
from app.models.party import Party, PartyAddress, PartyKind
from app.models.product import Product, ProductKind
from app.models.tax import Tax
from app.money import LineIn, Options
from app.services import invoice_snapshot as snapshots
from app.services import payment_term as terms
from app.services import tax as taxes

PREFIX = "W-"
CHUNK = 1000
LINES = 3
_SATURDAY = 5
_COUNTS = tuple(map(Decimal, (1, 1, 2, 2, 3, 4, 5, 6, 10, 12)))
_PERCENTS = tuple(map(Decimal, (0, 0, 0, 0, 5)))
_PARTY = ("id", "kind", "name", "legal_name", "country", "language", "email", "owner_id", "team_id")
_NUMBERS = ("tax_number", "tax_branch", "registration_number")
_ADDRESS = ("usage", "street", "postal_code", "city", "region", "country")


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that stands now: what whoever pays it must know."""

    id: int
    number: str
    party_id: int
    issued_on: date
    due_on: date
    currency: str
    gross: Decimal


def add_up_to(
    session: Session, count: int, *, organisation: Organisation, products: list[Product], people: People, today: date
) -> Iterator[list[Issued]]:
    """Issue the shop's invoices until there are `count`, and yield them as they are written, by their days.

    The days lie between thirteen months ago, or the day of the last one that stands, and yesterday.
    """
    book = Book(session, organisation, prefix=PREFIX)
    standing, shop = book.position, _Shop(session, book, products, people)
    begun = book.last_on or today - timedelta(days=DAYS - 30)
    days = max((today - begun).days, 1)
    for start in range(standing, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        moments = [_moment(begun, (at - standing) * days // (count - standing), at) for at in numbers]
        yield shop.issue([(at, moment) for at, moment in zip(numbers, moments, strict=True)])
    book.close()


def _moment(begun: date, days: int, at: int) -> datetime:
    """Return a working hour so many days later, or on the Friday before."""
    day = begun + timedelta(days=days)
    day -= timedelta(days=max(day.weekday() - _SATURDAY + 1, 0))
    return datetime.combine(day, time(7 + at % 10, at * 7 % 60, at * 13 % 60), UTC)


class _Shop:
    """Draws invoices and writes them, a thousand at a time."""

    def __init__(self, session: Session, book: Book, products: list[Product], people: People) -> None:
        self.session = session
        self.book = book
        self.us: Organisation = book.series.organisation
        self.bank = snapshots.bank_account(self.us, self.us.currency)
        self.options = Options(currency=self.us.currency, tax_rounding=self.us.tax_rounding)
        self.by = people.ids["accountant"]
        self.wares = [product for product in products if product.kind == ProductKind.goods]
        self.abroad = {tax.code: tax for tax in taxes.make_presets(session, self.us.country)}
        buyers = select(Party.id).where(Party.is_customer, Party.archived_at.is_(None)).order_by(Party.id)
        self.buyers = list(session.scalars(buyers))

    def issue(self, when: Sequence[tuple[int, datetime]]) -> list[Issued]:
        """Draw, price, freeze, chain and store the invoices with these numbers."""
        dice = [(Random(f"sale {at}"), moment) for at, moment in when]  # noqa: S311 -- the same demo every time
        drawn = [(random, moment, random.choice(self.buyers)) for random, moment in dice]
        parties = self._parties(sorted({buyer for _random, _moment, buyer in drawn}))
        made = [self._draft(random, parties[buyer], moment) for random, moment, buyer in drawn]
        write(self.session, self.book, made, bank=self.bank, by_id=self.by)
        return [
            Issued(one.id, one.number, one.party.id, one.issued_on, one.due_on, one.currency, one.gross) for one in made
        ]

    def _parties(self, ids: list[int]) -> dict[int, SimpleNamespace]:
        """Read buyers with their addresses as plain objects."""
        names = (*_PARTY, *_NUMBERS)
        rows = self.session.execute(select(*(getattr(Party, name) for name in names)).where(Party.id.in_(ids)))
        found = {row.id: SimpleNamespace(**row._mapping, addresses=[]) for row in rows}  # noqa: SLF001 -- its name
        places = select(PartyAddress.party_id, *(getattr(PartyAddress, name) for name in _ADDRESS))
        for row in self.session.execute(places.where(PartyAddress.party_id.in_(ids)).order_by(PartyAddress.id)):
            found[row.party_id].addresses.append(row)
        return found

    # --- drawing --------------------------------------------------------------------------------------------------

    def _draft(self, random: Random, party: SimpleNamespace, at: datetime) -> SimpleNamespace:
        """Return an invoice as a plain object with the attributes of a record, priced."""
        lines = [self._line(random, ware, party) for ware in random.sample(self.wares, LINES)]
        priced = money.price([line.priced_as for line in lines], self.options)
        for line, amounts in zip(lines, priced.lines, strict=True):
            line.net, line.tax_amount, line.gross = amounts.net, amounts.tax, amounts.gross
        day, term = at.date(), self.us.payment_term
        given = {
            "organisation": self.us,
            "organisation_id": self.us.id,
            "party": party,
            "party_id": party.id,
            "owner_id": party.owner_id,
            "team_id": party.team_id,
            "payment_term": term,
            "payment_term_id": self.us.payment_term_id,
            "language": party.language,
            "currency": self.us.currency,
            "issued_on": day,
            "delivery_on": day,
            "due_on": terms.due_on(term, day),
            "net": priced.net,
            "tax": priced.tax,
            "gross": priced.gross,
        }
        return draft(at, given, lines=lines, priced=priced)

    def _line(self, random: Random, ware: Product, party: SimpleNamespace) -> SimpleNamespace:
        tax = self._tax(party) or ware.tax
        if tax is None or ware.price is None:
            raise ValueError(f"{ware.sku} has no tax or price")
        quantity, percent = random.choice(_COUNTS), random.choice(_PERCENTS)
        return SimpleNamespace(
            product=ware,
            product_id=ware.id,
            text=ware.name,
            quantity=quantity,
            unit=ware.unit,
            unit_id=ware.unit_id,
            unit_price=ware.price,
            discount_percent=percent,
            tax=tax,
            tax_id=tax.id,
            priced_as=LineIn(quantity=quantity, unit_price=ware.price, tax=taxes.key(tax), discount_percent=percent),
        )

    def _tax(self, party: SimpleNamespace) -> Tax | None:
        """Return the tax of a sale abroad; None leaves it to the product."""
        if party.country == self.us.country:
            return None
        if party.country == "BE":
            return self.abroad["eu"] if party.kind == PartyKind.company and party.tax_number else None
        return self.abroad["export"]
