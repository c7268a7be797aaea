"""What of a person can be handed over, what of it is still open, and what nobody is working on.

Handed over is every owned kind that has a history of its own. Imports and bulk changes stay with whoever started them,
what lies in the bin keeps the owner that it had, and a letter's owner is its author: authorship never changes. A sales
plan is what one person wants to reach: nobody takes it over.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Enum, and_, false, func, inspect, not_, or_, select
from sqlalchemy.orm import Session

from app.models.base import Entity
from app.models.job import Job
from app.models.letter import Letter
from app.models.mailing import Mailing, MailingRecipient
from app.models.party import Party
from app.models.sales_plan import SalesPlan
from app.models.team import Team
from app.models.text_message import TextMessage
from app.services import access, colleague

AUTHORED: tuple[type[Any], ...] = (Letter, Mailing, MailingRecipient, SalesPlan, TextMessage)
CLOSED = frozenset(
    {"archived", "cancelled", "closed", "converted", "delivered", "done", "expired", "fulfilled", "lost", "merged"}
    | {"rejected", "replaced", "sent", "solved", "terminated", "won"}
)
PARTY = "party"
TEAMS = "team"  # how many teams somebody heads, beside how many records of each kind are his


def kinds() -> dict[str, type[Any]]:
    """Return the kinds of records that are handed over, parties first: stem → class."""
    found = [
        entity
        for entity in access.owned_entities()
        if issubclass(entity, Entity)
        and not issubclass(entity, (Job, *AUTHORED))
        and not getattr(entity, "__unrecorded__", False)
    ]
    return {entity.__stem__: entity for entity in sorted(found, key=lambda each: (each is not Party, each.__stem__))}


def closed(entity: type[Any]) -> ColumnElement[bool]:
    """Return the condition that a record needs nobody's work any more: archived, at an end, paid."""
    columns = inspect(entity).columns
    found: list[ColumnElement[bool]] = []
    if "archived_at" in columns:
        found.append(columns["archived_at"].is_not(None))
    state = columns.get("state")
    ends = [each for each in _members(state) if each.value in CLOSED]
    if ends:
        found.append(columns["state"].in_(ends))
    paid = [each for each in _members(columns.get("settlement")) if each.value in {"paid", "credited"}]
    if paid:
        drafts = [each for each in _members(state) if each.value == "draft"]
        found.append(and_(columns["settlement"].in_(paid), columns["state"].not_in(drafts)))
    if {"allocated", "amount"} <= set(columns.keys()):
        found.append(columns["allocated"] >= columns["amount"])
    return or_(false(), *found)


def _members(column: Any) -> list[Any]:  # noqa: ANN401 -- a column, or None
    kind = getattr(column, "type", None)
    return list(kind.enum_class) if isinstance(kind, Enum) and kind.enum_class is not None else []


def link_to_party(entity: type[Any]) -> Any:  # noqa: ANN401 -- a column
    """Return the column that names a record's party, None when it has none."""
    return entity.id if entity is Party else inspect(entity).columns.get("party_id")


def standing(session: Session, user_id: int) -> dict[str, int]:
    """Return how many open records of each kind a person owns and how many teams he heads; one statement."""
    counts = {
        stem: select(func.count()).where(entity.owner_id == user_id, not_(closed(entity))).scalar_subquery()
        for stem, entity in kinds().items()
    }
    counts[TEAMS] = select(func.count()).where(Team.head_id == user_id).scalar_subquery()
    asked = select(*(count.label(f"of_{stem}") for stem, count in counts.items()))
    with access.everything(session, why="what somebody leaves behind is counted over all rows"):
        row = session.execute(asked).one()
    return {stem: int(count) for stem, count in zip(counts, row, strict=True) if count}


def owned(session: Session, user_id: int) -> dict[str, tuple[int, int]]:
    """Return how many records of each kind a person owns, and how many of these are open; one statement."""
    counts: list[Any] = []
    for entity in kinds().values():
        theirs = select(func.count()).where(entity.owner_id == user_id)
        counts += [theirs.scalar_subquery(), theirs.where(not_(closed(entity))).scalar_subquery()]
    with access.everything(session, why="what somebody could hand over is counted over all rows"):
        row = session.execute(select(*counts)).one()
    found = {stem: (int(row[2 * at]), int(row[2 * at + 1])) for at, stem in enumerate(kinds())}
    return {stem: both for stem, both in found.items() if both[0]}


def left_behind(found: Mapping[str, int]) -> tuple[int, int]:
    """Return how many open records and how many teams `standing` has found."""
    return sum(count for stem, count in found.items() if stem != TEAMS), found.get(TEAMS, 0)


def idle(entity: type[Any]) -> ColumnElement[bool]:
    """Return the condition that nobody is working on a record that is in use.

    It belongs to nobody, to an account that is locked, or to somebody whose roles do not see such records.
    """
    owner: Any = inspect(entity).columns["owner_id"]
    nobodys = or_(owner.is_(None), owner.in_(colleague.idle(access.area_of(entity))))
    archived = inspect(entity).columns.get("archived_at")
    return nobodys if archived is None else and_(nobodys, archived.is_(None))


def is_owner(column: Any) -> bool:  # noqa: ANN401 -- a column
    """Say whether a column names who is working on records that are handed over."""
    return any(entity.__table__.c.owner_id is column for entity in kinds().values())
