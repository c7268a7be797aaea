"""Standing in for somebody who is away: whose rows one reaches besides one's own, and who may arrange it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.substitution import Substitution
from app.models.team import Team, UserProfile, subtree
from app.services import access, policy, roles

LONGEST_DAYS = 366
NEEDED = ("absent", "substitute", "begins_on", "ends_on")


def save(session: Session, substitution: Substitution) -> None:
    """Check what is about to be stored.

    Raises Refusals for days in the wrong order or too far apart, for one and the same person, and for people whom the
    actor does not lead; an administrator leads all.
    """
    lacking = [name for name in NEEDED if getattr(substitution, name) is None]
    if lacking:
        raise Refusals({name: [_("This field is required")] for name in lacking})
    absent, substitute, led = substitution.absent, substitution.substitute, led_by_actor(session)
    errors = _wrong(substitution)
    if led is not None:
        for name, person in (("absent", absent), ("substitute", substitute)):
            if person.id not in led:
                errors.setdefault(name, []).append(_("Choose somebody of your own teams"))
    if errors:
        raise Refusals(errors)
    substitution.note = (substitution.note or "").strip() or None
    session.add(substitution)


def _wrong(substitution: Substitution) -> dict[str, list[str]]:
    """Return what does not fit together."""
    errors: dict[str, list[str]] = {}
    if substitution.absent == substitution.substitute:
        errors["substitute"] = [_("Nobody stands in for himself")]
    elif not substitution.substitute.active:
        errors["substitute"] = [_("This account is locked")]
    days = (substitution.ends_on - substitution.begins_on).days
    if days < 0:
        errors["ends_on"] = [_("The last day comes before the first")]
    elif days > LONGEST_DAYS:
        errors["ends_on"] = [_("At most a year: who is away for longer hands his records over")]
    return errors


def led_by_actor(session: Session) -> set[int] | None:
    """Return the accounts whom the session's actor leads, himself included; None for everybody."""
    actor = access.required(session)
    if actor.user_id is None or policy.has_all(roles.own(session)):
        return None
    teams = session.execute(select(Team.id, Team.parent_id, Team.head_id)).all()
    headed = {team.id for team in teams if team.head_id == actor.user_id}
    below = subtree(teams, headed)
    found = session.execute(select(UserProfile.user_id).where(UserProfile.team_id.in_(sorted(below))))
    return {actor.user_id, *found.scalars()} if headed else set()


def remove(session: Session, substitution: Substitution) -> None:
    """Refuse to end what one could not have arranged."""
    led = led_by_actor(session)
    if led is not None and not {substitution.absent_id, substitution.substitute_id} <= led:
        raise DomainError(_("Choose somebody of your own teams"))
