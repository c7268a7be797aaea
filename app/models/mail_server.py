"""Where each of our companies hands its letters over, how it signs them, and where what comes back arrives."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Choice, Instant
from app.db import Model
from app.models.base import Entity
from app.models.mailbox import MailboxSecurity

if TYPE_CHECKING:
    from app.models.organisation import Organisation

PASSWORD, DKIM = "password", "dkim"  # purposes of sealed keys


class MailServer(Entity):
    """The mail server of one of our companies; a company without one uses that of the installation.

    `dkim_public` is the public half of the key by which letters are signed (base64), None until one is made;
    `verified_at` is when the DNS last told the same. Letters that come back go to `return_path`, with a mark of ours
    in it; without one they go to the sender.
    """

    __tablename__ = "mail_server"
    __stem__ = "mail_server"
    __table_args__ = (
        CheckConstraint("port BETWEEN 1 AND 65535", name="port_possible"),
        CheckConstraint("(dkim_domain IS NULL) = (dkim_selector IS NULL)", name="dkim_complete"),
    )

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), unique=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int] = mapped_column(Integer, default=587)
    security: Mapped[MailboxSecurity] = mapped_column(Choice(MailboxSecurity), default=MailboxSecurity.starttls)
    login: Mapped[str | None] = mapped_column(String(254))
    is_active: Mapped[bool] = mapped_column(default=True)
    return_path: Mapped[str | None] = mapped_column(String(254))
    dkim_domain: Mapped[str | None] = mapped_column(String(253))
    dkim_selector: Mapped[str | None] = mapped_column(String(63))
    dkim_public: Mapped[str | None] = mapped_column(Text(), info={"internal": True})
    verified_at: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})

    def __str__(self) -> str:
        return self.host


class MailServerKey(Model):
    """A secret of a mail server, as `services.sealing` keeps it: the password, or the private half of its key."""

    __tablename__ = "mail_server_key"

    server_id: Mapped[int] = mapped_column(ForeignKey("mail_server.id", ondelete="CASCADE"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(12), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text())
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
