"""What a report is: what it may be asked, what its columns are, its rows of typed values and what stands behind them.

A report is a declaration and a function that reads as the session's actor: within the rows that he sees, and, for what
leaves as a file, within those that he may export. Amounts of different currencies are never added up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.models.team import Team, subtree
from app.roles import SEE
from app.services import access

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)
_TENTH = Decimal("0.1")


class Kind(StrEnum):
    """What the values of a column are."""

    text = "text"
    number = "number"
    quantity = "quantity"
    amount = "amount"
    percent = "percent"
    days = "days"
    minutes = "minutes"
    day = "day"


class Group(StrEnum):
    """What reports are about."""

    sales = "sales"
    clients = "clients"
    deals = "deals"
    money = "money"


label(Group, sales=_l("Sales"), clients=_l("Clients"), deals=_l("Deals and leads"), money=_l("Money"))


class Asks(StrEnum):
    """What kind of answer a parameter takes."""

    period = "period"
    day = "day"
    choice = "choice"
    whole = "whole"
    organisation = "organisation"
    team = "team"
    person = "person"
    pipeline = "pipeline"
    party = "party"


@dataclass(frozen=True)
class Parameter:
    """One thing that a report may be asked; `usual` holds where the address says nothing.

    Shape: `choices` are pairs of value and label; `within` are the least and the greatest whole number.
    """

    name: str
    label: Any
    asks: Asks
    usual: str = ""
    choices: tuple[tuple[str, Any], ...] = ()
    within: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Column:
    """One column; what `is_summed` has a total. Days that begin a part of time say of which `grain`."""

    key: str
    label: Any
    kind: Kind = Kind.text
    is_summed: bool = False
    grain: str = ""


@dataclass(frozen=True)
class Behind:
    """What stands behind a figure: a list with filters, one record, or another report with its parameters."""

    area: str
    where: tuple[tuple[str, str], ...] = ()
    record_id: int | None = None
    report: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its values in the order of the columns, the currency of its amounts, and what stands behind some."""

    cells: tuple[Any, ...]
    currency: str | None = None
    behind: Mapping[str, Behind] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawing:
    """How a report is drawn: the columns of its marks and of their heights; through time, or one beside the other.

    Heights of several columns are stacked, and through time drawn as lines.
    """

    by: str
    measures: tuple[str, ...]
    in_time: bool = False


@dataclass(frozen=True)
class Result:
    """What a report has found."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    totals: Sequence[Row] = ()
    notes: Sequence[str] = ()
    drawing: Drawing | None = None

    @property
    def currencies(self) -> list[str]:
        """Return the currencies of the rows."""
        return sorted({row.currency for row in self.rows if row.currency})

    def at(self, key: str) -> int:
        """Return where a column stands."""
        return next(at for at, column in enumerate(self.columns) if column.key == key)


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a report.

    Shape: `values` are read and typed, `given` is what an address must say of them; `action` is what the rows are cut
    for: seeing, or exporting. Days of moments are those of `zone`.
    """

    values: Mapping[str, Any]
    given: Mapping[str, str]
    at: datetime
    zone: ZoneInfo
    action: str = SEE

    @property
    def today(self) -> date:
        """Return which day it is where our first company is."""
        return self.at.astimezone(self.zone).date()

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 -- as the parameter is typed
        return self.values.get(name)


@dataclass(frozen=True)
class Report:
    """A report: what it is called, what one must see, what it may be asked, and how it is found."""

    key: str
    group: Group
    title: Any
    about: Any
    areas: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    find: Callable[[Session, Asked], Result]


# --- what reports share -----------------------------------------------------------------------------------------------


def with_teams(session: Session, asked: Asked) -> Asked:
    """Return what is asked with the keys of the team's own and all teams below it, as `teams`; one statement."""
    if asked["team"] is None:
        return asked
    below = subtree(session.execute(select(Team.id, Team.parent_id)).all(), {asked["team"]})
    return replace(asked, values={**asked.values, "teams": sorted(below)})


