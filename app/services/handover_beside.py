"""What a hand-over does besides records: new heads, ended substitutions, a locked account; and the way back."""

from datetime import date, datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError, NotAllowed, Refusals
from app.i18n import gettext as _
from app.models.handover import Handover
from app.models.substitution import Substitution
from app.models.team import Team
from app.services import access
from app.services import api_key as api_keys
from app.services import handover_people as people
from app.services import sign_in as sign_ins
from app.services import user as users
from app.services.handover_plan import Wish

HEADS, ENDS, LOCKS = ("team", "change"), ("substitution", "change"), ("user", "change")  # the right that each needs


def is_wished(wish: Wish) -> bool:
    """Say whether anything besides records is asked for."""
    return wish.head_id is not None or wish.ends_substitutions or wish.locks


def require(session: Session, wish: Wish) -> None:
    """Raise NotAllowed for what the actor may not do without a hand-over, DomainError for locking oneself out."""
    wished = ((HEADS, wish.head_id is not None), (ENDS, wish.ends_substitutions), (LOCKS, wish.locks))
    for right, is_asked in wished:
        if is_asked and not people.may(session, *right):
            raise NotAllowed(".".join(right))
    if wish.locks and wish.leaver_id == access.required(session).user_id:
        raise DomainError(_("Nobody locks his own account"), field="locks")


def do(session: Session, made: Handover, wish: Wish, *, at: datetime) -> None:
    """Do what is asked for, and keep in the hand-over what the way back needs."""
    beside: dict[str, Any] = {}
    if wish.head_id is not None:
        beside["heads"] = _new_head(session, wish.leaver_id, wish.head_id)
    if wish.ends_substitutions:
        beside |= _end_substitutions(session, wish.leaver_id, on=clock.today())
    if wish.locks:
        _lock(session, wish, at=at)
        beside["locked"] = True
    made.beside = beside


def _new_head(session: Session, leaver_id: int, head_id: int) -> list[list[int]]:
    found = session.scalars(select(Team).where(Team.head_id == leaver_id).order_by(Team.id)).all()
    for team in found:
        team.head_id = head_id
    session.flush()
    return [[team.id, head_id] for team in found]


def substitutions_of(session: Session, user_id: int, *, on: date) -> list[Substitution]:
    """Return in which substitutions somebody is named that are not over on a day."""
    named = or_(Substitution.absent_id == user_id, Substitution.substitute_id == user_id)
    asked = select(Substitution).where(named, Substitution.ends_on >= on).order_by(Substitution.begins_on)
    return list(session.scalars(asked))


def _end_substitutions(session: Session, user_id: int, *, on: date) -> dict[str, Any]:
    """End what has begun with yesterday, and delete what has not."""
    ended: list[list[Any]] = []
    gone: list[dict[str, Any]] = []
    for one in substitutions_of(session, user_id, on=on):
        if one.begins_on < on:
            last = on - timedelta(days=1)
            ended.append([one.id, one.ends_on.isoformat(), last.isoformat()])
            one.ends_on = last
        else:
            days = {"begins_on": one.begins_on.isoformat(), "ends_on": one.ends_on.isoformat()}
            gone.append({"absent_id": one.absent_id, "substitute_id": one.substitute_id, "note": one.note} | days)
            session.delete(one)
    session.flush()
    return {"substitutions": ended, "ended": gone}


def _lock(session: Session, wish: Wish, *, at: datetime) -> None:
    user = session.get_one(User, wish.leaver_id)
    user.active, user.leaves_behind = False, wish.leaves_behind
    try:
        users.save(session, user)
    except Refusals as refusal:
        raise DomainError(refusal.text, field="locks") from None
    sign_ins.end_all(session, user.id, at=at)
    api_keys.revoke_all(session, user.id, at=at)


# --- the way back -----------------------------------------------------------------------------------------------------


def refuse_locked(session: Session, made: Handover) -> None:
    """Raise DomainError when records would go back to an account that is locked and cannot be opened with them."""
    user = session.get_one(User, made.leaver_id)
    opens = made.beside.get("locked") and people.may(session, *LOCKS)
    if not user.active and not opens:
        raise DomainError(_("The account of %(name)s is locked. Open it first.", name=str(user)), field="state")


def undo(session: Session, made: Handover) -> None:
    """Open the account again, and put back heads and substitutions that nobody has changed since."""
    user = session.get_one(User, made.leaver_id)
    if made.beside.get("locked") and not user.active:
        user.active = True
        users.save(session, user)
    for team_id, head_id in made.beside.get("heads", ()):
        team = session.get(Team, team_id)
        if team is not None and team.head_id == head_id:
            team.head_id = made.leaver_id
    _restore_substitutions(session, made, on=clock.today())
    session.flush()


def _restore_substitutions(session: Session, made: Handover, *, on: date) -> None:
    for key, former, ended in made.beside.get("substitutions", ()):
        one = session.get(Substitution, key)
        if one is not None and one.ends_on == date.fromisoformat(ended):
            one.ends_on = date.fromisoformat(former)
    for kept in made.beside.get("ended", ()):
        days = {name: date.fromisoformat(kept[name]) for name in ("begins_on", "ends_on")}
        if days["ends_on"] >= on:
            session.add(Substitution(**(kept | days)))


__all__ = ["do", "is_wished", "refuse_locked", "require", "substitutions_of", "undo"]
