"""What one person opened and took away in the last 30 days, against his own normal of the 90 days before.

Records opened are the views of personal data that the audit tells of (the same record within an hour is one); rows over
REST and rows in files are those of the log of exports. Days are those of UTC, as the alarm counts them.

What is usual is a median. Of records opened: over his working days, those on which the audit tells anything of him, so
that weekends and leave do not count. Of rows: over his days with exports, for people export on Fridays (ADR 16).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Date, Text, case, cast, func, select, type_coerce
from sqlalchemy.orm import Session

from app.models.export_run import ExportRun
from app.models.history import Act, FieldChange
from app.services import export_rule
from app.services.export_alarm import LEAST_DAYS, limit_of, usual_of

SHOWN = 30  # days before today
BEFORE = 90  # days before those
TIMES = 3  # so many times more records than usual are unusual
LEAST_OPENED = 30  # records of a day; fewer are never unusual


@dataclass(frozen=True)
class Day:
    """One day: records opened, rows read over REST, files, rows in files.

    `is_much_opened` and `is_much_taken` compare it with what is usual, `was_told` says that a head was told.
    """

    on: date
    opened: int = 0
    read: int = 0
    files: int = 0
    rows: int = 0
    is_much_opened: bool = False
    is_much_taken: bool = False
    was_told: bool = False

    @property
    def taken(self) -> int:
        """Return the rows that left on this day."""
        return self.read + self.rows

    @property
    def is_unusual(self) -> bool:
        """Say whether anything on this day was unusual."""
        return self.is_much_opened or self.is_much_taken or self.was_told

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was opened or taken."""
        return not (self.opened or self.taken or self.files)


@dataclass(frozen=True)
class Report:
    """Today and the 30 days before, the oldest first, also those on which nothing was.

    `usual_opened` and `usual_taken` are of a day, None where there were too few; `working_days` is of how many.
    """

    days: list[Day]
    working_days: int
    usual_opened: int | None
    limit_opened: int
    usual_taken: int | None
    limit_taken: int

    @property
    def told(self) -> list[Day]:
        """Return the days on which there was something, the newest first."""
        return [day for day in reversed(self.days) if not day.is_empty]

    @property
    def opened(self) -> int:
        """Return all records opened."""
        return sum(day.opened for day in self.days)

    @property
    def taken(self) -> int:
        """Return all rows taken."""
        return sum(day.taken for day in self.days)


def report(session: Session, user_id: int, *, at: datetime) -> Report:
    """Return what somebody opened and took away. Whether the reader may know is asked at the door; four statements."""
    first = at.date() - timedelta(days=SHOWN)
    since = first - timedelta(days=BEFORE)
    entries = _entries(session, user_id, since=datetime.combine(since, time.min, tzinfo=UTC))
    runs = _runs(session, user_id, since=since)
    worked = [opened for day, opened in entries.items() if day < first]
    usual_opened = int(median(worked)) if len(worked) >= LEAST_DAYS else None
    limit_opened = max(LEAST_OPENED, TIMES * (usual_opened or 0))
    usual_taken = usual_of(sum(run.taken_rows for run in found) for day, found in runs.items() if day < first)
    limit_taken = limit_of(export_rule.rule(session), usual_taken)
    days = [first + timedelta(days=each) for each in range(SHOWN + 1)]
    shown = [_day(day, entries.get(day, 0), runs.get(day, []), (limit_opened, limit_taken)) for day in days]
    return Report(shown, len(worked), usual_opened, limit_opened, usual_taken, limit_taken)


def _entries(session: Session, user_id: int, *, since: datetime) -> Mapping[date, int]:
    """Return the days on which the audit tells anything of somebody, and how many records he opened on each."""
    day = _day_of(session, FieldChange.at)
    opened = func.sum(case((FieldChange.act == Act.view, 1), else_=0))
    mine = select(day, opened).where(FieldChange.actor_id == user_id, FieldChange.at >= since).group_by(day)
    return {row[0]: int(row[1]) for row in session.execute(mine)}


def _day_of(session: Session, moment: Any) -> Any:  # noqa: ANN401 -- SQL
    """Return the day of a moment in UTC."""
    if session.get_bind().dialect.name == "sqlite":
        return type_coerce(func.date(moment), Date)
    return cast(func.timezone(cast("UTC", Text), moment), Date)


def _runs(session: Session, user_id: int, *, since: date) -> dict[date, list[ExportRun]]:
    mine = select(ExportRun).where(
        ExportRun.owner_id == user_id, ExportRun.created_at >= datetime.combine(since, time.min, tzinfo=UTC)
    )
    found: dict[date, list[ExportRun]] = {}
    for run in session.execute(mine).scalars():
        found.setdefault(run.read_on or run.created_at.date(), []).append(run)
    return found


def _day(on: date, opened: int, runs: list[ExportRun], limits: tuple[int, int]) -> Day:
    files = [run for run in runs if run.read_on is None]
    rows, read = (sum(run.taken_rows for run in each) for each in (files, [run for run in runs if run.read_on]))
    return Day(
        on,
        opened,
        read,
        len(files),
        rows,
        is_much_opened=opened > limits[0],
        is_much_taken=rows + read > limits[1],
        was_told=any(run.alarmed_at is not None for run in runs),
    )
