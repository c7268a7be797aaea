"""Keys by which machines call REST in a user's name: shown once, kept as a hash, with scopes and an end, revocable.

A key holds 256 random bits, so a fast hash of it is safe to keep and quick to compare.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import ApiKey, Group, User
from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session, joinedload

from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.models.api_key import ApiKeyNote
from app.models.history import Act
from app.roles import ADMIN
from app.services import audit, key_scope

PREFIX = "crm_"
LONGEST_NAME = 120
LONGEST = timedelta(days=365)
USUAL = timedelta(days=90)
GRACE = timedelta(hours=24)
USE_NOTED_EVERY = timedelta(minutes=1)


class Known(NamedTuple):
    """A key with what is noted about it."""

    key: ApiKey
    note: ApiKeyNote | None
    is_replaced: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """Return what it may do of what its owner may."""
        return key_scope.read(self.key.scopes)

    @property
    def ends_at(self) -> datetime | None:
        """Return when it ends, None for never."""
        return self.key.expires_on.replace(tzinfo=UTC) if self.key.expires_on is not None else None

    def is_live(self, at: datetime) -> bool:
        """Say whether REST takes it."""
        return bool(self.key.active) and self.key.revoked_on is None and (self.ends_at is None or self.ends_at > at)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)  # the framework's table has no time zone; ours is UTC


def make(
    session: Session,
    user: User,
    *,
    name: str,
    scopes: Collection[str],
    at: datetime,
    lasts: timedelta | None = USUAL,
) -> str:
    """Make a key for a user and return it: it can never be shown again.

    Raises DomainError for a missing name, for no scopes, and for a key without an end of somebody who is no
    administrator.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise DomainError(_("Give the key a name of at most %(most)s characters", most=LONGEST_NAME), field="name")
    if not scopes:
        raise DomainError(_("Choose what the key may do"), field="scopes")
    try:
        text = key_scope.written(scopes)
    except ValueError:
        raise DomainError(_("Choose one of the values that are offered"), field="scopes") from None
    if lasts is None and not may_last_for_ever(user):
        raise DomainError(_("Only a key of an administrator may last without an end"), field="lasts")
    if lasts is not None and not timedelta(0) < lasts <= LONGEST:
        raise DomainError(_("A key lasts for at most a year"), field="lasts")
    return _write(session, user.id, name=name, scopes=text, at=at, ends=at + lasts if lasts is not None else None)


def _write(
    session: Session,
    user_id: int,
    *,
    name: str,
    scopes: str,
    at: datetime,
    ends: datetime | None,
    after: int | None = None,
) -> str:
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        name=name,
        key_hash=_digest(secret),
        lookup_hash=_digest(secret),
        key_prefix=secret[: len(PREFIX) + 4],
        user_id=user_id,
        active=True,
        scopes=scopes,
        created_on=_naive(at),
        expires_on=_naive(ends) if ends is not None else None,
    )
    session.add(key)
    session.flush()
    session.add(ApiKeyNote(key_id=key.id, replaces_id=after))
    session.flush()
    username = session.execute(select(User.username).where(User.id == user_id)).scalar_one()
    _tell(session, user_id, username, {"made" if after is None else "replaced": [None, name]}, at=at)
    return secret


def may_last_for_ever(user: User) -> bool:
    """Say whether somebody may have keys without an end: an administrator, who sees and ends all of them."""
    return any(role.name == ADMIN for role in [*user.roles, *(role for group in user.groups for role in group.roles)])


def _tell(session: Session, user_id: int, username: str | None, changes: dict[str, list[Any]], *, at: datetime) -> None:
    """Tell the audit what was done with keys of an account; the key itself stands nowhere."""
    audit.note(session, Act.key, entity="user", record_id=user_id, name=username, changes=changes, at=at)


def owner(session: Session, key: str, *, at: datetime) -> ApiKey | None:
    """Return the live key with its active user, None for anything else."""
    wanted = (
        select(ApiKey)
        .where(ApiKey.lookup_hash == _digest(key), ApiKey.active.is_(True), ApiKey.revoked_on.is_(None))
        .options(
            joinedload(ApiKey.user).joinedload(User.roles),
            joinedload(ApiKey.user).joinedload(User.groups).joinedload(Group.roles),
        )
    )
    found = session.execute(wanted).unique().scalar_one_or_none()
    if found is None or not found.user.active or (found.expires_on is not None and found.expires_on <= _naive(at)):
        return None
    return found


def is_use_due(key: ApiKey, *, at: datetime) -> bool:
    """Say whether the moment of use should be written again: not with every call."""
    return key.last_used_on is None or _naive(at) - key.last_used_on > USE_NOTED_EVERY


def note_use(session: Session, key_id: int, *, at: datetime, address: str) -> None:
    """Write when and from where the key was used last; of calls at the same moment the first one writes."""
    due = or_(ApiKey.last_used_on.is_(None), ApiKey.last_used_on < _naive(at - USE_NOTED_EVERY))
    done = session.execute(update(ApiKey).where(ApiKey.id == key_id, due).values(last_used_on=_naive(at)))
    if done.rowcount:  # type: ignore[attr-defined]
        note_of(session, key_id).address = address


