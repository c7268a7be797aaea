"""What a counterparty is worth in figures: worked out from its documents, kept for lists to filter by."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Amount, Instant, Key
from app.db import Model

ZERO = Decimal(0)
# Filters and columns of the list of counterparties: name → column of the table below.
SHOWN = (
    *("orders_count", "first_order_on", "last_order_on", "orders_per_year", "client_since"),
    *("turnover", "average_check", "open_balance", "payment_lag_days", "last_touch_on"),
)


class PartyMetric(Model):
    """The figures of one counterparty (services.party_metric says how each is worked out).

    `client_since` is the day of the first order or invoice, whichever came first: in its month it is a new client.

    Units: amounts in the currency of the organisation that issued; `orders_per_year` orders; `payment_lag_days` days
    from the due date to the day on which an invoice was settled, below zero for early ones.
    """

    __tablename__ = "party_metric"
    __table_args__ = (
        CheckConstraint("orders_count >= 0", name="orders_count_positive"),
        *(Index(f"ix_party_metric_{name}", name, "party_id") for name in SHOWN),
    )

    party_id: Mapped[int] = mapped_column(
        Key, ForeignKey("party.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    orders_count: Mapped[int] = mapped_column(Integer, default=0)
    first_order_on: Mapped[date | None] = mapped_column(Date())
    last_order_on: Mapped[date | None] = mapped_column(Date())
    orders_per_year: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    client_since: Mapped[date | None] = mapped_column(Date())
    turnover: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    average_check: Mapped[Decimal | None] = mapped_column(Amount())
    open_balance: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    payment_lag_days: Mapped[int | None] = mapped_column(Integer)
    last_touch_on: Mapped[date | None] = mapped_column(Date())
    counted_at: Mapped[datetime] = mapped_column(Instant())


class PartyMark(Model):
    """A counterparty whose figures something has changed: only added, and taken away when they are counted anew."""

    __tablename__ = "party_mark"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    party_id: Mapped[int] = mapped_column(Key)
