"""What a bulk edit would do: counted in SQL, and tried on the first records, of which nothing is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, inspect, not_, select

from app.db import db, unit_of_work
from app.models.bulk_run import EDIT, BulkOutcome, BulkRun
from app.roles import CHANGE
from app.services import access, bulk
from app.services.bulk_row import Worker
from app.services.bulk_value import typed
from app.web.card import CardView

SHOWN = 10
ASKED = 1_000  # records that are asked one by one whether they may be edited


@dataclass(frozen=True)
class Sample:
    """One record: its name, and what stands in the changed columns before and after as safe HTML, or why it cannot."""

    key: int
    name: str
    before: Sequence[Any]
    after: Sequence[Any]
    reason: str | None


@dataclass
class Preview:
    """What would come of a bulk edit.

    Shape: `reasons` maps a text to how many records it holds for; `is_whole` says that every record was tried, else
    only `asked` of them were asked whether they may be edited.
    """

    total: int
    same: int = 0
    refused: int = 0
    asked: int = 0
    is_whole: bool = False
    reasons: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """Return how many records would change, as far as is known."""
        return max(self.total - self.same - self.refused, 0)


class _NothingKept(Exception):
    """Ends the trial: everything in it is rolled back."""


def preview(view: Any, selection: Any, given: dict[str, Any], names: Sequence[str], *, at: datetime, most: int) -> Any:
    """Say what giving these values to the selected records would do; up to `most` records are all tried."""
    total = count(view, selection)
    bulk.refuse_many(total)
    found = Preview(total, is_whole=total <= most)
    if not found.is_whole:
        found.same = count(view, selection.filter(_same(view.datamodel.obj, given)))
        selection = selection.filter(not_(_same(view.datamodel.obj, given)))
        _ask(view, selection, found)
    key = view.datamodel.get_pk()
    rows = selection.with_entities(key).order_by(None).order_by(key).limit(most if found.is_whole else SHOWN)
    _try(view, [row[0] for row in rows], given, names, found, at=at)
    return found


def count(view: Any, selection: Any) -> int:
    """Count the selected records, at most one more than a run may have."""
    keys = selection.with_entities(view.datamodel.get_pk()).order_by(None).limit(bulk.MOST + 1)
    return int(db.session.execute(select(func.count()).select_from(keys.subquery())).scalar_one())


def _same(entity: type[Any], given: dict[str, Any]) -> Any:
    columns = inspect(entity).columns
    return and_(*(columns[name].is_not_distinct_from(typed(columns[name], value)) for name, value in given.items()))


def _ask(view: Any, selection: Any, found: Preview) -> None:
    """Ask the first records whether their state lets them be edited; a view that refuses nothing is not asked."""
    if type(view).can_edit is CardView.can_edit and not access.is_narrower(db.session(), view.datamodel.obj, CHANGE):
        return
    records = selection.limit(ASKED).all()
    found.asked = len(records)
    found.refused = sum(not view.lets(CHANGE, record) for record in records)


def _try(
    view: Any, keys: Sequence[int], given: dict[str, Any], names: Sequence[str], found: Preview, *, at: datetime
) -> None:
    """Do it to some records as a run would, note what came of it, and roll everything back."""
    session = db.session()
    try:
        with unit_of_work(session):
            worker = Worker(session, view.door(), BulkRun(entity=view.stem, act=EDIT, given=given), keys, at=at)
            for key in keys:
                _try_one(view, worker, key, names, found)
            raise _NothingKept
    except _NothingKept:
        pass


def _try_one(view: Any, worker: Worker, key: int, names: Sequence[str], found: Preview) -> None:
    record = worker.records.get(key)
    if record is None:
        return
    name, before = str(record), [view.value(record, each) for each in names]
    done = worker.do(key)
    if found.is_whole:
        _tally(found, done.outcome, done.reason)
    if len(found.samples) < SHOWN and done.outcome is not BulkOutcome.same:
        after = [view.value(record, each) for each in names] if done.reason is None else []
        found.samples.append(Sample(key, name, before, after, done.reason))


def _tally(found: Preview, outcome: BulkOutcome, reason: str | None) -> None:
    found.same += outcome is BulkOutcome.same
    if outcome is BulkOutcome.refused:
        found.refused += 1
        found.reasons[reason or ""] = found.reasons.get(reason or "", 0) + 1
