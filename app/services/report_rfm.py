"""RFM: clients by how long ago they ordered last and how often they did, with what their orders came to.

Clients are those that the reader sees, and all their confirmed orders up to a day count, as in the figures beside a
counterparty. A row is a cell of the grid: between two thresholds of days, and between two of numbers of orders.
Amounts are those of the orders as they are written, one row for each currency: orders have no rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.services import report_frame as frame
from app.services.report_frame import (
    ON,
    PERSON,
    TEAM,
    ZERO,
    Asked,
    Asks,
    Behind,
    Column,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)

ORDERS = SaleOrder.__table__.c  # all orders of a client count, whoever sees them
NOT_ORDERED = (OrderState.draft, OrderState.cancelled)
DAYS = tuple(
    Parameter(f"r{at}", label, Asks.whole, usual=usual, within=(1, 36_500))
    for at, label, usual in (
        (1, _l("Recent up to, days"), "30"),
        (2, _l("then up to, days"), "90"),
        (3, _l("and up to, days"), "365"),
    )
)
TIMES = tuple(
    Parameter(f"f{at}", label, Asks.whole, usual=usual, within=(2, 10_000))
    for at, label, usual in (
        (1, _l("Seldom: fewer orders than"), "2"),
        (2, _l("Sometimes: fewer than"), "5"),
        (3, _l("Often: fewer than"), "10"),
    )
)


@dataclass(frozen=True)
class Client:
    """One client: his last order, how many he gave, and what they came to by currency."""

    last: date
    orders: int
    amounts: dict[str, Decimal]


def find(session: Session, asked: Asked) -> Result:
    """Return the grid; one statement."""
    on = asked["on"]
    clients = read(session, asked)
    heads = (
        Column("recency", _l("Last order")),
        Column("frequency", _l("Orders")),
        Column("clients", _l("Clients"), Kind.number, is_summed=True),
        Column("share", _l("Share of clients"), Kind.percent),
        Column("amount", _l("Ordered, net"), Kind.amount, is_summed=True),
    )
    recency, frequency = edges(asked, DAYS), edges(asked, TIMES)
    cells: dict[tuple[str, int, int], tuple[int, Decimal]] = {}
    for client in clients.values():
        place = (band((on - client.last).days, recency), band(client.orders, frequency, below=True))
        with money.exact():
            for code, amount in client.amounts.items():
                count, total = cells.get((code, *place), (0, ZERO))
                cells[code, *place] = (count + 1, total + amount)
    rows = []
    for (code, r, f), (count, total) in sorted(cells.items()):
        behind = {} if on != asked.today else {"clients": _behind(asked, on, (recency, r), (frequency, f))}
        rows.append(Row((told_days(recency, r), told_times(frequency, f), count, None, total), code, behind))

    def after(row: Row, whole: Row) -> Row:
        values = [*row.cells]
        values[3] = frame.share(values[2], whole.cells[2])
        return Row(tuple(values), row.currency, row.behind)

    notes = [_("Somebody who ordered in several currencies is counted with each of them.")]
    if len({row.currency for row in rows}) < 2:  # noqa: PLR2004 -- one currency says nothing of it
        notes = []
    if on != asked.today:
        notes.append(_("The clients behind a figure can be opened for today."))
    return frame.result(heads, rows, notes=notes if rows else [], after=after)


def read(session: Session, asked: Asked) -> dict[int, Client]:
    """Return the clients who had ordered something by a day, by their keys; one statement."""
    on = asked["on"]
    found: dict[int, Client] = {}
    sums = (func.max(ORDERS.ordered_on).label("last"), func.count(ORDERS.id).label("orders"))
    ordered = (
        select(ORDERS.party_id, ORDERS.currency, *sums, func.sum(ORDERS.net).label("net"))
        .select_from(Party)
        .join(SaleOrder.__table__, ORDERS.party_id == Party.id)
        .where(ORDERS.state.not_in(NOT_ORDERED), ORDERS.ordered_on <= on, *frame.cut(session, asked, Party))
        .group_by(ORDERS.party_id, ORDERS.currency)
    )
    for row in session.execute(ordered):
        known = found.get(row.party_id)
        last = max(row.last, known.last) if known else row.last
        amounts = {**(known.amounts if known else {}), row.currency: row.net}
        found[row.party_id] = Client(last, row.orders + (known.orders if known else 0), amounts)
    return found


def edges(asked: Asked, parameters: Sequence[Parameter]) -> list[int]:
    """Return the thresholds that were asked for, each once, in their order."""
    return sorted({asked[each.name] for each in parameters})


def band(value: int, found: Sequence[int], *, below: bool = False) -> int:
    """Return between which thresholds a value lies: up to each of them, or below it."""
    return next((at for at, edge in enumerate(found) if (value < edge if below else value <= edge)), len(found))


def told_days(found: Sequence[int], at: int) -> str:
    """Return a band of days in words."""
    if at == 0:
        return _("up to %(days)s days ago", days=found[0])
    if at == len(found):
        return _("more than %(days)s days ago", days=found[-1])
    return _("%(least)s to %(most)s days ago", least=found[at - 1] + 1, most=found[at])


def told_times(found: Sequence[int], at: int) -> str:
    """Return a band of numbers of orders in words."""
    least = 1 if at == 0 else found[at - 1]
    if at == len(found):
        return _("%(least)s and more", least=least)
    return str(least) if least == found[at] - 1 else f"{least}–{found[at] - 1}"


def _behind(asked: Asked, on: date, days: tuple[Sequence[int], int], times: tuple[Sequence[int], int]) -> Behind:
    """Return the list of the clients in a cell, by the figures that stand beside them."""
    (recency, r), (frequency, f) = days, times
    where: list[tuple[str, str]] = []
    if r < len(recency):
        where.append(("last_order_on.ge", (on - timedelta(days=recency[r])).isoformat()))
    if r > 0:
        where.append(("last_order_on.lt", (on - timedelta(days=recency[r - 1])).isoformat()))
    where.append(("orders_count.ge", str(1 if f == 0 else frequency[f - 1])))
    if f < len(frequency):
        where.append(("orders_count.lt", str(frequency[f])))
    return Behind("party", (*where, *frame.whose(asked)))


REPORT = Report(
    "rfm",
    Group.clients,
    _l("RFM"),
    _l("Clients by how long ago they ordered last and how often, with what that came to; you choose the thresholds."),
    ("order", "party"),
    (ON, *DAYS, *TIMES, TEAM, PERSON),
    find,
)
