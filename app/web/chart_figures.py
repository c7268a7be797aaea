"""The figures of a chart: groups and series of rows, counted and added up by SQL within what the reader sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.db import db


class _Other:
    """All groups that have no place of their own."""

    def __repr__(self) -> str:
        return "OTHER"


OTHER = _Other()
ONLY = ""  # the one series of a chart that is not split
ZERO = Decimal(0)


@dataclass(frozen=True)
class Figure:
    """How many rows there are, and what is drawn of them: their sum, or their number again."""

    count: int = 0
    amount: Decimal = ZERO

    def plus(self, other: "Figure") -> "Figure":
        """Return both together."""
        return Figure(self.count + other.count, self.amount + other.amount)


@dataclass(frozen=True)
class Found:
    """What was found before anything is drawn: rows of one currency, and the first and last of their days."""

    currency: str | None
    count: int
    first: date | datetime | None
    last: date | datetime | None


@dataclass(frozen=True)
class Leaders:
    """The groups with the greatest figures; `others` is how many more there are."""

    figures: Mapping[Any, Figure]
    others: int
    rest: Figure


@dataclass(frozen=True)
class Rows:
    """The rows behind a chart: their query, their key and, where a column is added up, its amount in SQL."""

    selection: Any
    key: Any
    amount: Any = None

    def _of(self, **columns: Any) -> Any:
        """Return the rows as a subquery: what is grouped by is computed once, and no bound value stands twice."""
        amount = {} if self.amount is None else {"amount": self.amount}
        wanted = {"key": self.key} | amount | columns
        return (
            self.selection.order_by(None).with_entities(*(each.label(name) for name, each in wanted.items())).subquery()
        )

    def _measures(self, rows: Any) -> list[Any]:
        count = sa.func.count(rows.c.key)
        return [count.label("records"), (count if self.amount is None else sa.func.sum(rows.c.amount)).label("figure")]

    def survey(self, *, currency: Any = None, day: Any = None) -> Sequence[Found]:
        """Return which currencies and days there are, the currency of most rows first."""
        columns = {"currency": currency, "day": day}
        rows = self._of(**{name: each for name, each in columns.items() if each is not None})
        count = sa.func.count(rows.c.key)
        ends = [sa.null(), sa.null()] if day is None else [sa.func.min(rows.c.day), sa.func.max(rows.c.day)]
        wanted = sa.select(sa.null() if currency is None else rows.c.currency, count, *ends)
        if currency is not None:
            wanted = wanted.group_by(rows.c.currency).order_by(count.desc(), rows.c.currency)
        return [Found(*row) for row in db.session().execute(wanted) if row[1]]

    def leaders(self, by: Any, most: int) -> Leaders:
        """Return the groups with the greatest figures, and what all others come to."""
        rows = self._of(by=by)
        count, figure = self._measures(rows)
        whole = [sa.func.count().over(), *(sa.func.sum(each.element).over() for each in (count, figure))]
        wanted = sa.select(rows.c.by, count, figure, *whole).group_by(rows.c.by)
        wanted = wanted.order_by(figure.element.desc(), count.element.desc(), rows.c.by).limit(most)
        found = db.session().execute(wanted).all()
        figures = {row[0]: _figure(*row[1:3]) for row in found}
        groups, *sums = found[0][3:] if found else (0, 0, 0)
        shown = sum(each.count for each in figures.values())
        rest = Figure(_figure(*sums).count - shown, _figure(*sums).amount - sum(one.amount for one in figures.values()))
        return Leaders(figures, groups - len(figures), rest)

    def cells(self, by: Any, stack: Any = None, *, groups: Any = None, series: Any = None) -> Mapping[Any, Figure]:
        """Return the figures by (group, series); what is not among the given ones goes to `OTHER`."""
        own_by, by_other = _folded(by, groups)
        own_stack, stack_other = (sa.null(), sa.literal(0)) if stack is None else _folded(stack, series)
        rows = self._of(by=own_by, by_other=by_other, stack=own_stack, stack_other=stack_other)
        of_group = [rows.c.by, rows.c.by_other, rows.c.stack, rows.c.stack_other]
        wanted = sa.select(*of_group, *self._measures(rows)).group_by(*of_group)
        return {
            (OTHER if far else group, ONLY if stack is None else OTHER if apart else one): _figure(count, amount)
            for group, far, one, apart, count, amount in db.session().execute(wanted)
        }


def _figure(count: Any, amount: Any) -> Figure:
    return Figure(int(count or 0), Decimal(amount or 0))


def _folded(column: Any, kept: Any) -> tuple[Any, Any]:
    """Return a column's value where it is one of the kept ones, and whether it is not (0 or 1)."""
    if kept is None:
        return column, sa.literal(0)
    some = [value for value in kept if value is not None]
    is_kept = column.in_(some)
    of_empty = 0 if None in kept else 1
    return sa.case((is_kept, column)), sa.case((is_kept, 0), (column.is_(None), of_empty), else_=1)
