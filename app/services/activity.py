"""Notes about records: who sees a record may write and read them, their author alone changes or deletes them.

A mention is typed as `@username` and kept by the user's id, so that it shows the name that he has now.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from app.errors import Conflict, DomainError, NotAllowed
from app.i18n import gettext as _
from app.models.activity import Activity, ActivityKind, ActivityState, Mention
from app.models.base import Entity
from app.models.notification import NotificationKind
from app.services import access, colleague
from app.services import notification as notifications
from app.services.access import Actor
from app.services.text import is_blank, lines

LONGEST = 10_000
UNDONE_WITHIN = timedelta(days=30)
MENTION = re.compile(r"@\{(\d{1,18})\}")
_TYPED = re.compile(r"(?<![\w@.])@([^\s@,;:!?()<>«»\"]{1,128}(?:@[\w.-]+)?)")
_FIELD = "text"


def write(session: Session, record: Entity, *, text: str, by: Actor, at: datetime) -> Activity:
    """Write a note about a record; its author follows the record, and who should know of it is told.

    Raises DomainError at "text" when it is empty, too long, or mentions somebody who may not see the record.
    """
    if by.user_id is None:
        raise NotAllowed("activity")
    body, mentioned = _read(session, record, text)
    about = {"entity": record.__stem__, "record_id": record.id, "kind": ActivityKind.note, "state": ActivityState.done}
    note = Activity(**about, body=body, author_id=by.user_id, created_at=at)
    note.mentions = [Mention(user_id=user_id) for user_id in mentioned]
    session.add(note)
    session.flush()
    notifications.follow(session, record, user_id=by.user_id)
    _tell(session, record, note, mentioned, at=at, by=by)
    following = notifications.followers(session, record) - set(mentioned)
    notifications.tell(session, NotificationKind.note, record, following, at=at, by=by, activity=note)
    session.flush()
    return note


def edit(session: Session, note: Activity, record: Entity, *, text: str, version: int, by: Actor, at: datetime) -> None:
    """Change the text of one's own note; who is mentioned anew is told.

    Raises Conflict when it has changed since it was read, DomainError at "text" like `write`.
    """
    _refuse_others(note, by)
    if note.version != version:
        raise Conflict
    body, mentioned = _read(session, record, text)
    if body == note.body:
        return
    before = {mention.user_id: mention for mention in note.mentions}
    note.body, note.edited_at = body, at
    note.mentions = [before.get(user_id) or Mention(user_id=user_id) for user_id in mentioned]
    session.flush()
    _tell(session, record, note, [user_id for user_id in mentioned if user_id not in before], at=at, by=by)
    session.flush()


def remove(session: Session, note: Activity, *, by: Actor, at: datetime) -> None:
    """Delete one's own note; it can be brought back for thirty days."""
    _refuse_others(note, by)
    if note.deleted_at is None:
        note.deleted_at = at
    session.flush()


def restore(session: Session, note: Activity, *, by: Actor, at: datetime) -> None:
    """Bring back one's own deleted note. Raises DomainError when that is no longer possible."""
    _refuse_others(note, by)
    if note.deleted_at is not None and note.deleted_at <= at - UNDONE_WITHIN:
        raise DomainError(_("A note can be brought back for %(days)s days", days=UNDONE_WITHIN.days))
    note.deleted_at = None
    session.flush()


def forget(session: Session, *, at: datetime) -> int:
    """Delete for good what can no longer be brought back."""
    old = delete(Activity).where(Activity.deleted_at <= at - UNDONE_WITHIN)
    gone = session.execute(old.execution_options(synchronize_session=False))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def of(record: Entity, key: int) -> ColumnElement[bool]:
    """Return the condition for one note of a record."""
    about = and_(Activity.entity == record.__stem__, Activity.record_id == record.id)
    return and_(Activity.id == key, about, Activity.kind == ActivityKind.note)


def one(session: Session, record: Entity, key: int) -> Activity | None:
    """Return a note of a record, None when it is another record's."""
    if key >= 2**63:
        return None
    with access.everything(session, why="who reads a record reads its notes, which belong to nobody"):
        return session.execute(select(Activity).where(of(record, key))).scalar_one_or_none()


def readable(*, by: Actor, at: datetime) -> ColumnElement[bool]:
    """Return the condition for notes that stand, and for one's own that one can still bring back."""
    own = and_(Activity.author_id == by.user_id, Activity.deleted_at > at - UNDONE_WITHIN)
    return or_(Activity.deleted_at.is_(None), own)


def retyped(body: str, user_names: Mapping[int, str]) -> str:
    """Return a note as its author would type it, with the user names of those that it mentions."""
    return _named(body, user_names, "@{}".format)


def excerpt(body: str, names: Mapping[int, str], *, most: int = 140) -> str:
    """Return the beginning of a note in one line, with the names of those that it mentions."""
    text = " ".join(_named(body, names, "@{}".format).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _named(body: str, names: Mapping[int, str], form: Callable[[str], str]) -> str:
    def name(found: re.Match[str]) -> str:
        known = names.get(int(found[1]))
        return form(known) if known is not None else found[0]

    return MENTION.sub(name, body)


def _read(session: Session, record: Entity, text: str) -> tuple[str, list[int]]:
    """Return a typed text as it is kept, and the ids of those that it mentions."""
    body = lines(text, limit=LONGEST, field=_FIELD)
    if is_blank(body):
        raise DomainError(_("Write something first"), field=_FIELD)
    typed = {found[1]: _candidates(found[1]) for found in _TYPED.finditer(body)}
    known = colleague.by_user_name(session, {name for names in typed.values() for name in names})
    chosen = {word: user for word, names in typed.items() if (user := _first(names, known)) is not None}
    _refuse_strangers(session, record, list(chosen.values()))

    def kept(found: re.Match[str]) -> str:
        user = chosen.get(found[1])
        return found[0] if user is None else f"@{{{user.id}}}{found[1][len(user.username) :]}"

    return _TYPED.sub(kept, body), sorted({user.id for user in chosen.values()})


def _candidates(word: str) -> list[str]:
    """Return what of a word may be a user name: all of it first, then without the signs that end a sentence."""
    bare = word.rstrip(".'’”-–—…*_")
    return [word] if bare == word or not bare else [word, bare]


def _first(names: list[str], known: Mapping[str, User]) -> User | None:
    return next((known[name] for name in names if name in known), None)


def _refuse_strangers(session: Session, record: Entity, users: list[User]) -> None:
    seeing = colleague.who_see(session, record, {user.id for user in users})
    for user in users:
        if user.id not in seeing:
            raise DomainError(_("%(name)s may not see this record", name=str(user)), field=_FIELD)


def _refuse_others(note: Activity, by: Actor) -> None:
    if by.user_id is None or note.author_id != by.user_id:
        raise NotAllowed("activity.change")


def _tell(session: Session, record: Entity, note: Activity, mentioned: list[int], *, at: datetime, by: Actor) -> None:
    notifications.tell(session, NotificationKind.mention, record, mentioned, at=at, by=by, activity=note)
