"""Sealing the audit: rows that were committed are taken in batches and linked into one chain.

Whoever writes a row waits for nobody: a job seals a minute later what it finds, in the order of the rows' ids. A
transaction that commits late brings rows with lower ids; they come into a later seal, because a row names its seal. The
link is made like those of documents, with the key outside the database (services.chain).
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models.history import Act, AuditSeal, FieldChange
from app.services import audit, chain
from app.services.audit_digest import COVERED, digest, spans

BATCH = 1000
WAITS = timedelta(minutes=1)  # so that a quiet hour does not make a seal of every row
READ = tuple(
    getattr(FieldChange, name) for name in (*COVERED, "at", "changes", "name", "salt", "erasure", "seal_no", "sha256")
)


def rows_digest(digests: Sequence[str]) -> str:
    """Return the hash of the hashes of a seal's rows, in the order of their ids."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def link(key: bytes, seal: Any) -> str:  # noqa: ANN401 -- a seal or its row
    """Return the link of a seal: the HMAC over its place, the link before it, and what it covers."""
    made_at: datetime = seal.made_at
    covers = {
        "at": made_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "count": seal.count,
        "rows": seal.rows,
        "sha256": seal.rows_sha256,
    }
    return chain.link(
        key, series_id=0, position=seal.no, previous=seal.previous, of="audit", digest=chain.sha256(covers)
    )


def head(session: Session) -> tuple[int, str]:
    """Return number and link of the last seal, (0, "") when there is none."""
    last = session.execute(select(AuditSeal.no, AuditSeal.link).order_by(AuditSeal.no.desc()).limit(1)).first()
    return (last.no, last.link) if last is not None else (0, "")


def is_due(session: Session, *, at: datetime) -> bool:
    """Say whether rows wait for a seal, for long enough."""
    oldest = session.execute(
        select(FieldChange.at).where(FieldChange.seal_no.is_(None)).order_by(FieldChange.id).limit(1)
    ).scalar()
    return oldest is not None and (oldest <= at - WAITS or oldest > at)


def seal(session: Session, *, key: bytes, at: datetime, most: int = 100) -> int:
    """Seal the rows that wait, at most so many batches of them, and return how many rows were sealed.

    Two at once harm nobody: the number of a seal is unique, and who comes second leaves the rest to the next round.
    """
    sealed = 0
    for _turn in range(most):
        rows = session.execute(
            select(*READ).where(FieldChange.seal_no.is_(None)).order_by(FieldChange.id).limit(BATCH)
        ).all()
        if not rows:
            break
        try:
            with session.begin_nested():
                _seal(session, rows, key=key, at=at)
        except IntegrityError:
            break
        sealed += len(rows)
        if len(rows) < BATCH:
            break
    return sealed


def _seal(session: Session, rows: Sequence[Row[Any]], *, key: bytes, at: datetime) -> None:
    no, previous = head(session)
    digests = [digest(row) for row in rows]
    made = AuditSeal(
        no=no + 1,
        made_at=at,
        count=len(rows),
        rows=spans(row.id for row in rows),
        rows_sha256=rows_digest(digests),
        previous=previous,
    )
    made.link = link(key, made)
    session.add(made)
    session.flush()
    table: Any = FieldChange.__table__
    session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("key"), table.c.seal_no.is_(None))
        .values(seal_no=made.no, sha256=bindparam("digest")),
        [{"key": row.id, "digest": found} for row, found in zip(rows, digests, strict=True)],
    )


def cut(session: Session, *, at: datetime, years: int, most: int = 50) -> int:
    """Remove the rows of the oldest seals once all of a seal's rows are older than so many years; return how many.

    Whole seals go, from the oldest end, and the seals themselves stay: the chain is proved from the first one that
    still has rows.
    """
    before = at - timedelta(days=round(years * 365.25))
    removed = 0
    cut_off: list[int] = []
    for found in session.scalars(select(AuditSeal).where(AuditSeal.cut_at.is_(None)).order_by(AuditSeal.no)).all():
        newest = session.scalar(select(func.max(FieldChange.at)).where(FieldChange.seal_no == found.no))
        if found.made_at >= before or (newest is not None and newest >= before) or len(cut_off) == most:
            break
        found.cut_at = at
        session.flush()
        gone: Any = session.execute(
            delete(FieldChange).where(FieldChange.seal_no == found.no).execution_options(synchronize_session=False)
        )
        removed += gone.rowcount
        cut_off.append(found.no)
    if cut_off:
        what = {"seals": [None, spans(cut_off)], "rows": [None, removed]}
        audit.note(session, Act.cut, entity="audit", changes=what, at=at)
    return removed
