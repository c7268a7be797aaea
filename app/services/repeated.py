"""What repeats is planned anew when it is done, on the days of who does it."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.activity import Activity, ActivityLink, ActivityState, Participant
from app.models.team import UserProfile
from app.search import search_text
from app.services import recurrence
from app.services.access import Actor


def zone_of(session: Session, user_id: int | None) -> ZoneInfo:
    """Return the time zone in which somebody's days begin."""
    theirs = select(UserProfile.time_zone).where(UserProfile.user_id == user_id)
    return ZoneInfo((session.execute(theirs).scalar() if user_id is not None else None) or "UTC")


def end_of_day(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the last minute of the day that a moment falls on."""
    return datetime.combine(at.astimezone(zone).date(), time(23, 59), zone)


def plan_again(session: Session, activity: Activity, *, by: Actor, at: datetime) -> Activity | None:
    """Plan the next one of what repeats: the first after now, and after the one that is done."""
    if activity.due_at is None or activity.recurrence is None:
        return None
    following = select(Activity.id).where(Activity.previous_id == activity.id).limit(1)
    if session.execute(following).first() is not None:
        return None  # it was done before, and reopened
    zone = zone_of(session, activity.owner_id)
    found = recurrence.next_after(activity.recurrence, activity.due_at, max(at, activity.due_at), zone)
    if found is None:
        return None
    due_at, rest = found
    made = Activity(
        **{
            name: getattr(activity, name)
            for name in (
                *("entity", "record_id", "kind", "direction", "subject", "body", "owner_id", "team_id"),
                *("is_all_day", "duration_minutes", "priority"),
            )
        },
        state=ActivityState.planned,
        author_id=by.user_id,
        created_at=at,
        due_at=due_at,
        recurrence=rest,
        previous_id=activity.id,
        remind_at=due_at - (activity.due_at - activity.remind_at) if activity.remind_at is not None else None,
        search_text=search_text([activity.subject or "", activity.body or ""]),
        participants=[Participant(user_id=one.user_id, contact_id=one.contact_id) for one in activity.participants],
        links=[ActivityLink(entity=one.entity, record_id=one.record_id) for one in activity.links],
    )
    session.add(made)
    session.flush()
    return made
