"""Saved views: what somebody asked a list for, under a name."""

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Entity

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User


class SavedView(Entity):
    """A list's filters, order and columns, kept as the query part of its address.

    It belongs to a person; `is_shared` shows it to all who see the list, `role` to those who have the role, for whom
    the list then begins with it. `is_default` is where the owner's own list begins, `is_pinned` keeps it in sight with
    the number of records that it finds.
    """

    __tablename__ = "saved_view"
    __stem__ = "saved_view"
    __table_args__ = (
        UniqueConstraint("user_id", "entity", "name"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
    )

    entity: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(Text(), default="")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped["User"] = relationship("User", foreign_keys=[user_id])
    is_shared: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    is_pinned: Mapped[bool] = mapped_column(default=False)
    role: Mapped[str | None] = mapped_column(String(64))

    def __str__(self) -> str:
        return self.name
