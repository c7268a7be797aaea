"""What goes away with a record, and how it comes back: rows of any table, by what the tables declare.

A record takes along the rows that belong to it by foreign keys, and those that hang on it by (`entity`, `record_id`).
Which of them went is looked at after the deletion, so that nothing here names a table. A row that named the record and
stays, with its link emptied, gets its link back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint, and_, insert, select, update
from sqlalchemy.orm import RelationshipDirection, Session

from app.db import Model, metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.services.bin_codec import packed, unpacked

STAY = frozenset({"field_change", "state_change", "deleted_record"})  # what is told about a record outlives it
_CHUNK = 500
Data = dict[str, Any]
Key = tuple[str, Any]  # table, key of a row; None in tables without one


@dataclass
class Found:
    """What a record may take along: its rows, packed, and the keys of rows that name one of them."""

    rows: list[tuple[Table, Data]] = field(default_factory=list)
    known: set[tuple[str, tuple[Any, ...]]] = field(default_factory=set)
    links: list[tuple[Column[Any], int, list[int]]] = field(default_factory=list)


# --- going ------------------------------------------------------------------------------------------------------------


def before(session: Session, stem: str, table: Table, key: int) -> Found:
    """Return what a record may take along, to be read before it is deleted."""
    found = Found()
    _take(session, found, table, [table.c.id == key])
    for other in metadata.tables.values():
        if {"entity", "record_id", "id"} <= set(other.c.keys()) and other.name not in STAY:
            _take(session, found, other, [other.c.entity == stem, other.c.record_id == key])
    return found


def after(session: Session, found: Found) -> Data:
    """Return what was taken along, to be called after the deletion."""
    standing = _standing(session, found)
    gone = [(table.name, row) for table, row in found.rows if (table.name, row.get("id")) not in standing]
    keys = {(name, row.get("id")) for name, row in gone}
    links = []
    for column, key, named_by in found.links:
        if (_target(column), key) in keys:
            emptied = [each for each in named_by if (column.table.name, each) not in keys]
            links.append([column.table.name, column.name, key, emptied])
    rows = [[name, row] for name, row in gone]
    return {"rows": rows, "links": links}


def _take(session: Session, found: Found, table: Table, where: Sequence[Any]) -> None:
    """Read rows, and those that belong to them."""
    nulls = [column.is_(None).label(f"null {column.name}") for column in table.c]
    keys: list[Any] = []
    for row in session.execute(select(table, *nulls).where(*where).order_by(*table.primary_key.columns)).all():
        values, many = row[: len(table.c)], len(table.c)
        named = tuple(value for column, value in zip(table.c, values, strict=True) if column.primary_key)
        if (table.name, named) in found.known:
            continue
        found.known.add((table.name, named))
        cells = zip(table.c, values, row[many:], strict=True)
        packing = ((c, value, empty) for c, value, empty in cells if c.computed is None)
        found.rows.append((table, {c.name: packed(c, value, is_null=bool(empty)) for c, value, empty in packing}))
        keys += named if len(named) == 1 else []
    owned = _owned_by_mapping()
    for column in _naming(table):
        for start in range(0, len(keys), _CHUNK):
            some = keys[start : start + _CHUNK]
            if _cascades(column) or (column.table.name, column.name) in owned:
                _take(session, found, column.table, [column.in_(some)])
            elif "id" in column.table.c:
                _note_links(session, found, column, some)


def _note_links(session: Session, found: Found, column: Column[Any], keys: list[int]) -> None:
    table: Any = column.table
    named: dict[int, list[int]] = {}
    for key, row in session.execute(select(column, table.c.id).where(column.in_(keys)).order_by(table.c.id)).all():
        named.setdefault(key, []).append(row)
    found.links += [(column, key, rows) for key, rows in named.items()]


def _standing(session: Session, found: Found) -> set[Key]:
    """Return which of the rows are still there."""
    keys: dict[str, tuple[Table, list[Any]]] = {}
    for table, row in found.rows:
        if "id" in row:
            keys.setdefault(table.name, (table, []))[1].append(row["id"])
    return {(table.name, key) for table, some in keys.values() for key in _those_there(session, table.c.id, some)}


def _those_there(session: Session, column: Column[Any], keys: Iterable[Any]) -> set[Any]:
    wanted, there = sorted(set(keys)), set()
    for start in range(0, len(wanted), _CHUNK):
        there |= set(session.scalars(select(column).where(column.in_(wanted[start : start + _CHUNK]))))
    return there


def _naming(table: Table) -> list[Column[Any]]:
    """Return the columns of all tables that name rows of this one by their only key."""
    return [
        column
        for other in metadata.tables.values()
        for column in other.c
        for link in column.foreign_keys
        if link.column.table is table and link.column.primary_key
    ]


def _target(column: Column[Any]) -> str:
    """Return the table that a column names rows of."""
    return str(next(iter(column.foreign_keys)).column.table.name)


def _cascades(column: Column[Any]) -> bool:
    return any((link.ondelete or "").upper() == "CASCADE" for link in column.foreign_keys)


def _owned_by_mapping() -> set[tuple[str, str]]:
    """Return the columns whose rows the mapper deletes with their parent, whatever the database would do."""
    return {
        (column.table.name, column.name)
        for mapper in Model.registry.mappers
        for relation in mapper.relationships
        if relation.cascade.delete and relation.direction is RelationshipDirection.ONETOMANY
        for column in relation.remote_side
        if isinstance(column.table, Table)
    }


# --- coming back ------------------------------------------------------------------------------------------------------


class Return:
    """Rows on their way back; a key that was given away meanwhile is replaced, in all rows that name it."""

    def __init__(self, session: Session, stem: str, data: Data) -> None:
        self.session = session
        self.stem = stem
        self.data = data
        self.main: str = data["rows"][0][0]
        self.coming = {(name, row.get("id")) for name, row in data["rows"]}
        self.dropped: set[Key] = set()
        self.moved: dict[Key, int] = {}

    def insert(self) -> int:
        """Insert all rows and return the key of the record.

        Raises DomainError when something that a row needs is gone, or a value that must be unique is in use now.
        """
        first = self.data["rows"][0][1]["id"]
        for name, row in self.data["rows"]:
            self._insert(name, row)
        for name, column_name, key, rows in self.data["links"]:
            column = self._column(name, column_name)
            if column is not None:
                self._link(column, self._key_now(column, key), rows)
        return self.moved.get((self.main, first), int(first))

    def _insert(self, name: str, row: Data) -> None:
        table = metadata.tables.get(name)
        if table is None:
            raise DomainError(_("It was deleted by another version of the program and does not fit any more"))
        known = [column for column in table.c if column.name in row and column.computed is None]
        values = {column.name: unpacked(column, row[column.name]) for column in known}
        if not all(self._named(column, values) for column in table.c if column.foreign_keys):
            self.dropped.add((name, row.get("id")))
            return
        self._follow_the_record(name, values)
        self._refuse_taken(table, values)
        self._find_key(table, values)
        self.session.execute(insert(table).values(values))

    def _named(self, column: Column[Any], values: dict[str, Any]) -> bool:
        """Let a row name what there is; say whether it can be without what is gone."""
        value = values.get(column.name)
        if value is None:
            return True
        link: ForeignKey = next(iter(column.foreign_keys))
        target = (link.column.table.name, value)
        if target in self.coming and target not in self.dropped:
            values[column.name] = self.moved.get(target, value)
            return True
        if target not in self.dropped and _those_there(self.session, link.column, [value]):
            return True
        if (link.ondelete or "").upper() == "SET NULL":
            values[column.name] = None
            return True
        if (link.ondelete or "").upper() == "CASCADE":
            return False
        raise GoneError(target[0], value)

    def _follow_the_record(self, name: str, values: dict[str, Any]) -> None:
        if name != self.main and {"entity", "record_id"} <= values.keys() and values["entity"] == self.stem:
            key = values["record_id"]
            values["record_id"] = self.moved.get((self.main, key), key)

    def _refuse_taken(self, table: Table, values: dict[str, Any]) -> None:
        for constraint in table.constraints:
            if not isinstance(constraint, UniqueConstraint):
                continue
            columns = list(constraint.columns)
            given = {column: values.get(column.name) for column in columns}
            if None in given.values():
                continue
            same = select(columns[0]).where(and_(*(column == value for column, value in given.items()))).limit(1)
            if self.session.execute(same).first() is not None:
                told = next((str(value) for column, value in given.items() if not column.foreign_keys), "")
                raise DomainError(
                    _("“%(value)s” is in use by another record now: change it there first", value=told),
                    field=columns[-1].name,
                )

    def _find_key(self, table: Table, values: dict[str, Any]) -> None:
        """Leave a key that was given away to the one that has it: only SQLite gives one twice."""
        key = values.get("id")
        if key is None or not _those_there(self.session, table.c.id, [key]):
            return
        highest = self.session.scalar(select(table.c.id).order_by(table.c.id.desc()).limit(1))
        coming = [each for name, each in self.coming if name == table.name]
        values["id"] = self.moved[table.name, key] = max([int(highest or 0), *coming, *self._moved_to(table)]) + 1

    def _moved_to(self, table: Table) -> list[int]:
        return [new for (name, _old), new in self.moved.items() if name == table.name]

    def _column(self, name: str, column: str) -> Column[Any] | None:
        table = metadata.tables.get(name)
        return table.c.get(column) if table is not None else None

    def _key_now(self, column: Column[Any], key: int) -> int:
        return self.moved.get((_target(column), key), key)

    def _link(self, column: Column[Any], key: int, rows: list[int]) -> None:
        """Give rows their link back that have no other one meanwhile."""
        table: Any = column.table
        kept = {each.name: each for each in table.c if each.onupdate is not None}  # nobody has changed the row
        for start in range(0, len(rows), _CHUNK):
            some = table.c.id.in_(rows[start : start + _CHUNK])
            self.session.execute(update(table).where(some, column.is_(None)).values(kept | {column.name: key}))


class GoneError(Exception):
    """A row names another one that is not there any more, and cannot be without it."""

    def __init__(self, table: str, key: int) -> None:
        super().__init__(table, key)
        self.table = table
        self.key = key