def tell_use(session: Session, key: ApiKey, *, at: datetime) -> None:
    """Tell the audit that a key is used, once an hour; to be called before `note_use`."""
    hour = _naive(at).replace(minute=0, second=0, microsecond=0)
    if key.last_used_on is None or key.last_used_on < hour:
        name, changes = key.user.username, {"used": [None, key.name]}
        by = {"actor_id": key.user_id, "actor_name": name[:64], "sign_in": f"key {key.id}"}
        audit.note(session, Act.sign_in, entity="user", record_id=key.user_id, name=name, changes=changes, at=at, **by)


def note_of(session: Session, key_id: int) -> ApiKeyNote:
    """Return what is noted about a key, beginning it for a key that was made before there were notes."""
    note = session.execute(select(ApiKeyNote).where(ApiKeyNote.key_id == key_id)).scalar_one_or_none()
    if note is None:
        note = ApiKeyNote(key_id=key_id)
        session.add(note)
    return note


def known(session: Session, *, user_id: int | None = None) -> list[Known]:
    """Return a user's keys, or everybody's, with what is noted about them, the newest first."""
    wanted = (
        select(ApiKey, ApiKeyNote)
        .outerjoin(ApiKeyNote, ApiKeyNote.key_id == ApiKey.id)
        .options(joinedload(ApiKey.user))
        .order_by(ApiKey.id.desc())
    )
    if user_id is not None:
        wanted = wanted.where(ApiKey.user_id == user_id)
    rows = session.execute(wanted).unique().all()
    replaced = {note.replaces_id for _key, note in rows if note is not None}
    return [Known(key, note, key.id in replaced) for key, note in rows]


def of_user(session: Session, user_id: int) -> list[ApiKey]:
    """Return a user's keys, the newest first."""
    return [each.key for each in known(session, user_id=user_id)]


def _found(session: Session, key_id: int, user_id: int | None) -> ApiKey:
    wanted = select(ApiKey).where(ApiKey.id == key_id) if key_id < 2**31 else None
    if wanted is not None and user_id is not None:
        wanted = wanted.where(ApiKey.user_id == user_id)
    found = session.execute(wanted).unique().scalar_one_or_none() if wanted is not None else None
    if found is None:
        raise NotFound(key_id)
    return found


def rotate(session: Session, key_id: int, *, user_id: int, at: datetime, at_once: bool) -> str:
    """Put a new secret in a key's place and return it; the old one ends at once, or in a day.

    Raises NotFound when he has no such key, DomainError when it has ended or was replaced before.
    """
    old = _found(session, key_id, user_id)
    follower = session.execute(select(ApiKeyNote.id).where(ApiKeyNote.replaces_id == old.id)).first()
    if not Known(old, None).is_live(at) or follower is not None:
        raise DomainError(_("This key has ended or was replaced; make a new one"))
    lasted = old.expires_on - old.created_on if old.expires_on is not None and old.created_on is not None else None
    if lasted is None and not may_last_for_ever(old.user):
        lasted = USUAL
    ends = at + min(lasted, LONGEST) if lasted is not None else None
    made = _write(session, user_id, name=old.name, scopes=old.scopes or "", at=at, ends=ends, after=old.id)
    if at_once:
        old.active, old.revoked_on = False, _naive(at)
    else:
        grace = _naive(at + GRACE)
        old.expires_on = min(old.expires_on, grace) if old.expires_on is not None else grace
    return made


def revoke(session: Session, key_id: int, *, user_id: int | None, at: datetime) -> ApiKey:
    """End a key of a user, or of anybody where no user is named, and return it; NotFound when there is no such key."""
    found = _found(session, key_id, user_id)
    if found.active:
        _tell(session, found.user_id, found.user.username, {"ended": [None, found.name]}, at=at)
    found.active, found.revoked_on = False, found.revoked_on or _naive(at)
    return found


def live_of(user_id: Any, *, at: datetime) -> ColumnElement[bool]:  # noqa: ANN401 -- a column
    """Return the condition that a user has a live key."""
    lasts = or_(ApiKey.expires_on.is_(None), ApiKey.expires_on > _naive(at))
    return exists().where(ApiKey.user_id == user_id, ApiKey.active.is_(True), ApiKey.revoked_on.is_(None), lasts)


def revoke_all(session: Session, user_id: int, *, at: datetime) -> None:
    """End every live key of a user: whoever knew his password may have made one."""
    ended: Any = session.execute(
        update(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_on.is_(None))
        .values(active=False, revoked_on=_naive(at))
    )
    if ended.rowcount:
        name = session.execute(select(User.username).where(User.id == user_id)).scalar()
        _tell(session, user_id, name, {"ended": [None, ended.rowcount]}, at=at)
