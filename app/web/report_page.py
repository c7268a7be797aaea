"""How reports are told: their figures in the reader's words, the lists behind them, the drawing, and the file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.table import Value
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.models.pipeline import Pipeline
from app.models.saved_view import SavedView
from app.models.team import Team
from app.money import format_decimal
from app.services.report_frame import Asks, Behind, Column, Kind, Parameter, Report, Result, Row
from app.services.report_period import NAMED, OWN
from app.web import cells, duration
from app.web.groups import told_span
from app.web.plain import shown_number

KEPT = "report."  # before the key, as saved views call a report
MOST_SHOWN = 200  # rows of a page; the file has all
MOST_DRAWN = 20  # marks of a chart that does not go through time
MINUTE = 60
NUMBERS = {Kind.number, Kind.quantity, Kind.amount, Kind.percent, Kind.days, Kind.minutes}
PERIOD_WORDS = {
    "this_month": _l("This month"),
    "last_month": _l("Last month"),
    "this_quarter": _l("This quarter"),
    "last_quarter": _l("Last quarter"),
    "this_year": _l("This year"),
    "last_year": _l("Last year"),
    "last_12_months": _l("The last 12 months"),
    "last_30_days": _l("The last 30 days"),
    OWN: _l("From a day to a day"),
}


@dataclass(frozen=True)
class Field:
    """One input of the page: what stands in it, what may be chosen, what is wrong with it."""

    name: str
    label: Any
    kind: str  # select, date, number, hidden
    value: str
    options: Sequence[tuple[str, Any]] = ()
    error: str = ""
    within: tuple[int, int] = (0, 0)


def address(report: Report, given: Mapping[str, str], *, path: str = "", **more: str) -> str:
    """Return the address of a report with what is asked of it; what is empty is left out."""
    said = {name: value for name, value in {**given, **more}.items() if value}
    return f"/report/{report.key}{path}{'?' if said else ''}{urlencode(said, safe=',')}"


def href(behind: Behind | None, may_see: Callable[[str], bool]) -> str:
    """Return the address of what stands behind a figure, nothing where the reader does not see such."""
    if behind is None:
        return ""
    if behind.report:
        return f"/report/{behind.report}?{urlencode(behind.where, safe=',')}"
    if not may_see(behind.area):
        return ""
    if behind.record_id is not None:
        return f"/{behind.area}/show/{behind.record_id}"
    return f"/{behind.area}/list/?{urlencode([(f'flt.{name}', value) for name, value in behind.where], safe=',')}"


# --- what is asked ----------------------------------------------------------------------------------------------------


def fields(
    session: Session, report: Report, given: Mapping[str, str], errors: Mapping[str, Sequence[str]], *, today: date
) -> list[Field]:
    """Return the inputs of a report as they were filled in; statements: one for each kind of record that is chosen.

    Where no day is asked for, today's stands there.
    """
    found = [field for each in report.parameters for field in _fields(session, each, given, errors)]
    days = {each.name for each in report.parameters if each.asks is Asks.day}
    return [replace(one, value=one.value or today.isoformat()) if one.name in days else one for one in found]


def _fields(
    session: Session, parameter: Parameter, given: Mapping[str, str], errors: Mapping[str, Sequence[str]]
) -> Iterator[Field]:
    name, text = parameter.name, (given.get(parameter.name) or "").strip()
    error = " ".join(errors.get(name, ()))
    value = text or parameter.usual
    match parameter.asks:
        case Asks.period:
            days = {each: (given.get(each) or "").strip() for each in ("from", "to")}
            chosen = OWN if not text and any(days.values()) else value
            options = [(each, PERIOD_WORDS[each]) for each in (*NAMED, OWN)]
            yield Field(name, parameter.label, "select", chosen, options, error)
            for each, label in (("from", _l("From")), ("to", _l("To"))):
                yield Field(each, label, "date", days[each], error=" ".join(errors.get(each, ())))
        case Asks.day:
            yield Field(name, parameter.label, "date", text, error=error)
        case Asks.whole:
            yield Field(name, parameter.label, "number", value, error=error, within=parameter.within)
        case Asks.party:
            if text:
                yield Field(name, parameter.label, "hidden", text, error=error)
        case Asks.choice:
            yield Field(name, parameter.label, "select", value, parameter.choices, error)
        case _:
            found = _records(session, parameter.asks)
            if len(found) > 1 or text:
                yield Field(name, parameter.label, "select", value, [("", _l("All")), *found], error)


def _records(session: Session, asks: Asks) -> list[tuple[str, str]]:
    """Return the records that may be chosen, by name: what every list offers as a filter."""
    if asks is Asks.person:
        people = select(User.id, User.first_name, User.last_name).where(User.active.is_(True))
        found = [(str(row.id), f"{row.first_name} {row.last_name}".strip()) for row in session.execute(people)]
    else:
        entity: Any = {Asks.organisation: Organisation, Asks.team: Team, Asks.pipeline: Pipeline}[asks]
        found = [(str(row.id), row.name) for row in session.execute(select(entity.id, entity.name))]
    return sorted(found, key=lambda pair: (pair[1].casefold(), pair[0]))


def told_of(given: Mapping[str, str], found: Sequence[Field]) -> list[str]:
    """Return in words what was asked of a report."""
    is_named = given.get("period", "") not in {"", OWN}
    said = []
    for field in found:
        if field.kind == "hidden" or not field.value or (is_named and field.name in {"from", "to"}):
            continue
        text = dict(field.options).get(field.value, field.value)
        said.append(f"{field.label}: {text}")
    return said


# --- what is kept -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A choice that somebody has kept under a name."""

    view: SavedView
    report: Report

    @property
    def address(self) -> str:
        """Return where the report stands with this choice."""
        return f"/report/{self.report.key}{'?' if self.view.query else ''}{self.view.query}"


