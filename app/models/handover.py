"""Hand-overs: what somebody owned, given to others at once, record by record, and the way back."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned
from app.models.job import Job

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User


class HandoverState(StrEnum):
    """The life of a hand-over; taking it back goes through the same states."""

    queued = "queued"
    running = "running"
    done = "done"
    undone = "undone"
    failed = "failed"


label(
    HandoverState,
    queued=_l("Waiting"),
    running=_l("Running"),
    done=_l("Done"),
    undone=_l("Taken back"),
    failed=_l("Failed"),
)

HANDOVER_MOVES = {
    HandoverState.queued: frozenset({HandoverState.running, HandoverState.done, HandoverState.failed}),
    HandoverState.running: frozenset({HandoverState.done, HandoverState.undone, HandoverState.failed}),
    HandoverState.done: frozenset({HandoverState.queued, HandoverState.undone}),
    HandoverState.failed: frozenset({HandoverState.queued}),
}


class Strategy(StrEnum):
    """Who gets what."""

    one = "one"
    load = "load"
    territory = "territory"


label(
    Strategy,
    one=_l("Everything to one person"),
    load=_l("Evenly, by what each has to do"),
    territory=_l("By territory"),
)


class LineOutcome(StrEnum):
    """What became of one record."""

    given = "given"
    back = "back"
    left = "left"


label(LineOutcome, given=_l("Handed over"), back=_l("Taken back"), left=_l("Changed since, left as it is"))


class Handover(Entity, Owned, Job):
    """Everything that somebody owned, or a part of it, given to others; it belongs to whoever did it.

    Shape: `given` is what was asked for (services.handover_plan.Wish); `beside` is what was done besides records and
    is needed for the way back: `{"heads": [[team, new head]], "substitutions": [[id, last day before, last day since]],
    "ended": [{column: value}], "locked": true}`. `left_rows` counts what taking back has left alone.
    """

    __tablename__ = "handover"
    __stem__ = "handover"
    __is_shared__ = False
    __done__ = "done_rows"
    __moves__ = HANDOVER_MOVES
    __unrecorded__ = True  # what it does is recorded with the records themselves
    __table_args__ = (Index("ix_handover_owner_id_state", "owner_id", "state"),)

    leaver_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    leaver: Mapped["User"] = relationship("User", foreign_keys=[leaver_id])
    state: Mapped[HandoverState] = mapped_column(Choice(HandoverState), default=HandoverState.queued)
    strategy: Mapped[Strategy] = mapped_column(Choice(Strategy))
    reason: Mapped[str] = mapped_column(String(250))
    given: Mapped[dict[str, Any]] = mapped_column(JSON)
    beside: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fingerprint: Mapped[str] = mapped_column(String(64))
    total_rows: Mapped[int] = mapped_column(Integer, default=0)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    left_rows: Mapped[int] = mapped_column(Integer, default=0)
    undone_at: Mapped[datetime | None] = mapped_column(Instant())
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    undone_by: Mapped["User | None"] = relationship("User", foreign_keys=[undone_by_id])

    def __str__(self) -> str:
        return f"{self.leaver} ({self.id})"


class HandoverLine(Line):
    """One record that was given: from whom and which team, to whom and which team."""

    __tablename__ = "handover_line"
    __table_args__ = (
        UniqueConstraint("handover_id", "entity", "record_id"),
        Index("ix_handover_line_handover_id_to_owner_id", "handover_id", "to_owner_id", "entity", "id"),
    )

    handover_id: Mapped[int] = mapped_column(ForeignKey("handover.id", ondelete="CASCADE"))
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    from_owner_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    from_team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"))
    to_owner_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    to_team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"))
    outcome: Mapped[LineOutcome] = mapped_column(Choice(LineOutcome), default=LineOutcome.given)
