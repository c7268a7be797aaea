"""Who stands in for whom, and when: during illness or leave somebody reaches the rows of somebody else."""

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Entity

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User


class Substitution(Entity):
    """One person stands in for another, from one day to another, both included; it ends by itself."""

    __tablename__ = "substitution"
    __stem__ = "substitution"
    __table_args__ = (
        CheckConstraint("begins_on <= ends_on", name="days_in_order"),
        CheckConstraint("absent_id <> substitute_id", name="two_people"),
        Index("ix_substitution_substitute_id_ends_on", "substitute_id", "ends_on"),
    )

    absent_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    absent: Mapped["User"] = relationship("User", foreign_keys=[absent_id])
    substitute_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    substitute: Mapped["User"] = relationship("User", foreign_keys=[substitute_id])
    begins_on: Mapped[date]
    ends_on: Mapped[date]
    note: Mapped[str | None] = mapped_column(String(250))

    def __str__(self) -> str:
        return f"{self.absent} → {self.substitute}"
