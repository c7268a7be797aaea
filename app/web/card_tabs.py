"""`Tabs`: the parts of a card, each asked for when it is opened; their counters and the tags come in one statement.

The facts stand first. Then come the record's own rows, the records of other areas that link to it, and what a view
has of its own. Without scripts a tab is a link to the card at `?tab=…`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask import request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import Select, String, cast, func, inspect, literal, null, select, union_all
from sqlalchemy.orm import with_parent

from app.columns import Key
from app.db import db
from app.i18n import lazy_gettext as _l
from app.services import access
from app.services import share as shares
from app.services import tag as tags
from app.web import audited, sharing
from app.web.filters import column_of
from app.web.labels import OF_ROWS

FACTS = "facts"
COUNTED = 99  # a counter says 99+ from there on
ROWS = 20  # of a related area; its own list shows all
COLUMNS = 6


@dataclass(frozen=True)
class Child:
    """A to-many relationship shown on the card: its name and the columns of its table."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Related:
    """Records of another area that link to this one.

    `link` is the relationship of the other entity that names this record; `where(record)` stands for it where the link
    is none. The tab is called as the area is, unless it has a `label`.
    """

    stem: str
    link: str = ""
    where: Callable[[Any], Any] | None = None
    label: Any = None


@dataclass(frozen=True)
class Own:
    """A tab that a view makes itself, from a template that finds `view` and `record`.

    `count(record)` is a statement for its counter; `area` is a right to see that it needs; `fits(record)` says whether
    such a record has it.
    """

    name: str
    label: Any
    template: str
    count: Callable[[Any], Select[Any]] | None = None
    area: str = ""
    fits: Callable[[Any], bool] = field(default=lambda _record: True)


@dataclass(frozen=True)
class Tab:
    """One tab for the reader: `count` is None where nobody counts."""

    name: str
    label: str
    count: int | None = None
    is_open: bool = False


@dataclass(frozen=True)
class Rows:
    """What a tab of another area shows: some rows, and where all of them are."""

    view: Any
    columns: list[str]
    rows: list[Any]
    url: str
    new_url: str


@dataclass(frozen=True)
class Margin:
    """What stands around the facts of a record: how much each tab holds, the tags, with whom it is shared."""

    counts: Mapping[str, int] = field(default_factory=dict)
    tags: Sequence[Any] = ()
    shared: Sequence[sharing.Shared] = ()


