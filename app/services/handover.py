"""Hand-overs: everything of somebody given to others in one transaction, with one message to each, and taken back.

A plan is shown first (`services.handover_plan`); what is carried out is that very plan or nothing. Rows are written by
statements over many records: each says which owner and team it expects, so that a record that somebody has changed
meanwhile stops all of it; versions, history and what can be found are written with them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from app import outbox
from app.errors import Conflict, DomainError, NotAllowed
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.handover import HANDOVER_MOVES, Handover, HandoverLine, HandoverState, LineOutcome
from app.models.notification import NotificationKind
from app.services import access, find_index, handover_beside, history
from app.services import handover_kinds as kinds
from app.services import handover_people as people
from app.services import notification as notifications
from app.services.bulk_user import starter
from app.services.handover_plan import Move, Named, Plan, Wish, plan

T = TypeVar("T")
TOPIC = "handover.run"
AT_ONCE = 500  # records that are handed over while one waits; more go to the worker
PORTION = 500  # records of one statement
Group = tuple[str, int | None, int | None, int | None]  # kind, team before, new owner, new team


class PlanChanged(DomainError):
    """The plan is not the one that was looked at; `plan` is what would be done now, None where nobody looks."""

    def __init__(self, now: Plan | None = None) -> None:
        super().__init__(_("Something has changed since the preview. Nothing was handed over: look at it again."))
        self.plan = now


# --- giving -----------------------------------------------------------------------------------------------------------


def start(session: Session, wish: Wish, *, fingerprint: str, reason: str, at: datetime, named: Named = str) -> Handover:
    """Carry out a plan that was looked at: few records at once, more by the worker.

    Raises NotAllowed without the right, PlanChanged when the plan would be another one now, and what `plan` raises.
    """
    if not people.may(session, people.AREA, people.ADD):
        raise NotAllowed(f"{people.AREA}.{people.ADD}")
    handover_beside.require(session, wish)
    now = plan(session, wish, named=named)
    if now.fingerprint != fingerprint:
        raise PlanChanged(now)
    if not now.moves and not handover_beside.is_wished(wish):
        raise DomainError(_("There is nothing to hand over"))
    made = Handover(
        leaver_id=wish.leaver_id,
        strategy=wish.strategy,
        reason=_reason(reason),
        given=wish.kept(),
        fingerprint=fingerprint,
        total_rows=len(now.moves),
    )
    access.give_to_actor(session, made)
    session.add(made)
    session.flush()
    if len(now.moves) > AT_ONCE:
        outbox.enqueue(session, TOPIC, made.id, due_at=at, actor_id=access.required(session).user_id)
    else:
        _give(session, made, now, at=at)
    return made


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > Handover.reason.type.length:
        most = Handover.reason.type.length
        raise DomainError(_("Say why, in at most %(most)s characters", most=most), field="reason")
    return text


def _give(session: Session, made: Handover, now: Plan, *, at: datetime) -> None:
    """Write everything that a plan says; Conflict when a record is no longer as it was planned."""
    for some in _portions(now.moves):
        session.execute(insert(HandoverLine), [_line(made, one) for one in some])
    for (stem, team_id, to_id, to_team_id), keys in _grouped(now.moves):
        standing = _standing(stem, owner_id=made.leaver_id, team_id=team_id)
        for chunk in _portions(keys):
            done = _write(session, stem, chunk, standing, owner_id=to_id, team_id=to_team_id, at=at)
            if done != len(chunk):
                raise Conflict
            changes = _changes((made.leaver_id, to_id), (team_id, to_team_id), made.reason)
            history.note_many(session, stem, ((key, changes) for key in chunk))
    handover_beside.do(session, made, now.wish, at=at)
    counts: dict[int, int] = {}
    for (user_id, _stem), count in now.counts.items():
        counts[user_id] = counts.get(user_id, 0) + count
    said = {user_id: str(count) for user_id, count in counts.items()}
    by = access.required(session)
    notifications.tell_each(session, NotificationKind.assigned, made, said, at=at, by=by)
    move(HANDOVER_MOVES, made, HandoverState.done)
    made.done_rows, made.ended_at = made.total_rows, at
    session.flush()


def _portions(many: Sequence[T]) -> Iterator[Sequence[T]]:
    return (many[start : start + PORTION] for start in range(0, len(many), PORTION))


def _line(made: Handover, one: Move) -> dict[str, Any]:
    return {
        "handover_id": made.id,
        "entity": one.entity,
        "record_id": one.record_id,
        "from_owner_id": made.leaver_id,
        "from_team_id": one.team_id,
        "to_owner_id": one.to_id,
        "to_team_id": one.to_team_id,
        "outcome": LineOutcome.given,
    }


def _grouped(moves: Iterable[Move]) -> Iterator[tuple[Group, Sequence[int]]]:
    """Put records together that change in the same way."""
    found: dict[Group, list[int]] = {}
    for one in moves:
        found.setdefault((one.entity, one.team_id, one.to_id, one.to_team_id), []).append(one.record_id)
    yield from found.items()


def _standing(stem: str, *, owner_id: int | None, team_id: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions that a record still belongs to somebody and his team."""
    entity: Any = kinds.kinds()[stem]
    is_team = entity.team_id.is_(None) if team_id is None else entity.team_id == team_id
    return [entity.owner_id == owner_id, is_team]


