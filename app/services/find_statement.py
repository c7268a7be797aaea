"""The statements behind `find`, each bounded in cost: making one takes longer than running it, so it is kept.

One is made per reader, kinds of records and `shape` of a query: for each of its words the number of spellings. The row
rule stands in every one of them.
"""

from collections.abc import Iterable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    bindparam,
    column,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    table,
    true,
    union_all,
)

from app.models.base import Owned
from app.models.search_entry import SearchEntry, SearchWord
from app.roles import EVERYTHING, Reach, Scope
from app.services import access
from app.services.find_index import kinds

WINDOW = 1_500  # newest rows of a kind that are looked through one by one
TAKEN = 25  # matches of a kind that are ranked
PREFIXED = 1_000  # titles that begin alike, looked through for those that the reader sees
INDEXED = 2_000  # rows that the trigram index names and that are read
MATCHED = 6_000  # the same for the full-text index, which knows nothing of kinds and owners
DEEPER = 3  # times as many where a reader sees but some of them
OWN = 2_000  # of a reader who sees few rows, as many are looked through one by one
CANDIDATES = 40  # words like a misspelt one
ENTRY: Any = SearchEntry.__table__.c
COLUMNS = [
    ENTRY[name]
    for name in (
        *("entity", "record_id", "title", "detail", "key", "search_text", "changed_at", "owner_id", "team_id"),
        "is_archived",
    )
]

# An expression instead of the column keeps SQLite from walking through a whole kind by its index.
_UNORDERED = SimpleNamespace(
    entity=ENTRY.entity.concat(""), record_id=ENTRY.record_id, owner_id=ENTRY.owner_id, team_id=ENTRY.team_id
)


def holds(text: Any, shape: tuple[int, ...]) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that every fragment stands in a text, in one of its spellings."""
    return and_(
        *(or_(*(text.like(bindparam(f"part{at}_{of}")) for of in range(many))) for at, many in enumerate(shape))
    )


def visible(at: Any, among: Iterable[str], actor: access.Actor) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the row rule over entries: each owned kind is cut to the actor's rows, what belongs to nobody is not."""
    whole, parts = _cut_by_kind(at, among, actor)
    return or_(at.entity.in_(whole), *parts)


def cut(at: Any, among: Iterable[str], actor: access.Actor) -> ColumnElement[bool] | None:  # noqa: ANN401
    """Return the condition of entries of the kinds that are cut; None when the actor sees all of all."""
    _whole, parts = _cut_by_kind(at, among, actor)
    return or_(*parts) if parts else None


def _cut_by_kind(
    at: Any,  # noqa: ANN401 -- columns of entries, under any name
    among: Iterable[str],
    actor: access.Actor,
) -> tuple[list[str], list[ColumnElement[bool]]]:
    """Return the kinds that are seen whole, and a condition for the others, those with the same rule together."""
    known, whole, by_reach = kinds(), [], dict[Reach, list[str]]()
    for kind in among:
        reach = actor.reach(kind) if issubclass(known[kind], Owned) else EVERYTHING
        if reach.scope is Scope.all:
            whole.append(kind)
        else:
            by_reach.setdefault(reach, []).append(kind)
    parts = [
        and_(at.entity.in_(of), rule)
        for reach, of in by_reach.items()
        if (rule := access.within(at, actor, reach)) is not None
    ]
    cut_kinds = [kind for of in by_reach.values() for kind in of]
    return whole, [*parts, *access.shared_entries(at, actor, cut_kinds)]


@lru_cache(maxsize=256)
def begun(among: tuple[str, ...], many: int, actor: access.Actor) -> Select[Any]:
    """Return the query of titles that begin in one of so many ways, the shortest first."""
    begins = [and_(ENTRY.key >= bindparam(f"start{at}"), ENTRY.key < bindparam(f"end{at}")) for at in range(many)]
    inner = select(*COLUMNS).where(or_(*begins)).order_by(ENTRY.key).limit(PREFIXED).subquery()
    return select(inner).where(visible(inner.c, among, actor)).limit(TAKEN)


