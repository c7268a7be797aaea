"""What a counterparty is interested in, and how it likes to be reached."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Line

if TYPE_CHECKING:
    from app.models.party import Party
    from app.models.product import Product


class Strength(StrEnum):
    """How much somebody is interested."""

    weak = "weak"
    clear = "clear"
    strong = "strong"


class Reached(StrEnum):
    """By which way somebody likes to be reached."""

    phone = "phone"
    email = "email"
    messenger = "messenger"
    post = "post"
    visit = "visit"


label(Strength, weak=_l("Slight"), clear=_l("Clear"), strong=_l("Strong"))
label(
    Reached,
    phone=_l("Phone"),
    email=_l("E-mail"),
    messenger=_l("Messenger"),
    post=_l("Post"),
    visit=_l("Visit"),
)


class PartyInterest(Line):
    """An interest of a counterparty: a product, or whatever people call it; `topic` is always filled."""

    __tablename__ = "party_interest"
    __table_args__ = (CheckConstraint("length(trim(topic)) > 0", name="topic_filled"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped["Party"] = relationship(back_populates="interests")
    topic: Mapped[str] = mapped_column(String(120), index=True, info=PERSONAL)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"), index=True)
    product: Mapped["Product | None"] = relationship("Product")
    strength: Mapped[Strength] = mapped_column(Choice(Strength), default=Strength.clear)
    since: Mapped[date | None] = mapped_column(Date())
    source: Mapped[str | None] = mapped_column(String(60), info=PERSONAL)

    def __str__(self) -> str:
        return self.topic