class Tabs:
    """Tabs of a card; see the module's text."""

    children: ClassVar[list[Child]] = []
    related: ClassVar[list[Related]] = []
    own_tabs: ClassVar[list[Own]] = []
    has_tags: ClassVar[bool] = True  # False: records of this kind take no tags
    appbuilder: Any
    route_base: Any
    label_columns: Any
    datamodel: Any
    takes_new: Any

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        records = cls.__dict__.get("datamodel")
        if records is not None and not hasattr(records.obj, "tags"):
            cls.has_tags = False  # tables that are no entities of ours: accounts, roles, rows of a journal

    @expose("/<int:pk>/tab/<string:name>", methods=["GET"])
    @has_access
    @permission_name("see")
    def tab(self, pk: int, name: str) -> str:
        """Show one tab of a card without the rest of it."""
        record = self._found(str(pk))  # type: ignore[attr-defined]
        audited.opened(self, record)
        known = {each.name for each in self.tabs(record, Margin(), name)}
        return str(self.page("web/card_tab.html", record=record, tab=name if name in known else "", part=True))  # type: ignore[attr-defined]

    # --- which tabs there are -------------------------------------------------------------------------------------

    def tabs(self, record: Any, margin: Margin, chosen: str | None = None) -> list[Tab]:
        """Return the tabs that the reader has, the facts first; without rows a tab of rows is left out."""
        names: list[tuple[str, Any]] = [(FACTS, _l("Details"))]
        names += [(each.name, each.label) for each in self.own_tabs if self._is_own(each, record)]
        names += [(each.name, self.label_columns.get(each.name, each.name)) for each in self.children]
        names += [(each.stem, each.label or view.many_name) for each, view in self._related()]
        wanted = request.args.get("tab", "") if chosen is None else chosen
        is_open = wanted if wanted in dict(names) else FACTS
        return [Tab(name, str(label), margin.counts.get(name), name == is_open) for name, label in names]

    def _is_own(self, own: Own, record: Any) -> bool:
        return own.fits(record) and (not own.area or bool(self.appbuilder.sm.may(own.area, "see")))

    def _related(self) -> Iterable[tuple[Related, Any]]:
        """Return what is declared of other areas, as far as the reader may see them, each with its screen."""
        screens = {
            getattr(each.datamodel.obj, "__stem__", ""): each
            for each in self.appbuilder.baseviews
            if isinstance(each, Tabs)
        }
        for about in self.related:
            view: Any = screens.get(about.stem)
            if view is not None and self.appbuilder.sm.may(view.class_permission_name, "see"):
                yield about, view

    # --- counters and tags ----------------------------------------------------------------------------------------

    def margin(self, record: Any) -> Margin:
        """Return the counters of the tabs, the tags of a record and with whom it is shared, by one statement."""
        parts = [_told(name, count) for name, count in self._counts(record)]
        if self.has_tags:
            parts.append(tags.rows(record))
        if sharing.is_shared(type(record)):
            parts.append(shares.rows(record))
        if not parts:
            return Margin()
        found = db.session.execute(select(union_all(*parts).subquery())).all()
        return Margin(
            {row.what: row.number for row in found if row.what not in {"tag", shares.PERSON, shares.GROUP}},
            sorted((row for row in found if row.what == "tag"), key=lambda row: row.word.casefold()),
            sharing.of_rows(found),
        )

    def _counts(self, record: Any) -> Iterable[tuple[str, Any]]:
        for each in self.children:
            attribute = getattr(self.datamodel.obj, each.name)
            target = inspect(self.datamodel.obj).relationships[each.name].mapper.class_
            yield each.name, select(func.count()).select_from(target).where(with_parent(record, attribute))
        for about, view in self._related():
            entity = view.datamodel.obj
            cut = access.cut(db.session(), entity)
            some = select(entity.id).where(_linked(about, entity, record), *([] if cut is None else [cut]))
            yield about.stem, select(func.count()).select_from(some.limit(COUNTED + 1).subquery())
        for own in self.own_tabs:
            if own.count is not None and self._is_own(own, record):
                yield own.name, own.count(record)

    # --- what a tab shows -----------------------------------------------------------------------------------------

    def child(self, name: str) -> Child | None:
        """Return a declared relationship by name."""
        return next((each for each in self.children if each.name == name), None)

    def label_in(self, child: Child, name: str) -> Any:
        """Return what a column is called in the record's own rows."""
        table = inspect(self.datamodel.obj).relationships[child.name].mapper.local_table.name
        return OF_ROWS.get(table, {}).get(name) or self.label_columns.get(name, name)

    def own_tab(self, name: str) -> Own | None:
        """Return a tab of the view's own by name."""
        return next((each for each in self.own_tabs if each.name == name), None)

    def rows_related(self, record: Any, name: str) -> Rows | None:
        """Return the first records of another area that link to a record, newest as that area lists them."""
        about, view = next(((each, screen) for each, screen in self._related() if each.stem == name), (None, None))
        if about is None or view is None:
            return None
        columns = [each for each in view.list_columns if each != about.link][:COLUMNS]
        where = [_linked(about, view.datamodel.obj, record)]
        selection = view.datamodel.selection(where=where, filters=view._base_filters)  # noqa: SLF001 -- its own door
        sorts = [(view.base_order[0], view.base_order[1] == "desc")] if view.base_order else []
        found = view.datamodel.page(selection, sorts=sorts, page_size=ROWS)
        is_asked = about.link in view.search_columns
        url = f"{view.route_base}/list/?flt.{about.link}.eq={record.id}" if is_asked else ""
        new_url = (
            f"{view.route_base}/add?{about.link}={record.id}"
            if _may_add(view, about.link) and self.takes_new(record)
            else ""
        )
        return Rows(view, columns, found.rows, url, new_url)


def _may_add(view: Any, link: str) -> bool:
    return "add" not in view.exclude_route_methods and link in view.add_columns and bool(view.may("add"))


def _linked(about: Related, entity: Any, record: Any) -> Any:
    return about.where(record) if about.where is not None else column_of(entity, about.link) == record.id


def _told(name: str, count: Select[Any]) -> Select[Any]:
    empty = cast(null(), String(40))
    found: Select[Any] = select(  # type: ignore[assignment]
        literal(name, String).label("what"),
        cast(count.scalar_subquery(), Key).label("number"),
        empty.label("word"),
        empty.label("colour"),
    )
    return found
