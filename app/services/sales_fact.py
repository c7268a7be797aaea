"""What was reached in a month, by person and team: exact, a statement or two for each metric, whoever asks.

Turnover is the net of the invoices issued in the month less that of its credit notes; margin what is left of both
beyond their cost, as far as that is known. Payments are the receipts of the month less its refunds. New clients are
parties with their first order or invoice in the month. Calls are those that were done in it. Days are those of
documents; moments belong to the month in the time zone of our first company. Money is in the currency of the
organisation that issued or received, by the rate of the document. By category the lines count, without
discounts and charges of the document as a whole. Whose it is, is said by who owns document, party or
call, and its team.
Figures count every row, whoever sees it: who is shown them is decided by whose plan one sees (services.plan_fact).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Select, case, exists, func, select, union
from sqlalchemy.orm import Session

from app import money
from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.deal import Deal
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment import Payment, PaymentKind, PaymentState
from app.models.pipeline import Stage, StageType
from app.models.product import Product
from app.models.sale_order import OrderState, SaleOrder
from app.models.sales_plan import PlanMetric
from app.services import margin
from app.services.sales_plan import month_after

ZERO, ONE = Decimal(0), Decimal(1)
Asked = tuple[PlanMetric, bool]  # a metric, and whether by category


class Piece(NamedTuple):
    """A part of a fact: whose it is, of which category where that was asked, in which currency where it is money."""

    owner_id: int | None
    team_id: int | None
    category_id: int | None
    currency: str | None
    amount: Decimal


@dataclass
class Facts:
    """The facts of one month; `unknown` counts the invoices of which nobody knows the cost, with whose they are."""

    pieces: dict[Asked, list[Piece]] = field(default_factory=dict)
    promised: list[Piece] = field(default_factory=list)
    unknown: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class Whose:
    """Of whom a sum is: one person, some teams, or everybody where both are None; and of which categories."""

    owner_id: int | None = None
    team_ids: frozenset[int] | None = None
    category_ids: frozenset[int] | None = None
    currency: str | None = None

    def total(self, pieces: Iterable[Piece]) -> Decimal:
        """Return the sum of the pieces that are of them, rounded once."""
        with money.exact():
            found = sum((piece.amount for piece in pieces if self.has(piece)), ZERO)
        return money.quantize(found, self.currency) if self.currency is not None else found

    def has(self, piece: Piece) -> bool:
        """Say whether a piece is of them."""
        return (
            piece.currency == self.currency
            and (self.owner_id is None or piece.owner_id == self.owner_id)
            and (self.team_ids is None or piece.team_id in self.team_ids)
            and (self.category_ids is None or piece.category_id in self.category_ids)
        )


def zone(session: Session) -> ZoneInfo:
    """Return the time zone of our first company, in which months begin and end."""
    found = session.execute(select(Organisation.time_zone).order_by(Organisation.id).limit(1)).scalar()
    return ZoneInfo(found or "UTC")


def gather(session: Session, month: date, *, asked: Collection[Asked], within: ZoneInfo, is_open: bool) -> Facts:
    """Return the facts of a month for everybody; `is_open` asks too for what open deals promise in it.

    Statements: one for turnover and margin, one for each of the two by category, one for each other metric.
    """
    found = Facts({each: [] for each in asked})
    ways = {metric for metric, by_category in asked if not by_category}
    if ways & {PlanMetric.turnover, PlanMetric.margin}:
        _documents(session, month, found)
    if (PlanMetric.turnover, True) in found.pieces:
        found.pieces[PlanMetric.turnover, True] = list(_lines(session, month))
    if (PlanMetric.margin, True) in found.pieces:
        found.pieces[PlanMetric.margin, True] = list(_line_margins(session, month))
    if PlanMetric.payments in ways:
        found.pieces[PlanMetric.payments, False] = list(_payments(session, month))
    if PlanMetric.new_clients in ways:
        found.pieces[PlanMetric.new_clients, False] = list(_counted(session, _new_clients(month)))
    if PlanMetric.calls in ways:
        found.pieces[PlanMetric.calls, False] = list(_counted(session, _calls(month, within)))
    if is_open and PlanMetric.turnover in ways:
        found.promised = list(_promised(session, month))
    return found


def _rows(session: Session, asked: Select[Any]) -> Iterator[Any]:
    """Yield rows of tables, past the row rule: see the module's text."""
    yield from session.connection().execute(asked)


