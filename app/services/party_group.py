"""Groups of companies: who belongs to whom, without circles, and what the whole group owes and has bought."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, literal, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import Party
from app.models.party_metric import PartyMetric

DEEPEST = 12  # levels of a group
MOST = 500  # members that a card looks at


@dataclass
class Member:
    """One counterparty of a group, and those below it."""

    id: int
    name: str
    depth: int
    below: list["Member"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group as far as the reader sees it, from its top down; `rows` are its members in the order of the tree."""

    rows: list[Member]
    turnover: Decimal
    open_balance: Decimal


def judge(session: Session, party: Party) -> None:
    """Refuse a parent that is the counterparty itself, stands below it, or was merged into another.

    Raises DomainError at `parent`; a parent that has not changed is not looked at.
    """
    parent = party.parent
    parent_id = parent.id if parent is not None else party.parent_id
    if parent_id is None:
        return
    if parent is not None and parent.merged_into_id is not None:
        raise DomainError(
            _("It was merged into “%(name)s”: choose that one", name=str(parent.merged_into)), field="parent"
        )
    key: int | None = party.id
    if key is None:
        return
    if parent_id == key:
        raise DomainError(_("A company is not a part of itself"), field="parent")
    chain = above(session, parent_id)
    if key in chain:
        raise DomainError(_("That company stands below this one already"), field="parent")
    if len(chain) >= DEEPEST:
        raise DomainError(_("A group has at most %(most)s levels", most=DEEPEST), field="parent")


def above(session: Session, party_id: int) -> list[int]:
    """Return a counterparty and all above it, the nearest first, whoever sees them."""
    table: Any = Party.__table__
    chain = select(table.c.id, table.c.parent_id, literal(0).label("level")).where(table.c.id == party_id)
    steps = chain.cte("above", recursive=True)
    steps = steps.union_all(
        select(table.c.id, table.c.parent_id, steps.c.level + 1).where(
            table.c.id == steps.c.parent_id, steps.c.level < DEEPEST * 2
        )
    )
    return list(session.connection().execute(select(steps.c.id).order_by(steps.c.level)).scalars())


def of_party(session: Session, party: Party) -> Group | None:
    """Return the group of a counterparty as far as the actor sees it; None when it stands alone.

    Members that the actor does not see are not told and count nowhere; those below them stand at the top then.
    """
    found = _tree(session, above(session, party.id)[-1])
    known = set(session.scalars(select(Party.id).where(Party.id.in_([row.id for row in found])))) if found else set()
    members = {row.id: Member(row.id, row.name, row.depth) for row in found if row.id in known}
    if len(members) < 2:  # noqa: PLR2004 -- alone
        return None
    roots: list[Member] = []
    for row in found:
        if row.id in members:
            parent = members.get(row.parent_id)
            (parent.below if parent is not None else roots).append(members[row.id])
    sums = session.execute(
        select(func.sum(PartyMetric.turnover), func.sum(PartyMetric.open_balance)).where(
            PartyMetric.party_id.in_(list(members))
        )
    ).one()
    zero = Decimal(0)
    return Group(rows=list(_walk(roots)), turnover=sums[0] or zero, open_balance=sums[1] or zero)


def _tree(session: Session, top: int) -> Sequence[Row[Any]]:
    """Return everything below a counterparty, and itself, level by level, whoever sees it."""
    table: Any = Party.__table__
    columns = (table.c.id, table.c.parent_id, table.c.name)
    tree = select(*columns, literal(0).label("depth")).where(table.c.id == top).cte("tree", recursive=True)
    child = table.alias("child")
    tree = tree.union_all(
        select(child.c.id, child.c.parent_id, child.c.name, tree.c.depth + 1).where(
            child.c.parent_id == tree.c.id, child.c.merged_into_id.is_(None), tree.c.depth < DEEPEST * 2
        )
    )
    rows = select(tree).order_by(tree.c.depth, tree.c.name, tree.c.id).limit(MOST)
    return session.connection().execute(rows).all()


def _walk(members: Iterable[Member]) -> Iterable[Member]:
    for member in members:
        yield member
        yield from _walk(member.below)
