"""Search by part of a name, number or phone, through the trigram index that each database has."""

from typing import Any

from sqlalchemy import ColumnElement, String, column, false, func, literal, or_, select, table
from sqlalchemy.orm import Session

from app.models.triggers import SEARCHED
from app.search import like_clauses, terms
from app.services import field_right


def conditions(session: Session, entity: type[Any], query: str) -> list[ColumnElement[bool]]:
    """Return the conditions, all to be met, under which an entity's folded `search_text` answers a query.

    PostgreSQL's trigram index serves LIKE itself; on SQLite a full-text table of trigrams is asked for the keys.
    Who may not see all that the text holds finds only by what he may see: nobody guesses a hidden telephone number.
    """
    openly = () if field_right.is_searched_openly(session, entity) else _openly(entity, query)
    return [*_indexed(session, entity, query), *openly]


def _openly(entity: type[Any], query: str) -> list[ColumnElement[bool]]:
    """Return the conditions that every fragment stands in a column that is open to all."""
    columns = [func.lower(getattr(entity, name)) for name in entity.__searched_openly__]
    return [or_(*(column.like(f"%{term.strip()}%") for column in columns)) for term in terms(query)]


def _indexed(session: Session, entity: type[Any], query: str) -> list[ColumnElement[bool]]:
    name = entity.__tablename__
    if session.get_bind().dialect.name != "sqlite" or name not in SEARCHED:
        return like_clauses(entity.search_text, query)
    fragments = terms(query)
    if not fragments:
        return [false()] if query.strip() else []
    index = table(f"{name}_fts", column("rowid"), column(f"{name}_fts"))
    wanted = " AND ".join(f'"{fragment}"' for fragment in fragments)
    return [entity.id.in_(select(index.c.rowid).where(index.c[f"{name}_fts"].op("MATCH")(wanted)))]


def order_of_found(session: Session, usual: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what to order found records by, given the column that they are ordered by otherwise.

    PostgreSQL would walk the index of a text column, in the hope of soon meeting a page of matches; matches of one
    script lie together, and the walk takes ten times as long as sorting them. No index serves this order.
    """
    if session.get_bind().dialect.name != "postgresql" or not isinstance(usual.type, String):
        return usual
    return usual.concat(literal(""))
