"""By whom each of our companies sends text messages, and as whom."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Choice, Instant
from app.db import Model
from app.i18n import label
from app.models.base import Entity, Line

if TYPE_CHECKING:
    from app.models.organisation import Organisation


class SmsProviderKind(StrEnum):
    """Whose requests and answers are spoken."""

    smsc = "smsc"
    twilio = "twilio"


label(SmsProviderKind, smsc="SMSC", twilio="Twilio")


class SmsProvider(Entity):
    """The provider by which one of our companies sends text messages.

    `login` is the name of the account there; `sender` what recipients see: a number, or a name that is agreed with the
    provider, or the key of a service that chooses one. Without `sender` the provider's own is used, where it has one.
    """

    __tablename__ = "sms_provider"
    __stem__ = "sms_provider"
    __table_args__ = (CheckConstraint("length(trim(login)) > 0", name="login_filled"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), unique=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    kind: Mapped[SmsProviderKind] = mapped_column(Choice(SmsProviderKind), default=SmsProviderKind.smsc)
    login: Mapped[str] = mapped_column(String(120))
    sender: Mapped[str | None] = mapped_column(String(40))
    is_active: Mapped[bool] = mapped_column(default=True)

    def __str__(self) -> str:
        return self.login


class TextArrival(Line):
    """That an answer came from a provider, so that it is taken in once; `number` is the hash of the provider's own."""

    __tablename__ = "text_arrival"
    __table_args__ = (UniqueConstraint("provider_id", "number"),)

    provider_id: Mapped[int] = mapped_column(ForeignKey("sms_provider.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(Instant())


class SmsProviderKey(Model):
    """The password of an account at a provider, as `services.sealing` keeps it."""

    __tablename__ = "sms_provider_key"

    provider_id: Mapped[int] = mapped_column(ForeignKey("sms_provider.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text())
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
