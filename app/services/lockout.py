"""Tries that fail cost time: a growing delay per name and per address, the same for known and unknown names.

A browser that has signed in to an account before (`device`) has its own count there: strangers who guess cannot keep
the owner out. Every try is written down before its password is looked at, so that many at once are counted too; what
is refused because of the delay is not looked at and counts for nothing. See ADR 13.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from app.errors import TooManyTries
from app.i18n import ngettext
from app.models.sign_in import LoginAttempt
from app.services import history

SIGN_IN, LINK = "sign_in", "link"
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=15)
BY_NAME = timedelta(days=1)  # for how long a failure of a name counts, and is kept
BY_ADDRESS = timedelta(hours=1)  # many people may share one
NAME_LENGTH = 254


class Limit(NamedTuple):
    """How many tries cost nothing: of a name, and of an address."""

    name: int
    address: int


LIMITS = {SIGN_IN: Limit(5, 30), LINK: Limit(3, 15)}


@dataclass(frozen=True, kw_only=True)
class Try:
    """Who tries what from where; `device` is "" for a browser that the account does not know."""

    name: str
    address: str
    device: str = ""
    kind: str = SIGN_IN


class Standing(NamedTuple):
    """How many tries of an account have failed and count, and until when strangers wait, None when nobody does."""

    tries: int
    until: datetime | None


def key(name: str) -> str:
    """Return a typed name as it is counted."""
    return " ".join(name.split()).casefold()[:NAME_LENGTH]


def delay(tries: int, free: int) -> timedelta:
    """Return how long one waits after so many failures: nothing, 30 seconds, then twice as long, at most 15 minutes."""
    if tries < free:
        return timedelta(0)
    doubled = min(tries - free, 10)  # 2 to the 10th is beyond the longest
    return min(FIRST_DELAY * (1 << doubled), LONGEST_DELAY)


def begin(session: Session, one: Try, *, at: datetime) -> int:
    """Write a try down, as one that fails, and return its key; to be committed before `settle`."""
    row = LoginAttempt(username=key(one.name), address=one.address, kind=one.kind, device=one.device, at=at)
    session.add(row)
    session.execute(delete(LoginAttempt).where(LoginAttempt.at < at - BY_NAME))
    session.flush()
    return row.id


def settle(session: Session, one: Try, begun: int, *, at: datetime) -> timedelta:
    """Return how long the try that `begun` names has to wait; one that waits is struck out."""
    until = _until(session, one, at=at, but=begun)
    if until is None or until <= at:
        return timedelta(0)
    session.execute(delete(LoginAttempt).where(LoginAttempt.id == begun))
    return until - at


def refusal(wait: timedelta) -> TooManyTries:
    """Return what somebody is told who must wait."""
    seconds = max(ceil(wait.total_seconds()), 1)
    minutes = ceil(seconds / 60)
    text = ngettext(
        "Too many tries. Try again in %(count)s minute.",
        "Too many tries. Try again in %(count)s minutes.",
        minutes,
        count=minutes,
    )
    return TooManyTries(text, seconds)


def succeeded(session: Session, one: Try, begun: int, user: User, *, at: datetime, also: Sequence[str] = ()) -> None:
    """Strike out a try that was right, and forgive the failures of the account that were counted with it.

    `also` are names that the company's directory has for the same person, and nobody else has here.
    """
    _forgive(session, [*_names(user), *map(key, also)], at=at, device=one.device)
    strike_out(session, begun)


def strike_out(session: Session, begun: int) -> None:
    """Take back a try that was right, but opened nothing."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.id == begun))


def lift(session: Session, user: User, *, at: datetime) -> None:
    """Let an account be tried again at once, from everywhere, and write it into its history."""
    found = standing(session, user, at=at).tries
    _forgive(session, _names(user), at=at)
    history.note(session, user, "failed_tries", found, 0)


def forgive(session: Session, user: User, *, at: datetime) -> None:
    """Forget what has failed of an account: its owner has a new password."""
    _forgive(session, _names(user), at=at)


def standing(session: Session, user: User, *, at: datetime) -> Standing:
    """Return how an account stands: failures of all browsers, and the longest delay of any."""
    counted = _counted(SIGN_IN, at).where(LoginAttempt.username.in_(_names(user)), LoginAttempt.forgiven_at.is_(None))
    rows = session.execute(
        counted.add_columns(LoginAttempt.username, LoginAttempt.device).group_by(
            LoginAttempt.username, LoginAttempt.device
        )
    ).all()
    ends = [row.last + delay(row.tries, LIMITS[SIGN_IN].name) for row in rows]
    until = max(ends, default=at)
    return Standing(sum(row.tries for row in rows), until if until > at else None)


def _names(user: User) -> Sequence[str]:
    return [key(name) for name in (user.username, user.email) if name]


def _forgive(session: Session, names: Sequence[str], *, at: datetime, device: str | None = None) -> None:
    wanted = select(LoginAttempt.id).where(
        LoginAttempt.kind == SIGN_IN, LoginAttempt.username.in_(names), LoginAttempt.forgiven_at.is_(None)
    )
    if device is not None:
        wanted = wanted.where(LoginAttempt.device == device)
    # somebody may sign in twice at once: all lock in the same order, and touch nothing else
    keys = session.scalars(wanted.order_by(LoginAttempt.id).with_for_update()).all()
    forgiving = update(LoginAttempt).where(LoginAttempt.id.in_(keys)).values(forgiven_at=at)
    session.execute(forgiving.execution_options(synchronize_session=False))


def _counted(kind: str, at: datetime, window: timedelta = BY_NAME) -> Select[int, datetime]:
    return select(func.count().label("tries"), func.max(LoginAttempt.at).label("last")).where(
        LoginAttempt.kind == kind, LoginAttempt.at > at - window
    )


def _until(session: Session, one: Try, *, at: datetime, but: int) -> datetime | None:
    limit = LIMITS[one.kind]
    by_name = _counted(one.kind, at).where(
        LoginAttempt.username == key(one.name), LoginAttempt.device == one.device, LoginAttempt.forgiven_at.is_(None)
    )
    counts = [(by_name, limit.name)]
    if not one.device:  # a stranger beside the owner, at the same address, must not keep him out either
        by_address = _counted(one.kind, at, BY_ADDRESS).where(LoginAttempt.address == one.address)
        counts.append((by_address.where(LoginAttempt.device == ""), limit.address))
    ends = []
    for counting, free in counts:
        row = session.execute(counting.where(LoginAttempt.id != but)).one()
        if row.tries >= free:
            ends.append(row.last + delay(row.tries, free))
    return max(ends, default=None)
