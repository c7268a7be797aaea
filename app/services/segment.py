"""Segments: their rules, who is in one as far as the reader sees, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.segment import Segment, SegmentCount, SegmentKind, SegmentMember
from app.search import search_text
from app.services import access, condition
from app.services.comparison import Today
from app.services.condition import Group, Has, Is
from app.services.condition_sql import Compiler

SAMPLE = 20
LONGEST_NAME, LONGEST_NOTE = 120, 2_000
EMPTY = condition.dumped(Group("all"))


@dataclass(frozen=True)
class Reason:
    """One condition, or group, of a segment and whether a counterparty meets it; None where the reader may not know.

    `depth` is how deep it stands in the tree; `value` is what the counterparty has there, None where there is nothing
    to show.
    """

    part: Group | Is | Has
    depth: int
    met: bool | None
    value: Any = None


def save(session: Session, segment: Segment) -> None:
    """Bring a segment into its normal form and refuse what none can be, at its fields.

    Conditions that its writer may not ask are refused, too.
    """
    segment.name = " ".join((segment.name or "").split())
    segment.kind = segment.kind or SegmentKind.live
    segment.note = (segment.note or "").strip() or None
    if not segment.name:
        raise DomainError(_("A segment needs a name."), field="name")
    for name, most in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
        if len(getattr(segment, name) or "") > most:
            raise DomainError(_("At most %(most)s characters", most=most), field=name)
    tree = tree_of(segment)
    if segment.kind is SegmentKind.live and not tree.parts:
        raise DomainError(_("Add at least one condition: without any, everybody would be in it"), field="definition")
    Compiler(session, Today(clock.today())).of(tree)
    segment.definition = condition.dumped(tree)
    segment.search_text = search_text([segment.name, segment.note])
    session.add(segment)


def tree_of(segment: Segment) -> Group:
    """Return the conditions of a segment. Raises DomainError at "definition"."""
    return condition.parsed(segment.definition if segment.definition is not None else EMPTY)


# --- who is in it -----------------------------------------------------------------------------------------------------


def members(session: Session, segment: Segment, *, at: datetime) -> Select[Any]:
    """Return the statement of the keys of the counterparties in a segment, within the actor's rows.

    Raises DomainError at "definition" when it asks what he may not see.
    """
    if segment.kind is SegmentKind.static:
        kept = select(SegmentMember.party_id).where(SegmentMember.segment_id == segment.id)
        return standing(session).where(Party.id.in_(kept))
    return matching(session, tree_of(segment), at=at)


def matching(session: Session, tree: Group, *, at: datetime) -> Select[Any]:
    """Return the statement of the keys of the counterparties that meet conditions, within the actor's rows.

    Archived ones are left out, unless a condition asks for them. Raises DomainError at "definition".
    """
    found = standing(session).where(Compiler(session, today(session, at=at)).of(tree))
    asks = any(isinstance(one, Is) and one.field == "archived_at" for one in condition.leaves(tree))
    return found if asks else found.where(Party.archived_at.is_(None))


def standing(session: Session) -> Select[Any]:
    """Return the statement of all counterparties that the actor sees, but for those that are gone."""
    found = select(Party.id).where(Party.merged_into_id.is_(None), Party.anonymised_at.is_(None))
    cut = access.cut(session, Party)
    return found if cut is None else found.where(cut)


def today(session: Session, *, at: datetime) -> Today:
    """Return which day it is at a moment, where our first company is."""
    zone = session.scalar(select(Organisation.time_zone).order_by(Organisation.id).limit(1)) or "UTC"
    return Today(at.astimezone(ZoneInfo(zone)).date(), zone)


def count(session: Session, tree: Group, *, at: datetime) -> int:
    """Return how many counterparties meet conditions."""
    return size(session, matching(session, tree, at=at))


def size(session: Session, found: Select[Any]) -> int:
    """Return how many counterparties a statement finds."""
    return int(session.execute(select(func.count()).select_from(found.subquery())).scalar_one())


def sample(session: Session, found: Select[Any]) -> list[Party]:
    """Return the first counterparties by name of those that a statement finds."""
    rows = select(Party).where(Party.id.in_(found)).order_by(Party.name, Party.id).limit(SAMPLE)
    return list(session.execute(rows).unique().scalars())


def page(session: Session, found: Select[Any], *, after: int, most: int) -> list[Party]:
    """Return the next counterparties by their keys of those that a statement finds."""
    rows = select(Party).where(Party.id.in_(found), Party.id > after).order_by(Party.id).limit(most)
    return list(session.execute(rows).unique().scalars())


# --- how many there were ----------------------------------------------------------------------------------------------


def recount(session: Session, segment: Segment, *, at: datetime) -> int:
    """Count the members anew and keep the number for the actor: others see other rows."""
    found = size(session, members(session, segment, at=at))
    user_id = access.required(session).user_id
    if user_id is not None:
        own = (SegmentCount.segment_id == segment.id, SegmentCount.user_id == user_id)
        session.execute(delete(SegmentCount).where(*own))
        row = {"segment_id": segment.id, "user_id": user_id, "members": found, "at": at}
        session.execute(insert(SegmentCount).values(row))
    return found


def counted(session: Session, keys: list[int]) -> dict[int, SegmentCount]:
    """Return what the actor has last counted in some segments."""
    user_id = access.required(session).user_id
    own = select(SegmentCount).where(SegmentCount.segment_id.in_(keys), SegmentCount.user_id == user_id)
    return {row.segment_id: row for row in session.scalars(own.execution_options(populate_existing=True))}


# --- why --------------------------------------------------------------------------------------------------------------


def why(session: Session, segment: Segment, party: Party, *, at: datetime) -> list[Reason]:
    """Return each part of a segment's conditions with whether a counterparty meets it, in the order of the tree."""
    compiler = Compiler(session, today(session, at=at))
    parts = list(walk(tree_of(segment), 0))
    asked: dict[str, Any] = {}
    for number, (part, _depth) in enumerate(parts):
        try:
            asked[f"met{number}"] = func.coalesce(compiler.of(part), False).label(f"met{number}")
            if (value := compiler.value(part)) is not None:
                asked[f"value{number}"] = value.label(f"value{number}")
        except DomainError:
            continue  # what he may not see stays unsaid
    found = session.execute(select(Party.id, *asked.values()).where(Party.id == party.id)).mappings().one_or_none()
    known: dict[str, Any] = dict(found) if found is not None else {}
    return [
        Reason(part, depth, _truth(known.get(f"met{number}")), known.get(f"value{number}"))
        for number, (part, depth) in enumerate(parts)
    ]


def walk(part: Group | Is | Has, depth: int) -> Iterator[tuple[Group | Is | Has, int]]:
    """Yield each part of a tree with its depth, in its order."""
    yield part, depth
    if isinstance(part, Group):
        for each in part.parts:
            yield from walk(each, depth + 1)


def _truth(found: Any) -> bool | None:  # noqa: ANN401 -- as a database says it
    return None if found is None else bool(found)
