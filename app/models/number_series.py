"""Number series: where the legal numbers of documents come from."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, index_where

if TYPE_CHECKING:
    from app.models.organisation import Organisation


class SeriesKind(StrEnum):
    """What a series numbers."""

    sale_order = "sale_order"
    invoice = "invoice"
    credit_note = "credit_note"
    quote = "quote"
    delivery = "delivery"
    contract = "contract"


class Restart(StrEnum):
    """When a series begins again with 1."""

    yearly = "yearly"
    monthly = "monthly"
    never = "never"


label(
    SeriesKind,
    sale_order=_l("Orders"),
    invoice=_l("Invoices"),
    credit_note=_l("Credit notes"),
    quote=_l("Quotes"),
    delivery=_l("Deliveries"),
    contract=_l("Contracts"),
)
label(Restart, yearly=_l("Every year"), monthly=_l("Every month"), never=_l("Never"))


class NumberSeries(Entity):
    """Numbers of one kind of document of one organisation.

    Shape: `pattern` holds {prefix}, {year}, {yy}, {month} and {n}, which may be padded with zeros: {n:05}.
    """

    __tablename__ = "number_series"
    __stem__ = "number_series"
    __table_args__ = (
        UniqueConstraint("organisation_id", "kind", "prefix"),
        index_where(
            "uq_number_series_default",
            "organisation_id",
            "kind",
            unique=True,
            where="is_default",
        ),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    organisation: Mapped["Organisation"] = relationship("Organisation")
    kind: Mapped[SeriesKind] = mapped_column(Choice(SeriesKind), default=SeriesKind.invoice)
    prefix: Mapped[str] = mapped_column(String(20), default="")
    pattern: Mapped[str] = mapped_column(String(60), default="{prefix}{year}-{n:05}")
    restart: Mapped[Restart] = mapped_column(Choice(Restart), default=Restart.yearly)
    is_default: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return f"{self.prefix} {self.pattern}".strip()


class NumberCounter(Model):
    """The first and the last number of a series in a period, and the date of the last.

    Shape: `period` is "2026" for a series that restarts yearly, "2026-03" monthly, "" never.
    """

    __tablename__ = "number_counter"
    __table_args__ = (CheckConstraint("first >= 1 AND last >= first - 1", name="counts_on"),)

    series_id: Mapped[int] = mapped_column(ForeignKey("number_series.id"), primary_key=True)
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    first: Mapped[int] = mapped_column(Integer, default=1)
    last: Mapped[int] = mapped_column(Integer)
    last_on: Mapped[date] = mapped_column(Date())
