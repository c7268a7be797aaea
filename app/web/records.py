"""`Records`: the one door between Flask-AppBuilder and a table. Reading is lean, writing goes through a service.

Whatever stores a record (form, REST, bulk act) calls `store`, which runs the service's `save` inside one unit of
work and turns every refusal, the database's too, into texts at fields.
"""

from collections.abc import Callable, Sequence
from typing import Any

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Table, UniqueConstraint, func, inspect, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Query, Session
from sqlalchemy.orm.exc import StaleDataError

from app import clock
from app.columns import limit_of
from app.db import unit_of_work
from app.errors import Conflict, DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.models.deleted_record import DeletedRecord
from app.roles import CHANGE, DELETE
from app.services import access, field_right
from app.services import bin as bins
from app.services import search as searches
from app.services.row_condition import WALKS
from app.web.filters import beside, column_of
from app.web.keyset import Page, Term, beyond, cursor_of, values_of

COUNT_CAP = 10_000
KEY_DIGITS = 18  # more cannot be a key, and the database would complain
_BY_TEXT = "found_by_text"  # an option of queries that search by text
Save = Callable[[Session, Any], None]


class Records(SQLAInterface):
    """A table as screens and REST see it.

    `save(session, record)` holds the rules of storing; `remove(session, record)` those of deleting; `options` are
    the loader options of lists and cards; `search` names the folded column that the search box reads.
    """

    def __init__(
        self,
        entity: type[Any],
        *,
        save: Save | None = None,
        remove: Save | None = None,
        options: Sequence[Any] = (),
        search: str | None = "search_text",
    ) -> None:
        super().__init__(entity)
        self.save = save
        self.remove = remove
        self.options = tuple(options)
        self.search_column = getattr(entity, search, None) if search else None

    def get_related_interface(self, col_name: str) -> "Records":
        """Return the door to a related table."""
        return Records(self.get_related_model(col_name))

    def get_filters(self, search_columns: Any = None, search_filters: Any = None) -> Any:
        """Return the framework's filters, which know columns of the table alone."""
        names = [name for name in search_columns or () if name not in beside(self.obj)]
        return super().get_filters(names or None, search_filters)

    # --- reading --------------------------------------------------------------------------------------------------

    def selection(self, *, where: Sequence[Any] = (), text: str = "", filters: Any = None) -> Query[Any]:
        """Return the query of all records that pass the conditions, the search text and the view's own filters."""
        query = self.session.query(self.obj)
        if filters is not None:
            query = filters.apply_all(query)
        if where:
            query = query.filter(*where)
        if text and self.search_column is not None:
            query = query.filter(*searches.conditions(self.session(), self.obj, text))
            query = query.execution_options(**{_BY_TEXT: True})
        return query

    def count(self, selection: Query[Any], *, cap: int | None = COUNT_CAP) -> int:
        """Count the rows, at most one more than the cap: nobody reads page four thousand by number."""
        keys = selection.with_entities(self.get_pk()).order_by(None)
        keys = keys if cap is None else keys.limit(cap + 1)
        return int(self.session.query(func.count()).select_from(keys.subquery()).scalar())

    def page(
        self,
        selection: Query[Any],
        *,
        sorts: Sequence[tuple[str, bool]],
        page_size: int,
        after: str = "",
        before: str = "",
        from_end: bool = False,
        page: int = 0,
        options: Sequence[Any] = (),
    ) -> Page:
        """Return one page of records in a stable order: behind a cursor, before one, or the last ones.

        The keys of the page are found first, within an index where there is one; whole rows are read for them only.
        Without a cursor `page` counts from the start, which costs more the further it is. `options` load more of each.
        """
        terms = self.terms(selection, sorts)
        start = values_of(before or after, terms)
        backward = from_end or (bool(before) and start is not None)
        query = selection
        if start is not None and not from_end:
            least = self.session().get_bind().dialect.name == "sqlite"
            query = query.filter(beyond(terms, start, backward=backward, empty_is_least=least))
        by = [term.clause(backward=backward) for term in terms]
        wanted = query.with_entities(self.get_pk().label("key")).order_by(*by).limit(page_size + 1)
        if start is None and not from_end:
            wanted = wanted.offset(page * page_size)
        found = wanted.subquery()
        rows = self.session.query(self.obj).join(found, found.c.key == self.get_pk())
        read = rows.options(*self.options, *options).order_by(*by).execution_options(**{WALKS: True}).all()
        more, kept = len(read) > page_size, read[:page_size]
        if backward:
            kept.reverse()
        begins = start is None and not from_end and page == 0
        has_after, has_before = (not from_end, more) if backward else (more, not begins)
        return Page(
            kept,
            after=cursor_of(_standing(kept[-1], terms)) if kept and has_after else "",
            before=cursor_of(_standing(kept[0], terms)) if kept and has_before else "",
        )

    def terms(self, selection: Query[Any], sorts: Sequence[tuple[str, bool]]) -> list[Term]:
        """Return what a list is ordered by, down to the key, so that no two rows are equal."""
        key = self.get_pk()
        by_text = selection.get_execution_options().get(_BY_TEXT)
        found = []
        for name, down in sorts:
            column = column_of(self.obj, name)
            by = searches.order_of_found(self.session(), column) if by_text else None
            found.append(Term(column, down, by if by is not column else None))
        if not any(name == key.key for name, _down in sorts):
            found.append(Term(key, found[-1].down if found else True))
        return found

    @staticmethod
    def cursor(record: Any, terms: Sequence[Term]) -> str:
        """Return the cursor of a record: what comes after it begins there."""
        return cursor_of(_standing(record, terms))

    def one(self, key: Any, filters: Any = None, options: Sequence[Any] | None = None) -> Any:
        """Return a record by id within the filters and the actor's rows, None otherwise; `options` replace our own."""
        query = self.session.query(self.obj)
        if filters is not None:
            query = filters.apply_all(query)
        try:
            value = int(key)
        except (TypeError, ValueError):
            return None
        if abs(value) >= limit_of(self.get_pk().type):
            return None
        chosen = self.options if options is None else options
        return query.options(*chosen).filter(self.get_pk() == value).one_or_none()

    def has_all(self, keys: Sequence[str], filters: Any = None) -> bool:
        """Say whether every one of these records is there for the actor."""
        known = {int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) <= KEY_DIGITS}
        if len(known) < len(set(keys)):
            return False
        return self.count(self.selection(where=[self.get_pk().in_(known)], filters=filters)) == len(known)

    # --- writing --------------------------------------------------------------------------------------------------

    def store(
        self, fill: Callable[[Any], None], key: Any = None, *, filters: Any = None, version: int | None = None
    ) -> Any:
        """Make a record (`key` None) or change one: `fill(record)` sets its values, `save` judges them.

        Raises DomainError or Refusals for what the rules or the database refuse, Conflict when the record's version
        is not the one that the form was opened with, NotFound when there is no such record, NotAllowed for one that the
        actor only sees. Nothing is kept then.
        """
        session = self.session()
        try:
            with unit_of_work(session):
                if key is None:
                    record = self.obj()
                else:
                    record = self.one(key, filters)
                    if record is None:
                        raise NotFound(key)
                    access.require(session, record, CHANGE)
                    if version is not None and version_of(record) != version:
                        raise Conflict
                with session.no_autoflush:
                    fill(record)
                    field_right.require(session, record)
                    if key is None:
                        access.give_to_actor(session, record)
                    if self.save is not None:
                        self.save(session, record)
                session.add(record)
                session.flush()
                return record
        except StaleDataError:
            raise Conflict from None
        except (IntegrityError, DataError) as error:
            raise refused_by_database(error, self.obj.__table__) from None

    def erase(self, key: Any, *, filters: Any = None, batch: str | None = None) -> DeletedRecord | None:
        """Move a record into the bin, or delete it where its kind has none, and return what stands in the bin.

        Raises DomainError when others hang on it, NotFound when there is none, NotAllowed when he only sees it.
        """
        session = self.session()
        try:
            with unit_of_work(session):
                record = self.one(key, filters)
                if record is None:
                    raise NotFound(key)
                access.require(session, record, DELETE)
                return bins.take_away(session, record, rule=self.remove, at=clock.now(), batch=batch)
        except StaleDataError:
            raise Conflict from None


