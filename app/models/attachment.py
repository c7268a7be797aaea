"""Stored files: what they are called, what they hold, to which record they belong."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Instant, Key
from app.db import Model


class Attachment(Model):
    """One file; its bytes lie under `var/files` by their SHA-256, so that equal files are stored once.

    Units: `size` in bytes. `entity` and `record_id` name the record whose rights decide who may read it.
    """

    __tablename__ = "attachment"
    __table_args__ = (Index("ix_attachment_entity_record_id", "entity", "record_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int | None] = mapped_column(Key)
    purpose: Mapped[str] = mapped_column(String(40), default="file")
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(120))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))

    def __str__(self) -> str:
        return self.name
