"""Where leads come from: sources with their clock and their receivers, and the forms that stand on foreign pages."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Choice, Instant
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line
from app.models.team import Theme

if TYPE_CHECKING:
    from app.models.team import Team


class LeadChannel(StrEnum):
    """By which way a lead came."""

    form = "form"
    api = "api"
    message = "message"
    email = "email"
    manual = "manual"
    imported = "imported"


class LeadPriority(StrEnum):
    """How urgent a lead is: each has its own norm of response."""

    low = "low"
    normal = "normal"
    high = "high"


class Assignment(StrEnum):
    """Who gets a new lead."""

    nobody = "nobody"
    in_turn = "in_turn"
    least_loaded = "least_loaded"
    territory = "territory"
    language = "language"


class LeadField(StrEnum):
    """What a form asks for."""

    name = "name"
    company = "company"
    phone = "phone"
    email = "email"
    country = "country"
    region = "region"
    text = "text"


label(
    LeadChannel,
    form=_l("Web form"),
    api=_l("Programs"),
    message=_l("Messages"),
    email=_l("E-mail"),
    manual=_l("By hand"),
    imported=_l("From a file"),
)
label(LeadPriority, low=_l("Low"), normal=_l("Normal"), high=_l("High"))
label(
    Assignment,
    nobody=_l("Nobody: the head hands them out"),
    in_turn=_l("In turn"),
    least_loaded=_l("Whoever has the fewest open ones"),
    territory=_l("By country and region"),
    language=_l("By language"),
)
label(
    LeadField,
    name=_l("Your name"),
    company=_l("Company"),
    phone=_l("Phone"),
    email=_l("E-mail"),
    country=_l("Country"),
    region=_l("Region"),
    text=_l("What is it about?"),
)


class LeadSource(Entity):
    """One place where leads come from.

    `code` stands in its addresses. Units: norms are minutes of working time, None without a clock (the two beside
    `norm_minutes` fall back on it); `per_minute` is how many may arrive in a minute, and `per_address` how many from
    one address in ten minutes, before the rest is held.
    """

    __tablename__ = "lead_source"
    __stem__ = "lead_source"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("norm_minutes > 0", name="norm_positive"),
        CheckConstraint("norm_high_minutes > 0", name="norm_high_positive"),
        CheckConstraint("norm_low_minutes > 0", name="norm_low_positive"),
        CheckConstraint("per_minute > 0 AND per_address > 0", name="limits_positive"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    channel: Mapped[LeadChannel] = mapped_column(Choice(LeadChannel), default=LeadChannel.form)
    is_active: Mapped[bool] = mapped_column(default=True)
    priority: Mapped[LeadPriority] = mapped_column(Choice(LeadPriority), default=LeadPriority.normal)
    norm_minutes: Mapped[int | None] = mapped_column(default=30)
    norm_high_minutes: Mapped[int | None] = mapped_column()
    norm_low_minutes: Mapped[int | None] = mapped_column()
    assignment: Mapped[Assignment] = mapped_column(Choice(Assignment), default=Assignment.in_turn)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"), index=True)
    team: Mapped["Team | None"] = relationship("Team")
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    per_minute: Mapped[int] = mapped_column(default=120)
    per_address: Mapped[int] = mapped_column(default=10)
    receivers: Mapped[list["LeadReceiver"]] = relationship(
        back_populates="source", cascade="all, delete-orphan", passive_deletes=True, order_by="LeadReceiver.id"
    )

    def __str__(self) -> str:
        return self.name

    def norm(self, priority: LeadPriority) -> int | None:
        """Return within how many minutes of working time a lead of a priority is answered."""
        own = {LeadPriority.high: self.norm_high_minutes, LeadPriority.low: self.norm_low_minutes}.get(priority)
        return own or self.norm_minutes


class LeadSourceKey(Model):
    """The secret with which a source's requests are signed, as `services.sealing` keeps it."""

    __tablename__ = "lead_source_key"

    source_id: Mapped[int] = mapped_column(ForeignKey("lead_source.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text())
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)


class LeadReceiver(Line):
    """Somebody who gets leads of a source; what is empty fits all.

    `most_open` is how many open leads he has at most; `turn` grows with each that he gets.
    """

    __tablename__ = "lead_receiver"
    __table_args__ = (CheckConstraint("most_open > 0", name="most_open_positive"),)

    source_id: Mapped[int] = mapped_column(ForeignKey("lead_source.id", ondelete="CASCADE"), index=True)
    source: Mapped[LeadSource] = relationship(back_populates="receivers")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    user: Mapped[User] = relationship("User", foreign_keys=[user_id])
    country: Mapped[str | None] = mapped_column(String(2), info={"of": "country"})
    region: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str | None] = mapped_column(String(5), info={"of": "language"})
    most_open: Mapped[int | None] = mapped_column()
    turn: Mapped[int] = mapped_column(default=0)

    def __str__(self) -> str:
        return str(self.user)


class LeadForm(Entity):
    """A form for foreign pages; its snippet names `code`.

    Shape: `sites` are the origins that may show it, one a line, empty for all; `colour` is #rrggbb.
    """

    __tablename__ = "lead_form"
    __stem__ = "lead_form"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("length(colour) = 7", name="colour_code"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("lead_source.id"), index=True)
    source: Mapped[LeadSource] = relationship("LeadSource")
    is_active: Mapped[bool] = mapped_column(default=True)
    theme: Mapped[Theme] = mapped_column(Choice(Theme), default=Theme.system)
    colour: Mapped[str | None] = mapped_column(String(7))
    sites: Mapped[str | None] = mapped_column(Text())
    fields: Mapped[list["LeadFormField"]] = relationship(
        back_populates="form", cascade="all, delete-orphan", passive_deletes=True, order_by="LeadFormField.position"
    )
    texts: Mapped[list["LeadFormText"]] = relationship(
        back_populates="form", cascade="all, delete-orphan", passive_deletes=True, order_by="LeadFormText.id"
    )

    def __str__(self) -> str:
        return self.name


class LeadFormField(Line):
    """One field of a form."""

    __tablename__ = "lead_form_field"
    __table_args__ = (Index("ix_lead_form_field_form_id_position", "form_id", "position"),)

    form_id: Mapped[int] = mapped_column(ForeignKey("lead_form.id", ondelete="CASCADE"))
    form: Mapped[LeadForm] = relationship(back_populates="fields")
    position: Mapped[int] = mapped_column()
    field: Mapped[LeadField] = mapped_column(Choice(LeadField))
    caption: Mapped[str | None] = mapped_column(String(120))
    is_required: Mapped[bool] = mapped_column(default=False)


class LeadFormText(Line):
    """What a form says in one language; what is empty is said in our own words."""

    __tablename__ = "lead_form_text"
    __table_args__ = (UniqueConstraint("form_id", "language"),)

    form_id: Mapped[int] = mapped_column(ForeignKey("lead_form.id", ondelete="CASCADE"))
    form: Mapped[LeadForm] = relationship(back_populates="texts")
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    title: Mapped[str | None] = mapped_column(String(120))
    intro: Mapped[str | None] = mapped_column(String(500))
    button: Mapped[str | None] = mapped_column(String(60))
    thanks: Mapped[str | None] = mapped_column(String(500))
