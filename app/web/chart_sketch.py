"""How figures become a picture: which groups and series it has, what they are called, where their rows are."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.web import chart_days as days
from app.web.chart_declared import AGE, Drawn
from app.web.chart_figures import ONLY, OTHER, Figure, Found, Rows
from app.web.chart_picture import Group, Picture, Unit
from app.web.filters import Wanted
from app.web.groups import start_of, told_span
from app.web.locale import choose_time_zone
from app.web.totals import Grouped

MOST_GROUPS = 50
MOST_SLICES = 12
MOST_SERIES = 8


class Sketch:
    """A picture under way; `base` are the filters that all its rows have in common, None where they cannot be said."""

    def __init__(self, view: Any, wish: Grouped, drawn: Drawn, rows: Rows, base: tuple[Wanted, ...] | None) -> None:
        self.view = view
        self.wish = wish
        self.drawn = drawn
        self.rows = rows
        self.base = base
        self.figures: Mapping[Any, Figure] = {}
        self.others = 0

    # --- groups and series ----------------------------------------------------------------------------------------

    def _stack(self) -> tuple[Any, Sequence[Any] | None]:
        """Return the column of the series, and the values that have one of their own."""
        if not self.drawn.stack:
            return None, None
        column = self.view.attribute(self.drawn.stack)
        return column, self._in_order(column, [*self.rows.leaders(column, MOST_SERIES).figures])

    @staticmethod
    def _in_order(column: Any, values: list[Any]) -> list[Any]:
        """Return values as they stand, those of a state or kind in the order in which they follow each other."""
        kind = column.type
        if isinstance(kind, sa.Enum) and kind.enum_class is not None:
            order = [*kind.enum_class, None]
            return sorted(values, key=order.index)
        return values

    def by_value(self, column: Any) -> tuple[list[Any], list[Any]]:
        """Find the greatest groups and, where the chart is split, their series."""
        leaders = self.rows.leaders(column, MOST_SLICES if self.drawn.kind == "pie" else MOST_GROUPS)
        groups = self._in_order(column, [*leaders.figures])
        stack, series = self._stack()
        if stack is None:
            self.figures = {(value, ONLY): figure for value, figure in leaders.figures.items()}
            if leaders.others:
                self.figures = {**self.figures, (OTHER, ONLY): leaders.rest}
        else:
            self.figures = self.rows.cells(column, stack, groups=groups, series=series)
        self.others = leaders.others
        return [*groups, *([OTHER] if leaders.others else [])], self._series(series)

    def _series(self, values: Sequence[Any] | None) -> list[Any]:
        if values is None:
            return [ONLY]
        return [*values, *([OTHER] if any(one is OTHER for _group, one in self.figures) else [])]

    def in_time(self, column: Any, found: Found | None) -> tuple[str, list[Any], list[Any]]:
        """Find the figures by days: all periods from the first day to the last, those without rows too."""
        if found is None or found.first is None or found.last is None:
            return self.drawn.grain, *self._without_days(found)
        dialect = db.session().get_bind().dialect.name
        first, last, day = found.first, found.last, column
        if isinstance(first, datetime) and isinstance(last, datetime):
            zone = choose_time_zone()
            day = days.day_of(column, zone=zone, first=first, last=last, dialect=dialect)
            first, last = days.day_in(first, zone), days.day_in(last, zone)
        stack, series = self._stack()
        grain = self.drawn.grain
        if grain == AGE:
            self.figures = self.rows.cells(days.age_of(day, self._today()), stack, series=series)
            groups: list[Any] = [*range(len(days.ages()))]
        else:
            grain = days.fitting(first, last, grain)
            self.figures = self.rows.cells(start_of(day, grain, dialect), stack, series=series)
            groups = self._without_gaps(first, last, grain)
        has_empty = any(group is None for group, _one in self.figures)
        return grain, [*groups, *([None] if has_empty else [])], self._series(series)

    def _without_gaps(self, first: date, last: date, grain: str) -> list[Any]:
        if (last.year - first.year) >= days.MOST_PERIODS:  # a slip of the pen: nobody looks at centuries of nothing
            return sorted({group for group, _one in self.figures if group is not None})
        return [*days.periods(first, last, grain)]

    def _without_days(self, found: Found | None) -> tuple[list[Any], list[Any]]:
        """Find the figures where no row has a day."""
        if found is None:
            return [], [ONLY]
        stack, series = self._stack()
        self.figures = self.rows.cells(sa.null(), stack, series=series)
        return [None], self._series(series)

    @staticmethod
    def _today() -> date:
        return clock.today(choose_time_zone())

    # --- words and addresses --------------------------------------------------------------------------------------

    def _labels(self, grain: str, groups: Sequence[Any]) -> list[str]:
        if grain == AGE:
            return [_("empty") if value is None else days.ages()[value].text for value in groups]
        if grain:
            return [told_span(value, grain) for value in groups]
        return self._named(self.drawn.by, groups, self.others)

    def _named(self, column: str, values: Sequence[Any], others: int) -> list[str]:
        texts = self.view.texts_of(column, [value for value in values if value is not OTHER])
        other = _("Other (%(count)s)", count=others) if others else _("Other")
        return [other if value is OTHER else texts[value] for value in values]

    def _filters(self, column: str, value: Any, grain: str) -> tuple[Wanted, ...] | None:
        """Return the filters that find the rows of a group; None where none can."""
        if value is OTHER:
            return None
        if grain == AGE and value is not None:
            return days.ages()[value].filters(column, self._today())
        return self.view.filters_of(column, value, grain) or None

    def _link(self, *parts: tuple[Wanted, ...] | None) -> str:
        if self.base is None or None in parts:
            return ""
        filters = [*self.base, *(one for part in parts for one in part or ())]
        return self.wish.address(f"{self.view.route_base}/list/", filters=tuple(dict.fromkeys(filters)), group="")

    def finished(
        self, grain: str, groups: list[Any], series: list[Any], unit: Unit, others: list[tuple[str, int, str]]
    ) -> Picture:
        """Return the picture."""
        stack = self.drawn.stack
        of_series = [() if one is ONLY else self._filters(stack, one, "") for one in series]
        shown = []
        for value, label in zip(groups, self._labels(grain, groups), strict=True):
            mine = self._filters(self.drawn.by, value, grain)
            figures = [self.figures.get((value, one), Figure()) for one in series]
            links = [
                self._link(mine, of) if figure.count else "" for figure, of in zip(figures, of_series, strict=True)
            ]
            whole = self._link(mine) if any(each.count for each in figures) else ""
            shown.append(Group(label, figures, links, whole, bool(grain) and value is not None))
        notes = []
        if grain != self.drawn.grain:
            notes.append(_("There are too many periods to be seen: they are put together."))
        kind = self.drawn.kind
        if kind == "pie" and any(figure.amount < 0 for group in shown for figure in group.figures):
            kind = "bar"
            notes.append(_("A pie cannot show amounts below zero; they are shown as bars."))
        return Picture(
            title=self.view.chart_title(self.drawn, grain),
            head=self.view.told_by(self.drawn, grain),
            unit=unit,
            kind=kind,
            series=["" if one is ONLY else name for one, name in zip(series, self._series_names(series), strict=True)],
            groups=shown,
            grain=grain,
            is_split=bool(stack),
            notes=notes,
            others=others,
        )

    def _series_names(self, series: list[Any]) -> list[str]:
        return [""] if series == [ONLY] else self._named(self.drawn.stack, series, 0)
