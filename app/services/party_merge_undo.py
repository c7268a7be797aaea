"""Undoing a merge within thirty days: what nobody has touched since comes back, what somebody has stays and is told.

A value comes back when it is still the one that the merge has set; a row when it still names the winner. A document
stays with the winner when another one that stays there hangs together with it: an allocation between two parties, or an
invoice of somebody else's order, must never come of it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, and_, delete, or_, select
from sqlalchemy.orm import Session

from app.db import metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import Party, PartyChannel
from app.models.party_merge import MergeState, PartyMerge, PartyMergeRow, RowFate
from app.roles import ACT, CHANGE
from app.services import access, history, party_metric
from app.services import party as parties
from app.services import party_merge as merging
from app.services import party_merge_places as places
from app.services.access import Actor
from app.services.bin_codec import packed, unpacked

DAYS = 30


class Moved(NamedTuple):
    """A row that the merge has moved, or made."""

    table: str
    column: str
    row_id: int
    fate: RowFate


_ROWS: Table = PartyMergeRow.__table__  # type: ignore[assignment]
Doc = tuple[str, int]  # table, key
Conflict = dict[str, Any]  # {"table", "row", "why": "changed" or "tied"} of a row, {"field"} of a value


def last(session: Session, loser: Party) -> PartyMerge | None:
    """Return the merge by which a counterparty became a shadow, None when it stands by itself."""
    found = select(PartyMerge).where(PartyMerge.loser_id == loser.id, PartyMerge.state != MergeState.undone)
    return session.scalars(found.order_by(PartyMerge.id.desc()).limit(1)).first()


def of_loser(session: Session, party_id: int) -> PartyMerge | None:
    """Return the latest merge of a counterparty, undone or not."""
    found = select(PartyMerge).where(PartyMerge.loser_id == party_id).order_by(PartyMerge.id.desc()).limit(1)
    return session.scalars(found).first()


def why_not(session: Session, made: PartyMerge | None, *, at: datetime) -> str | None:
    """Return why a merge cannot be undone, None when it can."""
    if made is None or made.state == MergeState.undone:
        return _("This party was not merged into another")
    if made.state == MergeState.settled or made.merged_at <= at - timedelta(days=DAYS):
        return _("A merge can be undone for %(days)s days; this one is older", days=DAYS)
    if made.party.merged_into_id is not None:
        return _("“%(name)s” was merged further: undo that merge first", name=made.party.name)
    if made.party.anonymised_at is not None:
        return _("This person was made anonymous; nothing can be written down about him any more")
    later = select(PartyMerge.id).where(
        PartyMerge.party_id == made.party_id, PartyMerge.state == MergeState.done, PartyMerge.id > made.id
    )
    if session.scalars(later.limit(1)).first() is not None:
        return _("Another party was merged into “%(name)s” since: undo that merge first", name=made.party.name)
    return None


def undo(session: Session, loser: Party, *, by: Actor, at: datetime) -> PartyMerge:
    """Take a merge back, as far as nothing has been changed since, and return it with its `conflicts`.

    Raises DomainError when it cannot be undone, NotReached for one of the two that the actor may not change.
    """
    made = last(session, loser)
    refusal = why_not(session, made, at=at)
    if refusal is not None or made is None:
        raise DomainError(refusal or "", field="merged_into")
    winner = made.party
    for party in (winner, loser):
        access.require(session, party, ACT)
        access.require(session, party, CHANGE)
    with session.begin_nested():
        return _undo(session, made, winner, loser, by=by, at=at)


def _undo(session: Session, made: PartyMerge, winner: Party, loser: Party, *, by: Actor, at: datetime) -> PartyMerge:
    connection = session.connection()
    rows = [
        Moved(row.table_name, row.column_name, row.row_id, row.fate)
        for row in connection.execute(select(_ROWS).where(_ROWS.c.merge_id == made.id).order_by(_ROWS.c.id))
    ]
    back, conflicts = _standing(connection, rows, winner.id)
    back, tied = _untied(connection, back)
    conflicts += tied
    for name, keys in _by_link(back).items():
        link = places.named(name)
        if link is not None:
            places.move(connection, link, keys, to=loser.id, at=at)
    conflicts += _take_away(connection, rows)
    session.expire_all()
    conflicts += _values_back(winner, made.fields)
    for name, value in made.loser_before.items():
        setattr(loser, name, unpacked(merging.COLUMNS[name], value))
    loser.merged_into_id = None
    session.flush()
    for party in (winner, loser):
        parties.save(session, party)
    made.state, made.undone_at, made.undone_by_id = MergeState.undone, at, by.user_id
    made.conflicts, made.fields, made.loser_before = conflicts, {}, {}
    connection.execute(delete(_ROWS).where(_ROWS.c.merge_id == made.id))
    history.note(session, winner, "merged", f"{loser.name} (#{loser.id})", None)
    moved = [{"table": row.table, "column": row.column, "row_id": row.row_id, "fate": row.fate} for row in back]
    merging.told(session, moved, before=winner.id, after=loser.id)
    party_metric.mark(session, [winner.id, loser.id])
    session.flush()
    return made


# --- rows -------------------------------------------------------------------------------------------------------------


def _by_link(rows: Iterable[Moved]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(f"{row.table}.{row.column}", []).append(row.row_id)
    return found


def _standing(connection: Connection, rows: list[Moved], winner_id: int) -> tuple[list[Moved], list[Conflict]]:
    """Return the moved rows that still name the winner, and what became of the others."""
    kept: list[Moved] = []
    told: list[Conflict] = []
    moved = [row for row in rows if row.fate == RowFate.moved]
    for name, keys in _by_link(moved).items():
        link = places.named(name)
        there: set[int] = set()
        if link is not None:
            asked = select(link.table.c.id).where(*link.names(winner_id), link.table.c.id.in_(keys))
            there = set(connection.execute(asked).scalars())
        mine = [row for row in moved if f"{row.table}.{row.column}" == name]
        kept += [row for row in mine if row.row_id in there]
        told += [_conflict(row.table, row.row_id, "changed") for row in mine if row.row_id not in there]
    return kept, told


def _untied(connection: Connection, rows: list[Moved]) -> tuple[list[Moved], list[Conflict]]:
    """Leave out documents that hang together with others that stay with the winner, and say so."""
    documents = {
        link.table.name: link for link in places.links() if not link.is_about and link.column.name == "party_id"
    }
    going = {(row.table, row.row_id) for row in rows if row.table in documents and row.column == "party_id"}
    edges = list(_edges(connection, set(documents), going))
    stays = True
    left: set[Doc] = set()
    while stays:
        stays = False
        for one, other in edges:
            for mine, theirs in ((one, other), (other, one)):
                if mine in going and theirs not in going and mine not in left:
                    going.discard(mine)
                    left.add(mine)
                    stays = True
    kept = [row for row in rows if (row.table, row.row_id) not in left]
    return kept, [_conflict(table, key, "tied") for table, key in sorted(left)]


def _edges(connection: Connection, documents: set[str], going: Collection[Doc]) -> Iterable[tuple[Doc, Doc]]:
    """Yield pairs of documents that hang together: one names the other, or a row names both."""
    keys: dict[str, list[int]] = {}
    for name, key in going:
        keys.setdefault(name, []).append(key)
    for table in metadata.sorted_tables:
        naming = [(column, target) for column in table.c if (target := _target(column)) in documents]
        own = table.name in documents
        if not naming or (len(naming) < 2 and not own) or "id" not in table.c:  # noqa: PLR2004 -- a row names both
            continue
        mine = [column.in_(keys[target]) for column, target in naming if target in keys]
        if own and table.name in keys:
            mine.append(table.c.id.in_(keys[table.name]))
        if not mine:
            continue
        for row in connection.execute(select(table.c.id, *(column for column, _t in naming)).where(or_(*mine))):
            ends = [(target, value) for (_c, target), value in zip(naming, row[1:], strict=True) if value is not None]
            ends += [(table.name, row.id)] if own else []
            yield from ((one, other) for at, one in enumerate(ends) for other in ends[at + 1 :])


def _target(column: Column[Any]) -> str:
    return next((key.column.table.name for key in column.foreign_keys if key.column.primary_key), "")


def _take_away(connection: Connection, rows: list[Moved]) -> list[Conflict]:
    """Delete what the merge has added, as far as it is still there."""
    keys = [row.row_id for row in rows if row.fate == RowFate.made]
    table: Table = PartyChannel.__table__  # type: ignore[assignment]
    if keys:
        untouched = and_(table.c.id.in_(keys), table.c.label.is_(None), table.c.opted_out_at.is_(None))
        connection.execute(delete(table).where(untouched))
        left = set(connection.execute(select(table.c.id).where(table.c.id.in_(keys))).scalars())
        return [_conflict(table.name, key, "changed") for key in sorted(left)]
    return []


def _conflict(table: str, row: int, why: str) -> Conflict:
    return {"table": table, "row": row, "why": why}


# --- values -----------------------------------------------------------------------------------------------------------


def _values_back(winner: Party, fields: dict[str, Any]) -> list[Conflict]:
    """Give the winner its former values, but for those that somebody has changed since."""
    told = []
    for name, (before, after) in fields.items():
        column, value = merging.COLUMNS[name], getattr(winner, name)
        if packed(column, value, is_null=value is None) == after:
            setattr(winner, name, unpacked(column, before))
        else:
            told.append({"field": name})
    return told


# --- when it is too late ----------------------------------------------------------------------------------------------


def settle(session: Session, *, at: datetime, most: int = 100) -> int:
    """Forget what merges remember that can no longer be undone, and what their shadows had left; return how many."""
    old = select(PartyMerge).where(
        PartyMerge.state == MergeState.done, PartyMerge.merged_at <= at - timedelta(days=DAYS)
    )
    found = list(session.scalars(old.order_by(PartyMerge.id).limit(most)))
    connection = session.connection()
    for made in found:
        connection.execute(delete(_ROWS).where(_ROWS.c.merge_id == made.id))
        for name in places.ALIKE:
            table = metadata.tables[name]
            connection.execute(delete(table).where(table.c.party_id == made.loser_id))
        made.state, made.fields, made.loser_before = MergeState.settled, {}, {}
    session.flush()
    return len(found)