@lru_cache(maxsize=256)
def newest(among: tuple[str, ...], shape: tuple[int, ...], actor: access.Actor) -> CompoundSelect[Any]:
    """Return the query of the newest rows of each kind that match: what is common is found among them."""
    parts = []
    for kind in among:
        inner = select(*COLUMNS).where(ENTRY.entity == kind).order_by(ENTRY.changed_at.desc()).limit(WINDOW).subquery()
        seen = select(inner).where(holds(inner.c.search_text, shape), visible(inner.c, [kind], actor)).limit(TAKEN)
        parts.append(select(seen.subquery()))
    return union_all(*parts)


@lru_cache(maxsize=64)
def larger(among: tuple[str, ...]) -> CompoundSelect[Any]:
    """Return the query of the kinds that have more rows than are looked through."""
    parts = []
    for kind in among:
        beyond = select(ENTRY.id).where(ENTRY.entity == kind).order_by(ENTRY.changed_at.desc()).offset(WINDOW).limit(1)
        parts.append(select(literal(kind, String).label("kind")).where(exists(beyond)))
    return union_all(*parts)


@lru_cache(maxsize=256)
def indexed(among: tuple[str, ...], shape: tuple[int, ...], actor: access.Actor) -> Select[Any]:
    """Return the query through PostgreSQL's trigram index."""
    held = select(*COLUMNS).where(holds(ENTRY.search_text, shape), visible(ENTRY, among, actor))
    inner = held.limit(INDEXED).subquery()
    return select(inner).order_by(inner.c.changed_at.desc()).limit(TAKEN * len(among))


@lru_cache(maxsize=256)
def full_text(among: tuple[str, ...], actor: access.Actor) -> Select[Any]:
    """Return the query through SQLite's full-text index of trigrams."""
    fts = table("search_entry_fts", column("rowid"), column("search_entry_fts"))
    keys = select(fts.c.rowid).where(fts.c.search_entry_fts.op("MATCH")(bindparam("wanted")))
    most = MATCHED if cut(ENTRY, among, actor) is None else MATCHED * DEEPER
    within = ENTRY.id.in_(keys.order_by(fts.c.rowid.desc()).limit(most))
    found = select(*COLUMNS).where(within, visible(_UNORDERED, among, actor))
    return found.order_by(ENTRY.id.desc()).limit(TAKEN * len(among))


@lru_cache(maxsize=256)
def own(among: tuple[str, ...], shape: tuple[int, ...], actor: access.Actor) -> Select[Any]:
    """Return the query of a reader's own rows that match, each looked at."""
    rule = cut(_UNORDERED, among, actor)
    keys = select(ENTRY.id).where(false() if rule is None else rule).limit(OWN)
    inside = select(*COLUMNS).where(ENTRY.id.in_(keys), _UNORDERED.entity.in_(among), holds(ENTRY.search_text, shape))
    return inside.limit(TAKEN * len(among))


WALKS_OFF = select(func.set_config("enable_seqscan", "off", true()))
WALKS_ON = select(func.set_config("enable_seqscan", "on", true()))
LIKENESS = select(func.set_config("pg_trgm.similarity_threshold", "0.2", true()))
_WORD: Any = SearchWord.__table__.c.search_text
WORDS = select(_WORD).where(_WORD.in_(bindparam("words", expanding=True)))
LIKE_WORDS = (
    select(_WORD)
    .where(_WORD.op("%")(bindparam("word", type_=String)))
    .order_by(func.similarity(_WORD, bindparam("word", type_=String)).desc())
    .limit(CANDIDATES)
)
_FTS_WORDS = table("search_word_fts", column("search_text"), column("search_word_fts"), column("rank"))
FULL_TEXT_WORDS = (
    select(_FTS_WORDS.c.search_text)
    .where(_FTS_WORDS.c.search_word_fts.op("MATCH")(bindparam("wanted")))
    .order_by(_FTS_WORDS.c.rank)
    .limit(TAKEN)
)
