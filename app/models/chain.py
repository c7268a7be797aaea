"""The two chains that make tampering visible: over what documents say, and over the bytes of their files.

Every row carries an HMAC over its content and the row before it in its series, made with a key that is not in the
database. Rows are only ever added; triggers refuse everything else.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant, Key
from app.db import Model


class ChainLink(Model):
    """The link of one issued document. Shape: hashes are 64 hexadecimal digits, `previous` is "" for the first."""

    __tablename__ = "chain_link"
    __table_args__ = (
        UniqueConstraint("series_id", "position"),
        CheckConstraint("position >= 1", name="position_positive"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("number_series.id"))
    position: Mapped[int] = mapped_column(Integer)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), unique=True)
    content_sha256: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Instant())


class FileLink(Model):
    """The link of one document's stored file."""

    __tablename__ = "file_link"
    __table_args__ = (
        UniqueConstraint("series_id", "position"),
        CheckConstraint("position >= 1", name="position_positive"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("number_series.id"))
    position: Mapped[int] = mapped_column(Integer)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), unique=True)
    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Instant())