def cut(session: Session, asked: Asked, entity: type[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions of company, person and team, and of what may be exported; a team counts those below it."""
    found: list[ColumnElement[bool]] = []
    if asked["organisation"] is not None and hasattr(entity, "organisation_id"):
        found.append(entity.organisation_id == asked["organisation"])
    if asked["person"] is not None:
        found.append(entity.owner_id == asked["person"])
    if asked["teams"] is not None:
        found.append(entity.team_id.in_(asked["teams"]))
    narrower = access.cut(session, entity, asked.action) if asked.action != SEE else None
    return found if narrower is None else [*found, narrower]


def whose(asked: Asked) -> tuple[tuple[str, str], ...]:
    """Return the filters of a list that company, person and team come to."""
    found = [(f"{name}.eq", asked[key]) for name, key in (("organisation", "organisation"), ("owner", "person"))]
    found.append(("team.in", ",".join(map(str, asked["teams"])) if asked["teams"] is not None else None))
    return tuple((name, str(value)) for name, value in found if value is not None)


def zone_of(session: Session) -> ZoneInfo:
    """Return the time zone of our first company, in which days begin and end."""
    found = session.execute(select(Organisation.time_zone).order_by(Organisation.id).limit(1)).scalar()
    return ZoneInfo(found or "UTC")


def share(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """Return how many percent of a whole a part is, to a tenth; None of nothing."""
    if not whole:
        return None
    with money.exact():
        return (Decimal(part) * HUNDRED / Decimal(whole)).quantize(_TENTH) + ZERO


def mean(total: Decimal | int, count: int) -> Decimal | None:
    """Return a mean to a tenth, None of nothing."""
    if not count:
        return None
    with money.exact():
        return (Decimal(total) / count).quantize(_TENTH)


def median(counts: Mapping[int, int]) -> Decimal | None:
    """Return the median of whole numbers that are given with how often each occurs; None of nothing."""
    total = sum(counts.values())
    if not total:
        return None
    with money.exact():
        return Decimal(_at(counts, (total - 1) // 2) + _at(counts, total // 2)) / 2


def _at(counts: Mapping[int, int], place: int) -> int:
    """Return the value that stands at a place when all are put in order."""
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if place < seen:
            return value
    raise IndexError(place)


def totals(columns: Sequence[Column], rows: Sequence[Row]) -> list[Row]:
    """Return the sums of each currency, in the order of the codes."""
    found = []
    for code in sorted({row.currency for row in rows}, key=lambda each: each or ""):
        mine = [row for row in rows if row.currency == code]
        values: list[Any] = []
        with money.exact():
            for at, column in enumerate(columns):
                given = [row.cells[at] for row in mine if row.cells[at] is not None]
                values.append(sum(given) if column.is_summed and given else None)
        found.append(Row((_("Total"), *values[1:]), code))
    return found


def rounded(columns: Sequence[Column], rows: Sequence[Row]) -> list[Row]:
    """Return rows with their amounts as their currency is written: rounded once, after they were added up."""
    amounts = {at for at, column in enumerate(columns) if column.kind is Kind.amount}

    def told(row: Row) -> Row:
        code = row.currency
        if code is None:
            return row
        values = tuple(
            money.quantize(value, code) if at in amounts and value is not None else value
            for at, value in enumerate(row.cells)
        )
        return replace(row, cells=values)

    return [told(row) for row in rows]


def result(
    columns: tuple[Column, ...],
    rows: Sequence[Row],
    *,
    notes: Sequence[str] = (),
    drawing: Drawing | None = None,
    after: Callable[[Row, Row], Row] | None = None,
) -> Result:
    """Return a result with its totals; `after` completes a row by the totals of its currency, these by themselves."""
    sums = totals(columns, rows)
    if after is not None:
        by_code = {row.currency: row for row in sums}
        rows = [after(row, by_code[row.currency]) for row in rows]
        sums = [after(row, row) for row in sums]
    return Result(columns, rounded(columns, rows), rounded(columns, sums), notes, drawing)


# --- parameters that many reports have --------------------------------------------------------------------------------

PERIOD = Parameter("period", _l("Period"), Asks.period, usual="this_year")
ORGANISATION = Parameter("organisation", _l("Our company"), Asks.organisation)
TEAM = Parameter("team", _l("Team"), Asks.team)
PERSON = Parameter("person", _l("Person"), Asks.person)
ON = Parameter("on", _l("As of"), Asks.day)
HOME, WRITTEN = "home", "written"
MONEY = Parameter(
    "money",
    _l("Currency"),
    Asks.choice,
    usual=HOME,
    choices=((HOME, _l("ours, at the rate of each document")), (WRITTEN, _l("as documents are written"))),
)


def valued(row: Any, amount: Decimal, how: str) -> tuple[str, Decimal]:  # noqa: ANN401 -- has currency, home, rate
    """Return an amount of a document in the currency that was asked for, not yet rounded."""
    if how == WRITTEN:
        return row.currency, amount
    with money.exact():
        return row.home, amount * (row.exchange_rate or ONE)
