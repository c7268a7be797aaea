"""The members of static segments: found anew, taken over from others, added and taken out.

Everything is done to those counterparties that the actor sees, by statements over sets.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from app.columns import Instant
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.segment import Segment, SegmentKind, SegmentMember
from app.services import segment as segments

PORTION = 500


class Combining(StrEnum):
    """What becomes of the members when another segment is brought in."""

    union = "union"
    minus = "minus"
    common = "common"


label(
    Combining,
    union=_l("Add its members"),
    minus=_l("Take its members out"),
    common=_l("Keep only those who are in both"),
)


def refresh(session: Session, segment: Segment, *, at: datetime) -> int:
    """Replace the members of a static segment by those who meet its conditions now; return how many there are.

    Raises DomainError for a live one, or for one without conditions.
    """
    _require_static(segment)
    tree = segments.tree_of(segment)
    if not tree.parts:
        raise DomainError(_("This segment has no conditions; its members were put in one by one"), field="definition")
    found = segments.matching(session, tree, at=at)
    session.execute(_of(segment, SegmentMember.party_id.not_in(found)))
    _insert(session, segment, found, at=at)
    return _settled(session, segment, at=at)


def combine(session: Session, segment: Segment, *, other: Segment, how: Combining, at: datetime) -> int:
    """Bring the members of another segment into a static one, out of it, or keep the common ones; return how many.

    Raises DomainError for a live segment, for itself, or when the other one asks what the actor may not see.
    """
    _require_static(segment)
    if other.id == segment.id:
        raise DomainError(_("Choose another segment"), field="other")
    found = segments.members(session, other, at=at)
    if how is Combining.union:
        _insert(session, segment, found, at=at)
    else:
        met = SegmentMember.party_id.in_(found)
        session.execute(_of(segment, met if how is Combining.minus else ~met))
    return _settled(session, segment, at=at)


def add(session: Session, segment: Segment, *, keys: Iterable[int], at: datetime) -> int:
    """Put counterparties that the actor sees into a static segment; return how many members it has then."""
    _require_static(segment)
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), PORTION):
        some = segments.standing(session).where(Party.id.in_(wanted[start : start + PORTION]))
        _insert(session, segment, some, at=at)
    return _settled(session, segment, at=at)


def remove(session: Session, segment: Segment, *, keys: Iterable[int], at: datetime) -> int:
    """Take counterparties out of a static segment; return how many members it has then."""
    _require_static(segment)
    seen = segments.standing(session).where(Party.id.in_(sorted(set(keys))[:PORTION]))
    session.execute(_of(segment, SegmentMember.party_id.in_(seen)))
    return _settled(session, segment, at=at)


def _require_static(segment: Segment) -> None:
    if segment.kind is not SegmentKind.static:
        raise DomainError(_("The members of a live segment follow from its conditions"), field="kind")


def _of(segment: Segment, condition: Any) -> Any:  # noqa: ANN401 -- a condition, a statement
    gone = delete(SegmentMember).where(SegmentMember.segment_id == segment.id, condition)
    return gone.execution_options(synchronize_session=False)


def _insert(session: Session, segment: Segment, found: Select[Any], *, at: datetime) -> None:
    kept = select(SegmentMember.party_id).where(SegmentMember.segment_id == segment.id)
    fresh = found.where(Party.id.not_in(kept)).with_only_columns(
        literal(segment.id).label("segment_id"), Party.id.label("party_id"), literal(at, Instant()).label("at")
    )
    session.execute(insert(SegmentMember).from_select(["segment_id", "party_id", "at"], fresh))


def _settled(session: Session, segment: Segment, *, at: datetime) -> int:
    """Note when the members were put there last; return how many there are."""
    segment.frozen_at = at
    session.flush()
    mine = select(func.count()).select_from(SegmentMember).where(SegmentMember.segment_id == segment.id)
    return int(session.execute(mine).scalar_one())
