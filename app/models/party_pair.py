"""Pairs of counterparties that may be one and the same: found by a job, looked at and dismissed by people."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l

if TYPE_CHECKING:
    from app.models.party import Party


class PairState(StrEnum):
    """Whether somebody has said that two counterparties are not the same."""

    open = "open"
    dismissed = "dismissed"


label(PairState, open=_l("Open"), dismissed=_l("Not the same"))


class PartyPair(Model):
    """Two counterparties, the one with the lower key first.

    Units: `score` from 0 to 100. Shape: `reasons` names what they have in common, strongest first, with commas.
    """

    __tablename__ = "party_pair"
    __table_args__ = (
        UniqueConstraint("one_id", "other_id"),
        CheckConstraint("one_id < other_id", name="in_order"),
        Index("ix_party_pair_state_score", "state", "score", "id"),
        Index("ix_party_pair_other_id", "other_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    one_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"))
    one: Mapped["Party"] = relationship("Party", foreign_keys=[one_id])
    other_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"))
    other: Mapped["Party"] = relationship("Party", foreign_keys=[other_id])
    state: Mapped[PairState] = mapped_column(Choice(PairState), default=PairState.open)
    score: Mapped[int] = mapped_column(Integer)
    reasons: Mapped[str] = mapped_column(String(120))
    found_at: Mapped[datetime] = mapped_column(Instant())
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