def entity_of(report: Report) -> str:
    """Return what a saved view calls a report."""
    return f"{KEPT}{report.key}"


def kept(views: Sequence[SavedView], offered: Sequence[Report]) -> list[Kept]:
    """Return the choices of the reports that one may ask for, pinned ones first."""
    by_entity = {entity_of(report): report for report in offered}
    found = [Kept(view, by_entity[view.entity]) for view in views if view.entity in by_entity]
    return sorted(found, key=lambda one: (not one.view.is_pinned, one.view.name.casefold()))


# --- values -----------------------------------------------------------------------------------------------------------


def shown(column: Column, row: Row, value: Any) -> str:
    """Return a value as the reader writes it, nothing where there is none."""
    if value is None:
        return ""
    match column.kind:
        case Kind.amount:
            return cells.plain_money(value, row.currency or "")
        case Kind.percent:
            return f"{format_decimal(value, language())} %"
        case Kind.number | Kind.quantity | Kind.days:
            return format_decimal(value, language())
        case Kind.minutes:
            return duration.told(int(value * MINUTE))
        case Kind.day if isinstance(value, date):
            return told_span(value, column.grain) if column.grain else cells.day(value)
        case _:
            return str(value)


def plain(column: Column, row: Row, value: Any) -> Value:
    """Return a value as a spreadsheet keeps it: parts of time by name, everything else typed."""
    if isinstance(value, date):
        return told_span(value, column.grain) if column.grain and column.grain != "day" else value
    if isinstance(value, Decimal):
        return shown_number(value, row.currency if column.kind is Kind.amount else None)
    return value if value is None or isinstance(value, str | int) else str(value)


def heads(found: Result) -> list[str]:
    """Return the heads of the file's columns; the currency of a row stands after its name."""
    names = [str(column.label) for column in found.columns]
    return [names[0], _("Currency"), *names[1:]] if found.currencies else names


def file_rows(found: Result) -> Iterator[Sequence[Value]]:
    """Yield the rows and their totals, as they stand in the file."""
    has_currency = bool(found.currencies)
    for row in (*found.rows, *found.totals):
        values = [plain(column, row, value) for column, value in zip(found.columns, row.cells, strict=True)]
        yield [values[0], row.currency, *values[1:]] if has_currency else values


# --- the drawing ------------------------------------------------------------------------------------------------------


def picture(report: Report, found: Result, may_see: Callable[[str], bool]) -> dict[str, Any] | None:
    """Return what the browser draws, None where there is nothing to draw; of several currencies that of most rows."""
    drawing = found.drawing
    if drawing is None or not found.rows:
        return None
    codes = [row.currency for row in found.rows]
    code = max(dict.fromkeys(codes), key=codes.count)
    rows = [row for row in found.rows if row.currency == code]
    if not drawing.in_time:
        rows = rows[:MOST_DRAWN]
    by = found.at(drawing.by)
    labels = [shown(found.columns[by], row, row.cells[by]) for row in rows]
    series = [_series(found, rows, key, may_see) for key in drawing.measures]
    title = f"{report.title}, {code}" if code else str(report.title)
    return {
        "title": title,
        "description": _("Chart: %(title)s. All figures stand in the table below it.", title=title),
        "kind": "line" if drawing.in_time and len(series) > 1 else "bar",
        "unit": code or "",
        "is_count": code is None,
        "in_time": drawing.in_time,
        "is_split": len(series) > 1,
        "labels": labels,
        "periods": [True] * len(rows),
        "series": series,
    }


def _series(found: Result, rows: Sequence[Row], key: str, may_see: Callable[[str], bool]) -> dict[str, Any]:
    at = found.at(key)
    column = found.columns[at]
    return {
        "name": str(column.label),
        "values": [f"{row.cells[at] or 0:f}" for row in rows],
        "texts": [f"{shown(column, row, row.cells[at])} {row.currency or ''}".strip() for row in rows],
        "links": [href(row.behind.get(key) or row.behind.get("documents"), may_see) for row in rows],
    }
