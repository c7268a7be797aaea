"""The proof: every issued document is there, says what it said, and lies on the disk as it was made.

`verify` reads everything and changes nothing. It finds gaps and dates out of order, rows, contents or files that were
changed, documents that are missing, a tail that was cut off and a chain that was made anew.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.chain import ChainLink, FileLink
from app.models.invoice import Invoice, InvoiceLine, InvoiceSnapshot, InvoiceState, InvoiceTax
from app.models.number_series import NumberCounter, NumberSeries, SeriesKind
from app.services import access, chain
from app.services import invoice_snapshot as snapshots
from app.services.anchor import AUDIT, anchor, anchors_in, standing_link
from app.services.attachment import place_of

_BATCH = 500
_BLOCK = 1 << 20


class ProblemKind(StrEnum):
    """What is wrong with a document or a series."""

    gap = "gap"
    date_order = "date_order"
    changed_row = "changed_row"
    changed_content = "changed_content"
    broken_chain = "broken_chain"
    not_chained = "not_chained"
    changed_file = "changed_file"
    missing_file = "missing_file"
    cut_tail = "cut_tail"
    another_chain = "another_chain"
    missing_row = "missing_row"
    inserted_row = "inserted_row"
    not_sealed = "not_sealed"


label(
    ProblemKind,
    gap=_l("Gap in the numbers"),
    date_order=_l("Dates out of order"),
    changed_row=_l("Changed row"),
    changed_content=_l("Changed content"),
    broken_chain=_l("Broken chain"),
    not_chained=_l("Not in the chain"),
    changed_file=_l("Changed file"),
    missing_file=_l("Missing file"),
    cut_tail=_l("Cut tail"),
    another_chain=_l("Another chain than the anchored one"),
    missing_row=_l("Missing entry"),
    inserted_row=_l("Inserted entry"),
    not_sealed=_l("Not sealed"),
)


Counts = dict[str, list[tuple[int, str, str]]]  # period → (n, day, document)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was left: its kind, the document or series, and a text."""

    kind: ProblemKind
    about: str
    text: str


@dataclass(slots=True)
class Report:
    """What was found: how many issued documents, what is wrong, and how many have no file yet (which is no problem).

    `entries` are those of the audit, `erased` those of them whose personal values were taken out.
    """

    documents: int = 0
    entries: int = 0
    erased: int = 0
    problems: list[Problem] = field(default_factory=list)
    not_made: int = 0

    def add(self, kind: ProblemKind, about: str, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(kind, about, text))


def verify(session: Session, *, key: bytes, files: Path, anchors: Path | None = None) -> Report:
    """Check all issued documents, their chains and their files, and the chains against the anchors on the disk."""
    report = Report()
    with access.everything(session, why="a proof covers all documents"):
        for series in session.execute(
            select(NumberSeries.id, NumberSeries.prefix)
            .where(NumberSeries.kind.in_((SeriesKind.invoice, SeriesKind.credit_note)))
            .order_by(NumberSeries.id)
        ).all():
            name = series.prefix or f"#{series.id}"
            _verify_documents(session, series.id, name, key, report)
            _verify_files(session, series.id, name, key, files, report)
        _find_outside(session, report)
        if anchors is not None:
            _compare_with_anchors(session, anchors, report)
    return report


# --- documents ------------------------------------------------------------------------------------------------------


def _verify_documents(session: Session, series_id: int, name: str, key: bytes, report: Report) -> None:
    previous, position = "", 0
    counts: Counts = {}
    for batch in _batches(session, series_id):
        parts = _Parts(session, [row.invoice_id for row in batch])
        for row in batch:
            report.documents += 1
            about = row.number or f"#{row.invoice_id}"
            if row.position != position + 1 or row.previous != previous:
                report.add(
                    ProblemKind.broken_chain, about, _("Link %(n)s does not follow the one before it", n=row.position)
                )
            position, previous = row.position, row.link
            _verify_link(row, series_id, about, key, report)
            said = _verify_content(row, parts, about, report)
            counts.setdefault(said["number_period"] or "", []).append(
                (said["number_n"] or 0, said["issued_on"] or "", about)
            )
    _verify_numbers(session, series_id, name, counts, report)


