"""The same creating request twice makes one record: the key is written first, in the same transaction."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, DomainError
from app.i18n import gettext as _
from app.models.idempotency import IdempotencyKey

KEPT = timedelta(days=30)
LONGEST = 200


def digest(about: object) -> str:
    """Return the SHA-256 of what a request asks for, whatever the order of its names."""
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()


def begin(session: Session, *, user_id: int, key: str, body_sha256: str, at: datetime) -> tuple[IdempotencyKey, bool]:
    """Write the key, or find it: return its row and whether the request was already done.

    Raises DomainError when the key came with another request before, Conflict when that one is still running.
    """
    if not key or len(key) > LONGEST:
        raise DomainError(_("An Idempotency-Key has 1 to %(most)s characters", most=LONGEST), field="Idempotency-Key")
    row = _standing(session, user_id, key)
    if row is None:
        row = IdempotencyKey(user_id=user_id, key=key, body_sha256=body_sha256, created_at=at)
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError:
            row = _standing(session, user_id, key)
            if row is None:
                raise Conflict from None
        else:
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < at - KEPT))
            return row, False
    if row.body_sha256 != body_sha256:
        raise DomainError(_("This Idempotency-Key was used for another request"), field="Idempotency-Key")
    if row.status is None:
        raise Conflict
    return row, True


def end(row: IdempotencyKey, *, status: int, answer: Any) -> None:  # noqa: ANN401 -- what JSON can hold
    """Keep what was answered, for the next time."""
    row.status, row.answer = status, answer


def _standing(session: Session, user_id: int, key: str) -> IdempotencyKey | None:
    wanted = select(IdempotencyKey).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    return session.execute(wanted).scalar_one_or_none()
