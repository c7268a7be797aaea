"""What the palette searches: one row per record that can be found, the words there are, and what each person opened.

A record is found by declaration: an entity that has a `search_text` is, another one says so by a method
`search_entry() -> Facts | None`; None leaves a record out. `services.find` keeps the rows in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant, Key
from app.db import Model
from app.models.base import Owned

TITLE, DETAIL, KEY = 250, 250, 120
UNDER = "party"  # the link whose name stands below a record's own


@dataclass(frozen=True, slots=True)
class Facts:
    """What one record is found by.

    Shape: `title` is its name or number, `detail` a second line that says the same in every language, `text` all words
    that people may type, in any script.
    """

    title: str
    detail: str = ""
    text: str = ""


class SearchEntry(Model, Owned):
    """One record that can be found.

    `key` is the title in Latin letters, for what begins alike; `search_text` holds all words in Latin letters.
    Who sees the record sees the entry: it has the same owner and team, none where the entity belongs to nobody.
    """

    __tablename__ = "search_entry"
    __is_shared__ = False
    __table_args__ = (
        UniqueConstraint("entity", "record_id"),
        Index("ix_search_entry_entity_changed_at", "entity", "changed_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    title: Mapped[str] = mapped_column(String(TITLE))
    detail: Mapped[str] = mapped_column(String(DETAIL), default="")
    # byte by byte: what begins alike lies together in the index, whatever the database thinks of an alphabet
    key: Mapped[str] = mapped_column(
        String(KEY).with_variant(String(KEY, collation="C"), "postgresql"), default="", index=True
    )
    search_text: Mapped[str] = mapped_column(Text(), default="")
    changed_at: Mapped[datetime] = mapped_column(Instant())
    is_archived: Mapped[bool] = mapped_column(default=False, server_default=false())


class SearchWord(Model):
    """One word of letters that stands in some entry: what a misspelt one may have meant. It outlives its entries."""

    __tablename__ = "search_word"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    search_text: Mapped[str] = mapped_column(String(40), unique=True)


class RecentRecord(Model):
    """A record whose card somebody opened, and when he last did."""

    __tablename__ = "recent_record"
    __table_args__ = (UniqueConstraint("user_id", "entity", "record_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    opened_at: Mapped[datetime] = mapped_column(Instant())


def is_findable(entity: type[Any]) -> bool:
    """Say whether records of an entity can be found."""
    return hasattr(entity, "__stem__") and (hasattr(entity, "search_entry") or hasattr(entity, "search_text"))


def facts_of(record: Any) -> Facts | None:  # noqa: ANN401 -- any entity
    """Return what a record is found by: what it says itself, else its name, its party and its search text."""
    if hasattr(record, "search_entry"):
        facts: Facts | None = record.search_entry()
        return facts
    party = getattr(record, UNDER, None)
    return Facts(str(record), "" if party is None else str(party.name), record.search_text or "")
