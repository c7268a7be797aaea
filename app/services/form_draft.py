"""Drafts of forms: what was typed and is not saved yet, kept for its writer alone, bounded in size, number and age."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models.form_draft import FormDraft

LASTS = timedelta(days=30)
MOST_FIELDS = 5000
MOST_TEXT = 400_000  # characters of one form
MOST_PER_USER = 20
MOST_OFFERED = 3
LONGEST_PATH = 500
NEVER_KEPT = frozenset(
    {"csrf_token", "form_owner", "form_key", "draft_key", "draft_path", "draft_turn", "old", "new", "then"}
)
_SECRET = re.compile(r"passw|secret|token|passphrase|private", re.IGNORECASE)
_KEY = re.compile(r"[\w-]{16,43}", re.ASCII)

Fields = list[list[str]]


def is_key(text: str) -> bool:
    """Say whether a text can be the key of an opened form."""
    return _KEY.fullmatch(text) is not None


def worth_keeping(typed: Iterable[tuple[str, str]]) -> Fields:
    """Return the fields that a draft keeps: no secret and nothing that belongs to the page rather than its writer."""
    return [[name, text] for name, text in typed if name not in NEVER_KEPT and not _SECRET.search(name)][:MOST_FIELDS]


def keep(
    session: Session,
    *,
    user_id: int,
    key: str,
    path: str,
    fields: Fields,
    at: datetime,
    seen: int | None = None,
) -> FormDraft | None:
    """Keep what was typed into an opened form over what was kept of it before; None when it is too long.

    `seen` is the turn that the form knows of, None to write over any. Raises Conflict when another tab has kept a
    later one, or when the key is not the writer's.
    """
    if len(path) > LONGEST_PATH or sum(len(text) for _name, text in fields) > MOST_TEXT:
        return None
    draft = session.get(FormDraft, key)
    if draft is None:
        _make_room(session, user_id, at)
        draft = FormDraft(key=key, user_id=user_id, path=path, fields=fields, turn=1, created_at=at, changed_at=at)
        session.add(draft)
        return draft
    if draft.user_id != user_id or draft.path != path or (seen is not None and seen != draft.turn):
        raise Conflict
    draft.fields, draft.turn, draft.changed_at = fields, draft.turn + 1, at
    return draft


def _make_room(session: Session, user_id: int, at: datetime) -> None:
    """Forget what is too old, and of too many the oldest."""
    mine = select(FormDraft.key).where(FormDraft.user_id == user_id).order_by(FormDraft.changed_at.desc())
    stale = session.execute(mine).scalars().all()[MOST_PER_USER - 1 :]
    too_old = FormDraft.changed_at < at - LASTS
    session.execute(delete(FormDraft).where(FormDraft.user_id == user_id, too_old | FormDraft.key.in_(stale)))


def begun(user_id: int, path: str, *, at: datetime) -> Select[FormDraft]:
    """Return a user's drafts of a form's address, the latest first."""
    mine = (FormDraft.user_id == user_id, FormDraft.path == path, FormDraft.changed_at >= at - LASTS)
    return select(FormDraft).where(*mine).order_by(FormDraft.changed_at.desc()).limit(MOST_OFFERED)


def one(session: Session, *, user_id: int, key: str, path: str) -> FormDraft | None:
    """Return a draft if it is the user's and of this address."""
    draft = session.get(FormDraft, key) if is_key(key) else None
    return draft if draft is not None and (draft.user_id, draft.path) == (user_id, path) else None


def discard(session: Session, *, user_id: int, path: str, key: str = "") -> None:
    """Throw away one draft of an address, or all of them where no key is given."""
    mine = delete(FormDraft).where(FormDraft.user_id == user_id, FormDraft.path == path)
    session.execute(mine.where(FormDraft.key == key) if key else mine)


def forget(session: Session, *, at: datetime) -> None:
    """Throw away what nobody has gone on with for long."""
    session.execute(delete(FormDraft).where(FormDraft.changed_at < at - LASTS))
