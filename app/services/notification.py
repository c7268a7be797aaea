"""Notifications: who follows a record, who is told what, and what each has read.

Whoever writes about a record, owns it or asks to, follows it. Nobody is told of what he did himself, of a record that
he may not see, or of what he has switched off.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Select, delete, event, func, inspect, select, update
from sqlalchemy.orm import Session, UOWTransaction, joinedload, selectinload

from app import clock
from app.models.activity import Activity
from app.models.base import Entity, Owned
from app.models.notification import ALWAYS, Follower, Notification, NotificationKind, NotificationSetting
from app.outbox import Errand, Outbox
from app.services import access, colleague
from app.services import job as jobs
from app.services.access import Actor

MOST_COUNTED = 100  # the bell says 99+
KEPT = timedelta(days=180)
_STATE = "state"


# --- following --------------------------------------------------------------------------------------------------------


def follow(session: Session, record: Entity, *, user_id: int) -> None:
    """Let somebody be told about a record."""
    _note(session, record, user_id, is_following=True)


def unfollow(session: Session, record: Entity, *, user_id: int) -> None:
    """Tell somebody nothing more about a record, though he may own it."""
    _note(session, record, user_id, is_following=False)


def _note(session: Session, record: Entity, user_id: int, *, is_following: bool) -> None:
    about = select(Follower).where(
        Follower.entity == record.__stem__, Follower.record_id == record.id, Follower.user_id == user_id
    )
    row = session.execute(about).scalar_one_or_none()
    if row is None:
        row = Follower(entity=record.__stem__, record_id=record.id, user_id=user_id)
        session.add(row)
    row.is_following = is_following
    session.flush()


def followers(session: Session, record: Entity) -> set[int]:
    """Return the ids of those who follow a record."""
    about = select(Follower.user_id, Follower.is_following).where(
        Follower.entity == record.__stem__, Follower.record_id == record.id
    )
    noted = {row.user_id: row.is_following for row in session.execute(about)}
    owner_id = record.owner_id if isinstance(record, Owned) else None
    if owner_id is not None:
        noted.setdefault(owner_id, True)
    return {user_id for user_id, is_following in noted.items() if is_following}


# --- telling ----------------------------------------------------------------------------------------------------------


def tell(
    session: Session,
    kind: NotificationKind,
    record: Entity,
    user_ids: Collection[int],
    *,
    at: datetime,
    by: Actor | None = None,
    activity: Activity | None = None,
    said: str | None = None,
) -> list[int]:
    """Tell people something about a record and return whom; the next flush writes it.

    What is no activity stands once until it is read: then only its moment moves.
    """
    asked = set(user_ids) - {by.user_id if by is not None else None}
    wanted = asked - _switched_off(session, kind, asked)
    seeing = colleague.who_see(session, record, wanted)
    about: dict[str, Any] = {"kind": kind, "entity": record.__stem__, "record_id": record.id}
    values = {"by_id": by.user_id if by is not None else None, "said": said, "made_at": at}
    _write(session, about, values, seeing, activity)
    return sorted(seeing)


def tell_each(
    session: Session,
    kind: NotificationKind,
    about: Entity,
    said: Mapping[int, str],
    *,
    at: datetime,
    by: Actor,
) -> None:
    """Tell people something, each in words of his own ({7: "12"}), about what they need no right to see."""
    asked = set(said) - {by.user_id}
    for user_id in sorted(asked - _switched_off(session, kind, asked)):
        told = {"kind": kind, "entity": about.__stem__, "record_id": about.id, "said": said[user_id]}
        session.add(Notification(user_id=user_id, by_id=by.user_id, made_at=at, **told))


def tell_of(
    session: Session, kind: NotificationKind, entity: str, record_id: int, user_ids: Collection[int], *, at: datetime
) -> None:
    """Tell people something about what is theirs and no record of the business, such as a key."""
    wanted = set(user_ids) - _switched_off(session, kind, user_ids)
    about: dict[str, Any] = {"kind": kind, "entity": entity, "record_id": record_id}
    _write(session, about, {"by_id": None, "said": None, "made_at": at}, wanted, None)


def _switched_off(session: Session, kind: NotificationKind, user_ids: Collection[int]) -> set[int]:
    if not user_ids or kind in ALWAYS:
        return set()
    off = select(NotificationSetting.user_id).where(
        NotificationSetting.user_id.in_(user_ids),
        NotificationSetting.kind == kind,
        NotificationSetting.is_wanted.is_(False),
    )
    return set(session.execute(off).scalars())


def _write(
    session: Session, about: dict[str, Any], values: dict[str, Any], user_ids: set[int], activity: Activity | None
) -> None:
    if not user_ids:
        return
    same = [getattr(Notification, name) == value for name, value in about.items()]
    if activity is None:
        same += [Notification.activity_id.is_(None), Notification.read_at.is_(None)]
    else:
        same.append(Notification.activity_id == activity.id)
    standing = session.execute(
        select(Notification.user_id, Notification.id).where(Notification.user_id.in_(user_ids), *same)
    ).all()
    for user_id in sorted(user_ids - {row.user_id for row in standing}):
        session.add(Notification(user_id=user_id, activity_id=activity.id if activity else None, **about, **values))
    if standing and activity is None:  # a statement, since a flush forgets what its listeners change of records
        again = update(Notification).where(Notification.id.in_([row.id for row in standing])).values(values)
        session.execute(again.execution_options(synchronize_session="evaluate"))


def job_failed(session: Session, job_id: int, *, at: datetime) -> None:
    """Tell who has started a job, at the record that it is about, that it has failed for good."""
    job = session.get(Outbox, job_id)
    record = jobs.record_of(session, job) if job is not None and job.state is Errand.failed else None
    if job is not None and job.actor_id is not None and record is not None:
        tell(session, NotificationKind.job_failed, record, [job.actor_id], at=at, said=job.topic)


# --- what the session has changed -------------------------------------------------------------------------------------


def _after_flush(session: Session, _context: UOWTransaction) -> None:
    """Tell a new owner what is his, and followers what moved, when a person did it; imports and jobs tell nothing.

    A new record is nobody's news: a document takes the owner of the one that it is made from. A bulk run of many
    records is "quiet": nobody reads a notification of each.
    """
    changed = [] if session.info.get("quiet") else [one for one in session.dirty if _may_tell(one)]
    by = access.current(session) if changed else None
    if by is None or by.user_id is None:
        return
    at = clock.now()
    for record in changed:
        owner_id = _new(record, "owner_id")
        if owner_id is not None:
            tell(session, NotificationKind.assigned, record, [owner_id], at=at, by=by)
        state = _new(record, _STATE)
        if state is not None:
            said = str(state.value if isinstance(state, Enum) else state)
            following = followers(session, record) - {owner_id}
            tell(session, NotificationKind.change_of_state, record, following, at=at, by=by, said=said)


def _may_tell(record: object) -> bool:
    return isinstance(record, Entity) and isinstance(record, Owned) and not getattr(record, "__unrecorded__", False)


def _new(record: Any, name: str) -> Any:  # noqa: ANN401 -- a column's value
    """Return what a column has just become, None when it has not changed."""
    state: Any = inspect(record)
    if name not in state.mapper.columns:
        return None
    history = state.attrs[name].history
    return history.added[0] if history.added and history.added != history.deleted else None


def install() -> None:
    """Tell people in every session of the process; calling it again changes nothing."""
    if not event.contains(Session, "after_flush", _after_flush):
        event.listen(Session, "after_flush", _after_flush)


# --- reading ----------------------------------------------------------------------------------------------------------


def unread(session: Session, user_id: int) -> int:
    """Return how many notifications somebody has not read; a hundred stands for that and more."""
    some = select(Notification.id).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return int(session.execute(select(func.count()).select_from(some.limit(MOST_COUNTED).subquery())).scalar_one())


def of(user_id: int, *, before: int | None = None) -> Select[Notification]:
    """Return somebody's notifications, the newest first, those before one when it is named."""
    found = select(Notification).where(Notification.user_id == user_id)
    if before is not None:
        found = found.where(Notification.id < before)
    named = [joinedload(Notification.by), selectinload(Notification.activity)]  # a note is cut by its record alone
    return found.options(*named).order_by(Notification.id.desc())


