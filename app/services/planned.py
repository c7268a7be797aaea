"""What people plan and have done: tasks, calls, meetings, letters and messages; notes are services.activity.

An activity belongs to who does it. What is asked about activities, such as the next step of a record, stands in
services.next_step and is used from here.
"""

from collections.abc import Collection
from datetime import datetime
from typing import TypedDict, Unpack

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.activity import (
    ACTIVITY_MOVES,
    Activity,
    ActivityKind,
    ActivityLink,
    ActivityState,
    Direction,
    Participant,
    Priority,
)
from app.models.base import Entity, entity_of
from app.models.notification import NotificationKind
from app.models.team import UserProfile
from app.search import search_text
from app.services import access, recurrence, repeated
from app.services import notification as notifications
from app.services.access import Actor
from app.services.next_step import (
    about,
    coming,
    due_within,
    is_reached,
    next_of,
    overdue,
    with_overdue,
    without_next,
)
from app.services.repeated import end_of_day, zone_of
from app.services.text import line, lines

__all__ = [
    "Details",
    "about",
    "cancel",
    "coming",
    "due_within",
    "end_of_day",
    "finish",
    "finish_and_plan",
    "invite",
    "is_reached",
    "log",
    "next_of",
    "overdue",
    "plan",
    "postpone",
    "refuse_done",
    "remove",
    "reopen",
    "save",
    "with_overdue",
    "without_next",
    "zone_of",
]

LONGEST_SUBJECT, LONGEST_TEXT = 250, 10_000
LONGEST_MINUTES = 31 * 24 * 60


class Details(TypedDict, total=False):
    """What else may be said of an activity.

    `participants` are accounts, `contacts` rows of party_contact, `links` further records; units: minutes.
    """

    body: str | None
    is_all_day: bool
    duration_minutes: int | None
    direction: Direction | None
    priority: Priority
    remind_at: datetime | None
    recurrence: str | None
    participants: Collection[int]
    contacts: Collection[int]
    links: Collection[Entity]
    previous: Activity | None


# --- writing ----------------------------------------------------------------------------------------------------------


def plan(
    session: Session,
    record: Entity | None,
    *,
    kind: ActivityKind,
    subject: str,
    due_at: datetime | None,
    owner_id: int | None,
    by: Actor,
    at: datetime,
    **details: Unpack[Details],
) -> Activity:
    """Plan something, about a record or about none; whoever is to do it is told when somebody else has planned it.

    Raises DomainError at the field that is wrong.
    """
    made = _made(record, details, kind=kind, subject=subject, owner_id=owner_id, by=by, at=at)
    made.due_at, made.state = due_at, ActivityState.planned
    save(session, made)
    session.flush()
    if owner_id is not None and owner_id != by.user_id:
        notifications.tell(session, NotificationKind.assigned, made, [owner_id], at=at, by=by)
    return made


def log(
    session: Session,
    record: Entity | None,
    *,
    kind: ActivityKind,
    subject: str,
    result: str | None = None,
    by: Actor,
    at: datetime,
    **details: Unpack[Details],
) -> Activity:
    """Keep something that one has just done oneself."""
    made = _made(record, details, kind=kind, subject=subject, owner_id=by.user_id, by=by, at=at)
    made.state, made.done_at, made.due_at, made.result = ActivityState.done, at, at, result
    save(session, made)
    session.flush()
    return made


def _made(
    record: Entity | None,
    details: Details,
    *,
    kind: ActivityKind,
    subject: str,
    owner_id: int | None,
    by: Actor,
    at: datetime,
) -> Activity:
    stands = (record.__stem__, record.id) if record is not None else (None, None)
    previous = details.get("previous")
    return Activity(
        entity=stands[0],
        record_id=stands[1],
        kind=kind,
        subject=subject,
        body=details.get("body"),
        owner_id=owner_id,
        author_id=by.user_id,
        created_at=at,
        is_all_day=details.get("is_all_day", False),
        duration_minutes=details.get("duration_minutes"),
        direction=details.get("direction"),
        priority=details.get("priority", Priority.normal),
        remind_at=details.get("remind_at"),
        recurrence=details.get("recurrence"),
        previous_id=previous.id if previous is not None else None,
        participants=[
            *(Participant(user_id=each) for each in sorted(set(details.get("participants", ())))),
            *(Participant(contact_id=each) for each in sorted(set(details.get("contacts", ())))),
        ],
        links=[ActivityLink(entity=one.__stem__, record_id=one.id) for one in details.get("links", ())],
    )


