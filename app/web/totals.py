"""`Totals`: what the records of a list come to, and the list in groups; both over everything that matches.

A view declares `total_columns`; amounts are added per currency where its table has one. Groups are made by the columns
that can be filtered by: choices, links, days. A group leads to the list of its records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import groupby
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import make_response, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import inspect

from app import clock
from app.columns import Instant
from app.db import db
from app.exchange.table import Value
from app.i18n import gettext as _
from app.i18n import language
from app.money import format_decimal
from app.services import access
from app.web import cells, guarded, listing
from app.web.chart_days import day_of
from app.web.export import Exports, Table
from app.web.fields import choices_of
from app.web.filters import Wanted, beside, column_of, operators_of
from app.web.groups import UNITS, days_of, start_of, told_span
from app.web.hand_out import Parcel
from app.web.keyset import Page
from app.web.locale import choose_time_zone
from app.web.plain import shown_number

MOST_GROUPS = 200
MOST_ROWS = 5_000  # groups × currencies


@dataclass(frozen=True)
class Grouped(listing.Asked):
    """A list's wishes with the column that it is grouped by: `party`, `issued_on.month`."""

    group: str = ""

    def query(self) -> list[tuple[str, Any]]:
        """Return what a saved view keeps, the group too."""
        return [*super().query(), *([("group", self.group)] if self.group else [])]


@dataclass(frozen=True)
class Sums:
    """How many records there are and what their columns come to, in one currency where there is one."""

    count: int
    amounts: Mapping[str, Decimal | None]  # None where no record has one
    currency: str | None = None

    def shown(self, name: str) -> str:
        """Return a sum as the reader writes numbers."""
        amount = self.amounts[name]
        if amount is None:
            return ""
        return cells.plain_money(amount, self.currency) if self.currency else format_decimal(amount, language())


@dataclass(frozen=True)
class Group:
    """Records that have one value in common: what it is called, its sums per currency, the filters that find it."""

    label: str
    sums: list[Sums]
    filters: tuple[Wanted, ...]

    @property
    def count(self) -> int:
        """Return how many records the group has."""
        return sum(one.count for one in self.sums)


