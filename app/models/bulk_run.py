"""Bulk runs: the same change of many records, or the same act on them, how far it is and what came of each."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Choice, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned
from app.models.job import Job


class BulkState(StrEnum):
    """The life of a bulk run."""

    queued = "queued"
    running = "running"
    done = "done"
    cancelled = "cancelled"
    failed = "failed"


label(
    BulkState,
    queued=_l("Waiting"),
    running=_l("Running"),
    done=_l("Done"),
    cancelled=_l("Stopped"),
    failed=_l("Failed"),
)

BULK_MOVES = {
    BulkState.queued: frozenset({BulkState.running, BulkState.cancelled, BulkState.failed}),
    BulkState.running: frozenset({BulkState.done, BulkState.cancelled, BulkState.failed}),
    BulkState.failed: frozenset({BulkState.queued}),
}


class BulkOutcome(StrEnum):
    """What came of one record."""

    waiting = "waiting"
    changed = "changed"
    same = "same"
    refused = "refused"


label(
    BulkOutcome,
    waiting=_l("Not done"),
    changed=_l("Changed"),
    same=_l("Already so"),
    refused=_l("Refused"),
)

EDIT = "edit"
UNDO = "undo"
DELETE = "delete"
UNDELETE = "undelete"


class BulkRun(Entity, Owned, Job):
    """The same act on many records; it reads and writes for whoever started it.

    Shape: `act` is "edit", "delete", what takes one of them back, or the name of a verb; `given` maps a column of the
    records to its new value as history keeps it ({"country": "NL", "owner_id": 7}); `query` is the address of the list
    that everything matched.
    """

    __tablename__ = "bulk_run"
    __stem__ = "bulk_run"
    __is_shared__ = False
    __done__ = "done_rows"
    __moves__ = BULK_MOVES
    __unrecorded__ = True  # what it does is recorded with the records themselves
    __table_args__ = (Index("ix_bulk_run_owner_id_state", "owner_id", "state"),)

    entity: Mapped[str] = mapped_column(String(40))
    act: Mapped[str] = mapped_column(String(40))
    state: Mapped[BulkState] = mapped_column(Choice(BulkState), default=BulkState.queued)
    given: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    query: Mapped[str | None] = mapped_column(Text)
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_run.id", ondelete="SET NULL"), index=True)
    total_rows: Mapped[int] = mapped_column(Integer, default=0)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    changed_rows: Mapped[int] = mapped_column(Integer, default=0)
    same_rows: Mapped[int] = mapped_column(Integer, default=0)
    refused_rows: Mapped[int] = mapped_column(Integer, default=0)

    def __str__(self) -> str:
        return f"{self.act} {self.id}"


class BulkRow(Line):
    """One record of a run, chosen when the run was started.

    Shape: `before` and `after` map the changed columns to their values as history keeps them.
    """

    __tablename__ = "bulk_row"
    __table_args__ = (
        UniqueConstraint("run_id", "record_id"),
        Index("ix_bulk_row_run_id_outcome_id", "run_id", "outcome", "id"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("bulk_run.id", ondelete="CASCADE"))
    record_id: Mapped[int] = mapped_column(Key)
    outcome: Mapped[BulkOutcome] = mapped_column(Choice(BulkOutcome), default=BulkOutcome.waiting)
    reason: Mapped[str | None] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
