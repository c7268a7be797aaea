"""One record of a bulk run: changed, acted upon or put back behind a savepoint, so that a refusal costs nobody else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.errors import Conflict, DomainError, NotFound, NotReached, Refusals
from app.i18n import gettext as _
from app.models.bulk_run import DELETE, EDIT, UNDELETE, UNDO, BulkOutcome, BulkRow, BulkRun
from app.roles import ACT, CHANGE
from app.roles import DELETE as DELETION
from app.services import access
from app.services import bin as bins
from app.services.bulk_door import Door
from app.services.bulk_value import Targets, Values, standing

LONGEST = 2_000


@dataclass(frozen=True)
class Done:
    """What came of a record."""

    outcome: BulkOutcome
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """Return it as the row of the run keeps it."""
        return {"outcome": self.outcome, "reason": self.reason, "before": self.before, "after": self.after}


class Worker:
    """Does what a run asks for to some records, which are read together."""

    def __init__(self, session: Session, door: Door, run: BulkRun, keys: Sequence[int], *, at: datetime) -> None:
        self.session, self.door, self.at = session, door, at
        self.given: Values = run.given
        self.former: dict[int, tuple[Values, Values]] = {}
        self.batch = batch_of(run.id)
        if run.act == UNDELETE:
            gone = bins.of_batch(session, batch_of(run.undoes_id), keys)
            self.records: dict[int, Any] = {each.record_id: each for each in gone}
        else:
            self.records = door.records(session, keys, whole=run.act in {EDIT, UNDO, DELETE})
        if run.act == UNDO:
            self._act: Callable[[Any], Done] = self.put_back
            self.former = _former(session, run, keys)
            self.targets = Targets(session, door.entity, [before for before, _after in self.former.values()])
        elif run.act == EDIT:
            self._act = self.change
            self.targets = Targets(session, door.entity, [run.given])
        elif run.act == DELETE:
            self._act = self.delete
        elif run.act == UNDELETE:
            self._act = self.restore
        else:
            verb = door.verbs[run.act]
            self._act = lambda record: self._done(verb, record)

    def do(self, key: int) -> Done:  # noqa: PLR0911 -- one for each way it may end
        """Do it to one record; a record that somebody else has just changed is read again once."""
        try:
            try:
                return self._behind_savepoint(key)
            except StaleDataError:
                self.records |= self.door.records(self.session, [key], whole=True)
                return self._behind_savepoint(key)
        except NotFound:
            return _refused(_("Not found, or you may not see it any more"))
        except NotReached:
            return _refused(_("You see this record, but may not do this to it"))
        except (StaleDataError, Conflict):
            return _refused(_("Somebody else has just changed this record. Look at it and try again."))
        except (IntegrityError, DataError) as error:
            return _refused(str(self.door.explain(error)))
        except DomainError as refusal:
            return _refused(_texts(refusal, self.door))

    def _behind_savepoint(self, key: int) -> Done:
        record = self.records.get(key)
        if record is None:
            raise NotFound(key)
        with self.session.begin_nested():
            return self._act(record)

    def change(self, record: Any) -> Done:  # noqa: ANN401 -- any entity
        """Give a record the values of the run."""
        return self._store(record, self.given)

    def put_back(self, record: Any) -> Done:  # noqa: ANN401
        """Give a record its former values where those of the run still stand."""
        before, after = self.former.get(record.id, ({}, {}))
        now = standing(record, after)
        own = {name: before[name] for name in after if now[name] == after[name]}
        others = [name for name in after if now[name] not in (after[name], before[name])]
        changed = ", ".join(self.door.label(name) for name in others)
        text = _("Changed since, and left as it is: %(fields)s", fields=changed) if others else None
        if text is not None and not own:
            return _refused(text)
        done = self._store(record, own)
        return Done(done.outcome, text, done.before, done.after)

    def delete(self, record: Any) -> Done:  # noqa: ANN401
        """Move a record into the bin, from where the whole run can be taken back."""
        access.require(self.session, record, DELETION)
        if not self.door.may_edit(record):
            raise DomainError(_("This record can no longer be changed."))
        bins.take_away(self.session, record, rule=self.door.remove, at=self.at, batch=self.batch)
        return Done(BulkOutcome.changed)

    def restore(self, deleted: Any) -> Done:  # noqa: ANN401 -- what stands in the bin
        """Bring back what a run has deleted."""
        bins.restore(self.session, deleted, at=self.at)
        return Done(BulkOutcome.changed)

    def _store(self, record: Any, values: Values) -> Done:  # noqa: ANN401
        before = standing(record, values)
        if before == dict(values):
            return Done(BulkOutcome.same)
        access.require(self.session, record, CHANGE)
        if not self.door.may_edit(record):
            raise DomainError(_("This record can no longer be changed."))
        with self.session.no_autoflush:
            self.targets.put(record, values)
            if self.door.save is not None:
                self.door.save(self.session, record)
        self.session.flush()
        after = standing(record, values)
        if after == before:
            return Done(BulkOutcome.same)
        return Done(BulkOutcome.changed, None, before, after)

    def _done(self, verb: Callable[..., object], record: Any) -> Done:  # noqa: ANN401
        access.require(self.session, record, ACT)
        verb(self.session, record, self.at)
        self.session.flush()
        return Done(BulkOutcome.changed)


def batch_of(run_id: int | None) -> str:
    """Return the mark in the bin of what a run has deleted."""
    return f"bulk-run-{run_id}"


def _former(session: Session, run: BulkRun, keys: Sequence[int]) -> dict[int, tuple[Values, Values]]:
    """Return what stood in records before the run that is undone, and what it has set."""
    found = select(BulkRow.record_id, BulkRow.before, BulkRow.after).where(
        BulkRow.run_id == run.undoes_id, BulkRow.record_id.in_(keys)
    )
    return {row.record_id: (row.before or {}, row.after or {}) for row in session.execute(found)}


def _refused(text: str) -> Done:
    return Done(BulkOutcome.refused, text[:LONGEST])


def _texts(refusal: DomainError, door: Door) -> str:
    """Return a refusal in words, each text with the field that it belongs to."""
    if not isinstance(refusal, Refusals):
        return str(refusal)
    said = []
    for name, texts in refusal.errors.items():
        told = "; ".join(map(str, texts))
        said.append(f"{door.label(name)}: {told}" if name and "-" not in name else told)
    return "; ".join(said)
