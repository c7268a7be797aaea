"""What happened to records: field changes and state changes, written by one flush listener, never edited."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Instant, Key
from app.db import Model


class FieldChange(Model):
    """One save of one record: what stood before and after.

    Shape: `changes` maps a field name to `[before, after]` as JSON values; `act` is "add", "change" or "delete".
    """

    __tablename__ = "field_change"
    __table_args__ = (Index("ix_field_change_entity_record_id", "entity", "record_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now, index=True)
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    act: Mapped[str] = mapped_column(String(8))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    request_id: Mapped[str | None] = mapped_column(String(36))


class StateChange(Model):
    """One move of one record from a state to the next; processes and clocks hang on these rows."""

    __tablename__ = "state_change"
    __table_args__ = (Index("ix_state_change_entity_record_id", "entity", "record_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now, index=True)
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    before: Mapped[str | None] = mapped_column(String(24))
    after: Mapped[str] = mapped_column(String(24))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    request_id: Mapped[str | None] = mapped_column(String(36))