def _standing(record: Any, terms: Sequence[Term]) -> list[Any]:
    """Return the values by which a record stands where it does."""
    return [getattr(record, inspect(type(record)).get_property_by_column(_bare(term.column)).key) for term in terms]


def _bare(column: Any) -> Any:
    """Return the table's column behind an attribute."""
    return column.property.columns[0] if hasattr(column, "property") else column


def keep_empty(view: Any) -> None:
    """Give a view its empty column lists back: the framework takes them for "all columns"."""
    for kind in ("list", "show", "add", "edit", "search", "order"):
        if getattr(type(view), f"{kind}_columns") == []:
            setattr(view, f"{kind}_columns", [])


def version_of(record: Any) -> int:
    """Return a record's version; tables of the framework have none and count as the first."""
    return int(getattr(record, "version", 1))


def refused_by_database(error: IntegrityError | DataError, table: Table) -> DomainError:
    """Return the database's refusal as a text at the field; SQL and values stay out of sight."""
    diagnosis = getattr(error.orig, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None) or ""
    column = getattr(diagnosis, "column_name", None) or ""
    text = str(error.orig)
    if "UNIQUE" in text or "duplicate key" in text:
        names = _unique_columns(table, constraint) or [
            part.rpartition(".")[2] for part in text.partition(": ")[2].split(", ")
        ]
        known = [name for name in names if name in table.c]
        return DomainError(_("This value is already in use"), field=known[-1] if known else None)
    if "NOT NULL" in text or "not-null" in text:
        name = column or text.rpartition(".")[2]
        return DomainError(_("This field is required"), field=name.removesuffix("_id") if name in table.c else None)
    if "FOREIGN KEY" in text or "foreign key" in text:
        return Refusals({"": [_("A record that this one names does not exist (any more)")]})
    return Refusals({"": [_("The values do not fit together; nothing was saved")]})


def _unique_columns(table: Table, constraint: str) -> list[str]:
    for found in table.constraints:
        if isinstance(found, UniqueConstraint) and str(found.name) == constraint:
            return [column.name for column in found.columns]
    for index in table.indexes:
        if index.name == constraint:
            return [column.name for column in index.columns]
    return []


def related_label(session: Session, entity: type[Any], key: int) -> str | None:
    """Return the name of a record the actor may see, None otherwise."""
    record = session.execute(select(entity).where(entity.id == key)).unique().scalar_one_or_none()
    return None if record is None else str(record)
