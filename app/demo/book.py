"""The book of a number series, carried on in memory: numbers, days and links of many documents in a row."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.chain import ChainLink
from app.models.number_series import NumberCounter, NumberSeries, Restart, SeriesKind
from app.models.organisation import Organisation
from app.services import chain
from app.services import number as numbers
from app.services.number import Number


class Book:
    """One series with its counters and the head of its chain; `close` stores how far it has counted.

    Nobody else may number in the series meanwhile: the demo is written in one transaction that has locked it.
    """

    def __init__(self, session: Session, organisation: Organisation, *, prefix: str) -> None:
        self.session = session
        self.series = self._found(organisation, prefix) or self._made(organisation, prefix)
        numbers.lock(session, self.series)
        self.position, self._link = chain.head(session, ChainLink, self.series.id)
        self._key = chain.current_key()
        counters = select(NumberCounter).where(NumberCounter.series_id == self.series.id)
        self._counters = {row.period: row for row in session.scalars(counters)}

    def _found(self, organisation: Organisation, prefix: str) -> NumberSeries | None:
        wanted = select(NumberSeries).where(
            NumberSeries.organisation_id == organisation.id,
            NumberSeries.kind == SeriesKind.invoice,
            NumberSeries.prefix == prefix,
        )
        return self.session.scalar(wanted)

    def _made(self, organisation: Organisation, prefix: str) -> NumberSeries:
        made = NumberSeries(organisation=organisation, kind=SeriesKind.invoice, prefix=prefix)
        made.pattern, made.restart, made.is_default = "{prefix}{year}-{n:06}", Restart.yearly, False
        numbers.save(self.session, made)
        self.session.flush()
        return made

    @property
    def last_on(self) -> date | None:
        """The day of the last document, None before the first."""
        return max((row.last_on for row in self._counters.values()), default=None)

    def number(self, on: date) -> Number:
        """Give the next number."""
        period = numbers.period_of(self.series.restart, on)
        counter = self._counters.get(period)
        if counter is None:
            counter = NumberCounter(series_id=self.series.id, period=period, first=1, last=0, last_on=on)
            self._counters[period] = counter
        counter.last, counter.last_on = counter.last + 1, on
        return Number(numbers.written(self.series, on=on, n=counter.last), period, counter.last)

    def chained(self, digest: str) -> dict[str, Any]:
        """Return the next link's columns, without those of its document."""
        previous, self.position = self._link, self.position + 1
        place: dict[str, Any] = {"series_id": self.series.id, "position": self.position, "previous": previous}
        self._link = chain.link(self._key, **place, of="document", digest=digest)
        return place | {"content_sha256": digest, "link": self._link}

    def close(self) -> None:
        """Store how far it has counted."""
        self.session.add_all(self._counters.values())
        self.session.flush()
