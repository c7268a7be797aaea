"""The bin: records that were deleted and can be brought back, each with all that went with it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Connection, ForeignKey, Index, String, event, func, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from app.columns import Instant, Key
from app.models.base import Entity, Line, Owned

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

NAME = 250


class DeletedRecord(Entity, Owned):
    """One deleted record, under the owner and the team that it had; `is_nobodys` when its kind has none.

    `batch` is common to what one act has deleted. Shape of `data`, written and read by services.bin_rows: `rows` is a
    list of [table, {column: value}] in an order in which they can be inserted, `links` a list of [table, column, key,
    [keys of the rows that named it]].
    """

    __tablename__ = "deleted_record"
    __stem__ = "deleted_record"
    __is_shared__ = False
    __unrecorded__ = True  # that something was deleted or restored stands in its own history
    __table_args__ = (Index("ix_deleted_record_entity_record_id", "entity", "record_id"),)

    entity: Mapped[str] = mapped_column(String(40), info={"of": "entity"})
    record_id: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(String(NAME))
    is_nobodys: Mapped[bool] = mapped_column(default=False)
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    deleted_by: Mapped["User | None"] = relationship("User", foreign_keys=[deleted_by_id])
    deleted_at: Mapped[datetime] = mapped_column(Instant(), index=True)
    batch: Mapped[str] = mapped_column(String(32), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    files: Mapped[list["DeletedFile"]] = relationship(
        back_populates="deleted_record", cascade="all, delete-orphan", passive_deletes=True
    )

    def __str__(self) -> str:
        return self.name


class DeletedFile(Line):
    """A file whose bytes a record in the bin still needs."""

    __tablename__ = "deleted_file"

    deleted_record_id: Mapped[int] = mapped_column(ForeignKey("deleted_record.id", ondelete="CASCADE"), index=True)
    deleted_record: Mapped[DeletedRecord] = relationship(back_populates="files")
    sha256: Mapped[str] = mapped_column(String(64), index=True)


def _keep_key_free(_mapper: Any, connection: Connection, record: Any) -> None:  # noqa: ANN401 -- any mapped record
    """Let no new record take the key of one in the bin: SQLite would give the highest key again once it is free."""
    if connection.dialect.name != "sqlite" or record.id is not None or not hasattr(record, "__stem__"):
        return
    table: Any = inspect(type(record)).local_table
    of_kind = select(func.max(DeletedRecord.record_id)).where(DeletedRecord.entity == record.__stem__)
    binned = connection.scalar(of_kind)
    if binned is None:
        return
    session: Any = object_session(record)
    given = session.info.setdefault("keys_given", {})  # of this flush: nothing of it is written yet
    least = max(binned, given.get(table.name, 0))
    if (connection.scalar(select(func.max(table.c.id))) or 0) < least:
        record.id = given[table.name] = least + 1


event.listen(Entity, "before_insert", _keep_key_free, propagate=True)
