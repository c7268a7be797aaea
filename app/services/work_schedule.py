"""Rules of work schedules, holidays of the company and absences."""

import re
from itertools import pairwise

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.substitution import Substitution
from app.models.work_schedule import DAYS, Absence, CompanyHoliday, Hours, WorkSchedule
from app.services import substitution as substitutions

MIDNIGHT = 24 * 60
_SPAN = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*[-–—]\s*(\d{1,2})(?:[:.](\d{2}))?")


def save(session: Session, schedule: WorkSchedule) -> None:
    """Write the hours of each day the same way; the first schedule is the one for all.

    Raises Refusals at the day whose hours nobody can read, or that overlap.
    """
    errors: dict[str, list[str]] = {}
    schedule.name = " ".join((schedule.name or "").split())
    if not schedule.name:
        errors["name"] = [_("This field is required")]
    for day in DAYS:
        try:
            setattr(schedule, day, written(read(getattr(schedule, day) or "")) or None)
        except DomainError as refusal:
            errors[day] = [str(refusal)]
    if not errors and not any(getattr(schedule, day) for day in DAYS):
        errors["monday"] = [_("Somebody must work at some time: fill in the hours of a day")]
    if errors:
        raise Refusals(errors)
    with session.no_autoflush:
        others = select(WorkSchedule.id).where(WorkSchedule.is_default.is_(True), WorkSchedule.id != (schedule.id or 0))
        standing = session.execute(others).first()
        if schedule.is_default and standing is not None:
            given_up = update(WorkSchedule).where(WorkSchedule.id != (schedule.id or 0)).values(is_default=False)
            session.execute(given_up.execution_options(synchronize_session="evaluate"))
        schedule.is_default = bool(schedule.is_default) or standing is None
    session.add(schedule)


def read(text: str) -> list[Hours]:
    """Return the hours of a day as they are typed ("9-13, 14:00-18:30"). Raises DomainError."""
    found: list[Hours] = []
    for part in (each.strip() for each in text.replace(";", ",").split(",")):
        if not part:
            continue
        typed = _SPAN.fullmatch(part)
        if typed is None:
            raise DomainError(_("Write hours like 09:00-13:00, 14:00-18:00"))
        begin, end = _minute(typed[1], typed[2]), _minute(typed[3], typed[4])
        if begin >= end:
            raise DomainError(_("The end comes before the beginning"))
        found.append((begin, end))
    found.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(found)):
        raise DomainError(_("These hours overlap"))
    return found


def _minute(hour: str, minute: str | None) -> int:
    found = int(hour) * 60 + int(minute or 0)
    if found > MIDNIGHT or int(minute or 0) >= 60:  # noqa: PLR2004 -- minutes of an hour
        raise DomainError(_("Write hours like 09:00-13:00, 14:00-18:00"))
    return found


def written(hours: list[Hours]) -> str:
    """Return hours as a schedule keeps them."""
    return ", ".join("-".join(f"{at // 60:02}:{at % 60:02}" for at in span) for span in hours)


def remove(session: Session, schedule: WorkSchedule) -> None:
    """Refuse to delete the schedule of all."""
    if schedule.is_default:
        raise DomainError(_("Make another schedule the one for all first"))
    session.flush()


def save_holiday(session: Session, holiday: CompanyHoliday) -> None:
    """Refuse a second day of the company on the same date. Raises Refusals or DomainError at its field."""
    holiday.name = " ".join((holiday.name or "").split())
    lacking = [name for name in ("held_on", "name") if not getattr(holiday, name)]
    if lacking:
        raise Refusals({name: [_("This field is required")] for name in lacking})
    with session.no_autoflush:
        same = select(CompanyHoliday.id).where(
            CompanyHoliday.held_on == holiday.held_on, CompanyHoliday.id != (holiday.id or 0)
        )
        same = same.where(CompanyHoliday.country.is_not_distinct_from(holiday.country))
        if session.execute(same).first() is not None:
            raise DomainError(_("This day is noted already"), field="held_on")
    session.add(holiday)


# --- absences ---------------------------------------------------------------------------------------------------------


def save_absence(session: Session, absence: Absence) -> None:
    """Check an absence and keep who stands in for the person in step with its days.

    Raises Refusals for days in the wrong order, twice the same days, and people whom the actor does not lead.
    """
    lacking = [name for name in ("user", "kind", "begins_on", "ends_on") if getattr(absence, name) is None]
    if lacking:
        raise Refusals({name: [_("This field is required")] for name in lacking})
    with session.no_autoflush:
        errors = _wrong(session, absence)
        if errors:
            raise Refusals(errors)
        absence.note = (absence.note or "").strip() or None
        _stand_in(session, absence)
    session.add(absence)


def _wrong(session: Session, absence: Absence) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    led = substitutions.led_by_actor(session)
    if led is not None and absence.user.id not in led:
        errors["user"] = [_("Choose somebody of your own teams")]
    days = (absence.ends_on - absence.begins_on).days
    if days < 0:
        errors["ends_on"] = [_("The last day comes before the first")]
    elif days > substitutions.LONGEST_DAYS:
        errors["ends_on"] = [_("At most a year: who is away for longer hands his records over")]
    else:
        same = select(Absence.id).where(
            Absence.user_id == absence.user.id,
            Absence.begins_on <= absence.ends_on,
            Absence.ends_on >= absence.begins_on,
            Absence.id != (absence.id or 0),
        )
        if session.execute(same).first() is not None:
            errors["begins_on"] = [_("He is away on some of these days already")]
    return errors


def _stand_in(session: Session, absence: Absence) -> None:
    """Let the substitution that belongs to an absence say the same."""
    standing = absence.substitution
    if absence.substitute is None:
        absence.substitution = None
        if standing is not None:
            session.delete(standing)
        return
    standing = standing or Substitution()
    standing.absent, standing.substitute = absence.user, absence.substitute
    standing.begins_on, standing.ends_on, standing.note = absence.begins_on, absence.ends_on, absence.note
    substitutions.save(session, standing)
    absence.substitution = standing


def remove_absence(session: Session, absence: Absence) -> None:
    """Refuse to end what one could not have noted; who stood in for the person does so no more."""
    led = substitutions.led_by_actor(session)
    if led is not None and absence.user_id not in led:
        raise DomainError(_("Choose somebody of your own teams"))
    if absence.substitution is not None:
        standing, absence.substitution = absence.substitution, None
        session.flush()
        session.delete(standing)