def save(session: Session, activity: Activity) -> None:
    """Judge what is typed of an activity and add it to the session. Raises DomainError at its field."""
    with session.no_autoflush:
        _tidy(session, activity)
        if activity.team_id is None:
            owner_id = activity.owner.id if activity.owner is not None else activity.owner_id
            theirs = select(UserProfile.team_id).where(UserProfile.user_id == owner_id)
            activity.team_id = session.execute(theirs).scalar() if owner_id is not None else None
    session.add(activity)


def _tidy(session: Session, activity: Activity) -> None:
    activity.kind = activity.kind or ActivityKind.task
    if activity.kind is ActivityKind.note:
        raise DomainError(_("A note is written on the card of its record"), field="kind")
    if _is_new(activity) and activity.author_id is None:
        activity.author_id = access.required(session).user_id
    if _is_new(activity) and activity.done_at is None:
        activity.state = ActivityState.planned
    activity.subject = line(activity.subject or "", limit=LONGEST_SUBJECT, field="subject")
    if not activity.subject:
        raise DomainError(_("Say in a few words what is to be done"), field="subject")
    for name in ("body", "result"):
        setattr(activity, name, lines(getattr(activity, name) or "", limit=LONGEST_TEXT, field=name) or None)
    minutes = activity.duration_minutes
    if minutes is not None and not 0 <= minutes <= LONGEST_MINUTES:
        raise DomainError(_("Between no time at all and a month is possible"), field="duration_minutes")
    _about(session, activity)
    _moments(session, activity)
    activity.search_text = search_text([activity.subject, activity.body or "", activity.result or ""])


def _about(session: Session, activity: Activity) -> None:
    """Refuse a record that the actor does not see; what stood there before stays."""
    activity.entity = activity.entity or None
    if (activity.entity, activity.record_id) == (None, None):
        return
    if not _is_new(activity) and not _changed(activity, "entity", "record_id"):
        return
    entity = entity_of(activity.entity) if activity.entity else None
    if entity is None or activity.record_id is None or not access.required(session).has(entity.__stem__):
        raise DomainError(_("There is no such record"), field="record_id")
    if access.get(session, entity, activity.record_id) is None:
        raise DomainError(_("There is no such record"), field="record_id")


def _is_new(activity: Activity) -> bool:
    return not inspect(activity).has_identity


def _changed(activity: Activity, *names: str) -> bool:
    attributes = inspect(activity).attrs
    return any(attributes[name].history.has_changes() for name in names)


def _moments(session: Session, activity: Activity) -> None:
    if activity.is_all_day and activity.due_at is None:
        raise DomainError(_("Choose the day"), field="due_at")
    if activity.is_all_day and activity.due_at is not None and (_is_new(activity) or _changed(activity, "due_at")):
        activity.due_at = end_of_day(activity.due_at, zone_of(session, activity.owner_id))
    if activity.recurrence:
        activity.recurrence = recurrence.read(activity.recurrence)
        if activity.due_at is None:
            raise DomainError(_("What repeats needs a first day"), field="due_at")
    else:
        activity.recurrence = None
    if not _is_new(activity) and _changed(activity, "remind_at"):
        activity.reminded_at = None


# --- verbs ------------------------------------------------------------------------------------------------------------


def finish(
    session: Session, activity: Activity, *, result: str | None = None, by: Actor, at: datetime
) -> Activity | None:
    """Say that something is done and what came of it; what repeats is planned anew, and that one returned."""
    _refuse_note(activity)
    result = lines(result or "", limit=LONGEST_TEXT, field="result") or None
    move(ACTIVITY_MOVES, activity, ActivityState.done)
    activity.done_at, activity.result = at, result or activity.result
    activity.search_text = search_text([activity.subject or "", activity.body or "", activity.result or ""])
    session.flush()
    return repeated.plan_again(session, activity, by=by, at=at) if activity.recurrence else None


