"""Deals: what we may sell to whom, where that stands, and what is needed to go on."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Amount, Choice, Instant, Key, Quantity
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned
from app.models.pipeline import Pipeline, Stage, StageType
from app.models.search_entry import Facts

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.lost_reason import LostReason
    from app.models.party import Party, PartyContact
    from app.models.pipeline import StageCheck
    from app.models.product import Product
    from app.models.tax import Tax
    from app.models.unit import Unit

ZERO = Decimal(0)


class DecisionRole(StrEnum):
    """What somebody at the client does for or against the decision."""

    decides = "decides"
    influences = "influences"
    user = "user"
    pays = "pays"
    supports = "supports"
    blocks = "blocks"


label(
    DecisionRole,
    decides=_l("Decides"),
    influences=_l("Influences"),
    user=_l("Will use it"),
    pays=_l("Pays"),
    supports=_l("Speaks for us"),
    blocks=_l("Is against it"),
)


class Deal(Entity, Owned):
    """A chance to sell something.

    `state` is the type of its stage; triggers see to it. `amount` is the sum of its lines when there are any, else what
    somebody expects. `entered_at` is when it came to its stage, in whole seconds; `last_touch_at` when anything
    happened about it. What is lost keeps its reason and the stage where that happened.
    """

    __tablename__ = "deal"
    __stem__ = "deal"
    __table_args__ = (
        ForeignKeyConstraint(["pipeline_id", "stage_id"], ["stage.pipeline_id", "stage.id"]),
        ForeignKeyConstraint(["pipeline_id", "lost_from_id"], ["stage.pipeline_id", "stage.id"]),
        CheckConstraint("length(trim(title)) > 0", name="title_filled"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("amount >= 0", name="amount_positive"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at_end"),
        CheckConstraint(
            "state <> 'lost' OR (lost_reason_id IS NOT NULL AND lost_from_id IS NOT NULL "
            "AND lost_note IS NOT NULL AND length(trim(lost_note)) > 0)",
            name="loss_told",
        ),
        CheckConstraint(
            "state = 'lost' OR (lost_reason_id IS NULL AND lost_from_id IS NULL AND lost_note IS NULL)",
            name="loss_of_lost",
        ),
        Index("ix_deal_pipeline_id_stage_id", "pipeline_id", "stage_id", "id"),
        Index("ix_deal_state_expected_on", "state", "expected_on", "id"),
        Index("ix_deal_state_last_touch_at", "state", "last_touch_at"),
        Index("ix_deal_owner_id_state", "owner_id", "state"),
        Index("ix_deal_closed_at", "closed_at"),
        Index("ix_deal_changed_at", "changed_at"),
    )

    title: Mapped[str] = mapped_column(String(250))
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party"] = relationship("Party")
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipeline.id"))
    pipeline: Mapped[Pipeline] = relationship("Pipeline", foreign_keys=[pipeline_id])
    stage_id: Mapped[int] = mapped_column(Key)
    stage: Mapped[Stage] = relationship("Stage", primaryjoin="Deal.stage_id == Stage.id", foreign_keys=[stage_id])
    state: Mapped[StageType] = mapped_column(Choice(StageType), default=StageType.open)
    amount: Mapped[Decimal | None] = mapped_column(Amount())
    currency: Mapped[str] = mapped_column(String(3), info={"of": "currency"})
    expected_on: Mapped[date | None] = mapped_column(Date())
    source: Mapped[str | None] = mapped_column(String(60))
    note: Mapped[str | None] = mapped_column(Text())
    lost_reason_id: Mapped[int | None] = mapped_column(ForeignKey("lost_reason.id"), index=True)
    lost_reason: Mapped["LostReason | None"] = relationship("LostReason")
    lost_note: Mapped[str | None] = mapped_column(Text())
    lost_from_id: Mapped[int | None] = mapped_column(Key)
    lost_from: Mapped[Stage | None] = relationship(
        "Stage", primaryjoin="Deal.lost_from_id == Stage.id", foreign_keys=[lost_from_id]
    )
    closed_at: Mapped[datetime | None] = mapped_column(Instant())
    entered_at: Mapped[datetime] = mapped_column(Instant(), default=lambda: clock.now().replace(microsecond=0))
    last_touch_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    search_text: Mapped[str] = mapped_column(Text(), default="")
    lines: Mapped[list["DealLine"]] = relationship(
        back_populates="deal", cascade="all, delete-orphan", passive_deletes=True, order_by="DealLine.position"
    )
    contacts: Mapped[list["DealContact"]] = relationship(
        back_populates="deal", cascade="all, delete-orphan", passive_deletes=True, order_by="DealContact.id"
    )
    checked: Mapped[list["DealCheck"]] = relationship(
        back_populates="deal", cascade="all, delete-orphan", passive_deletes=True, order_by="DealCheck.id"
    )

    def __str__(self) -> str:
        return self.title

    def search_entry(self) -> Facts:
        """Return what it is found by."""
        return Facts(self.title, "", self.search_text)


class DealLine(Line):
    """Something that may be sold with a deal.

    Units: the discount in percent; `net` is what the line comes to, as its deal's currency is written.
    """

    __tablename__ = "deal_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("unit_price >= 0", name="price_positive"),
        CheckConstraint("discount_percent >= 0", name="discount_positive"),
        Index("ix_deal_line_deal_id_position", "deal_id", "position"),
    )

    deal_id: Mapped[int] = mapped_column(ForeignKey("deal.id", ondelete="CASCADE"))
    deal: Mapped[Deal] = relationship(back_populates="lines")
    position: Mapped[int] = mapped_column(Integer, default=0)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    product: Mapped["Product | None"] = relationship("Product")
    text: Mapped[str] = mapped_column(Text())
    quantity: Mapped[Decimal] = mapped_column(Quantity())
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    unit: Mapped["Unit | None"] = relationship("Unit")
    unit_price: Mapped[Decimal] = mapped_column(Quantity())
    discount_percent: Mapped[Decimal] = mapped_column(Quantity(), default=ZERO)
    tax_id: Mapped[int | None] = mapped_column(ForeignKey("tax.id"), index=True)
    tax: Mapped["Tax | None"] = relationship("Tax")
    net: Mapped[Decimal] = mapped_column(Amount(), default=ZERO)

    def __str__(self) -> str:
        return self.text


class DealContact(Line):
    """A contact person of the client with the part that he has in the decision."""

    __tablename__ = "deal_contact"
    __table_args__ = (Unique("deal_id", "contact_id"),)

    deal_id: Mapped[int] = mapped_column(ForeignKey("deal.id", ondelete="CASCADE"))
    deal: Mapped[Deal] = relationship(back_populates="contacts")
    contact_id: Mapped[int] = mapped_column(ForeignKey("party_contact.id", ondelete="CASCADE"), index=True)
    contact: Mapped["PartyContact"] = relationship("PartyContact")
    role: Mapped[DecisionRole] = mapped_column(Choice(DecisionRole), default=DecisionRole.decides)

    def __str__(self) -> str:
        return str(self.contact)


class DealCheck(Line):
    """Somebody has done what the checklist of a stage asks for."""

    __tablename__ = "deal_check"
    __table_args__ = (Unique("deal_id", "check_id"),)

    deal_id: Mapped[int] = mapped_column(ForeignKey("deal.id", ondelete="CASCADE"))
    deal: Mapped[Deal] = relationship(back_populates="checked")
    check_id: Mapped[int] = mapped_column(ForeignKey("stage_check.id", ondelete="CASCADE"), index=True)
    check: Mapped["StageCheck"] = relationship("StageCheck")
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])
