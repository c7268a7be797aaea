"""Where the machine plays: two companies, two counterparties, three taxes, and a savepoint for every story.

Nothing is ever committed: every story ends by going back to the savepoint at which it began.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.db import metadata, unit_of_work
from app.models.number_series import NumberSeries
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.tax import Tax
from app.money import TaxRounding
from app.services import access, unit
from app.services import number as numbers
from app.services import payment as payments
from app.services.allocation import When
from tests.factories import Made
from tests.property.books import TOLD, WRITTEN, table_rows

KEY = bytes(range(32))  # of the chain
FIRST_DAY = date(2025, 12, 12)  # the year turns in most stories
EVENING = time(20, tzinfo=UTC)  # in Tokyo it is the next day already
OPENED = timedelta(days=6)  # after the first day the clerk takes over
TAXES = ("standard", "reduced", "zero")


class Stage:
    """Companies, counterparties and taxes, by their ids, and the sessions in which acts are done."""

    def __init__(self, connection: Connection, files: Path) -> None:
        self.connection = connection
        self.files = files
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.stories = 0
        self.memory: dict[Any, Any] = {}  # of planted bugs: what a rollback does not undo
        with self.session() as session, unit_of_work(session):
            made = Made(session)
            self.user = made.user("accountant").id
            euro = made.organisation()
            yen = made.organisation(
                "Tulip Nippon K.K.", currency="JPY", time_zone="Asia/Tokyo", tax_rounding=TaxRounding.per_line
            )
            for series in session.query(NumberSeries).filter_by(organisation_id=yen.id).all():
                series.pattern, series.restart = "{prefix}{yy}{month}-{n:03}", "monthly"
                numbers.save(session, series)
            self.organisations = (euro.id, yen.id)
            self.parties = (made.buyer().id, made.buyer("Bollen & Co.").id)
            self.taxes = tuple(made.tax(code).id for code in TAXES)
            self.unit = unit.known(session, "KGM").id
            self._open(made)
        self.quiet = self._others()

    def _open(self, made: Made) -> None:
        """Issue and receive something, so that a clerk has something to begin with."""
        session, (euro, yen) = made.session, (made.session.get(Organisation, key) for key in self.organisations)
        one, other = (session.get(Party, key) for key in self.parties)
        standard, reduced, zero = (session.get(Tax, key) for key in self.taxes)
        day = FIRST_DAY + timedelta(days=2)
        invoice = made.issued(("1", "100.00"), at_tax=zero, party=one, organisation=euro, on=FIRST_DAY)
        made.issued(
            ("3", "13.60"), ("0.5", "55.55"), at_tax=standard, party=one, organisation=euro, discount=Decimal(1), on=day
        )
        yens = {"currency": "JPY", "exchange_rate": Decimal("0.0062")}
        made.issued(("16", "348"), at_tax=reduced, party=one, organisation=euro, on=day, **yens)
        made.issued(("2", "7.50"), at_tax=reduced, party=other, organisation=euro, on=day)
        made.issued(("9", "1000"), at_tax=standard, party=one, organisation=yen, currency="JPY", on=day)
        made.payment("150.00", party=one, organisation=euro, on=day)
        made.payment("2500", party=one, organisation=euro, on=day, **yens)
        payments.pay(session, invoice, amount=Decimal(40), when=When(at=self.at(day)))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session of the system, as every request has its own."""
        info = {"writes": True}
        with Session(self.connection, join_transaction_mode="create_savepoint", info=info) as session:
            access.act_as(session, access.SYSTEM)
            yield session

    def begin(self) -> Callable[[], None]:
        """Begin a story; what is returned ends it and leaves nothing of it."""
        self.stories += 1
        self.memory.clear()
        savepoint = self.connection.begin_nested()
        return savepoint.rollback

    def at(self, day: date) -> datetime:
        """Return the moment at which acts of a day are done."""
        return datetime.combine(day, EVENING)

    def today(self, zone: str, day: date) -> date:
        """Return which day it is then somewhere."""
        return self.at(day).astimezone(ZoneInfo(zone)).date()

    def unchanged(self) -> bool:
        """Say whether every table is as it was at the beginning, but for those that acts of money write."""
        return self._others() == self.quiet

    def _others(self) -> dict[str, list[Any]]:
        tables = [table for table in metadata.sorted_tables if table.name not in {*WRITTEN, *TOLD}]
        return {table.name: table_rows(self.connection, table) for table in tables if table.primary_key.columns}


def amount_of(rest: Decimal, how: str, digits: int) -> Decimal | None:
    """Return how much somebody gives when this much is open: "all" leaves it to the service."""
    step = Decimal(1).scaleb(-digits)
    return {
        "all": None,
        "exact": rest,
        "part": (rest / 3).quantize(step),
        "less": rest - step,
        "over": rest + step,
        "much": 2 * rest + 10,
        "nothing": Decimal(0),
        "below": -step,
        "off the grid": rest / 2 + step / 4,
    }[how]
