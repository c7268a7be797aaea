"""Bulk runs: chosen once, each record by the rules of its form, stopped, resumed, undone; nobody else's rows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import outbox
from app.errors import DomainError
from app.models.bulk_run import DELETE, UNDELETE, UNDO, BulkOutcome, BulkRow, BulkRun, BulkState
from app.models.history import FieldChange
from app.models.notification import Notification
from app.models.party import Party, PartyContact
from app.outbox import Outbox
from app.services import access, bulk, bulk_door
from app.services.bulk_row import Worker
from tests.factories import Made, user


@pytest.fixture
def context(app: Flask, session: Session) -> Iterator[None]:
    """Screens, whose doors are used, and a language."""
    with app.app_context():
        yield


def as_actor(session: Session, name: str) -> access.Actor:
    who = user(session, name)
    return access.actor_of(session, user_id=who.id, name=name, roles=[role.name for role in who.roles])


def started(session: Session, keys: list[int], name: str = "office", **about: Any) -> BulkRun:
    with access.acting(session, as_actor(session, name)):
        run = bulk.make(session, "party", keys, **about)
    session.commit()
    return run


def done(session: Session, run: BulkRun, pace: bulk.Pace | None = None) -> BulkRun:
    bulk.go(lambda: session, run.id, pace=pace)
    session.expire_all()
    return session.get_one(BulkRun, run.id)


def counts(run: BulkRun) -> tuple[BulkState, int, int, int, int]:
    return (run.state, run.done_rows, run.changed_rows, run.same_rows, run.refused_rows)


def parties(made: Made, count: int, **about: Any) -> list[Party]:
    found = [made.party(f"Bulk {place}", **({"country": "NL"} | about)) for place in range(count)]
    made.session.commit()
    return found


def reasons(session: Session, run: BulkRun) -> dict[int, str | None]:
    found = select(BulkRow.record_id, BulkRow.reason).where(
        BulkRow.run_id == run.id, BulkRow.outcome == BulkOutcome.refused
    )
    return {row.record_id: row.reason for row in session.execute(found)}


@pytest.mark.usefixtures("context")
def test_a_run_changes_what_differs_says_what_is_so_already_and_why_the_rest_is_refused(
    session: Session, made: Made
) -> None:
    plain, same, wrong = parties(made, 3)
    same.country, wrong.country, wrong.phone = "AM", "RU", "+74951234567"
    wrong.tax_number = "7707083893"
    session.commit()
    run = done(session, started(session, [plain.id, same.id, wrong.id], given={"country": "AM"}))
    assert counts(run) == (BulkState.done, 3, 1, 1, 1)
    assert (plain.country, same.country, wrong.country) == ("AM", "AM", "RU")
    (reason,) = reasons(session, run).values()
    assert reason is not None
    assert reason.startswith("Tax number: ")
    last = session.scalars(select(FieldChange).where(FieldChange.record_id == plain.id).order_by(FieldChange.id)).all()
    assert (last[-1].changes, last[-1].actor_id) == ({"country": ["NL", "AM"]}, user(session, "office").id)
    row = session.scalars(select(BulkRow).where(BulkRow.run_id == run.id, BulkRow.record_id == plain.id)).one()
    assert (row.before, row.after) == ({"country": "NL"}, {"country": "AM"})


@pytest.mark.usefixtures("context")
def test_undoing_puts_back_what_still_stands_and_leaves_what_somebody_has_changed_since(
    session: Session, made: Made
) -> None:
    one, other, third = parties(made, 3, source="Fair")
    given = {"source": "Web", "credit_limit": "100"}
    run = done(session, started(session, [one.id, other.id, third.id], given=given))
    assert counts(run) == (BulkState.done, 3, 3, 0, 0)
    other.source, third.source, third.credit_limit = "Letter", "Call", 5
    session.commit()
    with access.acting(session, as_actor(session, "office")):
        back = bulk.undo(session, session.get_one(BulkRun, run.id))
    session.commit()
    back = done(session, back)
    assert back.act == UNDO
    assert counts(back) == (BulkState.done, 3, 2, 0, 1)
    assert [(each.source, each.credit_limit) for each in (one, other, third)] == [
        ("Fair", None),
        ("Letter", None),
        ("Call", 5),
    ]
    assert reasons(session, back) == {third.id: "Changed since, and left as it is: Source, Credit limit"}
    with pytest.raises(DomainError, match="undone already"):
        bulk.undo(session, session.get_one(BulkRun, run.id))


@pytest.mark.usefixtures("context")
def test_a_verb_is_done_to_many_and_taken_back_by_the_one_that_undoes_it(session: Session, made: Made) -> None:
    one, other = parties(made, 2)
    other.archived_at = one.created_at
    session.commit()
    run = done(session, started(session, [one.id, other.id], act="archive"))
    assert counts(run) == (BulkState.done, 2, 1, 0, 1)
    assert list(reasons(session, run)) == [other.id]
    assert one.is_archived
    assert bulk.way_back(run) == "restore"
    with access.acting(session, as_actor(session, "office")):
        back = bulk.undo(session, session.get_one(BulkRun, run.id))
    session.commit()
    assert counts(done(session, back)) == (BulkState.done, 1, 1, 0, 0)
    assert (one.is_archived, other.is_archived) == (False, True)


@pytest.mark.usefixtures("context")
def test_a_link_is_set_to_a_record_and_put_back(session: Session, made: Made) -> None:
    before, after = user(session, "manager"), user(session, "manager2")
    found = parties(made, 2, owner="manager")
    run = done(session, started(session, [each.id for each in found], given={"owner_id": after.id}))
    assert [each.owner_id for each in found] == [after.id] * 2
    told = select(func.count()).select_from(Notification).where(Notification.user_id == after.id)
    assert session.scalar(told) == 2
    with access.acting(session, as_actor(session, "office")):
        back = bulk.undo(session, session.get_one(BulkRun, run.id))
    session.commit()
    done(session, back)
    assert [each.owner_id for each in found] == [before.id] * 2


@pytest.mark.usefixtures("context")
def test_a_run_of_many_tells_nobody_of_each(session: Session, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "QUIET_FROM", 1)
    found = parties(made, 2, owner="manager")
    after = user(session, "manager2").id
    done(session, started(session, [each.id for each in found], given={"owner_id": after}))
    assert [each.owner_id for each in found] == [after] * 2
    assert session.scalar(select(func.count()).select_from(Notification).where(Notification.user_id == after)) == 0
    assert not session.info["quiet"]


@pytest.mark.usefixtures("context")
def test_rows_out_of_reach_are_not_touched_when_the_run_begins_later(session: Session, made: Made) -> None:
    own, lost = parties(made, 2, owner="manager")
    run = started(session, [own.id, lost.id], name="manager", given={"source": "Web"})
    lost.owner = user(session, "manager2")
    session.commit()
    run = done(session, run)
    assert counts(run) == (BulkState.done, 2, 1, 0, 1)
    assert (own.source, lost.source) == ("Web", None)
    assert reasons(session, run) == {lost.id: "Not found, or you may not see it any more"}


@pytest.mark.usefixtures("context")
def test_who_has_lost_the_right_changes_nothing(session: Session, made: Made) -> None:
    (party,) = parties(made, 1)
    run = started(session, [party.id], given={"source": "Web"})
    user(session, "office").roles = []
    session.commit()
    run = done(session, run)
    assert (run.state, run.message, party.source) == (
        BulkState.failed,
        "Whoever started this may not do it any more",
        None,
    )


@pytest.mark.usefixtures("context")
def test_who_may_not_archive_cannot_do_so_by_a_run(session: Session, made: Made) -> None:
    (party,) = parties(made, 1, owner="manager")
    assert done(session, started(session, [party.id], name="manager", act="archive")).state is BulkState.failed
    assert not party.is_archived


class Killed(Exception):
    pass


def dying(after: int) -> Callable[[], None]:
    """Return a watch that dies before a portion, as a killed worker does."""
    seen = []

    def watch() -> None:
        seen.append(1)
        if len(seen) > after:
            raise Killed

    return watch


@pytest.mark.usefixtures("context")
def test_a_killed_run_goes_on_where_it_stopped_and_does_no_row_twice(
    session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PORTION", 2)
    found = parties(made, 5)
    run = started(session, [each.id for each in found], given={"source": "Web"})
    with pytest.raises(Killed):
        bulk.go(lambda: session, run.id, pace=bulk.Pace(watch=dying(after=1)))
    session.expire_all()
    assert counts(session.get_one(BulkRun, run.id)) == (BulkState.running, 2, 2, 0, 0)
    assert counts(done(session, run)) == (BulkState.done, 5, 5, 0, 0)
    changed = select(FieldChange.record_id).where(FieldChange.act == "change", FieldChange.entity == "party")
    assert sorted(session.scalars(changed)) == sorted(each.id for each in found)
    assert counts(done(session, run)) == (BulkState.done, 5, 5, 0, 0)


@pytest.mark.usefixtures("context")
def test_a_stopped_run_keeps_what_it_has_done_and_that_can_be_undone(
    session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PORTION", 2)
    found = parties(made, 5)
    run = started(session, [each.id for each in found], given={"source": "Web"})

    def stop() -> None:
        if session.scalar(select(BulkRun.done_rows).where(BulkRun.id == run.id)) == 2:
            with access.acting(session, access.SYSTEM):
                bulk.cancel(session, session.get_one(BulkRun, run.id), at=run.created_at)
        session.commit()

    run = done(session, run, bulk.Pace(watch=stop))
    assert counts(run) == (BulkState.cancelled, 2, 2, 0, 0)
    assert [each.source for each in found] == ["Web", "Web", None, None, None]
    with pytest.raises(DomainError, match="over already"):
        bulk.cancel(session, run, at=run.created_at)
    with access.acting(session, as_actor(session, "office")):
        back = bulk.undo(session, run)
    session.commit()
    assert counts(done(session, back)) == (BulkState.done, 2, 2, 0, 0)
    assert [each.source for each in found] == [None] * 5


@pytest.mark.usefixtures("context")
def test_somebody_elses_change_in_the_same_moment_is_not_overwritten_by_a_stale_record(
    session: Session, made: Made
) -> None:
    """The record is read again once, so that only the field of the run changes."""
    (party,) = parties(made, 1)
    run = started(session, [party.id], given={"source": "Web"})
    door = bulk_door.of("party")
    assert door is not None
    with access.acting(session, as_actor(session, "office")):
        worker = Worker(session, door, run, [party.id], at=run.created_at)
        table = Party.__table__
        theirs = {"legal_name": "Theirs", "version": table.c.version + 1}
        session.connection().execute(update(table).where(table.c.id == party.id).values(theirs))
        assert worker.do(party.id).outcome is BulkOutcome.changed
    session.commit()
    assert (party.source, party.legal_name) == ("Web", "Theirs")


@pytest.mark.usefixtures("context")
def test_too_many_or_no_records_are_refused_and_nothing_is_kept(
    session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    for keys, text in (([1, 2, 3], "At most 100,000"), ([], "no record")):
        with pytest.raises(DomainError, match=text), session.begin_nested():
            bulk.make(session, "party", keys, given={"source": "Web"})
    assert session.scalar(select(func.count()).select_from(BulkRun)) == 0


@pytest.mark.usefixtures("context")
def test_a_run_is_handed_to_the_worker_with_its_starter(session: Session, made: Made) -> None:
    (party,) = parties(made, 1)
    run = started(session, [party.id], given={"source": "Web"})
    bulk.queue(session, run, at=run.created_at, later=True)
    row = session.scalars(select(Outbox).where(Outbox.topic == bulk.TOPIC)).one()
    assert (row.record_id, row.actor_id, row.due_at) == (run.id, run.owner_id, run.created_at + outbox.LEASE)


@pytest.mark.usefixtures("context")
def test_a_portion_costs_a_few_statements_per_record(session: Session, made: Made, statements: list[str]) -> None:
    """A record costs its own change, its history and its place in the search; the rest is shared by the portion."""
    measured = {}
    for count in (10, 30):
        found = parties(made, count)
        run = started(session, [each.id for each in found], given={"source": "Web"})
        statements.clear()
        done(session, run)
        measured[count] = len(statements)
    assert (measured[30] - measured[10]) / 20 <= 3, measured


@pytest.mark.usefixtures("context")
def test_runs_of_long_ago_are_forgotten_and_what_they_did_stays(session: Session, made: Made) -> None:
    (party,) = parties(made, 1)
    old, new = (done(session, started(session, [party.id], given={"source": each})) for each in ("Web", "Fair"))
    assert old.ended_at is not None
    assert bulk.purge(session, at=old.ended_at + bulk.KEPT) == 0
    old.ended_at -= timedelta(days=1)
    session.commit()
    assert bulk.purge(session, at=old.ended_at + bulk.KEPT + timedelta(seconds=1)) == 1
    session.commit()
    session.expire_all()
    assert session.scalars(select(BulkRun.id)).all() == [new.id]
    assert session.scalars(select(BulkRow.run_id)).all() == [new.id]
    assert party.source == "Fair"


@pytest.mark.usefixtures("context")
def test_many_are_deleted_each_by_its_rules_and_come_back_together(session: Session, made: Made) -> None:
    one, other, needed = parties(made, 3)
    one.contacts = [PartyContact(name="Anna")]
    made.order(party=needed)
    session.commit()
    keys, names = [one.id, other.id, needed.id], {one.id: str(one), other.id: str(other)}
    run = done(session, started(session, keys, name="admin", act=DELETE))
    assert counts(run) == (BulkState.done, 3, 2, 0, 1)
    assert list(reasons(session, run)) == [needed.id]
    assert session.scalars(select(Party.id).where(Party.id.in_(keys))).all() == [needed.id]
    assert bulk.way_back(run) == UNDELETE
    with access.acting(session, as_actor(session, "admin")):
        back = bulk.undo(session, session.get_one(BulkRun, run.id))
    session.commit()
    back = done(session, back)
    assert (back.act, counts(back)) == (UNDELETE, (BulkState.done, 2, 2, 0, 0))
    found = {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(names)))}
    assert {key: str(party) for key, party in found.items()} == names
    assert [each.name for each in found[keys[0]].contacts] == ["Anna"]


@pytest.mark.usefixtures("context")
def test_who_may_not_delete_deletes_none(session: Session, made: Made) -> None:
    (one,) = parties(made, 1)
    run = done(session, started(session, [one.id], name="auditor", act=DELETE))
    assert (run.state, run.changed_rows, session.get(Party, one.id)) == (BulkState.failed, 0, one)