def _in_month(column: Any, month: date) -> list[Any]:  # noqa: ANN401 -- a column of days or moments
    return [column >= month, column < month_after(month, 1)]


def _issued(month: date) -> list[Any]:
    invoices = Invoice.__table__.c
    return [*_in_month(invoices.issued_on, month), invoices.state != InvoiceState.draft]


def _sign(kind: object) -> int:
    return -1 if kind in {InvoiceKind.credit_note, PaymentKind.refund} else 1


def _documents(session: Session, month: date, found: Facts) -> None:
    """Gather turnover, margin, and how many documents have no margin, in one statement."""
    invoices, ours = Invoice.__table__.c, Organisation.__table__.c
    whose = (invoices.owner_id, invoices.team_id, ours.currency, invoices.kind, invoices.exchange_rate)
    sums = (func.sum(invoices.net).label("net"), func.sum(invoices.margin).label("margin"))
    missing = (func.count() - func.count(invoices.margin)).label("missing")
    asked = select(*whose, *sums, missing).join(Organisation.__table__, ours.id == invoices.organisation_id)
    with money.exact():
        for row in _rows(session, asked.where(*_issued(month)).group_by(*whose)):
            about = (row.owner_id, row.team_id, None, row.currency)
            rate = _sign(row.kind) * (row.exchange_rate or ONE)
            for metric, amount in ((PlanMetric.turnover, row.net), (PlanMetric.margin, row.margin)):
                if (metric, False) in found.pieces and amount is not None:
                    found.pieces[metric, False].append(Piece(*about, amount * rate))
            if row.missing:
                found.unknown.append(Piece(*about, Decimal(row.missing)))


def _of_lines(month: date) -> tuple[tuple[Any, ...], Any, list[Any]]:
    """Return whose lines are, where they stand, and which of them count: those of products in a category."""
    invoices, lines = Invoice.__table__.c, InvoiceLine.__table__.c
    products, ours = Product.__table__.c, Organisation.__table__.c
    whose = (invoices.owner_id, invoices.team_id, products.category_id, ours.currency, invoices.kind)
    joined = (
        Invoice.__table__.join(InvoiceLine.__table__, lines.invoice_id == invoices.id)
        .join(Product.__table__, products.id == lines.product_id)
        .join(Organisation.__table__, ours.id == invoices.organisation_id)
    )
    return (*whose, invoices.exchange_rate), joined, [*_issued(month), products.category_id.is_not(None)]


def _lines(session: Session, month: date) -> Iterator[Piece]:
    whose, joined, where = _of_lines(month)
    net = func.sum(InvoiceLine.__table__.c.net).label("net")
    asked = select(*whose, net).select_from(joined).where(*where).group_by(*whose)
    for row in _rows(session, asked):
        yield _piece(row, row.net)


def _line_margins(session: Session, month: date) -> Iterator[Piece]:
    """Yield what is left of each line: its cost is rounded as the currency of its document is, so lines are read."""
    whose, joined, where = _of_lines(month)
    lines, currency = InvoiceLine.__table__.c, Invoice.__table__.c.currency.label("written_in")
    asked = select(*whose, lines.net, lines.quantity, lines.unit_cost, currency).select_from(joined)
    for row in _rows(session, asked.where(*where, lines.unit_cost.is_not(None))):
        left = margin.of_line(row, row.written_in)
        if left is not None:
            yield _piece(row, left)


