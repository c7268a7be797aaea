"""A chart ready to be shown: its figures in the reader's words, for the drawing, the table and the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from app.exchange.table import Value
from app.i18n import gettext as _
from app.i18n import language
from app.money import format_decimal
from app.web import cells
from app.web.chart_figures import Figure
from app.web.export import Table
from app.web.plain import shown_number


@dataclass(frozen=True)
class Unit:
    """What figures are of: rows, or amounts, in a currency where they have one."""

    label: str
    is_count: bool
    currency: str | None = None

    def shown(self, amount: Decimal) -> str:
        """Return a figure as the reader writes numbers."""
        return cells.plain_money(amount, self.currency) if self.currency else format_decimal(amount, language())

    def plain(self, amount: Decimal) -> Value:
        """Return a figure as a spreadsheet keeps it."""
        return int(amount) if self.is_count else shown_number(amount, self.currency)

    @property
    def head(self) -> str:
        """Return what a column of such figures is called."""
        return f"{self.label}, {self.currency}" if self.currency else self.label


@dataclass(frozen=True)
class Group:
    """A row of the table: what it is called, its figures by series, and the addresses of their rows."""

    label: str
    figures: Sequence[Figure]
    links: Sequence[str]
    link: str = ""
    is_period: bool = False

    @property
    def whole(self) -> Figure:
        """Return what all series come to."""
        return _together(self.figures)


@dataclass(frozen=True)
class Picture:
    """A chart as its reader sees it."""

    title: str
    head: str  # what the groups are
    unit: Unit
    kind: str
    series: Sequence[str]  # one without a name when the chart is not split
    groups: Sequence[Group]
    grain: str = ""
    is_split: bool = False
    notes: Sequence[str] = ()
    others: Sequence[tuple[str, int, str]] = ()  # other currencies: code, number of rows, address

    @property
    def totals(self) -> list[Figure]:
        """Return what each series comes to."""
        return [_together(group.figures[at] for group in self.groups) for at in range(len(self.series))]

    @property
    def whole(self) -> Figure:
        """Return what everything comes to."""
        return _together(self.totals)

    @property
    def description(self) -> str:
        """Return what somebody hears who does not see the chart."""
        if not self.groups:
            return self.title
        top = max(self.groups, key=lambda group: group.whole.amount)
        return _(
            "Chart: %(title)s. The largest is %(label)s: %(figure)s. All figures stand in the table below it.",
            title=self.title,
            label=top.label,
            figure=self.told(top.whole.amount),
        )

    def told(self, amount: Decimal) -> str:
        """Return a figure with its currency."""
        return f"{self.unit.shown(amount)} {self.unit.currency or ''}".strip()

    def data(self) -> dict[str, Any]:
        """Return what the browser draws; numbers are texts up to there, so that none is rounded on the way."""
        return {
            "title": self.title,
            "description": self.description,
            "kind": self.kind,
            "unit": "" if self.unit.is_count else self.unit.currency or "",
            "is_count": self.unit.is_count,
            "in_time": bool(self.grain),
            "is_split": self.is_split,
            "labels": [group.label for group in self.groups],
            "periods": [group.is_period for group in self.groups],
            "series": [self._series(at, name) for at, name in enumerate(self.series)],
        }

    def _series(self, at: int, name: str) -> dict[str, Any]:
        figures = [group.figures[at] for group in self.groups]
        return {
            "name": name or self.unit.label,
            "values": [f"{each.amount:f}" for each in figures],
            "texts": [self.told(each.amount) for each in figures],
            "links": [group.links[at] for group in self.groups],
        }

    def table(self) -> Table:
        """Return the same figures for a file, with the row of totals."""
        if self.is_split:
            heads = [
                self.head,
                *(f"{name}, {self.unit.head}" for name in self.series),
                f"{_('Total')}, {self.unit.head}",
            ]
        else:
            heads = [self.head, _("Records"), *([] if self.unit.is_count else [self.unit.head])]
        return Table(heads, self._rows())

    def _rows(self) -> Iterator[Sequence[Value]]:
        whole = Group(_("Total"), self.totals, [])
        for group in (*self.groups, whole):
            if self.is_split:
                yield [group.label, *(self.unit.plain(each.amount) for each in (*group.figures, group.whole))]
            else:
                amount = [] if self.unit.is_count else [self.unit.plain(group.whole.amount)]
                yield [group.label, group.whole.count, *amount]


def _together(figures: Any) -> Figure:
    return reduce(Figure.plus, figures, Figure())
