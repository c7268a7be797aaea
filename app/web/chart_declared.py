"""What a view declares of its charts, and what a reader may ask of one by its address.

`chart` names a declared chart; `by`, `grain`, `split`, `measure`, `currency` and `kind` change it. What the address
does not say, or says wrongly, is as declared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.i18n import gettext as _
from app.web.filters import Wanted
from app.web.groups import UNITS

AGE = "age"  # days by how long ago they are
GRAINS = (*UNITS, AGE)
KINDS = ("bar", "line", "pie")
NONE = "-"  # in an address: not split, though the chart is declared so


@dataclass(frozen=True)
class Measure:
    """What of the rows is drawn: how many there are, or the sum of a column; `currency` is the column that says whose.

    Amounts of different currencies are never added: a chart is of one of them.
    """

    column: str = ""
    currency: str | None = None

    @property
    def key(self) -> str:
        """Return its name in the address."""
        return self.column or "count"


def Count() -> Measure:  # noqa: N802 -- reads as a kind of measure in a declaration
    """Count the rows."""
    return Measure()


def Sum(column: str, currency: str | None = "currency") -> Measure:  # noqa: N802
    """Add a column up; as the view's `total_of` says, where a record takes away."""
    return Measure(column, currency)


@dataclass(frozen=True)
class Chart:
    """One chart: rows grouped by a column, and each group by another one (`stack`).

    `by` and `stack` are columns that the list filters by; `of` are the filters that say what the chart is about.
    """

    name: str
    label: Any
    by: str
    grain: str = "month"  # for days and moments
    measure: Measure = Measure()
    kind: str = "bar"
    stack: str = ""
    of: tuple[Wanted, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A chart as one reader asked for it; `grain` is empty where the column is no day."""

    chart: Chart
    by: str
    grain: str
    stack: str
    measure: Measure
    kind: str
    currency: str = ""

    @property
    def is_as_declared(self) -> bool:
        """Say whether it shows what its label promises."""
        same = (self.by, self.stack, self.measure.key) == (self.chart.by, self.chart.stack, self.chart.measure.key)
        return same and self.grain in {"", self.chart.grain}

    def query(self) -> list[tuple[str, str]]:
        """Return what an address must say of it."""
        chart = self.chart
        said = [
            ("by", self.by, chart.by),
            ("grain", self.grain, chart.grain if self.by == chart.by else "month"),
            ("split", self.stack or NONE, chart.stack or NONE),
            ("measure", self.measure.key, chart.measure.key),
            ("currency", self.currency, ""),
            ("kind", self.kind, chart.kind),
        ]
        return [("chart", chart.name), *((key, value) for key, value, usual in said if value and value != usual)]

    def at(self, address: str) -> str:
        """Return the address of a list's chart with what is asked of it."""
        return f"{address}{'&' if '?' in address else '?'}{urlencode(self.query())}"


def kinds_of(grain: str, stack: str) -> tuple[str, ...]:
    """Return the kinds that make sense: lines through days only, a pie of one series."""
    left_out = {"" if grain and grain != AGE else "line", "pie" if stack else ""}
    return tuple(kind for kind in KINDS if kind not in left_out)


def read(
    args: Mapping[str, str],
    charts: Sequence[Chart],
    *,
    columns: Mapping[str, Sequence[str]],
    measures: Mapping[str, Measure],
) -> Drawn:
    """Return what an address asks for. Shape: `columns` are the columns to group by with their grains."""
    chart = next((each for each in charts if each.name == args.get("chart")), charts[0])
    by = _one_of(args.get("by"), columns, chart.by)
    grains = columns[by]
    grain = _one_of(args.get("grain"), grains, chart.grain if by == chart.by else "month") if grains else ""
    splits = [NONE, *(name for name, units in columns.items() if not units and name != by)]
    split = _one_of(args.get("split"), splits, chart.stack if chart.stack in splits else NONE)
    stack = "" if split == NONE else split
    usual = chart.kind if chart.kind in kinds_of(grain, stack) else "bar"
    return Drawn(
        chart=chart,
        by=by,
        grain=grain,
        stack=stack,
        measure=measures[_one_of(args.get("measure"), measures, chart.measure.key)],
        kind=_one_of(args.get("kind"), kinds_of(grain, stack), usual),
        currency=args.get("currency", "")[:3].upper(),
    )


def _one_of(asked: str | None, known: Any, usual: str) -> str:
    return asked if asked is not None and asked in known else usual


def grain_words() -> dict[str, str]:
    """Return what the grains are called."""
    units = {"day": _("Day"), "week": _("Week"), "month": _("Month"), "quarter": _("Quarter"), "year": _("Year")}
    return units | {AGE: _("Age")}
