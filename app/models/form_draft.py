"""What was typed into a form and is not saved yet: kept for its writer alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Instant
from app.db import Model


class FormDraft(Model):
    """The fields of one opened form as they were typed last.

    Shape: `fields` is a list of [name, text] in the order of the form, without passwords and tokens. `key` is that of
    the opened form, so that two tabs keep a draft each. `turn` counts how often it was kept: who writes over a turn
    that he has not seen has another tab beside him.
    """

    __tablename__ = "form_draft"
    __table_args__ = (Index("ix_form_draft_changed_at", "changed_at"),)

    key: Mapped[str] = mapped_column(String(43), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(String(500))
    fields: Mapped[list[Any]] = mapped_column(JSON)
    turn: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
