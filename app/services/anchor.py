"""Anchors: the heads of all chains, noted outside the database every day.

A tail that was cut off, or a chain that was made anew with a stolen key, is seen by comparing with them.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Row, make_url, select
from sqlalchemy.orm import Session

from app.models.chain import ChainLink, FileLink
from app.models.history import AuditSeal
from app.models.invoice import Invoice
from app.services import access, audit_seal

AUDIT = "audit"
_CHAINS: dict[str, Any] = {"document": ChainLink, "file": FileLink}


def anchors_in(var: Path, url: str) -> Path:
    """Return where the anchors of a database lie: an installation may hold the demo's and one's own side by side."""
    return var / "anchors" / f"{Path(make_url(url).database or 'memory').stem}.jsonl"


def anchor(session: Session, path: Path, *, at: datetime) -> int:
    """Add the heads of all chains to the file of anchors, and return how many there are.

    Shape: one JSON object per line: `at`, `chain` ("document", "file" or "audit"), `series`, `position`, `number`,
    `link`. The audit has no series and no numbers.
    """
    lines = []
    no, link = audit_seal.head(session)
    if no:
        about = {"chain": AUDIT, "series": 0, "number": "", "position": no, "link": link}
        lines.append({"at": at.isoformat()} | about)
    with access.everything(session, why="the heads of all chains are anchored"):
        for of, table in _CHAINS.items():
            heads: dict[int, Row[Any]] = {}
            for series_id in session.scalars(select(table.series_id).distinct().order_by(table.series_id)).all():
                heads[series_id] = session.execute(
                    select(table.position, table.link, Invoice.number)
                    .join(Invoice, Invoice.id == table.invoice_id)
                    .where(table.series_id == series_id)
                    .order_by(table.position.desc())
                    .limit(1)
                ).one()
            lines += [
                {
                    "at": at.isoformat(),
                    "chain": of,
                    "series": series_id,
                    "position": head.position,
                    "number": head.number,
                    "link": head.link,
                }
                for series_id, head in heads.items()
            ]
    _append(path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    return len(lines)


def _append(path: Path, text: str) -> None:
    """Add text to a file at once, so that it outlives a power cut, below what a former one may have cut off."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("ab+") as file:
        if file.tell() and not _ends_a_line(file):
            text = f"\n{text}"
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def standing_link(session: Session, told: dict[str, Any]) -> str | None:
    """Return the link that stands where an anchor saw one. Raises what a line that is no anchor raises."""
    if told["chain"] == AUDIT:
        return session.scalar(select(AuditSeal.link).where(AuditSeal.no == int(told["position"])))
    table = _CHAINS[told["chain"]]
    place = (table.series_id == int(told["series"]), table.position == int(told["position"]))
    return session.scalar(select(table.link).where(*place))
