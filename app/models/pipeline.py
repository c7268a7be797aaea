"""Pipelines and their stages: the way of a deal is data, and the database keeps it in order."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, index_where
from app.models.tag import TagColour


class StageType(StrEnum):
    """What a stage means for a deal: it goes on, or it has come to an end."""

    open = "open"
    won = "won"
    lost = "lost"


label(StageType, open=_l("Open"), won=_l("Won"), lost=_l("Lost"))


class Pipeline(Entity):
    """A way on which deals go, as stages in their order; one stage is where they are won, one where they are lost.

    `currency` is what its deals begin with, None for that of the company. One pipeline at most is the default.
    """

    __tablename__ = "pipeline"
    __stem__ = "pipeline"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("archived_at IS NULL OR NOT is_default", name="default_in_use"),
        index_where("uq_pipeline_default", "is_default", where="is_default", unique=True),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})
    is_default: Mapped[bool] = mapped_column(default=False)
    archived_at: Mapped[datetime | None] = mapped_column(Instant())
    stages: Mapped[list["Stage"]] = relationship(
        back_populates="pipeline", cascade="all, delete-orphan", passive_deletes=True, order_by="Stage.position"
    )

    def __str__(self) -> str:
        return self.name


class Stage(Entity):
    """One stage of a pipeline.

    Units: `probability` in percent, `norm_minutes` in minutes of working time, None without a norm. Shape:
    `needs_on_entry` and `needs_on_exit` are names of fields that a deal must have filled (services.deal_need.NEEDS).
    `owner_role` names the role that a deal's owner must have here. Without `moves` a deal may go from here to any
    stage.
    """

    __tablename__ = "stage"
    __stem__ = "stage"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "id"),
        UniqueConstraint("pipeline_id", "name"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("probability BETWEEN 0 AND 100", name="probability_in_percent"),
        CheckConstraint(
            "type = 'open' OR (type = 'won' AND probability = 100) OR (type = 'lost' AND probability = 0)",
            name="ends_are_certain",
        ),
        CheckConstraint("norm_minutes > 0", name="norm_positive"),
        index_where("uq_stage_end", "pipeline_id", "type", where="type <> 'open'", unique=True),
    )

    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipeline.id", ondelete="CASCADE"))
    pipeline: Mapped[Pipeline] = relationship(back_populates="stages")
    position: Mapped[int] = mapped_column(Integer, default=0)
    name: Mapped[str] = mapped_column(String(120))
    type: Mapped[StageType] = mapped_column(Choice(StageType), default=StageType.open)
    probability: Mapped[int] = mapped_column(Integer, default=0)
    colour: Mapped[TagColour] = mapped_column(Choice(TagColour), default=TagColour.grey)
    owner_role: Mapped[str | None] = mapped_column(String(64))
    norm_minutes: Mapped[int | None] = mapped_column(Integer)
    needs_on_entry: Mapped[list[str]] = mapped_column(JSON, default=list)
    needs_on_exit: Mapped[list[str]] = mapped_column(JSON, default=list)
    checks: Mapped[list["StageCheck"]] = relationship(
        back_populates="stage", cascade="all, delete-orphan", passive_deletes=True, order_by="StageCheck.position"
    )
    moves: Mapped[list["StageMove"]] = relationship(
        back_populates="stage",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="StageMove.id",
        primaryjoin="Stage.id == StageMove.stage_id",
        foreign_keys="StageMove.stage_id",
        lazy="joined",
    )

    def __str__(self) -> str:
        return self.name


class StageCheck(Line):
    """One thing that must be done before a deal leaves a stage."""

    __tablename__ = "stage_check"
    __table_args__ = (CheckConstraint("length(trim(text)) > 0", name="text_filled"),)

    stage_id: Mapped[int] = mapped_column(ForeignKey("stage.id", ondelete="CASCADE"), index=True)
    stage: Mapped[Stage] = relationship(back_populates="checks")
    position: Mapped[int] = mapped_column(Integer, default=0)
    text: Mapped[str] = mapped_column(String(250))

    def __str__(self) -> str:
        return self.text


class StageMove(Line):
    """A stage to which a deal may go from another one of the same pipeline."""

    __tablename__ = "stage_move"
    __table_args__ = (
        UniqueConstraint("stage_id", "to_id"),
        ForeignKeyConstraint(["pipeline_id", "stage_id"], ["stage.pipeline_id", "stage.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["pipeline_id", "to_id"], ["stage.pipeline_id", "stage.id"], ondelete="CASCADE"),
        CheckConstraint("stage_id <> to_id", name="two_stages"),
        Index("ix_stage_move_pipeline_id_stage_id", "pipeline_id", "stage_id"),
    )

    pipeline_id: Mapped[int] = mapped_column(Key)
    stage_id: Mapped[int] = mapped_column(Key)
    stage: Mapped[Stage] = relationship(
        back_populates="moves", primaryjoin="StageMove.stage_id == Stage.id", foreign_keys=[stage_id]
    )
    to_id: Mapped[int] = mapped_column(Key, index=True)
    to: Mapped[Stage] = relationship(primaryjoin="StageMove.to_id == Stage.id", foreign_keys=[to_id])

    def __str__(self) -> str:
        return str(self.to)