_CHAINED = (
    ChainLink.position,
    ChainLink.invoice_id,
    ChainLink.content_sha256.label("chained_sha256"),
    ChainLink.previous,
    ChainLink.link,
    Invoice.state,
    Invoice.content_sha256,
    Invoice.chain_position,
    Invoice.chain_link,
    InvoiceSnapshot.content,
    *(getattr(Invoice, name) for name in snapshots.DOCUMENT),
)


def _batches(session: Session, series_id: int) -> Iterator[Sequence[Row[Any]]]:
    """Yield the chained documents of a series in the order of the chain, with what the rows and the snapshot say."""
    last = 0
    while True:
        rows = session.execute(
            select(*_CHAINED)
            .select_from(ChainLink)
            .join(Invoice, Invoice.id == ChainLink.invoice_id)
            .outerjoin(InvoiceSnapshot, InvoiceSnapshot.invoice_id == ChainLink.invoice_id)
            .where(ChainLink.series_id == series_id, ChainLink.position > last)
            .order_by(ChainLink.position)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        yield rows
        last = rows[-1].position


class _Parts:
    """Lines and taxes of some documents."""

    def __init__(self, session: Session, keys: Sequence[int]) -> None:
        self.lines = self._read(session, InvoiceLine, snapshots.LINE, keys)
        self.taxes = self._read(session, InvoiceTax, snapshots.TAX, keys)

    @staticmethod
    def _read(session: Session, table: Any, names: Sequence[str], keys: Sequence[int]) -> dict[int, list[Row[Any]]]:  # noqa: ANN401
        rows = session.execute(
            select(table.invoice_id, *(getattr(table, name) for name in names))
            .where(table.invoice_id.in_(keys))
            .order_by(table.invoice_id, table.position, table.id)
        ).all()
        return {key: list(group) for key, group in groupby(rows, key=lambda row: row.invoice_id)}


def _verify_link(row: Row[Any], series_id: int, about: str, key: bytes, report: Report) -> None:
    expected = chain.link(
        key, series_id=series_id, position=row.position, previous=row.previous, of="document", digest=row.chained_sha256
    )
    if expected != row.link:
        report.add(ProblemKind.broken_chain, about, _("The link was not made with the key of this installation"))
    if (row.content_sha256, row.chain_position, row.chain_link) != (row.chained_sha256, row.position, row.link):
        report.add(ProblemKind.changed_row, about, _("The row names another link than the chain"))


def _verify_content(row: Row[Any], parts: _Parts, about: str, report: Report) -> dict[str, Any]:
    """Compare the rows of a document with what it said, and return the latter's head: the row's when it is lost."""
    content, head = row.content, snapshots.said(row, snapshots.DOCUMENT, row.currency)
    if content is None or chain.sha256(content) != row.chained_sha256:
        report.add(ProblemKind.changed_content, about, _("What the document says was changed or taken away"))
        return head
    for name, value in head.items():
        if content["document"][name] != value:
            report.add(ProblemKind.changed_row, about, _("“%(name)s” was changed", name=name))
    if row.state == InvoiceState.draft:
        report.add(ProblemKind.changed_row, about, _("An issued document was made a draft"))
    for name, columns, rows in (
        ("lines", snapshots.LINE, parts.lines.get(row.invoice_id, [])),
        ("taxes", snapshots.TAX, parts.taxes.get(row.invoice_id, [])),
    ):
        said = [{column: each[column] for column in columns} for each in content[name]]
        if said != [snapshots.said(each, columns, row.currency) for each in rows]:
            report.add(ProblemKind.changed_row, about, _("“%(name)s” was changed", name=name))
    return content["document"]  # type: ignore[no-any-return]


def _verify_numbers(session: Session, series_id: int, name: str, counts: Counts, report: Report) -> None:
    """Look for gaps and for dates out of order; the counters know how many numbers were given."""
    given = {
        row.period: (row.first, row.last)
        for row in session.execute(
            select(NumberCounter.period, NumberCounter.first, NumberCounter.last).where(
                NumberCounter.series_id == series_id
            )
        )
    }
    for period in sorted(counts.keys() | given.keys()):
        about = f"{name} {period}".strip()
        found = sorted(counts.get(period, []))
        first, last = given.get(period, (1, 0))
        expected = first
        for n, _day, document in found:
            if not expected <= n <= last:
                report.add(ProblemKind.gap, document, _("Number %(n)s was never given, or is there twice", n=n))
                continue
            _note_gap(expected, n, about, report)
            expected = n + 1
        _note_gap(expected, last + 1, about, report)
        for (_n, before, _former), (_m, day, document) in pairwise(found):
            if day < before:
                report.add(ProblemKind.date_order, document, _("Its day is before that of the number before it"))


def _note_gap(expected: int, n: int, about: str, report: Report) -> None:
    """Note that the numbers from `expected` up to before `n` are missing, if any are."""
    if n == expected + 1:
        report.add(ProblemKind.gap, about, _("Number %(n)s is missing", n=expected))
    elif n > expected:
        report.add(ProblemKind.gap, about, _("Numbers %(first)s to %(last)s are missing", first=expected, last=n - 1))


def _find_outside(session: Session, report: Report) -> None:
    """Find issued documents that no chain knows."""
    found = session.execute(
        select(Invoice.id, Invoice.number)
        .outerjoin(ChainLink, ChainLink.invoice_id == Invoice.id)
        .where(Invoice.state != InvoiceState.draft, ChainLink.id.is_(None))
        .order_by(Invoice.id)
    )
    for row in found:
        report.documents += 1
        report.add(ProblemKind.not_chained, row.number or f"#{row.id}", _("The document is in no chain"))


# --- files ----------------------------------------------------------------------------------------------------------


def _verify_files(session: Session, series_id: int, name: str, key: bytes, files: Path, report: Report) -> None:  # noqa: PLR0917
    previous, position = "", 0
    rows = session.execute(
        select(
            FileLink.position,
            FileLink.previous,
            FileLink.link,
            FileLink.sha256,
            FileLink.attachment_id,
            Invoice.file_id,
            Invoice.number,
            Attachment.sha256.label("attached_sha256"),
        )
        .join(Invoice, Invoice.id == FileLink.invoice_id)
        .outerjoin(Attachment, Attachment.id == FileLink.attachment_id)
        .where(FileLink.series_id == series_id)
        .order_by(FileLink.position)
    ).all()
    for row in rows:
        about = row.number or name
        expected = chain.link(
            key, series_id=series_id, position=row.position, previous=row.previous, of="file", digest=row.sha256
        )
        if expected != row.link or row.previous != previous or row.position != position + 1:
            report.add(ProblemKind.broken_chain, about, _("The chain of files is broken here"))
        position, previous = row.position, row.link
        if row.file_id != row.attachment_id or row.attached_sha256 != row.sha256:
            report.add(ProblemKind.changed_file, about, _("Another file was put in the place of the document's"))
        _verify_bytes(place_of(row.sha256, files=files), row.sha256, about, report)
    unmade = select(Invoice.id).where(
        Invoice.series_id == series_id,
        Invoice.state != InvoiceState.draft,
        ~select(FileLink.id).where(FileLink.invoice_id == Invoice.id).exists(),
    )
    report.not_made += len(session.scalars(unmade).all())


def _verify_bytes(path: Path, digest: str, about: str, report: Report) -> None:
    if not path.is_file():
        report.add(ProblemKind.missing_file, about, _("The file of the document is gone"))
        return
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    if found.hexdigest() != digest:
        report.add(ProblemKind.changed_file, about, _("The file of the document was changed"))


# --- anchors --------------------------------------------------------------------------------------------------------


def _compare_with_anchors(session: Session, path: Path, report: Report) -> None:
    """Compare the chains with every anchor that was ever written."""
    if not path.is_file():
        return
    for at, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        try:
            told = json.loads(line)
            is_audit = told["chain"] == AUDIT
            about, day = _("Audit") if is_audit else told["number"] or f"#{told['series']}", told["at"][:10]
            link, n = told["link"], told["position"]
            standing = standing_link(session, told)
        except (ValueError, KeyError, TypeError):
            report.add(ProblemKind.another_chain, path.name, _("Anchor %(n)s cannot be read", n=at + 1))
            continue
        if standing is None:
            report.add(ProblemKind.cut_tail, about, _("Link %(n)s of %(day)s is gone", n=n, day=day))
        elif standing != link:
            report.add(ProblemKind.another_chain, about, _("Link %(n)s is not the one of %(day)s", n=n, day=day))


__all__ = ["Problem", "ProblemKind", "Report", "anchor", "anchors_in", "verify"]
