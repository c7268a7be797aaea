"""Erasures: who made which person anonymous, when and why, without a word about the person."""

from typing import TYPE_CHECKING, Any

from flask_appbuilder.security.sqla.models import User as Account
from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Key
from app.models.base import Entity

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

LONGEST_REASON = 250


class Erasure(Entity):
    """One person who was erased: a counterparty, or one contact person of it (`contact_id`).

    Shape: `counts` maps a place of the register to [rows erased, rows kept].
    """

    __tablename__ = "erasure"
    __stem__ = "erasure"
    __table_args__ = (CheckConstraint("length(trim(reason)) > 0", name="reason_filled"),)

    party_id: Mapped[int] = mapped_column(Key, index=True)
    contact_id: Mapped[int | None] = mapped_column(Key)
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON))
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    by_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id, ondelete="SET NULL"), index=True)
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])

    def __str__(self) -> str:
        return f"#{self.party_id}" if self.contact_id is None else f"#{self.party_id}/{self.contact_id}"
