"""Finding records of every kind by what people type: names, numbers, phone digits, in any script, with slips.

Three looks, each bounded in cost, whatever the table holds: titles that begin so (`key`), the newest rows of each kind
(what is common is found there), and the trigram index for kinds that still lack matches. Only when these find almost
nothing, words that are written nearly so are tried.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from app.models.search_entry import RecentRecord
from app.search import TRIGRAM, fold
from app.services import access, field_right
from app.services import find_statement as asking
from app.services.find_index import index, insert_into, install, is_due, kinds, rebuild
from app.services.find_text import (
    LONG_WORD,
    SHORTEST_MISSPELT,
    fragments,
    latin,
    marked,
    nearest,
    neighbours,
    spellings,
)

EACH, MOST = 5, 20
FEW = 3  # fewer matches than this, and slips are forgiven
KEPT = 20  # opened records remembered per person
MEANT = 4
EXACT, BEGINS, OF_TITLE, OF_TEXT, INSIDE, FARTHEST = range(6)  # how well a row fits
Fragments = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Hit:
    """One record that was found; the smaller its rank, the better it fits; what is archived comes after the others."""

    entity: str
    record_id: int
    title: str
    detail: str
    rank: int
    changed_at: datetime
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query: records by kind, the best kind first; `sought` is what `marked` shows in their titles.

    `meant` are the words that were taken instead of misspelt ones.
    """

    groups: list[tuple[str, list[Hit]]] = field(default_factory=list)
    sought: Fragments = ()
    meant: tuple[str, ...] = ()

    @property
    def hits(self) -> list[Hit]:
        """Return all records, in the order of their groups."""
        return [hit for _kind, hits in self.groups for hit in hits]


def search(
    session: Session,
    query: str,
    *,
    among: Collection[str],
    each: int = EACH,
    most: int = MOST,
    forgiving: bool = True,
) -> Found:
    """Return what a query finds among kinds of records, as far as the session's actor sees it.

    `forgiving` tries words that are written nearly so when almost nothing is found.
    """
    sought, starts = fragments(query), _starts(query)
    looked = tuple(sorted(set(among) & set(kinds())))
    seeker = _Seeker(session, access.required(session), looked)
    if not sought or not looked:
        return Found()
    found = seeker.open_to_reader(seeker.gather(sought, starts), sought)
    meant = seeker.meant(sought) if forgiving and len(found) < FEW else {}
    instead = [(*meant.get(group, ()), *group) for group in sought]
    if meant:
        found = seeker.open_to_reader(seeker.gather(instead, ()), instead) | found
    ranked = sorted(
        ((_rank(row, sought, starts), row) for row in found.values()),
        key=lambda one: (one[1].is_archived, one[0], -one[1].changed_at.timestamp(), one[1].record_id),
    )
    words = tuple(dict.fromkeys(word.strip() for group in meant.values() for word in group))
    return Found(_grouped(ranked, each, most, seeker.closed), instead, words)


def _starts(query: str) -> tuple[str, ...]:
    """Return how a title may begin that is meant by a query: in its spellings when it is one word."""
    words = fold(query).split()
    return spellings(words[0]) if len(words) == 1 else tuple(filter(None, [latin(query)]))


# --- ranking ----------------------------------------------------------------------------------------------------------


def _rank(row: Any, sought: Fragments, starts: tuple[str, ...]) -> int:  # noqa: ANN401
    """Return how well a row fits: its title or a number of it, their beginning, words that begin so, or just parts."""
    text: str = row.search_text
    if row.key in starts or any(start.isdigit() and f"  {start}  " in f"{text}  " for start in starts):
        return EXACT
    if starts and row.key.startswith(starts):
        return BEGINS
    if not _stand_in(text, sought):
        return FARTHEST
    begun = [[f"  {part.strip()}" for part in group] for group in sought]
    if _stand_in(f"  {row.key.replace(' ', '  ')}", begun):
        return OF_TITLE
    return OF_TEXT if _stand_in(text, begun) else INSIDE


def _stand_in(text: str, sought: Iterable[Iterable[str]]) -> bool:
    return all(any(part in text for part in group) for group in sought)


def _grouped(
    ranked: Iterable[tuple[int, Any]], each: int, most: int, closed: Collection[str]
) -> list[tuple[str, list[Hit]]]:
    groups: dict[str, list[Hit]] = {}
    count = 0
    for rank, row in ranked:
        of_kind = groups.setdefault(row.entity, [])
        if len(of_kind) < each and count < most:
            of_kind.append(_hit(row, rank, closed))
            count += 1
    return [(kind, found) for kind, found in groups.items() if found]


def _hit(row: Any, rank: int, closed: Collection[str]) -> Hit:  # noqa: ANN401
    detail = "" if row.entity in closed else row.detail
    return Hit(row.entity, row.record_id, row.title, detail, rank, row.changed_at, row.is_archived)


# --- looking ----------------------------------------------------------------------------------------------------------

Rows = Sequence[Any]


