"""Consents: what a counterparty, or a person there, agreed to or took back; rows that are only ever added.

Taking back is a row of its own, so that the latest row of a purpose and an address says what holds.
"""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Line
from app.models.party import Party

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.attachment import Attachment


class ConsentPurpose(StrEnum):
    """What somebody agrees to."""

    marketing_mail = "marketing_mail"
    marketing_sms = "marketing_sms"
    marketing_messenger = "marketing_messenger"
    phone_calls = "phone_calls"
    processing = "processing"
    profiling = "profiling"
    passing_on = "passing_on"


class ConsentState(StrEnum):
    """What a row says: agreed, or taken back."""

    given = "given"
    withdrawn = "withdrawn"


class ConsentSource(StrEnum):
    """How it was said."""

    form = "form"
    paper = "paper"
    telephone = "telephone"
    letter = "letter"
    conversation = "conversation"
    imports = "imports"
    other = "other"


label(
    ConsentPurpose,
    marketing_mail=_l("Marketing by e-mail"),
    marketing_sms=_l("Marketing by text message"),
    marketing_messenger=_l("Marketing by messenger"),
    phone_calls=_l("Marketing calls"),
    processing=_l("Processing on request"),
    profiling=_l("Profiling"),
    passing_on=_l("Passing data on to partners"),
)
label(ConsentState, given=_l("Given"), withdrawn=_l("Withdrawn"))
label(
    ConsentSource,
    form=_l("Form"),
    paper=_l("On paper"),
    telephone=_l("By telephone"),
    letter=_l("By e-mail or letter"),
    conversation=_l("In conversation"),
    imports=_l("Import"),
    other=_l("Other"),
)


class Consent(Line):
    """One statement about one purpose: given, or withdrawn.

    `contact_id` is the key of the contact person who said it, None for the counterparty itself; the person may be gone
    from the card by now. `address` is the e-mail or number that it is for, None for all. `said_at` is when it was
    said, `noted_at` when somebody wrote it down. Triggers let a row be added, and its personal values be blanked.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_party_id_purpose", "party_id", "purpose", "id"),
        CheckConstraint("said_at <= noted_at", name="said_before_noted"),
    )

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    party: Mapped[Party] = relationship(back_populates="consents")
    contact_id: Mapped[int | None] = mapped_column(Key)
    purpose: Mapped[ConsentPurpose] = mapped_column(Choice(ConsentPurpose))
    state: Mapped[ConsentState] = mapped_column(Choice(ConsentState))
    address: Mapped[str | None] = mapped_column(String(254), info=PERSONAL)
    source: Mapped[ConsentSource] = mapped_column(Choice(ConsentSource))
    wording: Mapped[str | None] = mapped_column(Text())
    note: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    evidence_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True)
    evidence: Mapped["Attachment | None"] = relationship("Attachment")
    said_at: Mapped[datetime] = mapped_column(Instant())
    noted_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])

    def __str__(self) -> str:
        return str(self.purpose.value)


BLANKED = ("address", "note", "evidence_id")  # what erasing a person takes out of a row
UNBOUND = "by_id"  # an account may go
