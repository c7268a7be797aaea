"""Reminders of what is planned: each is told once, in the program and, to who wishes it, by mail.

A reminder is taken by one UPDATE that finds it untold; the same transaction tells it. A worker that dies has told
nothing, and two that look at once never tell the same. The mail says neither what is to be done nor with whom: whoever
sees letters would read it; that stands in the program.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language, label_of
from app.models.activity import Activity, ActivityState
from app.models.notification import NotificationKind
from app.models.organisation import Organisation
from app.models.suppression import ContactKind
from app.models.team import UserProfile
from app.services import letter_writing as writing
from app.services import notification as notifications

MOST_AT_ONCE = 100
PURPOSE = "reminder"


def remind(session: Session, *, at: datetime) -> int:
    """Tell people what they wanted to be reminded of by now, and return how many reminders were told."""
    waiting = [Activity.state == ActivityState.planned, Activity.reminded_at.is_(None), Activity.remind_at <= at]
    keys = session.scalars(
        select(Activity.id).where(*waiting).order_by(Activity.remind_at, Activity.id).limit(MOST_AT_ONCE)
    ).all()
    told = 0
    for key in keys:
        take = update(Activity).where(Activity.id == key, *waiting)
        taken = session.execute(
            take.values(reminded_at=at, changed_at=Activity.changed_at).execution_options(synchronize_session=False)
        )
        if not taken.rowcount:  # type: ignore[attr-defined]
            continue  # somebody else was quicker, or it was done meanwhile
        _tell(session, session.get_one(Activity, key, populate_existing=True), at=at)
        told += 1
    return told


def _tell(session: Session, activity: Activity, *, at: datetime) -> None:
    people = {activity.owner_id, *(one.user_id for one in activity.participants)} - {None}
    who = notifications.tell(
        session, NotificationKind.reminder, activity, [each for each in people if each is not None], at=at
    )
    if who:
        _mail(session, activity, who, at=at)


def _mail(session: Session, activity: Activity, user_ids: list[int], *, at: datetime) -> None:
    """Write a letter to those who want one; where no letter can be sent, the program alone has told them."""
    us = session.scalars(select(Organisation).order_by(Organisation.id).limit(1)).first()
    wanting = (
        select(User, UserProfile)
        .join(UserProfile, UserProfile.user_id == User.id)
        .where(User.id.in_(user_ids), UserProfile.reminders_by_mail.is_(True))
        .order_by(User.id)
    )
    for user, profile in session.execute(wanting).unique().all():
        if us is None or not user.email:
            continue
        with in_language(profile.language):
            kind = label_of(activity.kind)
            zone = ZoneInfo(profile.time_zone)
            due = format_datetime(activity.due_at or at, "short", tzinfo=zone, locale=profile.language)
            subject = _("Reminder: %(what)s, %(when)s", what=kind, when=due)
            body = _("You wanted to be reminded of this. What it is about stands in the program under “My day”.")
        try:
            writing.write(
                session,
                organisation=us,
                party=None,
                to_address=user.email,
                to_name=str(user),
                subject=subject,
                body=body,
                language=profile.language,
                entity=Activity.__stem__,
                record_id=activity.id,
                purpose=PURPOSE,
                kind=ContactKind.transactional,
                belongs_with=activity,
                at=at,
                by=None,
            )
        except DomainError:
            continue
