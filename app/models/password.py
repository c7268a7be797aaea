"""What is kept about passwords beside the one that is valid: former ones, and links to choose a new one."""

from datetime import datetime

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Instant, Key
from app.db import Model


class OldPassword(Model):
    """The hash of a password that an account had, so that it is not chosen again."""

    __tablename__ = "old_password"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(256))
    replaced_at: Mapped[datetime] = mapped_column(Instant())


class PasswordLink(Model):
    """A mailed link by which an account's owner chooses a password, once.

    Its random part is known to the letter alone; `token_hash` is its SHA-256 in hexadecimal digits. `ended_at` is set
    when it is used, and when a later link takes its place.
    """

    __tablename__ = "password_link"
    __table_args__ = (Index("ix_password_link_user_id_ended_at", "user_id", "ended_at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped[User] = relationship(User)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant())
    ends_at: Mapped[datetime] = mapped_column(Instant())
    ended_at: Mapped[datetime | None] = mapped_column(Instant())
