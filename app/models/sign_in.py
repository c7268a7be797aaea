"""Signed-in browsers and tokens, and failed tries: kept in the database, so that every worker knows them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Instant, Key
from app.db import Model


class SignIn(Model):
    """One browser or API token that is signed in; revoking the row ends it at once.

    `key` stands in the signed cookie (or the token's `sid` claim). A password change revokes all of a user's rows.
    `has_second` says that a second factor was given: without one it does not live while a role of the user demands it.
    `seen_at` is up to a minute old.
    """

    __tablename__ = "sign_in"

    key: Mapped[str] = mapped_column(String(43), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")
    began_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    ends_at: Mapped[datetime] = mapped_column(Instant())
    revoked_at: Mapped[datetime | None] = mapped_column(Instant())
    has_second: Mapped[bool] = mapped_column(default=False)


class LoginAttempt(Model):
    """A try to sign in that was not right, or a link asked for; counted per address and per name, unknown ones too.

    `kind` is "sign_in" or "link"; `device` names a browser that has signed in to this account before and has a count of
    its own, "" for all others. What is forgiven counts for the address alone. See services/lockout.py.
    """

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_address_at", "address", "at"),
        Index("ix_login_attempt_username_at", "username", "at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    address: Mapped[str] = mapped_column(String(45))
    username: Mapped[str] = mapped_column(String(254))
    kind: Mapped[str] = mapped_column(String(8), default="sign_in")
    device: Mapped[str] = mapped_column(String(22), default="")
    forgiven_at: Mapped[datetime | None] = mapped_column(Instant())
