"""The search index without a person: his entry goes, those of his documents are written anew, and words nobody has."""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.db import metadata
from app.models.party import Party
from app.models.search_entry import SearchEntry, SearchWord
from app.services import find_index, find_text
from app.services.personal import Person, keys_of

GAP = "  "  # stands before each word


def words(session: Session, person: Person) -> set[str]:
    """Return the words of letters by which the person and his documents are found now."""
    found: set[str] = set()
    for text in session.scalars(select(SearchEntry.search_text).where(_of(person))):
        found.update(text.split())
    for value in person.values:
        found.update(find_text.stored((value,))[1].split())
    return found


def _of(person: Person) -> Any:  # noqa: ANN401 -- a condition
    ours = (SearchEntry.entity == Party.__stem__) & (SearchEntry.record_id == person.party_id)
    for stem in person.tables:
        keys = keys_of(person, stem).order_by(None)
        ours |= (SearchEntry.entity == stem) & SearchEntry.record_id.in_(keys)
    return ours


def rebuild(session: Session, person: Person, before: set[str]) -> None:
    """Write the entries anew, and forget the words that stand in no entry any more."""
    kinds = find_index.kinds()
    find_index.index(session, Party, [person.party_id])
    for stem in person.tables:
        if stem in kinds:
            find_index.index(session, kinds[stem], list(session.scalars(keys_of(person, stem))))
    session.flush()
    ended = func.coalesce(SearchEntry.search_text, "") + GAP
    lost = [
        word
        for word in sorted(before)
        if session.scalar(select(SearchEntry.id).where(ended.contains(f"{GAP}{word}{GAP}", autoescape=True)).limit(1))
        is None
    ]
    table = metadata.tables[SearchWord.__tablename__]
    for start in range(0, len(lost), 500):
        some = [f"{GAP}{word}" for word in lost[start : start + 500]]
        session.connection().execute(delete(table).where(table.c.search_text.in_(some)))
