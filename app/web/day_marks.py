"""What a calendar says of its days: holidays, and who is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.i18n import label_of, language
from app.models.team import UserProfile
from app.models.work_schedule import Absence, AbsenceKind
from app.services import access, working_time

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mark:
    """One thing that a day says: its text, and whether it is a holiday rather than somebody's absence."""

    text: str
    is_holiday: bool


def of(session: Session, first: date, last: date) -> Mapping[date, Sequence[Mark]]:
    """Return what is to be said of the days from the first to the last, both included."""
    actor = access.required(session)
    calendar = working_time.load(session, user_id=actor.user_id)
    found: dict[date, list[Mark]] = {}
    for ahead in range((last - first).days + 1):
        on = first + ahead * DAY
        name = calendar.holiday(on, language=language())
        if name:
            found.setdefault(on, []).append(Mark(name, is_holiday=True))
    for text, begins, ends in absences(session, first, last):
        on = max(begins, first)
        while on <= min(ends, last):
            found.setdefault(on, []).append(Mark(text, is_holiday=False))
            on += DAY
    return found


def absences(session: Session, first: date, last: date) -> list[tuple[str, date, date]]:
    """Return who of the reader's colleagues is away, in words, from when to when; why is for who notes absences.

    Colleagues are those of his own team and of the teams below it; who sees everything sees everybody.
    """
    actor = access.required(session)
    asked = (
        select(Absence.kind, Absence.begins_on, Absence.ends_on, User.first_name, User.last_name)
        .join(User, User.id == Absence.user_id)
        .where(Absence.begins_on <= last, Absence.ends_on >= first)
        .order_by(User.first_name, User.last_name, Absence.begins_on)
    )
    if not actor.sees_everything:
        teams = ({actor.team_id} | actor.team_ids | actor.below_ids) - {None}
        team = select(UserProfile.user_id).where(UserProfile.team_id.in_(sorted(each for each in teams if each)))
        asked = asked.where(Absence.user_id.in_(team) | (Absence.user_id == actor.user_id))
    is_told = actor.has(Absence.__stem__)
    found = []
    for row in session.execute(asked):
        name = f"{row.first_name} {row.last_name}".strip()
        why = label_of(row.kind if is_told else AbsenceKind.other)
        found.append((f"{name}: {why}", row.begins_on, row.ends_on))
    return found
