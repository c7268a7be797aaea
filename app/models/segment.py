"""Segments: counterparties that meet conditions, found anew each time or kept as they were once found."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned


class SegmentKind(StrEnum):
    """Whether its members are found anew each time, or are kept."""

    live = "live"
    static = "static"


label(SegmentKind, live=_l("Live"), static=_l("Static"))


class Segment(Entity, Owned):
    """A named set of counterparties.

    Shape: `definition` is a tree of conditions as services.condition keeps it. A static segment keeps its members in a
    table of their own; `frozen_at` is when they were last put there. Whoever reads a segment sees of its members those
    that are within his rows.
    """

    __tablename__ = "segment"
    __stem__ = "segment"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        Index("ix_segment_name_id", "name", "id"),
    )

    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[SegmentKind] = mapped_column(Choice(SegmentKind), default=SegmentKind.live)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    note: Mapped[str | None] = mapped_column(Text())
    frozen_at: Mapped[datetime | None] = mapped_column(Instant())
    search_text: Mapped[str] = mapped_column(Text(), default="")

    def __str__(self) -> str:
        return self.name


class SegmentMember(Line):
    """A counterparty of a static segment, since when."""

    __tablename__ = "segment_member"
    __unrecorded__ = True  # they come and go by the thousand; the segment says when they were last put there
    __table_args__ = (UniqueConstraint("segment_id", "party_id"),)

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"))
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(Instant())


class SegmentCount(Model):
    """How many members somebody has last seen in a segment: others see other rows, so each has a number of his own."""

    __tablename__ = "segment_count"

    segment_id: Mapped[int] = mapped_column(
        Key, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("ab_user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    members: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Instant())
