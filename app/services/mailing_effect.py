"""What came of a mailing: what became of its letters, and whether those written to ordered more than those held out.

Compared are all counterparties that were meant to be written to, reached or not, with those drawn to be held out: else
the two would not be alike. Of both the orders of the same days count, from the day on which sending began until
`attribution_days` after the one on which it ended: all orders that are confirmed, whoever sees them, net of tax. What
was ordered in another currency than our company's counts as an order, and not in the turnover.
Of a group of fewer than `uplift.FEWEST` nothing is told: a mailing is no way to look into somebody's orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Subquery, case, func, or_, select
from sqlalchemy.orm import Session

from app import money
from app.models.mailing import Mailing, MailingRecipient, RecipientPhase
from app.models.sale_order import OrderState, SaleOrder
from app.services import access, mailing_count, uplift
from app.services.mailing_count import Numbers
from app.services.uplift import Difference, Sample

NOT_COUNTED = (OrderState.draft, OrderState.cancelled)


@dataclass(frozen=True)
class Group:
    """Counterparties that are compared, and what they ordered; `sample` holds money in our company's currency.

    Shape: `orders` is None, and nothing but the number of people in `sample`, where there are too few to be told.
    """

    sample: Sample
    orders: int | None = None

    @property
    def share(self) -> float | None:
        """Return the share of those who ordered."""
        return self.sample.buyers / self.sample.people if self.orders is not None else None

    def per_head(self, currency: str) -> Decimal | None:
        """Return what each ordered for on the average, those too who ordered nothing."""
        if self.orders is None:
            return None
        with money.exact():
            return money.quantize(self.sample.total / self.sample.people, currency)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What came of a mailing.

    `first` and `last` are the days of which orders count, `is_open` says that more may come; `elsewhere` counts the
    orders in other currencies. `days` says after how many days orders count no more where each counterparty has days of
    its own. `buying` compares the shares of those who ordered, `spending` the turnover of each on
    the average; both are None where nobody was held out.
    """

    letters: Numbers
    currency: str
    first: date
    last: date
    is_open: bool
    written: Group
    held_out: Group
    elsewhere: int
    buying: Difference | None
    spending: Difference | None
    days: int | None = None


def effect(session: Session, mailing: Mailing, *, at: datetime) -> Effect | None:
    """Return what came of a mailing until now, by three statements; None before its first letter."""
    if mailing.started_at is None:
        return None
    zone = ZoneInfo(mailing.organisation.time_zone)
    first = mailing.started_at.astimezone(zone).date()
    last = (mailing.ended_at or at).astimezone(zone).date() + timedelta(days=mailing.attribution_days)
    currency = mailing.organisation.currency
    letters = mailing_count.numbers(session, mailing)
    side = _sides(mailing)
    with access.everything(session, why="what a mailing has brought counts all orders, and names nobody"):
        sized = select(side.c.held, func.count().label("people")).group_by(side.c.held)
        people = {row.held: row.people for row in session.execute(sized)}
        rows = session.execute(_bought(side, first, last)).all()
    groups = {held: group(people.get(held, 0), [row for row in rows if row.held == held], currency) for held in (0, 1)}
    written, held_out = groups[0], groups[1]
    is_compared = held_out.sample.people > 0
    return Effect(
        letters=letters,
        currency=currency,
        first=first,
        last=last,
        is_open=mailing.ended_at is None or at.astimezone(zone).date() <= last,
        written=written,
        held_out=held_out,
        elsewhere=sum(row.orders for row in rows if row.currency != currency and groups[row.held].orders is not None),
        buying=uplift.of_shares(written.sample, held_out.sample) if is_compared else None,
        spending=uplift.of_means(written.sample, held_out.sample) if is_compared else None,
    )


def _sides(mailing: Mailing) -> Subquery:
    """Return the counterparties of a mailing, each with `held`: 1 where it is held out, else 0.

    Whoever was left out by the check is in neither; whom the gate refused when his turn came is one of those written
    to, for nobody asks it about the held out. One that became both by a merge is in neither.
    """
    row = MailingRecipient
    held = case((row.phase == RecipientPhase.held_out, 1), else_=0)
    meant = or_(row.phase != RecipientPhase.excluded, row.tries > 0)
    return (
        select(row.party_id, func.max(held).label("held"))
        .where(row.mailing_id == mailing.id, row.party_id.is_not(None), meant)
        .group_by(row.party_id)
        .having(func.max(held) == func.min(held))
        .subquery("side")
    )


def _bought(side: Subquery, first: date, last: date) -> Any:  # noqa: ANN401 -- a statement of five columns
    return (
        select(
            side.c.held,
            side.c.party_id,
            SaleOrder.currency,
            func.count().label("orders"),
            func.sum(SaleOrder.net).label("net"),
        )
        .select_from(side)
        .join(SaleOrder, SaleOrder.party_id == side.c.party_id)
        .where(SaleOrder.ordered_on >= first, SaleOrder.ordered_on <= last, SaleOrder.state.not_in(NOT_COUNTED))
        .group_by(side.c.held, side.c.party_id, SaleOrder.currency)
    )


def group(people: int, rows: Sequence[Any], currency: str) -> Group:
    """Return a group with what its people ordered; rows have party_id, currency, orders and net."""
    if people < uplift.FEWEST:
        return Group(Sample(people))
    spent = [row.net for row in rows if row.currency == currency]
    with money.exact():
        total, squares = sum(spent, Decimal(0)), sum((net * net for net in spent), Decimal(0))
    buyers = len({row.party_id for row in rows})
    return Group(Sample(people, buyers, total, squares), sum(row.orders for row in rows))
