"""Invoices and credit notes: drafts that anybody may still change, and issued documents that nobody changes."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Computed,
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

from app.columns import Amount, Choice, Instant, Rate
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned, index_where
from app.models.document_line import DocumentLine, line_checks
from app.models.line_price import LinePrice
from app.money import TaxCategory

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.contract import Contract
    from app.models.number_series import NumberSeries
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.payment_term import PaymentTerm
    from app.models.sale_order import SaleOrder


ZERO = Decimal(0)


class InvoiceKind(StrEnum):
    """What a document does: an invoice claims money, a credit note takes a claim back."""

    invoice = "invoice"
    credit_note = "credit_note"


class InvoiceState(StrEnum):
    """The stored life of a document; whether it is paid or overdue is derived."""

    draft = "draft"
    issued = "issued"
    closed = "closed"


class Settlement(StrEnum):
    """How far an issued document is settled: the database derives it from what is allocated.

    An invoice that its own credit notes have settled as a whole is credited: nobody has paid it.
    """

    open = "open"
    partly_paid = "partly_paid"
    paid = "paid"
    credited = "credited"


label(InvoiceKind, invoice=_l("Invoice"), credit_note=_l("Credit note"))
label(InvoiceState, draft=_l("Draft"), issued=_l("Issued"), closed=_l("Closed"))
label(Settlement, open=_l("Unpaid"), partly_paid=_l("Partly paid"), paid=_l("Paid"), credited=_l("Credited"))

INVOICE_MOVES: Moves[InvoiceState] = {
    InvoiceState.draft: frozenset({InvoiceState.issued}),
    InvoiceState.issued: frozenset({InvoiceState.closed}),
}

# Columns that may change after the issue: none of them is part of what the document says. Everything else is kept
# by triggers (models.triggers); the state only moves on, and the file is set once.
FREE_AFTER_ISSUE = frozenset(
    {
        "party_id",
        "owner_id",
        "team_id",
        "state",
        "closed_on",
        "closed_reason",
        "reminder_block_until",
        "reminder_block_why",
        "file_id",
        "search_text",
        "allocated",
        "credited",
        "settlement",
        "version",
        "changed_at",
    }
)


class Invoice(Entity, Owned):
    """An invoice or credit note.

    Amounts of a credit note are positive: its kind says which way they count. `delivery_on` is the day, or the
    first day of a period that ends with `delivery_until`. Units: `exchange_rate` is how much of the organisation's
    currency one unit of the document's currency is worth. `number_period` and `number_n` are the counter's period
    and count behind the printed number. `is_advance` asks for money before the delivery of its order; a later invoice
    takes it off, by lines that name those of the advance (`advance_line_id`). `allocated` is the sum of the
    document's allocations in its currency, `credited` the part that its
    own credit notes settle; a trigger keeps both. `margin` is what was left of the net amount beyond the
    cost when it was issued. While `reminder_block_why` says something nobody is reminded of the invoice, up to and
    including `reminder_block_until`, for good when that is None. `__beside__` lets lists ask for what its lines sell.
    """

    __tablename__ = "invoice"
    __stem__ = "invoice"
    __guards__: ClassVar = {"margin": ("margin",)}
    __beside__: ClassVar = {"category": "invoice_line.product_id>product.category_id"}
    __table_args__ = (
        UniqueConstraint("series_id", "number"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("gross >= 0", name="gross_positive"),
        CheckConstraint("net + tax = gross", name="totals_add_up"),
        CheckConstraint("exchange_rate > 0", name="rate_positive"),
        CheckConstraint("(kind = 'credit_note') = (credits_id IS NOT NULL)", name="credit_note_credits"),
        CheckConstraint(
            "state = 'draft' OR (number IS NOT NULL AND series_id IS NOT NULL AND issued_on IS NOT NULL"
            " AND due_on IS NOT NULL AND delivery_on IS NOT NULL AND content_sha256 IS NOT NULL)",
            name="issued_complete",
        ),
        CheckConstraint("state <> 'draft' OR number IS NULL", name="draft_without_number"),
        CheckConstraint("delivery_until >= delivery_on", name="delivery_in_order"),
        CheckConstraint("allocated >= 0 AND allocated <= gross", name="allocated_within"),
        CheckConstraint("state <> 'draft' OR allocated = 0", name="draft_unallocated"),
        CheckConstraint("credited >= 0 AND credited <= allocated", name="credited_within"),
        Index("ix_invoice_state_id", "state", "id"),
        Index("ix_invoice_kind_settlement_due_on", "kind", "settlement", "due_on"),
        Index("ix_invoice_kind_state_id", "kind", "state", "id"),
        index_where(
            "ix_invoice_open",
            "party_id",
            "due_on",
            where="state <> 'draft' AND allocated < gross",
        ),
        Index("ix_invoice_series_id_number_period_number_n", "series_id", "number_period", "number_n"),
    )

    kind: Mapped[InvoiceKind] = mapped_column(Choice(InvoiceKind), default=InvoiceKind.invoice)
    state: Mapped[InvoiceState] = mapped_column(Choice(InvoiceState), default=InvoiceState.draft)
    number: Mapped[str | None] = mapped_column(String(60))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("number_series.id"), info={"internal": True})
    series: Mapped["NumberSeries | None"] = relationship("NumberSeries")
    number_period: Mapped[str | None] = mapped_column(String(7), info={"internal": True})
    number_n: Mapped[int | None] = mapped_column(Integer, info={"internal": True})
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sale_order.id"), index=True)
    order: Mapped["SaleOrder | None"] = relationship("SaleOrder")
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"), index=True)
    contract: Mapped["Contract | None"] = relationship("Contract")
    is_advance: Mapped[bool] = mapped_column(default=False, server_default=false())
    credits_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    credits: Mapped["Invoice | None"] = relationship("Invoice", remote_side="Invoice.id")
    credit_reason: Mapped[str | None] = mapped_column(String(500))
    issued_on: Mapped[date | None] = mapped_column(Date(), index=True)
    delivery_on: Mapped[date | None] = mapped_column(Date())
    delivery_until: Mapped[date | None] = mapped_column(Date())
    due_on: Mapped[date | None] = mapped_column(Date(), index=True)
    payment_term_id: Mapped[int | None] = mapped_column(ForeignKey("payment_term.id"))
    payment_term: Mapped["PaymentTerm | None"] = relationship("PaymentTerm")
    buyer_reference: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    exchange_rate: Mapped[Decimal | None] = mapped_column(Rate())
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    returns: Mapped[bool] = mapped_column(default=False)
    discount: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    charge: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    note: Mapped[str | None] = mapped_column(Text())
    net: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    tax: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    gross: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    margin: Mapped[Decimal | None] = mapped_column(Amount())
    allocated: Mapped[Decimal] = mapped_column(Amount(), default=ZERO, server_default="0")
    credited: Mapped[Decimal] = mapped_column(Amount(), default=ZERO, server_default="0")
    settlement: Mapped[Settlement | None] = mapped_column(
        Choice(Settlement),
        Computed(
            "CASE WHEN state = 'draft' THEN NULL WHEN gross > 0 AND credited = gross THEN 'credited'"
            " WHEN allocated = gross THEN 'paid' WHEN allocated = 0 THEN 'open' ELSE 'partly_paid' END",
            persisted=True,
        ),
        index=True,
    )
    content_sha256: Mapped[str | None] = mapped_column(String(64), info={"internal": True})
    chain_position: Mapped[int | None] = mapped_column(Integer, info={"internal": True})
    chain_link: Mapped[str | None] = mapped_column(String(64), info={"internal": True})
    closed_on: Mapped[date | None] = mapped_column(Date())
    closed_reason: Mapped[str | None] = mapped_column(String(500))
    reminder_block_until: Mapped[date | None] = mapped_column(Date())
    reminder_block_why: Mapped[str | None] = mapped_column(String(500))
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")
    search_text: Mapped[str] = mapped_column(Text(), default="")

    lines: Mapped[list["InvoiceLine"]] = relationship(
        back_populates="invoice",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="InvoiceLine.position",
    )
    taxes: Mapped[list["InvoiceTax"]] = relationship(
        back_populates="invoice",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="InvoiceTax.position",
    )
    snapshot: Mapped["InvoiceSnapshot | None"] = relationship(
        back_populates="invoice", uselist=False, passive_deletes="all"
    )

    def __str__(self) -> str:
        return self.number or f"#{self.id}"

    @property
    def is_draft(self) -> bool:
        """Say whether the document may still be changed."""
        return self.state == InvoiceState.draft

    @property
    def rest(self) -> Decimal:
        """Return what is still to be settled; of a credit note, what it may still settle."""
        return ZERO if self.is_draft else self.gross - self.allocated

    @property
    def is_credit_note(self) -> bool:
        """Say whether the document takes a claim back."""
        return self.kind == InvoiceKind.credit_note


class InvoiceLine(DocumentLine, LinePrice, Line):
    """One line of a document."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        *line_checks(),
        Index("ix_invoice_line_invoice_id_position", "invoice_id", "position"),
    )

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    invoice: Mapped[Invoice] = relationship(back_populates="lines")
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("sale_order_line.id"), index=True)
    credits_line_id: Mapped[int | None] = mapped_column(ForeignKey("invoice_line.id"), index=True)
    credits_line: Mapped["InvoiceLine | None"] = relationship(
        "InvoiceLine", foreign_keys=[credits_line_id], remote_side="InvoiceLine.id"
    )
    advance_line_id: Mapped[int | None] = mapped_column(ForeignKey("invoice_line.id"), index=True)
    advance_line: Mapped["InvoiceLine | None"] = relationship(
        "InvoiceLine", foreign_keys=[advance_line_id], remote_side="InvoiceLine.id"
    )


class InvoiceTax(Line):
    """The tax of all lines under one category and rate.

    `tax_home` is the same tax in the organisation's currency, where the document is in another.
    """

    __tablename__ = "invoice_tax"
    __table_args__ = (UniqueConstraint("invoice_id", "category", "rate"),)

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    invoice: Mapped[Invoice] = relationship(back_populates="taxes")
    position: Mapped[int] = mapped_column(Integer, default=0)
    category: Mapped[TaxCategory] = mapped_column(Choice(TaxCategory, 2))
    rate: Mapped[Decimal] = mapped_column(Rate())
    base: Mapped[Decimal] = mapped_column(Amount())
    tax: Mapped[Decimal] = mapped_column(Amount())
    tax_home: Mapped[Decimal | None] = mapped_column(Amount())

    def __str__(self) -> str:
        return f"{self.category} {self.rate}"


class InvoiceSnapshot(Line):
    """What an issued document says, frozen: all that its file is made from. Rows are only ever added.

    Shape: `content` as services.invoice_snapshot.content builds it; numbers and dates are texts.
    """

    __tablename__ = "invoice_snapshot"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), unique=True)
    invoice: Mapped[Invoice] = relationship(back_populates="snapshot")
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Instant())