def finish_and_plan(
    session: Session,
    activity: Activity,
    *,
    result: str | None = None,
    next_kind: ActivityKind | None = None,
    next_subject: str | None = None,
    next_due_at: datetime | None = None,
    by: Actor,
    at: datetime,
) -> Activity | None:
    """Finish something and plan what follows about the same record, for the same person; return what is planned.

    Raises DomainError at "next_subject" when it is to be planned and nobody says what.
    """
    again = finish(session, activity, result=result, by=by, at=at)
    if next_kind is None and next_due_at is None and not (next_subject or "").strip():
        return again
    if not (next_subject or "").strip():
        raise DomainError(_("Say in a few words what is to be done"), field="next_subject")
    entity = entity_of(activity.entity) if activity.entity else None
    record = access.get(session, entity, activity.record_id) if entity is not None else None
    if activity.entity and record is None:
        raise DomainError(_("You do not see the record any more: plan nothing about it"), field="next_subject")
    return plan(
        session,
        record,
        kind=next_kind or activity.kind,
        subject=next_subject or "",
        due_at=next_due_at,
        owner_id=activity.owner_id,
        by=by,
        at=at,
        previous=activity,
    )


def invite(session: Session, activity: Activity, *, user: User, by: Actor, at: datetime) -> None:
    """Let a colleague take part: he sees it and is told."""
    refuse_done(activity)
    if user.id == activity.owner_id or any(one.user_id == user.id for one in activity.participants):
        raise DomainError(_("He takes part already"), field="user")
    activity.participants.append(Participant(user_id=user.id))
    session.flush()
    notifications.tell(session, NotificationKind.shared, activity, [user.id], at=at, by=by)


def cancel(
    session: Session,
    activity: Activity,
    *,
    by: Actor,  # noqa: ARG001 -- every verb is told who and when
    at: datetime,  # noqa: ARG001
    reason: str | None = None,
) -> None:
    """Say that something will not be done, and why."""
    _refuse_note(activity)
    reason = lines(reason or "", limit=LONGEST_TEXT, field="reason") or None
    move(ACTIVITY_MOVES, activity, ActivityState.cancelled)
    activity.result = reason or activity.result
    session.flush()


def reopen(session: Session, activity: Activity, *, by: Actor, at: datetime) -> None:  # noqa: ARG001 -- as `cancel`
    """Plan again what was done or cancelled."""
    _refuse_note(activity)
    move(ACTIVITY_MOVES, activity, ActivityState.planned)
    activity.done_at = None
    session.flush()


def postpone(
    session: Session,
    activity: Activity,
    *,
    due_at: datetime,
    by: Actor,  # noqa: ARG001 -- as `cancel`
    at: datetime,
) -> None:
    """Do it at another time; its reminder moves along. Raises DomainError at "due_at" for what is past."""
    refuse_done(activity)
    if activity.is_all_day:
        due_at = end_of_day(due_at, zone_of(session, activity.owner_id))
    if due_at < at:
        raise DomainError(_("This time is past already"), field="due_at")
    if activity.remind_at is not None and activity.due_at is not None:
        activity.remind_at = due_at - (activity.due_at - activity.remind_at)
        activity.reminded_at = None
    activity.due_at = due_at
    session.flush()


def refuse_done(activity: Activity) -> None:
    """Raise DomainError when there is nothing left to be done."""
    _refuse_note(activity)
    if activity.state is not ActivityState.planned:
        refuse(ACTIVITY_MOVES, activity, activity.state)


def _refuse_note(activity: Activity) -> None:
    if activity.kind is ActivityKind.note:
        raise NotAllowed("activity.act")


def remove(session: Session, activity: Activity) -> None:  # noqa: ARG001 -- a rule of deleting
    """Refuse to delete a note this way: its author does it where it stands."""
    _refuse_note(activity)
