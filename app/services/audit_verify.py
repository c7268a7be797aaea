"""The proof of the audit: every sealed row is there and says what it said, and the seals are one chain.

It finds rows that were changed, taken away or slipped in, seals that were exchanged or made without the key, rows that
nobody seals, and entries that were dated back; a tail that was cut off is found by the anchors (services.verify).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.history import Act, AuditSeal, Channel, FieldChange
from app.services import audit_seal as seals
from app.services.audit_digest import GONE, NAME, digest, named, spans
from app.services.verify import ProblemKind, Report

SLOWEST = timedelta(days=1)  # no transaction lives longer, and no worker may be silent longer
LEAST_KEPT = timedelta(days=365)
_SEALS = 20  # whose rows are read at once


def verify(session: Session, *, key: bytes, at: datetime, report: Report) -> Report:
    """Check all rows and seals of the audit and add what is wrong to a report."""
    notes = _erase_notes(session)
    previous = ""
    last: Row[Any] | None = None
    known = 0
    for batch in _batches(session):
        rows = _rows(session, batch)
        for seal in batch:
            about = _("Seal %(no)s", no=seal.no)
            if seal.no != known + 1 or seal.previous != previous:
                report.add(ProblemKind.broken_chain, about, _("It does not follow the seal before it"))
            if seals.link(key, seal) != seal.link:
                report.add(ProblemKind.broken_chain, about, _("It was not made with the key of this installation"))
            _verify_cut(seal, last, at, report)
            if seal.cut_at is None or rows.get(seal.no):
                _verify_rows(seal, rows.get(seal.no, []), last, notes, report)
            known, previous, last = seal.no, seal.link, seal
    _verify_outside(session, known, at, report)
    return report


def _batches(session: Session) -> Iterator[Sequence[Row[Any]]]:
    last = -(2**31)
    table: Any = AuditSeal.__table__
    while True:
        found = session.execute(select(*table.c).where(table.c.no > last).order_by(table.c.no).limit(_SEALS)).all()
        if not found:
            return
        yield found
        last = found[-1].no


def _rows(session: Session, batch: Sequence[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    asked = select(*seals.READ).where(FieldChange.seal_no.in_([seal.no for seal in batch]))
    for row in session.execute(asked.order_by(FieldChange.seal_no, FieldChange.id)):
        found.setdefault(row.seal_no, []).append(row)
    return found


def _verify_cut(seal: Row[Any], last: Row[Any] | None, at: datetime, report: Report) -> None:
    if seal.cut_at is None:
        return
    about = _("Seal %(no)s", no=seal.no)
    if last is not None and last.cut_at is None:
        report.add(ProblemKind.missing_row, about, _("Its rows were removed before those of the seal before it"))
    elif seal.cut_at - seal.made_at < LEAST_KEPT or seal.cut_at > at + SLOWEST:
        report.add(ProblemKind.missing_row, about, _("Its rows were removed before a year was over"))


def _verify_rows(
    seal: Row[Any], rows: list[Row[Any]], last: Row[Any] | None, notes: dict[int, Any], report: Report
) -> None:
    about = _("Seal %(no)s", no=seal.no)
    before = len(report.problems)
    try:
        expected = named(seal.rows)
    except ValueError:
        report.add(ProblemKind.broken_chain, about, _("It names no rows"))
        return
    ids = [row.id for row in rows]
    if missing := sorted({*expected} - {*ids}):
        report.add(ProblemKind.missing_row, about, _("Entries are gone: %(ids)s", ids=spans(missing)))
    if added := sorted({*ids} - {*expected}):
        report.add(ProblemKind.inserted_row, about, _("Entries were slipped in: %(ids)s", ids=spans(added)))
    digests = [_verify_row(row, last, notes, report) for row in rows]
    report.entries += len(rows)
    if len(report.problems) == before and seals.rows_digest(digests) != seal.rows_sha256:
        report.add(ProblemKind.changed_row, about, _("Its entries are not those that were sealed"))


def _verify_row(row: Row[Any], last: Row[Any] | None, notes: dict[int, Any], report: Report) -> str:
    """Check one row and return its hash as it is now."""
    about = _("Entry %(id)s", id=row.id)
    try:
        found = digest(row)
    except (KeyError, TypeError, ValueError, AttributeError):
        found = ""
    if found != row.sha256:
        report.add(ProblemKind.changed_row, about, _("The entry was changed"))
    if row.erasure is not None:
        report.erased += 1
        _verify_erasure(row, about, notes, report)
    if last is not None and row.at < last.made_at - SLOWEST and row.channel is not Channel.demo:
        report.add(ProblemKind.inserted_row, about, _("It says that it is older than the seal before its own"))
    return found


def _verify_erasure(row: Row[Any], about: str, notes: dict[int, Any], report: Report) -> None:
    gone = row.erasure.get("gone", {})
    said = {notes.get(each) for each in row.erasure.get("note", [])}
    if said != {(row.entity, row.record_id)}:
        report.add(ProblemKind.changed_row, about, _("Values were taken out, and no entry says so"))
    stands = [name for name in gone if name != NAME and row.changes.get(name) != GONE]
    if stands or (NAME in gone and row.name is not None):
        report.add(ProblemKind.changed_row, about, _("Values stand where values were taken out"))


def _erase_notes(session: Session) -> dict[int, Any]:
    found = session.execute(
        select(FieldChange.id, FieldChange.entity, FieldChange.record_id).where(FieldChange.act == Act.erase)
    )
    return {row.id: (row.entity, row.record_id) for row in found}


def _verify_outside(session: Session, known: int, at: datetime, report: Report) -> None:
    """Look for rows of seals that do not exist, and for rows that nobody seals."""
    lost = session.scalars(
        select(FieldChange.id)
        .where(FieldChange.seal_no.is_not(None), FieldChange.seal_no.not_in(select(AuditSeal.no)))
        .order_by(FieldChange.id)
    ).all()
    if lost:
        report.add(
            ProblemKind.cut_tail,
            _("Seal %(no)s", no=known + 1),
            _("The seal of entries is gone: %(ids)s", ids=spans(lost)),
        )
    waits = (FieldChange.seal_no.is_(None), FieldChange.at < at - SLOWEST)
    count, first = session.execute(select(func.count(), func.min(FieldChange.id)).where(*waits)).one()
    if count:
        report.add(
            ProblemKind.not_sealed,
            _("Entry %(id)s", id=first),
            _("Entries that nobody has sealed for a day: %(count)s. Is the worker running?", count=count),
        )
