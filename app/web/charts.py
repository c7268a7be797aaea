"""`Charts`: what the rows of a list come to, drawn: SQL adds up, the browser draws, a table says the same.

A view declares `charts`; the reader may group by every column that the list can be filtered by and that has few values
(choices, links) or is a day or a moment, and draw the number of rows or any of the view's totals. Moments are days of
the reader's time zone. A figure leads to the list of exactly its rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from flask import make_response, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import inspect

from app.columns import Instant
from app.i18n import gettext as _
from app.models.export_run import ExportKind
from app.roles import EXPORT
from app.web import chart_declared as declared
from app.web import guarded
from app.web.chart_declared import GRAINS, NONE, Chart, Count, Drawn, Measure, Sum, kinds_of
from app.web.chart_figures import Found, Rows
from app.web.chart_picture import Picture, Unit
from app.web.chart_sketch import Sketch
from app.web.filters import Wanted, column_of
from app.web.hand_out import Parcel, Table, hand_out
from app.web.inline import InlineEdit
from app.web.totals import Grouped

ROUTES = {"chart", "chart_file"}


class Charts(InlineEdit):
    """Charts of an entity; see the module's text."""

    charts: ClassVar[list[Chart]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.exclude_route_methods = (
            (cls.exclude_route_methods - ROUTES) if cls.charts else (cls.exclude_route_methods | ROUTES)
        )

    # --- pages ----------------------------------------------------------------------------------------------------

    @expose("/chart")
    @has_access
    @permission_name("see")
    def chart(self) -> Any:
        """Show a chart of the list's records, and its figures as a table."""
        wish, drawn = self.asked(), self.drawn()
        picture = self.picture(wish, drawn)
        partial = request.headers.get("HX-Target") == "chart"
        about = {"wish": wish, "drawn": drawn, "picture": picture, "fields": self._chart_fields(drawn, picture)}
        answer = make_response(self.page("web/chart.html", title=self.list_title, partial=partial, **about))
        if partial:
            answer.headers["HX-Push-Url"] = self.address_of_chart(wish, drawn)
        return answer

    @expose("/chart/export", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def chart_file(self) -> Any:
        """Ask why the chart's table is wanted as a file, and send it."""
        wish, drawn = self.asked(), self.drawn()
        table = self.picture(wish, drawn).table()
        rows = [*table.rows]
        parcel = Parcel(
            kind=ExportKind.chart,
            right=(str(self.class_permission_name), EXPORT),
            entity=self.stem,
            title=str(self.many_name),
            file=self.stem,
            back=self.address_of_chart(wish, drawn),
            rows=len(rows),
            heads=table.heads,
            read=lambda _pause: Table(table.heads, rows),
            about=self.told_all(wish),
        )
        return hand_out(self, parcel)

    def address_of_chart(self, wish: Grouped, drawn: Drawn | Chart | None = None, *, path: str = "chart") -> str:
        """Return the address of a chart of a list's records: one that is drawn, declared, or the first."""
        address = wish.address(f"{self.route_base}/{path}", group="")
        if isinstance(drawn, Chart):
            drawn = declared.read({"chart": drawn.name}, self.charts, columns=self.chartable, measures=self.measures)
        return drawn.at(address) if drawn is not None else address

    def address_of_chart_file(self, wish: Grouped, drawn: Drawn, kind: str) -> str:
        """Return the address of a chart's table as a file."""
        return f"{self.address_of_chart(wish, drawn, path='chart/export')}&format={kind}"

    def chart_without(self, wish: Grouped, drawn: Drawn, gone: Wanted | None = None) -> str:
        """Return the address of the same chart without one of the filters, or without any."""
        filters = () if gone is None else wish.without(gone)
        return self.address_of_chart(replace(wish, filters=filters), drawn)

    # --- what may be asked ----------------------------------------------------------------------------------------

    @property
    def chartable(self) -> Mapping[str, Sequence[str]]:
        """Return the columns that a chart can be grouped by; days and moments with their grains."""
        kept: dict[str, Sequence[str]] | None = getattr(self, "_chartable", None)
        if kept is None:
            kept = {name: GRAINS if units else () for name, units in self._groupable_all().items()}
            for name in type(self).search_columns:  # whole; what is kept is cut to each reader below
                if isinstance(column_of(self.datamodel.obj, name).type, Instant):
                    kept[name] = GRAINS
            self._chartable = kept
        return {name: kept[name] for name in guarded.open_to(self.datamodel.obj, kept)}

    @property
    def measures(self) -> Mapping[str, Measure]:
        """Return what a chart can draw: the number of rows, the view's totals, and what its charts declare."""
        found = [Count(), *map(Sum, self.total_columns), *(chart.measure for chart in self.charts)]
        return {measure.key: measure for measure in found}

    def drawn(self) -> Drawn:
        """Return what the address asks for."""
        return declared.read(request.args, self.charts, columns=self.chartable, measures=self.measures)

    def _chart_fields(self, drawn: Drawn, picture: Picture) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
        """Return the selects of the page: name, label, what is chosen, and the choices."""
        grains = [(each, text) for each, text in declared.grain_words().items() if drawn.grain]
        kinds = {"bar": _("Bar chart"), "line": _("Line chart"), "pie": _("Pie chart")}
        splits = [name for name, units in self.chartable.items() if not units and name != drawn.by]
        currencies = [(code, code) for code in sorted(code for code, _count, _href in picture.others)]
        if picture.unit.currency and currencies:
            currencies = sorted([*currencies, (picture.unit.currency, picture.unit.currency)])
        offered = [
            ("by", _("Group by"), drawn.by, [(name, self.label(name)) for name in self.chartable]),
            ("grain", _("Period"), picture.grain or drawn.grain, grains),
            ("split", _("Split by"), drawn.stack or NONE, [(NONE, "—"), *((n, self.label(n)) for n in splits)]),
            (
                "measure",
                _("Figures"),
                drawn.measure.key,
                [(m.key, self._told_measure(m)) for m in self.measures.values()],
            ),
            ("currency", _("Currency"), picture.unit.currency or "", currencies),
            (
                "kind",
                _("Kind of chart"),
                picture.kind,
                [(kind, kinds[kind]) for kind in kinds_of(drawn.grain, drawn.stack)],
            ),
        ]
        return [field for field in offered if len(field[3]) > 1]

    def _told_measure(self, measure: Measure) -> str:
        return self.label(measure.column) if measure.column else _("Number of records")

    def chart_title(self, drawn: Drawn, grain: str) -> str:
        """Return what a chart is called: as declared, or in the words of what the reader chose."""
        if drawn.is_as_declared and grain == drawn.grain:
            return str(drawn.chart.label)
        parts = [self._told_measure(drawn.measure), self.told_by(drawn, grain)]
        return " · ".join([*parts, self.label(drawn.stack)] if drawn.stack else parts)

    def attribute(self, name: str) -> Any:
        """Return the mapped attribute behind a column."""
        return self._attribute(name)

    def texts_of(self, name: str, values: Sequence[Any]) -> Mapping[Any, str]:
        """Return what the values of a column are called."""
        return self._texts(name, values)

    def filters_of(self, name: str, value: Any, grain: str) -> tuple[Wanted, ...]:
        """Return the filters that find the rows of a group, none where no filter can."""
        return self._found_by(name, value, grain)

    def told_by(self, drawn: Drawn, grain: str) -> str:
        """Return what the groups are, in words."""
        return f"{self.label(drawn.by)}: {declared.grain_words()[grain]}" if grain else self.label(drawn.by)

    # --- figures --------------------------------------------------------------------------------------------------

    def picture(self, wish: Grouped, drawn: Drawn) -> Picture:
        """Return the chart with its figures."""
        about = replace(wish, filters=tuple(dict.fromkeys((*wish.filters, *drawn.chart.of))), group="")
        measure, table = drawn.measure, inspect(self.datamodel.obj).columns
        in_currency = table.get(measure.currency) if measure.column and measure.currency else None
        currency = getattr(self.datamodel.obj, str(measure.currency)) if in_currency is not None else None
        amount = self.total_of(measure.column) if measure.column else None
        rows = Rows(self.selection(about), self.datamodel.get_pk(), amount)
        column = self._attribute(drawn.by)
        found: Sequence[Found] = []
        if currency is not None or drawn.grain:
            found = rows.survey(currency=currency, day=column if drawn.grain else None)
        chosen = next((each for each in found if each.currency == drawn.currency), next(iter(found), None))
        base: tuple[Wanted, ...] | None = about.filters
        if currency is not None and chosen is not None:
            rows = replace(rows, selection=rows.selection.filter(currency == chosen.currency))
            base = self._of_currency(about.filters, str(measure.currency), chosen, is_only=len(found) == 1)
        sketch = Sketch(self, about, drawn, rows, base)
        unit = Unit(
            self.label(measure.column) if measure.column else _("Records"),
            is_count=not measure.column,
            currency=chosen.currency if chosen is not None and currency is not None else None,
        )
        grain, groups, series = sketch.in_time(column, chosen) if drawn.grain else ("", *sketch.by_value(column))
        others = [
            (
                each.currency or "—",
                each.count,
                self.address_of_chart(wish, replace(drawn, currency=each.currency or "")),
            )
            for each in found
            if currency is not None and each is not chosen
        ]
        return sketch.finished(grain, groups, series, unit, others)

    def _of_currency(
        self, filters: tuple[Wanted, ...], column: str, chosen: Found, *, is_only: bool
    ) -> tuple[Wanted, ...] | None:
        """Return the filters that find the rows of a currency; None where no filter can."""
        if is_only:
            return filters
        return (*filters, *self._found_by(column, chosen.currency, "")) if column in self.search_columns else None


__all__ = ["Chart", "Charts", "Count", "Sum"]
