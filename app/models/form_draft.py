"""What was typed into a form whose session had ended: kept for its writer alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Instant
from app.db import Model


class FormDraft(Model):
    """The fields of one form as they were sent.

    Shape: `fields` is a list of [name, text] in the order of the form, without passwords and tokens.
    """

    __tablename__ = "form_draft"

    key: Mapped[str] = mapped_column(String(43), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(String(500))
    fields: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
