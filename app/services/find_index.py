"""Keeping what the palette searches: one flush listener, and a rebuild for what was written past it.

Installed once by `install()` for screens, REST, jobs and the command line alike. Whoever writes records with a bulk
statement calls `index` for them, or `rebuild` for a whole kind.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, delete, event, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, UOWTransaction, selectinload

from app.db import Model
from app.models.base import Owned
from app.models.search_entry import DETAIL, KEY, TITLE, UNDER, SearchEntry, SearchWord, facts_of, is_findable
from app.models.setting import Setting
from app.services import access, find_text

VERSION = 1  # of what stands in the rows: another one, and they are written anew
CHUNK = 2_000
DUE = "search_index"
_ENTRY: Table = SearchEntry.__table__  # type: ignore[assignment]
_WORD: Table = SearchWord.__table__  # type: ignore[assignment]
_WORDS = "find_words"
_KEPT = ("title", "detail", "key", "search_text", "changed_at", "owner_id", "team_id", "is_archived")

Progress = Callable[[str, int], None]


def kinds() -> dict[str, type[Any]]:
    """Return every entity that can be found: stem → class."""
    found = (mapper.class_ for mapper in Model.registry.mappers if is_findable(mapper.class_))
    return {entity.__stem__: entity for entity in sorted(found, key=lambda entity: str(entity.__stem__))}


# --- one record -------------------------------------------------------------------------------------------------------


def _row(record: Any, words: set[str]) -> dict[str, Any] | None:  # noqa: ANN401
    """Return a record's entry, and add its words of letters to the others."""
    facts = facts_of(record)
    if facts is None:
        return None
    text, letters = find_text.stored((facts.title, facts.detail, facts.text))
    words.update(letters.split())
    is_owned = isinstance(record, Owned)
    return {
        "entity": record.__stem__,
        "record_id": record.id,
        "title": facts.title[:TITLE],
        "detail": facts.detail[:DETAIL],
        "key": find_text.latin(facts.title)[:KEY],
        "search_text": text,
        "changed_at": record.changed_at,
        "is_archived": getattr(record, "archived_at", None) is not None,
        "owner_id": record.owner_id if is_owned else None,
        "team_id": record.team_id if is_owned else None,
    }


