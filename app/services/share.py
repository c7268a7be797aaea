"""One record shared with a colleague or a team: within their own rights they see it, or change it too, until a day.

Who shares must reach the record by his own rows: what is shared with somebody he does not pass on. Deleting and taking
away as a file are never shared.
"""

from datetime import date, datetime
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError, NotReached, Refusals
from app.i18n import gettext as _
from app.models.base import Entity, Owned
from app.models.notification import NotificationKind
from app.models.record_share import RecordShare, ShareLevel
from app.models.team import Team, UserProfile
from app.roles import ACT, CHANGE, SEE
from app.services import access, history, notification, policy, roles
from app.services.access import Actor

MOST = 500  # records that one person, or one team, is let into one by one; more is a matter of teams and owners
PERSON, GROUP = "share_user", "share_team"  # what a row of `rows` stands for


def share(
    session: Session,
    record: Entity,
    *,
    level: ShareLevel,
    user: User | None = None,
    team: Team | None = None,
    ends_on: date | None = None,
    at: datetime,
    by: Actor,
) -> None:
    """Share a record with a person or a team, change how, or share it no longer; who gets it is told.

    Raises Refusals at "user", "team", "level" or "ends_on"; NotReached for who has it only because it is shared.
    """
    _require_own(session, record)
    standing = session.scalars(select(RecordShare).where(_about(record))).all()
    before = _told(standing)
    row = next(
        (one for one in standing if (one.user_id, one.team_id) == (user and user.id, team and team.id)),
        None,
    )
    errors = _wrong(session, record, row, level=level, user=user, team=team, ends_on=ends_on)
    if errors:
        raise Refusals(errors)
    if level is ShareLevel.none:
        session.delete(row)
    else:
        row = row or RecordShare(entity=record.__stem__, record_id=record.id, user=user, team=team)
        row.may_change, row.ends_on = level is ShareLevel.change, ends_on
        session.add(row)
    session.flush()
    history.note(session, record, "shared_with", before, _told(of(session, record)))
    if level is not ShareLevel.none:
        people = [user.id] if user is not None else _members(session, team)
        notification.tell(session, NotificationKind.shared, record, people, at=at, by=by)


def of(session: Session, record: Entity) -> list[RecordShare]:
    """Return with whom a record is shared, also what has ended."""
    return list(session.scalars(select(RecordShare).where(_about(record)).order_by(RecordShare.id)))


def rows(record: Entity) -> Select[Any]:
    """Return with whom a record is shared now as rows of (what, number, word, colour), for a statement that asks more.

    Shape: `number` is the key of the person or the team; `colour` is "change" or "see" and the last day, if there is
    one: "see 2026-12-01".
    """
    today = clock.today()
    level = case((RecordShare.may_change, "change "), else_="see ")
    name = User.first_name.concat(" ").concat(User.last_name)
    told = (
        case((RecordShare.user_id.is_not(None), PERSON), else_=GROUP).label("what"),
        func.coalesce(RecordShare.user_id, RecordShare.team_id).label("number"),
        func.coalesce(name, Team.name).label("word"),
        level.concat(func.coalesce(cast(RecordShare.ends_on, String), literal(""))).label("colour"),
    )
    read = select(*told).select_from(RecordShare).outerjoin(User, User.id == RecordShare.user_id)
    found: Select[Any] = read.outerjoin(Team, Team.id == RecordShare.team_id).where(
        _about(record), or_(RecordShare.ends_on.is_(None), RecordShare.ends_on >= today)
    )
    return found


def _require_own(session: Session, record: Entity) -> None:
    if not isinstance(record, Owned) or not record.__is_shared__:
        raise DomainError(_("Such records are not shared one by one"))
    if not access.is_own(session, record, ACT):
        raise NotReached(f"{record.__stem__}.share")


def _wrong(
    session: Session,
    record: Entity,
    row: RecordShare | None,
    *,
    level: ShareLevel,
    user: User | None,
    team: Team | None,
    ends_on: date | None,
) -> dict[str, list[str]]:
    """Return what does not fit together, by field."""
    if (user is None) is (team is None):
        return {"user": [_("Choose either a person or a team")]}
    at = "user" if user is not None else "team"
    if level is ShareLevel.none:
        return {} if row is not None else {at: [_("It is not shared with them")]}
    errors = _of_person(session, record, user) if user is not None else {}
    if row is None and _count(session, user, team) >= MOST:
        errors[at] = [_("At most %(most)s records are shared with the same people: use teams and owners", most=MOST)]
    if ends_on is not None and ends_on < clock.today():
        errors["ends_on"] = [_("This day is past")]
    may_change = any(one.may(record.__stem__, CHANGE) for one in roles.own(session))
    if level is ShareLevel.change and not (may_change and access.is_own(session, record, CHANGE)):  # type: ignore[arg-type]
        errors["level"] = [_("You may not change this record yourself")]
    return errors


def _of_person(session: Session, record: Entity, user: User) -> dict[str, list[str]]:
    """Return what is against sharing a record with a person: he must be able to see such records at all."""
    if user.id == access.required(session).user_id:
        return {"user": [_("You have this record yourself")]}
    if not user.active:
        return {"user": [_("This account is locked")]}
    names = {role.name for role in [*user.roles, *(role for group in user.groups for role in group.roles)]}
    if not any(one.may(record.__stem__, SEE) for one in policy.of_roles(session, names).values()):
        return {"user": [_("This person's role does not see such records")]}
    return {}


def _count(session: Session, user: User | None, team: Team | None) -> int:
    whose = RecordShare.user_id == user.id if user is not None else RecordShare.team_id == (team.id if team else None)
    live = or_(RecordShare.ends_on.is_(None), RecordShare.ends_on >= clock.today())
    return int(session.execute(select(func.count()).select_from(RecordShare).where(whose, live)).scalar_one())


def _members(session: Session, team: Team | None) -> list[int]:
    """Return who is in a team, and its head."""
    if team is None:
        return []
    found = set(session.scalars(select(UserProfile.user_id).where(UserProfile.team_id == team.id)))
    return sorted(found | ({team.head_id} if team.head_id is not None else set()))


def _told(shares: list[RecordShare] | Any) -> str:  # noqa: ANN401 -- any sequence of rows
    """Return with whom a record is shared, in one line for its history."""
    words = []
    for one in shares:
        name = str(one.user or one.team)
        more = [*(["+"] if one.may_change else []), *([f"≤ {one.ends_on.isoformat()}"] if one.ends_on else [])]
        words.append(f"{name} ({', '.join(more)})" if more else name)
    return ", ".join(sorted(words))


def _about(record: Entity) -> ColumnElement[bool]:
    return and_(RecordShare.entity == record.__stem__, RecordShare.record_id == record.id)
