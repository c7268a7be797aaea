"""Why deals are lost: a list that the company keeps for itself."""

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Entity


class LostReason(Entity):
    """One reason; who is not active is offered no more and goes on explaining old deals."""

    __tablename__ = "lost_reason"
    __stem__ = "lost_reason"
    __table_args__ = (CheckConstraint("length(trim(name)) > 0", name="name_filled"),)

    name: Mapped[str] = mapped_column(String(120), unique=True)
    position: Mapped[int] = mapped_column(Integer, default=0)
    is_active: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.name
