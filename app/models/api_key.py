"""What the framework's table of keys for REST has no column for."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Line


class ApiKeyNote(Line):
    """Beside each key: from where it was used last, of which day before its end its owner was told, whom it follows.

    Units: `warned_days` are the days before the end that the last notice was about; None when there was none yet.
    """

    __tablename__ = "api_key_note"

    key_id: Mapped[int] = mapped_column(ForeignKey("ab_api_key.id", ondelete="CASCADE"), unique=True)
    address: Mapped[str | None] = mapped_column(String(45))
    warned_days: Mapped[int | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("ab_api_key.id", ondelete="SET NULL"), index=True)
