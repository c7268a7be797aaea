"""The second factor of an account: its authenticator, recovery codes, remembered devices, and roles that demand one."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Instant
from app.db import Model
from app.models.base import Line

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import Role, User


class SecondFactor(Model):
    """An authenticator of one account, and the one that is being set up.

    Shape: `sealed` is the secret as `services.sealing` keeps it, None until the first set-up is confirmed; `candidate`
    is the next one, shown but not confirmed yet. `last_step` is the newest step of 30 seconds whose code was taken: no
    code is taken twice.
    """

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str | None] = mapped_column(Text())
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant())
    last_step: Mapped[int] = mapped_column(BigInteger(), default=0)
    candidate: Mapped[str | None] = mapped_column(Text())
    candidate_at: Mapped[datetime | None] = mapped_column(Instant())


class RecoveryCode(Line):
    """One code for the day when the authenticator is lost; it works once."""

    __tablename__ = "recovery_code"
    __table_args__ = (Index("ix_recovery_code_user_id_digest", "user_id", "digest", unique=True),)

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Instant())


class SecondFactorTry(Line):
    """A wrong code, counted per account."""

    __tablename__ = "second_factor_try"
    __table_args__ = (Index("ix_second_factor_try_user_id_at", "user_id", "at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)


class PendingSignIn(Model):
    """A right password whose second step is still to come. It is no sign-in and opens nothing.

    `key` stands in the signed cookie; wrong codes are counted in `tries`.
    """

    __tablename__ = "pending_sign_in"

    key: Mapped[str] = mapped_column(String(43), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    user: Mapped["User"] = relationship("User")
    ends_at: Mapped[datetime] = mapped_column(Instant(), index=True)
    tries: Mapped[int] = mapped_column(default=0)


class RememberedDevice(Line):
    """A browser that need not give the second factor for a while; `digest` is of the random text in its cookie."""

    __tablename__ = "remembered_device"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")
    began_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    ends_at: Mapped[datetime] = mapped_column(Instant())


class RoleDemand(Model):
    """A role whose people need a second factor; without a row it demands none."""

    __tablename__ = "role_demand"

    role_id: Mapped[int] = mapped_column(ForeignKey("ab_role.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped["Role"] = relationship("Role")