def read(session: Session, key: int, *, user_id: int, at: datetime) -> Notification | None:
    """Mark one of somebody's notifications as read and return it, None when it is not his."""
    own = select(Notification).where(Notification.id == key, Notification.user_id == user_id)
    found = session.execute(own).scalar_one_or_none()
    if found is not None and found.read_at is None:
        found.read_at = at
    return found


def read_all(session: Session, *, user_id: int, at: datetime) -> int:
    """Mark all of somebody's notifications as read and return how many were not."""
    rest = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    done = session.execute(rest.values(read_at=at).execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]


def forget(session: Session, *, at: datetime) -> int:
    """Delete what was read long ago."""
    old = delete(Notification).where(Notification.read_at.is_not(None), Notification.made_at < at - KEPT)
    gone = session.execute(old.execution_options(synchronize_session=False))
    return int(gone.rowcount)  # type: ignore[attr-defined]


# --- settings ---------------------------------------------------------------------------------------------------------


def wanted(session: Session, user_id: int) -> set[NotificationKind]:
    """Return the kinds of notification that somebody wants."""
    off = select(NotificationSetting.kind).where(
        NotificationSetting.user_id == user_id, NotificationSetting.is_wanted.is_(False)
    )
    return set(NotificationKind) - (set(session.execute(off).scalars()) - ALWAYS)


def want(session: Session, kinds: Iterable[NotificationKind], *, user_id: int) -> None:
    """Keep which kinds of notification somebody wants, and no others."""
    chosen = set(kinds) | ALWAYS
    rows = {
        row.kind: row
        for row in session.scalars(select(NotificationSetting).where(NotificationSetting.user_id == user_id))
    }
    for kind in NotificationKind:
        row = rows.get(kind)
        if row is None:
            session.add(NotificationSetting(user_id=user_id, kind=kind, is_wanted=kind in chosen))
        else:
            row.is_wanted = kind in chosen
    session.flush()