class Totals(Exports):
    """Totals and groups of a list; see the module's text."""

    total_columns: ClassVar[Sequence[str]] = ()
    total_hint: Any = ""  # how the sums count, where that is not plain

    def total_of(self, name: str) -> Any:
        """Return what is added up for a column; a view turns the sign where a record takes away."""
        return getattr(self.datamodel.obj, name)

    @expose("/list/")
    @has_access
    def list(self) -> Any:
        """Show the records, or their groups."""
        wish = self.asked()
        if not wish.group:
            return super().list()
        selection = self.selection(wish)
        found = self.groups(wish, selection)
        about = {"groups": found[:MOST_GROUPS], "more_groups": len(found) > MOST_GROUPS}
        answer = make_response(self._list_page(wish, Page([]), self.datamodel.count(selection), **about))
        if request.headers.get("HX-Target") == "list":
            answer.headers["HX-Push-Url"] = wish.address(f"{self.route_base}/list/")
        return answer

    @expose("/list/totals")
    @has_access
    @permission_name("see")
    def totals_row(self) -> str:
        """Return the rows that end the list's table."""
        wish = self.asked()
        return self.page("web/totals.html", wish=wish, sums=self.sums(self.selection(wish)), **self.places(wish))

    def places(self, wish: Grouped) -> dict[str, Any]:
        """Return where the sums stand: how many columns come before the first sum, and whether there are ticks."""
        ticks = bool(self.acts_on_many())
        lead = next((at for at, name in enumerate(wish.columns) if name in self.total_columns), len(wish.columns))
        return {"lead": lead, "ticks": int(ticks)}

    def asked(self) -> Grouped:
        """Return what the address asks for, with the group."""
        wish = super().asked()
        name, _dot, unit = request.args.get("group", "").partition(".")
        units = self.groupable.get(name)
        known = units is not None and (unit in units if units else not unit)
        given = {each.name: getattr(wish, each.name) for each in fields(listing.Asked)}
        return Grouped(**given, group=f"{name}.{unit}".rstrip(".") if known else "")

    def column_choices(self) -> Sequence[str]:
        """Return the columns that a reader may show: what is added up, too."""
        return tuple(dict.fromkeys([*super().column_choices(), *self.total_columns]))

    # --- sums -----------------------------------------------------------------------------------------------------

    def as_of(self) -> datetime:
        """Return the moment of a printed list."""
        return clock.now()

    @property
    def _currency(self) -> Any:
        return self.datamodel.obj.currency if "currency" in inspect(self.datamodel.obj).columns else None

    def _measures(self) -> Sequence[Any]:
        """Return what is computed for a set of records: their currency, number and sums."""
        currency = self._currency if self._currency is not None else sa.null()
        sums = [sa.func.sum(self.total_of(name)).label(f"sum_{name}") for name in self.total_columns]
        return [currency.label("in_currency"), sa.func.count(self.datamodel.get_pk()).label("records"), *sums]

    def _sums(self, values: Sequence[Any]) -> Sums:
        currency, count, *sums = values
        found = zip(self.total_columns, sums, strict=True)
        amounts = {name: total if total is not None or count else Decimal(0) for name, total in found}
        return Sums(count, amounts, currency)

    def sums(self, selection: Any) -> Sequence[Sums]:
        """Return the sums of all records that match, the currency of most records first."""
        wanted = selection.with_entities(*self._measures()).order_by(None)
        if self._currency is not None:
            wanted = wanted.group_by(self._currency).order_by(sa.desc("records"), self._currency)
        return [self._sums(row) for row in wanted.all()]

    # --- groups ---------------------------------------------------------------------------------------------------

    @property
    def groupable(self) -> Mapping[str, Sequence[str]]:
        """Return the columns that a list can be grouped by; a column of days with the units of time."""
        every = self._groupable_all()
        return {name: every[name] for name in guarded.open_to(self.datamodel.obj, every)}

    def _groupable_all(self) -> Mapping[str, Sequence[str]]:
        """Return the same for somebody who may see every field."""
        kept: dict[str, Sequence[str]] | None = getattr(self, "_groupable", None)
        if kept is None:
            kept = {}
            for name in type(self).search_columns:
                if name in beside(self.datamodel.obj):
                    continue
                column = column_of(self.datamodel.obj, name)
                if isinstance(column.type, sa.Date | Instant):
                    kept[name] = UNITS
                elif isinstance(column.type, sa.Enum | sa.Boolean) or column.foreign_keys or column.info.get("of"):
                    kept[name] = ()
            self._groupable = kept
        return kept

    def group_choices(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """Return what the menu offers: a label, and the groups of it with their texts."""
        words = {"day": _("Day"), "week": _("Week"), "month": _("Month"), "quarter": _("Quarter"), "year": _("Year")}
        return [
            (self.label(name), [(f"{name}.{unit}", words[unit]) for unit in units] or [(name, self.label(name))])
            for name, units in self.groupable.items()
        ]

    def group_label(self, group: str) -> str:
        """Return what a list is grouped by, in words."""
        name, _dot, unit = group.partition(".")
        words = dict(next((each for _label, each in self.group_choices() if each[0][0].startswith(name)), []))
        return f"{self.label(name)}: {words[group]}" if unit else self.label(name)

    def groups(self, wish: Grouped, selection: Any) -> Sequence[Group]:
        """Return the groups: days from the newest, others from the largest; one above the cap where there are more.

        One statement adds all up; one more names the records that the groups are about.
        """
        name, _dot, unit = wish.group.partition(".")
        key = self._attribute(name)
        by = self._period(key, unit, selection) if unit else key
        of_group = [by, *([self._currency] if self._currency is not None else [])]
        whole = sa.func.sum(sa.func.count(self.datamodel.get_pk())).over(partition_by=by)
        order = [by.is_(None), by.desc()] if unit else [whole.desc(), by]
        wanted = selection.with_entities(by.label("in_group"), *self._measures()).group_by(*of_group)
        rows = wanted.order_by(None).order_by(*order, sa.desc("records")).limit(MOST_ROWS).all()
        runs = [(value, [self._sums(row[1:]) for row in run]) for value, run in groupby(rows, lambda row: row[0])]
        runs = runs[: MOST_GROUPS + 1]
        texts = {} if unit else self._texts(name, [value for value, _found in runs])
        return [
            Group(told_span(value, unit) if unit else texts[value], found, self._found_by(name, value, unit))
            for value, found in runs
        ]

    @staticmethod
    def _period(key: Any, unit: str, selection: Any) -> Any:
        """Return the SQL expression for the first day of a period; a moment is on the day that it is for the reader.

        What is asked of moments costs a statement more: SQLite is told when clocks were changed between them.
        """
        dialect = db.session().get_bind().dialect.name
        if not isinstance(key.type, Instant):
            return start_of(key, unit, dialect)
        first, last = selection.with_entities(sa.func.min(key), sa.func.max(key)).order_by(None).one()
        now = clock.now()
        day = day_of(key, zone=choose_time_zone(), first=first or now, last=last or now, dialect=dialect)
        return start_of(day, unit, dialect)

    def _attribute(self, name: str) -> Any:
        """Return the mapped attribute behind a column: what the row rule knows, unlike the bare column of a link."""
        column = column_of(self.datamodel.obj, name)
        bare = column.property.columns[0] if hasattr(column, "property") else column
        return getattr(self.datamodel.obj, inspect(self.datamodel.obj).get_property_by_column(bare).key)

    def _texts(self, name: str, values: Sequence[Any]) -> Mapping[Any, str]:
        """Return what the values of a column are called."""
        column = column_of(self.datamodel.obj, name)
        texts: dict[Any, str] = {None: _("empty")}
        if column.foreign_keys and name in self.datamodel.list_properties:
            entity = self.datamodel.get_related_model(name)
            with access.everything(db.session(), why="a visible document names its party, and so does its group"):
                keys = [value for value in values if value is not None]
                found = db.session().execute(sa.select(entity).where(entity.id.in_(keys))).unique().scalars()
                return texts | {record.id: str(record) for record in found}
        choices = dict(choices_of(column) or [])
        return texts | {value: choices.get(_told(value), str(value)) for value in values if value is not None}

    def _found_by(self, name: str, value: Any, unit: str) -> tuple[Wanted, ...]:
        """Return the filters that find the records of a group, none where no filter can."""
        if value is None:
            may_be_empty = "empty" in operators_of(column_of(self.datamodel.obj, name))
            return (Wanted(name, "empty", "1"),) if may_be_empty else ()
        if unit in {"", "day"}:
            return (Wanted(name, "eq", _told(value)),)
        first, last = days_of(value, unit)
        return Wanted(name, "ge", str(first)), Wanted(name, "le", str(last))

    def address_of_group(self, wish: Grouped, group: Group) -> str:
        """Return the address of the list of a group's records."""
        filters = tuple(dict.fromkeys((*wish.filters, *group.filters)))
        return wish.address(f"{self.route_base}/list/", filters=filters, group="")

    # --- as a file ------------------------------------------------------------------------------------------------

    def parcel(self, wish: listing.Asked) -> Parcel:
        """Return the groups where the list shows groups."""
        if not isinstance(wish, Grouped) or not wish.group:
            return super().parcel(wish)
        table = self.table(wish)
        rows, told = [*table.rows], f"{_('Group by')}: {self.group_label(wish.group)}"
        found = super().parcel(wish)
        return replace(found, rows=len(rows), heads=table.heads, about=[*found.about, told])

    def table(self, wish: listing.Asked, *, pause: Callable[[], None] | None = None) -> Table:
        """Return the groups where the list shows groups."""
        if not isinstance(wish, Grouped) or not wish.group:
            return super().table(wish, pause=pause)
        has_currency = self._currency is not None
        heads = [self.group_label(wish.group), *([self.label("currency")] if has_currency else []), _("Records")]
        rows = [
            [group.label, *([one.currency] if has_currency else []), one.count, *self._numbers(one)]
            for group in self.groups(wish, self.selection(wish))[:MOST_GROUPS]
            for one in group.sums
        ]
        return Table([*heads, *map(self.label, self.total_columns)], rows)

    @staticmethod
    def _numbers(one: Sums) -> Sequence[Value]:
        return [None if amount is None else shown_number(amount, one.currency) for amount in one.amounts.values()]


def signed(amount: Any, *, unless: Any) -> Any:
    """Return an amount that counts as it is where a condition holds, and with the other sign elsewhere."""
    return sa.case((unless, amount), else_=-amount)


def _told(value: Any) -> str:
    """Return a value as an address says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value if isinstance(value, Enum) else value)
