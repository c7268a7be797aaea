"""Reminders of overdue invoices: the levels of each of our companies, and which invoice was reminded of which level."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Amount, Choice, Instant, Quantity
from app.models.base import Entity, Line
from app.models.suppression import NoContact

if TYPE_CHECKING:
    from app.models.letter import Letter
    from app.models.organisation import Organisation


class ReminderLevel(Entity):
    """One step of reminding: when it comes, what it may cost, and what it says in each language.

    Units: it comes `days` after the due date (before it when negative), and not within `gap_days` of any letter to the
    counterparty. `fee` is in the company's currency, `interest_percent` a year. Invoices that were due before `since`
    are left alone, so that a new level does not write to everybody who ever owed.
    """

    __tablename__ = "reminder_level"
    __stem__ = "reminder_level"
    __table_args__ = (
        UniqueConstraint("organisation_id", "position"),
        CheckConstraint("position BETWEEN 1 AND 9", name="position_possible"),
        CheckConstraint("days BETWEEN -60 AND 730", name="days_possible"),
        CheckConstraint("gap_days BETWEEN 0 AND 365", name="gap_possible"),
        CheckConstraint("fee >= 0", name="fee_positive"),
        CheckConstraint("interest_percent >= 0", name="interest_positive"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    organisation: Mapped["Organisation"] = relationship("Organisation")
    position: Mapped[int] = mapped_column(Integer, default=1)
    days: Mapped[int] = mapped_column(Integer, default=7)
    gap_days: Mapped[int] = mapped_column(Integer, default=3)
    fee: Mapped[Decimal | None] = mapped_column(Amount())
    interest_percent: Mapped[Decimal | None] = mapped_column(Quantity())
    since: Mapped[date] = mapped_column(Date(), default=lambda: clock.today("UTC"))
    is_active: Mapped[bool] = mapped_column(default=True)
    texts: Mapped[list["ReminderText"]] = relationship(
        back_populates="level", cascade="all, delete-orphan", passive_deletes=True, order_by="ReminderText.id"
    )

    def __str__(self) -> str:
        return f"{self.organisation} · {self.position}"


class ReminderText(Line):
    """What a level says in one language; {number}, {rest} and the like stand for what is known of the invoice."""

    __tablename__ = "reminder_text"
    __table_args__ = (UniqueConstraint("level_id", "language"),)

    level_id: Mapped[int] = mapped_column(ForeignKey("reminder_level.id", ondelete="CASCADE"))
    level: Mapped[ReminderLevel] = relationship(back_populates="texts")
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    subject: Mapped[str] = mapped_column(String(250))
    text: Mapped[str] = mapped_column(Text())


class InvoiceReminder(Line):
    """That an invoice was reminded of a level, once: with the letter, or with the reason why none could be written.

    `level` is the position of the level, which may be changed or deleted afterwards.
    """

    __tablename__ = "invoice_reminder"
    __table_args__ = (
        UniqueConstraint("invoice_id", "level"),
        CheckConstraint("level BETWEEN 1 AND 9", name="level_possible"),
        CheckConstraint("letter_id IS NULL OR refused IS NULL", name="letter_or_reason"),
    )

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    level: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(Instant())
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letter.id", ondelete="SET NULL"), index=True)
    letter: Mapped["Letter | None"] = relationship("Letter")
    refused: Mapped[NoContact | None] = mapped_column(Choice(NoContact))
