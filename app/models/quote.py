"""Quotes: what we offer, until when, and what the customer said to it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Amount, Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Line, Owned
from app.models.document_line import DocumentLine, line_checks
from app.models.line_price import LinePrice
from app.models.public_link import Linked

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.attachment import Attachment
    from app.models.contract import Contract
    from app.models.deal import Deal
    from app.models.number_series import NumberSeries
    from app.models.organisation import Organisation
    from app.models.party import Party
    from app.models.payment_term import PaymentTerm


ZERO = Decimal(0)


class QuoteState(StrEnum):
    """The life of one version of a quote; a later version that is sent takes its place."""

    draft = "draft"
    sent = "sent"
    accepted = "accepted"
    rejected = "rejected"
    expired = "expired"
    replaced = "replaced"


label(
    QuoteState,
    draft=_l("Draft"),
    sent=_l("Sent"),
    accepted=_l("Accepted"),
    rejected=_l("Rejected"),
    expired=_l("Expired"),
    replaced=_l("Replaced"),
)

_ANSWERED = frozenset({QuoteState.accepted, QuoteState.rejected})
QUOTE_MOVES: Moves[QuoteState] = {
    QuoteState.draft: frozenset({QuoteState.sent}),
    QuoteState.sent: _ANSWERED | {QuoteState.expired, QuoteState.replaced},
    QuoteState.expired: _ANSWERED | {QuoteState.replaced},
    QuoteState.rejected: frozenset({QuoteState.accepted, QuoteState.replaced}),
}


class Quote(Entity, Owned, Linked):
    """One version of a quote; its number comes when it is sent, and all versions share it.

    `edition` counts the versions, `replaces` is the one before. The customer's page is reached by a link of which only
    the hash is kept (`link_sha256`); `link_nonce` and the installation's key make it (services.quote_link).
    `answered_*` say who answered, when and from where; `answered_by` is set when one of us noted it.
    """

    __tablename__ = "quote"
    __stem__ = "quote"
    __table_args__ = (
        UniqueConstraint("series_id", "number", "edition"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("gross >= 0", name="gross_positive"),
        CheckConstraint("net + tax = gross", name="totals_add_up"),
        CheckConstraint("edition >= 1", name="edition_positive"),
        CheckConstraint(
            "state = 'draft' OR (number IS NOT NULL AND sent_on IS NOT NULL AND valid_until IS NOT NULL)",
            name="sent_complete",
        ),
        CheckConstraint("valid_until >= sent_on", name="valid_in_order"),
        CheckConstraint(
            "state NOT IN ('accepted', 'rejected') OR (answered_at IS NOT NULL AND answered_name IS NOT NULL)",
            name="answer_complete",
        ),
        CheckConstraint("link_ended_at IS NOT NULL OR link_sha256 IS NULL OR state = 'sent'", name="link_while_sent"),
        Index("ix_quote_state_id", "state", "id"),
        Index("ix_quote_state_valid_until", "state", "valid_until"),
    )

    state: Mapped[QuoteState] = mapped_column(Choice(QuoteState), default=QuoteState.draft)
    number: Mapped[str | None] = mapped_column(String(60))
    edition: Mapped[int] = mapped_column(Integer, default=1)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("number_series.id"), info={"internal": True})
    series: Mapped["NumberSeries | None"] = relationship("NumberSeries")
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("quote.id"), unique=True)
    replaces: Mapped["Quote | None"] = relationship("Quote", remote_side="Quote.id")
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deal.id"), index=True)
    deal: Mapped["Deal | None"] = relationship("Deal")
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"), index=True)
    contract: Mapped["Contract | None"] = relationship("Contract")
    sent_on: Mapped[date | None] = mapped_column(Date(), index=True)
    valid_until: Mapped[date | None] = mapped_column(Date())
    delivery_on: Mapped[date | None] = mapped_column(Date())
    payment_term_id: Mapped[int | None] = mapped_column(ForeignKey("payment_term.id"))
    payment_term: Mapped["PaymentTerm | None"] = relationship("PaymentTerm")
    buyer_reference: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    returns: Mapped[bool] = mapped_column(default=False)
    discount: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    charge: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    note: Mapped[str | None] = mapped_column(Text())
    net: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    tax: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    gross: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True, info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")
    answered_at: Mapped[datetime | None] = mapped_column(Instant())
    answered_name: Mapped[str | None] = mapped_column(String(120), info=PERSONAL)
    answered_address: Mapped[str | None] = mapped_column(String(45), info=PERSONAL)
    answered_agent: Mapped[str | None] = mapped_column(String(250), info=PERSONAL)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    answered_by: Mapped["User | None"] = relationship("User", foreign_keys=[answered_by_id])
    rejected_reason: Mapped[str | None] = mapped_column(String(500))
    search_text: Mapped[str] = mapped_column(Text(), default="")
    lines: Mapped[list["QuoteLine"]] = relationship(
        back_populates="quote",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="QuoteLine.position",
    )

    def __str__(self) -> str:
        shown = self.number or f"#{self.id}"
        return shown if (self.edition or 1) == 1 else f"{shown}/{self.edition}"


class QuoteLine(DocumentLine, LinePrice, Line):
    """One line of a quote."""

    __tablename__ = "quote_line"
    __table_args__ = (
        *line_checks(),
        Index("ix_quote_line_quote_id_position", "quote_id", "position"),
    )

    quote_id: Mapped[int] = mapped_column(ForeignKey("quote.id", ondelete="CASCADE"))
    quote: Mapped[Quote] = relationship(back_populates="lines")
