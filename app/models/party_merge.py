"""Two counterparties that turned out to be one: what was moved from one to the other, and how it comes back."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.party import Party

TABLE_NAME = 63


class MergeState(StrEnum):
    """What became of a merge; `settled` can no longer be undone and has forgotten its values."""

    done = "done"
    undone = "undone"
    settled = "settled"


class RowFate(StrEnum):
    """What a merge did with a row of some table: gave it to the winner, or made it."""

    moved = "moved"
    made = "made"


label(MergeState, done=_l("Done"), undone=_l("Undone"), settled=_l("Settled"))
label(RowFate, moved=_l("Moved"), made=_l("Added"))


class PartyMerge(Model):
    """One merge: `loser` was merged into `party`, and leads there since.

    Shape: `fields` maps a column of the winner to [value before, value after] as the bin writes values; `loser_before`
    holds the same of what the loser lost; `conflicts` is what undoing could not bring back
    (services.party_merge_undo).
    """

    __tablename__ = "party_merge"
    __table_args__ = (CheckConstraint("party_id <> loser_id", name="two_parties"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped["Party"] = relationship("Party", foreign_keys=[party_id])
    loser_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    loser: Mapped["Party"] = relationship("Party", foreign_keys=[loser_id])
    state: Mapped[MergeState] = mapped_column(Choice(MergeState), default=MergeState.done)
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    loser_before: Mapped[dict[str, Any]] = mapped_column(JSON)
    conflicts: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    merged_at: Mapped[datetime] = mapped_column(Instant(), index=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    by: Mapped["User | None"] = relationship("User", foreign_keys=[by_id])
    undone_at: Mapped[datetime | None] = mapped_column(Instant())
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)


class PartyMergeRow(Model):
    """One row of any table that a merge has moved, or made."""

    __tablename__ = "party_merge_row"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    merge_id: Mapped[int] = mapped_column(ForeignKey("party_merge.id", ondelete="CASCADE"), index=True)
    table: Mapped[str] = mapped_column("table_name", String(TABLE_NAME))
    column: Mapped[str] = mapped_column("column_name", String(TABLE_NAME))
    row_id: Mapped[int] = mapped_column(Key)
    fate: Mapped[RowFate] = mapped_column(Choice(RowFate), default=RowFate.moved)
