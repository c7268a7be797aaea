"""Deals note when anything happens about them: activities and letters touch them in the same transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event, update

from app.models.activity import Activity
from app.models.deal import Deal
from app.models.letter import Letter


def _touch(_mapper: Any, connection: Connection, record: Any) -> None:  # noqa: ANN401 -- an activity or a letter
    """Note the moment at the deal that a record is about; an older moment changes nothing."""
    if record.entity != Deal.__stem__ or record.record_id is None:
        return
    at: datetime = getattr(record, "done_at", None) or record.created_at
    table: Any = Deal.__table__
    stands = (table.c.id == record.record_id) & (table.c.last_touch_at < at)
    connection.execute(update(table).where(stands).values(last_touch_at=at))


for _entity in (Activity, Letter):
    event.listen(_entity, "after_insert", _touch)
event.listen(Activity, "after_update", _touch)