def _write(
    session: Session,
    stem: str,
    keys: Collection[int],
    standing: Sequence[ColumnElement[bool]],
    *,
    owner_id: int | None,
    team_id: int | None,
    at: datetime,
) -> int:
    """Give records that stand as expected to somebody, and return how many there were."""
    entity: Any = kinds.kinds()[stem]
    given = {"owner_id": owner_id, "team_id": team_id, "version": entity.version + 1, "changed_at": at}
    asked = update(entity).where(entity.id.in_(keys), *standing).values(given)
    with access.everything(session, why="a hand-over writes what its plan has found over all rows"):
        done = session.execute(asked.execution_options(synchronize_session=False))
    find_index.give(session, stem, [*keys], owner_id=owner_id, team_id=team_id, at=at)
    return int(done.rowcount)  # type: ignore[attr-defined]


def _changes(
    owners: tuple[int | None, int | None], teams: tuple[int | None, int | None], why: str
) -> dict[str, list[Any]]:
    """Return what history says of one record: whose it was and is, and why."""
    found: dict[str, list[Any]] = {"owner_id": [*owners]}
    if teams[0] != teams[1]:
        found["team_id"] = [*teams]
    return found | {"handover": [None, why]}


# --- taking back ------------------------------------------------------------------------------------------------------


def why_not_undone(made: Handover) -> str | None:
    """Return why a hand-over cannot be taken back now, None when it can."""
    if made.state is not HandoverState.done:
        return _("Only what is handed over can be taken back")
    return None


def undo(session: Session, made: Handover, *, at: datetime) -> None:
    """Take a hand-over back: what nobody has changed since goes to its former owner and team.

    Raises NotAllowed without the right, NotFound when the former owner is out of reach, DomainError when it was taken
    back already or when his account is locked.
    """
    if not people.may(session, people.AREA, people.UNDO):
        raise NotAllowed(f"{people.AREA}.{people.UNDO}")
    people.leaver(people.reached(session), made.leaver_id)
    session.refresh(made, with_for_update=True)
    reason = why_not_undone(made)
    if reason is not None:
        raise DomainError(reason, field="state")
    handover_beside.refuse_locked(session, made)
    made.undone_by_id = access.required(session).user_id
    if made.total_rows > AT_ONCE:
        move(HANDOVER_MOVES, made, HandoverState.queued)
        made.undone_at, made.ended_at = at, None
        outbox.enqueue(session, TOPIC, made.id, due_at=at, actor_id=made.undone_by_id)
    else:
        _take_back(session, made, at=at)


def _take_back(session: Session, made: Handover, *, at: datetime) -> None:
    handover_beside.undo(session, made)
    lines = session.execute(
        select(HandoverLine.id, HandoverLine.entity, HandoverLine.record_id, HandoverLine.from_team_id,
               HandoverLine.to_owner_id, HandoverLine.to_team_id)
        .where(HandoverLine.handover_id == made.id, HandoverLine.outcome == LineOutcome.given)
        .order_by(HandoverLine.id)
    ).all()  # fmt: skip
    given = [Move(line.entity, line.record_id, line.from_team_id, line.to_owner_id, line.to_team_id) for line in lines]
    back = 0
    for group, keys in _grouped(given):
        for chunk in _portions(keys):
            back += _put_back(session, made, group, chunk, at=at)
    left = update(HandoverLine).where(HandoverLine.handover_id == made.id, HandoverLine.outcome == LineOutcome.given)
    session.execute(left.values(outcome=LineOutcome.left).execution_options(synchronize_session=False))
    made.left_rows = len(given) - back
    move(HANDOVER_MOVES, made, HandoverState.undone)
    made.undone_at, made.ended_at, made.message = at, at, None
    session.flush()