def _piece(row: Any, amount: Decimal) -> Piece:  # noqa: ANN401 -- a row of lines
    with money.exact():
        counted = _sign(row.kind) * amount * (row.exchange_rate or ONE)
    return Piece(row.owner_id, row.team_id, row.category_id, row.currency, counted)


def _payments(session: Session, month: date) -> Iterator[Piece]:
    payments, ours = Payment.__table__.c, Organisation.__table__.c
    whose = (payments.owner_id, payments.team_id, ours.currency, payments.kind, payments.exchange_rate)
    asked = (
        select(*whose, func.sum(payments.amount).label("amount"))
        .join(Organisation.__table__, ours.id == payments.organisation_id)
        .where(*_in_month(payments.paid_on, month), payments.state == PaymentState.recorded)
        .group_by(*whose)
    )
    for row in _rows(session, asked):
        with money.exact():
            counted = _sign(row.kind) * row.amount * (row.exchange_rate or ONE)
        yield Piece(row.owner_id, row.team_id, None, row.currency, counted)


def _new_clients(month: date) -> Select[Any]:
    """Return the number of parties with their first order or invoice in a month, by whose they are."""
    orders, invoices, parties = SaleOrder.__table__.c, Invoice.__table__.c, Party.__table__.c
    ordered = (orders.state.not_in([OrderState.draft, OrderState.cancelled]),)
    # "is none" and not "is one": else SQLite takes the index by kind and reads all invoices
    billed = (invoices.kind != InvoiceKind.credit_note, invoices.state != InvoiceState.draft)
    now = union(
        select(orders.party_id).where(*ordered, *_in_month(orders.ordered_on, month)),
        select(invoices.party_id).where(*billed, *_in_month(invoices.issued_on, month)),
    ).subquery()
    before = (
        exists().where(orders.party_id == parties.id, *ordered, orders.ordered_on < month),
        exists().where(invoices.party_id == parties.id, *billed, invoices.issued_on < month),
    )
    joined = now.join(Party.__table__, parties.id == now.c.party_id)
    asked = select(parties.owner_id, parties.team_id, func.count().label("number")).select_from(joined)
    return asked.where(*(~each for each in before)).group_by(parties.owner_id, parties.team_id)


def _calls(month: date, within: ZoneInfo) -> Select[Any]:
    """Return the number of calls done in a month; each person's stand together in an index.

    That a call was not deleted is no condition of the rows: SQLite would take the index of those and read them all.
    """
    calls = Activity.__table__.c
    begins, ends = (datetime.combine(day, time(), within) for day in (month, month_after(month, 1)))
    number = func.count(case((calls.deleted_at.is_(None), 1))).label("number")
    return (
        select(calls.owner_id, calls.team_id, number)
        .where(
            calls.owner_id.in_(select(User.__table__.c.id)),
            calls.done_at >= begins,
            calls.done_at < ends,
            calls.kind == ActivityKind.call,
            calls.state == ActivityState.done,
        )
        .group_by(calls.owner_id, calls.team_id)
    )


def _counted(session: Session, asked: Select[Any]) -> Iterator[Piece]:
    for row in _rows(session, asked):
        yield Piece(row.owner_id, row.team_id, None, None, Decimal(row.number))


def _promised(session: Session, month: date) -> Iterator[Piece]:
    """Yield what open deals that are expected to close in the month come to, each by the chance of its stage."""
    deals, stages = Deal.__table__.c, Stage.__table__.c
    whose = (deals.owner_id, deals.team_id, deals.currency, stages.probability)
    asked = (
        select(*whose, func.sum(deals.amount).label("amount"))
        .join(Stage.__table__, stages.id == deals.stage_id)
        .where(deals.state == StageType.open, *_in_month(deals.expected_on, month), deals.amount.is_not(None))
        .group_by(*whose)
    )
    for row in _rows(session, asked):
        with money.exact():
            weighted = row.amount * row.probability / 100
        yield Piece(row.owner_id, row.team_id, None, row.currency, weighted)