class _Seeker:
    """Looks among some kinds of records for one actor."""

    def __init__(self, session: Session, actor: access.Actor, among: tuple[str, ...]) -> None:
        self.session, self.actor, self.among = session, actor, among
        self.is_sqlite = session.get_bind().dialect.name == "sqlite"
        entities = kinds()
        self.closed = {kind for kind in among if not field_right.is_searched_openly(session, entities[kind])}

    def open_to_reader(self, found: dict[tuple[str, int], Any], sought: Fragments) -> dict[tuple[str, int], Any]:
        """Leave out what is found only by fields that the reader may not see: there the title alone counts."""
        return {
            at: row
            for at, row in found.items()
            if row.entity not in self.closed or _stand_in(f"  {row.key.replace(' ', '  ')}", sought)
        }

    def gather(self, sought: Fragments, starts: tuple[str, ...]) -> dict[tuple[str, int], Any]:
        """Return matching rows, by kind and key."""
        shape, parts = tuple(map(len, sought)), _parts(sought)
        found: dict[tuple[str, int], Any] = {}

        def add(rows: Rows) -> None:
            found.update({(row.entity, row.record_id): row for row in rows})

        if starts:
            places = {f"start{at}": start for at, start in enumerate(starts)}
            ends = {f"end{at}": f"{start}~" for at, start in enumerate(starts)}
            add(self.session.execute(asking.begun(self.among, len(starts), self.actor), places | ends).all())
        add(self.session.execute(asking.newest(self.among, shape, self.actor), parts).all())
        count = Counter(kind for kind, _key in found)
        lacking = tuple(kind for kind in self.among if count[kind] < EACH)
        if lacking:
            lacking = tuple(self.session.scalars(asking.larger(lacking)))
        if lacking:
            add(self._indexed(lacking, shape, sought, parts))
        return found

    def _indexed(
        self, among: tuple[str, ...], shape: tuple[int, ...], sought: Fragments, parts: dict[str, str]
    ) -> Rows:
        if not self.is_sqlite:
            # a LIMIT makes the planner hope for an early end of a walk over all rows; the index is always quick
            self.session.execute(asking.WALKS_OFF)
            rows = self.session.execute(asking.indexed(among, shape, self.actor), parts).all()
            self.session.execute(asking.WALKS_ON)
            return rows
        rows = self.session.execute(asking.full_text(among, self.actor), {"wanted": _match(sought)}).all()
        if asking.cut(asking.ENTRY, among, self.actor) is None:
            return rows
        count = Counter(row.entity for row in rows)  # the index cannot be cut to a reader's few rows beforehand
        still = tuple(kind for kind in among if count[kind] < EACH)
        return [*rows, *self.session.execute(asking.own(still, shape, self.actor), parts).all()] if still else rows

    def meant(self, sought: Fragments) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return for fragments that may be misspelt the words that are written nearly so."""
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        for group in sought:
            word = group[0].strip()
            if len(word) >= SHORTEST_MISSPELT and word.isalpha():
                near = nearest(word, {each.strip() for each in self._like_words(word)}, most=MEANT)
                if near:
                    found[group] = tuple(f"  {each}" for each in near)
        return found

    def _like_words(self, word: str) -> list[str]:
        """Return words that share many trigrams with one, and those that a single slip makes of a short one."""
        near: list[str] = []
        if len(word) < LONG_WORD:
            near += self.session.scalars(asking.WORDS, {"words": [f"  {each}" for each in neighbours(word)]})
        if not self.is_sqlite:
            self.session.execute(asking.LIKENESS)
            return [*near, *self.session.scalars(asking.LIKE_WORDS, {"word": word})]
        padded = f"  {word}"
        trigrams = dict.fromkeys(padded[at : at + TRIGRAM] for at in range(len(padded) - TRIGRAM + 1))
        wanted = " OR ".join(f'"{each}"' for each in trigrams)
        return [*near, *self.session.scalars(asking.FULL_TEXT_WORDS, {"wanted": wanted})]


def _parts(sought: Fragments) -> dict[str, str]:
    return {f"part{at}_{of}": f"%{part}%" for at, group in enumerate(sought) for of, part in enumerate(group)}


def _match(sought: Fragments) -> str:
    return " AND ".join("(" + " OR ".join(f'"{part}"' for part in group) + ")" for group in sought)


# --- what one has opened ----------------------------------------------------------------------------------------------


def note_opened(session: Session, *, user_id: int, entity: str, record_id: int, at: datetime) -> None:
    """Remember that somebody has opened a record's card; the oldest beyond twenty are forgotten."""
    statement = insert_into(session, RecentRecord.__table__)  # type: ignore[arg-type]
    row = {"user_id": user_id, "entity": entity, "record_id": record_id, "opened_at": at}
    again = statement.on_conflict_do_update(
        index_elements=["user_id", "entity", "record_id"], set_={"opened_at": statement.excluded.opened_at}
    )
    session.execute(again, [row])
    own = RecentRecord.user_id == user_id
    kept = select(RecentRecord.id).where(own).order_by(RecentRecord.opened_at.desc(), RecentRecord.id.desc())
    old = delete(RecentRecord).where(own, RecentRecord.id.not_in(kept.limit(KEPT)))
    session.execute(old.execution_options(synchronize_session=False))


def recent(session: Session, *, user_id: int, among: Collection[str], most: int = 8) -> list[Hit]:
    """Return the records that somebody opened last, as far as he still sees them."""
    looked, actor = sorted(set(among) & set(kinds())), access.required(session)
    entry, opened = asking.ENTRY, RecentRecord.__table__.c
    same = and_(entry.entity == opened.entity, entry.record_id == opened.record_id)
    seen = and_(same, opened.user_id == user_id, asking.visible(entry, looked, actor))
    rows = session.execute(select(*asking.COLUMNS).where(seen).order_by(opened.opened_at.desc()).limit(most))
    closed = {kind for kind in looked if not field_right.is_searched_openly(session, kinds()[kind])}
    return [_hit(row, BEGINS, closed) for row in rows]


__all__ = [
    "BEGINS",
    "FARTHEST",
    "Found",
    "Fragments",
    "Hit",
    "index",
    "install",
    "is_due",
    "kinds",
    "marked",
    "note_opened",
    "rebuild",
    "recent",
    "search",
]
