"""Where a counterparty is named: every link of every table, found from the tables themselves, and what stays behind.

A link is a foreign key to `party`, or the pair (`entity`, `record_id`). All of them move with a merge, but for those
that stand in `STAYS` with a reason; a test walks all tables, so that a new one is either moved or thought about.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, UniqueConstraint, select, union, update

from app.db import Model, metadata
from app.models.party import Party

ABOUT = "record_id"
STEM = Party.__stem__
CHUNK = 500
# What keeps naming the one that was merged away, by column.
STAYS: Mapping[str, str] = {
    "party_merge.party_id": "the merge itself",
    "party_merge.loser_id": "the merge itself",
    "party_pair.one_id": "a guess about two records, of which one is gone",
    "party_pair.other_id": "a guess about two records, of which one is gone",
    "party_metric.party_id": "worked out anew for both",
    "party_mark.party_id": "a sign that figures are to be worked out anew",
    "erasure.party_id": "the proof of what was done to that record",
    **dict.fromkeys(
        ("consent.contact_id", "deal_contact.contact_id", "lead.contact_id", "participant.contact_id"),
        "the contact person goes along",
    ),
    **dict.fromkeys(
        ("contact_made.contact_id", "contact_refusal.contact_id", "mailing_recipient.contact_id"),
        "the contact person goes along",
    ),
    "rule_occurrence.record_id": "an order, delivery or contract, which keeps its key",
    "field_change.record_id": "the audit is never rewritten: both histories stay where they were written",
    "state_change.record_id": "history, like the audit",
    "deleted_record.record_id": "what lies in the bin comes back under its own key",
    "search_entry.record_id": "worked out from the records",
    "recent_record.record_id": "the old address leads to the new one",
    "handover_line.record_id": "the report of what was done to that record",
    "bulk_row.record_id": "the report of what was done to that record",
    "outbox.record_id": "what it means is known to its topic alone",
}
# Rows of a counterparty of which two may say the same: what of them is compared. The second one stays behind.
ALIKE: Mapping[str, tuple[str, ...]] = {
    "party_address": ("usage", "street", "postal_code", "city", "region", "country"),
    "party_contact": ("name", "phone", "email"),
    "party_channel": ("kind", "value"),
    "party_bank_account": ("iban", "account", "bik"),
    "party_identifier": ("scheme", "value"),
    "party_interest": ("topic", "product_id"),
}
Says = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Link:
    """One column that names a counterparty; `is_about` says that the table names records of any kind."""

    column: Column[Any]
    is_about: bool = False

    @property
    def table(self) -> Table:
        """Return the table that the column belongs to."""
        return self.column.table

    @property
    def name(self) -> str:
        """Return the column's full name."""
        return f"{self.table.name}.{self.column.name}"

    def names(self, party_id: int) -> list[Any]:
        """Return the conditions that a row names a counterparty."""
        return [self.column == party_id, *([self.table.c.entity == STEM] if self.is_about else [])]


def all_links() -> list[Link]:
    """Return every column of every table that names a counterparty, whatever becomes of it."""
    party, found = metadata.tables["party"], []
    for table in metadata.sorted_tables:
        if ABOUT in table.c and "entity" in table.c:
            found.append(Link(table.c[ABOUT], is_about=True))
        found += [Link(column) for column in table.c if any(key.column is party.c.id for key in column.foreign_keys)]
    return found


def links() -> list[Link]:
    """Return what moves with a merge."""
    return [link for link in all_links() if link.name not in STAYS]


def named(name: str) -> Link | None:
    """Return a link by the name of its table and column; None for one that there is no more."""
    return next((link for link in all_links() if link.name == name), None)


def moving(connection: Connection, link: Link, *, loser_id: int, winner_id: int) -> list[int]:
    """Return the keys of rows that go from one counterparty to another: all but those that the other has already."""
    table = link.table
    rows = connection.execute(select(table).where(*link.names(loser_id)).order_by(table.c.id)).all()
    rules = _rules(link)
    if not rows or not rules:
        return [row.id for row in rows]
    there = connection.execute(select(table).where(*link.names(winner_id))).all()
    kept: list[int] = []
    standing = [(says, {says(row) for row in there}) for says in rules]
    needed = _needed(connection, table, loser_id)
    for row in rows:
        doubled = any(_is_said(says(row)) and says(row) in known for says, known in standing)
        if not doubled or row.id in needed:
            kept.append(row.id)
            for says, known in standing:
                known.add(says(row))
    return kept


def _rules(link: Link) -> list[Says]:
    """Return what of a table's rows must differ: of rows of a counterparty, and where a unique constraint says so."""
    alike = ALIKE.get(link.table.name)
    found = [_says(alike)] if alike else []
    found += [
        _says(column.name for column in rule.columns if column is not link.column)
        for rule in link.table.constraints
        if isinstance(rule, UniqueConstraint) and link.column in set(rule.columns)
    ]
    return found


def _says(names: Iterable[str]) -> Says:
    told = tuple(names)
    return lambda row: tuple(_plain(row._mapping[name]) for name in told)  # noqa: SLF001 -- a row's own


def _plain(value: Any) -> Any:  # noqa: ANN401 -- of any column
    return " ".join(value.split()).casefold() if isinstance(value, str) else value


def _is_said(values: tuple[Any, ...]) -> bool:
    """Say whether a row tells anything by which it could be a double: NULLs are no equals."""
    return any(value is not None for value in values)


def _needed(connection: Connection, table: Table, loser_id: int) -> set[int]:
    """Return contact persons whom something else names, a consent or a deal: they go along with it."""
    if table.name != "party_contact":
        return set()
    theirs = select(table.c.id).where(table.c.party_id == loser_id)
    naming = (key.parent for each in metadata.sorted_tables for key in each.foreign_keys if key.column is table.c.id)
    asked = union(*(select(column).where(column.in_(theirs)) for column in naming))
    return set(connection.execute(asked).scalars())


def move(connection: Connection, link: Link, keys: Iterable[int], *, to: int, at: Any) -> None:  # noqa: ANN401
    """Let rows name another counterparty; where a table counts versions, an open form notices."""
    table, wanted = link.table, list(keys)
    values: dict[str, Any] = {link.column.name: to}
    if "version" in table.c:
        values |= {"version": table.c.version + 1, "changed_at": at}
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        connection.execute(update(table).where(table.c.id.in_(some)).values(values))


def entity_of_table(table: Table) -> type[Any] | None:
    """Return the noun whose rows a table holds, None for one that has no card."""
    found = (mapper.class_ for mapper in Model.registry.mappers if mapper.local_table is table)
    return next((entity for entity in found if hasattr(entity, "__stem__")), None)