def insert_into(session: Session, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say what happens when the row is there already."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def _store(session: Session, records: Iterable[Any], words: set[str]) -> int:
    """Write the entries of records, new or changed; one that is no longer to be found loses its entry."""
    rows, gone = [], []
    for record in records:
        row = _row(record, words)
        if row is not None:
            rows.append(row)
        else:
            gone.append(record)
    if rows:
        statement = insert_into(session, _ENTRY)
        new = statement.excluded
        session.connection().execute(
            statement.on_conflict_do_update(
                index_elements=["entity", "record_id"], set_={name: new[name] for name in _KEPT}
            ),
            rows,
        )
    _remove(session, gone)
    return len(rows)


def _remove(session: Session, records: Iterable[Any]) -> None:
    for record in records:
        is_its = (_ENTRY.c.entity == record.__stem__) & (_ENTRY.c.record_id == record.id)
        session.connection().execute(delete(_ENTRY).where(is_its))


def _store_words(session: Session, words: set[str]) -> None:
    """Write words that are not known yet; sorted, so that two writers never wait for each other in a circle."""
    if words:
        rows = [{"search_text": f"  {word}"} for word in sorted(words)]
        session.connection().execute(insert_into(session, _WORD).on_conflict_do_nothing(), rows)


# --- while records change ---------------------------------------------------------------------------------------------


def _keep(session: Session, _context: UOWTransaction) -> None:
    changed = [record for record in session.new if is_findable(type(record))]
    dirty = [record for record in session.dirty if is_findable(type(record)) and session.is_modified(record)]
    gone = [record for record in session.deleted if is_findable(type(record))]
    if changed or dirty:
        _store(session, [*changed, *dirty], session.info.setdefault(_WORDS, set()))
    _remove(session, gone)
    for record in dirty:
        if record.__stem__ == UNDER and inspect(record).attrs["name"].history.has_changes():
            _rename_below(session, record)


def _rename_below(session: Session, party: Any) -> None:  # noqa: ANN401
    """Let the second line of a party's documents say its new name."""
    for stem, entity in kinds().items():
        if hasattr(entity, "search_entry") or UNDER not in inspect(entity).relationships:
            continue
        table = inspect(entity).local_table
        below = select(table.c.id).where(table.c[f"{UNDER}_id"] == party.id)
        session.connection().execute(
            update(_ENTRY)
            .where(_ENTRY.c.entity == stem, _ENTRY.c.record_id.in_(below))
            .values(detail=str(party.name)[:DETAIL])
        )


def _keep_words(session: Session) -> None:
    """Write the words last: nothing is waited for while their rows are locked."""
    if not session.in_nested_transaction():
        session.flush()
        _store_words(session, session.info.pop(_WORDS, set()))


def _forget_words(session: Session) -> None:
    session.info.pop(_WORDS, None)


def install() -> None:
    """Keep the entries in every session of the process; calling it again changes nothing."""
    if not event.contains(Session, "after_flush", _keep):
        event.listen(Session, "after_flush", _keep)
        event.listen(Session, "before_commit", _keep_words)
        event.listen(Session, "after_rollback", _forget_words)


# --- many records -----------------------------------------------------------------------------------------------------


def _whole(entity: type[Any]) -> Select[Any]:
    """Return the query of an entity's records with what their entries say."""
    found = select(entity).order_by(entity.id)
    under = inspect(entity).relationships.get(UNDER)
    if under is None or hasattr(entity, "search_entry"):
        return found
    target: Any = under.mapper.class_
    return found.options(selectinload(getattr(entity, UNDER)).load_only(target.name))


def _chunks(session: Session, entity: type[Any]) -> Iterator[Sequence[Any]]:
    last = 0
    while True:
        found = session.scalars(_whole(entity).where(entity.id > last).limit(CHUNK)).unique().all()
        if not found:
            return
        last = found[-1].id
        yield found


def index(session: Session, entity: type[Any], ids: Sequence[int]) -> None:
    """Write the entries of records that a bulk statement has written."""
    words: set[str] = session.info.setdefault(_WORDS, set())
    with access.everything(session, why="what can be found is kept for all rows; reading it is cut"):
        for start in range(0, len(ids), CHUNK):
            chosen = _whole(entity).where(entity.id.in_(ids[start : start + CHUNK]))
            _store(session, session.scalars(chosen).unique(), words)


def give(
    session: Session, stem: str, ids: Sequence[int], *, owner_id: int | None, team_id: int | None, at: datetime
) -> None:
    """Let the entries of records belong to whom a bulk statement has given these; nothing else of them has changed."""
    is_theirs = (_ENTRY.c.entity == stem) & _ENTRY.c.record_id.in_(ids)
    session.connection().execute(
        update(_ENTRY).where(is_theirs).values(owner_id=owner_id, team_id=team_id, changed_at=at)
    )


def rebuild(session: Session, stem: str | None = None, *, progress: Progress | None = None) -> dict[str, int]:
    """Write the entries of one kind, or of all, anew; return how many there are of each.

    `progress(stem, count)` is called as they are written.
    """
    done: dict[str, int] = {}
    known: set[str] = set()
    if stem is None:
        session.connection().execute(delete(_ENTRY))
        session.connection().execute(delete(_WORD))
        session.merge(Setting(name=DUE, value=VERSION))
    chosen = kinds() if stem is None else {stem: kinds()[stem]}
    with access.everything(session, why="what can be found is kept for all rows; reading it is cut"):
        for name, entity in chosen.items():
            session.connection().execute(delete(_ENTRY).where(_ENTRY.c.entity == name))
            done[name] = 0
            for records in _chunks(session, entity):
                words: set[str] = set()
                done[name] += _store(session, records, words)
                _store_words(session, words - known)
                known |= words
                if progress is not None:
                    progress(name, done[name])
    return done


def is_due(session: Session) -> bool:
    """Say whether the entries must be written anew: after a migration, and when they say something else now."""
    return session.scalar(select(Setting.value).where(Setting.name == DUE)) != VERSION
