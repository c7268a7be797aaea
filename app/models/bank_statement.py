"""Statements of the bank: what was booked on our accounts, and what became of each booking in our own books."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, index_where

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.attachment import Attachment
    from app.models.organisation import Organisation, OrganisationBankAccount
    from app.models.party import Party
    from app.models.payment import Payment


class StatementFormat(StrEnum):
    """In which format a statement came."""

    camt = "camt"
    mt940 = "mt940"
    onec = "onec"
    csv = "csv"


class StatementState(StrEnum):
    """A table whose columns nobody has said yet is a draft; everything else is loaded."""

    draft = "draft"
    loaded = "loaded"


class LineState(StrEnum):
    """Whether a booking is in our books: as a payment, or ignored for a reason."""

    open = "open"
    matched = "matched"
    ignored = "ignored"


label(
    StatementFormat,
    camt=_l("camt.053 (XML)"),
    mt940=_l("MT940"),
    onec=_l("1C (1CClientBankExchange)"),
    csv=_l("CSV table"),
)
label(StatementState, draft=_l("Columns are to be chosen"), loaded=_l("Loaded"))
label(LineState, open=_l("To be matched"), matched=_l("Matched"), ignored=_l("Ignored"))

LINE_MOVES: Moves[LineState] = {
    LineState.open: frozenset({LineState.matched, LineState.ignored}),
    LineState.matched: frozenset({LineState.open}),
    LineState.ignored: frozenset({LineState.open}),
}


class BankProfile(Entity):
    """How a bank writes its tables, known again by their row of names.

    Shape: `columns` maps the name of a column to a field of exchange.bank_csv; `columns_sha256` is made of the names.
    """

    __tablename__ = "bank_profile"
    __stem__ = "bank_profile"
    __table_args__ = (
        UniqueConstraint("columns_sha256"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("skip_rows BETWEEN 0 AND 30", name="skip_possible"),
    )

    name: Mapped[str] = mapped_column(String(120))
    columns_sha256: Mapped[str] = mapped_column(String(64))
    columns: Mapped[dict[str, Any]] = mapped_column(JSON)
    delimiter: Mapped[str] = mapped_column(String(4))
    encoding: Mapped[str] = mapped_column(String(20))
    date_format: Mapped[str] = mapped_column(String(20))
    decimal_mark: Mapped[str] = mapped_column(String(1))
    skip_rows: Mapped[int] = mapped_column(Integer, default=0)
    debit_words: Mapped[str | None] = mapped_column(String(200))

    def __str__(self) -> str:
        return self.name

    def told(self) -> dict[str, Any]:
        """Return it as the reader of tables takes it."""
        names = ("delimiter", "encoding", "date_format", "decimal_mark", "skip_rows", "debit_words", "columns")
        return {name: getattr(self, name) for name in names}


class BankRule(Entity):
    """What is known of bookings that are no business of a counterparty: the bank's fees, transfers between accounts.

    A booking fits when its words hold `text` and its account is `account`, as far as the rule names them.
    """

    __tablename__ = "bank_rule"
    __stem__ = "bank_rule"
    __table_args__ = (CheckConstraint("text IS NOT NULL OR account IS NOT NULL", name="says_something"),)

    name: Mapped[str] = mapped_column(String(120), unique=True)
    text: Mapped[str | None] = mapped_column(String(200))
    account: Mapped[str | None] = mapped_column(String(34))
    reason: Mapped[str] = mapped_column(String(250))
    is_active: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.name


class BankStatement(Entity):
    """What one file says of one account.

    Units: balances in `currency`, below zero what is owed to the bank. `gap` is how much the opening balance differs
    from the closing one of the statement before, where that is known. `known_count` is how many of the file's entries
    were there already. `open_count` is how many lines wait; services.bank_settle keeps it.
    """

    __tablename__ = "bank_statement"
    __stem__ = "bank_statement"
    __table_args__ = (
        CheckConstraint("until_on >= from_on", name="days_in_order"),
        CheckConstraint("open_count BETWEEN 0 AND line_count", name="open_within"),
        CheckConstraint("state = 'loaded' OR line_count = 0", name="draft_without_lines"),
        Index("ix_bank_statement_account_id_until_on", "account_id", "until_on"),
        Index("ix_bank_statement_sha256", "sha256"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    account_id: Mapped[int] = mapped_column(ForeignKey("organisation_bank_account.id"))
    account: Mapped["OrganisationBankAccount"] = relationship("OrganisationBankAccount")
    format: Mapped[StatementFormat] = mapped_column(Choice(StatementFormat))
    state: Mapped[StatementState] = mapped_column(Choice(StatementState), default=StatementState.loaded)
    number: Mapped[str | None] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    opening: Mapped[Decimal | None] = mapped_column(Amount())
    closing: Mapped[Decimal | None] = mapped_column(Amount())
    from_on: Mapped[date | None] = mapped_column(Date())
    until_on: Mapped[date | None] = mapped_column(Date())
    gap: Mapped[Decimal | None] = mapped_column(Amount())
    line_count: Mapped[int] = mapped_column(Integer, default=0)
    open_count: Mapped[int] = mapped_column(Integer, default=0)
    known_count: Mapped[int] = mapped_column(Integer, default=0)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"), index=True)
    file: Mapped["Attachment | None"] = relationship("Attachment")
    sha256: Mapped[str] = mapped_column(String(64), info={"internal": True})
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("bank_profile.id", ondelete="SET NULL"))
    profile: Mapped["BankProfile | None"] = relationship("BankProfile")

    def __str__(self) -> str:
        return f"{self.account} · {self.until_on or '…'}"

    @property
    def is_draft(self) -> bool:
        """Say whether its columns are still to be chosen."""
        return self.state == StatementState.draft

    @property
    def done_count(self) -> int:
        """Return how many lines are matched or ignored."""
        return self.line_count - self.open_count


class BankLine(Entity):
    """One booking on one of our accounts.

    Units: `amount` in `currency`, below zero where money went out. `key` makes it one of its kind on its account,
    whichever file it came in (services.bank_statement). `made_payment` says that its payment was recorded from it.
    """

    __tablename__ = "bank_line"
    __stem__ = "bank_line"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        UniqueConstraint("payment_id"),
        CheckConstraint("amount <> 0", name="amount_given"),
        CheckConstraint("(state = 'matched') = (payment_id IS NOT NULL)", name="matched_complete"),
        CheckConstraint("(state = 'ignored') = (reason IS NOT NULL)", name="ignored_complete"),
        Index("ix_bank_line_statement_id_position", "statement_id", "position"),
        Index("ix_bank_line_account_id_booked_on", "account_id", "booked_on"),
        index_where("ix_bank_line_open", "statement_id", where="state = 'open'"),
    )

    statement_id: Mapped[int] = mapped_column(ForeignKey("bank_statement.id"))
    statement: Mapped["BankStatement"] = relationship("BankStatement")
    account_id: Mapped[int] = mapped_column(ForeignKey("organisation_bank_account.id"))
    key: Mapped[str] = mapped_column(String(64), info={"internal": True})
    position: Mapped[int] = mapped_column(Integer)
    booked_on: Mapped[date] = mapped_column(Date())
    value_on: Mapped[date | None] = mapped_column(Date())
    amount: Mapped[Decimal] = mapped_column(Amount())
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    payer: Mapped[str | None] = mapped_column(String(250))
    payer_account: Mapped[str | None] = mapped_column(String(34))
    payer_bank: Mapped[str | None] = mapped_column(String(120))
    payer_tax_number: Mapped[str | None] = mapped_column(String(32))
    text: Mapped[str | None] = mapped_column(Text())
    end_to_end: Mapped[str | None] = mapped_column(String(64))
    bank_reference: Mapped[str | None] = mapped_column(String(64))
    structured: Mapped[str | None] = mapped_column(String(64))
    code: Mapped[str | None] = mapped_column(String(60))
    state: Mapped[LineState] = mapped_column(Choice(LineState), default=LineState.open)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"))
    payment: Mapped["Payment | None"] = relationship("Payment")
    made_payment: Mapped[bool] = mapped_column(default=False, server_default=false())
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    reason: Mapped[str | None] = mapped_column(String(250))
    settled_at: Mapped[datetime | None] = mapped_column(Instant())
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    settled_by: Mapped["User | None"] = relationship("User", foreign_keys=[settled_by_id])

    def __str__(self) -> str:
        return " · ".join(filter(None, (self.payer or self.text, str(self.booked_on))))

    @property
    def is_open(self) -> bool:
        """Say whether it waits to be matched."""
        return self.state == LineState.open

    @property
    def came_in(self) -> bool:
        """Say whether money came in."""
        return self.amount > 0