def _put_back(session: Session, made: Handover, group: Group, keys: Sequence[int], *, at: datetime) -> int:
    """Give some records back that still are as the hand-over has left them; return how many were."""
    stem, team_id, to_id, to_team_id = group
    if stem not in kinds.kinds():
        return 0
    entity: Any = kinds.kinds()[stem]
    standing = _standing(stem, owner_id=to_id, team_id=to_team_id)
    asked = select(entity.id).where(entity.id.in_(keys), *standing).with_for_update()
    with access.everything(session, why="a hand-over is taken back over all rows that it has written"):
        found = session.scalars(asked).all()
    if not found:
        return 0
    _write(session, stem, found, standing, owner_id=made.leaver_id, team_id=team_id, at=at)
    why = _("Taken back: %(reason)s", reason=made.reason)
    changes = _changes((to_id, made.leaver_id), (to_team_id, team_id), why)
    history.note_many(session, stem, ((key, changes) for key in found))
    done = update(HandoverLine).where(
        HandoverLine.handover_id == made.id, HandoverLine.entity == stem, HandoverLine.record_id.in_(found)
    )
    session.execute(done.values(outcome=LineOutcome.back).execution_options(synchronize_session=False))
    return len(found)


# --- in the background ------------------------------------------------------------------------------------------------


def begin(session: Session, handover_id: int, *, at: datetime) -> bool:
    """Say that a hand-over is being carried out or taken back; False when there is nothing to do."""
    made = access.get(session, Handover, handover_id)
    return made is not None and made.begin(at=at)


def go(session: Session, handover_id: int, *, at: datetime) -> None:
    """Carry out or take back a hand-over for whoever asked for it, with the rights that he has now.

    Raises NotAllowed, PlanChanged, Conflict or DomainError, and then nothing of it may be kept.
    """
    made = access.get(session, Handover, handover_id)
    if made is None or made.state is not HandoverState.running:
        return
    is_undo = made.undone_by_id is not None
    who = starter(session, made.undone_by_id if is_undo else made.owner_id)
    who.require(session, people.AREA, people.UNDO if is_undo else people.ADD)
    with access.acting(session, who.actor):
        if is_undo:
            handover_beside.refuse_locked(session, made)
            _take_back(session, made, at=at)
            return
        now = plan(session, Wish.read(made.given))
        if now.fingerprint != made.fingerprint:
            raise PlanChanged
        handover_beside.require(session, now.wish)
        _give(session, made, now, at=at)


def break_off(session: Session, handover_id: int, *, at: datetime, message: str) -> None:
    """Note why nothing came of a hand-over; one that was not taken back is what it was, and can be taken back again."""
    made = access.get(session, Handover, handover_id)
    if made is None or not made.is_under_way:
        return
    if made.undone_by_id is None:
        made.break_off(at=at, message=message)
        return
    move(HANDOVER_MOVES, made, HandoverState.done)
    made.undone_by_id = made.undone_at = None
    made.ended_at, made.message = at, message


# --- looking ----------------------------------------------------------------------------------------------------------


def counts(session: Session, handover_id: int, *, user_id: int | None = None) -> dict[tuple[int, str], dict[str, int]]:
    """Return how many records of each kind each receiver got, by what has become of them since."""
    asked = select(HandoverLine.to_owner_id, HandoverLine.entity, HandoverLine.outcome, func.count()).where(
        HandoverLine.handover_id == handover_id
    )
    if user_id is not None:
        asked = asked.where(HandoverLine.to_owner_id == user_id)
    columns = (HandoverLine.to_owner_id, HandoverLine.entity, HandoverLine.outcome)
    found: dict[tuple[int, str], dict[str, int]] = {}
    for to_id, stem, outcome, count in session.execute(asked.group_by(*columns).order_by(*columns)):
        found.setdefault((to_id or 0, stem), {})[outcome.value] = count
    return found


def lines(
    session: Session, handover_id: int, *, outcome: LineOutcome | None = None, after: int = 0, most: int = 100
) -> Sequence[HandoverLine]:
    """Return the records of a hand-over in their order, those behind one when it is named."""
    asked = select(HandoverLine).where(HandoverLine.handover_id == handover_id, HandoverLine.id > after)
    if outcome is not None:
        asked = asked.where(HandoverLine.outcome == outcome)
    return session.scalars(asked.order_by(HandoverLine.id).limit(most)).all()


def of_receiver(session: Session, handover_id: int, *, user_id: int) -> Handover | None:
    """Return a hand-over in which somebody got something, None for any other."""
    theirs = select(HandoverLine.handover_id).where(
        HandoverLine.handover_id == handover_id, HandoverLine.to_owner_id == user_id
    )
    with access.everything(session, why="who got something may read by whom and why"):
        return session.scalars(select(Handover).where(Handover.id.in_(theirs))).one_or_none()


def received(entity: type[Any], handover_id: int) -> ColumnElement[bool]:
    """Return the condition that a record of a kind changed hands in a hand-over."""
    keys = select(HandoverLine.record_id).where(
        HandoverLine.handover_id == handover_id, HandoverLine.entity == access.area_of(entity)
    )
    found: ColumnElement[bool] = entity.id.in_(keys)
    return found


__all__ = ["AT_ONCE", "PlanChanged", "Wish", "break_off", "go", "plan", "start", "undo"]
